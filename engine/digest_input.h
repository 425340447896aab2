/*
 * An input that takes the digest of the whole along while others read pieces of it, so that it need not be fetched from a store a
 * second time. A digest is taken from the beginning on: pieces that are read in the order of the file add to it; what is missing at the
 * end is read then. Of an input that is near, such as a file, reading twice costs less than waiting for each other: what others read adds
 * nothing, and somebody takes the digest on by itself.
 */
#ifndef ENGINE_DIGEST_INPUT_H
#define ENGINE_DIGEST_INPUT_H

#include <stdbool.h>

#include "formats/input.h"
#include "formats/sha256.h"
#include "larder/error.h"
#include "larder/run.h"

struct digest_input;

/* Puts itself in the place of `*input`, which it closes with itself; where it fails that stays as it is. */
enum larder_status digest_input_open(struct digest_input **digest, struct input **input,
                                     bool is_near, const struct larder_run *run,
                                     struct larder_error *error);

bool digest_input_is_near(const struct digest_input *digest);

/*
 * Of one that is near: adds all up to `to`, and what of it lies behind `from` into `part` as well, which may be NULL. Neither lies before
 * what was added already. One thread at a time, which needs no lock. False where it failed, which digest_input_end tells.
 */
bool digest_input_advance(struct digest_input *digest, uint64_t from, uint64_t to,
                          struct sha256 *part);

/*
 * Of one that is not: with `in_order`, everything from the first byte on is going to be read, by several threads that each take what comes
 * next. One that is ahead of its turn then waits, with what it has read, for those before it. To be ended as soon as one of them leaves
 * something out. NULL is fine.
 */
void digest_input_in_order(struct digest_input *digest, bool in_order);

/* Adds all of an input, which need not be one of these, to a digest; looks now and then whether the run is to end. */
enum larder_status digest_input_add(struct input *input, struct sha256 *sha,
                                    const struct larder_run *run, struct larder_error *error);

/* The digest of all, in hexadecimal digits. For once, and when nobody reads any more. */
enum larder_status digest_input_end(struct digest_input *digest, char sha256[SHA256_HEX],
                                    struct larder_error *error);

#endif
