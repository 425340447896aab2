#include "engine/pg/connection.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "engine/pg/connection_parts.h"
#include "engine/pg/conninfo.h"
#include "engine/pg/supabase.h"
#include "engine/run/run.h"
#include "formats/utf8.h"

enum { SETTLE_SECONDS = 10, KEYWORDS = 16, RETRY_MILLISECONDS = 1000, CONTEXT_BYTES = 201 };

/* libpq's messages end in a line feed and may have several lines: they are put on one, with a semicolon between what are two. */
static void one_line(const char *text, char *line, size_t size)
{
    size_t length = 0;

    for (; *text != '\0' && length + 1 < size; text++) {
        bool space = *text == '\n' || *text == '\t' || *text == ' ';

        if (space && (length == 0 || line[length - 1] == ' '))
            continue;
        if (*text == '\n' && text[1] != '\0' && length + 2 < size &&
            isalnum((unsigned char)line[length - 1]))
            line[length++] = ';';
        line[length++] = space ? ' ' : *text;
    }
    while (length > 0 && line[length - 1] == ' ')
        length--;
    line[length] = '\0';
    if (*text != '\0')
        utf8_trim(line);
}

/* Of servers since 14, which say what they are. */
static bool is_recovery_conflict(const struct pg *pg)
{
    const char *standby = PQparameterStatus(pg->conn, "in_hot_standby");

    return strcmp(pg->sqlstate, "40001") == 0 && standby != NULL && strcmp(standby, "on") == 0;
}

enum larder_status pg_fail(struct pg *pg, const PGresult *result, struct larder_error *error)
{
    char text[1024];
    const char *state = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *primary =
        result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    const char *hint = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
    const char *context = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_CONTEXT);

    snprintf(pg->sqlstate, sizeof(pg->sqlstate), "%s", state == NULL ? "" : state);
    if (primary == NULL) {
        one_line(result == NULL ? PQerrorMessage(pg->conn) : PQresultErrorMessage(result), text,
                 sizeof(text));
        /* What libpq says of one that it knows to be lost tells less. */
        if (text[0] == '\0' || strcmp(text, "no connection to the server") == 0)
            snprintf(text, sizeof(text), "the connection to the server was lost");
        return larder_fail(error, LARDER_FAILED, "%s", text);
    }
    larder_fail(error, LARDER_FAILED, "%s", primary);
    if (error != NULL && detail != NULL) {
        one_line(detail, text, sizeof(text));
        larder_fail(error, LARDER_FAILED, "%s (%s)", error->message, text);
    }
    /* Which row, or which function, of which the statement says nothing. */
    if (error != NULL && context != NULL &&
        (strstr(context, "COPY ") != NULL || strstr(context, "function ") != NULL)) {
        one_line(context, text, CONTEXT_BYTES);
        larder_fail(error, LARDER_FAILED, "%s [%s]", error->message, text);
    }
    if (is_recovery_conflict(pg)) {
        larder_hint(error,
                    "the standby had to follow its primary: a longer "
                    "max_standby_streaming_delay there, or hot_standby_feedback, lets it wait");
    } else if (pg->lock_timeout > 0 && strcmp(pg->sqlstate, PG_LOCK_NOT_AVAILABLE) == 0) {
        larder_hint(
            error,
            "Somebody has locked what was to be read: try again when that is done, or wait longer with --lock-timeout.");
    } else if (hint != NULL) {
        one_line(hint, text, sizeof(text));
        larder_hint(error, "%s", text);
    }
    return LARDER_FAILED;
}

/*
 * Waits for the socket, until `deadline` on run_clock() where it is not 0. Else for a second at most: what libpq had no memory to take in, such as
 * the beginning of a COPY, it leaves where it is and tries again when it is next asked, and nothing more may come to wake anybody.
 */
static enum larder_status wait_socket(struct pg *pg, bool reading, bool writing, double deadline,
                                      struct larder_error *error)
{
    struct pollfd fds[3] = {
        {.fd = PQsocket(pg->conn)}, {.fd = pg->stop_fd, .events = POLLIN}, {.fd = -1}};
    enum larder_status status;
    int timeout = RETRY_MILLISECONDS;

