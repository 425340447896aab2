/*
 * Stands between a client and an HTTP server on 127.0.0.1, writes down what was asked, and spoils some of the answers.
 *
 *   fault_proxy UPSTREAM_PORT LOG FAULT FIRST COUNT
 *
 * prints its port and its process id, and stays in the background. COUNT requests from FIRST on (0: all from there on) meet
 * with FAULT, the others go through. FIRST is a request's number, from 1 on, or an extended regular expression, for the
 * first request whose "METHOD PATH" it matches, whatever has been tried again before:
 *
 *   none           nothing
 *   STATUS:CODE    an answer of S3's with this code, and the request goes nowhere
 *   reset          the request goes through, and the connection is reset in the middle of the answer
 *   cut            the connection is reset when the request has been read, and it goes nowhere
 *   stall          the request goes through, and there is no answer
 *   late           the answer comes two seconds late
 *   etag           the answer has another ETag
 *   body           one bit of what is sent is another, or of what is got where nothing is sent
 *   lock           the answer says that an Object Lock ends in the year 2999
 *   range          the answer says that it is another range; norange, none at all
 *   circle         the answer to a list has one of three markers, in turn, of where to go on
 *   undated        the answer does not say when uploads were begun
 *   header         the answer has a header that begins as its first line does
 *
 * LOG gets a line "NUMBER METHOD PATH" for each request, and its headers x-amz-*, if-* and content-md5 below it. Each
 * connection serves one request.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_MAX = 64 * 1024 };

struct message {
    char *bytes;
    size_t length, head; /* in all; up to the body */
};

/* What the processes share: the numbers of the last request, and of the first that meets with the fault, 0: not known yet. */
struct counters {
    unsigned last, first;
};

struct faults {
    const char *name;
    regex_t pattern; /* the first one's, where its number is not given */
    unsigned count;
    struct counters *counters;
    int log;
    unsigned short upstream;
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static bool read_more(int fd, struct message *m)
{
    ssize_t got;

    m->bytes = realloc(m->bytes, m->length + HEAD_MAX + 1);
    if (m->bytes == NULL)
        die("memory");
    got = read(fd, m->bytes + m->length, HEAD_MAX);
    if (got > 0)
        m->length += (size_t)got;
    m->bytes[m->length] = '\0';
    return got > 0;
}

static bool read_head(int fd, struct message *m)
{
    while (m->bytes == NULL || strstr(m->bytes, "\r\n\r\n") == NULL)
        if (!read_more(fd, m))
            return false;
    m->head = (size_t)(strstr(m->bytes, "\r\n\r\n") - m->bytes) + 4;
    return true;
}

/* The header's line in the head; NULL where there is none. */
static char *find_header(const struct message *m, const char *name)
{
    for (char *line = strstr(m->bytes, "\r\n"); line != NULL && line + 4 < m->bytes + m->head;
         line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, strlen(name)) == 0)
            return line + 2;
    return NULL;
}

static void send_all(int fd, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t put = write(fd, bytes, length);

        if (put <= 0)
            exit(0);
        bytes += put;
        length -= (size_t)put;
    }
}

static void remove_line(struct message *m, char *line)
{
    char *end = strstr(line, "\r\n") + 2;
    size_t gone = (size_t)(end - line);

    memmove(line, end, m->length + 1 - (size_t)(end - m->bytes));
    m->length -= gone;
    m->head -= gone;
}

/* Puts a line in front of the empty one that ends the head. */
static void add_line(struct message *m, const char *line)
{
    size_t more = strlen(line);

    m->bytes = realloc(m->bytes, m->length + more + 1);
    if (m->bytes == NULL)
        die("memory");
    memmove(m->bytes + m->head - 2 + more, m->bytes + m->head - 2, m->length + 1 - (m->head - 2));
    memcpy(m->bytes + m->head - 2, line, more);
    m->length += more;
    m->head += more;
}

static bool read_request(int fd, struct message *m)
{
    const char *length;
    char *line;
    size_t body;

    if (!read_head(fd, m))
        return false;
    length = find_header(m, "content-length:");
    body = length == NULL ? 0 : strtoul(length + strlen("content-length:"), NULL, 10);
    line = find_header(m, "expect:");
    if (line != NULL) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

        send_all(fd, go_on, strlen(go_on));
        remove_line(m, line);
    }
    while (m->length - m->head < body)
        if (!read_more(fd, m))
            return false;
    add_line(m, "Connection: close\r\n");
    return true;
}

