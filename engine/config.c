#include "larder/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/key_file.h"
#include "engine/pg/conninfo.h"
#include "engine/run/run.h"
#include "formats/age/age.h"
#include "formats/config.h"

_Static_assert((int)KEY_FILE_LIMIT == (int)CONFIG_MAX_BYTES, "one limit for both");

static const char *variable(void *arg, const char *name)
{
    (void)arg;
    return getenv(name);
}

/* NULL where the variable is not set, or is no absolute path, as the rule for XDG_CONFIG_HOME has it. */
static const char *below(struct arena *arena, const char *name, const char *rest)
{
    const char *folder = getenv(name);

    return folder == NULL || folder[0] != '/' ? NULL : arena_printf(arena, "%s%s", folder, rest);
}

/* Only that it is not there lets it be passed over: one that may not be read is not read for others. */
static bool is_missing(const char *path)
{
    return path == NULL || (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR));
}

/* The file to read; NULL where there is none. */
static const char *find(const char *file, struct arena *arena)
{
    const char *named = getenv("LARDER_CONFIG");
    const char *places[2] = {NULL, "/etc/larder/larder.conf"};

    if (file == NULL && named != NULL)
        file = named;
    if (file != NULL)
        return file[0] == '\0' ? NULL : file;
    places[0] = below(arena, "XDG_CONFIG_HOME", "/larder/larder.conf");
    if (places[0] == NULL)
        places[0] = below(arena, "HOME", "/.config/larder/larder.conf");
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (!is_missing(places[i]))
            return places[i];
    return NULL;
}

static bool has_password(const struct larder_config *config)
{
    return conninfo_has_password(config->conninfo) || conninfo_has_password(config->schema_from) ||
           conninfo_has_password(config->record_to);
}

/* Who else may read it, where it is a secret; and who else may write it: it says what is run, and for whom archives are encrypted. */
static void warn_of_others(const struct larder_config *config, const struct larder_run *run)
{
    struct stat file;
    unsigned mode;

    if (stat(config->file, &file) != 0 || !S_ISREG(file.st_mode))
        return;
    mode = (unsigned)file.st_mode & 0777;
    if ((mode & 022) != 0)
        run_message(
            run, LARDER_WARNING,
            "\"%s\" can be changed by others (mode %03o), who then choose what larder runs and "
            "who reads its archives; chmod go-w keeps them out",
            config->file, mode);
    else if (file.st_uid != 0 && file.st_uid != geteuid())
        run_message(run, LARDER_WARNING,
                    "\"%s\" belongs to another user, who chooses what larder runs and who reads "
                    "its archives",
                    config->file);
    if ((mode & 077) != 0 && has_password(config))
        run_message(
            run, LARDER_WARNING,
            "\"%s\" holds a password and can be read by others (mode %03o); chmod 600 keeps "
            "them out, and ~/.pgpass is a better place",
            config->file, mode);
}

enum larder_status larder_config_load(const char *file, const struct larder_run *run,
                                      struct larder_config *config, struct larder_error *error)
{
    const struct config_variables variables = {.look_up = variable};
    struct arena *arena = arena_new();
    char *text;
    size_t length;
    enum larder_status status;

    *config = (struct larder_config){.memory = arena};
    if (arena == NULL)
        return larder_fail_memory(error);
    file = find(file, arena);
    if (file == NULL)
        return arena_failed(arena) ? larder_fail_memory(error) : LARDER_OK;
    config->file = arena_strdup(arena, file);
    status = key_file_read(file, "configuration file", false, run, &text, &length, error);
    if (status == LARDER_OK)
        status = config_read(config->file, text, length, &variables, arena, config, error);
    else if (status == LARDER_USAGE)
        larder_hint(error, "LARDER_CONFIG, set and empty, lets larder run without one.");
    age_secret_free(text);
    if (status == LARDER_OK)
        warn_of_others(config, run);
    return status;
}

void larder_config_free(struct larder_config *config)
{
    arena_free(config->memory);
    *config = (struct larder_config){0};
}
