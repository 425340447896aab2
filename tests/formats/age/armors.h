/*
 * Armor that is malformed or unusual, as refusals.h has it for what is inside.
 */
#ifndef TESTS_FORMATS_AGE_ARMORS_H
#define TESTS_FORMATS_AGE_ARMORS_H

#include "formats/age/armor.h"
#include "tests/formats/age/classes.h"

/* The text of an armored file in which `find` is replaced once. @ stands for the first line of
 * data, % for the last one. */
static const struct {
    const char *what;
    const char *find;
    const char *replace;
    const char *class;
} armors[] = {
    {"armor as it should be", "", "", OK},
    {"CRLF after the first line", "-\n@", "-\r\n@", OK},
    {"CRLF after a line of data", "@\n", "@\r\n", OK},
    {"white space around", "-----BEGIN", "\n\r  \t\n-----BEGIN", OK},
    {"white space after", "FILE-----\n$", "FILE-----\n\r\n \t\n", OK},
    {"no line feed at the end", "FILE-----\n$", "FILE-----", OK},
    {"a space before the first line", "-----BEGIN", " -----BEGIN", OK},
    {"spaces after the last line", "FILE-----\n$", "FILE-----  \n", OK},
    {"armor within which nothing is", "-\n^", "-\n-----END AGE ENCRYPTED FILE-----\n", HEADER},
    {"text before", "-----BEGIN", "text\n-----BEGIN", ARMOR},
    {"text before, on the line", "-----BEGIN", "x-----BEGIN", ARMOR},
    {"text after", "FILE-----\n$", "FILE-----\ntext\n", ARMOR},
    {"text after, on the line", "FILE-----\n$", "FILE-----x\n", ARMOR},
    {"a control character after", "FILE-----\n$", "FILE-----\n\x01", ARMOR},
    {"a vertical tab after", "FILE-----\n$", "FILE-----\n\v", ARMOR},
    {"a second armor after", "FILE-----\n$", "FILE-----\n" AGE_ARMOR_BEGIN "\n", ARMOR},
    {"a first line in lower case", "BEGIN AGE ENCRYPTED FILE", "begin age encrypted file", ARMOR},
    {"another label", "BEGIN AGE ENCRYPTED FILE", "BEGIN AGE ENCRYPTED DATA", ARMOR},
    {"spaces inside the first line", "-----BEGIN AGE ENCRYPTED FILE-----",
     "----- BEGIN AGE ENCRYPTED FILE -----", ARMOR},
    {"a space after the first line", "-----\n@", "----- \n@", ARMOR},
    {"six dashes", "-----BEGIN", "------BEGIN", ARMOR},
    {"four dashes", "-----BEGIN", "----BEGIN", ARMOR},
    {"a last line of another label", "END AGE ENCRYPTED FILE", "END AGE ENCRYPTED DATA", ARMOR},
    {"a last line in lower case", "END AGE", "end age", ARMOR},
    {"a space before the last line", "-----END", " -----END", ARMOR},
    {"no last line", "-----END AGE ENCRYPTED FILE-----\n", "", ARMOR},
    {"a last line that is cut", "FILE-----\n$", "FILE----", ARMOR},
    {"no line feed before the last line", "%\n-----END", "%-----END", ARMOR},
    {"PEM headers", "-\n@", "-\nProc-Type: 4,ENCRYPTED\n\n@", ARMOR},
    {"an empty line at the start", "-\n@", "-\n\n@", ARMOR},
    {"an empty line in the middle", "@\n", "@\n\n", ARMOR},
    {"an empty line at the end", "\n-----END", "\n\n-----END", ARMOR},
    {"a space at the start of a line", "\n@", "\n @", ARMOR},
    {"a space at the end of a line", "@\n", "@ \n", ARMOR},
    {"a space at the end of the last line of data", "%\n", "% \n", ARMOR},
    {"two carriage returns", "@\n", "@\r\r\n", ARMOR},
    {"a carriage return alone as a line's end", "@\n", "@\r", ARMOR},
    {"two lines in one", "@\n", "@", ARMOR},
    {"a short line at the start", "YWdlLWVu", "YWdlLWVu\n", ARMOR},
    {"a line of 68 characters", "YWdlLWVu", "YWdlYWdlLWVu", ARMOR},
    {"a character that is none of base64's", "YWdlLWVu", "YWdl!WVu", ARMOR},
    {"base64url", "YWdlLWVu", "YWdl-WVu", ARMOR},
    {"padding in the middle", "YWdlLWVu", "YWdlLWV=", ARMOR},
    {"no padding", "==\n", "\n", ARMOR},
    {"too little padding", "==\n", "=\n", ARMOR},
    {"too much padding", "==\n", "===\n", ARMOR},
    {"padding on a line of its own", "==\n", "=\n=\n", ARMOR},
    {"a PGP checksum", "\n-----END", "\n=AAAA\n-----END", ARMOR},
    {"a line of data after the short one", "\n-----END", "\nYWdl\n-----END", ARMOR},
};

