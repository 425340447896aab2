/*
 * Where archives live. An object is named by a key, "SOURCE/PRESET/BACKUP_NAME.tar"; what a key
 * means as a path or a URL is the store's.
 *
 * A new kind of store is one file with a `struct store_kind`, and one row in the table in store.c.
 * Everything in it is required but what is marked optional (NULL).
 *
 * Objects are written once: creating one that exists fails. An object under construction is not
 * visible under its key until its stage has finished, and then it is durable.
 */
#ifndef ENGINE_STORE_STORE_H
#define ENGINE_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "formats/arena.h"
#include "formats/buffer.h"
#include "formats/input.h"
#include "formats/stage.h"
#include "larder/error.h"
#include "larder/run.h"

struct store {
    const struct store_kind *kind;
    const struct larder_run *run;

    /* Not 0: what is created from here on can be neither removed nor changed until then, by anybody.
     * Only to be set where the kind retains. */
    time_t retain_until;
    uint64_t expected_bytes; /* about how large what is created gets; 0 where that is not known */
    bool cleaning; /* what is asked now is asked for a short while even if the run is to stop */
};

struct store_object {
    const char *key;
    uint64_t bytes;
};

struct store_kind {
    const char *prefix; /* of its URLs; "" for the one that takes plain paths, which stands last */

    /* Opens the store; on success the caller owns it, and frees it with close. */
    enum larder_status (*open)(const char *url, const struct larder_run *run, struct store **store,
                               struct larder_error *error);
    void (*close)(struct store *store);

    /* Begins an object. LARDER_FAILED where it exists. */
    enum larder_status (*create)(struct store *store, const char *key, struct stage **stage,
                                 struct larder_error *error);
    enum larder_status (*read)(struct store *store, const char *key, struct input **input,
                               struct larder_error *error);
    /* All objects whose key begins with the prefix, sorted by key, in the arena. */
    enum larder_status (*list)(struct store *store, const char *prefix, struct arena *arena,
                               struct store_object **objects, size_t *count,
                               struct larder_error *error);
    /*
     * Removing what is not there is fine; it is durable. Where the store refuses it, as under an S3
     * Object Lock, the message says until when.
     */
    enum larder_status (*remove)(struct store *store, const char *key, struct larder_error *error);

    /* Appends how a person would name the object: a path or URL that larder takes. */
    void (*location)(struct store *store, const char *key, struct buffer *out);

    /*
     * Optional. Takes the lock of a folder of keys ("SOURCE/PRESET/") until the store is closed,
     * and removes what killed runs have left there; LARDER_LOCKED where another run holds it.
     */
    enum larder_status (*lock)(struct store *store, const char *folder, struct larder_error *error);

    /* Optional. LARDER_USAGE where there is no such store; `list` then finds nothing, and `create`
     * would make it. */
    enum larder_status (*find)(struct store *store, struct larder_error *error);

    bool retains; /* whether `retain_until` is heeded, as by S3 Object Lock */

    /*
     * Optional. Writes a whole small object, at once in place of one that is there. Without it the
     * older one is removed first.
     */
    enum larder_status (*replace)(struct store *store, const char *key, const void *bytes,
                                  size_t length, struct larder_error *error);

    /*
     * Optional. Removes what killed runs have left of objects under construction in a folder of keys, as far as they were
     * begun before a time: where there is no `lock`, and the caller has none of its own, somebody may be at work on
     * younger ones.
     */
    enum larder_status (*tidy)(struct store *store, const char *folder, time_t begun_before,
                               struct larder_error *error);

    /*
     * Optional, where reading each small object by itself takes long: gets copies of those in a folder of keys at once, as
     * they are now, and reads take these; NULL gives them up. What cannot be got so is read by itself.
     */
    void (*fetch)(struct store *store, const char *folder);

    /* Optional. Removes the store's own folder, if it is empty; else it stays, and that is no failure. */
    void (*remove_folder)(struct store *store);
};

/* Opens the store that a URL or path names. */
enum larder_status store_open(const char *url, const struct larder_run *run, struct store **store,
                              struct larder_error *error);
void store_close(struct store *store);

/* The same for a store that must be there already, since it is to be read. */
enum larder_status store_open_existing(const char *url, const struct larder_run *run,
                                       struct store **store, struct larder_error *error);

/* Hides what a store's URL, or an archive's, holds of secrets, wherever the message repeats it. */
void store_hide_secrets(const char *url, struct larder_error *error);

/* Whether a text names a store, or what is in one, by a URL; else it is a path. */
bool store_is_url(const char *text);
/* Whether it means this host's own disks, as far as the URL or path tells. */
bool store_is_local(const char *url);

/*
 * Takes the path or URL of an object, "STORE/SOURCE/PRESET/NAME", apart; both parts lie in the arena. False where
 * it has no such parts.
 */
bool store_split(const char *location, struct arena *arena, const char **store, const char **key);

/* Writes a whole small object; reads one of at most `most` bytes. */
enum larder_status store_put(struct store *store, const char *key, const void *bytes, size_t length,
                             struct larder_error *error);
enum larder_status store_get(struct store *store, const char *key, size_t most, struct buffer *out,
                             struct larder_error *error);

/* Writes a whole small object, in place of one that may be there: for what is no archive, and changes. */
enum larder_status store_replace(struct store *store, const char *key, const void *bytes,
                                 size_t length, struct larder_error *error);

extern const struct store_kind store_s3, store_rclone, store_folder;

#endif
