#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/cli/completion.h"
#include "engine/cli/config.h"
#include "engine/inventory.h"
#include "engine/presets.h"
#include "formats/names.h"

enum { SECONDS = 2, NAMES_MAX = 4096 };

struct names {
    struct arena *arena;
    const char *items[NAMES_MAX];
    size_t count, printed;
};

/* What is typed in a shell must not mean anything to it. */
static bool is_safe(const char *name)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.";

    return name[0] != '\0' && name[strspn(name, safe)] == '\0';
}

static void add(struct names *names, const char *name)
{
    if (name == NULL || !is_safe(name) || names->count == NAMES_MAX)
        return;
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0)
            return;
    names->items[names->count++] = name;
}

/* A shell has not replaced it yet. */
static const char *path_of(const char *word, struct arena *arena)
{
    const char *home = getenv("HOME");

    return strncmp(word, "~/", 2) == 0 && home != NULL ? arena_printf(arena, "%s%s", home, word + 1)
                                                       : word;
}

/* The options that say where to look, out of whatever is typed so far; what makes no sense yet is
 * passed over. "--store=URL" may come in three words. */
static void read_words(struct cli_values *v, int count, char **words, struct arena *arena)
{
    for (int i = 0; i < count; i++) {
        const char **value = strncmp(words[i], "--store", 7) == 0    ? &v->store
                             : strncmp(words[i], "--config", 8) == 0 ? &v->config_file
                             : strncmp(words[i], "--dbname", 8) == 0 || strcmp(words[i], "-d") == 0
                                 ? &v->connect.dbname
                                 : NULL;
        const char *equals = strchr(words[i], '=');

        if (value == NULL)
            continue;
        if (equals != NULL && equals[1] != '\0')
            *value = path_of(equals + 1, arena);
        else if (i + 2 < count && strcmp(words[i + 1], "=") == 0)
            *value = path_of(words[i + 2], arena);
        else if (i + 1 < count && strcmp(words[i + 1], "=") != 0)
            *value = path_of(words[i + 1], arena);
    }
}

static void look_into_store(struct names *names, const struct cli_values *v, bool presets,
                            const struct larder_run *run)
{
    struct larder_error error = {0};
    struct inventory inventory = {0};
    struct store *store = NULL;

    if (v->store == NULL || store_open_existing(v->store, run, &store, &error) != LARDER_OK)
        return;
    if (inventory_list(store, "", names->arena, &inventory, &error) != LARDER_OK)
        inventory.count = 0;
    for (size_t i = 0; i < inventory.count; i++)
        if (inventory.backups[i].archive != NULL)
            add(names, presets ? inventory.backups[i].preset : inventory.backups[i].backup_name);
    store_close(store);
}

/* Only where the source is known without guessing. */
static void look_into_source(struct names *names, const struct cli_values *v,
                             const struct larder_run *run)
{
    struct larder_connect source = config_source(v);
    struct larder_error error = {0};
    struct presets presets = {0};
    struct pg *pg = NULL;

    if (source.dbname == NULL || pg_connect(&source, run, -1, SECONDS, &pg, &error) != LARDER_OK)
        return;
    if (presets_read(pg, &v->config.presets, names->arena, &presets, &error) == LARDER_OK)
        for (size_t i = 0; i < presets.count; i++)
            add(names, presets.items[i].name);
    pg_close(pg);
}

/* Those that were not printed yet. */
static void print(struct names *names)
{
    for (; names->printed < names->count; names->printed++)
        printf("%s\n", names->items[names->printed]);
    fflush(stdout);
}

/* Whoever types must not wait for a store that does not answer: the alarm ends the program. What is
 * known sooner is printed sooner. */
int completion_answer(int count, char **arguments)
{
    static struct cli_values values;
    static struct names names;
    struct larder_run run = {0};
    struct larder_error error = {0};
    bool presets = count > 0 && strcmp(arguments[0], "presets") == 0;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (null >= 0)
        dup2(null, STDERR_FILENO);
    alarm(SECONDS);
    names.arena = arena_new();
    if (names.arena == NULL || count == 0)
        return LARDER_OK;
    read_words(&values, count - 1, arguments + 1, names.arena);
    if (config_complete("s", &values, &run, &error) != LARDER_OK)
        values.store = values.store != NULL ? values.store : getenv("LARDER_STORE");
    for (size_t i = 0; presets && i < values.config.presets.count; i++)
        add(&names, values.config.presets.items[i].name);
    look_into_store(&names, &values, presets, &run);
    print(&names);
    if (presets)
        look_into_source(&names, &values, &run);
    print(&names);
    larder_config_free(&values.config);
    arena_free(names.arena);
    return LARDER_OK;
}
