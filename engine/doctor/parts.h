/* What the parts of the doctor share. Internal to engine/doctor.c and engine/doctor/. */
#ifndef ENGINE_DOCTOR_PARTS_H
#define ENGINE_DOCTOR_PARTS_H

#include "engine/pg/catalog.h"
#include "engine/presets.h"
#include "engine/store/store.h"
#include "formats/arena.h"
#include "larder/doctor.h"

struct doctor {
    const struct larder_doctor_options *options;
    const struct larder_run *run;
    struct arena *arena; /* the result's */
    struct larder_doctor *result;
    size_t room;                  /* for lines */
    enum larder_status worst;     /* that the lines come to */
    struct catalog_server server; /* zero where it was not reached, as what follows */
    const char *source;           /* its name; NULL where it is not known */
    struct presets presets;
    struct larder_keys *keys; /* NULL: not to be checked */
};

/* Adds a line; each copies what it is given. `help` may be NULL. */
void doctor_ok(struct doctor *d, const char *subject, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void doctor_warn(struct doctor *d, const char *subject, const char *help, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* One that failed, with the error's status, message and hint. */
void doctor_fail(struct doctor *d, const char *subject, const struct larder_error *error);

/* Whether hooks can be run. Nothing is sent. */
void doctor_check_hooks(struct doctor *d);

/* Both end early only where a signal wants it: what they find is in the lines. */
enum larder_status doctor_check_source(struct doctor *d, struct larder_error *error);
enum larder_status doctor_check_store(struct doctor *d, struct larder_error *error);

/* The lines of a store by itself: whether it takes an object, can lock, and has room for two as large as `largest`. */
void doctor_probe(struct doctor *d, struct store *store);
void doctor_lock(struct doctor *d, struct store *store);
void doctor_room(struct doctor *d, struct store *store, uint64_t largest);

/* Before anything is set up: whether the schema is there or can be made; and whether a folder can be, of this host or of a
 * remote of rclone's, which is there only for the moment of the probe. */
void doctor_check_schema(struct doctor *d, struct pg *pg);
enum larder_status doctor_check_new_folder(struct doctor *d, struct larder_error *error);
enum larder_status doctor_check_new_remote(struct doctor *d, struct larder_error *error);

#endif
