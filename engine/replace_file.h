/* Small files that others read at any moment: always whole, the old one or the new one. */
#ifndef ENGINE_REPLACE_FILE_H
#define ENGINE_REPLACE_FILE_H

#include <stddef.h>

#include "larder/error.h"

/*
 * Writes the file under a name of its own, makes it durable, and only then gives it its name. Its mode is what the umask leaves of
 * 0666. Nothing is left behind on failure.
 */
enum larder_status replace_file(const char *path, const void *bytes, size_t length,
                                struct larder_error *error);

#endif
