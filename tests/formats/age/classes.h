/*
 * The classes of refusal, and what opens every forged file that can be opened.
 */
#ifndef TESTS_FORMATS_AGE_CLASSES_H
#define TESTS_FORMATS_AGE_CLASSES_H

#include "tests/formats/age/forge.h"

#define OK NULL
#define HEADER "header failure"
#define HMAC_ "HMAC failure"
#define PAYLOAD "payload failure"
#define ARMOR "armor failure"
#define NO_MATCH "no match"

static inline void assert_class(const char *what, const char *expected, enum larder_status status,
                                const struct larder_error *error)
{
    bool right = expected == NULL ? status == LARDER_OK
                                  : status == (strcmp(expected, NO_MATCH) == 0 ? LARDER_NO_KEY
                                                                               : LARDER_DAMAGED) &&
                                        strncmp(error->message, expected, strlen(expected)) == 0;

    if (!right)
        fail_msg("%s: expected %s, got status %d, \"%s\"", what,
                 expected == NULL ? "success" : expected, (int)status, error->message);
}

static inline struct age_identities *credentials(void)
{
    struct age_identities *identities = forge_identities(1);

    age_identities_add_passphrase(identities, FORGE_PASSPHRASE, strlen(FORGE_PASSPHRASE), NULL);
    return identities;
}

#endif
