/*
 * Preloaded into a program (LD_PRELOAD), makes one of its calls fail: tests/faults/run says which, and what must follow.
 *
 *   FAULT_AT       KIND NUMBER HOW   the call of this kind with this number, from 1; "NUMBER+" all calls from there on
 *                  KIND 0            none, and the log tells each of them ("memory 0": how many)
 *                  each 0            the same for all kinds but memory
 *   FAULT_UNDER    the folder whose files are meant; calls for others are neither counted nor changed
 *   FAULT_LOG      gets a line "KIND PATH" for the call that was made to fail, or for each call
 *   FAULT_PROGRAM  the program's name; in others, such as those that it starts, nothing happens. "larder" where it is not set
 *
 * KIND is open, read, readdir, write, sync, rename, close, unlink, mkdir, stat, lock, memory and result (which know no folder), or any, which is
 * each of those that change something: open, write, sync, rename, unlink, mkdir; half is write. A result is libpq's, of a query or of the
 * beginning of a COPY, and there is no memory for it. HOW is
 *
 *   ENOSPC, EIO, ...   the call fails with this error, and nothing was done, but for a close, which is done
 *   SHORT              half of the bytes are read or written
 *   KILL               the process is killed before the call; HALF after half of the bytes
 *
 * A clock has no HOW: time() is an hour earlier than it is, and knows no folder.
 *
 * Of memory, what libcrypto takes is not counted: it would be nine tenths, of its tables.
 *
 * The wrapped names are those that larder is linked with: its own calls, not those inside libc. Threads share one count.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum how { FAIL, SHORT, KILL, HALF };

static struct {
    bool active, counts, stays;
    char kind[16];
    unsigned long number;
    enum how how;
    int error;
    const char *under;
    int log;
    uintptr_t crypto_begin, crypto_end; /* libcrypto's code */
} fault;
static atomic_ulong calls;

static const struct {
    const char *name;
    int number;
} errors[] = {{"EIO", EIO},       {"ENOSPC", ENOSPC}, {"EINTR", EINTR}, {"EINVAL", EINVAL},
              {"EDQUOT", EDQUOT}, {"ENOLCK", ENOLCK}, {"EPERM", EPERM}, {"EMFILE", EMFILE},
              {"EACCES", EACCES}, {"EROFS", EROFS}};

static void read_how(const char *how)
{
    fault.how = strcmp(how, "SHORT") == 0  ? SHORT
                : strcmp(how, "KILL") == 0 ? KILL
                : strcmp(how, "HALF") == 0 ? HALF
                                           : FAIL;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (strcmp(how, errors[i].name) == 0)
            fault.error = errors[i].number;
}

static int find_crypto(struct dl_phdr_info *library, size_t size, void *arg)
{
    (void)size;
    (void)arg;
    if (strstr(library->dlpi_name, "libcrypto") == NULL)
        return 0;
    for (int i = 0; i < library->dlpi_phnum; i++)
        if ((library->dlpi_phdr[i].p_flags & PF_X) != 0) {
            fault.crypto_begin = library->dlpi_addr + library->dlpi_phdr[i].p_vaddr;
            fault.crypto_end = fault.crypto_begin + library->dlpi_phdr[i].p_memsz;
        }
    return 1;
}

__attribute__((constructor)) static void begin(void)
{
    const char *at = getenv("FAULT_AT"), *program = getenv("FAULT_PROGRAM"),
               *log = getenv("FAULT_LOG");
    char number[24] = "", how[16] = "";

    fault.under = getenv("FAULT_UNDER");
    if (at == NULL ||
        strcmp(program_invocation_short_name, program == NULL ? "larder" : program) != 0 ||
        sscanf(at, "%15s %23s %15s", fault.kind, number, how) < 2)
        return;
    fault.number = strtoul(number, NULL, 10);
    fault.counts = fault.number == 0;
    fault.stays = strchr(number, '+') != NULL;
    read_how(how);
    fault.log = log == NULL ? -1 : open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dl_iterate_phdr(find_crypto, NULL);
    calls = 0;
    fault.active = true;
}

static void tell(const char *kind, const char *path)
{
    char line[1200];
    int length = snprintf(line, sizeof(line), "%s %.1100s\n", kind, path);

    if (fault.log >= 0 && syscall(SYS_write, fault.log, line, (size_t)length) < 0)
        return;
}

