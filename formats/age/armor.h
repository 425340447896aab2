/*
 * What writing and reading ASCII armor share.
 */
#ifndef FORMATS_AGE_ARMOR_H
#define FORMATS_AGE_ARMOR_H

#define AGE_ARMOR_BEGIN "-----BEGIN AGE ENCRYPTED FILE-----"
#define AGE_ARMOR_END "-----END AGE ENCRYPTED FILE-----"

enum {
    AGE_ARMOR_LINE = 64, /* characters of every line but the last */
    AGE_ARMOR_LINE_BYTES = AGE_ARMOR_LINE / 4 * 3,
};

#endif
