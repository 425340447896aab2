#include "engine/origin.h"

#include <string.h>
#include <strings.h>

#include "engine/record.h"
#include "engine/run/run.h"

enum larder_status origin_check_digest(struct opened *opened, const char *sha256,
                                       const struct larder_run *run, struct larder_error *error)
{
    char found[65];
    enum larder_status status = opened_digest(opened, run, found, error);

    if (status == LARDER_OK && strcasecmp(found, sha256) != 0)
        status = larder_fail(error, LARDER_DAMAGED,
                             "the SHA-256 of \"%s\" is %s, not the one that was given",
                             opened->location, found);
    return status;
}

/* The digests that the source has recorded; that it cannot be asked is no failure. */
static enum larder_status recorded(const struct manifest *manifest,
                                   const struct larder_connect *source,
                                   const struct larder_run *run, struct arena *arena,
                                   const char ***digests, size_t *count, const char **doubt,
                                   struct larder_error *error)
{
    struct larder_error why = {0};
    struct pg *pg = NULL;
    enum larder_status status = LARDER_OK;

    *count = 0;
    if (source == NULL)
        larder_fail(&why, LARDER_FAILED,
                    "neither --sha256 nor the source (LARDER_SOURCE) was given to compare it with");
    else if (pg_connect(source, run, -1, PG_CONNECT_SECONDS, &pg, &why) != LARDER_OK ||
             record_read_digests(pg, manifest, arena, digests, count, &why) != LARDER_OK)
        status = run_check(run, error);
    else if (*count == 0)
        larder_fail(&why, LARDER_FAILED, "backups.archives of the source does not have it");
    pg_close(pg);
    *doubt = *count == 0 ? arena_strdup(arena, why.message) : NULL;
    return status == LARDER_OK && arena_failed(arena) ? larder_fail_memory(error) : status;
}

enum larder_status origin_ask_source(struct opened *opened, const struct manifest *manifest,
                                     const struct larder_connect *source,
                                     const struct larder_run *run, struct arena *arena,
                                     const char **doubt, struct larder_error *error)
{
    char found[65];
    const char **digests = NULL;
    size_t count;
    enum larder_status status =
        recorded(manifest, source, run, arena, &digests, &count, doubt, error);

    if (status != LARDER_OK || count == 0)
        return status;
    status = opened_digest(opened, run, found, error);
    if (status != LARDER_OK)
        return status;
    for (size_t i = 0; i < count; i++)
        if (strcmp(found, digests[i]) == 0)
            return LARDER_OK;
    larder_fail(error, LARDER_DIFFERENCE,
                "\"%s\" is not the file that the export wrote: its SHA-256 is %s, and "
                "backups.archives of the source has %s; nothing was touched",
                opened->location, found, digests[0]);
    larder_hint(error, "A copy with other recipients has a SHA-256 of its own: give that with "
                       "--sha256, as it was when the copy was made.");
    return LARDER_DIFFERENCE;
}
