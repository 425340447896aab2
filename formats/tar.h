/* The tar around an archive's members: FORMAT.md section 2. libarchive makes the headers. */
#ifndef FORMATS_TAR_H
#define FORMATS_TAR_H

#include <stdint.h>
#include <time.h>

#include "larder/error.h"

enum { TAR_BLOCK = 512, TAR_END_BYTES = 1024 };
#define TAR_MEMBER_MAX ((UINT64_C(1) << 33) - 1)
#define TAR_TIME_MAX ((time_t)((INT64_C(1) << 33) - 1))

/* The one header that a member of this name, size and time has. */
enum larder_status tar_header(const char *name, uint64_t size, time_t mtime,
                              uint8_t header[TAR_BLOCK], struct larder_error *error);

/* How many zero bytes follow the data of a member of this size. */
static inline uint64_t tar_padding(uint64_t size)
{
    return (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
}

#endif
