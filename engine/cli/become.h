/*
 * Root's setup works as the user who will run larder at night, so that what is checked is what that user can do, and what is written is
 * that user's.
 */
#ifndef ENGINE_CLI_BECOME_H
#define ENGINE_CLI_BECOME_H

#include <stdbool.h>

#include "larder/error.h"

/* The user that the Debian package makes. */
#define BECOME_USER "larder"

/*
 * Becomes the user of that name: identities, groups, and what the environment says of home. NULL: "larder", where there is one. Does
 * nothing, and sets `*became` to false, where we are not root, or the user is. LARDER_USAGE where there is no such user.
 */
enum larder_status become_user(const char *name, bool *became, struct larder_error *error);

/* Root again, for what is root's alone. */
enum larder_status become_root(struct larder_error *error);

#endif
