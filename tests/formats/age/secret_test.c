#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "formats/age/secret.h"

/* The kernel's flags for the mapping that holds `address`: " lo" is locked, " dd" not dumped. */
static void read_flags(const void *address, char *flags, size_t size)
{
    FILE *maps = fopen("/proc/self/smaps", "r");
    bool here = false;
    char line[4096];

    flags[0] = '\0';
    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps) != NULL) {
        uintptr_t start;
        uintptr_t end;

        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &start, &end) == 2)
            here = (uintptr_t)address >= start && (uintptr_t)address < end;
        if (here && strncmp(line, "VmFlags:", 8) == 0)
            snprintf(flags, size, "%s", line);
    }
    fclose(maps);
}

/* Where the limit is too low, and under a sanitizer, locking does nothing. */
static bool may_lock(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *memory = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char flags[4096] = "";

    if (mlock(memory, page) == 0)
        read_flags(memory, flags, sizeof(flags));
    munmap(memory, page);
    return strstr(flags, " lo") != NULL;
}

static void a_secret_is_locked_where_allowed_and_never_dumped(void **state)
{
    char *secret = age_secret_new(5000);
    char flags[4096];

    (void)state;
    assert_non_null(secret);
    read_flags(secret + 4999, flags, sizeof(flags));
    assert_non_null(strstr(flags, " dd"));
    if (may_lock())
        assert_non_null(strstr(flags, " lo"));
    age_secret_free(secret);
}

static void a_secret_starts_as_zeros_and_is_aligned(void **state)
{
    static const char zeros[5000];
    char *secret = age_secret_new(sizeof(zeros));

    (void)state;
    assert_memory_equal(secret, zeros, sizeof(zeros));
    assert_int_equal((uintptr_t)secret % _Alignof(max_align_t), 0);
    memset(secret, 'x', sizeof(zeros));
    age_secret_free(secret);
    age_secret_free(NULL);
}

static void a_secret_of_impossible_size_is_refused(void **state)
{
    (void)state;
    assert_null(age_secret_new(SIZE_MAX));
    assert_null(age_secret_new(SIZE_MAX / 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_locked_where_allowed_and_never_dumped),
        cmocka_unit_test(a_secret_starts_as_zeros_and_is_aligned),
        cmocka_unit_test(a_secret_of_impossible_size_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
