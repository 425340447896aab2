#include "larder/drill.h"

#include <string.h>

#include "engine/drill/parts.h"
#include "engine/run/run.h"

/*
 * The story, from top to bottom of larder_drill():
 *
 *   find        the archive that is meant, and what must be known of it
 *   verify      every byte of it, decoded, and counted anew: what the archive says of itself is proven first
 *   prepare     a database of our own, on the server, or on one that we start
 *   restore     into it, with stand-ins for whatever is missing, and prove it three ways
 *   checks      what a person wants to know of the data
 *   remove      the database, or the server
 *   record      what was found, in the source's database and beside the archive
 */

static void end_phase(struct drill *d, const char *name, double begun)
{
    struct larder_drill *r = d->result;

    if (r->phase_count < LARDER_DRILL_PHASES)
        r->phases[r->phase_count++] =
            (struct larder_phase){.name = name, .seconds = run_clock() - begun};
}

/* The last proof is the drill's own. */
static void take_proof(struct drill *d, struct larder_proof *proof)
{
    larder_proof_free(&d->result->proof);
    d->result->proof = *proof;
    *proof = (struct larder_proof){0};
}

/* What keeps a drill from a result is no agreement, and no difference either. */
static enum larder_status as_result(enum larder_status status, struct larder_error *error)
{
    if (status != LARDER_FAILED && status != LARDER_USAGE && status != LARDER_LOCKED)
        return status;
    error->status = LARDER_UNVERIFIED;
    return larder_context(error, "could not be verified");
}

/* That an archive agrees with itself is no agreement with a database. */
static void forget_agreement(struct larder_proof *proof)
{
    proof->agree = LARDER_AGREE_UNKNOWN;
    for (size_t i = 0; i < proof->table_count; i++)
        proof->tables[i].agree = LARDER_AGREE_UNKNOWN;
}

static enum larder_status verify(struct drill *d, struct larder_error *error)
{
    struct larder_verify_options options = {.archive = d->archive,
                                            .store = d->options->store,
                                            .keys = d->options->keys,
                                            .lanes = d->options->lanes};
    struct larder_proof proof;
    double begun = run_clock();
    enum larder_status status = larder_verify(&options, d->run, &proof, error);

    end_phase(d, "verify", begun);
    take_proof(d, &proof);
    if (status == LARDER_OK)
        forget_agreement(&d->result->proof);
    return as_result(status, error);
}

static enum larder_status prepare(struct drill *d, struct larder_error *error)
{
    struct scratch_options options = {.server = d->options->embedded ? NULL : &d->options->server,
                                      .encoding = d->encoding,
                                      .major = d->major,
                                      .keep = d->options->keep};
    double begun = run_clock();
    enum larder_status status = scratch_begin(&options, d->run, &d->scratch, error);

    end_phase(d, "prepare", begun);
    return as_result(status, error);
}

static enum larder_status restore(struct drill *d, struct larder_error *error)
{
    struct larder_restore_options options = {.archive = d->archive,
                                             .store = d->options->store,
                                             .keys = d->options->keys,
                                             .target = *scratch_connect(d->scratch),
                                             .metadata = d->known,
                                             .lanes = d->options->lanes,
                                             .create_roles = true,
                                             .role_comment = SCRATCH_COMMENT,
                                             .externals = LARDER_EXTERNALS_STUB,
                                             .whole_schema = d->options->whole_schema,
                                             .no_owner = !scratch_is_superuser(d->scratch),
                                             .sha256 = d->options->sha256};
    struct larder_proof proof;
    enum larder_status status = larder_restore(&options, d->run, &proof, error);
    struct larder_drill *r = d->result;

    for (size_t i = 0; i < proof.phase_count && r->phase_count < LARDER_DRILL_PHASES; i++)
        r->phases[r->phase_count++] = proof.phases[i];
    r->recovery_seconds = proof.seconds;
    take_proof(d, &proof);
    return as_result(status, error);
}

/* 3 goes before 9, and so does 8. */
static enum larder_status check(struct drill *d, struct larder_error *error)
{
    struct larder_error why = {0};
    double begun = run_clock();
    enum larder_status status = drill_check(d, &why);

