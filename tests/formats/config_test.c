/* larder.conf: what it may say, and that everything else is refused with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "formats/buffer.h"
#include "formats/config.h"

static const char *look_up(void *arg, const char *name)
{
    (void)arg;
    if (strcmp(name, "HOME") == 0)
        return "/home/me";
    if (strcmp(name, "TWO") == 0)
        return "age1b, age1c";
    return strcmp(name, "EMPTY") == 0 ? "" : NULL;
}

static const struct config_variables variables = {.look_up = look_up};

static enum larder_status read_text(struct arena *arena, const char *text, size_t length,
                                    struct larder_config *config, struct larder_error *error)
{
    *config = (struct larder_config){0};
    return config_read("/etc/larder/larder.conf", text, length, &variables, arena, config, error);
}

static void read_well(struct arena *arena, const char *text, struct larder_config *config)
{
    struct larder_error error = {0};

    if (read_text(arena, text, strlen(text), config, &error) != LARDER_OK)
        fail_msg("%s", error.message);
}

static void every_key_is_read(void **state)
{
    struct arena *arena = arena_new();
    struct larder_config c;

    (void)state;
    read_well(
        arena,
        "\xEF\xBB\xBF# comment\r\n[source]\r\nconninfo = host=h dbname='a b'\r\nname=n\n"
        "schema_from = postgresql://h:5432/d?sslmode=require\nrecord_to = d\nrecord = no\n"
        "lanes = 3\ncompression = zstd:7\n  ; indented comment\nlock_timeout = 20\nfollow_references = rows\n\n"
        "[store]\nurl = s3://b/p\nendpoint = http://h\nregion = r\nprofile = q\nlock = yes\nkeep_min = 5\n"
        "[encryption]\nrecipients = age1a\n\tage1b,age1c\n\n  age1d\n"
        "recipients_file =\n  /a b\n  c\npassphrase_file = p\nidentity = i\n"
        "[preset daily]\ntables = \"Odd, name\", public.*  !public.logs\nkeep_days = 7\n"
        "every = 2 weeks\ncopy_format = text\nshrink_alarm = never\n"
        "[hooks]\non_success = ./a \"b c\" d\"e\"\non_stale = run\n  \"\"\nwebhook = https://h/w\n"
        "timeout = 5\n[preset b_2]\ntables=x",
        &c);
    assert_string_equal(c.conninfo, "host=h dbname='a b'");
    assert_string_equal(c.source_name, "n");
    assert_string_equal(c.schema_from, "postgresql://h:5432/d?sslmode=require");
    assert_string_equal(c.record_to, "d");
    assert_true(c.no_record);
    assert_int_equal(c.lanes, 3);
    assert_int_equal(c.level, 7);
    assert_int_equal(c.lock_timeout, 20);
    assert_string_equal(c.follow_references, "rows");
    assert_string_equal(c.store, "s3://b/p");
    assert_string_equal(c.endpoint, "http://h");
    assert_string_equal(c.region, "r");
    assert_string_equal(c.profile, "q");
    assert_true(c.lock);
    assert_int_equal(c.keep_min, 5);
    assert_int_equal(c.recipient_count, 4);
    assert_string_equal(c.recipients[3], "age1d");
    assert_int_equal(c.recipient_file_count, 2);
    assert_string_equal(c.recipient_files[0], "/a b");
    assert_string_equal(c.recipient_files[1], "/etc/larder/c");
    assert_string_equal(c.passphrase_file, "/etc/larder/p");
    assert_string_equal(c.identity_files[0], "/etc/larder/i");
    assert_int_equal(c.presets.count, 2);
    assert_string_equal(c.presets.items[0].name, "daily");
    assert_int_equal(c.presets.items[0].table_count, 3);
    assert_string_equal(c.presets.items[0].tables[0], "\"Odd, name\"");
    assert_string_equal(c.presets.items[0].tables[2], "!public.logs");
    assert_int_equal(c.presets.items[0].keep_days, 7);
    assert_int_equal(c.presets.items[0].every, 14 * 86400);
    assert_string_equal(c.presets.items[0].copy_format, "text");
    assert_int_equal(c.presets.items[0].shrink_alarm, LARDER_SHRINK_NEVER);
    assert_int_equal(c.hooks.on_success_count, 3);
    assert_string_equal(c.hooks.on_success[1], "b c");
    assert_string_equal(c.hooks.on_success[2], "de");
    assert_int_equal(c.hooks.on_stale_count, 2);
    assert_string_equal(c.hooks.on_stale[1], "");
    assert_string_equal(c.hooks.webhook, "https://h/w");
    assert_int_equal(c.hooks.timeout, 5);
    assert_string_equal(c.presets.items[1].name, "b_2");
    arena_free(arena);
}

static void variables_are_replaced_and_two_dollars_are_one(void **state)
{
    struct arena *arena = arena_new();
    struct larder_config c;

    (void)state;
    read_well(arena,
              "[source]\nconninfo = a$$b${NONE:-c}${EMPTY:-d}${HOME}\n"
              "[store]\nurl = ${HOME}/x\n[encryption]\nrecipients = age1a ${TWO}",
              &c);
    assert_string_equal(c.conninfo, "a$bcd/home/me");
    assert_string_equal(c.store, "/home/me/x");
    assert_int_equal(c.recipient_count, 3);
    assert_string_equal(c.recipients[2], "age1c");
    arena_free(arena);
}

static void a_path_begins_in_the_files_folder_and_a_url_does_not(void **state)
{
    static const struct {
        const char *url, *store;
    } rows[] = {
        {"x/y", "/etc/larder/x/y"},
        {"./a:b", "/etc/larder/./a:b"},
        {"/x", "/x"},
        {"s3://bucket/x", "s3://bucket/x"},
        {"rclone:r:x", "rclone:r:x"},
        {"file:///x", "file:///x"},
    };
    struct arena *arena = arena_new();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct larder_config c;
        char text[128];

        snprintf(text, sizeof(text), "[store]\nurl = %s\n", rows[i].url);
        read_well(arena, text, &c);
        assert_string_equal(c.store, rows[i].store);
    }
    arena_free(arena);
}

/* What is wrong, on which line, and what must be said of it: in the message, and in the hint. */
static const struct {
    const char *text;
    int line;
    const char *message, *hint;
} wrong[] = {
    {"[source]\nconinfo = x", 2, "no key \"coninfo\" in [source]", "\"conninfo\""},
    {"[source]\ndsn = x", 2, "\"dsn\"", "\"conninfo\""},
    {"[source]\nsomething = x", 2, "\"something\"", "lock_timeout"},
    {"[sorce]", 1, "[sorce]", "\"source\""},
    {"[ store]", 1, "[ store]", "\"store\""},
    {"[alerts]", 1, "[alerts]", "encryption"},
    {"[]", 1, "[]", ""},
    {"[store]\n[source]\n[store]", 3, "[store] already", ""},
    {"[store]\nlock = no\n\nlock = no", 4, "\"lock\" is given twice", ""},
    {"[preset a]\ntables = x\n[preset  a]", 3, "[preset a] already", ""},
    {"[preset a]\n\n[store]", 1, "no \"tables\"", ""},
    {"[preset a]\nkeep_days = 1", 1, "no \"tables\"", ""},
    {"[preset]\ntables = x", 1, "no name for a preset", ""},
    {"[preset Daily]\ntables = x", 1, "\"Daily\"", "small letters"},
    {"[preset adhoc]\ntables = x", 1, "\"adhoc\"", ""},
    {"[preset a]\ntables = x\nkeep_days = 0", 3, "\"0\"", ""},
    {"[preset a]\ntables = x\nkeep_days = 7d", 3, "\"7d\" is not a number from 1 to 36500", ""},
    {"[preset a]\ntables = x\nkeep_days = 99999999999999999999", 3, "number", ""},
    {"[preset a]\ntables = x\nevery = 1 fortnight", 3, "\"1 fortnight\"", ""},
    {"[preset a]\ntables = x\nevery = 1 dayss", 3, "minutes, hours, days", ""},
    {"[hooks]\non_stale = a \"b", 2, "is not a command: a double quote is not closed", ""},
    {"[hooks]\non_stale = \"\" b", 2, "is not a command: it has no name", ""},
    {"[hooks]\non_stale = ~/a", 2, "stands for no folder", ""},
    {"[hooks]\nwebhook = https:///x", 2, "is not a URL", ""},
    {"[hooks]\nping = file:///etc/passwd", 2, "is not a URL", ""},
    {"[preset a]\ntables = x\nshrink_alarm = 0", 3, "\"0\" is not a number from 1 to 100, or never",
     ""},
    {"[preset a]\ntables = x\nshrink_alarm = 50%", 3, "\"50%\" is not a number", ""},
    {"[preset a]\ntables = x\ncopy_format = csv", 3, "\"csv\" is not auto, text or binary", ""},
    {"[preset a]\ntables =\n\n[store]", 2, "\"tables\" has no value", ""},
    {"[preset a]\ntables = ,", 2, "\"tables\" has no value", ""},
    {"[preset a]\ntables = x\n  keep_days = 7", 3, "indented", "start of the line"},
    {"[store]\n url = x", 2, "indented", "start of the line"},
    {"[store]\nurl = x\n  lock = yes", 3, "indented", ""},
    {"[store]\n [source]", 2, "indented", ""},
    {"[store]\nlock = true", 2, "\"true\" is not yes or no", ""},
    {"[store]\nurl =", 2, "\"url\" has no value", ""},
    {"[store]\nurl = ${EMPTY}", 2, "\"url\" has no value", ""},
    {"[encryption]\nrecipients = age1a\n  ${EMPTY}", 3, "\"recipients\" has no value", ""},
    {"[store]\nurl = ~/x", 2, "\"~\"", "${HOME}"},
    {"[store]\nurl = x ; y", 2, "comment", "${VARIABLE}"},
    {"[store]\nurl = ;y", 2, "comment", ""},
    {"[store]\nurl = x\t# y", 2, "comment", ""},
    {"[store] ; y", 1, "[section]", ""},
    {"[store]x", 1, "[section]", ""},
    {"[store", 1, "[section]", ""},
    {"[store]\nurl", 2, "neither [SECTION] nor KEY = VALUE", ""},
    {"[store]\nurl: x", 2, "neither [SECTION] nor KEY = VALUE", ""},
    {"url = x", 1, "before the first [section]", ""},
    {"[store]\nurl = ${NONE}", 2, "the variable NONE is not set", "${NONE:-default}"},
    {"[store]\nurl = ${NONE", 2, "lacks its }", ""},
    {"[store]\nurl = ${}", 2, "${NAME}", ""},
    {"[store]\nurl = ${A-b}", 2, "${NAME}", ""},
    {"[store]\nurl = ${1}", 2, "${NAME}", ""},
    {"[store]\nurl = $HOME/x", 2, "a single $", "$$"},
    {"[store]\nurl = x\x01", 2, "control character", ""},
    {"[store]\rurl = x", 1, "control character", ""},
    {"[encryption]\nidentity = AGE-SECRET-KEY-1X", 2, "\"identity\" names a file", ""},
    {"[source]\nlanes = 65", 2, "a number from 1 to 64", ""},
    {"[source]\ncompression = 3", 2, "zstd:", ""},
    {"[source]\ncompression = zstd:20", 2, "a number from 1 to 19", ""},
};

