/* RECOVERY.md of an archive: for the person who has the file, and no larder. */
#ifndef FORMATS_RECOVERY_H
#define FORMATS_RECOVERY_H

#include "formats/buffer.h"
#include "formats/manifest.h"

enum larder_status recovery_write(const struct manifest *manifest, struct buffer *out,
                                  struct larder_error *error);

#endif
