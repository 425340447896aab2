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

bool conninfo_is_uri(const char *text)
{
    return strncmp(text, "postgres://", 11) == 0 || strncmp(text, "postgresql://", 13) == 0;
}

/* Whether it is the name of an option that libpq does not know, and cannot be of a password. */
static bool is_unknown_option(const char *text, const char *why)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
    static const char *const begins[] = {"invalid connection option \"",
                                         "invalid URI query parameter: \""};
    const char *begin = begins[conninfo_is_uri(text) ? 1 : 0], *name = why + strlen(begin);

    if (strncmp(why, begin, strlen(begin)) != 0 || name[strspn(name, letters)] != '"')
        return false;
    return !conninfo_is_uri(text) || strchr(text + strcspn(text, "?"), '@') == NULL;
}

/* libpq quotes what it could not read, and that may be of a password: but for an option's name it is left out. */
static enum larder_status fail_unread(const char *text, const char *why, struct larder_error *error)
{
    size_t length = strcspn(why, "\n");
    const char *quoted = strchr(why, '"');

    if (is_unknown_option(text, why))
        quoted = NULL;
    else if (conninfo_is_uri(text))
        quoted = strstr(why, ": \"");
    else if (strstr(why, " after \"") != NULL)
        quoted = strstr(why, " after \"");
    if (quoted != NULL && quoted < why + length)
        length = (size_t)(quoted - why);
    while (length > 0 && why[length - 1] == ' ')
        length--;
    return larder_fail(error, LARDER_USAGE, "could not understand how to connect: %.*s",
                       (int)length, why);
}

/* A slash or an @ in a password ends it, and what follows is taken for a host or a database: an @ is left where none is written so. */
static bool has_stray_at(const char *uri)
{
    const char *at = strstr(uri, "://") + 3, *host = at + strcspn(at, "@/");
    size_t length;

    if (*host == '@')
        host++;
    length = strcspn(host, "?");
    for (at = host; (at = memchr(at, '@', length - (size_t)(at - host))) != NULL; at++)
        /* Sockets that are no files have one in front. */
        if (memchr(host, '/', (size_t)(at - host)) != NULL || (at > host && at[-1] != ','))
            return true;
    return false;
}

static bool has_odd_port(const PQconninfoOption *options)
{
    for (const PQconninfoOption *o = options; o->keyword != NULL; o++)
        if (o->val != NULL && strcmp(o->keyword, "port") == 0 &&
            o->val[strspn(o->val, "0123456789,")] != '\0')
            return true;
    return false;
}

static enum larder_status check_parsed(const char *text, struct larder_error *error)
{
    char *why = NULL;
    const char *wrong = NULL;
    PQconninfoOption *options = PQconninfoParse(text, &why);
    enum larder_status status = LARDER_OK;

    if (options == NULL) {
        status = fail_unread(text, why != NULL ? why : "memory is short", error);
        PQfreemem(why);
        return status;
    }
    if (conninfo_is_uri(text))
        wrong = has_stray_at(text)      ? "the URI has an @ too many"
                : has_odd_port(options) ? "the port in the URI is no number"
                                        : NULL;
    if (wrong != NULL)
        status = larder_fail(error, LARDER_USAGE, "could not understand how to connect: %s", wrong);
    PQconninfoFree(options);
    return status;
}

enum larder_status conninfo_check(const char *text, struct larder_error *error)
{
    enum larder_status status = LARDER_OK;

    if (text == NULL || is_name(text))
        return LARDER_OK;
    if (!conninfo_is_uri(text) && strcspn(text, "=") > strcspn(text, ":") &&
        strstr(text, "://") != NULL)
        status =
            larder_fail(error, LARDER_USAGE,
                        "could not understand how to connect: a URI begins with postgresql://");
    else
        status = check_parsed(text, error);
    if (status != LARDER_OK && strstr(text, "://") != NULL)
        larder_hint(error,
                    "In a URI, %%, @, :, /, ? and # of a password are written %%25, %%40, %%3A, "
                    "%%2F, %%3F and %%23; no quotes stand around it.");
    return status;
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
    options = conninfo_check(text, NULL) == LARDER_OK ? PQconninfoParse(text, NULL) : NULL;
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
    PQconninfoOption *options;
    struct buffer text = {0};
    bool failed;

    if (conninfo_check(given, error) != LARDER_OK)
        return LARDER_USAGE;
    options = PQconninfoParse(given, NULL);
    if (options == NULL)
        return larder_fail_memory(error);
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
