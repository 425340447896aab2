/*
 * Runs COPY statements on several connections under one snapshot, and discards what comes: what an export cannot do without.
 *
 *   bench_floor CONNECTIONS FILE
 *
 * FILE has a statement a line; each connection takes the next one when it is done. The database is the one that libpq's
 * environment names. Prints the rows that the server says it copied, the bytes that came, and the seconds that it took from before the
 * first connection on. It waits and reads as engine/pg does, which is the cheapest way that libpq has.
 */
#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

enum {
    BLOCK_BYTES = 128 * 1024,
    MUCH_BYTES = 1024 * 1024, /* a COPY that has given so many will give more */
    ENOUGH_BYTES = 64 * 1024, /* are worth a turn */
    PAUSE_NANOSECONDS = 400 * 1000,
    MOST_DOUBLINGS = 5, /* of libpq's buffer */
    CONNECTIONS_MAX = 64,
};

static const char settings[] =
    "SET LOCAL client_encoding = 'UTF8'; SET LOCAL DateStyle = 'ISO, YMD';"
    "SET LOCAL IntervalStyle = 'postgres'; SET LOCAL TimeZone = 'UTC';"
    "SET LOCAL extra_float_digits = 3; SET LOCAL bytea_output = 'hex';"
    "SET LOCAL synchronize_seqscans = off; SET LOCAL jit = off";

struct plan {
    pthread_mutex_t lock;
    char **statements;
    size_t count, next;
    char *snapshot;
    uint64_t rows, bytes; /* of all connections */
};

struct reader {
    PGconn *conn;
    int doublings;
    uint64_t bytes, rows; /* that have come */
};

static void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_floor: %s: %s\n", what, why);
    exit(1);
}

static void run(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);

    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        die(sql, PQerrorMessage(conn));
    PQclear(result);
}

static int waiting_bytes(PGconn *conn)
{
    int there = 0;

    return ioctl(PQsocket(conn), FIONREAD, &there) == 0 ? there : 0;
}

static void consume(PGconn *conn)
{
    if (PQconsumeInput(conn) == 0)
        die("could not read", PQerrorMessage(conn));
}

static void receive(struct reader *reader, bool much)
{
    struct pollfd fd = {.fd = PQsocket(reader->conn), .events = POLLIN};

    if (much && waiting_bytes(reader->conn) < ENOUGH_BYTES)
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NANOSECONDS}, NULL);
    if (poll(&fd, 1, -1) < 0)
        die("could not wait", "poll failed");
    consume(reader->conn);
    while (reader->doublings < MOST_DOUBLINGS && waiting_bytes(reader->conn) > 0) {
        reader->doublings++;
        consume(reader->conn);
    }
}

static void discard(struct reader *reader)
{
    char block[BLOCK_BYTES];
    uint64_t bytes = 0;
    int got;

    while ((got = PQgetlineAsync(reader->conn, block, sizeof(block))) >= 0) {
        if (got == 0)
            receive(reader, bytes >= MUCH_BYTES);
        bytes += (uint64_t)got;
    }
    reader->bytes += bytes;
}

/* A statement may also be several, as one message. */
static void copy(struct reader *reader, const char *statement)
{
    PGresult *result;

    if (PQsendQuery(reader->conn, statement) == 0)
        die(statement, PQerrorMessage(reader->conn));
    while ((result = PQgetResult(reader->conn)) != NULL) {
        if (PQresultStatus(result) == PGRES_COPY_OUT)
            discard(reader);
        else if (PQresultStatus(result) != PGRES_COMMAND_OK)
            die(statement, PQerrorMessage(reader->conn));
        else if (strncmp(PQcmdStatus(result), "COPY", 4) == 0)
            reader->rows += strtoull(PQcmdTuples(result), NULL, 10);
        PQclear(result);
    }
}

static const char *next_statement(struct plan *plan)
{
    const char *statement;

    pthread_mutex_lock(&plan->lock);
    statement = plan->next < plan->count ? plan->statements[plan->next++] : NULL;
    pthread_mutex_unlock(&plan->lock);
    return statement;
}

static PGconn *connect_and_begin(void)
{
    PGconn *conn = PQconnectdb("");

    if (PQstatus(conn) != CONNECTION_OK)
        die("could not connect", PQerrorMessage(conn));
    run(conn, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY");
    return conn;
}

static void work(struct plan *plan, PGconn *conn)
{
    struct reader reader = {.conn = conn};
    const char *statement;

    run(conn, settings);
    while ((statement = next_statement(plan)) != NULL)
        copy(&reader, statement);
    pthread_mutex_lock(&plan->lock);
    plan->rows += reader.rows;
    plan->bytes += reader.bytes;
    pthread_mutex_unlock(&plan->lock);
}

static void *follow(void *arg)
{
    struct plan *plan = arg;
    PGconn *conn = connect_and_begin();
    char sql[256];

    snprintf(sql, sizeof(sql), "SET TRANSACTION SNAPSHOT '%s'", plan->snapshot);
    run(conn, sql);
    work(plan, conn);
    PQfinish(conn);
    return NULL;
}

static void export_snapshot(struct plan *plan, PGconn *conn)
{
    PGresult *result = PQexec(conn, "SELECT pg_catalog.pg_export_snapshot()");

    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        die("could not export the snapshot", PQerrorMessage(conn));
    plan->snapshot = strdup(PQgetvalue(result, 0, 0));
    PQclear(result);
    if (plan->snapshot == NULL)
        die("could not export the snapshot", "out of memory");
}

static void read_plan(struct plan *plan, const char *path)
{
    FILE *file = fopen(path, "r");
    char *line = NULL;
    size_t size = 0;

    if (file == NULL)
        die("could not open", path);
    while (getline(&line, &size, file) > 0) {
        char **longer = realloc(plan->statements, (plan->count + 1) * sizeof(*longer));

        if (longer == NULL)
            die("could not read", "out of memory");
        plan->statements = longer;
        plan->statements[plan->count++] = line;
        line = NULL;
        size = 0;
    }
    free(line);
    fclose(file);
}

static void free_plan(struct plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        free(plan->statements[i]);
    free(plan->statements);
    free(plan->snapshot);
}

static void run_plan(struct plan *plan, int connections)
{
    pthread_t threads[CONNECTIONS_MAX];
    PGconn *leader = connect_and_begin();

    export_snapshot(plan, leader);
    for (int i = 1; i < connections; i++)
        if (pthread_create(&threads[i], NULL, follow, plan) != 0)
            die("could not begin", "no more threads");
    work(plan, leader);
    for (int i = 1; i < connections; i++)
        pthread_join(threads[i], NULL);
    PQfinish(leader);
}

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    struct plan plan = {.lock = PTHREAD_MUTEX_INITIALIZER};
    int connections = argc == 3 ? atoi(argv[1]) : 0;
    double began;

    if (connections < 1 || connections > CONNECTIONS_MAX) {
        fprintf(stderr, "usage: bench_floor CONNECTIONS FILE\n");
        return 2;
    }
    read_plan(&plan, argv[2]);
    began = now();
    run_plan(&plan, connections);
    printf("%llu %llu %.3f\n", (unsigned long long)plan.rows, (unsigned long long)plan.bytes,
           now() - began);
    free_plan(&plan);
    return 0;
}
