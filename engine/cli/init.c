#include <stdio.h>
#include <time.h>

#include "engine/cli/cli.h"
#include "engine/cli/config.h"
#include "engine/cli/password.h"
#include "larder/init.h"

/* Supabase never runs a version again that it has recorded, so what is printed bears the present
 * time. */
static void print_migration(void)
{
    char stamp[32] = "";
    time_t now = time(NULL);
    struct tm tm = {0};

    gmtime_r(&now, &tm);
    strftime(stamp, sizeof(stamp), "%Y%m%d%H%M%S", &tm);
    printf("-- supabase/migrations/%s_larder_backup_system.sql\n", stamp);
    fputs(larder_migration, stdout);
}

enum larder_status cli_init(const struct cli_values *v, struct larder_run *run,
                            struct larder_error *error)
{
    struct larder_connect connect = config_source(v);
    char password[PASSWORD_BYTES];
    enum larder_status status;

    if (v->arguments.count > 0)
        return larder_fail(error, LARDER_USAGE, "init takes no argument \"%s\"",
                           v->arguments.items[0]);
    if (v->print) {
        print_migration();
        return LARDER_OK;
    }
    status = password_ask(v, &connect, password, run, error);
    if (status == LARDER_OK)
        status = larder_init(&connect, run, error);
    if (status == LARDER_OK && v->json)
        printf("{\"installed\": true}\n");
    else if (status == LARDER_OK && !v->quiet)
        printf("The backups schema is installed and up to date.\n");
    return status;
}