__attribute__((destructor)) static void end(void)
{
    char number[24];

    if (!fault.active || !fault.counts || strcmp(fault.kind, "memory") != 0)
        return;
    snprintf(number, sizeof(number), "%lu", calls);
    tell("memory", number);
}

static bool is_meant(const char *kind)
{
    static const char *const changing[] = {"open", "write", "sync", "rename", "unlink", "mkdir"};

    if (!fault.active)
        return false;
    for (size_t i = 0; strcmp(fault.kind, "any") == 0 && i < sizeof(changing) / sizeof(changing[0]);
         i++)
        if (strcmp(kind, changing[i]) == 0)
            return true;
    if (strcmp(fault.kind, "half") == 0)
        return strcmp(kind, "write") == 0;
    return strcmp(fault.kind, kind) == 0 ||
           (strcmp(fault.kind, "each") == 0 && strcmp(kind, "memory") != 0);
}

static bool is_turn(const char *kind, const char *path)
{
    unsigned long number = atomic_fetch_add(&calls, 1) + 1;
    bool turn = fault.stays ? number >= fault.number : number == fault.number;

    if (fault.counts ? fault.log >= 0 : turn)
        tell(kind, path);
    if (turn && fault.how == KILL)
        kill(getpid(), SIGKILL);
    return turn && !fault.counts;
}

static bool is_under(const char *path)
{
    return fault.under == NULL || strncmp(path, fault.under, strlen(fault.under)) == 0;
}

/* Whether this call is the one. Paths are absolute, or lie below the folder that the program was started in. */
static bool strikes_path(const char *kind, const char *path)
{
    char whole[2048];

    if (!is_meant(kind))
        return false;
    if (path[0] != '/') {
        if (getcwd(whole, 1024) == NULL)
            return false;
        snprintf(whole + strlen(whole), 1024, "/%.1000s", path);
        path = whole;
    }
    return is_under(path) && is_turn(kind, path);
}

static bool strikes_fd(const char *kind, int fd)
{
    char link[40], path[1024];
    ssize_t length;

    if (!is_meant(kind))
        return false;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof(path) - 1);
    if (length < 0)
        return false;
    path[length] = '\0';
    return is_under(path) && is_turn(kind, path);
}

static int failed(void)
{
    errno = fault.error;
    return -1;
}

/* Half of it; whole blocks where there are some, since writes past the page cache know nothing less. */
static size_t half(size_t length)
{
    return length >= 8192 ? length / 2 / 4096 * 4096 : (length + 1) / 2;
}

/* The next one of this name, behind ours. */
#define NEXT(name) ((__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name))

time_t time(time_t *where)
{
    time_t now = NEXT(time)(NULL);

    if (is_meant("clock") && is_turn("clock", ""))
        now -= 3600;
    if (where != NULL)
        *where = now;
    return now;
}

