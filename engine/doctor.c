#include "larder/doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "engine/doctor/parts.h"
#include "engine/keys.h"
#include "engine/run/run.h"

/* What the whole comes to: configuration first, then keys, then anything else. */
static int urgency(enum larder_status status)
{
    switch (status) {
    case LARDER_OK:
        return 0;
    case LARDER_USAGE:
        return 3;
    case LARDER_NO_KEY:
        return 2;
    default:
        return 1;
    }
}

static void add_line(struct doctor *d, struct larder_doctor_line line)
{
    struct larder_doctor *r = d->result;
    struct larder_doctor_line *lines =
        arena_grow(d->arena, r->lines, r->count, &d->room, sizeof(*lines));

    if (lines == NULL)
        return;
    r->lines = lines;
    line.subject = arena_strdup(d->arena, line.subject);
    line.message = arena_strdup(d->arena, line.message);
    line.help =
        line.help == NULL || line.help[0] == '\0' ? NULL : arena_strdup(d->arena, line.help);
    r->warnings += line.verdict == LARDER_VERDICT_WARNING ? 1 : 0;
    r->failures += line.verdict == LARDER_VERDICT_FAILED ? 1 : 0;
    r->lines[r->count++] = line;
}

enum { LINE = 2048 };

void doctor_ok(struct doctor *d, const char *subject, const char *format, ...)
{
    char text[LINE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    add_line(d, (struct larder_doctor_line){subject, LARDER_VERDICT_OK, text, NULL});
}

void doctor_warn(struct doctor *d, const char *subject, const char *help, const char *format, ...)
{
    char text[LINE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    add_line(d, (struct larder_doctor_line){subject, LARDER_VERDICT_WARNING, text, help});
}

void doctor_fail(struct doctor *d, const char *subject, const struct larder_error *error)
{
    enum larder_status status = error->status;

    add_line(d, (struct larder_doctor_line){subject, LARDER_VERDICT_FAILED, error->message,
                                            error->hint});
    if (status != LARDER_USAGE && status != LARDER_NO_KEY)
        status = LARDER_FAILED;
    if (urgency(status) > urgency(d->worst))
        d->worst = status;
}

static void check_recipients(struct doctor *d)
{
    static const char subject[] = "encryption";
    const struct larder_doctor_options *o = d->options;
    struct age_recipients *recipients;
    struct larder_error why = {0};

    if (keys_recipients(&o->encryption, d->run, &recipients, &why) != LARDER_OK)
        doctor_fail(d, subject, &why);
    else if (recipients == NULL && o->store != NULL && !store_is_local(o->store))
        doctor_warn(d, subject,
                    "`larder keygen` makes a key; name its recipient, and an escrow key's.",
                    "archives are not encrypted, and the store is off this host");
    else if (recipients == NULL)
        doctor_ok(d, subject, "none: archives are as readable as the place where they lie");
    else if (age_recipients_count(recipients) == 1)
        doctor_warn(d, subject,
                    "Add an escrow key that lies elsewhere: a lost key is a lost archive.",
                    "archives are encrypted to one recipient alone");
    else if (age_recipients_count(recipients) == 0)
        doctor_ok(d, subject, "archives are encrypted with a passphrase");
    else
        doctor_ok(d, subject, "archives are encrypted to %zu recipients",
                  age_recipients_count(recipients));
    age_recipients_free(recipients);
}

static void load_keys(struct doctor *d)
{
    const struct larder_keys_options *keys = &d->options->keys;
    struct larder_error why = {0};

    if (keys->identity_file_count == 0 && keys->passphrase_file == NULL)
        return;
    if (larder_keys_load(keys, d->run, &d->keys, &why) != LARDER_OK)
        doctor_fail(d, "keys", &why);
}

static enum larder_status check_parts(struct doctor *d, struct larder_error *error)
{
    enum larder_doctor_part part = d->options->part;
    enum larder_status status = LARDER_OK;

    if (part == LARDER_DOCTOR_ALL)
        doctor_ok(d, "config", "%s",
                  d->options->config_file != NULL ? d->options->config_file
                                                  : "there is no file, and none is needed");
    if (part == LARDER_DOCTOR_ALL)
        doctor_check_hooks(d);
    if (part != LARDER_DOCTOR_STORE)
        status = doctor_check_source(d, error);
    if (status == LARDER_OK && part == LARDER_DOCTOR_ALL) {
        check_recipients(d);
        load_keys(d);
    }
    if (status == LARDER_OK && part != LARDER_DOCTOR_SOURCE)
        status = doctor_check_store(d, error);
    return status;
}

enum larder_status larder_doctor(const struct larder_doctor_options *options,
                                 const struct larder_run *run, struct larder_doctor *result,
                                 struct larder_error *error)
{
    struct doctor d = {.options = options, .run = run, .arena = arena_new(), .result = result};
    enum larder_status status;

    *result = (struct larder_doctor){.memory = d.arena};
    if (d.arena == NULL)
        return larder_fail_memory(error);
    d.source = options->source_name;
    status = check_parts(&d, error);
    larder_keys_free(d.keys);
    if (status != LARDER_OK)
        return status;
    if (arena_failed(d.arena))
        return larder_fail_memory(error);
    if (d.worst == LARDER_OK)
        return LARDER_OK;
    return larder_fail(error, d.worst, "%zu of %zu checks failed", result->failures, result->count);
}

void larder_doctor_free(struct larder_doctor *result)
{
    arena_free(result->memory);
    *result = (struct larder_doctor){0};
}
