/*
 * The fields of a manifest's JSON, each checked as it is read. Internal to manifest_read.c.
 */
#ifndef FORMATS_MANIFEST_FIELDS_H
#define FORMATS_MANIFEST_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "formats/manifest.h"
#include "formats/sha256.h"

/*
 * One reading: where it stands, and the first thing that was wrong. The functions below return a
 * harmless value for what is wrong, so that a whole object is read before one look at `wrong`.
 */
struct reading {
    struct manifest *manifest;
    const char *wrong; /* the key, NULL so long as all is well */
    bool no_memory;
};

void field_wrong(struct reading *r, const char *key);

/* Room in the manifest's arena for what `key` holds; NULL when memory is short. */
void *field_room(struct reading *r, const char *key, size_t count, size_t size);

/* Texts are the arena's. */
const char *field_text(struct reading *r, const json_t *object, const char *key);
const char *field_text_or_null(struct reading *r, const json_t *object, const char *key);
/* One that PostgreSQL could bear as a name. */
const char *field_name(struct reading *r, const json_t *object, const char *key);

int64_t field_integer(struct reading *r, const json_t *object, const char *key);
uint64_t field_size(struct reading *r, const json_t *object, const char *key);
bool field_flag(struct reading *r, const json_t *object, const char *key);
time_t field_time(struct reading *r, const json_t *object, const char *key);
/* Of the key "sha256" */
void field_digest(struct reading *r, const json_t *object, uint8_t digest[SHA256_BYTES]);
/* The value itself is the OID. */
uint32_t field_oid(struct reading *r, const json_t *value);

/* The elements of an array; 0 where it is none or longer than `most`. */
size_t field_array(struct reading *r, const json_t *object, const char *key, size_t most,
                   const json_t **array);

#endif
