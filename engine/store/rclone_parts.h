/* What the files of the store of rclone share. */
#ifndef ENGINE_STORE_RCLONE_PARTS_H
#define ENGINE_STORE_RCLONE_PARTS_H

#include "engine/store/store.h"
#include "formats/rclone_list.h"

enum { RCLONE_NOT_FOUND = 3, RCLONE_ARGUMENTS = 20 };

#define RCLONE_KEY_DEPTH "3" /* of "SOURCE/PRESET/NAME" */

/* What the names of objects under construction begin with; then follows whose they are, a "-", and the object's. */
#define RCLONE_TEMPORARY ".larder-tmp-"

struct rclone {
    struct store store;
    char *program; /* its path */
    char *root;    /* "REMOTE:PATH" */
    bool asked;    /* what the remote can do: */
    enum rclone_hash hash;
    char *seen; /* the folder whose objects and left-overs were looked at; NULL: none yet */
    char *
        fetched; /* a folder of this machine with copies of small objects, by their keys; NULL: none */
};

/* Appends "REMOTE:PATH/KEY". */
void rclone_path(const struct rclone *rclone, const char *key, struct buffer *path);

/* Hides the parameters of a remote that is given on the fly, wherever the message repeats them. */
void rclone_hide(const char *remote, struct larder_error *error);

/* larder_context() with "could not DOING "PATH"", and without secrets. */
enum larder_status rclone_context(const struct rclone *rclone, const char *doing, const char *path,
                                  struct larder_error *error);

/* Fills what a start of the program takes: the options that are always given, and then these, NULL last. */
void rclone_arguments(const struct rclone *rclone, const char *const *more,
                      const char *arguments[RCLONE_ARGUMENTS]);

/*
 * Runs the program; `more` as above. `*code` is its exit code, also where it fails; may be NULL. A remote that is not
 * configured is LARDER_USAGE.
 */
enum larder_status rclone_run(const struct rclone *rclone, const char *const *more,
                              struct buffer *output, int *code, struct larder_error *error);

/*
 * What the program lists at a path of the remote; `options` are those of lsjson, NULL last. That there is nothing is no
 * failure: `*exists` is false then.
 */
enum larder_status rclone_entries(const struct rclone *rclone, const char *path,
                                  const char *const *options, struct arena *arena,
                                  struct rclone_entry **entries, size_t *count, bool *exists,
                                  struct larder_error *error);

/* Begins an object; `over`: it may take the place of one. */
enum larder_status rclone_create(struct rclone *rclone, const char *key, bool over,
                                 struct stage **stage, struct larder_error *error);

enum larder_status rclone_read(struct rclone *rclone, const char *key, struct input **input,
                               struct larder_error *error);

/* The store's `fetch`; forgetting removes what was fetched; and a read of it, false where it was not. */
void rclone_fetch(struct store *store, const char *folder);
void rclone_forget(struct rclone *rclone);
bool rclone_read_fetched(const struct rclone *rclone, const char *key, struct input **input);

/* Removes a file of the remote; that there is none is fine. A run that is to stop does not keep it from that. */
enum larder_status rclone_remove_path(struct rclone *rclone, const char *path,
                                      struct larder_error *error);

#endif
