/*
 * What the parts of engine/restore/references*.c share: which of the rows that are kept go in and what refers to them, and how they
 * go in. Internal to these.
 */
#ifndef ENGINE_RESTORE_REFERENCES_PARTS_H
#define ENGINE_RESTORE_REFERENCES_PARTS_H

#include "engine/restore/references.h"

/* One table of which rows are kept, under way. */
struct kept {
    const struct manifest_table *table;
    struct manifest_table staged; /* under its temporary name */
    const char *target, *stage;   /* quoted names */
    bool made;                    /* a stand-in of this restore's */
    bool used;                    /* its rows may go in */
    bool withheld;                /* they may not, since it is the platform's */
    bool missing;                 /* some of them are needed, and not there */
    struct buffer columns;        /* those of the archive that the target has, too */
    const char **equal;           /* the operator for each of the table's columns */
};

struct keeping {
    struct restore *restore;
    struct pg *pg;
    const struct merging *merging;
    struct kept *items;
    size_t count;
    const char **names;    /* quoted, of the tables that are made */
    const size_t *parents; /* of the manifest's tables */
};

/* Finds which tables there are, and where their rows may go. To be freed by keeping_end, on failure, too. */
enum larder_status keeping_begin(struct keeping *keeping, struct larder_error *error);
void keeping_end(struct keeping *keeping);

/*
 * Calls `act` for each foreign key to `item`, with the name of what holds the rows that it is in: restored tables, and such of which
 * rows are kept (`kept`).
 */
typedef void keeping_edge(void *arg, const char *source, bool kept,
                          const struct manifest_reference *reference);
void keeping_each_edge(const struct keeping *keeping, const struct kept *item, keeping_edge *act,
                       void *arg);

#endif
