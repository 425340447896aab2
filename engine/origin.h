/* Whether an archive is the file that an export wrote: anybody with a recipient can make another one that decrypts. */
#ifndef ENGINE_ORIGIN_H
#define ENGINE_ORIGIN_H

#include "engine/opened.h"
#include "formats/arena.h"
#include "formats/manifest.h"
#include "larder/error.h"
#include "larder/run.h"

/*
 * Compares the SHA-256 of the whole file with the one given; LARDER_DAMAGED where they differ.
 */
enum larder_status origin_check_digest(struct opened *opened, const char *sha256,
                                       const struct larder_run *run, struct larder_error *error);

/*
 * Compares it with those that backups.archives of the source has for this backup; `source` may be
 * NULL. `*doubt` is NULL where it is one of them; where there is none to compare with it says why, in
 * the arena, and the file is not read. LARDER_DIFFERENCE where it is none of them.
 */
enum larder_status origin_ask_source(struct opened *opened, const struct manifest *manifest,
                                     const struct larder_connect *source,
                                     const struct larder_run *run, struct arena *arena,
                                     const char **doubt, struct larder_error *error);

#endif
