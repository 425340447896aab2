#include "larder/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/keys.h"
#include "engine/pg/conninfo.h"
#include "engine/store/store.h"
#include "formats/arena.h"
#include "formats/buffer.h"
#include "formats/config.h"

static const char *variable(void *arg, const char *name)
{
    (void)arg;
    return getenv(name);
}

/* A dollar sign would begin a variable. */
static void put_value(struct buffer *text, const char *before, const char *value)
{
    buffer_puts(text, before);
    for (const char *c = value; *c != '\0'; c++)
        buffer_printf(text, "%s%c", *c == '$' ? "$" : "", *c);
    buffer_puts(text, "\n");
}

static void put(struct buffer *text, const char *before, const char *value)
{
    if (value != NULL && value[0] != '\0')
        put_value(text, before, value);
}

static void put_list(struct buffer *text, const char *head, const char *const *items, size_t count)
{
    if (count > 0)
        buffer_puts(text, head);
    for (size_t i = 0; i < count; i++)
        put_value(text, "    ", items[i]);
}

static void put_encryption(const struct larder_setup_options *o, const char *recipient,
                           struct buffer *text)
{
    const struct larder_encryption *e = &o->encryption;
    size_t identities = o->identity_file_count + (o->new_key != NULL ? 1 : 0);

    if (e->recipient_count + e->recipient_file_count + identities > 0 || e->passphrase_file != NULL)
        buffer_puts(text, "\n[encryption]\n");
    if (recipient[0] != '\0')
        buffer_printf(text, "recipients =\n    %s\n", recipient);
    put_list(text, recipient[0] != '\0' ? "" : "recipients =\n", e->recipients, e->recipient_count);
    put_list(text, "recipients_file =\n", e->recipient_files, e->recipient_file_count);
    put(text, "passphrase_file = ", e->passphrase_file);
    if (identities > 0)
        buffer_puts(text, "# What drills open archives with; exports need none.\nidentity =\n");
    put(text, "    ", o->new_key);
    put_list(text, "", o->identity_files, o->identity_file_count);
}

/* A path begins where we are, and the file is somewhere else. */
static const char *absolute(const char *store, struct arena *arena)
{
    char *here;
    const char *path;

    if (store == NULL || store[0] == '/' || store_is_url(store))
        return store;
    here = realpath(".", NULL);
    path = arena_printf(arena, "%s/%s", here != NULL ? here : ".", store);
    free(here);
    return path;
}

static enum larder_status make_text(const struct larder_setup_options *o, const char *recipient,
                                    struct arena *arena, struct buffer *text,
                                    struct larder_error *error)
{
    const char *conninfo, *store = absolute(o->store, arena);
    struct larder_config back = {0};
    const struct config_variables variables = {.look_up = variable};
    enum larder_status status = conninfo_complete(&o->source, arena, &conninfo, error);

    if (status != LARDER_OK)
        return status;
    buffer_puts(
        text, "# Written by larder setup; docs/configuration.md explains every key.\n\n[source]\n");
    put(text, "conninfo = ", conninfo);
    put(text, "name = ", o->source_name);
    put(text, "schema_from = ", o->schema_from);
    put(text, "record_to = ", o->record_to);
    if (o->no_record)
        buffer_puts(text, "record = no\n");
    if (store != NULL)
        buffer_puts(text, "\n[store]\n");
    put(text, "url = ", store);
    put(text, "endpoint = ", o->endpoint);
    put(text, "region = ", o->region);
    put(text, "profile = ", o->profile);
    put_encryption(o, recipient, text);
    if (text->failed)
        return larder_fail_memory(error);
    /* What cannot be read again as it was meant must not be written. */
    status = config_read(o->config_file, buffer_text(text), text->length, &variables, arena, &back,
                         error);
    if (status == LARDER_OK && strcmp(back.conninfo, conninfo) != 0)
        status =
            larder_fail(error, LARDER_USAGE, "the source cannot stand in a configuration file");
    if (status != LARDER_OK)
        larder_hint(error, "What is long or odd can stand in ~/.pg_service.conf and ~/.pgpass: "
                           "service=NAME is then the whole source.");
    return status;
}

/* Folders above a path, 0700 those that are made. */
static enum larder_status make_folders(const char *path, struct larder_error *error)
{
    struct buffer folder = {0};
    enum larder_status status = LARDER_OK;

    for (const char *slash = strchr(path + 1, '/'); status == LARDER_OK && slash != NULL;
         slash = strchr(slash + 1, '/')) {
        folder.length = 0;
        buffer_append(&folder, path, (size_t)(slash - path));
        if (mkdir(buffer_text(&folder), 0700) != 0 && errno != EEXIST)
            status = larder_fail_errno(error, LARDER_FAILED, errno,
                                       "could not make the folder \"%s\"", buffer_text(&folder));
    }
    buffer_free(&folder);
    return status;
}