static mode_t mode_of(int flags, va_list list)
{
    return (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(list, mode_t) : 0;
}

int open64(const char *path, int flags, ...)
{
    va_list list;
    mode_t mode;

    va_start(list, flags);
    mode = mode_of(flags, list);
    va_end(list);
    return strikes_path("open", path) ? failed() : NEXT(open64)(path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
    va_list list;
    mode_t mode;

    va_start(list, flags);
    mode = mode_of(flags, list);
    va_end(list);
    return strikes_fd("open", folder) ? failed() : NEXT(openat64)(folder, path, flags, mode);
}

int mkostemp64(char *path, int flags)
{
    return strikes_path("open", path) ? failed() : NEXT(mkostemp64)(path, flags);
}

DIR *opendir(const char *path)
{
    return strikes_path("open", path) ? (failed(), NULL) : NEXT(opendir)(path);
}

FILE *fopen64(const char *path, const char *mode)
{
    return strikes_path("open", path) ? (failed(), NULL) : NEXT(fopen64)(path, mode);
}

ssize_t read(int fd, void *bytes, size_t length)
{
    if (!strikes_fd("read", fd))
        return NEXT(read)(fd, bytes, length);
    return fault.how == SHORT ? NEXT(read)(fd, bytes, half(length)) : failed();
}

ssize_t pread64(int fd, void *bytes, size_t length, off64_t offset)
{
    if (!strikes_fd("read", fd))
        return NEXT(pread64)(fd, bytes, length, offset);
    return fault.how == SHORT ? NEXT(pread64)(fd, bytes, half(length), offset) : failed();
}

struct dirent64 *readdir64(DIR *folder)
{
    return strikes_fd("readdir", dirfd(folder)) ? (failed(), NULL) : NEXT(readdir64)(folder);
}

ssize_t write(int fd, const void *bytes, size_t length)
{
    ssize_t put;

    if (!strikes_fd("write", fd))
        return NEXT(write)(fd, bytes, length);
    if (fault.how == FAIL)
        return failed();
    put = NEXT(write)(fd, bytes, half(length));
    if (fault.how == HALF)
        kill(getpid(), SIGKILL);
    return put;
}

int fsync(int fd)
{
    return strikes_fd("sync", fd) ? failed() : NEXT(fsync)(fd);
}

int close(int fd)
{
    bool strikes = strikes_fd("close", fd);
    int result = NEXT(close)(fd);

    return strikes ? failed() : result;
}

int rename(const char *from, const char *to)
{
    return strikes_path("rename", to) ? failed() : NEXT(rename)(from, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    return strikes_path("rename", to) ? failed()
                                      : NEXT(renameat2)(from_folder, from, to_folder, to, flags);
}

int link(const char *from, const char *to)
{
    return strikes_path("rename", to) ? failed() : NEXT(link)(from, to);
}

int unlink(const char *path)
{
    return strikes_path("unlink", path) ? failed() : NEXT(unlink)(path);
}

int unlinkat(int folder, const char *path, int flags)
{
    return strikes_fd("unlink", folder) ? failed() : NEXT(unlinkat)(folder, path, flags);
}

int mkdir(const char *path, mode_t mode)
{
    return strikes_path("mkdir", path) ? failed() : NEXT(mkdir)(path, mode);
}

int fstat64(int fd, struct stat64 *is)
{
    return strikes_fd("stat", fd) ? failed() : NEXT(fstat64)(fd, is);
}

int stat64(const char *path, struct stat64 *is)
{
    return strikes_path("stat", path) ? failed() : NEXT(stat64)(path, is);
}

int lstat64(const char *path, struct stat64 *is)
{
    return strikes_path("stat", path) ? failed() : NEXT(lstat64)(path, is);
}

int access(const char *path, int mode)
{
    return strikes_path("stat", path) ? failed() : NEXT(access)(path, mode);
}

int flock(int fd, int operation)
{
    return strikes_fd("lock", fd) ? failed() : NEXT(flock)(fd, operation);
}

/* ---- Memory: also that of the libraries ---- */

static bool strikes_memory(const void *caller)
{
    if (!is_meant("memory") ||
        ((uintptr_t)caller >= fault.crypto_begin && (uintptr_t)caller < fault.crypto_end))
        return false;
    if (!fault.counts)
        return is_turn("memory", "");
    atomic_fetch_add(&calls, 1);
    return false;
}

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

/* There are many of them, so each is looked for once. */
#define FIND_ONCE(next, name)                                                                      \
    static __typeof__(&name) next;                                                                 \
    if ((next) == NULL)                                                                            \
    (next) = NEXT(name)

void *malloc(size_t size)
{
    FIND_ONCE(next, malloc);
    return strikes_memory(__builtin_return_address(0)) ? no_memory() : next(size);
}

void *calloc(size_t count, size_t size)
{
    FIND_ONCE(next, calloc);
    return strikes_memory(__builtin_return_address(0)) ? no_memory() : next(count, size);
}

void *realloc(void *bytes, size_t size)
{
    FIND_ONCE(next, realloc);
    return strikes_memory(__builtin_return_address(0)) ? no_memory() : next(bytes, size);
}

void *reallocarray(void *bytes, size_t count, size_t size)
{
    FIND_ONCE(next, reallocarray);
    return strikes_memory(__builtin_return_address(0)) ? no_memory() : next(bytes, count, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    FIND_ONCE(next, aligned_alloc);
    return strikes_memory(__builtin_return_address(0)) ? no_memory() : next(alignment, size);
}

int posix_memalign(void **bytes, size_t alignment, size_t size)
{
    FIND_ONCE(next, posix_memalign);
    return strikes_memory(__builtin_return_address(0)) ? ENOMEM : next(bytes, alignment, size);
}

/* As libpq-fe.h has it. */
void *PQmakeEmptyPGresult(void *connection, int status);

void *PQmakeEmptyPGresult(void *connection, int status)
{
    return is_meant("result") && is_turn("result", "")
               ? no_memory()
               : NEXT(PQmakeEmptyPGresult)(connection, status);
}
