/* The proof: what a database holds, counted and fingerprinted by COPY, beside archive and metadata.
 */
#ifndef ENGINE_PROOF_H
#define ENGINE_PROOF_H

#include "engine/pg/connection.h"
#include "formats/arena.h"
#include "formats/manifest.h"
#include "larder/error.h"
#include "larder/restore.h"
#include "larder/run.h"

/* Fills the proof's tables, for those of the manifest that are given: archive's side only. */
enum larder_status proof_begin(struct larder_proof *proof, const struct manifest *manifest,
                               const struct manifest_table *const *tables, size_t count,
                               struct larder_error *error);

/*
 * What one table of the target holds; through COPY in the archive's format, in the transaction that
 * is open on `pg`. LARDER_OK also where the table cannot be read as the archive's was: then the
 * finding says why.
 */
enum larder_status proof_read_table(struct pg *pg, const struct manifest *manifest,
                                    const struct manifest_table *table, uint64_t *rows,
                                    struct fingerprint *fingerprint, struct larder_error *error);

/* Notes what was found in the target. */
void proof_set_target(struct larder_table_proof *table, uint64_t rows,
                      struct fingerprint fingerprint);

/*
 * Adds the metadata's counts: from `metadata`, or from `target`, whichever database has rows for
 * this backup, else the manifest's own copy. Both may be NULL.
 */
enum larder_status proof_add_metadata(struct larder_proof *proof, const struct manifest *manifest,
                                      const struct larder_connect *metadata, struct pg *target,
                                      const struct larder_run *run, struct larder_error *error);

/* Judges every table and the whole; each disagreement is a finding. LARDER_DIFFERENCE where there
 * is one. */
enum larder_status proof_judge(struct larder_proof *proof, const struct manifest *manifest,
                               bool with_target, struct larder_error *error);

#endif