/* "METHOD PATH" */
static void name_request(const struct message *m, char name[HEAD_MAX])
{
    snprintf(name, HEAD_MAX, "%.*s", (int)(strstr(m->bytes, " HTTP/") - m->bytes), m->bytes);
}

static void write_down(const struct faults *faults, unsigned number, const char *name,
                       const struct message *m)
{
    char text[2 * HEAD_MAX];
    int length = snprintf(text, sizeof(text), "%u %s\n", number, name);

    for (char *line = strstr(m->bytes, "\r\n"); line != NULL && line + 4 < m->bytes + m->head;
         line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, "x-amz-", 6) == 0 || strncasecmp(line + 2, "if-", 3) == 0 ||
            strncasecmp(line + 2, "content-md5", 11) == 0)
            length += snprintf(text + length, sizeof(text) - (size_t)length, "    %.*s\n",
                               (int)strcspn(line + 2, "\r"), line + 2);
    if (write(faults->log, text, (size_t)length) < 0)
        die("log");
}

static void reset(int fd)
{
    struct linger linger = {1, 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(fd);
    exit(0);
}

static void answer_error(int fd, const char *fault, const struct message *request)
{
    char body[512], text[1024];
    const char *code = strchr(fault, ':') + 1;
    bool head = strncmp(request->bytes, "HEAD ", 5) == 0;

    snprintf(
        body, sizeof(body),
        "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>As the test wants it.</Message></Error>",
        code);
    snprintf(text, sizeof(text),
             "HTTP/1.1 %.3s Fault\r\nContent-Type: application/xml\r\nContent-Length: %zu\r\n"
             "Connection: close\r\n\r\n%s",
             fault, strlen(body), head ? "" : body);
    send_all(fd, text, strlen(text));
    exit(0);
}

static void forward(const struct faults *faults, const struct message *request,
                    struct message *answer)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(faults->upstream),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        die("upstream");
    send_all(fd, request->bytes, request->length);
    if (!read_head(fd, answer))
        exit(0);
    while (read_more(fd, answer))
        continue;
    close(fd);
}

/* The first digit behind the mark becomes another. */
static void change_digit(char *text, const char *mark)
{
    char *at = text == NULL ? NULL : strstr(text, mark);

    if (at == NULL)
        return;
    at += strlen(mark);
    *at = *at == '0' ? '1' : '0';
}

/* The answer ends with the connection then. */
static void remove_header(struct message *answer, const char *name)
{
    char *line = find_header(answer, name);

    if (line != NULL)
        remove_line(answer, line);
}

static void go_round(struct message *answer, unsigned number)
{
    static const char end[] = "<IsTruncated>false</IsTruncated>";
    char marker[128], *at = strstr(answer->bytes + answer->head, end);
    size_t before, more, less = strlen(end);

    if (at == NULL)
        return;
    before = (size_t)(at - answer->bytes);
    more = (size_t)snprintf(
        marker, sizeof(marker),
        "<IsTruncated>true</IsTruncated><NextContinuationToken>%s</NextContinuationToken>",
        (const char *[]){"YQ==", "Yg==", "Yw=="}[number % 3]);
    answer->bytes = realloc(answer->bytes, answer->length + more + 1);
    if (answer->bytes == NULL)
        die("memory");
    memmove(answer->bytes + before + more, answer->bytes + before + less,
            answer->length + 1 - before - less);
    memcpy(answer->bytes + before, marker, more);
    answer->length += more - less;
    remove_header(answer, "content-length:");
}

static void change_answer(const struct faults *faults, unsigned number, struct message *answer)
{
    char *etag = find_header(answer, "etag:"), *date;

    if (strcmp(faults->name, "range") == 0)
        change_digit(find_header(answer, "content-range:"), "bytes ");
    if (strcmp(faults->name, "norange") == 0)
        remove_header(answer, "content-range:");
    if (strcmp(faults->name, "circle") == 0)
        go_round(answer, number);
    if (strcmp(faults->name, "undated") == 0)
        while ((date = strstr(answer->bytes + answer->head, "Initiated>")) != NULL)
            *date = 'X';
    if (strcmp(faults->name, "lock") == 0)
        add_line(answer, "x-amz-object-lock-retain-until-date: 2999-01-01T00:00:00.000Z\r\n");
    if (strcmp(faults->name, "header") == 0)
        add_line(answer, "HTTP/without-a-blank:1\r\n");
    if (strcmp(faults->name, "etag") != 0)
        return;
    if (etag != NULL)
        change_digit(etag, strcspn(etag, "\"") < strcspn(etag, "\r") ? "\"" : " ");
    change_digit(answer->bytes + answer->head, "<ETag>\"");
}

