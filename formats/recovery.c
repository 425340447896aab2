#include "formats/recovery.h"

#include "formats/times.h"

enum larder_status recovery_write(const struct manifest *m, struct buffer *out,
                                  struct larder_error *error)
{
    char started[TIMES_TEXT];

    times_to_text(m->started_at, started);
    buffer_printf(
        out,
        "# %s\n\n"
        "A backup of the PostgreSQL database \"%s\" (server %s, encoding %s), begun at %s\n"
        "and written by larder %s. If you have larder, use it: `larder restore` checks every byte "
        "and\n"
        "proves the result.\n\n"
        "## Without larder\n\n"
        "You need tar, zstd and psql, and age with the key if the file ends in `.age`. Put the "
        "archive into\n"
        "an empty folder, make an empty database of the same encoding, and run in that folder, "
        "with PGDATABASE\n"
        "naming the database, and the archive by its name if it has another one:\n\n"
        "    tar xf %s.tar && psql -X -v ON_ERROR_STOP=1 -f schema/pre-data.sql -f load.sql -f "
        "schema/post-data.sql\n\n"
        "or, for an encrypted archive, where KEY is the file of the identity (without `-i KEY` "
        "age asks\n"
        "for a passphrase):\n\n"
        "    age -d -i KEY %s.tar.age | tar x && psql -X -v ON_ERROR_STOP=1 -f schema/pre-data.sql "
        "-f load.sql -f schema/post-data.sql\n\n"
        "It stops at the first error. Run it as a superuser, or take the `OWNER TO` lines out of "
        "the SQL in\n"
        "`schema/` first; a role without CREATEROLE needs the roles that `schema/pre-data.sql` "
        "begins with to\n"
        "be there. The files are made so that triggers do not fire for rows that are "
        "loaded, and that\n"
        "sequences go on where they were. Roles and other objects that the tables need and that "
        "this archive\n"
        "does not hold are made by `schema/pre-data.sql` where they are missing; `externals` in\n"
        "`manifest.json` lists them.\n\n"
        "## What is inside\n\n"
        "- `manifest.json`: every table with its columns, row count, fingerprint and parts\n"
        "- `schema/schema.dump`: the whole schema, for pg_restore %s or later\n"
        "- `data/NNNNN-TABLE/PPPPPP.copy.zst`: the rows, as COPY gave them; `zstd -dc FILE` shows "
        "them\n"
        "- `load.sql`: loads all of them\n",
        m->backup_name, m->database, m->server_version, m->server_encoding, started,
        m->larder_version, m->backup_name, m->backup_name, m->pg_dump_version);
    return out->failed ? larder_fail_memory(error) : LARDER_OK;
}
