/* larder.conf: any bytes are read or refused. */
#include <stdint.h>
#include <string.h>

#include "formats/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *look_up(void *arg, const char *name)
{
    (void)arg;
    return strcmp(name, "A") == 0 ? "b c" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct config_variables variables = {.look_up = look_up};
    struct arena *arena = arena_new();
    struct larder_config config = {0};
    struct larder_error error = {0};

    config_read("a/b", (const char *)data, size, &variables, arena, &config, &error);
    arena_free(arena);
    return 0;
}
