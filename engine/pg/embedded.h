/*
 * A PostgreSQL server of one's own, for as long as it is needed: made by initdb in a private
 * folder, reachable by a socket in it alone, and made to be thrown away.
 *
 * It ends with its maker: a process that watches over it stops it and removes the folder, however
 * the maker ends. Where that process is killed, too, the server still stops, and the next
 * embedded_start removes the folder.
 */
#ifndef ENGINE_PG_EMBEDDED_H
#define ENGINE_PG_EMBEDDED_H

#include <stdbool.h>

#include "larder/error.h"
#include "larder/run.h"

struct embedded;

/*
 * Starts the programs of that major version, else the lowest newer one; as the user postgres, or
 * nobody, where we are root. With `keep` neither the server nor its folder go. LARDER_FAILED where
 * there is none.
 */
enum larder_status embedded_start(int major, const char *encoding, bool keep,
                                  const struct larder_run *run, struct embedded **embedded,
                                  struct larder_error *error);

/* How to reach its database "postgres" as a superuser; of the server. */
const struct larder_connect *embedded_connect(const struct embedded *embedded);

/* Stops it and removes its folder, unless it is to be kept; NULL is fine. */
void embedded_stop(struct embedded *embedded);

#endif
