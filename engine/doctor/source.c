#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/doctor/parts.h"
#include "engine/pg/connection.h"
#include "engine/pg/session.h"
#include "engine/pg/tools.h"
#include "engine/run/run.h"
#include "engine/source_name.h"
#include "formats/buffer.h"

enum { OLDEST = 13, NEWEST = 18, CLOCK_SECONDS = 60 };

/* What an export and its record need to write; null where there is no such table. */
static const char may_record_sql[] =
    "SELECT coalesce(pg_catalog.has_table_privilege(pg_catalog.to_regclass("
    "'backups.backup_metadata')::oid, 'INSERT') AND pg_catalog.has_table_privilege("
    "pg_catalog.to_regclass('backups.archives')::oid, 'INSERT'), false)";

static void report_server(struct doctor *d, struct pg *pg)
{
    int major = pg_server_version(pg) / 10000;

    doctor_ok(d, "connection", "database \"%s\" as role \"%s\"; its archives are kept under \"%s\"",
              d->server.database, PQuser(pg_libpq(pg)), d->source);
    if (major < OLDEST || major > NEWEST)
        doctor_warn(d, "server", "Prove a restore with `larder restore` before relying on it.",
                    "PostgreSQL %s, which this larder was not tested with (%d to %d were)",
                    d->server.version, OLDEST, NEWEST);
    else
        doctor_ok(d, "server", "PostgreSQL %s, encoding %s%s", d->server.version,
                  d->server.encoding, d->server.is_standby ? ", a standby" : "");
}

static void check_clock(struct doctor *d, struct pg *pg)
{
    struct larder_error why = {0};
    char *text = NULL;
    int64_t ahead;

    if (pg_query_value(pg, "SELECT extract(epoch FROM pg_catalog.clock_timestamp())::bigint", 0,
                       NULL, &text, &why) != LARDER_OK) {
        doctor_fail(d, "clock", &why);
        return;
    }
    ahead = strtoll(text, NULL, 10) - (int64_t)time(NULL);
    free(text);
    if (ahead > CLOCK_SECONDS || ahead < -CLOCK_SECONDS)
        doctor_warn(d, "clock", "Let both keep time by NTP: ages and dates of archives rest on it.",
                    "the server's clock is %" PRId64 " seconds %s this host's",
                    ahead > 0 ? ahead : -ahead, ahead > 0 ? "ahead of" : "behind");
    else
        doctor_ok(d, "clock", "the server's and this host's agree");
}

static void check_version(struct doctor *d, const struct tool *dump)
{
    const char *version = tools_version(dump->path, d->run, d->arena);
    struct larder_error why = {0};

    if (version != NULL) {
        doctor_ok(d, "pg_dump", "%s, version %s", dump->path, version);
        return;
    }
    larder_fail(&why, LARDER_FAILED, "%s does not run, or says no version", dump->path);
    doctor_fail(d, "pg_dump", &why);
}

static void check_pg_dump(struct doctor *d, struct pg *pg)
{
    int major = pg_server_version(pg) / 10000;
    struct tool dump, restore;
    struct larder_error why = {0};

    if (tools_find("pg_dump", major, d->run, d->arena, &dump, &why) != LARDER_OK ||
        tools_find("pg_restore", dump.major, d->run, d->arena, &restore, &why) != LARDER_OK)
        doctor_fail(d, "pg_dump", &why);
    else
        check_version(d, &dump);
}

/* pg_dump must never go through a pooler in transaction mode. */
static void check_pooler(struct doctor *d, struct pg *pg)
{
    static const char subject[] = "pooler";
    const struct larder_connect *to = d->options->schema_from;
    struct larder_error why = {0};
    struct pg *schema = NULL;
    bool pooled = false;

    if (to != NULL && pg_connect(to, d->run, -1, PG_CONNECT_SECONDS, &schema, &why) != LARDER_OK) {
        larder_context(&why, "could not connect to schema_from");
        doctor_fail(d, subject, &why);
        return;
    }
    if (pg_is_shared(schema != NULL ? schema : pg, schema != NULL ? to : &d->options->source,
                     &pooled, &why) != LARDER_OK) {
        doctor_fail(d, subject, &why);
    } else if (pooled) {
        larder_fail(&why, LARDER_USAGE,
                    "%s goes through a pooler in transaction mode, which pg_dump would disturb",
                    to != NULL ? "schema_from" : "the source");
        larder_hint(&why,
                    "Name a direct connection, or the pooler's session port, as schema_from.");
        doctor_fail(d, subject, &why);
    } else {
        doctor_ok(d, subject, "pg_dump goes by no pooler in transaction mode%s",
                  to != NULL ? ", with schema_from" : "");
    }
    pg_close(schema);
}

