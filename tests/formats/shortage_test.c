/*
 * Whatever call of the system's or a library's fails, for want of memory or another reason, what was being done fails with a message, and
 * nothing is taken for damage, for a wrong key, or for done.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "formats/aws_profile.h"
#include "formats/checked.h"
#include "formats/config.h"
#include "formats/csv.h"
#include "formats/hash_stage.h"
#include "formats/rclone_list.h"
#include "formats/recovery.h"
#include "formats/s3_document.h"
#include "formats/stub_sql.h"
#include "formats/summary.h"
#include "tests/formats/age/forge.h"
#include "tests/formats/sample.h"
#include "tests/formats/shortage.h"

/* A text that takes a call of its own wherever it is copied, an arena's too. */
enum { LARGE = 20000 };

/* Made once, while nothing is short. */
static struct buffer archive, manifest_text;
static struct age_bytes sealed, armored;

static enum larder_status memory(bool enough, struct larder_error *error)
{
    return enough ? LARDER_OK : larder_fail_memory(error);
}

/* Tries it with each call failing, until there is none that could. */
static void try(const char *what, enum larder_status (*run)(struct larder_error *error))
{
    enum larder_status status;

    for (shortage.at = 1;; shortage.at++) {
        struct larder_error error = {0};

        status = run(&error);
        shortage_end();
        if (shortage.calls < shortage.at)
            break;
        if (status != LARDER_FAILED || error.message[0] == '\0')
            fail_msg("%s, call %zu: status %d, \"%s\"", what, shortage.at, (int)status,
                     error.message);
    }
    if (status != LARDER_OK)
        fail_msg("%s: status %d, with nothing short", what, (int)status);
    print_message("%s: %zu calls, each failed once\n", what, shortage.calls);
}

static enum larder_status write_archive(struct larder_error *error)
{
    struct manifest *m = sample_manifest(2);
    struct buffer out = {0}, text = {0};
    struct hash_result whole;
    struct stage *memory_stage = memory_stage_new(&out, NULL, 0), *stage;
    struct archive_writer *writer = NULL;
    enum larder_status status;

    shortage_begin();
    stage = hash_stage_new(memory_stage, &whole);
    if (stage != NULL)
        writer = archive_writer_new(stage, m, hash_stage_sha256(stage));
    else
        stage_free(memory_stage);
    status = memory(writer != NULL, error);
    for (int i = ARCHIVE_RECOVERY; status == LARDER_OK && i < ARCHIVE_LOAD; i++)
        status = archive_writer_member(writer, (enum archive_member)i, "text", 4, error);
    for (size_t i = 0; status == LARDER_OK && i < m->table_count; i++)
        status = sample_put_table(writer, &m->tables[i], &sample_tables[i], error);
    if (status == LARDER_OK)
        status = sql_load_script(m, &text, error);
    if (status == LARDER_OK)
        status = archive_writer_member(writer, ARCHIVE_LOAD, text.bytes, text.length, error);
    if (status == LARDER_OK)
        status = archive_writer_finish(writer, error);
    archive_writer_free(writer);
    shortage_end();
    manifest_free(m);
    buffer_free(&out);
    buffer_free(&text);
    return status;
}

static enum larder_status count_table(struct archive_reader *reader,
                                      const struct manifest_table *table,
                                      struct larder_error *error)
{
    struct rows *rows = rows_new(table->copy_format, manifest_copied_columns(table));
    struct part_reader *parts = part_reader_new();
    enum larder_status status = memory(rows != NULL && parts != NULL, error);

    for (size_t i = 0; status == LARDER_OK && i < table->part_count; i++)
        status = archive_reader_count(reader, table, i, false, parts, rows, error);
    rows_free(rows);
    part_reader_free(parts);
    return status;
}

static enum larder_status check_archive(struct input *input, struct larder_error *error)
{
    struct archive_reader *reader;
    struct buffer text = {0};
    enum larder_status status = archive_reader_open(input, &reader, error);

