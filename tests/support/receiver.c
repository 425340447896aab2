/*
 * Receives what larder's hooks send, on 127.0.0.1, and writes it down.
 *
 *   receiver LOG
 *
 * prints its port and its process id, and stays in the background. It answers 200, but to paths that begin with
 *
 *   /answer/CODE   CODE; a redirect goes to /elsewhere
 *   /flaky         503 the first time, then 200
 *   /stall         nothing
 *
 * LOG gets a line "METHOD PATH" for each request, and its body on the next.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST_MAX = 256 * 1024 };

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static size_t body_length(const char *head)
{
    const char *header = strcasestr(head, "\r\nContent-Length:");

    return header == NULL ? 0 : strtoul(header + 17, NULL, 10);
}

/* Reads a request; where its body begins, or NULL. */
static char *read_request(int fd, char *request)
{
    size_t length = 0;
    char *body = NULL;

    while (body == NULL || (size_t)(request + length - body) < body_length(request)) {
        ssize_t got = read(fd, request + length, REQUEST_MAX - length);

        if (got <= 0)
            return NULL;
        length += (size_t)got;
        request[length] = '\0';
        body = strstr(request, "\r\n\r\n");
        body = body == NULL ? NULL : body + 4;
    }
    return body;
}

/* "METHOD PATH", without what stands behind. */
static void write_down(int log, char *request, const char *body)
{
    size_t method = strcspn(request, " ");
    size_t line = method + 1 + strcspn(request + method + 1, " \r");

    if (dprintf(log, "%.*s\n%s%s", (int)line, request, body, body[0] != '\0' ? "\n" : "") < 0)
        die("log");
}

static int code_for(const char *path, bool *flaked)
{
    if (strncmp(path, "/answer/", 8) == 0)
        return atoi(path + 8);
    if (strncmp(path, "/flaky", 6) == 0 && !*flaked) {
        *flaked = true;
        return 503;
    }
    return 200;
}

static void serve(int fd, int log, unsigned short port, bool *flaked)
{
    static char request[REQUEST_MAX + 1];
    char answer[256];
    const char *body = read_request(fd, request), *path = strchr(request, ' ');
    int length;

    if (body == NULL || path == NULL)
        return;
    write_down(log, request, body);
    if (strncmp(path + 1, "/stall", 6) == 0) {
        /* Until the other side has had enough. */
        while (read(fd, answer, sizeof(answer)) > 0)
            ;
        return;
    }
    length = snprintf(answer, sizeof(answer),
                      "HTTP/1.1 %d So\r\nLocation: http://127.0.0.1:%u/elsewhere\r\n"
                      "Content-Length: 3\r\nConnection: close\r\n\r\nOK\n",
                      code_for(path + 1, flaked), port);
    if (write(fd, answer, (size_t)length) < 0)
        perror("answer");
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int listener, log;
    bool flaked = false;
    pid_t child;

    if (argc != 2)
        return 2;
    listener = socket(AF_INET, SOCK_STREAM, 0);
    log = open(argv[1], O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (log < 0 || listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 ||
        listen(listener, 16) != 0 || getsockname(listener, (struct sockaddr *)&address, &size) != 0)
        die("receiver");
    signal(SIGPIPE, SIG_IGN);
    child = fork();
    if (child < 0)
        die("fork");
    if (child > 0) {
        printf("%u %d\n", ntohs(address.sin_port), (int)child);
        return 0;
    }
    close(STDOUT_FILENO);
    for (;;) {
        int fd = accept(listener, NULL, NULL);

        if (fd < 0)
            continue;
        serve(fd, log, ntohs(address.sin_port), &flaked);
        close(fd);
    }
}