static void check_record(struct doctor *d, struct pg *source)
{
    static const char subject[] = "record";
    const struct larder_connect *to = d->options->record_to;
    struct larder_error why = {0};
    struct pg *other = NULL;
    char *may = NULL;

    if (d->options->no_record) {
        doctor_ok(d, subject, "exports are not recorded in a database, as configured");
        return;
    }
    if (to == NULL && d->server.is_standby) {
        doctor_warn(d, subject, "Name the primary as record_to, or say record = no.",
                    "the source is a standby, which records nothing");
        return;
    }
    if ((to == NULL || pg_connect(to, d->run, -1, PG_CONNECT_SECONDS, &other, &why) == LARDER_OK) &&
        pg_query_one(other != NULL ? other : source, may_record_sql, 0, NULL, &may, &why) ==
            LARDER_OK &&
        may != NULL && may[0] == 't')
        doctor_ok(d, subject, "exports are recorded in %s",
                  to != NULL ? "record_to" : "the source");
    else
        doctor_warn(d, subject,
                    "`larder init` makes the tables; grant INSERT on them, or say record = no.",
                    "exports will not be recorded: %s",
                    why.message[0] != '\0'
                        ? why.message
                        : "backups.archives and backup_metadata are missing, or not for this role");
    free(may);
    pg_close(other);
}

/* Whether a preset before this one had the same table, and so the same was said of it. */
static bool is_reported(const struct doctor *d, const char *message)
{
    for (size_t i = 0; i < d->result->count; i++)
        if (strcmp(d->result->lines[i].message, message) == 0)
            return true;
    return false;
}

static void report_findings(struct doctor *d, const char *subject,
                            const struct larder_findings *findings)
{
    size_t before = 0;

    for (size_t i = 0; i < findings->count; i++) {
        struct larder_error why = {0};

        if (is_reported(d, findings->items[i].message)) {
            before++;
            continue;
        }
        larder_fail(&why, LARDER_FAILED, "%s", findings->items[i].message);
        doctor_fail(d, subject, &why);
    }
    if (before > 0) {
        struct larder_error why = {0};

        larder_fail(&why, LARDER_FAILED, "%zu reason%s of those above", before,
                    before == 1 ? "" : "s");
        doctor_fail(d, subject, &why);
    }
}

/* What an export of the preset would look up before it begins. */
static enum larder_status look_up(struct doctor *d, struct pg *pg,
                                  const struct catalog_preset *preset, struct manifest *manifest,
                                  struct larder_findings *findings, struct larder_error *why)
{
    struct catalog_tables tables;
    struct catalog_table *extra = NULL;
    enum larder_status status = session_begin_plain(pg, why);

    if (status == LARDER_OK)
        status = catalog_resolve(pg, preset->tables, preset->table_count, d->arena, &tables,
                                 findings, why);
    if (status == LARDER_OK)
        status = catalog_name_tables(pg, &tables, manifest, &extra, findings, why);
    if (status == LARDER_OK)
        status = catalog_describe(pg, manifest, extra, findings, why);
    for (size_t i = 0; status == LARDER_OK && i < manifest->table_count; i++)
        if (extra[i].why_text != NULL && strcmp(preset->copy_format, "binary") == 0)
            findings_add(findings, d->arena, "copy format", manifest->tables[i].name,
                         "table \"%s.%s\" cannot be copied in binary format: %s",
                         manifest->tables[i].schema, manifest->tables[i].name, extra[i].why_text);
    session_rollback(pg);
    return status;
}

/* Presets that nobody exports at night may be wrong, and setting up sees to those of another database's tables. */
static bool is_no_harm(const struct doctor *d, const struct catalog_preset *preset,
                       const struct larder_findings *findings)
{
    bool only_tables = true;

    for (size_t i = 0; i < findings->count; i++)
        only_tables = only_tables && strcmp(findings->items[i].kind, "table") == 0;
    if (d->options->part == LARDER_DOCTOR_SOURCE && d->presets.count == 0)
        return true;
    return only_tables && (preset->every == 0 ||
                           (d->options->part == LARDER_DOCTOR_SOURCE && d->presets.in_database));
}

static void check_preset(struct doctor *d, struct pg *pg, const struct catalog_preset *preset)
{
    const char *subject = arena_printf(d->arena, "preset %s", preset->name);
    struct manifest *manifest = manifest_new();
    struct larder_findings findings = {0};
    struct larder_error why = {0};
    enum larder_status status = manifest == NULL
                                    ? larder_fail_memory(&why)
                                    : look_up(d, pg, preset, manifest, &findings, &why);

    if (status == LARDER_OK && findings.count == 0 && manifest->table_count == 0)
        status = larder_fail(&why, LARDER_USAGE, "it has no table at all");
    if (status != LARDER_OK)
        doctor_fail(d, subject, &why);
    else if (findings.count > 0 && is_no_harm(d, preset, &findings))
        doctor_warn(d, subject,
                    preset->every == 0
                        ? "It has no schedule; mend it before it is exported by hand."
                    : d->presets.count == 0 ? "Where a preset is to have it, grant it first."
                                            : "Setting up takes its schedule away.",
                    "%s%s", findings.items[0].message, findings.count > 1 ? ", and more" : "");
    else if (findings.count > 0)
        report_findings(d, subject, &findings);
    else
        doctor_ok(d, subject, "%zu table%s, of which this role may read every row",
                  manifest->table_count, manifest->table_count == 1 ? "" : "s");
    manifest_free(manifest);
}

