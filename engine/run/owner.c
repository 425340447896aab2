#include "engine/run/owner.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "formats/buffer.h"
#include "formats/sha256.h"

struct owner {
    uint32_t machine, boot;
    int process;
    uint64_t start; /* of the process, in ticks since the boot; 0: there is none */
};

/* The beginning of a small file; "" where there is none. */
static void read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, text, size - 1);

    text[got > 0 ? got : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

/* A number for the machine, as far as its processes see each other: containers are machines of their own. */
static uint32_t machine_number(void)
{
    char id[64], space[64] = "";
    struct utsname names = {0};
    struct buffer text = {0};
    uint8_t digest[SHA256_BYTES] = {0};
    uint32_t number;

    uname(&names);
    read_text("/etc/machine-id", id, sizeof(id));
    if (readlink("/proc/self/ns/pid", space, sizeof(space) - 1) < 0)
        space[0] = '\0';
    buffer_printf(&text, "%s/%s/%s", names.nodename, id, space);
    sha256_of(text.bytes, text.length, digest, NULL);
    buffer_free(&text);
    memcpy(&number, digest, sizeof(number));
    return number;
}

static uint32_t boot_number(void)
{
    char id[64];

    read_text("/proc/sys/kernel/random/boot_id", id, sizeof(id));
    return (uint32_t)strtoul(id, NULL, 16);
}

static uint64_t start_of(int process)
{
    enum { FIELD = 20 }; /* of those behind the program's name, which may hold anything */
    char path[64], text[1024], *at;

    snprintf(path, sizeof(path), "/proc/%d/stat", process);
    read_text(path, text, sizeof(text));
    at = strrchr(text, ')');
    for (int i = 0; at != NULL && i < FIELD; i++)
        at = strchr(at + 1, ' ');
    return at == NULL ? 0 : strtoull(at, NULL, 10);
}

void owner_name(char name[OWNER_NAME])
{
    uint32_t random = 0;

    if (getrandom(&random, sizeof(random), 0) < 0)
        random = 0;
    snprintf(name, OWNER_NAME, "%08" PRIx32 ".%08" PRIx32 ".%d.%" PRIu64 ".%08" PRIx32,
             machine_number(), boot_number(), getpid(), start_of(getpid()), random);
}

bool owner_is_gone(const char *name)
{
    struct owner owner = {0};
    uint32_t random;
    int end = 0;

    if (sscanf(name, "%8" SCNx32 ".%8" SCNx32 ".%9d.%19" SCNu64 ".%8" SCNx32 "%n", &owner.machine,
               &owner.boot, &owner.process, &owner.start, &random, &end) != 5 ||
        owner.process <= 0 || owner.machine != machine_number())
        return false;
    return owner.boot != boot_number() || start_of(owner.process) != owner.start;
}