static enum larder_status write_whole(const char *path, const struct buffer *text,
                                      struct larder_error *error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool written =
        fd >= 0 && write(fd, text->bytes, text->length) == (ssize_t)text->length && fsync(fd) == 0;
    int why = errno;

    if (fd >= 0)
        close(fd);
    return written ? LARDER_OK
                   : larder_fail_errno(error, LARDER_FAILED, why, "could not write \"%s\"", path);
}

/* Under another name first: a file that is there is whole. */
static enum larder_status write_config(const struct larder_setup_options *o,
                                       const struct buffer *text, struct arena *arena,
                                       struct larder_error *error)
{
    const char *path = o->config_file;
    const char *temporary = arena_printf(arena, "%s.%ld.new", path, (long)getpid());
    enum larder_status status = make_folders(path, error);

    if (status != LARDER_OK)
        return status;
    status = write_whole(temporary, text, error);
    if (status == LARDER_OK && o->replace && rename(temporary, path) != 0)
        status = larder_fail_errno(error, LARDER_FAILED, errno, "could not write \"%s\"", path);
    if (status == LARDER_OK && !o->replace && link(temporary, path) != 0) {
        status = larder_fail_errno(error, errno == EEXIST ? LARDER_USAGE : LARDER_FAILED, errno,
                                   "could not write \"%s\"", path);
        larder_hint(error, "--replace writes it anew.");
    }
    unlink(temporary);
    return status;
}

/* Whether a file can be made there: the first of its folders that is missing is made, and removed again. */
static enum larder_status try_folders(const char *path, struct larder_error *error)
{
    struct buffer folder = {0};
    enum larder_status status = LARDER_OK;
    bool made = false;

    for (const char *slash = strchr(path, '/'); status == LARDER_OK && !made && slash != NULL;
         slash = strchr(slash + 1, '/')) {
        folder.length = 0;
        buffer_append(&folder, path, (size_t)(slash - path) + 1);
        made = mkdir(buffer_text(&folder), 0700) == 0;
        if (!made && errno != EEXIST)
            status = larder_fail_errno(error, LARDER_FAILED, errno,
                                       "could not make the folder \"%s\"", buffer_text(&folder));
    }
    if (made)
        rmdir(buffer_text(&folder));
    else if (status == LARDER_OK && access(buffer_text(&folder), W_OK | X_OK) != 0)
        status = larder_fail_errno(error, LARDER_FAILED, errno, "could not write into \"%s\"",
                                   buffer_text(&folder));
    buffer_free(&folder);
    return status;
}

enum larder_status larder_setup_check_keys(const struct larder_encryption *to, const char *new_key,
                                           const struct larder_run *run, struct larder_error *error)
{
    struct age_recipients *recipients;
    enum larder_status status = keys_recipients(to, run, &recipients, error);

    age_recipients_free(recipients);
    if (status != LARDER_OK || new_key == NULL)
        return status;
    if (to->passphrase_file != NULL)
        return larder_fail(error, LARDER_USAGE,
                           "archives are encrypted to keys, or with a passphrase, and not both");
    if (access(new_key, F_OK) == 0)
        return larder_fail(error, LARDER_USAGE, "\"%s\" exists already, and is never overwritten",
                           new_key);
    return try_folders(new_key, error);
}

enum larder_status larder_setup_config(const struct larder_setup_options *options,
                                       const struct larder_run *run,
                                       char recipient[LARDER_RECIPIENT_SIZE],
                                       struct larder_error *error)
{
    struct arena *arena = arena_new();
    struct buffer text = {0};
    enum larder_status status = LARDER_OK;
    bool made = false;

    recipient[0] = '\0';
    if (arena == NULL)
        return larder_fail_memory(error);
    if (!options->replace && access(options->config_file, F_OK) == 0) {
        status = larder_fail(error, LARDER_USAGE, "\"%s\" exists already", options->config_file);
        larder_hint(error, "--replace writes it anew.");
    }
    if (status == LARDER_OK && options->new_key != NULL) {
        status = make_folders(options->new_key, error);
        if (status == LARDER_OK)
            status = larder_keygen(options->new_key, run, recipient, error);
        made = status == LARDER_OK;
    }
    if (status == LARDER_OK)
        status = make_text(options, recipient, arena, &text, error);
    if (status == LARDER_OK)
        status = arena_failed(arena) ? larder_fail_memory(error)
                                     : write_config(options, &text, arena, error);
    if (status != LARDER_OK && made)
        unlink(options->new_key);
    if (text.length > 0)
        explicit_bzero(text.bytes, text.length);
    buffer_free(&text);
    arena_free(arena);
    return status;
}
