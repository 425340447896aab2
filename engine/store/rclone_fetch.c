/* Copies of small objects, made by one start of the program where each would take one of its own to be read. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/store/file.h"
#include "engine/store/rclone_parts.h"

enum { OPEN_FOLDERS = 8 };

static int remove_entry(const char *path, const struct stat *facts, int kind, struct FTW *place)
{
    (void)facts;
    (void)kind;
    (void)place;
    return remove(path);
}

void rclone_forget(struct rclone *rclone)
{
    if (rclone->fetched == NULL)
        return;
    nftw(rclone->fetched, remove_entry, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS);
    free(rclone->fetched);
    rclone->fetched = NULL;
}

/* Makes a folder for them. */
static bool make_place(struct rclone *rclone)
{
    const char *folder = getenv("TMPDIR");
    struct buffer path = {0};

    buffer_printf(&path, "%s/larder-XXXXXX", folder == NULL || folder[0] != '/' ? "/tmp" : folder);
    rclone->fetched = path.failed ? NULL : strdup(buffer_text(&path));
    buffer_free(&path);
    if (rclone->fetched != NULL && mkdtemp(rclone->fetched) != NULL)
        return true;
    free(rclone->fetched);
    rclone->fetched = NULL;
    return false;
}

void rclone_fetch(struct store *store, const char *folder)
{
    static const char depth[] = "--max-depth=" RCLONE_KEY_DEPTH;
    struct rclone *rclone = (struct rclone *)store;
    struct buffer from = {0}, to = {0}, output = {0};

    rclone_forget(rclone);
    if (folder == NULL || !make_place(rclone))
        return;
    rclone_path(rclone, folder, &from);
    buffer_printf(&to, "%s/%s", rclone->fetched, folder);
    if (from.failed || to.failed ||
        rclone_run(rclone,
                   (const char *[]){"copy", "--include=*.json", "--include=*.sha256",
                                    "--max-size=1M", depth, buffer_text(&from), buffer_text(&to),
                                    NULL},
                   &output, NULL, NULL) != LARDER_OK)
        rclone_forget(rclone);
    buffer_free(&from);
    buffer_free(&to);
    buffer_free(&output);
}

bool rclone_read_fetched(const struct rclone *rclone, const char *key, struct input **input)
{
    struct buffer path = {0};
    bool found;

    if (rclone->fetched == NULL)
        return false;
    buffer_printf(&path, "%s/%s", rclone->fetched, key);
    found = !path.failed && file_read(buffer_text(&path), input, NULL) == LARDER_OK;
    buffer_free(&path);
    return found;
}
