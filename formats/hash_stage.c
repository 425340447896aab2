#include "formats/hash_stage.h"

#include <stdlib.h>

struct hash_stage {
    struct stage stage;
    struct stage *next;
    struct sha256 *sha;
    struct hash_result *result;
};

static enum larder_status hash_push(struct stage *stage, const void *bytes, size_t length,
                                    struct larder_error *error)
{
    struct hash_stage *hash = (struct hash_stage *)stage;
    enum larder_status status = sha256_update(hash->sha, bytes, length, error);

    if (status != LARDER_OK)
        return status;
    hash->result->bytes += length;
    return stage_push(hash->next, bytes, length, error);
}

static enum larder_status hash_finish(struct stage *stage, struct larder_error *error)
{
    struct hash_stage *hash = (struct hash_stage *)stage;
    enum larder_status status = sha256_final(hash->sha, hash->result->sha256, error);

    return status == LARDER_OK ? stage_finish(hash->next, error) : status;
}

static void hash_free(struct stage *stage)
{
    struct hash_stage *hash = (struct hash_stage *)stage;

    stage_free(hash->next);
    sha256_free(hash->sha);
    free(hash);
}

struct sha256 *hash_stage_sha256(struct stage *stage)
{
    return ((struct hash_stage *)stage)->sha;
}

struct stage *hash_stage_new(struct stage *next, struct hash_result *result)
{
    static const struct stage_ops ops = {hash_push, hash_finish, hash_free};
    struct hash_stage *hash = calloc(1, sizeof(*hash));

    if (hash == NULL)
        return NULL;
    hash->stage.ops = &ops;
    hash->next = next;
    hash->result = result;
    hash->sha = sha256_new();
    if (hash->sha == NULL) {
        free(hash);
        return NULL;
    }
    *result = (struct hash_result){0};
    return &hash->stage;
}