    if (status != LARDER_OK) {
        input_close(input);
        return status;
    }
    for (size_t i = 0; status == LARDER_OK && i < archive_reader_entries(reader); i++)
        status = archive_reader_check(reader, i, error);
    if (status == LARDER_OK)
        status = archive_reader_member(reader, ARCHIVE_LOAD, &text, error);
    for (size_t i = 0; status == LARDER_OK && i < archive_reader_manifest(reader)->table_count; i++)
        status = count_table(reader, &archive_reader_manifest(reader)->tables[i], error);
    archive_reader_close(reader);
    buffer_free(&text);
    return status;
}

static enum larder_status read_archive(struct larder_error *error)
{
    struct input *input = memory_input_new(archive.bytes, archive.length);

    shortage_begin();
    return check_archive(input, error);
}

static enum larder_status add_keys(struct age_recipients *recipients, struct larder_error *error)
{
    char text[AGE_RECIPIENT_SIZE];

    forge_recipient(text, 1);
    return age_recipients_add_file(recipients, text, strlen(text), error);
}

/* Encrypts to recipients, or to a passphrase with armor. */
static enum larder_status seal(bool passphrase, struct larder_error *error)
{
    struct forge_sink sink;
    struct stage *last = &sink.stage, *stage = NULL;
    struct age_recipients *recipients;
    enum larder_status status;

    forge_sink_init(&sink);
    shortage_begin();
    recipients = age_recipients_new();
    status = memory(recipients != NULL, error);
    if (status == LARDER_OK)
        status = passphrase ? age_recipients_add_passphrase(recipients, "pass", 4, 1, error)
                            : add_keys(recipients, error);
    if (status == LARDER_OK && passphrase)
        status = age_armor_new(&last, &sink.stage, error);
    if (status == LARDER_OK)
        status = age_encrypt_new(&stage, recipients, last, error);
    if (status == LARDER_OK)
        status = forge_run(stage, "plain", 5, 5, error);
    else if (last != &sink.stage)
        stage_free(last);
    age_recipients_free(recipients);
    shortage_end();
    age_bytes_free(&sink.bytes);
    return status;
}

static enum larder_status encrypt_to_recipients(struct larder_error *error)
{
    return seal(false, error);
}

static enum larder_status encrypt_to_a_passphrase(struct larder_error *error)
{
    return seal(true, error);
}

static enum larder_status open_keys(struct age_identities **identities, struct larder_error *error)
{
    char text[AGE_IDENTITY_SIZE];
    enum larder_status status;

    forge_identity(text, 1);
    *identities = age_identities_new();
    status = memory(*identities != NULL, error);
    if (status == LARDER_OK)
        status = age_identities_add_file(*identities, text, strlen(text), error);
    return status;
}

static enum larder_status read_encrypted(struct larder_error *error)
{
    struct input *input = forge_input_new(sealed.data, sealed.length), *plain;
    struct age_identities *identities;
    enum larder_status status;

    shortage_begin();
    status = open_keys(&identities, error);
    if (status == LARDER_OK)
        status = age_fits(input, identities, error);
    if (status == LARDER_OK)
        status = age_input_open(&plain, identities, input, error);
    age_identities_free(identities);
    if (status != LARDER_OK) {
        input_close(input);
        return status;
    }
    return check_archive(plain, error);
}

static enum larder_status decrypt_with_a_passphrase(struct larder_error *error)
{
    struct forge_sink sink;
    struct stage *stage = NULL, *outer = NULL;
    struct age_identities *identities;
    enum larder_status status;

    forge_sink_init(&sink);
    shortage_begin();
    identities = age_identities_new();
    status = memory(identities != NULL, error);
    if (status == LARDER_OK)
        status = age_identities_add_passphrase(identities, "pass", 4, error);
    if (status == LARDER_OK)
        status = age_decrypt_new(&stage, identities, &sink.stage, error);
    if (status == LARDER_OK)
        status = age_dearmor_new(&outer, AGE_ARMOR_REQUIRED, stage, error);
    if (status == LARDER_OK)
        status = forge_run(outer, armored.data, armored.length, 1000, error);
    else if (stage != NULL)
        stage_free(stage);
    age_identities_free(identities);
    shortage_end();
    age_bytes_free(&sink.bytes);
    return status;
}

static enum larder_status give_other_recipients(struct larder_error *error)
{
    struct input *input = forge_input_new(sealed.data, sealed.length), *other;
    struct age_recipients *recipients = forge_recipients(2);
    struct age_identities *identities = forge_identities(1);
    enum larder_status status;

