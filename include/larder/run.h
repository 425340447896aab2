/*
 * What surrounds a run of any use case: where it tells what it is doing, and what may stop it.
 *
 * A const struct that is passed down; zero means: tell nobody, and let nothing stop it.
 */
#ifndef LARDER_RUN_H
#define LARDER_RUN_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#define LARDER_NAME "larder"

enum larder_level { LARDER_NOTE, LARDER_WARNING, LARDER_DETAIL };

enum { LARDER_LANES_MAX = 64 };

/* What one lane works on; `table` is NULL while it has nothing to do. */
struct larder_lane {
    const char *schema, *table;
    uint64_t rows, bytes; /* that it has done of the table */
};

struct larder_progress {
    const char *phase;    /* "schema", "export", "check", "load", "index", "proof", "copy" */
    uint64_t rows, bytes; /* done so far; bytes are raw bytes of rows */
    uint64_t rows_total,
        bytes_total; /* what is expected; 0: not known. An estimate when exporting */
    const struct larder_lane *lanes; /* as long as the call; NULL where there are none */
    size_t lane_count;
};

struct larder_run {
    /* Both may be called from any thread, but never by two at once. */
    void (*progress)(void *arg, const struct larder_progress *progress);
    void (*message)(void *arg, enum larder_level level, const char *text);
    void *arg;

    /*
     * A run stops at the next opportunity once `*stop_signal` is not 0 (SIGINT or SIGTERM), with
     * LARDER_INTERRUPTED or LARDER_TERMINATED. `wake_fd` must be readable from then on, so that
     * waiting ends; it is only looked at where stop_signal is not NULL.
     */
    const volatile sig_atomic_t *stop_signal;
    int wake_fd;
};

/*
 * How to reach a database; each may be NULL or empty. `dbname` may be a conninfo string or a URI.
 * What is not given comes from the environment and the service and password files, as libpq does
 * it.
 */
struct larder_connect {
    const char *dbname, *host, *port, *user, *password;
    const char *database; /* the name of a database in place of the one that `dbname` says */
};

/* A list of things found: owned by the result that holds it. */
struct larder_finding {
    const char *kind;    /* "table", "role", "extension", "privilege", ... */
    const char *object;  /* its name */
    const char *message; /* what is wrong, and what would help */
};

struct larder_findings {
    struct larder_finding *items;
    size_t count;
};

#endif
