/* AWS profiles, rclone's lists and features: any bytes are read or refused. */
#include "formats/aws_profile.h"
#include "formats/rclone_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct aws_profile profile = {0};
    struct rclone_entry *entries;
    enum rclone_hash hash;
    size_t count;

    aws_profile_read((const char *)data, size, "default", arena, &profile);
    rclone_list_read(data, size, arena, &entries, &count, NULL);
    rclone_features_read(data, size, &hash, NULL);
    arena_free(arena);
    return 0;
}
