/*
 * Writes the malformed and unusual files of refusals.h and armors.h into a folder, each as NAME.age
 * with what is to be released of it as NAME.plain, and the key and the passphrase that fit. Says on
 * standard output for each, with tabs between: its NAME, the class of its refusal ("success" where
 * it is none), and what is out of the ordinary in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "tests/formats/age/armors.h"
#include "tests/formats/age/refusals.h"

static void write_file(const char *name, const void *bytes, size_t length)
{
    FILE *file = fopen(name, "w");

    if (file == NULL || (length > 0 && fwrite(bytes, 1, length, file) != length) ||
        fclose(file) != 0)
        abort();
}

static void write_case(const struct age_bytes *file, const struct age_bytes *plain, size_t released,
                       const char *class, const char *what)
{
    static int number;
    char name[32];

    snprintf(name, sizeof(name), "%03d.age", ++number);
    write_file(name, file->data, file->length);
    snprintf(name, sizeof(name), "%03d.plain", number);
    write_file(name, plain->data, released);
    printf("%03d\t%s\t%s\n", number, class == NULL ? "success" : class, what);
}

static void write_armors(void)
{
    struct forge forge = {0};
    char *armored;

    armors_forge(&forge);
    armored = armors_make(forge.file.data, forge.file.length);
    for (size_t i = 0; i < ARMORS; i++) {
        struct age_bytes changed = armors_change(i, armored);

        write_case(&changed, &forge.plain, armors[i].class == OK ? 3 : 0, armors[i].class,
                   armors[i].what);
        age_bytes_free(&changed);
    }
    free(armored);
    forge_free(&forge);
}

static void write_secrets(void)
{
    char identity[AGE_IDENTITY_SIZE];
    uint8_t scalar[AGE_KEY_SIZE];

    forge_scalar(scalar, 1);
    age_bech32_encode(identity, "AGE-SECRET-KEY-", scalar, sizeof(scalar));
    write_file("key", identity, strlen(identity));
    write_file("passphrase", FORGE_PASSPHRASE, strlen(FORGE_PASSPHRASE));
}

int main(int count, char **arguments)
{
    if (count != 2 || chdir(arguments[1]) != 0)
        return 2;
    write_secrets();
    for (size_t i = 0; i < REFUSALS_HEADERS; i++) {
        struct forge forge = {0};

        forge_file(&forge, refusals_headers[i].template);
        write_case(&forge.file, &forge.plain, refusals_headers[i].class == OK ? 3 : 0,
                   refusals_headers[i].class, refusals_headers[i].what);
        forge_free(&forge);
    }
    for (size_t i = 0; i < REFUSALS_PAYLOADS; i++) {
        struct forge forge = {0};

        forge_file(&forge, "$V$X$D");
        forge_file(&forge, refusals_payloads[i].template);
        write_case(&forge.file, &forge.plain, refusals_payloads[i].released,
                   refusals_payloads[i].class, refusals_payloads[i].what);
        forge_free(&forge);
    }
    write_armors();
    return 0;
}
