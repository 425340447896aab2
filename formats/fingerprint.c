#include "formats/fingerprint.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fingerprint_add(struct fingerprint *sum, struct fingerprint other)
{
    sum->low += other.low;
    sum->high += other.high + (sum->low < other.low ? 1 : 0);
}

bool fingerprint_equal(struct fingerprint a, struct fingerprint b)
{
    return a.high == b.high && a.low == b.low;
}

void fingerprint_to_hex(struct fingerprint fingerprint, char hex[FINGERPRINT_HEX])
{
    snprintf(hex, FINGERPRINT_HEX, "%016" PRIx64 "%016" PRIx64, fingerprint.high, fingerprint.low);
}

bool fingerprint_from_hex(const char *hex, struct fingerprint *fingerprint)
{
    char half[17] = {0};

    if (strlen(hex) != FINGERPRINT_HEX - 1 ||
        strspn(hex, "0123456789abcdef") != FINGERPRINT_HEX - 1)
        return false;
    memcpy(half, hex, 16);
    fingerprint->high = strtoull(half, NULL, 16);
    fingerprint->low = strtoull(hex + 16, NULL, 16);
    return true;
}