    fds[0].events = (short)((reading ? POLLIN : 0) | (writing ? POLLOUT : 0));
    if (pg->run->stop_signal != NULL)
        fds[2] = (struct pollfd){.fd = pg->run->wake_fd, .events = POLLIN};
    for (;;) {
        status = run_check(pg->run, error);
        if (status != LARDER_OK)
            return status;
        if (deadline > 0) {
            double left = deadline - run_clock();

            if (left <= 0)
                return larder_fail(error, LARDER_FAILED, "timeout expired");
            timeout = (int)(left * 1000) + 1;
        }
        if (poll(fds, 3, timeout) < 0 && errno != EINTR)
            return larder_fail_errno(error, LARDER_FAILED, errno, "could not wait for the server");
        status = run_check(pg->run, error);
        if (status != LARDER_OK)
            return status;
        if (fds[1].revents != 0)
            return larder_fail(error, LARDER_FAILED, "stopped");
        if (fds[0].revents != 0 || deadline <= 0)
            return LARDER_OK;
    }
}

enum larder_status pg_wait(struct pg *pg, bool writing, struct larder_error *error)
{
    return wait_socket(pg, true, writing, 0, error);
}

static bool has_input(const struct pg *pg)
{
    struct pollfd fd = {.fd = PQsocket(pg->conn), .events = POLLIN};

    return poll(&fd, 1, 0) > 0;
}

static int bytes_there(const struct pg *pg)
{
    int there = 0;

    return ioctl(PQsocket(pg->conn), FIONREAD, &there) == 0 ? there : 0;
}

/*
 * The server sends 8 KiB at a time, and being woken for each costs both sides more than handing it over does. So what is on its way
 * may come together first; the server goes on meanwhile, since the kernel holds more than is waited for, some 200 KB.
 */
static void gather(const struct pg *pg, struct pg_pace *pace)
{
    enum { ENOUGH_BYTES = 64 * 1024, TOO_MANY_BYTES = 128 * 1024, SHORTEST = 25 * 1000 };
    int there = bytes_there(pg);

    if (there >= ENOUGH_BYTES)
        return;
    nanosleep(&(struct timespec){.tv_nsec = pace->nanoseconds}, NULL);
    if (!pace->adapts)
        return;
    there = bytes_there(pg);
    if (there > TOO_MANY_BYTES && pace->nanoseconds / 2 >= SHORTEST)
        pace->nanoseconds /= 2;
    else if (there < ENOUGH_BYTES && pace->nanoseconds * 2 <= PG_PACE_LONGEST)
        pace->nanoseconds *= 2;
}

/*
 * libpq's buffer of 16 KiB doubles when it is full and more is wanted, and never shrinks. Wanting more a few times gives
 * one that takes at once what the server could send while we worked: a third of the system calls, and fewer turns.
 */
enum larder_status pg_receive(struct pg *pg, struct pg_pace *pace, struct larder_error *error)
{
    enum { MOST_DOUBLINGS = 5 };
    enum larder_status status;

    if (pace != NULL)
        gather(pg, pace);
    status = pg_wait(pg, false, error);
    if (status == LARDER_OK && PQconsumeInput(pg->conn) == 0)
        status = pg_fail(pg, NULL, error);
    while (status == LARDER_OK && pg->doublings < MOST_DOUBLINGS && has_input(pg)) {
        pg->doublings++;
        if (PQconsumeInput(pg->conn) == 0)
            status = pg_fail(pg, NULL, error);
    }
    return status;
}

/* Takes what has arrived of a query that was cancelled; true when the connection is idle. */
static bool drain(struct pg *pg)
{
    PGresult *result;
    char *row = NULL;
    int got;

    while (!PQisBusy(pg->conn)) {
        result = PQgetResult(pg->conn);
        if (result == NULL)
            return true;
        if (PQresultStatus(result) == PGRES_COPY_IN)
            PQputCopyEnd(pg->conn, "stopped");
        if (PQresultStatus(result) == PGRES_COPY_OUT) {
            while ((got = PQgetCopyData(pg->conn, &row, 1)) > 0)
                PQfreemem(row);
            if (got == 0) {
                PQclear(result);
                return false;
            }
        }
        PQclear(result);
    }
    return false;
}