static void what_is_wrong_is_refused_with_its_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct arena *arena = arena_new();
        struct larder_config config;
        struct larder_error error = {0};
        char place[64];

        snprintf(place, sizeof(place), "/etc/larder/larder.conf:%d: ", wrong[i].line);
        if (read_text(arena, wrong[i].text, strlen(wrong[i].text), &config, &error) !=
                LARDER_USAGE ||
            strncmp(error.message, place, strlen(place)) != 0 ||
            strstr(error.message, wrong[i].message) == NULL ||
            strstr(error.hint, wrong[i].hint) == NULL)
            fail_msg("%s: \"%s\", \"%s\"", wrong[i].text, error.message, error.hint);
        arena_free(arena);
    }
}

static void a_nul_byte_is_refused(void **state)
{
    static const char text[] = "[store]\nurl = x\0y\n";
    struct arena *arena = arena_new();
    struct larder_config config;
    struct larder_error error = {0};

    (void)state;
    assert_int_equal(read_text(arena, text, sizeof(text) - 1, &config, &error), LARDER_USAGE);
    assert_non_null(strstr(error.message, ":2: there is a NUL byte"));
    arena_free(arena);
}

/* `length` bytes of a line of each kind; inih would take the rest of a longer one for another line. */
static void check_long_line(const char *begin, size_t length, enum larder_status wanted)
{
    struct arena *arena = arena_new();
    struct larder_config config;
    struct larder_error error = {0};
    struct buffer text = {0};

    buffer_printf(&text, "[store]\n%s", begin);
    for (size_t i = strlen(begin); i < length; i++)
        buffer_puts(&text, "x");
    buffer_puts(&text, "\r\nlock = yes\n");
    if (read_text(arena, buffer_text(&text), text.length, &config, &error) != wanted)
        fail_msg("%zu bytes: \"%s\"", length, error.message);
    if (wanted == LARDER_OK)
        assert_true(config.lock);
    else
        assert_non_null(strstr(error.message, "larder.conf:2: the line has"));
    arena_free(arena);
    buffer_free(&text);
}

