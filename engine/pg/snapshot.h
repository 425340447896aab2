/* One moment for many connections: locks first, then the snapshot. Design section 2. */
#ifndef ENGINE_PG_SNAPSHOT_H
#define ENGINE_PG_SNAPSHOT_H

#include "engine/pg/catalog.h"
#include "engine/pg/connection.h"
#include "formats/arena.h"
#include "formats/manifest.h"
#include "larder/error.h"

/*
 * The run's own lock, which lasts as long as the transaction that it begins on `pg`. LARDER_LOCKED
 * where another run of the same source and preset holds it.
 */
enum larder_status snapshot_lock_run(struct pg *pg, bool is_standby, const char *source,
                                     const char *preset, struct larder_error *error);

/*
 * Begins the leader's transaction and locks the tables in ACCESS SHARE mode, as they were looked up
 * before. Where a table cannot be locked in the time that pg_limit_waits() gives, `other`, a second
 * connection, is asked who stands in the way. Sets
 * `*changed`, and returns LARDER_OK, where a table is not what it was: then the transaction is
 * over, and the lookup must be done again.
 */
enum larder_status snapshot_lead(struct pg *pg, struct pg *other, const struct manifest *manifest,
                                 bool *changed, struct larder_error *error);

/* Which transactions the next question will see, as text; "" where a standby cannot tell. */
enum larder_status snapshot_moment(struct pg *pg, struct arena *arena, const char **moment,
                                   struct larder_error *error);

struct snapshot {
    const char *name;     /* that others import it by */
    const char *moment;   /* as snapshot_moment() */
    bool may_have_labels; /* there may be security labels in the database */
};

/* Whether it sees what was to be seen at that moment, so that nothing has been committed in between, and the catalogs are what they were. */
bool snapshot_is_of(const struct snapshot *snapshot, const char *moment);

/* The leader's snapshot, which this takes where it is the first to ask; texts in the arena. */
enum larder_status snapshot_export(struct pg *pg, struct arena *arena, struct snapshot *snapshot,
                                   struct larder_error *error);

/* Begins a lane's transaction on that snapshot. */
enum larder_status snapshot_follow(struct pg *pg, const char *snapshot, struct larder_error *error);

/*
 * Locks tables for a lane, all or none, without waiting. `*refused` where somebody waits for a stronger lock
 * on one: then the leader, who has their locks, must read them.
 */
enum larder_status snapshot_lock_tables(struct pg *pg, const struct manifest_table *const *tables,
                                        size_t count, bool *refused, struct larder_error *error);

/*
 * After a wait for a lock has failed: names the first of the relations, or of their indexes, that
 * somebody holds or awaits a conflicting lock on, and who. `other` is a connection that can still
 * be used.
 */
void snapshot_name_blocker(struct pg *other, const uint32_t *relations, size_t count, int timeout,
                           struct larder_error *error);

/* The same, of the manifest's tables. */
void snapshot_name_table_blocker(struct pg *other, const struct manifest *manifest, int timeout,
                                 struct larder_error *error);

#endif
