/*
 * The file key in a header's stanzas, and the header's MAC.
 */
#ifndef FORMATS_AGE_WRAP_H
#define FORMATS_AGE_WRAP_H

#include "formats/age/age.h"
#include "formats/age/bytes.h"
#include "formats/age/crypto.h"

/* Appends a new header that wraps `file_key` for each recipient. */
enum larder_status age_wrap(const struct age_recipients *recipients,
                            const uint8_t file_key[static AGE_FILE_KEY_SIZE], struct age_bytes *out,
                            struct larder_error *error);

/* Parses a whole header, finds its file key with what `identities` hold, and checks its MAC. */
enum larder_status age_unwrap(uint8_t file_key[static AGE_FILE_KEY_SIZE], const uint8_t *header,
                              size_t length, struct age_identities *identities,
                              struct larder_error *error);

#endif
