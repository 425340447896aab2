/*
 * Reads the small part of XML that S3's answers are written in: elements, text, the five named
 * entities and numeric ones, and a declaration at the start. Comments, CDATA, processing
 * instructions and document types are refused; attributes are skipped.
 */
#ifndef FORMATS_XML_H
#define FORMATS_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "formats/buffer.h"

enum { XML_DEPTH = 8 };

struct xml_name {
    const char *text; /* in the document, not ended by a zero byte */
    size_t length;
};

struct xml {
    const char *at, *end;
    size_t depth;                     /* of open elements */
    struct xml_name names[XML_DEPTH]; /* theirs, from the root */
    struct buffer text; /* of the innermost element, since its last child; freed by xml_free */
    bool ended, closing;
};

enum xml_event {
    XML_ELEMENT, /* the element names[depth - 1] ends here, and `text` is its text */
    XML_DONE,    /* the root has ended, and nothing stands behind it */
    XML_BROKEN,  /* not what this reads, too deep, or memory is short */
};

/* The bytes must live as long as the reader. */
void xml_begin(struct xml *xml, const void *bytes, size_t length);
/* Goes on to the end of the next element: children end before their parents. */
enum xml_event xml_next(struct xml *xml);
void xml_free(struct xml *xml);

/* Whether the element at this depth (1: the root) has this name. */
bool xml_is(const struct xml *xml, size_t depth, const char *name);

#endif
