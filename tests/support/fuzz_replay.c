/*
 * Gives a fuzz target the inputs that are kept of it, so that what was found once is tried in every build, by any compiler:
 *
 *   TARGET FOLDER     every file in the folder, and the empty input
 *
 * The target ends the program where something is wrong; the last name on standard output is the input it was given.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay(const char *folder, const char *name)
{
    char path[4096];
    uint8_t *bytes = NULL;
    size_t length = 0;
    long size;
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    puts(path);
    fflush(stdout);
    file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0) {
        perror(path);
        return 1;
    }
    rewind(file);
    /* As long as the input and no longer, so that a byte too far is seen. */
    bytes = malloc((size_t)size > 0 ? (size_t)size : 1);
    length = bytes == NULL ? 0 : fread(bytes, 1, (size_t)size, file);
    fclose(file);
    if (length == (size_t)size && bytes != NULL)
        LLVMFuzzerTestOneInput(bytes, length);
    free(bytes);
    return length == (size_t)size ? 0 : 1;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    int count = 0, failed = 0;

    if (folder == NULL) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        failed |= replay(argv[1], entry->d_name);
        count++;
    }
    closedir(folder);
    printf("%d inputs\n", count);
    return failed || count == 0;
}
