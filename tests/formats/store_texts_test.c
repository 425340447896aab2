/* What stores are configured by, and what rclone says: AWS profiles, encoded names, lists of files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "formats/aws_profile.h"
#include "formats/rclone_list.h"
#include "formats/uri.h"

static struct aws_profile profile_of(struct arena *arena, const char *text, const char *name)
{
    struct aws_profile profile = {0};

    aws_profile_read(text, strlen(text), name, arena, &profile);
    return profile;
}

static void a_profile_is_found_by_its_name_alone_and_by_profile_and_name(void **state)
{
    static const char text[] = "# c\n[default]\naws_access_key_id=D\n[ profile night ]\r\n"
                               "aws_access_key_id = A B ;c#d \r\ns3 =\n  endpoint_url = no\n"
                               "region = eu-1\n[nightly]\nregion = other\n";
    struct arena *arena = arena_new();
    struct aws_profile night = profile_of(arena, text, "night");

    (void)state;
    assert_string_equal(night.access_key_id, "A B ;c#d");
    assert_string_equal(night.region, "eu-1");
    assert_null(night.endpoint_url);
    assert_string_equal(profile_of(arena, text, "default").access_key_id, "D");
    assert_false(profile_of(arena, text, "nigh").found);
    assert_true(profile_of(arena, "[p]\nsso_session = x", "p").elsewhere);
    arena_free(arena);
}

static void a_session_token_of_any_length_is_read_whole(void **state)
{
    struct arena *arena = arena_new();
    char text[4096], token[2001];

    (void)state;
    memset(token, 't', sizeof(token) - 1);
    token[sizeof(token) - 1] = '\0';
    snprintf(text, sizeof(text), "[default]\naws_session_token = %s\n", token);
    assert_string_equal(profile_of(arena, text, "default").session_token, token);
    arena_free(arena);
}

static void every_byte_that_signatures_want_encoded_is_encoded(void **state)
{
    struct buffer out = {0};
    char text[] = "a+b%20c%2B";

    (void)state;
    uri_encode(&out, "a/b +%~\xC3\xA9", true);
    assert_string_equal(buffer_text(&out), "a/b%20%2B%25~%C3%A9");
    out.length = 0;
    uri_encode(&out, "a/b", false);
    assert_string_equal(buffer_text(&out), "a%2Fb");
    buffer_free(&out);
    assert_true(uri_decode_form(text));
    assert_string_equal(text, "a b c+");
}

static void a_list_of_rclone_gives_the_files_in_it(void **state)
{
    static const char text[] =
        "[{\"Path\":\"a\",\"Size\":0,\"IsDir\":true},\n"
        "{\"Path\":\"a/b\",\"Size\":7,\"ModTime\":\"2026-11-24T08:00:01.5Z\",\"IsDir\":false,"
        "\"Hashes\":{\"md5\":\"aa\",\"sha256\":7}}]";
    struct arena *arena = arena_new();
    struct rclone_entry *entries;
    size_t count;

    (void)state;
    assert_int_equal(
        rclone_list_read((const uint8_t *)text, strlen(text), arena, &entries, &count, NULL),
        LARDER_OK);
    assert_int_equal(count, 1);
    assert_string_equal(entries[0].path, "a/b");
    assert_int_equal(entries[0].bytes, 7);
    assert_int_equal(entries[0].modified, 1795507201);
    assert_string_equal(entries[0].hashes[RCLONE_MD5], "aa");
    assert_null(entries[0].hashes[RCLONE_SHA256]);
    assert_int_equal(rclone_list_read((const uint8_t *)"{}", 2, arena, &entries, &count, NULL),
                     LARDER_FAILED);
    arena_free(arena);
}

static enum rclone_hash hash_of(const char *features)
{
    enum rclone_hash hash;

    assert_int_equal(rclone_features_read((const uint8_t *)features, strlen(features), &hash, NULL),
                     LARDER_OK);
    return hash;
}

static void the_best_hash_that_a_remote_has_is_taken(void **state)
{
    enum rclone_hash hash;

    (void)state;
    assert_int_equal(hash_of("{\"Hashes\":[\"crc32\",\"md5\",\"sha1\"]}"), RCLONE_SHA1);
    assert_int_equal(hash_of("{\"Hashes\":[\"md5\",1,\"sha256\"]}"), RCLONE_SHA256);
    assert_int_equal(hash_of("{\"Hashes\":null}"), RCLONE_NO_HASH);
    assert_int_equal(hash_of("{}"), RCLONE_NO_HASH);
    assert_int_equal(rclone_features_read((const uint8_t *)"[]", 2, &hash, NULL), LARDER_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_profile_is_found_by_its_name_alone_and_by_profile_and_name),
        cmocka_unit_test(a_session_token_of_any_length_is_read_whole),
        cmocka_unit_test(every_byte_that_signatures_want_encoded_is_encoded),
        cmocka_unit_test(a_list_of_rclone_gives_the_files_in_it),
        cmocka_unit_test(the_best_hash_that_a_remote_has_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
