#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "engine/keys.h"
#include "engine/restore/existing.h"
#include "engine/run/run.h"
#include "engine/store/file.h"
#include "formats/buffer.h"
#include "formats/names.h"
#include "larder/export.h"

enum { NAMES = 1000 };

/*
 * undo_DATABASE_YYYYMMDD_HH24MISS.tar, in the folder that the program runs in; one that is not taken. What killed restores of the database
 * have left of theirs goes.
 */
static const char *find_name(const struct restore *r)
{
    const char *ending = keys_name_recipients(&r->options->undo_encryption) ? ".age" : "";
    struct buffer beginning = {0};
    char stamp[32];
    time_t now = time(NULL);
    struct tm utc;
    const char *name = NULL;
    struct stat stat;

    buffer_puts(&beginning, "undo_");
    names_source(&beginning, r->target.database);
    buffer_puts(&beginning, "_");
    file_remove_leftovers(".", buffer_text(&beginning));
    strftime(stamp, sizeof(stamp), "%Y%m%d_%H%M%S", gmtime_r(&now, &utc));
    for (int i = 1; i < NAMES; i++) {
        name = i == 1 ? arena_printf(r->arena, "%s%s.tar%s", buffer_text(&beginning), stamp, ending)
                      : arena_printf(r->arena, "%s%s_%d.tar%s", buffer_text(&beginning), stamp, i,
                                     ending);
        if (lstat(name, &stat) != 0)
            break;
    }
    buffer_free(&beginning);
    return name;
}

/* With allow_cascade. */
static enum larder_status find_reached(const struct merging *m, const uint32_t *oids,
                                       size_t changed, const char ***names, size_t *count,
                                       struct larder_error *error)
{
    struct restore *r = m->restore;
    bool *keyless;
    enum larder_status status =
        merge_reached(m->pg, oids, changed, r->arena, names, &keyless, count, error);

    for (size_t i = 0; status == LARDER_OK && i < *count; i++)
        if (keyless[i])
            run_message(r->run, LARDER_WARNING,
                        "%s has no primary key: the undo archive has its rows, but --existing "
                        "rows cannot put them back; leave it out then with -t '!%s', and load it "
                        "beside with --into-schema",
                        (*names)[i], (*names)[i]);
    return status;
}

/* The tables that may change, and with allow_cascade those that are changed by that. */
static enum larder_status find_tables(const struct merging *m, const char ***names, size_t *count,
                                      struct larder_error *error)
{
    struct restore *r = m->restore;
    uint32_t *oids = arena_alloc(r->arena, m->count, sizeof(*oids));
    size_t changed = 0;

    *count = 0;
    *names = arena_alloc(r->arena, m->count, sizeof(**names));
    if (oids == NULL || *names == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < m->count; i++)
        if (merging_touches(m, &m->items[i])) {
            oids[changed++] = m->items[i].shape.oid;
            (*names)[(*count)++] = m->items[i].target;
        }
    return r->options->allow_cascade ? find_reached(m, oids, changed, names, count, error)
                                     : LARDER_OK;
}

/* An export of a table brings those along that inherit from it: the merge does not touch these, and so the undo must not take them back. */
static enum larder_status leave_out_heirs(const struct merging *m, const char ***names,
                                          size_t *count, struct larder_error *error)
{
    struct arena *arena = m->restore->arena;
    const char **heirs, **all;
    size_t heir_count;
    enum larder_status status =
        merge_heirs(m->pg, *names, *count, arena, &heirs, &heir_count, error);

    if (status != LARDER_OK || heir_count == 0)
        return status;
    all = arena_alloc(arena, *count + heir_count, sizeof(*all));
    if (all == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < *count; i++)
        all[i] = (*names)[i];
    for (size_t i = 0; i < heir_count; i++)
        all[*count + i] = arena_printf(arena, "!%s", heirs[i]);
    *names = all;
    *count += heir_count;
    return arena_failed(arena) ? larder_fail_memory(error) : LARDER_OK;
}

enum larder_status merging_write_undo(struct merging *m, struct larder_error *error)
{
    struct restore *r = m->restore;
    struct larder_export_options options = {
        .source = r->options->target,
        .output = r->options->undo_file != NULL ? r->options->undo_file : find_name(r),
        .encryption = r->options->undo_encryption,
        .lanes = r->options->lanes,
        .no_record = true,
        .lock_timeout = r->options->lock_timeout,
    };
    struct larder_export_result result = {0};
    const char **names;
    enum larder_status status = find_tables(m, &names, &options.table_count, error);

    if (status == LARDER_OK)
        status = leave_out_heirs(m, &names, &options.table_count, error);
    options.tables = names;
    if (r->opened.encrypted && !keys_name_recipients(&r->options->undo_encryption))
        run_message(r->run, LARDER_WARNING,
                    "the archive is encrypted, the undo archive will not be: -r encrypts it");
    if (status == LARDER_OK)
        status = larder_export(&options, r->run, &result, error);
    if (status == LARDER_OK)
        r->proof->undo = arena_strdup(r->arena, result.archive);
    larder_export_result_free(&result);
    if (status == LARDER_OK)
        return arena_failed(r->arena) ? larder_fail_memory(error) : LARDER_OK;
    larder_context(error, "could not write the undo archive, so nothing was changed");
    if (error->hint[0] == '\0')
        larder_hint(error, "--undo FILE writes it elsewhere, --no-undo does without.");
    return status;
}
