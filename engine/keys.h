/* What opens archives, and whom they are encrypted to, within the engine. */
#ifndef ENGINE_KEYS_H
#define ENGINE_KEYS_H

#include <stdbool.h>

#include "formats/age/age.h"
#include "formats/input.h"
#include "larder/error.h"
#include "larder/keys.h"
#include "larder/run.h"

/* Whether the options name anybody to encrypt to. */
bool keys_name_recipients(const struct larder_encryption *to);

/*
 * Reads the recipients, or the passphrase, that the options name; `*recipients` is NULL where they
 * name none, else the caller frees it. LARDER_USAGE where one is none.
 */
enum larder_status keys_recipients(const struct larder_encryption *to, const struct larder_run *run,
                                   struct age_recipients **recipients, struct larder_error *error);

/* All that the keys are, for as long as they live; opens what is encrypted itself. LARDER_NO_KEY
 * where that cannot be opened. */
enum larder_status keys_identities(struct larder_keys *keys, struct age_identities **identities,
                                   struct larder_error *error);

/* Where `status` is LARDER_NO_KEY, says in the hint what was tried; returns `status`. */
enum larder_status keys_explain(struct larder_keys *keys, enum larder_status status,
                                struct larder_error *error);

/*
 * Random access to the plaintext of an encrypted archive; takes `archive` over on success only.
 * `keys` may be NULL here and below. LARDER_NO_KEY where none of them fits.
 */
enum larder_status keys_open(struct larder_keys *keys, struct input *archive, struct input **plain,
                             struct larder_error *error);

/*
 * Whether keys open an archive, by its header alone: LARDER_OK, LARDER_NO_KEY, LARDER_DAMAGED.
 * LARDER_OK for one that is not encrypted. Nothing of the data is read or proven.
 */
enum larder_status keys_fit(struct larder_keys *keys, struct input *archive,
                            struct larder_error *error);

/*
 * Gives an encrypted archive other recipients: `*rewrapped` reads as the new file, which is a new
 * header and the old data, byte for byte. Takes `archive` over on success only; the keys are not
 * needed afterwards. LARDER_USAGE where the archive is not encrypted, or `to` names nobody.
 */
enum larder_status keys_rewrap(struct larder_keys *keys, const struct larder_encryption *to,
                               const struct larder_run *run, struct input *archive,
                               struct input **rewrapped, struct larder_error *error);

#endif