    shortage_begin();
    status = age_rewrap(&other, identities, recipients, input, error);
    shortage_end();
    input_close(status == LARDER_OK ? other : input);
    age_recipients_free(recipients);
    age_identities_free(identities);
    return status;
}

static enum larder_status make_a_key(struct larder_error *error)
{
    char file[AGE_KEY_FILE_SIZE], recipient[AGE_RECIPIENT_SIZE];

    shortage_begin();
    return age_keygen("now", file, recipient, error);
}

static enum larder_status read_manifest(struct larder_error *error)
{
    struct manifest *m;
    enum larder_status status;

    shortage_begin();
    status = manifest_read(manifest_text.bytes, manifest_text.length, &m, error);
    if (status == LARDER_OK)
        manifest_free(m);
    return status;
}

static enum larder_status write_texts(struct larder_error *error)
{
    const struct checked checked = {
        "daily_20250126_020000", 1737860400, 0, true, 1737860400, "checks"};
    struct manifest *m = sample_manifest(SAMPLE_TABLES);
    struct buffer out = {0};
    enum larder_status status;

    shortage_begin();
    status = manifest_write(m, true, &out, error);
    if (status == LARDER_OK)
        status = recovery_write(m, &out, error);
    if (status == LARDER_OK)
        status = checked_write(&checked, &out, error);
    shortage_end();
    buffer_free(&out);
    manifest_free(m);
    return status;
}

/* What lies beside an archive. */
static enum larder_status read_texts(struct larder_error *error)
{
    static const char summary_text[] =
        "{\"format_version\":\"1.0\",\"larder_version\":\"0.1.0\",\"archive\":\"a.tar\","
        "\"backup_name\":\"daily_20250126_020000\",\"preset\":\"daily\",\"source\":\"s\","
        "\"system_identifier\":null,\"started_at\":\"2025-01-26T02:00:00Z\","
        "\"created_at\":\"2025-01-26T02:00:05Z\",\"bytes\":1,\"sha256\":"
        "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\","
        "\"encrypted\":false,\"raw_bytes\":1,\"rows\":1,\"keep_until\":null,\"every\":null}";
    static const char checked_text[] =
        "{\"format_version\":\"1.0\",\"backup_name\":"
        "\"daily_20250126_020000\",\"verified_at\":"
        "\"2025-01-26T02:00:00Z\",\"drilled_at\":null,\"drill_failed_at\":"
        "\"2025-01-26T02:00:00Z\",\"drill_failure\":\"checks\",\"result\":\"good\"}";
    struct checked checked;
    struct summary summary;
    struct arena *arena;
    enum larder_status status;

    shortage_begin();
    arena = arena_new();
    status = memory(arena != NULL, error);
    if (status == LARDER_OK)
        status = summary_read((const uint8_t *)summary_text, strlen(summary_text), arena, &summary,
                              error);
    if (status == LARDER_OK)
        status = checked_read((const uint8_t *)checked_text, strlen(checked_text), arena, &checked,
                              error);
    arena_free(arena);
    return status;
}

static const char *large_variable(void *arg, const char *name)
{
    return strcmp(name, "LARGE") == 0 ? arg : NULL;
}

static enum larder_status read_config(struct larder_error *error)
{
    static const char text[] =
        "[source]\nconninfo = ${X:-d}\n[store]\nurl = s\n[encryption]\n"
        "recipients = age1a, age1b\nidentity = i\n[preset daily]\n"
        "tables = a, \"B\"\nkeep_days = 7\n[hooks]\non_success = a \"b c\" ${LARGE}\n";
    static char large[LARGE + 1];
    const struct config_variables variables = {.look_up = large_variable, .arg = large};
    struct larder_config config = {0};
    struct arena *arena;
    enum larder_status status;

    memset(large, 'x', LARGE);
    shortage_begin();
    arena = arena_new();
    status = memory(arena != NULL, error);
    if (status == LARDER_OK)
        status = config_read("/etc/c", text, strlen(text), &variables, arena, &config, error);
    arena_free(arena);
    return status;
}

