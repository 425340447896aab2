#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/check.h"
#include "engine/check_record.h"
#include "engine/opened.h"
#include "engine/pg/session.h"
#include "engine/proof.h"
#include "engine/run/crew.h"
#include "engine/run/run.h"
#include "larder/restore.h"

/* SQLSTATEs, and one of our own */
#define UNDEFINED_TABLE "42P01"
#define WRONG_OBJECT "42809"
#define NO_CHILD "child"

struct verify {
    const struct larder_verify_options *options;
    const struct larder_run *run;
    struct larder_proof *proof;
    struct arena *arena;
    struct opened opened;
    const struct manifest *manifest;
    const size_t *parents; /* of the manifest's tables */
    struct pg **targets;   /* a connection for each lane, made when it is first needed */
    char (*refusals)[6];   /* for each table the SQLSTATE of what is wrong with it, or "" */
};

/* The whole against the digest beside it. */
static enum larder_status check_whole(struct verify *v, struct larder_error *error)
{
    char sha256[SHA256_HEX];
    enum larder_status status;

    if (v->opened.sha256[0] == '\0' && v->options->quick)
        return larder_fail(error, LARDER_UNVERIFIED,
                           "there is no readable .sha256 beside \"%s\" to check it against; "
                           "without --quick the archive is checked against itself",
                           v->opened.location);
    /* Nothing lies beside standard input, whoever asks. */
    if (v->opened.name == NULL)
        return LARDER_OK;
    if (v->opened.sha256[0] == '\0') {
        findings_add(&v->proof->findings, v->arena, "digest", v->opened.location,
                     "there is no readable .sha256 beside \"%s\" to check the whole against",
                     v->opened.location);
        return LARDER_OK;
    }
    status = digest_input_end(v->opened.digest, sha256, error);
    if (status != LARDER_OK || strcmp(sha256, v->opened.sha256) == 0)
        return status;
    findings_add(&v->proof->findings, v->arena, "damage", v->opened.location,
                 "the SHA-256 of \"%s\" is not the one in the .sha256 beside it",
                 v->opened.location);
    return larder_fail(error, LARDER_DAMAGED,
                       "\"%s\" is damaged, or not the file that was written: its SHA-256 is not "
                       "the one in the .sha256 beside it",
                       v->opened.location);
}

/* Whether it can be checked without a key, and therefore is not opened. */
static bool is_sealed(const struct verify *v)
{
    return v->options->quick && v->opened.encrypted && v->options->against == NULL;
}

/* Damage is written down whoever finds it, and that there is none only by a check of every row. */
static void record_check(const struct verify *v, enum larder_status whole,
                         enum larder_status itself)
{
    struct check_found found = {.kind = CHECK_VERIFIED};

    if (whole == LARDER_DAMAGED && itself != LARDER_DAMAGED)
        found.sha256 = v->opened.sha256;
    else if (itself == LARDER_OK && whole == LARDER_OK && !v->options->quick)
        found.good = true;
    else if (itself != LARDER_DAMAGED)
        return;
    check_record(v->opened.location, &found, v->run);
}

/* The archive against itself. */
static enum larder_status check_itself(struct verify *v, struct larder_error *error)
{
    enum larder_status status = opened_read(&v->opened, v->options->keys, error);

    if (status == LARDER_DAMAGED)
        findings_add(&v->proof->findings, v->arena, "damage", v->opened.location, "%s",
                     error->message);
    if (status != LARDER_OK)
        return status;
    v->manifest = archive_reader_manifest(v->opened.reader);
    v->proof->bytes = archive_reader_bytes(v->opened.reader);
    v->proof->rows = manifest_rows(v->manifest);
    return v->options->quick ? LARDER_OK
                             : check_archive(&v->opened, NULL, true, crew_lanes(v->options->lanes),
                                             v->run, v->arena, &v->proof->findings, error);
}

/* What was read of a file a moment ago is in memory, as a rule. */
static bool is_file(const struct opened *opened)
{
    return opened->store == NULL || opened->store->kind->prefix[0] == '\0';
}

/* Also where the whole is not what it was, one wants to know what in it is wrong. */
static enum larder_status check(struct verify *v, struct larder_error *error)
{
    struct larder_error of_whole = {0};
    enum larder_status itself = LARDER_OK, status = LARDER_OK;

    if (v->opened.sha256[0] != '\0')
        status = digest_input_open(&v->opened.digest, &v->opened.input, is_file(&v->opened), v->run,
                                   error);
    if (status != LARDER_OK)
        return status;
    if (is_sealed(v))
        v->proof->bytes = v->opened.input->size;
    else
        itself = check_itself(v, error);
    status = check_whole(v, &of_whole);
    if (status == LARDER_OK || status == LARDER_DAMAGED || status == LARDER_UNVERIFIED) {
        record_check(v, status, itself);
        if (itself != LARDER_OK && (status == LARDER_OK || itself == LARDER_DAMAGED))
            return itself;
    }
    if (status != LARDER_OK)
        *error = of_whole;
    return status;
}

