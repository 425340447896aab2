/* Names of processes, by which one tells whether what they have left is anybody's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/run/owner.h"

static void who_lives_is_not_gone(void **state)
{
    char name[OWNER_NAME], more[2 * OWNER_NAME];

    (void)state;
    owner_name(name);
    snprintf(more, sizeof(more), "%s-daily.tar", name);
    assert_false(owner_is_gone(name));
    assert_false(owner_is_gone(more));
}

static void who_has_ended_is_gone(void **state)
{
    char name[OWNER_NAME] = "";
    int ends[2];
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        owner_name(name);
        _exit(write(ends[1], name, sizeof(name)) == sizeof(name) ? 0 : 1);
    }
    assert_int_equal(read(ends[0], name, sizeof(name)), sizeof(name));
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(owner_is_gone(name));
    close(ends[0]);
    close(ends[1]);
}

/* The same process number, begun at another time, is another process. */
static void who_has_the_number_of_another_is_not_him(void **state)
{
    char name[OWNER_NAME], *start;

    (void)state;
    owner_name(name);
    start = strchr(strchr(strchr(name, '.') + 1, '.') + 1, '.') + 1;
    *start = *start == '9' ? '8' : '9';
    assert_true(owner_is_gone(name));
}

static void of_other_machines_nothing_is_known(void **state)
{
    char name[OWNER_NAME];

    (void)state;
    owner_name(name);
    name[0] = name[0] == 'a' ? 'b' : 'a';
    assert_false(owner_is_gone(name));
    assert_false(owner_is_gone(""));
    assert_false(owner_is_gone("00000000.00000000.1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_lives_is_not_gone),
        cmocka_unit_test(who_has_ended_is_gone),
        cmocka_unit_test(who_has_the_number_of_another_is_not_him),
        cmocka_unit_test(of_other_machines_nothing_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
