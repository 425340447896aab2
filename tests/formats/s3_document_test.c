/* What S3 stores say in XML is understood, and anything else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "formats/s3_document.h"

static struct s3_document document;
static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new();
    return arena == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static enum larder_status read_text(const char *text)
{
    return s3_document_read(text, strlen(text), arena, &document, NULL);
}

static void a_listing_gives_keys_sizes_and_where_it_goes_on(void **state)
{
    (void)state;
    assert_int_equal(
        read_text(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>"
            "<Contents><Key>a%20b+c%2Bd%25%C3%A9</Key><Size>12</Size><Owner><ID>x</ID></Owner>"
            "</Contents><Contents><Key>e</Key><Size>0</Size></Contents>"
            "<IsTruncated>true</IsTruncated><EncodingType>url</EncodingType>"
            "<NextContinuationToken>t&amp;&#x41;</NextContinuationToken></ListBucketResult>"),
        LARDER_OK);
    assert_string_equal(document.root, "ListBucketResult");
    assert_int_equal(document.count, 2);
    assert_string_equal(document.items[0].key, "a b c+d%\xC3\xA9");
    assert_int_equal(document.items[0].bytes, 12);
    assert_true(document.truncated);
    assert_string_equal(document.next, "t&A");
}

static void characters_by_their_numbers_are_utf8(void **state)
{
    (void)state;
    assert_int_equal(read_text("<ListBucketResult><Contents><Key>&#233;&#x20AC;&#x1F600;</Key>"
                               "<Size>1</Size></Contents></ListBucketResult>"),
                     LARDER_OK);
    assert_string_equal(document.items[0].key, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
}

static void keys_are_only_decoded_where_the_store_says_that_they_are_encoded(void **state)
{
    (void)state;
    assert_int_equal(read_text("<ListBucketResult><Contents><Key>100%25+1</Key><Size>1</Size>"
                               "</Contents></ListBucketResult>"),
                     LARDER_OK);
    assert_string_equal(document.items[0].key, "100%25+1");
    assert_false(document.truncated);
}

static void unfinished_uploads_have_their_id_and_time(void **state)
{
    (void)state;
    assert_int_equal(
        read_text("<ListMultipartUploadsResult><Upload><Key>k</Key><UploadId>u/1</UploadId>"
                  "<Initiated>2026-11-24T08:00:01.000Z</Initiated></Upload>"
                  "</ListMultipartUploadsResult>"),
        LARDER_OK);
    assert_string_equal(document.items[0].upload_id, "u/1");
    assert_int_equal(document.items[0].initiated, 1795507201);
}

static void an_error_gives_its_code_message_and_region(void **state)
{
    (void)state;
    assert_int_equal(read_text("<Error><Code>SlowDown</Code><Message>a &lt; b</Message>"
                               "<Region>eu-1</Region></Error>\n"),
                     LARDER_OK);
    assert_string_equal(document.root, "Error");
    assert_string_equal(document.code, "SlowDown");
    assert_string_equal(document.message, "a < b");
    assert_string_equal(document.region, "eu-1");
    assert_string_equal(document.upload_id, "");
}

static void what_is_no_such_document_is_refused(void **state)
{
    static const char *const broken[] = {
        "",
        "Not Found",
        "<a>",
        "<a></b>",
        "<a></a><b></b>",
        "<a></a>x",
        "<a><!-- --></a>",
        "<a><![CDATA[x]]></a>",
        "<!DOCTYPE a><a></a>",
        "<a>&lol;</a>",
        "<a>&#0;</a>",
        "<a>&#xD800;</a>",
        "<a b=\"></a>",
        "<a><a><a><a><a><a><a><a><a></a></a></a></a></a></a></a></a></a>",
        "<L><Contents><Size>1</Size></Contents></L>",
        "<L><Contents><Key>k</Key><Size>-1</Size></Contents></L>",
        "<L><Contents><Key>k</Key><Size>9999999999999999999</Size></Contents></L>",
        "<L><Contents><Key>k%2</Key></Contents><EncodingType>url</EncodingType></L>",
        "<L><Contents><Key>k%00</Key></Contents><EncodingType>url</EncodingType></L>",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        if (read_text(broken[i]) == LARDER_OK)
            fail_msg("taken: %s", broken[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listing_gives_keys_sizes_and_where_it_goes_on),
        cmocka_unit_test(characters_by_their_numbers_are_utf8),
        cmocka_unit_test(keys_are_only_decoded_where_the_store_says_that_they_are_encoded),
        cmocka_unit_test(unfinished_uploads_have_their_id_and_time),
        cmocka_unit_test(an_error_gives_its_code_message_and_region),
        cmocka_unit_test(what_is_no_such_document_is_refused),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
