/*
 * Both ways with the age program, where it is installed: what larder writes it opens, and what it
 * writes larder opens.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/formats/age/forge.h"

static const size_t sizes[] = {0, 1, 65535, 65536, 65537, 1 << 20};
enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

static void write_file(const char *name, const void *bytes, size_t length)
{
    FILE *file = fopen(name, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static struct age_bytes read_file(const char *name)
{
    FILE *file = fopen(name, "r");
    struct age_bytes bytes = {0};
    size_t length;

    assert_non_null(file);
    do {
        assert_true(age_bytes_reserve(&bytes, 65536));
        length = fread(bytes.data + bytes.length, 1, 65536, file);
        bytes.length += length;
    } while (length > 0);
    fclose(file);
    return bytes;
}

/* Runs a command on a terminal of its own, and answers its prompts, which end in ": ". */
static int run_on_terminal(const char *command, const char *passphrase)
{
    char text[4096];
    int terminal;
    int status;
    ssize_t got;
    pid_t child = forkpty(&terminal, NULL, NULL, NULL);

    assert_true(child >= 0);
    if (child == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    while ((got = read(terminal, text, sizeof(text))) > 0)
        if (got >= 2 && memmem(text, (size_t)got, ": ", 2) != NULL)
            dprintf(terminal, "%s\n", passphrase);
    close(terminal);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void both_ways(const struct age_recipients *recipients, struct age_identities *identities,
                      bool armored, const char *encrypt, const char *decrypt, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t *plain = forge_plaintext(sizes[i]);
        struct larder_error error = {0};
        struct age_bytes sealed;
        struct age_bytes out;

        assert_int_equal(
            forge_encrypt(&sealed, recipients, armored, plain, sizes[i], 12345, &error), LARDER_OK);
        write_file("ours", sealed.data, sealed.length);
        age_bytes_free(&sealed);
        assert_int_equal(run_on_terminal(decrypt, FORGE_PASSPHRASE), 0);
        out = read_file("opened");
        assert_int_equal(out.length, sizes[i]);
        if (out.length > 0)
            assert_memory_equal(out.data, plain, out.length);
        age_bytes_free(&out);

        write_file("plain", plain, sizes[i]);
        assert_int_equal(run_on_terminal(encrypt, FORGE_PASSPHRASE), 0);
        sealed = read_file("theirs");
        assert_int_equal(
            forge_decrypt(&out, identities, armored, sealed.data, sealed.length, 54321, &error),
            LARDER_OK);
        assert_int_equal(out.length, sizes[i]);
        if (out.length > 0)
            assert_memory_equal(out.data, plain, out.length);
        age_bytes_free(&out);
        age_bytes_free(&sealed);
        free(plain);
    }
}

static int make_folder(void **state)
{
    static char folder[] = "/tmp/larder-interop-XXXXXX";

    *state = folder;
    if (mkdtemp(folder) == NULL || chdir(folder) != 0)
        return -1;
    return 0;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"ours", "theirs", "plain", "opened", "keys", "recipients"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unlink(names[i]);
    return chdir("/") != 0 || rmdir(*state) != 0;
}

static bool is_installed(const char *command)
{
    return system(command) == 0;
}

static void files_for_recipients_go_both_ways(void **state)
{
    struct age_recipients *recipients;
    struct age_identities *identities;
    struct age_bytes keys;
    char recipient[AGE_RECIPIENT_SIZE + 1];
    char file[AGE_KEY_FILE_SIZE];

    (void)state;
    if (!is_installed("age --version >/dev/null 2>&1"))
        skip();
    recipients = age_recipients_new();
    identities = age_identities_new();
    assert_int_equal(system("age-keygen -o keys 2>/dev/null && age-keygen -y keys >recipients"), 0);
    keys = read_file("recipients");
    assert_int_equal(age_recipients_add_file(recipients, (char *)keys.data, keys.length, NULL),
                     LARDER_OK);
    age_bytes_free(&keys);
    keys = read_file("keys");
    assert_int_equal(age_identities_add_file(identities, (char *)keys.data, keys.length, NULL),
                     LARDER_OK);
    age_bytes_free(&keys);
    both_ways(recipients, identities, false, "age -R recipients plain >theirs",
              "age -d -i keys ours >opened", SIZES);
    both_ways(recipients, identities, true, "age -a -R recipients plain >theirs",
              "age -d -i keys ours >opened", SIZES);

    assert_int_equal(age_keygen("today", file, recipient, NULL), LARDER_OK);
    write_file("keys", file, strlen(file));
    assert_int_equal(age_identities_add_file(identities, file, strlen(file), NULL), LARDER_OK);
    assert_int_equal(age_recipients_add(recipients, recipient, strlen(recipient), NULL), LARDER_OK);
    strcat(recipient, "\n");
    write_file("recipients", recipient, strlen(recipient));
    both_ways(recipients, identities, false, "age -R recipients plain >theirs",
              "age -d -i keys ours >opened", SIZES);
    age_recipients_free(recipients);
    age_identities_free(identities);
}

static void files_for_a_passphrase_go_both_ways(void **state)
{
    struct age_recipients *recipients;
    struct age_identities *identities;

    (void)state;
    if (!is_installed("age --version >/dev/null 2>&1"))
        skip();
    recipients = age_recipients_new();
    identities = forge_passphrase(FORGE_PASSPHRASE);
    assert_int_equal(age_recipients_add_passphrase(recipients, FORGE_PASSPHRASE,
                                                   strlen(FORGE_PASSPHRASE), 0, NULL),
                     LARDER_OK);
    both_ways(recipients, identities, false, "age -p plain >theirs", "age -d ours >opened", 2);
    both_ways(recipients, identities, true, "age -p -a plain >theirs", "age -d ours >opened", 2);
    age_recipients_free(recipients);
    age_identities_free(identities);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_for_recipients_go_both_ways),
        cmocka_unit_test(files_for_a_passphrase_go_both_ways),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
