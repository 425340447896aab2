#include <string.h>
#include <strings.h>

#include "engine/doctor/parts.h"
#include "engine/hooks/parts.h"

static void check_command(struct doctor *d, const char *name, const char *const *words,
                          size_t count)
{
    struct larder_error why = {0};
    const char *program;

    if (count == 0)
        return;
    program = hook_find_program(words[0], d->arena);
    if (program != NULL) {
        doctor_ok(d, name, "%s", program);
        return;
    }
    larder_fail(&why, LARDER_USAGE, "there is no program \"%s\" that may be run", words[0]);
    larder_hint(&why, "Give its path, and chmod it +x; a script begins with #!.");
    doctor_fail(d, name, &why);
}

/* What needs no TLS: what never leaves this host. */
static bool is_this_host(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strncmp(host, "[::1]", 5) == 0 ||
           strncasecmp(host, "localhost", 9) == 0;
}

static void check_url(struct doctor *d, const char *name, const char *url)
{
    const char *host;

    if (url == NULL)
        return;
    host = hook_host(url, d->arena);
    if (strncasecmp(url, "https://", 8) == 0 || is_this_host(host))
        doctor_ok(d, name, "%s; nothing was sent", host);
    else
        doctor_warn(d, name, "Use https where the other side has it.",
                    "%s is told without encryption, and may be anybody", host);
}

void doctor_check_hooks(struct doctor *d)
{
    const struct larder_hooks *h = &d->options->hooks;

    check_command(d, "on_success", h->on_success, h->on_success_count);
    check_command(d, "on_failure", h->on_failure, h->on_failure_count);
    check_command(d, "on_stale", h->on_stale, h->on_stale_count);
    check_url(d, "webhook", h->webhook);
    check_url(d, "ping", h->ping);
}
