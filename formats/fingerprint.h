/* The fingerprint of a table: FORMAT.md section 6. Start from {0}, which is that of no rows. */
#ifndef FORMATS_FINGERPRINT_H
#define FORMATS_FINGERPRINT_H

#include <stdbool.h>
#include <stdint.h>

enum { FINGERPRINT_HEX = 33 };

struct fingerprint {
    uint64_t high, low;
};

/* Adds modulo 2^128: a row's hash, or another fingerprint of the same table. */
void fingerprint_add(struct fingerprint *sum, struct fingerprint other);
bool fingerprint_equal(struct fingerprint a, struct fingerprint b);
/* 32 lowercase digits and a zero byte. */
void fingerprint_to_hex(struct fingerprint fingerprint, char hex[FINGERPRINT_HEX]);
/* Takes exactly 32 lowercase digits, followed by the end of the string. */
bool fingerprint_from_hex(const char *hex, struct fingerprint *fingerprint);

#endif
