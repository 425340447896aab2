/* Installing the backups schema. */
#ifndef LARDER_INIT_H
#define LARDER_INIT_H

#include "larder/error.h"
#include "larder/run.h"

/* The migration, as SQL for any client; constant. */
extern const char larder_migration[];

/*
 * Installs or upgrades the schema in one transaction; what it changed comes as notes of the run. On
 * failure nothing was changed.
 */
enum larder_status larder_init(const struct larder_connect *database, const struct larder_run *run,
                               struct larder_error *error);

#endif
