/* What the parts of the command setup share. Internal to engine/cli/setup*.c. */
#ifndef ENGINE_CLI_SETUP_H
#define ENGINE_CLI_SETUP_H

#include "engine/cli/cli.h"
#include "engine/cli/password.h"
#include "formats/arena.h"

enum { SETUP_ANSWER = 1024, SETUP_TRIES = 3 };

struct setup {
    struct cli_values *v; /* what was given, and then what was answered */
    struct larder_run *run;
    struct arena *arena;
    bool ask;                /* on the terminal */
    bool found;              /* there is a configuration, which is used as it is */
    bool was_root;           /* and works as another user now */
    const char *user;        /* whom the schedule is for */
    const char *config_file; /* absolute */
    bool usual_place;        /* that of the host, where services look for it */
    const char *option;      /* " --config FILE" where that user's larder looks elsewhere, or "" */
    char password[PASSWORD_BYTES];
};

/* A path from where we are, in the arena; NULL stays NULL. */
const char *setup_absolute(const char *path, struct arena *arena);

/*
 * Asks a question; the answer lies in the arena, and is `usual` where nothing was typed, which may be NULL. LARDER_INTERRUPTED at the
 * end of the input, or where a signal comes.
 */
enum larder_status setup_question(struct setup *s, const char *question, const char *usual,
                                  const char **answer, struct larder_error *error);

/* Asks for what is not given yet, and checks source, store and keys for real; writes nothing. Without a terminal: checks alone. */
enum larder_status setup_ask(struct setup *s, struct larder_error *error);

/* Where there is a configuration: LARDER_USAGE where an option wants something else than it says. */
enum larder_status setup_check_given(const struct setup *s, const struct cli_values *given,
                                     struct larder_error *error);

/* The schedule alone: to standard output, or into a folder. */
enum larder_status setup_schedule_alone(const struct cli_values *v, const struct larder_run *run,
                                        struct larder_error *error);
/* LARDER_USAGE where `s->v->schedule` is none that can be made, or needs another source or store. Without one it is LARDER_OK. */
enum larder_status setup_check_schedule(const struct setup *s, struct larder_error *error);
/* The schedule of what has been set up, as `s->v->schedule` says; installs what root may install. */
enum larder_status setup_schedule(struct setup *s, struct larder_error *error);

#endif
