/* Checking an archive against itself, on several threads: what verify does, and restore before it
 * touches anything. */
#ifndef ENGINE_CHECK_H
#define ENGINE_CHECK_H

#include <stdbool.h>

#include "engine/opened.h"
#include "formats/arena.h"
#include "larder/error.h"
#include "larder/run.h"

/*
 * Reads the members that `wanted` marks (one flag for each entry of the reader; NULL: all), and
 * checks header, padding and SHA-256 of each; with `decode` every frame is decoded, too, and rows
 * and fingerprints are counted anew. Each fault is a finding in the arena; LARDER_DAMAGED where
 * there is one. Where all are read, and somebody wants the digest of the whole (`opened->digest`), they are read in the order of the file.
 */
enum larder_status check_archive(struct opened *opened, const bool *wanted, bool decode, int lanes,
                                 const struct larder_run *run, struct arena *arena,
                                 struct larder_findings *findings, struct larder_error *error);

#endif