/* Writes the lines that @ and % stand for into a row's text, and $ and ^ for the end. */
static inline char *armors_expand(const char *text, const char *armored)
{
    const char *first = strchr(armored, '\n') + 1;
    const char *end = strstr(armored, "\n-----END");
    const char *last = end;
    struct age_bytes out = {0};

    while (last[-1] != '\n')
        last--;
    for (; *text != '\0'; text++) {
        if (*text == '@')
            age_bytes_add(&out, first, (size_t)(strchr(first, '\n') - first));
        else if (*text == '%')
            age_bytes_add(&out, last, (size_t)(end - last));
        else if (*text == '^')
            age_bytes_add(&out, first, strlen(first));
        else if (*text != '$')
            age_bytes_add(&out, text, 1);
    }
    age_bytes_add(&out, "", 1);
    return (char *)out.data;
}

/* The last place, for a text that is to be found at the end. */
static inline char *armors_find(char *text, const char *what, bool at_end)
{
    return at_end ? text + strlen(text) - strlen(what) : strstr(text, what);
}

enum { ARMORS = sizeof(armors) / sizeof(armors[0]) };

/* The text with the change of a row. */
static inline struct age_bytes armors_change(size_t row, const char *armored)
{
    char *what = armors_expand(armors[row].find, armored);
    char *by = armors_expand(armors[row].replace, armored);
    char *text = strdup(armored);
    char *at = armors_find(text, what, strchr(armors[row].find, '$') != NULL);
    struct age_bytes changed = {0};

    assert_non_null(at);
    assert_int_equal(strncmp(at, what, strlen(what)), 0);
    age_bytes_add(&changed, text, (size_t)(at - text));
    age_bytes_add(&changed, by, strlen(by));
    age_bytes_add(&changed, at + strlen(what), strlen(at + strlen(what)));
    free(text);
    free(what);
    free(by);
    return changed;
}

static inline char *armors_make(const uint8_t *bytes, size_t length)
{
    struct forge_sink sink;
    struct stage *stage;

    forge_sink_init(&sink);
    assert_int_equal(age_armor_new(&stage, &sink.stage, NULL), LARDER_OK);
    assert_int_equal(forge_run(stage, bytes, length, 10, NULL), LARDER_OK);
    age_bytes_add(&sink.bytes, "", 1);
    return (char *)sink.bytes.data;
}

/* A file whose armor needs the two characters of padding, as several rows do. */
static inline void armors_forge(struct forge *found)
{
    for (int letters = 0; letters < 3; letters++) {
        struct forge forge = {0};
        char text[64];

        snprintf(text, sizeof(text), "$V-> grease%.*s\n\n$X$D$N$h", letters, "abc");
        forge_file(&forge, text);
        if (forge.file.length % 3 == 1) {
            *found = forge;
            return;
        }
        forge_free(&forge);
    }
    fail_msg("no length fits");
}

#endif
