/*
 * The header of an age file as text: the version line, stanzas, and the MAC.
 *
 * Parsing is as strict as the format's grammar, so that writing what was parsed gives the same
 * bytes. What the stanzas mean, and whether the MAC is right, is for wrap.h.
 */
#ifndef FORMATS_AGE_HEADER_H
#define FORMATS_AGE_HEADER_H

#include <stddef.h>
#include <stdint.h>

#include "formats/age/bytes.h"
#include "formats/age/crypto.h"
#include "formats/input.h"
#include "larder/error.h"

struct age_stanza {
    char *arguments; /* separated by single spaces; the first is the stanza's type */
    uint8_t *body;   /* decoded; NULL if it is empty */
    size_t body_length;
};

struct age_header {
    struct age_stanza *stanzas;
    size_t count;
    size_t capacity;
    uint8_t mac[AGE_KEY_SIZE];
};

/*
 * Looks for the end of a header in the first `length` bytes of a file: sets `*end` to the header's
 * length, or to 0 if there is none yet. `*from` is where to look on; it starts at 0. What does not
 * start as a header does, or goes on for longer than AGE_HEADER_LIMIT, is a header failure.
 */
enum larder_status age_header_find_end(const uint8_t *bytes, size_t length, size_t *from,
                                       size_t *end, struct larder_error *error);

/* Appends the header that the file starts with, and nothing else. */
enum larder_status age_header_load(struct input *file, struct age_bytes *out,
                                   struct larder_error *error);

/* Parses a whole header, exactly `length` bytes. `header` starts as {0}, and is to be freed in any
 * case. */
enum larder_status age_header_parse(struct age_header *header, const uint8_t *bytes, size_t length,
                                    struct larder_error *error);

/* Adds a stanza; copies its arguments and its body. */
enum larder_status age_header_add(struct age_header *header, const char *arguments,
                                  const uint8_t *body, size_t body_length,
                                  struct larder_error *error);

/* Appends what the MAC covers: everything up to and including its "---". */
enum larder_status age_header_write(const struct age_header *header, struct age_bytes *out,
                                    struct larder_error *error);

/* Appends what is left: the MAC and the line's end. */
enum larder_status age_header_write_mac(const struct age_header *header, struct age_bytes *out,
                                        struct larder_error *error);

void age_header_free(struct age_header *header);

#endif
