/*
 * The format's constants that wrapping and unwrapping share.
 */
#ifndef FORMATS_AGE_LABELS_H
#define FORMATS_AGE_LABELS_H

#define AGE_X25519_TYPE "X25519"
#define AGE_SCRYPT_TYPE "scrypt"

#define AGE_HEADER_LABEL "header"
#define AGE_PAYLOAD_LABEL "payload"
#define AGE_X25519_LABEL "age-encryption.org/v1/X25519"
#define AGE_SCRYPT_LABEL "age-encryption.org/v1/scrypt"

enum {
    AGE_SALT_SIZE = 16,                                                  /* in an scrypt stanza */
    AGE_SCRYPT_SALT_SIZE = sizeof(AGE_SCRYPT_LABEL) - 1 + AGE_SALT_SIZE, /* as scrypt gets it */
};

#endif
