#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "engine/restore/load.h"
#include "engine/run/run.h"

static enum larder_status run_lanes(struct load *load, struct larder_error *error)
{
    struct restore *r = load->restore;
    int started = 1;
    pthread_t *lanes = calloc((size_t)r->lanes, sizeof(*lanes));

    if (lanes == NULL)
        return larder_fail_memory(error);
    load->begin = run_clock();
    while (started < r->lanes && pthread_create(&lanes[started], NULL, load_lane, load) == 0)
        started++;
    load_lane(load);
    for (int i = 1; i < started; i++)
        pthread_join(lanes[i], NULL);
    free(lanes);
    if (!load->connected && load->status == LARDER_OK) {
        load->status = load->refused.status;
        load->error = load->refused;
    }
    if (load->status == LARDER_OK && load->refused.status != LARDER_OK)
        run_message(r->run, LARDER_WARNING, "went on with fewer lanes: %s", load->refused.message);
    if (load->status == LARDER_OK)
        load_tell_times(load);
    else
        *error = load->error;
    return load->status;
}

enum larder_status restore_load(struct restore *r, struct larder_error *error)
{
    struct load load = {.restore = r, .stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    enum larder_status status;

    pthread_mutex_init(&load.lock, NULL);
    pthread_cond_init(&load.changed, NULL);
    status = schema_blocks(&r->schema, SCHEMA_INDEX, r->arena, &load.index_blocks,
                           &load.index_block_count, error);
    if (status == LARDER_OK)
        status = schema_blocks(&r->schema, SCHEMA_REST, r->arena, &r->rest, &r->rest_count, error);
    load.tables = arena_alloc(r->arena, r->table_count, sizeof(*load.tables));
    if (status == LARDER_OK && load.tables == NULL)
        status = larder_fail_memory(error);
    if (status == LARDER_OK)
        status = load_write_end(&load, error);
    if (status == LARDER_OK)
        status = load_plan(&load, error);
    if (status == LARDER_OK)
        status = run_lanes(&load, error);
    pthread_mutex_destroy(&load.lock);
    pthread_cond_destroy(&load.changed);
    close(load.stop_fd);
    for (size_t i = 0; load.tables != NULL && i < r->table_count; i++)
        buffer_free(&load.tables[i].validate);
    buffer_free(&load.keys);
    buffer_free(&load.last);
    return status;
}