    if (d->options->checks != NULL)
        end_phase(d, "checks", begun);
    if (status == LARDER_OK)
        return LARDER_OK;
    *error = why;
    d->result->proof.agree = status == LARDER_DIFFERENCE ? LARDER_AGREE_NO : LARDER_AGREE_UNKNOWN;
    return status;
}

static enum larder_status drill_scratch(struct drill *d, bool *archive_is_good,
                                        struct larder_error *error)
{
    enum larder_status status = prepare(d, error), checked;

    if (d->scratch != NULL)
        d->result->server = scratch_server(d->scratch);
    if (status == LARDER_OK)
        status = restore(d, error);
    *archive_is_good = status == LARDER_OK || status == LARDER_LEFT_OUT;
    if (!*archive_is_good)
        return status;
    checked = check(d, error);
    return checked == LARDER_OK ? status : checked;
}

/* The strings outlive the database that they tell of. */
static void keep_strings(struct drill *d)
{
    struct larder_drill *r = d->result;
    struct arena *arena = r->proof.memory;

    r->server = arena_strdup(arena, r->server);
    r->kept = d->options->keep && d->scratch != NULL
                  ? arena_strdup(arena, scratch_conninfo(d->scratch))
                  : NULL;
}

static enum larder_status run_drill(struct drill *d, bool *archive_is_good,
                                    struct larder_error *error)
{
    enum larder_status status = drill_find(d, error);
    double begun;

    if (status == LARDER_OK)
        status = drill_look(d, error);
    if (status == LARDER_OK || status == LARDER_DAMAGED) {
        drill_find_known(d);
        status = verify(d, error); /* which tells what is damaged, and how */
    }
    if (status != LARDER_OK)
        return status;
    status = drill_scratch(d, archive_is_good, error);
    begun = run_clock();
    keep_strings(d);
    scratch_end(d->scratch);
    end_phase(d, "remove", begun);
    return status;
}

static enum larder_status check_options(const struct larder_drill_options *o,
                                        struct larder_error *error)
{
    bool named = pg_names_database(&o->server) ||
                 (o->server.dbname != NULL && o->server.dbname[0] != '\0') ||
                 (o->server.host != NULL && o->server.host[0] != '\0');

    if (named != o->embedded)
        return LARDER_OK;
    larder_fail(error, LARDER_USAGE,
                named ? "a drill is either on a server or embedded, not both"
                      : "where to drill must be said");
    larder_hint(error, "Give -d SERVER, where a database is made and removed again, or --embedded, "
                       "which starts a server for the drill alone.");
    return LARDER_USAGE;
}

enum larder_status larder_drill(const struct larder_drill_options *options,
                                const struct larder_run *run, struct larder_drill *result,
                                struct larder_error *error)
{
    struct drill d = {.options = options, .run = run, .result = result, .arena = arena_new()};
    struct larder_error unwanted = {0};
    double begun = run_clock();
    bool archive_is_good = false;
    enum larder_status status;

    error = error == NULL ? &unwanted : error;
    *result = (struct larder_drill){.proof = {.archive = options->archive,
                                              .agree = LARDER_AGREE_UNKNOWN,
                                              .memory = arena_new()}};
    if (d.arena == NULL || result->proof.memory == NULL) {
        arena_free(d.arena);
        return larder_fail_memory(error);
    }
    status = check_options(options, error);
    if (status == LARDER_OK)
        status = run_drill(&d, &archive_is_good, error);
    result->proof.archive = arena_strdup(result->proof.memory, d.location);
    result->proof.backup_name = arena_strdup(result->proof.memory, d.backup_name);
    result->seconds = run_clock() - begun;
    result->proof.seconds = result->seconds;
    if (status != LARDER_USAGE && run_check(run, NULL) == LARDER_OK)
        drill_record(&d, status, archive_is_good);
    arena_free(d.arena);
    return status;
}

void larder_drill_free(struct larder_drill *drill)
{
    larder_proof_free(&drill->proof);
    *drill = (struct larder_drill){0};
}
