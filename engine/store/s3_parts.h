/*
 * What the parts of the S3 store share. Internal to engine/store/s3.c, which is the store,
 * s3_settings.c (keys, region, endpoint), s3_line.c (one request through libcurl), s3_request.c
 * (the same until it has an answer that counts), s3_error.c (what an answer means), s3_list.c (what
 * there is), s3_write.c (objects under construction), s3_sender.c (their parts) and s3_read.c
 * (objects that are read).
 */
#ifndef ENGINE_STORE_S3_PARTS_H
#define ENGINE_STORE_S3_PARTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/store/store.h"
#include "formats/arena.h"
#include "formats/s3_document.h"
#include "larder/error.h"

/* How to reach a store. Strings lie in the arena; `token` and `endpoint` may be NULL. */
struct s3_settings {
    const char *id, *secret, *token; /* of the key */
    const char *origin;              /* where the key was found, for hints */
    const char *region;
    const char *endpoint; /* a URL without a slash at its end */
    long silence;         /* seconds without a byte after which a request is given up */
};

/* Out of the AWS variables and profile files. LARDER_USAGE where there is no key, or a setting is no good. */
enum larder_status s3_settings_find(struct arena *arena, struct s3_settings *settings,
                                    struct larder_error *error);

struct s3_line; /* a connection that may be used again */

struct s3 {
    struct store store;
    struct arena *arena;
    struct s3_settings settings;
    const char *bucket;
    const char *prefix;        /* of the keys in the bucket: "" or with a slash at its end */
    const char *base;          /* the bucket's URL */
    atomic_bool unconditional; /* the server has answered that it knows no conditional writes */
    atomic_bool has_served;    /* so what fails later is no wrong usage: keys may end meanwhile */

    pthread_mutex_t lock; /* of what follows */
    struct s3_line *idle;
};

enum { S3_ETAG = 80, S3_NONCE = 33, S3_CODE = 64 };

struct s3_request {
    const char *method;
    const char *key;            /* of the object, without the store's prefix; NULL: the bucket */
    const char *query;          /* encoded, sorted by name, each with its "="; may be NULL */
    const char *const *headers; /* "name: value", NULL last; may be NULL */
    const void *body;           /* of a PUT or POST */
    size_t length;
    bool is_object; /* the body is an object or a part of one, and its ETag is looked at */

    void *into; /* a range is read to here; its answer has to be 206 */
    uint64_t offset;
    size_t most; /* bytes; an object that ends earlier gives less */

    long accept[3];               /* answers that are no failure besides 2xx, 0 last */
    struct s3_document *document; /* what the answer has to be; strings in `arena`. May be NULL */
    struct arena *arena;

    int stop_fd;   /* ends the request once it is readable; 0: none */
    bool clean_up; /* is done for a short while even if the run is to stop */
    int await; /* seconds for which a try that was begun is waited for though the run is to stop */
};

struct s3_answer {
    long status; /* of HTTP; 0 where there was none */
    char etag[S3_ETAG];
    bool is_opaque; /* encrypted with a key of its own, where an ETag is no MD5 */
    uint64_t size;  /* of the whole object */
    bool is_range;  /* it says which, from `offset` on, and of how many bytes */
    uint64_t offset;
    size_t got;            /* bytes of a range */
    char nonce[S3_NONCE];  /* ours, see S3_NONCE_HEADER */
    char retain_until[64]; /* of an Object Lock; "" */
    bool held;             /* a legal hold */
    char region[S3_CODE];  /* the bucket's, where the answer says so */
    char code[S3_CODE];    /* of an error */
    char message[256];     /* of an error, or why there was no answer */
    uint8_t md5[16];       /* of the request's body */
    bool has_md5;
    unsigned tries;
};

/* Says of an object which upload it came from, so that a lost answer does no harm. */
#define S3_NONCE_HEADER "x-amz-meta-larder-upload"

/* Random hexadecimal digits. */
enum larder_status s3_nonce(char nonce[S3_NONCE], struct larder_error *error);

