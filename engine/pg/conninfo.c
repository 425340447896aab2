#include "engine/pg/conninfo.h"

#include <stdlib.h>
#include <string.h>

#include "formats/buffer.h"

static bool is_set(const PQconninfoOption *option)
{
    return option->val != NULL && option->val[0] != '\0';
}

/* A plain name of a database is no conninfo; nor does libpq look into the dbname of one again. */
static bool is_name(const char *text)
{
    return strchr(text, '=') == NULL && strstr(text, "://") == NULL;
}

/* libpq marks what a person should not see while typing it; of some it says so by the name alone. */
bool conninfo_is_secret(const PQconninfoOption *option)
{
    if (option->dispchar != NULL && option->dispchar[0] == '*')
        return true;
    if (strncmp(option->keyword, "scram_", 6) == 0 || strstr(option->keyword, "secret") != NULL)
        return true;
    return strcmp(option->keyword, "dbname") == 0 && !is_name(option->val);
}

bool conninfo_has_password(const char *text)
{
    PQconninfoOption *options = text == NULL || is_name(text) ? NULL : PQconninfoParse(text, NULL);
    bool has = false;

    for (const PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
        has = has || (is_set(o) && conninfo_is_secret(o));
    PQconninfoFree(options);
    return has;
}

const char *conninfo_without_password(const char *text, struct arena *arena)
{
    PQconninfoOption *options;
    const char *shown = "";

    if (is_name(text))
        return text;
    options = PQconninfoParse(text, NULL);
    if (options == NULL)
        return "(not shown, since libpq cannot read it)";
    for (const PQconninfoOption *o = options; o->keyword != NULL; o++)
        if (is_set(o))
            shown = arena_printf(arena, "%s%s%s=%s", shown, shown[0] != '\0' ? " " : "", o->keyword,
                                 conninfo_is_secret(o) ? "(hidden)" : o->val);
    PQconninfoFree(options);
    return shown;
}

/* What `connect` says beside its dbname; NULL or empty: nothing. */
static const char *said(const struct larder_connect *connect, const char *keyword)
{
    if (strcmp(keyword, "host") == 0)
        return connect->host;
    if (strcmp(keyword, "port") == 0)
        return connect->port;
    if (strcmp(keyword, "user") == 0)
        return connect->user;
    if (strcmp(keyword, "password") == 0)
        return connect->password;
    return strcmp(keyword, "dbname") == 0 ? connect->database : NULL;
}

static const char *value_of(const struct larder_connect *connect, const PQconninfoOption *o)
{
    const char *value = said(connect, o->keyword);

    if (value != NULL && value[0] != '\0')
        return value;
    if (is_set(o))
        return o->val;
    if (strcmp(o->keyword, "dbname") == 0 && connect->dbname != NULL && is_name(connect->dbname) &&
        connect->dbname[0] != '\0')
        return connect->dbname;
    value = o->envvar != NULL ? getenv(o->envvar) : NULL;
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static void put_option(struct buffer *text, const char *keyword, const char *value)
{
    bool plain = value[strcspn(value, " \t\n'\\")] == '\0';

    buffer_printf(text, "%s%s=%s", text->length > 0 ? " " : "", keyword, plain ? "" : "'");
    for (const char *c = value; *c != '\0'; c++)
        buffer_printf(text, "%s%c", *c == '\'' || *c == '\\' ? "\\" : "", *c);
    buffer_puts(text, plain ? "" : "'");
}

enum larder_status conninfo_complete(const struct larder_connect *connect, struct arena *arena,
                                     const char **conninfo, struct larder_error *error)
{
    const char *given = connect->dbname != NULL && !is_name(connect->dbname) ? connect->dbname : "";
    char *why = NULL;
    PQconninfoOption *options = PQconninfoParse(given, &why);
    struct buffer text = {0};
    bool failed;

    if (options == NULL) {
        larder_fail(error, LARDER_USAGE, "the source cannot be read: %s",
                    why != NULL ? why : "out of memory");
        PQfreemem(why);
        return LARDER_USAGE;
    }
    for (const PQconninfoOption *o = options; o->keyword != NULL; o++) {
        const char *value = value_of(connect, o);

        if (value != NULL)
            put_option(&text, o->keyword, value);
    }
    PQconninfoFree(options);
    *conninfo = arena_strdup(arena, buffer_text(&text));
    failed = text.failed || arena_failed(arena);
    if (text.length > 0)
        explicit_bzero(text.bytes, text.length);
    buffer_free(&text);
    return failed ? larder_fail_memory(error) : LARDER_OK;
}

static const char *value_in(const PQconninfoOption *options, const char *keyword)
{
    for (const PQconninfoOption *o = options; o->keyword != NULL; o++)
        if (strcmp(o->keyword, keyword) == 0)
            return is_set(o) ? o->val : NULL;
    return NULL;
}

bool conninfo_is_local(const char *conninfo)
{
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    const char *host = NULL;
    bool local = false;

    if (options != NULL) {
        host = value_in(options, "host");
        host = host != NULL ? host : value_in(options, "hostaddr");
        local = host == NULL ? value_in(options, "service") == NULL
                             : host[0] == '/' || host[0] == '@' || strcmp(host, "localhost") == 0 ||
                                   strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
    }
    PQconninfoFree(options);
    return local;
}