static void check_coverage(struct doctor *d, struct pg *pg)
{
    enum { SHOWN = 10 };
    struct larder_error why = {0};
    struct buffer list = {0};
    const char **names;
    size_t count;
    enum larder_status status = session_begin_plain(pg, &why);

    if (status == LARDER_OK)
        status = catalog_uncovered(pg, d->presets.items, d->presets.count, d->arena, &names, &count,
                                   &why);
    session_rollback(pg);
    if (status != LARDER_OK) {
        doctor_fail(d, "coverage", &why);
        return;
    }
    for (size_t i = 0; i < count && i < SHOWN; i++)
        buffer_printf(&list, "%s%s", i > 0 ? ", " : "", names[i]);
    if (count > SHOWN)
        buffer_printf(&list, " and %zu other%s", count - SHOWN, count - SHOWN == 1 ? "" : "s");
    if (count > 0)
        doctor_warn(d, "coverage", "Schedule a preset that has them, such as `everything`.",
                    "no scheduled preset covers %zu table%s: %s", count, count == 1 ? "" : "s",
                    buffer_text(&list));
    else
        doctor_ok(d, "coverage", "every table is in a preset with a schedule");
    buffer_free(&list);
}

/* Where there are no presets yet, what an archive of everything would take. */
static void check_all_tables(struct doctor *d, struct pg *pg)
{
    const char *all[] = {"*.*", "!backups.*"};
    const struct catalog_preset everything = {
        .name = "everything", .tables = all, .table_count = 2, .every = 1, .copy_format = "auto"};

    check_preset(d, pg, &everything);
}

static enum larder_status check_presets(struct doctor *d, struct pg *pg, struct larder_error *error)
{
    struct larder_error why = {0};
    enum larder_status status = session_begin_plain(pg, &why);

    if (status == LARDER_OK)
        status = presets_read(pg, &d->options->presets, d->arena, &d->presets, &why);
    session_rollback(pg);
    if (status == LARDER_OK && d->presets.count == 0 && d->options->part == LARDER_DOCTOR_SOURCE) {
        check_all_tables(d, pg);
        return run_check(d->run, error);
    }
    if (status == LARDER_OK && d->presets.count == 0) {
        status = larder_fail(&why, LARDER_USAGE, "there are no presets");
        larder_hint(&why, "`larder init` makes backups.presets; a role must be allowed to see its "
                          "rows. Or write [preset NAME] sections.");
    }
    if (status != LARDER_OK) {
        d->presets.count = 0;
        doctor_fail(d, "presets", &why);
        return run_check(d->run, error);
    }
    doctor_ok(d, "presets", "%zu, %s", d->presets.count,
              d->presets.in_database ? "in backups.presets" : "in the configuration");
    for (size_t i = 0; status == LARDER_OK && i < d->presets.count; i++) {
        check_preset(d, pg, &d->presets.items[i]);
        status = run_check(d->run, error);
    }
    if (status == LARDER_OK && d->options->part != LARDER_DOCTOR_SOURCE)
        check_coverage(d, pg);
    return status;
}

static enum larder_status check_connected(struct doctor *d, struct pg *pg,
                                          struct larder_error *error)
{
    struct larder_error why = {0};
    enum larder_status status = session_begin_plain(pg, &why);

    if (status == LARDER_OK)
        status = catalog_server(pg, d->arena, &d->server, &why);
    session_rollback(pg);
    if (status != LARDER_OK) {
        doctor_fail(d, "connection", &why);
        return run_check(d->run, error);
    }
    d->source = source_name(d->options->source_name, pg, d->server.database, d->arena);
    report_server(d, pg);
    check_clock(d, pg);
    check_pg_dump(d, pg);
    check_pooler(d, pg);
    if (d->options->part == LARDER_DOCTOR_SOURCE)
        doctor_check_schema(d, pg);
    else
        check_record(d, pg);
    status = run_check(d->run, error);
    return status == LARDER_OK ? check_presets(d, pg, error) : status;
}

enum larder_status doctor_check_source(struct doctor *d, struct larder_error *error)
{
    struct larder_error why = {0};
    struct pg *pg = NULL;
    enum larder_status status =
        pg_connect(&d->options->source, d->run, -1, PG_CONNECT_SECONDS, &pg, &why);

    if (status == LARDER_OK) {
        status = check_connected(d, pg, error);
    } else {
        doctor_fail(d, "connection", &why);
        status = run_check(d->run, error);
    }
    pg_close(pg);
    return status;
}