/*
 * Asks until there is an answer that counts: with growing pauses, and not for ever. Answers 2xx and those of `accept` are LARDER_OK;
 * others fail with one message and its hint. May be called by several threads.
 */
enum larder_status s3_ask(struct s3 *s3, const struct s3_request *request, struct s3_answer *answer,
                          struct larder_error *error);

/* HEAD: `*found` says whether there is such an object. `clean_up` as in the request. */
enum larder_status s3_look(struct s3 *s3, const char *key, bool clean_up, bool *found,
                           struct s3_answer *answer, struct larder_error *error);

/* What came of one attempt. */
enum s3_outcome { S3_DONE, S3_AGAIN, S3_NO, S3_STOPPED };

/* How the attempt's bytes are named: hashes as the headers have them. */
struct s3_payload {
    char sha256[65];
    char md5[32]; /* base64; "" where there is no such hash */
};

/* One attempt; fills the answer, and the body of answers that are no range. S3_STOPPED has set the error. */
enum s3_outcome s3_line_try(struct s3 *s3, const struct s3_request *request,
                            const struct s3_payload *payload, long deadline_ms,
                            struct s3_answer *answer, struct buffer *body,
                            struct larder_error *error);
void s3_lines_free(struct s3_line *line);

/* Fails with what an answer means. */
enum larder_status s3_fail(const struct s3 *s3, const struct s3_request *request,
                           const struct s3_answer *answer, struct larder_error *error);

/* Appends "s3://BUCKET/PREFIX/KEY". */
void s3_location(struct store *store, const char *key, struct buffer *out);

enum larder_status s3_create(struct store *store, const char *key, struct stage **stage,
                             struct larder_error *error);
enum larder_status s3_replace(struct store *store, const char *key, const void *bytes,
                              size_t length, struct larder_error *error);
enum larder_status s3_list(struct store *store, const char *prefix, struct arena *arena,
                           struct store_object **objects, size_t *count,
                           struct larder_error *error);
enum larder_status s3_find(struct store *store, struct larder_error *error);
enum larder_status s3_tidy(struct store *store, const char *folder, time_t begun_before,
                           struct larder_error *error);
enum larder_status s3_read(struct store *store, const char *key, struct input **input,
                           struct larder_error *error);

/* Writes an object by one request, where there is none (`once`) or in place of one. */
enum larder_status s3_put(struct s3 *s3, const char *key, bool once, const void *bytes,
                          size_t length, struct larder_error *error);

/* A part of an upload that has arrived. */
struct s3_part {
    char etag[S3_ETAG];
    uint8_t md5[16];
    bool has_md5; /* and the ETag is the same */
};

/*
 * Sends the parts of an upload by several threads, S3_SLOTS of them at a time, and holds no more
 * than these. Used by one thread.
 */
struct s3_sender;

enum { S3_SLOTS = 4 };

/* The key stays the caller's. `expected` is how large the object may become, 0 where that is not known: parts are as large as that needs. */
struct s3_sender *s3_sender_new(struct s3 *s3, const char *key, uint64_t expected);
/* Takes as many bytes as the current part has room for, and says how many; none when it is full. */
enum larder_status s3_sender_fill(struct s3_sender *sender, const void *bytes, size_t length,
                                  size_t *taken, struct larder_error *error);
/* The current part. */
const uint8_t *s3_sender_current(const struct s3_sender *sender, size_t *length);
/* Gives the current part to the threads, and waits until the next may be filled. The text stays the caller's. */
enum larder_status s3_sender_send(struct s3_sender *sender, const char *upload_id,
                                  struct larder_error *error);
/* Waits until every part has arrived. */
enum larder_status s3_sender_finish(struct s3_sender *sender, struct larder_error *error);
const struct s3_part *s3_sender_parts(const struct s3_sender *sender, size_t *count);
/* Stops what is being sent. */
void s3_sender_free(struct s3_sender *sender);

/* The size of part `number`, from 0; 0 where there can be no such part. */
size_t s3_part_bytes(uint64_t expected, size_t number);

#endif
