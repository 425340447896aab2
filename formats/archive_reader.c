#include "formats/archive_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "formats/end.h"
#include "formats/tar.h"

enum { PIECE = 256 * 1024 }; /* what the processor's cache holds */

struct entry {
    uint64_t offset, bytes;
    const uint8_t *sha256;
    size_t table;  /* its number from 1; 0 for a member that is no part */
    size_t number; /* of the part, or of the member, from 0 */
};

struct archive_reader {
    struct input *input;
    struct manifest *manifest;
    struct entry *entries;
    size_t entry_count;
};

static enum larder_status damaged(struct larder_error *error, const char *what)
{
    return larder_fail(error, LARDER_DAMAGED, "%s", what);
}

/* Says what a file is that does not begin as an archive does. */
static enum larder_status check_start(struct input *input, struct larder_error *error)
{
    static const char first[] = "RECOVERY.md", age[] = "age-encryption.org/";
    char start[sizeof(age)] = {0};
    size_t length = input->size < sizeof(age) - 1 ? (size_t)input->size : sizeof(age) - 1;
    enum larder_status status = input_read_at(input, 0, start, length, error);

    if (status != LARDER_OK)
        return status;
    if (length == 0)
        return damaged(error, "it is empty");
    if (strncmp(start, age, length) == 0 && length > strlen("a"))
        return larder_fail(error, LARDER_NO_KEY, "it is encrypted");
    if (strncmp(start, first, length < strlen(first) ? length : strlen(first)) != 0)
        return damaged(error, "it is not a larder archive");
    if (input->size < END_FROM_LAST)
        return damaged(error,
                       "it is incomplete: its end is missing (cut short, or still being written)");
    return LARDER_OK;
}

static enum larder_status check_header(const struct archive_reader *reader, const char *name,
                                       uint64_t size, const uint8_t header[TAR_BLOCK],
                                       struct larder_error *error)
{
    uint8_t expected[TAR_BLOCK];
    enum larder_status status =
        tar_header(name, size, reader->manifest->started_at, expected, error);

    if (status != LARDER_OK)
        return status;
    if (memcmp(header, expected, TAR_BLOCK) != 0)
        return larder_fail(error, LARDER_DAMAGED, "the tar header of \"%s\" is not what it must be",
                           name);
    return LARDER_OK;
}

