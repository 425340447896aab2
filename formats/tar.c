#include "formats/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <string.h>

enum { MODE = 0600, NAME_MAX_BYTES = 99 };

enum larder_status tar_header(const char *name, uint64_t size, time_t mtime,
                              uint8_t header[TAR_BLOCK], struct larder_error *error)
{
    uint8_t memory[4 * TAR_BLOCK];
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    size_t used = 0;
    int ok = 0;

    if (archive != NULL && entry != NULL && size <= TAR_MEMBER_MAX && mtime >= 0 &&
        mtime <= TAR_TIME_MAX && strlen(name) <= NAME_MAX_BYTES) {
        archive_entry_set_pathname(entry, name);
        archive_entry_set_size(entry, (la_int64_t)size);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, MODE);
        archive_entry_set_mtime(entry, mtime, 0);
        ok = archive_write_set_format_ustar(archive) == ARCHIVE_OK &&
             archive_write_set_bytes_per_block(archive, 0) == ARCHIVE_OK &&
             archive_write_open_memory(archive, memory, sizeof(memory), &used) == ARCHIVE_OK &&
             archive_write_header(archive, entry) == ARCHIVE_OK && used == TAR_BLOCK;
    }
    if (ok)
        memcpy(header, memory, TAR_BLOCK);
    archive_entry_free(entry);
    /* Only the header was wanted. What this writes in place of the data, into what is left of the
     * memory, and complains of, is of no matter. */
    archive_write_free(archive);
    if (!ok)
        return larder_fail(error, LARDER_FAILED,
                           "could not make a tar header for \"%s\" of %llu bytes", name,
                           (unsigned long long)size);
    return LARDER_OK;
}
