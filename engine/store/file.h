/* Files that appear whole or not at all, and files read at any place. */
#ifndef ENGINE_STORE_FILE_H
#define ENGINE_STORE_FILE_H

#include "formats/input.h"
#include "formats/stage.h"
#include "larder/error.h"
#include "larder/run.h"

/* What the name of a file under construction begins with; its owner holds a lock (flock) on it. */
#define FILE_TEMPORARY ".larder-tmp-"

/*
 * Writes the file `path`, mode 0600: under a temporary name in the same folder, then fsync, rename,
 * fsync of the folder. It never replaces a file.
 */
enum larder_status file_create(const char *path, struct stage **stage, struct larder_error *error);

/* The same, in place of a file that may be there. */
enum larder_status file_create_over(const char *path, struct stage **stage,
                                    struct larder_error *error);

/* LARDER_USAGE where what such a file would lie in is no folder. */
enum larder_status file_check_folder(const char *path, struct larder_error *error);

/* Removes a file, durably. That there is none is fine. */
enum larder_status file_remove(const char *path, struct larder_error *error);

/* Makes durable which files a folder has. */
enum larder_status file_sync_folder(const char *folder, struct larder_error *error);
/* The same of the folder that the file lies in. */
enum larder_status file_sync_folder_of(const char *path, struct larder_error *error);

enum larder_status file_read(const char *path, struct input **input, struct larder_error *error);

/*
 * Reads what a descriptor gives, which may be a pipe: then it is first copied to a file without a
 * name in TMPDIR. The descriptor stays the caller's.
 */
enum larder_status file_read_from(int fd, const char *name, const struct larder_run *run,
                                  struct input **input, struct larder_error *error);

/* Removes what killed runs have left of files under construction whose names begin so; of all files in the folder where that is "". */
void file_remove_leftovers(const char *folder, const char *beginning);

#endif
