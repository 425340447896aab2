/*
 * The server's own programs: pg_dump and pg_restore, of which several versions may be installed.
 *
 * They are looked for in the folder that LARDER_PGBIN names, else in Debian's folders and in PATH.
 * Never through a shell, and never with a password in their arguments.
 */
#ifndef ENGINE_PG_TOOLS_H
#define ENGINE_PG_TOOLS_H

#include "engine/pg/connection.h"
#include "engine/run/process.h"
#include "formats/arena.h"
#include "larder/error.h"
#include "larder/run.h"

struct tool {
    const char *path;
    int major;
};

/*
 * The program of that name with major version `major`, else the lowest newer one. LARDER_USAGE
 * where there is none, naming the package that would bring it.
 */
enum larder_status tools_find(const char *name, int major, const struct larder_run *run,
                              struct arena *arena, struct tool *tool, struct larder_error *error);

/* What a program says of its version, as "15.20"; NULL where it says none. */
const char *tools_version(const char *path, const struct larder_run *run, struct arena *arena);

/*
 * A call of pg_dump against the database that the connection is to, for process_run, under that application_name: its strings
 * are in the arena, but for `arguments`, which end with NULL.
 */
enum larder_status tools_pg_dump(const struct tool *tool, struct pg *pg, const char *application,
                                 const char *const *arguments, struct arena *arena,
                                 struct process *process, struct larder_error *error);

#endif
