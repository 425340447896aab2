#include "formats/archive_writer.h"

#include <stdlib.h>
#include <string.h>

#include "formats/end.h"
#include "formats/tar.h"

const char *const archive_member_names[MANIFEST_MEMBERS] = {
    "RECOVERY.md",         "header.json",          "schema/schema.dump",
    "schema/pre-data.sql", "schema/post-data.sql", "load.sql",
};

struct archive_writer {
    struct stage *next;
    struct manifest *manifest;
    struct sha256 *whole;
    uint64_t offset;
};

struct archive_writer *archive_writer_new(struct stage *next, struct manifest *manifest,
                                          struct sha256 *whole)
{
    struct archive_writer *writer = calloc(1, sizeof(*writer));

    if (writer == NULL) {
        stage_free(next);
        return NULL;
    }
    writer->next = next;
    writer->manifest = manifest;
    writer->whole = whole;
    return writer;
}

static enum larder_status push(struct archive_writer *writer, const void *bytes, size_t length,
                               struct larder_error *error)
{
    if (length == 0)
        return LARDER_OK;
    writer->offset += length;
    return stage_push(writer->next, bytes, length, error);
}

/* Writes header, data and padding; says where the data begins. */
static enum larder_status write_member(struct archive_writer *writer, const char *name,
                                       const void *bytes, size_t length, uint64_t *offset,
                                       struct larder_error *error)
{
    static const uint8_t zeros[TAR_BLOCK];
    uint8_t header[TAR_BLOCK];
    enum larder_status status;

    status = tar_header(name, length, writer->manifest->started_at, header, error);
    if (status == LARDER_OK)
        status = push(writer, header, sizeof(header), error);
    *offset = writer->offset;
    if (status == LARDER_OK)
        status = push(writer, bytes, length, error);
    if (status == LARDER_OK)
        status = push(writer, zeros, (size_t)tar_padding(length), error);
    return status;
}

enum larder_status archive_writer_member(struct archive_writer *writer, enum archive_member member,
                                         const void *bytes, size_t length,
                                         struct larder_error *error)
{
    struct manifest *manifest = writer->manifest;
    struct manifest_member *record = &manifest->members[member];
    enum larder_status status;

    if (manifest->member_count != (size_t)member)
        return larder_fail(error, LARDER_FAILED, "member \"%s\" is out of its order",
                           archive_member_names[member]);
    record->path = archive_member_names[member];
    record->bytes = length;
    status = sha256_of(bytes, length, record->sha256, error);
    if (status == LARDER_OK)
        status = write_member(writer, record->path, bytes, length, &record->offset, error);
    manifest->member_count++;
    return status;
}

/* Writes a part's data, and takes its digest where that is still to be done. */
static enum larder_status write_part(struct archive_writer *writer, const char *name,
                                     const struct part *part, struct manifest_part *record,
                                     struct larder_error *error)
{
    size_t length = (size_t)part->length;
    enum larder_status status, ended;

    if (part->has_sha256) {
        memcpy(record->sha256, part->sha256, sizeof(record->sha256));
        return write_member(writer, name, part->bytes, length, &record->offset, error);
    }
    status = sha256_begin_beside(writer->whole, part->bytes, length, error);
    if (status != LARDER_OK)
        return status;
    status = write_member(writer, name, part->bytes, length, &record->offset, error);
    ended = sha256_end_beside(writer->whole, record->sha256, status == LARDER_OK ? error : NULL);
    return status == LARDER_OK ? ended : status;
}

enum larder_status archive_writer_part(struct archive_writer *writer, struct manifest_table *table,
                                       const struct part *part, struct larder_error *error)
{
    struct manifest_part record = {
        .bytes = part->length, .raw_bytes = part->raw_bytes, .rows = part->rows};
    char name[MANIFEST_NAME_BYTES];
    enum larder_status status;

    if (writer->manifest->member_count != ARCHIVE_LOAD || part->rows == 0)
        return larder_fail(error, LARDER_FAILED,
                           "a part of table \"%s.%s\" is out of its order, or has no rows",
                           table->schema, table->name);
    manifest_part_name(table, (size_t)(table - writer->manifest->tables) + 1, table->part_count + 1,
                       name);
    status = write_part(writer, name, part, &record, error);
    return status == LARDER_OK ? manifest_add_part(table, &record, error) : status;
}

static enum larder_status write_end(struct archive_writer *writer, struct end *end,
                                    struct larder_error *error)
{
    static const uint8_t zeros[TAR_END_BYTES];
    uint8_t bytes[END_BYTES];
    uint64_t offset;
    enum larder_status status;

    end->archive_bytes = writer->offset + END_FROM_LAST;
    status = end_write(end, bytes, error);
    if (status == LARDER_OK)
        status = write_member(writer, END_NAME, bytes, sizeof(bytes), &offset, error);
    return status == LARDER_OK ? push(writer, zeros, sizeof(zeros), error) : status;
}

enum larder_status archive_writer_finish(struct archive_writer *writer, struct larder_error *error)
{
    struct buffer manifest = {0};
    struct end end = {0};
    enum larder_status status;

    if (writer->manifest->member_count != MANIFEST_MEMBERS)
        return larder_fail(error, LARDER_FAILED, "the archive lacks member \"%s\"",
                           archive_member_names[writer->manifest->member_count]);
    status = manifest_write(writer->manifest, false, &manifest, error);
    end.manifest_bytes = manifest.length;
    if (status == LARDER_OK)
        status = sha256_of(manifest.bytes, manifest.length, end.manifest_sha256, error);
    if (status == LARDER_OK)
        status = write_member(writer, MANIFEST_NAME, manifest.bytes, manifest.length,
                              &end.manifest_offset, error);
    if (status == LARDER_OK)
        status = write_end(writer, &end, error);
    if (status == LARDER_OK)
        status = stage_finish(writer->next, error);
    buffer_free(&manifest);
    return status;
}

void archive_writer_free(struct archive_writer *writer)
{
    if (writer == NULL)
        return;
    stage_free(writer->next);
    free(writer);
}
