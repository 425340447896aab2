/* What the parts of reading larder.conf share. Internal to formats/config*.c. */
#ifndef FORMATS_CONFIG_PARTS_H
#define FORMATS_CONFIG_PARTS_H

#include <stdbool.h>
#include <stddef.h>

#include "formats/config.h"

enum config_type {
    CONFIG_TEXT,
    CONFIG_PATH,
    CONFIG_PLACE, /* a path, or a URL of any kind */
    CONFIG_NUMBER,
    CONFIG_LEVEL,
    CONFIG_PERCENT,
    CONFIG_YES, /* a bool that `yes` sets */
    CONFIG_NO,  /* a bool that `no` sets */
    CONFIG_FORMAT,
    CONFIG_REFERENCES,
    CONFIG_INTERVAL,
    CONFIG_URL,   /* http or https */
    CONFIG_WORDS, /* lists, from here on */
    CONFIG_PATHS,
    CONFIG_COMMAND, /* a program and its arguments */
};

#define CONFIG_PRESET "preset"

/* One key, and where what it says goes: into struct larder_config, or struct larder_preset. */
struct config_key {
    const char *section, *name;
    enum config_type type;
    size_t offset, count_offset; /* the latter of lists */
    int low, high;               /* of numbers */
    bool may_be_secret;          /* its value is never shown */
};

enum { CONFIG_KEYS_MAX = 64 };
extern const struct config_key config_keys[];
extern const size_t config_key_count;

/* NULL where there is no such key; then the hint says which there are. */
const struct config_key *config_find_key(const char *section, const char *name,
                                         struct larder_error *error);

/* Whether there is such a section; else the hint says which there are. */
bool config_find_section(const char *name, struct larder_error *error);

bool config_is_list(const struct config_key *key);
size_t config_list_length(const struct config_key *key, const void *object);

/* Sets what the key says, or adds to it where it is a list; paths begin in `folder` where it is not empty. */
enum larder_status config_set(const struct config_key *key, const char *value, const char *folder,
                              void *object, struct arena *arena, struct larder_error *error);

/* Replaces the variables in a value. */
enum larder_status config_expand(const char *value, const struct config_variables *variables,
                                 struct arena *arena, const char **expanded,
                                 struct larder_error *error);

#endif