static void a_line_is_whole_or_refused(void **state)
{
    (void)state;
    check_long_line("url = ", CONFIG_MAX_LINE, LARDER_OK);
    check_long_line("# ", CONFIG_MAX_LINE, LARDER_OK);
    check_long_line("url = ", CONFIG_MAX_LINE + 1, LARDER_USAGE);
    check_long_line("# ", CONFIG_MAX_LINE + 1, LARDER_USAGE);
    check_long_line("url = ", 5000, LARDER_USAGE);
}

static void a_file_is_bounded(void **state)
{
    static char text[CONFIG_MAX_BYTES + 1];
    struct arena *arena = arena_new();
    struct larder_config config;
    struct larder_error error = {0};

    (void)state;
    memset(text, '\n', sizeof(text));
    assert_int_equal(read_text(arena, text, sizeof(text) - 1, &config, &error), LARDER_OK);
    assert_int_equal(read_text(arena, text, sizeof(text), &config, &error), LARDER_USAGE);
    assert_non_null(strstr(error.message, "65536"));
    arena_free(arena);
}

static void what_may_be_a_secret_is_not_repeated(void **state)
{
    static const char text[] = "[encryption]\npassphrase_file = age-secret-key-1XYZ\n";
    struct arena *arena = arena_new();
    struct larder_config config;
    struct larder_error error = {0};

    (void)state;
    assert_int_equal(read_text(arena, text, strlen(text), &config, &error), LARDER_USAGE);
    assert_null(strstr(error.message, "XYZ"));
    assert_null(strstr(error.hint, "XYZ"));
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(variables_are_replaced_and_two_dollars_are_one),
        cmocka_unit_test(a_path_begins_in_the_files_folder_and_a_url_does_not),
        cmocka_unit_test(what_is_wrong_is_refused_with_its_line),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(a_line_is_whole_or_refused),
        cmocka_unit_test(a_file_is_bounded),
        cmocka_unit_test(what_may_be_a_secret_is_not_repeated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