static enum larder_status read_stores_texts(struct larder_error *error)
{
    static const char list[] = "[{\"Path\":\"a.tar\",\"Name\":\"a.tar\",\"Size\":1,\"ModTime\":"
                               "\"2025-01-26T02:00:00Z\",\"IsDir\":false}]";
    static char xml[2 * LARGE + 1024];
    struct rclone_entry *entries;
    struct s3_document document;
    struct arena *arena;
    size_t count;
    enum larder_status status;

    snprintf(xml, sizeof(xml),
             "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%0*d</Key>"
             "<Size>1</Size></Contents><NextKeyMarker>%0*d</NextKeyMarker></ListBucketResult>",
             LARGE, 0, LARGE, 0);
    shortage_begin();
    arena = arena_new();
    status = memory(arena != NULL, error);
    if (status == LARDER_OK)
        status =
            rclone_list_read((const uint8_t *)list, strlen(list), arena, &entries, &count, error);
    if (status == LARDER_OK)
        status = s3_document_read(xml, strlen(xml), arena, &document, error);
    arena_free(arena);
    return status;
}

static enum larder_status digest_a_stream(struct larder_error *error)
{
    struct hash_result result;
    struct forge_sink sink;
    struct stage *stage;
    enum larder_status status;

    forge_sink_init(&sink);
    shortage_begin();
    stage = hash_stage_new(&sink.stage, &result);
    status = memory(stage != NULL, error);
    if (status == LARDER_OK)
        status = forge_run(stage, "bytes", 5, 5, error);
    shortage_end();
    age_bytes_free(&sink.bytes);
    return status;
}

static enum larder_status write_csv(struct larder_error *error)
{
    struct buffer out = {0};
    struct csv *csv;
    enum larder_status status;

    shortage_begin();
    csv = csv_new(1);
    status = memory(csv != NULL, error);
    if (status == LARDER_OK)
        status = csv_take(csv, (const uint8_t *)"a\nb\n", 4, &out, error);
    csv_free(csv);
    buffer_free(&out);
    return status;
}

static int set_up(void **state)
{
    struct age_recipients *recipients = forge_recipients(1), *pass = age_recipients_new();
    struct manifest *m = sample_archive(2, &archive);

    (void)state;
    SAMPLE_MUST(manifest_write(m, false, &manifest_text, NULL) == LARDER_OK);
    SAMPLE_MUST(forge_encrypt(&sealed, recipients, false, archive.bytes, archive.length, 4096,
                              NULL) == LARDER_OK);
    SAMPLE_MUST(age_recipients_add_passphrase(pass, "pass", 4, 1, NULL) == LARDER_OK);
    SAMPLE_MUST(forge_encrypt(&armored, pass, true, "plain", 5, 5, NULL) == LARDER_OK);
    age_recipients_free(recipients);
    age_recipients_free(pass);
    manifest_free(m);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buffer_free(&archive);
    buffer_free(&manifest_text);
    age_bytes_free(&sealed);
    age_bytes_free(&armored);
    return 0;
}

static void archives_are_written_and_read_or_it_is_said(void **state)
{
    (void)state;
    try("writing an archive", write_archive);
    try("reading an archive", read_archive);
    try("reading an encrypted archive", read_encrypted);
    try("reading a manifest", read_manifest);
    try("writing the texts of an archive", write_texts);
    try("reading what lies beside an archive", read_texts);
    try("digesting a stream", digest_a_stream);
    try("writing rows as CSV", write_csv);
}

static void encryption_is_done_or_it_is_said(void **state)
{
    (void)state;
    try("encrypting to recipients", encrypt_to_recipients);
    try("encrypting to a passphrase", encrypt_to_a_passphrase);
    try("decrypting with a passphrase", decrypt_with_a_passphrase);
    try("giving a file other recipients", give_other_recipients);
    try("making a key", make_a_key);
}

static void texts_of_others_are_read_or_it_is_said(void **state)
{
    (void)state;
    try("reading a configuration", read_config);
    try("reading what stores say", read_stores_texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(archives_are_written_and_read_or_it_is_said),
        cmocka_unit_test(encryption_is_done_or_it_is_said),
        cmocka_unit_test(texts_of_others_are_read_or_it_is_said),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
