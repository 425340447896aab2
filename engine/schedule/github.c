/* A workflow of GitHub Actions. A crontab's line is the name of what is to be done, since that is all that a run is told. */
#include <string.h>

#include "engine/pg/conninfo.h"
#include "engine/schedule/parts.h"
#include "engine/store/store.h"

enum { NEWEST = 18 };

static const char head[] =
    "# larder's schedule. In the repository: larder.conf, without secrets in it.\n"
    "# In its settings: the variable LARDER_DEB (a URL of larder's Debian package) and the secrets that the steps name.\n"
    "name: larder\n"
    "on:\n"
    "  workflow_dispatch:\n"
    "    inputs:\n"
    "      preset:\n"
    "        description: the preset to export\n"
    "        required: true\n"
    "  schedule:\n";

static const char middle[] =
    "permissions:\n"
    "  contents: read\n"
    "concurrency:\n"
    "  group: larder-${{ github.event.schedule || inputs.preset }}\n"
    "jobs:\n"
    "  larder:\n"
    "    runs-on: ubuntu-latest\n"
    "    container: debian:12\n"
    "    timeout-minutes: 350\n"
    "    env:\n"
    "      LARDER_CONFIG: larder.conf\n"
    "      LARDER_SOURCE: ${{ secrets.LARDER_SOURCE }}\n"
    "      AWS_ACCESS_KEY_ID: ${{ secrets.AWS_ACCESS_KEY_ID }}\n"
    "      AWS_SECRET_ACCESS_KEY: ${{ secrets.AWS_SECRET_ACCESS_KEY }}\n"
    "    steps:\n"
    "      - uses: actions/checkout@v4\n"
    "      - name: Install larder, and the pg_dump of the server's version\n"
    "        env:\n"
    "          LARDER_DEB: ${{ vars.LARDER_DEB }}\n"
    "        run: |\n"
    "          apt-get update\n"
    "          apt-get install -y --no-install-recommends ca-certificates curl postgresql-common\n"
    "          /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y\n"
    "          curl -fsSLo /tmp/larder.deb \"$LARDER_DEB\"\n";

static void put_schedule(const struct schedule *s, struct buffer *text)
{
    for (size_t i = 0; i < s->job_count; i++) {
        if (s->jobs[i].preset == NULL)
            continue;
        buffer_puts(text, "    - cron: '");
        schedule_cron(s->jobs[i].when, text);
        buffer_printf(text, "' # %s %s\n", s->jobs[i].verb, s->jobs[i].preset);
    }
}

static bool has_drills(const struct schedule *s)
{
    for (size_t i = 0; i < s->job_count; i++)
        if (strcmp(s->jobs[i].verb, "drill") == 0)
            return true;
    return false;
}

/* What a line of the schedule means. */
static void put_cases(const struct schedule *s, struct buffer *text)
{
    buffer_puts(text, "      - name: Run what is due\n"
                      "        env:\n"
                      "          DUE: ${{ github.event.schedule }}\n"
                      "          PRESET: ${{ inputs.preset }}\n");
    if (has_drills(s))
        buffer_puts(text, "          KEY: ${{ secrets.LARDER_KEY }}\n");
    buffer_puts(text, "        run: |\n"
                      "          case \"$DUE\" in\n"
                      "            '') larder export \"$PRESET\" --prune ;;\n");
    for (size_t i = 0; i < s->job_count; i++) {
        const struct schedule_job *job = &s->jobs[i];

        if (job->preset == NULL)
            continue;
        buffer_puts(text, "            '");
        schedule_cron(job->when, text);
        if (strcmp(job->verb, "drill") == 0)
            buffer_printf(text,
                          "') (umask 077 && printf '%%s\\n' \"$KEY\" >/tmp/key) && "
                          "larder drill %s --embedded ${KEY:+-i /tmp/key} ;;\n",
                          job->preset);
        else
            buffer_printf(text, "') larder export %s --prune ;;\n", job->preset);
    }
    buffer_puts(text, "            *) echo \"nothing is due at $DUE\" && exit 1 ;;\n"
                      "          esac\n"
                      "      - name: Say what is overdue\n"
                      "        run: larder status\n");
}

void schedule_github(struct schedule *s)
{
    struct buffer text = {0};
    int major = s->major > 0 ? s->major : NEWEST;

    buffer_puts(&text, head);
    put_schedule(s, &text);
    buffer_puts(&text, middle);
    /* Drills start a server of the same version. */
    buffer_printf(&text,
                  "          apt-get install -y --no-install-recommends postgresql-client-%d%s"
                  " /tmp/larder.deb\n",
                  major, has_drills(s) ? arena_printf(s->arena, " postgresql-%d", major) : "");
    put_cases(s, &text);
    schedule_add(s, "larder.yml", &text);
}

/* Where nothing is said of it, it stands in the workflow's secrets alone. */
static bool names_source(const struct larder_schedule_options *o)
{
    return o->source.dbname != NULL || o->source.host != NULL || o->presets.count == 0;
}

static enum larder_status check_source(const struct larder_schedule_options *o,
                                       struct larder_error *error)
{
    struct arena *arena = arena_new();
    const char *conninfo;
    enum larder_status status = arena == NULL ? larder_fail_memory(error) : LARDER_OK;

    if (status == LARDER_OK)
        status = conninfo_complete(&o->source, arena, &conninfo, error);
    if (status == LARDER_OK && conninfo_is_local(conninfo)) {
        status = larder_fail(error, LARDER_USAGE,
                             "GitHub's runners cannot reach the database: it is named by a socket, "
                             "or an address, of this host");
        larder_hint(error, "Name it by a host that they reach: -d 'host=db.example.com ...'.");
    }
    arena_free(arena);
    return status;
}

enum larder_status schedule_github_check(const struct larder_schedule_options *options,
                                         struct larder_error *error)
{
    if (options->store != NULL && store_is_local(options->store)) {
        larder_fail(error, LARDER_USAGE,
                    "GitHub's runners cannot reach the store \"%s\": it is a folder of this host",
                    options->store);
        larder_hint(error,
                    "They take a store elsewhere: s3://BUCKET/PREFIX or rclone:REMOTE:PATH.");
        return LARDER_USAGE;
    }
    return names_source(options) ? check_source(options, error) : LARDER_OK;
}
