/*
 * Draws what larder prints on a terminal, from fixed numbers, for tests/scenarios/terminal.sh to look at:
 *
 *   screens progress FILE     the bar, drawn several times over; FILE appears when it has been drawn
 *   screens proof [COUNT]     the result of a restore of so many tables, one of which differs
 *   screens changes           what a restore into tables that exist has done
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/cli/bar.h"
#include "engine/cli/print.h"

static struct larder_lane lanes[] = {
    {"public", "user_interactions", 1812331, 140200000},
    {"public", "recipe_uploads", 24012, 98100000},
    {"analytics", "a_table_whose_name_is_as_long_as_postgresql_lets_a_name_be_63by", 7, 1200},
    {"public", "\xe9\xa3\x9f\xe3\x81\xb9\xe7\x89\xa9\nwith a line", 600000000, 48000000000},
    {NULL, NULL, 0, 0},
};

static void show(struct bar *bar, uint64_t done, double seconds, size_t count)
{
    struct larder_progress now = {.phase = "export",
                                  .rows = done,
                                  .bytes = done * 80,
                                  .rows_total = 10700000,
                                  .lanes = lanes,
                                  .lane_count = count};
    struct buffer out = {0};

    bar_draw(bar, &now, seconds, screen_of(STDERR_FILENO), &out);
    (void)!write(STDERR_FILENO, out.bytes, out.length);
    buffer_free(&out);
}

static int progress(const char *file)
{
    struct bar bar = {0};
    int fd;

    fprintf(stderr, "$ larder export daily -d kitchai\n");
    for (uint64_t i = 1; i <= 40; i++)
        show(&bar, i * 100000, (double)i / 10, i < 20 ? 2 : 5);
    show(&bar, 4387654, 12.3, 5);
    fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    pause();
    return 0;
}

static int proof(size_t count)
{
    struct larder_table_proof *tables = calloc(count, sizeof(*tables));
    struct larder_proof proof = {.archive = "daily_20261126_020000.tar",
                                 .tables = tables,
                                 .table_count = count,
                                 .agree = LARDER_AGREE_NO,
                                 .metadata_from = "database",
                                 .seconds = 12.3};

    for (size_t i = 0; tables != NULL && i < count; i++) {
        char name[80];

        snprintf(name, sizeof(name),
                 i == 3 ? "a_table_with_%04zu_rows_and_a_name_of_63_bytes_which_is_the_most"
                        : "table_%04zu",
                 i);
        tables[i] = (struct larder_table_proof){.schema = i % 5 == 4 ? "analytics" : "public",
                                                .name = strdup(name),
                                                .rows_archive = (int64_t)(i * i * 1234),
                                                .rows_metadata = (int64_t)(i * i * 1234),
                                                .rows_target = (int64_t)(i * i * 1234),
                                                .agree = LARDER_AGREE_YES};
        snprintf((char *)tables[i].fingerprint_archive, 33, "%016zx%016zx", i * 7777777777u, i);
    }
    if (tables != NULL) {
        tables[count / 2].agree = LARDER_AGREE_NO;
        tables[count / 2].rows_target--;
        print_proof(&proof, false, "", NULL);
    }
    for (size_t i = 0; tables != NULL && i < count; i++)
        free((void *)tables[i].name);
    free(tables);
    return 0;
}

static int changes(void)
{
    struct larder_change items[] = {
        {.schema = "public", .name = "profiles", .rows_before = 6000, .added = 12, .changed = 3},
        {.schema = "public",
         .name = "user_interactions",
         .rows_before = 6000000,
         .added = 150000,
         .removed = 2},
    };
    struct larder_proof proof = {.changes = items,
                                 .change_count = 2,
                                 .existing = LARDER_EXISTING_ROWS,
                                 .undo = "undo_kitchai_20261126_101500.tar"};

    return print_changes(&proof, false, NULL) == LARDER_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (strcmp(what, "progress") == 0 && argc > 2)
        return progress(argv[2]);
    if (strcmp(what, "proof") == 0)
        return proof(argc > 2 ? (size_t)atoi(argv[2]) : 8);
    if (strcmp(what, "changes") == 0)
        return changes();
    fprintf(stderr, "usage: screens progress FILE | proof [COUNT] | changes\n");
    return 2;
}