static bool meets_fault(const struct faults *faults, unsigned number, const char *name)
{
    unsigned first = 0;

    if (__atomic_load_n(&faults->counters->first, __ATOMIC_SEQ_CST) == 0 &&
        regexec(&faults->pattern, name, 0, NULL, 0) == 0)
        __atomic_compare_exchange_n(&faults->counters->first, &first, number, false,
                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    first = __atomic_load_n(&faults->counters->first, __ATOMIC_SEQ_CST);
    return first != 0 && number >= first && (faults->count == 0 || number - first < faults->count);
}

static void serve(const struct faults *faults, int fd)
{
    struct message request = {0}, answer = {0};
    struct pollfd gone = {.fd = fd, .events = POLLRDHUP};
    char name[HEAD_MAX];
    unsigned number;
    const char *fault;
    bool sends;

    if (!read_request(fd, &request))
        exit(0);
    number = __atomic_add_fetch(&faults->counters->last, 1, __ATOMIC_SEQ_CST);
    name_request(&request, name);
    write_down(faults, number, name, &request);
    fault = meets_fault(faults, number, name) ? faults->name : "none";
    if (strchr(fault, ':') != NULL)
        answer_error(fd, fault, &request);
    if (strcmp(fault, "cut") == 0)
        reset(fd);
    sends = request.length > request.head;
    if (strcmp(fault, "body") == 0 && sends)
        request.bytes[request.head + (request.length - request.head) / 2] ^= 1;
    forward(faults, &request, &answer);
    if (strcmp(fault, "body") == 0 && !sends && answer.length > answer.head)
        answer.bytes[answer.head + (answer.length - answer.head) / 2] ^= 1;
    if (strcmp(fault, "stall") == 0) {
        poll(&gone, 1, 120000);
        exit(0);
    }
    if (strcmp(fault, "late") == 0)
        sleep(2);
    if (strcmp(fault, "none") != 0)
        change_answer(faults, number, &answer);
    send_all(fd, answer.bytes, strcmp(fault, "reset") == 0 ? answer.length / 2 : answer.length);
    if (strcmp(fault, "reset") == 0)
        reset(fd);
    exit(0);
}

static int listen_here(unsigned short *port)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(here);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof(here)) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&here, &length) != 0)
        die("listen");
    *port = ntohs(here.sin_port);
    return fd;
}

static void go_to_background(unsigned short port)
{
    pid_t pid = fork();
    int null;

    if (pid < 0)
        die("fork");
    if (pid > 0) {
        printf("%d %d\n", port, (int)pid);
        exit(0);
    }
    null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
}

int main(int argc, char **argv)
{
    struct faults faults;
    unsigned short port;
    int listener;

    if (argc != 6) {
        fprintf(stderr, "usage: fault_proxy UPSTREAM_PORT LOG FAULT FIRST COUNT\n");
        return 2;
    }
    faults = (struct faults){.name = argv[3],
                             .count = (unsigned)strtoul(argv[5], NULL, 10),
                             .upstream = (unsigned short)strtoul(argv[1], NULL, 10)};
    faults.log = open(argv[2], O_WRONLY | O_CREAT | O_APPEND, 0600);
    faults.counters = mmap(NULL, sizeof(*faults.counters), PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (faults.log < 0 || faults.counters == MAP_FAILED)
        die(argv[2]);
    faults.counters->first = (unsigned)strtoul(argv[4], NULL, 10);
    if (regcomp(&faults.pattern, argv[4], REG_EXTENDED | REG_NOSUB) != 0)
        die(argv[4]);
    listener = listen_here(&port);
    go_to_background(port);
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    while (true) {
        int fd = accept(listener, NULL, NULL);

        if (fd < 0)
            continue;
        if (fork() == 0)
            serve(&faults, fd);
        close(fd);
    }
}
