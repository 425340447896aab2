/* How much of an archive the tests of damage change, what they have found, and the memory that it may take. */
#ifndef TESTS_FORMATS_DAMAGED_H
#define TESTS_FORMATS_DAMAGED_H

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

enum { DAMAGED_MEMORY = 64 * 1024 }; /* KiB, of the whole test with all that it holds itself */

/*
 * Of all bits, or lengths, each is tried; under the sanitizers every 61st is, which meets each bit of a byte, and with
 * LARDER_TEST_FULL=yes each, too.
 */
static inline size_t damaged_step(void)
{
#ifdef __SANITIZE_ADDRESS__
    const char *full = getenv("LARDER_TEST_FULL");

    if (full == NULL || strcmp(full, "yes") != 0)
        return 61;
#endif
    return 1;
}

/* A sanitizer's own memory is counted with the program's: there it is only told. */
static inline void damaged_found(size_t found, const char *what, size_t of)
{
    struct rusage usage;

    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    print_message("%zu %s of %zu bytes, all found; at most %ld KiB of memory\n", found, what, of,
                  usage.ru_maxrss);
#ifndef __SANITIZE_ADDRESS__
    assert_in_range(usage.ru_maxrss, 1, DAMAGED_MEMORY);
#endif
}

#endif