static void refuse(struct verify *v, size_t i, const char *why)
{
    snprintf(v->refusals[i], sizeof(v->refusals[i]), "%s", why);
}

/* A partition that is detached has its rows, and its parent lacks them. */
static enum larder_status compare_parent(struct verify *v, struct pg *pg, size_t i,
                                         struct larder_error *error)
{
    static const char sql[] =
        "SELECT true FROM pg_catalog.pg_inherits h JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "JOIN pg_catalog.pg_class p ON p.oid = h.inhparent JOIN pg_catalog.pg_namespace m ON m.oid = p.relnamespace "
        "WHERE n.nspname = $1 AND c.relname = $2 AND m.nspname = $3 AND p.relname = $4";
    const struct manifest_table *table = &v->manifest->tables[i];
    const char *names[] = {table->schema, table->name, table->parent_schema, table->parent_name};
    char *is_child = NULL;
    enum larder_status status;

    if (v->parents[i] == i)
        return LARDER_OK;
    status = pg_query_one(pg, sql, 4, names, &is_child, error);
    if (status == LARDER_OK && is_child == NULL)
        refuse(v, i, NO_CHILD);
    free(is_child);
    return status;
}

/* A partitioned table has no rows of its own: it need only be there. */
static enum larder_status compare_partitioned(struct verify *v, struct pg *pg, size_t i,
                                              struct larder_error *error)
{
    static const char sql[] = "SELECT c.relkind FROM pg_catalog.pg_class c "
                              "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
                              "WHERE n.nspname = $1 AND c.relname = $2";
    const struct manifest_table *table = &v->manifest->tables[i];
    const char *names[] = {table->schema, table->name};
    char *kind = NULL;
    enum larder_status status = pg_query_one(pg, sql, 2, names, &kind, error);

    if (status == LARDER_OK && kind == NULL)
        refuse(v, i, UNDEFINED_TABLE);
    else if (status == LARDER_OK && kind[0] != 'p')
        refuse(v, i, WRONG_OBJECT);
    free(kind);
    return status;
}

/* That a table cannot be read is a difference, unless the connection is what failed. */
static enum larder_status compare_table(struct verify *v, struct pg *pg, size_t i,
                                        struct larder_error *error)
{
    const struct manifest_table *table = &v->manifest->tables[i];
    struct larder_table_proof *proof = &v->proof->tables[i];
    struct fingerprint fingerprint = {0};
    uint64_t rows = 0;
    enum larder_status status;

    status = manifest_has_rows(table)
                 ? proof_read_table(pg, v->manifest, table, &rows, &fingerprint, error)
                 : compare_partitioned(v, pg, i, error);
    if (status == LARDER_OK && v->refusals[i][0] == '\0')
        proof_set_target(proof, rows, fingerprint);
    return status == LARDER_OK && v->refusals[i][0] == '\0' ? compare_parent(v, pg, i, error)
                                                            : status;
}

static enum larder_status compare_on_lane(void *arg, int lane, size_t i, int stop_fd,
                                          struct larder_error *error)
{
    struct verify *v = arg;
    struct pg **pg = &v->targets[lane];
    enum larder_status status = LARDER_OK;

    if (*pg == NULL) {
        status = pg_connect(v->options->against, v->run, stop_fd, PG_CONNECT_SECONDS, pg, error);
        if (status != LARDER_OK)
            return status;
    }
    status = session_begin_read(*pg, error);
    if (status == LARDER_OK)
        status = compare_table(v, *pg, i, error);
    if (status == LARDER_FAILED && pg_sqlstate(*pg)[0] != '\0' && !pg_is_broken(*pg)) {
        refuse(v, i, pg_sqlstate(*pg));
        status = LARDER_OK;
    }
    session_rollback(*pg);
    return status;
}

/* What a refusal means for the table; NULL where it only says that one could not look. */
static const char *difference_of(const char *sqlstate)
{
    if (strcmp(sqlstate, UNDEFINED_TABLE) == 0 || strcmp(sqlstate, "3F000") == 0)
        return "is not in the target";
    if (strcmp(sqlstate, WRONG_OBJECT) == 0)
        return "is of another kind in the target";
    if (strcmp(sqlstate, NO_CHILD) == 0)
        return "is not its parent's child in the target";
    if (strcmp(sqlstate, "42703") == 0)
        return "has other columns in the target";
    return NULL;
}