void pg_settle(struct pg *pg)
{
    double deadline = run_clock() + SETTLE_SECONDS;

    /* What stopped the run must not stop this wait, too. */
    while (PQstatus(pg->conn) == CONNECTION_OK && run_clock() < deadline && !drain(pg)) {
        struct pollfd fd = {.fd = PQsocket(pg->conn), .events = POLLIN};

        PQflush(pg->conn);
        if (poll(&fd, 1, 1000) > 0 && PQconsumeInput(pg->conn) == 0)
            return;
    }
}

void pg_cancel(struct pg *pg)
{
    char why[256];
    PGcancel *cancel = PQgetCancel(pg->conn);

    if (cancel != NULL) {
        PQcancel(cancel, why, sizeof(why));
        PQfreeCancel(cancel);
    }
    pg_settle(pg);
}

static void drop_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

static void show_notice(void *arg, const PGresult *result)
{
    const struct pg *pg = arg;
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (text != NULL)
        run_message(pg->run, LARDER_NOTE, "%s", text);
}

void pg_show_notices(struct pg *pg)
{
    PQsetNoticeReceiver(pg->conn, show_notice, pg);
}

static enum larder_status poll_connect(struct pg *pg, int seconds, struct larder_error *error)
{
    double deadline = run_clock() + seconds;
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    enum larder_status status;

    if (pg->conn == NULL)
        return larder_fail_memory(error);
    if (PQstatus(pg->conn) == CONNECTION_BAD)
        return pg_fail(pg, NULL, error);
    while (state != PGRES_POLLING_OK) {
        if (state == PGRES_POLLING_FAILED)
            return pg_fail(pg, NULL, error);
        status = wait_socket(pg, state == PGRES_POLLING_READING, state == PGRES_POLLING_WRITING,
                             deadline, error);
        if (status != LARDER_OK)
            return status;
        state = PQconnectPoll(pg->conn);
    }
    return LARDER_OK;
}

/* Says what would help, where libpq's message alone leaves one wondering. */
static void hint_at(const struct pg *pg, struct larder_error *error)
{
    if (error == NULL || pg->conn == NULL)
        return;
    if (PQconnectionNeedsPassword(pg->conn))
        larder_hint(error, "Give the password in ~/.pgpass, in PGPASSWORD, or with -W.");
    else if (strstr(error->message, "does not exist") != NULL)
        larder_hint(error, "`psql -l` lists the databases; -d names one, -U the role.");
    else if (strstr(error->message, "password authentication failed") != NULL)
        larder_hint(error, "Check the role and its password (~/.pgpass, PGPASSWORD, or -W).");
    else if (strstr(error->message, "too many c") != NULL ||
             strstr(error->message, "remaining connection slots") != NULL)
        larder_hint(
            error,
            "Try again when others have gone, use fewer lanes (-j 1), or raise the limit (max_connections, or the "
            "CONNECTION LIMIT of the role or the database).");
    else if (supabase_hint(pg->conn) != NULL)
        larder_hint(error, "%s", supabase_hint(pg->conn));
    else if (strstr(error->message, "FATAL: ") == NULL) /* no server has answered */
        larder_hint(
            error,
            "Check host and port (-h, -p, or the conninfo of -d), and that the server runs.");
}

static bool is_conninfo(const char *dbname)
{
    return strchr(dbname, '=') != NULL || conninfo_is_uri(dbname);
}

/* What connect_timeout says, of the conninfo or of PGCONNECT_TIMEOUT: libpq reads it only where it does the waiting itself. */
static enum larder_status shorten_wait(const struct pg *pg, int *seconds,
                                       struct larder_error *error)
{
    enum larder_status status = LARDER_OK;
    PQconninfoOption *options = PQconninfo(pg->conn);

