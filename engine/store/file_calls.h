/* Calls for files, which a signal may interrupt on a network's file system or FUSE: then they are made again. errno tells. */
#ifndef ENGINE_STORE_FILE_CALLS_H
#define ENGINE_STORE_FILE_CALLS_H

#include <dirent.h>

/* A descriptor, closed in children; -1 on failure. A file that is made is 0600. */
int file_open(const char *path, int flags);

/* The same for a new file whose path ends with "XXXXXX", which another ending takes the place of. */
int file_open_temporary(char *path);

/* NULL on failure. */
DIR *file_open_folder(const char *path);

/* 0, or -1 where the file may not be durable. */
int file_sync(int fd);

/* Locks it for this process alone, without waiting; -1 with EWOULDBLOCK where another one has it. */
int file_lock(int fd);

#endif
