#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/check_record.h"
#include "engine/drill/parts.h"
#include "engine/pg/session.h"
#include "engine/run/run.h"
#include "formats/json_memory.h"
#include "formats/json_text.h"

void drill_find_known(struct drill *d)
{
    const char *name = d->backup_name;
    struct pg *pg = NULL;
    char *found = NULL;

    d->known = d->options->metadata;
    if (d->known != NULL || name == NULL || d->options->embedded ||
        !pg_names_database(&d->options->server))
        return;
    if (pg_connect(&d->options->server, d->run, -1, PG_CONNECT_SECONDS, &pg, NULL) == LARDER_OK &&
        pg_query_one(pg, "SELECT backup_name FROM backups.archives WHERE backup_name = $1 LIMIT 1",
                     1, &name, &found, NULL) == LARDER_OK &&
        found != NULL)
        d->known = &d->options->server;
    free(found);
    pg_close(pg);
}

/* What backups.drills keeps beside its own columns. */
static char *details(const struct drill *d, enum larder_status status)
{
    const struct larder_drill *result = d->result;
    json_t *findings = json_array(), *phases = json_array(), *all;
    char *text;

    for (size_t i = 0; i < result->proof.findings.count; i++) {
        const struct larder_finding *f = &result->proof.findings.items[i];

        json_array_append_new(findings,
                              json_pack("{s:s, s:o, s:o}", "kind", f->kind, "object",
                                        json_text(f->object), "message", json_text(f->message)));
    }
    for (size_t i = 0; i < result->phase_count; i++)
        json_array_append_new(phases, json_pack("{s:s, s:f}", "name", result->phases[i].name,
                                                "seconds", result->phases[i].seconds));
    all = json_pack("{s:i, s:s, s:s?, s:f, s:I, s:o, s:o}", "exit", (int)status, "larder_version",
                    LARDER_VERSION, "server", result->server, "recovery_seconds",
                    result->recovery_seconds, "checks", (json_int_t)result->checks, "phases",
                    phases, "findings", findings);
    text = all == NULL ? NULL : json_dumps(all, JSON_COMPACT);
    json_decref(all);
    return text;
}

static enum larder_status insert(struct drill *d, struct pg *pg, enum larder_status status,
                                 struct larder_error *error)
{
    const struct larder_drill *result = d->result;
    enum larder_agree agree = result->proof.agree;
    char seconds[32], rows[32], *detail = details(d, status);
    const char *values[] = {
        d->location, d->backup_name,
        d->preset,   agree == LARDER_AGREE_UNKNOWN ? NULL : agree == LARDER_AGREE_YES ? "t" : "f",
        seconds,     rows,
        detail};
    PGresult *done = NULL;
    enum larder_status inserted;

    snprintf(seconds, sizeof(seconds), "%.3f", result->seconds);
    snprintf(rows, sizeof(rows), "%" PRId64, d->rows);
    inserted = detail == NULL
                   ? larder_fail_memory(error)
                   : pg_query(pg,
                              "INSERT INTO backups.drills (archive, backup_name, preset, agree, "
                              "seconds, rows, details) VALUES ($1, $2, $3, $4::boolean, "
                              "$5::double precision, $6::bigint, $7::jsonb)",
                              7, values, &done, error);
    PQclear(done);
    json_memory_free(detail);
    return inserted;
}

static void record_in_database(struct drill *d, enum larder_status status)
{
    const struct larder_connect *to =
        d->options->record_to != NULL ? d->options->record_to : d->known;
    struct larder_error why = {0};
    struct pg *pg = NULL;

    if (to == NULL || d->backup_name == NULL || d->options->no_record)
        return;
    if (pg_connect(to, d->run, -1, PG_CONNECT_SECONDS, &pg, &why) == LARDER_OK &&
        session_untimed(pg, &why) == LARDER_OK && insert(d, pg, status, &why) == LARDER_OK)
        d->result->recorded = true;
    else
        run_message(d->run, LARDER_WARNING, "the drill was not recorded in the database: %s",
                    why.message);
    pg_close(pg);
}

/* The word of FORMAT.md for why it failed; NULL: it did not. */
static const char *failure(const struct drill *d, enum larder_status status, bool archive_is_good)
{
    if (d->result->proof.agree == LARDER_AGREE_YES)
        return NULL;
    if (archive_is_good)
        return "checks";
    return status == LARDER_DAMAGED ? "damaged" : "different";
}

void drill_record(struct drill *d, enum larder_status status, bool archive_is_good)
{
    struct check_found found = {.kind = CHECK_DRILLED,
                                .good = archive_is_good,
                                .drill_failure = failure(d, status, archive_is_good)};

    if (d->result->proof.agree != LARDER_AGREE_UNKNOWN)
        check_record(d->location, &found, d->run);
    record_in_database(d, status);
}
