/*
 * A section of the AWS tools' files `credentials` and `config`: lines `[NAME]` or `[profile NAME]`,
 * then `key = value`. Lines that begin with # or ; are comments; indented lines belong to nested
 * settings, and are skipped as unknown keys are. The last of two equal keys counts.
 *
 * Not read through inih, which cuts lines at 200 bytes: a session token is longer.
 */
#ifndef FORMATS_AWS_PROFILE_H
#define FORMATS_AWS_PROFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "formats/arena.h"

/* What is not there is NULL. */
struct aws_profile {
    const char *access_key_id, *secret_access_key, *session_token, *region, *endpoint_url;
    bool found;     /* there is such a section */
    bool elsewhere; /* it says how to get keys in a way that is not keys: a program, a role, SSO */
};

/* Adds what the section holds to `profile`: start from {0}. Strings lie in the arena. */
void aws_profile_read(const char *text, size_t length, const char *name, struct arena *arena,
                      struct aws_profile *profile);

#endif