static bool is_zero(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

/* Reads the end's member and the zeros behind it; the header is compared once the manifest is
 * known. */
static enum larder_status read_end(struct input *input, uint8_t last[END_FROM_LAST],
                                   struct end *end, struct larder_error *error)
{
    enum larder_status status =
        input_read_at(input, input->size - END_FROM_LAST, last, END_FROM_LAST, error);

    if (status == LARDER_OK)
        status = end_read(last + TAR_BLOCK, end, error);
    if (status != LARDER_OK)
        return status;
    if (!is_zero(last + TAR_BLOCK + END_BYTES, END_FROM_LAST - TAR_BLOCK - END_BYTES))
        return damaged(error, "there are bytes behind its end");
    if (end->archive_bytes != input->size)
        return damaged(error, "its size is not the one that its end states");
    if (end->manifest_bytes > MANIFEST_MAX_BYTES || end->manifest_offset < TAR_BLOCK ||
        end->manifest_offset > input->size ||
        end->manifest_offset + end->manifest_bytes + tar_padding(end->manifest_bytes) +
                END_FROM_LAST !=
            input->size)
        return damaged(error, "its end does not say where the manifest is");
    return LARDER_OK;
}

static enum larder_status read_manifest(struct archive_reader *reader, const struct end *end,
                                        struct larder_error *error)
{
    size_t length = (size_t)end->manifest_bytes;
    size_t whole = TAR_BLOCK + length + (size_t)tar_padding(length);
    uint8_t *bytes = malloc(whole), digest[SHA256_BYTES];
    enum larder_status status;

    if (bytes == NULL)
        return larder_fail_memory(error);
    status = input_read_at(reader->input, end->manifest_offset - TAR_BLOCK, bytes, whole, error);
    if (status == LARDER_OK)
        status = sha256_of(bytes + TAR_BLOCK, length, digest, error);
    if (status == LARDER_OK && memcmp(digest, end->manifest_sha256, sizeof(digest)) != 0)
        status = damaged(error, "the SHA-256 of its manifest is not the one that its end states");
    if (status == LARDER_OK && !is_zero(bytes + TAR_BLOCK + length, (size_t)tar_padding(length)))
        status = damaged(error, "there are bytes behind its manifest");
    if (status == LARDER_OK)
        status = manifest_read(bytes + TAR_BLOCK, length, &reader->manifest, error);
    if (status == LARDER_OK)
        status = check_header(reader, MANIFEST_NAME, length, bytes, error);
    free(bytes);
    return status;
}

static int by_offset(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static enum larder_status list_entries(struct archive_reader *reader, struct larder_error *error)
{
    const struct manifest *manifest = reader->manifest;
    size_t count = manifest->member_count;
    struct entry *entry;

    for (size_t i = 0; i < manifest_stored(manifest); i++)
        count += manifest->tables[i].part_count;
    reader->entries = calloc(count + 1, sizeof(*reader->entries));
    if (reader->entries == NULL)
        return larder_fail_memory(error);
    entry = reader->entries;
    for (size_t i = 0; i < manifest->member_count; i++) {
        const struct manifest_member *member = &manifest->members[i];

        *entry++ = (struct entry){member->offset, member->bytes, member->sha256, 0, i};
    }
    for (size_t i = 0; i < manifest_stored(manifest); i++)
        for (size_t j = 0; j < manifest->tables[i].part_count; j++) {
            const struct manifest_part *part = &manifest->tables[i].parts[j];

            *entry++ = (struct entry){part->offset, part->bytes, part->sha256, i + 1, j};
        }
    reader->entry_count = count;
    qsort(reader->entries, count, sizeof(*reader->entries), by_offset);
    return LARDER_OK;
}

static void entry_name(const struct archive_reader *reader, const struct entry *entry,
                       char name[MANIFEST_NAME_BYTES])
{
    if (entry->table == 0)
        snprintf(name, MANIFEST_NAME_BYTES, "%s", archive_member_names[entry->number]);
    else
        manifest_part_name(&reader->manifest->tables[entry->table - 1], entry->table,
                           entry->number + 1, name);
}

/* The members must cover the file without gap or overlap, and stand in their order. */
static enum larder_status check_layout(const struct archive_reader *reader, const struct end *end,
                                       struct larder_error *error)
{
    uint64_t offset = TAR_BLOCK;
    size_t last = reader->entry_count - 1;

    if (reader->manifest->member_count != MANIFEST_MEMBERS)
        return damaged(error, "its manifest does not name the members that an archive has");
    for (size_t i = 0; i < MANIFEST_MEMBERS; i++)
        if (strcmp(reader->manifest->members[i].path, archive_member_names[i]) != 0)
            return damaged(error, "its manifest does not name the members that an archive has");
    for (size_t i = 0; i <= last; i++) {
        const struct entry *entry = &reader->entries[i];
        size_t member = i < ARCHIVE_LOAD ? i : ARCHIVE_LOAD;
        bool is_data = i >= ARCHIVE_LOAD && i < last;

        if (entry->offset != offset || entry->bytes > TAR_MEMBER_MAX ||
            entry->bytes > reader->input->size - offset || is_data != (entry->table != 0) ||
            (!is_data && entry->number != member))
            return damaged(error, "its members do not follow each other as its manifest says");
        offset += entry->bytes + tar_padding(entry->bytes) + TAR_BLOCK;
        if (offset > reader->input->size)
            return damaged(error, "its members do not follow each other as its manifest says");
    }
    if (offset != end->manifest_offset)
        return damaged(error, "its members do not follow each other as its manifest says");
    return LARDER_OK;
}

static enum larder_status open_checked(struct archive_reader *reader, struct larder_error *error)
{
    uint8_t last[END_FROM_LAST];
    struct end end;
    enum larder_status status = check_start(reader->input, error);

    if (status == LARDER_OK)
        status = read_end(reader->input, last, &end, error);
    if (status == LARDER_OK)
        status = read_manifest(reader, &end, error);
    if (status == LARDER_OK)
        status = check_header(reader, END_NAME, END_BYTES, last, error);
    if (status == LARDER_OK)
        status = list_entries(reader, error);
    if (status == LARDER_OK)
        status = check_layout(reader, &end, error);
    return status;
}

enum larder_status archive_reader_open(struct input *input, struct archive_reader **reader,
                                       struct larder_error *error)
{
    struct archive_reader *r = calloc(1, sizeof(*r));
    enum larder_status status;

    *reader = NULL;
    if (r == NULL)
        return larder_fail_memory(error);
    r->input = input;
    status = open_checked(r, error);
    if (status == LARDER_OK) {
        *reader = r;
        return LARDER_OK;
    }
    r->input = NULL;
    archive_reader_close(r);
    return status;
}

void archive_reader_close(struct archive_reader *reader)
{
    if (reader == NULL)
        return;
    input_close(reader->input);
    manifest_free(reader->manifest);
    free(reader->entries);
    free(reader);
}

const struct manifest *archive_reader_manifest(const struct archive_reader *reader)
{
    return reader->manifest;
}

uint64_t archive_reader_bytes(const struct archive_reader *reader)
{
    return reader->input->size;
}

size_t archive_reader_entries(const struct archive_reader *reader)
{
    return reader->entry_count;
}

const struct manifest_table *archive_reader_entry_table(const struct archive_reader *reader,
                                                        size_t entry)
{
    size_t table = reader->entries[entry].table;

    return table == 0 ? NULL : &reader->manifest->tables[table - 1];
}

size_t archive_reader_entry_number(const struct archive_reader *reader, size_t entry)
{
    return reader->entries[entry].number;
}

uint64_t archive_reader_entry_offset(const struct archive_reader *reader, size_t entry)
{
    return reader->entries[entry].offset;
}

const uint8_t *archive_reader_entry_sha256(const struct archive_reader *reader, size_t entry)
{
    return reader->entries[entry].sha256;
}

uint64_t archive_reader_entry_bytes(const struct archive_reader *reader, size_t entry)
{
    return reader->entries[entry].bytes;
}

/*
 * Appends the next piece of an entry, of which `*read` bytes are read, to `into`. Header and padding are read with the first and the
 * last piece, and checked: a store far away answers each read with a delay. Pieces end at multiples of their size, which are ends of
 * age's chunks, so that none is opened twice; what is little more than a piece is read at once.
 */
static enum larder_status read_piece(const struct archive_reader *reader, const struct entry *entry,
                                     uint64_t *read, struct buffer *into,
                                     struct larder_error *error)
{
    size_t piece = reader->input->piece != 0 ? reader->input->piece : PIECE;
    size_t head = *read == 0 ? TAR_BLOCK : 0;
    uint64_t from = entry->offset + *read - head, end = entry->offset + entry->bytes;
    bool last = end - from <= piece + piece / 2;
    uint64_t to = last ? end : (from + piece + piece / 2) / piece * piece;
    size_t padding = last ? (size_t)tar_padding(entry->bytes) : 0;
    size_t length = (size_t)(to - from), data = length - head;
    char name[MANIFEST_NAME_BYTES];
    enum larder_status status;
    uint8_t *bytes;

    if (!buffer_reserve(into, length + padding))
        return larder_fail_memory(error);
    bytes = into->bytes + into->length;
    status = input_read_at(reader->input, from, bytes, length + padding, error);
    if (status != LARDER_OK)
        return status;
    entry_name(reader, entry, name);
    if (head > 0)
        status = check_header(reader, name, entry->bytes, bytes, error);
    if (status == LARDER_OK && !is_zero(bytes + length, padding))
        status =
            larder_fail(error, LARDER_DAMAGED, "there are bytes behind the data of \"%s\"", name);
    if (status != LARDER_OK)
        return status;
    if (head > 0)
        memmove(bytes, bytes + head, data);
    into->length += data;
    *read += data;
    return LARDER_OK;
}

/* All of it goes into a digest; what is read is kept in `out` where there is one. */
static enum larder_status read_checked(const struct archive_reader *reader,
                                       const struct entry *entry, struct buffer *out,
                                       struct larder_error *error)
{
    struct sha256 *sha = sha256_new();
    struct buffer piece = {0}, *into = out != NULL ? out : &piece;
    char name[MANIFEST_NAME_BYTES];
    uint8_t digest[SHA256_BYTES];
    uint64_t read = 0;
    enum larder_status status = sha == NULL ? larder_fail_memory(error) : LARDER_OK;

    do {
        size_t before = out != NULL ? out->length : 0;

        into->length = before;
        if (status == LARDER_OK)
            status = read_piece(reader, entry, &read, into, error);
        if (status == LARDER_OK)
            status = sha256_update(sha, into->bytes + before, into->length - before, error);
    } while (status == LARDER_OK && read < entry->bytes);
    if (status == LARDER_OK)
        status = sha256_final(sha, digest, error);
    if (status == LARDER_OK && memcmp(digest, entry->sha256, sizeof(digest)) != 0) {
        entry_name(reader, entry, name);
        status =
            larder_fail(error, LARDER_DAMAGED, "the SHA-256 of \"%s\" is not the manifest's", name);
    }
    buffer_free(&piece);
    sha256_free(sha);
    return status;
}

enum larder_status archive_reader_check(struct archive_reader *reader, size_t entry,
                                        struct larder_error *error)
{
    return read_checked(reader, &reader->entries[entry], NULL, error);
}

enum larder_status archive_reader_member(struct archive_reader *reader, enum archive_member member,
                                         struct buffer *out, struct larder_error *error)
{
    const struct manifest_member *m = &reader->manifest->members[member];
    struct entry entry = {m->offset, m->bytes, m->sha256, 0, member};
    size_t before = out->length;
    enum larder_status status = read_checked(reader, &entry, out, error);

    if (status != LARDER_OK)
        out->length = before;
    return status;
}

static struct entry entry_of_part(const struct archive_reader *reader,
                                  const struct manifest_table *table, size_t number)
{
    const struct manifest_part *part = &table->parts[number];

    return (struct entry){part->offset, part->bytes, part->sha256,
                          (size_t)(table - reader->manifest->tables) + 1, number};
}

static enum larder_status more_of_part(void *of, struct buffer *into, struct larder_error *error)
{
    struct archive_part *part = of;
    struct entry entry = entry_of_part(part->reader, part->table, part->number);
    enum larder_status status = read_piece(part->reader, &entry, &part->read, into, error);

    part->failed = status != LARDER_OK;
    return status;
}

static enum larder_status more_of_kept(void *of, struct buffer *into, struct larder_error *error)
{
    struct archive_part *part = of;
    size_t left = part->kept->length - (size_t)part->read, length = left < PIECE ? left : PIECE;

    buffer_append(into, part->kept->bytes + part->read, length);
    part->read += length;
    return into->failed ? larder_fail_memory(error) : LARDER_OK;
}

void archive_reader_part(struct archive_reader *reader, const struct manifest_table *table,
                         size_t number, struct archive_part *part)
{
    const struct manifest_part *p = &table->parts[number];

    *part = (struct archive_part){
        .source = {more_of_part, part, p->bytes, p->raw_bytes, p->rows, p->sha256},
        .reader = reader,
        .table = table,
        .number = number};
}

enum larder_status archive_reader_part_at_once(struct archive_reader *reader,
                                               const struct manifest_table *table, size_t number,
                                               struct buffer *bytes, struct archive_part *part,
                                               struct larder_error *error)
{
    struct entry entry = entry_of_part(reader, table, number);

    bytes->length = 0;
    archive_reader_part(reader, table, number, part);
    part->source.more = more_of_kept;
    part->kept = bytes;
    return read_checked(reader, &entry, bytes, error);
}

enum larder_status archive_reader_count(struct archive_reader *reader,
                                        const struct manifest_table *table, size_t number,
                                        bool digest_known, struct part_reader *part_reader,
                                        struct rows *rows, struct larder_error *error)
{
    struct archive_part part;
    struct entry entry = entry_of_part(reader, table, number);
    char name[MANIFEST_NAME_BYTES];
    enum larder_status status;

    archive_reader_part(reader, table, number, &part);
    if (digest_known)
        part.source.sha256 = NULL;
    status = part_reader_count(part_reader, &part.source, rows, error);
    if (status == LARDER_OK || part.failed)
        return status;
    entry_name(reader, &entry, name);
    return larder_context(error, "member \"%s\"", name);
}