static void note_refusals(struct verify *v)
{
    for (size_t i = 0; i < v->proof->table_count; i++) {
        struct larder_table_proof *t = &v->proof->tables[i];
        const char *difference = difference_of(v->refusals[i]);

        if (v->refusals[i][0] == '\0')
            continue;
        if (difference != NULL) {
            t->agree = LARDER_AGREE_NO;
            findings_add(&v->proof->findings, v->arena, "difference", t->name, "table \"%s.%s\" %s",
                         t->schema, t->name, difference);
        } else {
            findings_add(
                &v->proof->findings, v->arena, "unverified", t->name,
                "table \"%s.%s\" could not be read in the target, or not wholly (SQLSTATE %s)",
                t->schema, t->name, v->refusals[i]);
        }
    }
}

static enum larder_status compare(struct verify *v, struct larder_error *error)
{
    int lanes = crew_lanes(v->options->lanes);
    struct pg *target = NULL;
    enum larder_status status;

    v->targets = arena_alloc(v->arena, (size_t)lanes, sizeof(struct pg *));
    v->refusals = arena_alloc(v->arena, v->manifest->table_count, sizeof(*v->refusals));
    v->parents = manifest_parents(v->manifest, v->arena);
    if (v->targets == NULL || v->refusals == NULL || v->parents == NULL)
        return larder_fail_memory(error);
    status = crew_run(lanes, v->manifest->table_count, compare_on_lane, v, v->run, error);
    for (int i = 0; i < lanes; i++)
        pg_close(v->targets[i]);
    note_refusals(v);
    if (status == LARDER_OK)
        status = pg_connect(v->options->against, v->run, -1, PG_CONNECT_SECONDS, &target, error);
    if (status == LARDER_OK)
        status = session_begin_read(target, error);
    if (status == LARDER_OK)
        status =
            proof_add_metadata(v->proof, v->manifest, v->options->metadata, target, v->run, error);
    pg_close(target);
    /* Whatever kept us from looking is never agreement. */
    return status == LARDER_FAILED ? LARDER_UNVERIFIED : status;
}

static enum larder_status begin(struct verify *v, struct larder_error *error)
{
    const struct manifest_table **tables =
        arena_alloc(v->arena, v->manifest->table_count, sizeof(struct manifest_table *));

    if (tables == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < v->manifest->table_count; i++)
        tables[i] = &v->manifest->tables[i];
    return proof_begin(v->proof, v->manifest, tables, v->manifest->table_count, error);
}

/* The tables, beside what a database or the metadata says of them. */
static enum larder_status prove(struct verify *v, struct larder_error *error)
{
    const struct larder_verify_options *o = v->options;
    enum larder_status status;

    if (o->quick && o->against == NULL) {
        v->proof->agree = LARDER_AGREE_YES;
        run_message(v->run, LARDER_NOTE, "the SHA-256 of \"%s\" agrees; %s", v->opened.location,
                    is_sealed(v) ? "it is encrypted, and was not opened"
                                 : "its rows were not read");
        return LARDER_OK;
    }
    status = begin(v, error);
    if (status == LARDER_OK && o->against != NULL)
        status = compare(v, error);
    else if (status == LARDER_OK)
        status = proof_add_metadata(v->proof, v->manifest, o->metadata, NULL, v->run, error);
    if (status == LARDER_OK)
        status = proof_judge(v->proof, v->manifest, o->against != NULL, error);
    return status;
}

enum larder_status larder_verify(const struct larder_verify_options *options,
                                 const struct larder_run *run, struct larder_proof *proof,
                                 struct larder_error *error)
{
    struct verify v = {.options = options, .run = run, .proof = proof, .arena = arena_new()};
    struct larder_error unwanted = {0};
    double begun = run_clock();
    enum larder_status status;

    error = error == NULL ? &unwanted : error;
    *proof = (struct larder_proof){
        .archive = options->archive, .agree = LARDER_AGREE_UNKNOWN, .memory = v.arena};
    if (v.arena == NULL)
        return larder_fail_memory(error);
    status = opened_find(&v.opened, options->archive, options->store, run, v.arena, error);
    proof->archive = v.opened.location;
    if (status == LARDER_OK)
        status = check(&v, error);
    if (status == LARDER_DAMAGED)
        proof->agree = LARDER_AGREE_NO;
    if (status == LARDER_OK)
        status = prove(&v, error);
    proof->archive = arena_strdup(v.arena, proof->archive);
    proof->seconds = run_clock() - begun;
    opened_close(&v.opened);
    return status;
}

void larder_proof_free(struct larder_proof *proof)
{
    arena_free(proof->memory);
    *proof = (struct larder_proof){0};
}