    for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++) {
        char *end;
        long wanted;

        if (strcmp(o->keyword, "connect_timeout") != 0 || o->val == NULL || o->val[0] == '\0')
            continue;
        wanted = strtol(o->val, &end, 10);
        if (end == o->val || *end != '\0' || wanted > INT_MAX || wanted < -INT_MAX)
            status = larder_fail(
                error, LARDER_USAGE,
                "could not understand how to connect: connect_timeout \"%.100s\" is no number of seconds",
                o->val);
        else if (wanted > 0 && wanted < *seconds)
            *seconds = (int)wanted;
    }
    PQconninfoFree(options);
    return status;
}

enum larder_status pg_connect(const struct larder_connect *to, const struct larder_run *run,
                              int stop_fd, int seconds, struct pg **pg, struct larder_error *error)
{
    /* A silent network ends a run within two minutes; what the caller's conninfo says goes before.
     */
    const char *keywords[KEYWORDS] = {"keepalives_idle", "keepalives_interval", "keepalives_count",
                                      "tcp_user_timeout"};
    const char *values[KEYWORDS] = {"30", "10", "5", "60000"};
    /* The later dbname wins, and is taken as it stands. */
    const char *names[] = {"dbname", "host", "port", "user", "password", "dbname"};
    const char *given[] = {to->dbname, to->host, to->port, to->user, to->password, to->database};
    struct pg *p = calloc(1, sizeof(*p));
    enum larder_status status;
    const char *strings;
    int n = 4;

    *pg = NULL;
    if (p == NULL)
        return larder_fail_memory(error);
    /* What cannot be understood is wrong usage, and no server's fault. */
    status = conninfo_check(to->dbname, error);
    if (status != LARDER_OK) {
        free(p);
        return status;
    }
    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++)
        if (given[i] != NULL && given[i][0] != '\0') {
            keywords[n] = names[i];
            values[n++] = given[i];
        }
    p->run = run;
    p->stop_fd = stop_fd;
    p->conn = PQconnectStartParams(keywords, values, 1);
    status = shorten_wait(p, &seconds, error);
    if (status != LARDER_OK) {
        pg_close(p);
        return status;
    }
    status = poll_connect(p, seconds, error);
    if (status != LARDER_OK) {
        if (status == LARDER_FAILED)
            hint_at(p, error);
        larder_context(error, "could not connect to the database");
        pg_close(p);
        return status;
    }
    PQsetNoticeReceiver(p->conn, drop_notice, p);
    strings = PQparameterStatus(p->conn, "standard_conforming_strings");
    if (strings != NULL)
        p->strings = strcmp(strings, "off") == 0 ? STRINGS_BACKSLASHES : STRINGS_STANDARD;
    *pg = p;
    return LARDER_OK;
}

bool pg_names_database(const struct larder_connect *to)
{
    PQconninfoOption *options;
    bool named = false;

    if (to->database != NULL && to->database[0] != '\0')
        return true;
    if (to->dbname == NULL || to->dbname[0] == '\0')
        return false;
    if (!is_conninfo(to->dbname))
        return true;
    options = PQconninfoParse(to->dbname, NULL);
    if (options == NULL)
        return true;
    for (PQconninfoOption *o = options; o->keyword != NULL; o++)
        if ((strcmp(o->keyword, "dbname") == 0 || strcmp(o->keyword, "service") == 0) &&
            o->val != NULL && o->val[0] != '\0')
            named = true;
    PQconninfoFree(options);
    return named;
}

void pg_close(struct pg *pg)
{
    if (pg == NULL)
        return;
    PQfinish(pg->conn);
    free(pg);
}

const char *pg_sqlstate(const struct pg *pg)
{
    return pg->sqlstate;
}

int pg_server_version(const struct pg *pg)
{
    return PQserverVersion(pg->conn);
}

PGconn *pg_libpq(struct pg *pg)
{
    return pg->conn;
}

bool pg_is_broken(const struct pg *pg)
{
    return PQstatus(pg->conn) == CONNECTION_BAD;
}

void pg_limit_waits(struct pg *pg, int seconds)
{
    pg->lock_timeout = seconds;
}

int pg_lock_timeout(const struct pg *pg)
{
    return pg->lock_timeout;
}

void pg_set_stop_fd(struct pg *pg, int stop_fd)
{
    pg->stop_fd = stop_fd;
}
