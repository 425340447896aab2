/* What the parts of hooks share. Internal to engine/hooks.c, engine/hooks/ and the doctor. */
#ifndef ENGINE_HOOKS_PARTS_H
#define ENGINE_HOOKS_PARTS_H

#include <signal.h>

#include "formats/arena.h"
#include "formats/buffer.h"
#include "larder/error.h"
#include "larder/hooks.h"

/* "success", "failure", ... */
const char *hook_event_name(enum larder_event_kind kind);

/* The event as "NAME=VALUE", NULL last, in the arena; NULL when memory is short. */
const char *const *hook_event_environment(const struct larder_event *event, struct arena *arena);

/* Appends it as a JSON document. */
enum larder_status hook_event_json(const struct larder_event *event, struct buffer *out,
                                   struct larder_error *error);

/* The file that a command's first word means: itself where it has a slash, else what PATH has of that name; NULL: nothing that may
 * be run. */
const char *hook_find_program(const char *word, struct arena *arena);

/* How long a hook may take, and what may end it before. */
struct hook_limit {
    double until; /* of run_clock() */
    const struct larder_run *run;
    sig_atomic_t signal; /* that had come before: it ends nothing any more */
};

/* Runs a command; what it writes is told line by line, as `name`'s. */
enum larder_status hook_command_run(const char *name, const char *const *words, size_t count,
                                    const char *const *environment, const struct hook_limit *limit,
                                    struct arena *arena, struct larder_error *error);

/*
 * Asks a URL, by POST where there is a body, else by GET; `tries` times where nobody answers or the answer is one of those that pass.
 * Redirects are not followed. Messages name the host, and no more of the URL, which may be a secret.
 */
enum larder_status hook_request(const char *url, const struct buffer *body, int tries,
                                const struct hook_limit *limit, struct arena *arena,
                                struct larder_error *error);

/* The host of a URL, without user, password and port. */
const char *hook_host(const char *url, struct arena *arena);

#endif
