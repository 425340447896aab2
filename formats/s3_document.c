#include "formats/s3_document.h"

#include <stdlib.h>
#include <string.h>

#include "formats/times.h"
#include "formats/uri.h"
#include "formats/xml.h"

struct reading {
    struct xml xml;
    struct arena *arena;
    struct s3_document *document;
    struct s3_item item;
    size_t capacity;
    bool encoded; /* keys are percent-encoded */
    bool wrong;   /* a number that is none */
};

static const char *text_of(struct reading *r)
{
    return arena_strdup(r->arena, buffer_text(&r->xml.text));
}

static uint64_t number_of(struct reading *r)
{
    const char *text = buffer_text(&r->xml.text);
    size_t digits = strspn(text, "0123456789");

    r->wrong = r->wrong || digits == 0 || digits > 18 || text[digits] != '\0';
    return r->wrong ? 0 : strtoull(text, NULL, 10);
}

/* "2026-11-24T08:00:00.000Z", with or without the fraction. */
static time_t time_of(struct reading *r)
{
    char text[TIMES_TEXT] = "";
    const char *whole = buffer_text(&r->xml.text);
    size_t length = strcspn(whole, ".Z");
    time_t time = 0;

    if (length + 1 >= sizeof(text))
        return 0;
    memcpy(text, whole, length);
    text[length] = 'Z';
    return times_from_text(text, &time) ? time : 0;
}

/* A child of the root. */
static void take_field(struct reading *r)
{
    static const struct {
        const char *name;
        size_t offset;
    } fields[] = {
        {"NextContinuationToken", offsetof(struct s3_document, next)},
        {"NextKeyMarker", offsetof(struct s3_document, next_key)},
        {"NextUploadIdMarker", offsetof(struct s3_document, next_upload)},
        {"UploadId", offsetof(struct s3_document, upload_id)},
        {"ETag", offsetof(struct s3_document, etag)},
        {"Code", offsetof(struct s3_document, code)},
        {"Message", offsetof(struct s3_document, message)},
        {"Region", offsetof(struct s3_document, region)},
    };

    if (xml_is(&r->xml, 2, "IsTruncated"))
        r->document->truncated = strcmp(buffer_text(&r->xml.text), "true") == 0;
    if (xml_is(&r->xml, 2, "EncodingType"))
        r->encoded = strcmp(buffer_text(&r->xml.text), "url") == 0;
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (xml_is(&r->xml, 2, fields[i].name))
            memcpy((char *)r->document + fields[i].offset, &(const char *){text_of(r)},
                   sizeof(const char *));
}

/* A child of one of the listing's items. */
static void take_item_field(struct reading *r)
{
    if (xml_is(&r->xml, 3, "Key"))
        r->item.key = text_of(r);
    else if (xml_is(&r->xml, 3, "Size"))
        r->item.bytes = number_of(r);
    else if (xml_is(&r->xml, 3, "UploadId"))
        r->item.upload_id = text_of(r);
    else if (xml_is(&r->xml, 3, "Initiated"))
        r->item.initiated = time_of(r);
}

static void add_item(struct reading *r)
{
    struct s3_document *d = r->document;
    struct s3_item *items = arena_grow(r->arena, d->items, d->count, &r->capacity, sizeof(*items));

    r->wrong = r->wrong || r->item.key == NULL;
    if (items == NULL)
        return;
    d->items = items;
    if (r->item.upload_id == NULL)
        r->item.upload_id = "";
    d->items[d->count++] = r->item;
    r->item = (struct s3_item){0};
}

static bool in_item(const struct reading *r)
{
    return xml_is(&r->xml, 2, "Contents") || xml_is(&r->xml, 2, "Upload");
}

static void take_element(struct reading *r)
{
    const struct xml_name *root = &r->xml.names[0];

    if (r->xml.depth == 1 && root->length < sizeof(r->document->root))
        memcpy(r->document->root, root->text, root->length);
    else if (r->xml.depth == 2 && in_item(r))
        add_item(r);
    else if (r->xml.depth == 2)
        take_field(r);
    else if (r->xml.depth == 3 && in_item(r))
        take_item_field(r);
}

static void decode_key(struct reading *r, const char **key)
{
    char *decoded = arena_strdup(r->arena, *key);

    if (arena_failed(r->arena))
        return; /* it is no copy that could be written into */
    r->wrong = !uri_decode_form(decoded);
    *key = decoded;
}

/* Whether keys are encoded may be said behind them. */
static void decode_keys(struct reading *r)
{
    struct s3_document *d = r->document;

    for (size_t i = 0; r->encoded && !r->wrong && i < d->count; i++)
        decode_key(r, &d->items[i].key);
    if (r->encoded && !r->wrong)
        decode_key(r, &d->next_key);
}

enum larder_status s3_document_read(const void *bytes, size_t length, struct arena *arena,
                                    struct s3_document *document, struct larder_error *error)
{
    struct reading r = {.arena = arena, .document = document};
    enum xml_event event;

    *document = (struct s3_document){.next = "",
                                     .next_key = "",
                                     .next_upload = "",
                                     .upload_id = "",
                                     .etag = "",
                                     .code = "",
                                     .message = "",
                                     .region = ""};
    xml_begin(&r.xml, bytes, length);
    while ((event = xml_next(&r.xml)) == XML_ELEMENT)
        take_element(&r);
    xml_free(&r.xml);
    if (event == XML_DONE && !arena_failed(arena))
        decode_keys(&r);
    if (arena_failed(arena))
        return larder_fail_memory(error);
    if (event != XML_DONE || r.wrong)
        return larder_fail(error, LARDER_FAILED, "the answer is no XML that a store would give");
    return LARDER_OK;
}
