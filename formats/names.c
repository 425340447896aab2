#include "formats/names.h"

#include <stdio.h>
#include <string.h>

bool names_is_preset(const char *text)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");

    return text[0] >= 'a' && text[0] <= 'z' && text[length] == '\0' && length <= NAMES_PRESET_MAX;
}

void names_backup(const char *preset, time_t started_at, char name[NAMES_BACKUP])
{
    struct tm tm = {0};
    char stamp[32] = "";

    gmtime_r(&started_at, &tm);
    strftime(stamp, sizeof(stamp), "%Y%m%d_%H%M%S", &tm);
    snprintf(name, NAMES_BACKUP, "%.*s_%.16s", NAMES_PRESET_MAX, preset, stamp);
}

bool names_is_backup(const char *name, char *preset)
{
    static const char pattern[] = "_dddddddd_dddddd";
    size_t length = strlen(name), tail = sizeof(pattern) - 1;

    if (length <= tail || length - tail > NAMES_PRESET_MAX)
        return false;
    for (size_t i = 0; i < tail; i++) {
        char c = name[length - tail + i];

        if (pattern[i] == 'd' ? c < '0' || c > '9' : c != pattern[i])
            return false;
    }
    memcpy(preset, name, length - tail);
    preset[length - tail] = '\0';
    return names_is_preset(preset);
}

void names_source(struct buffer *out, const char *source)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

    for (const char *c = source; *c != '\0'; c++) {
        bool leading_dot = c == source && *c == '.';

        if (strchr(plain, *c) != NULL && !leading_dot)
            buffer_append(out, c, 1);
        else
            buffer_printf(out, "%%%02X", (unsigned char)*c);
    }
}

size_t names_stem(const char *archive)
{
    static const char *const endings[] = {".tar.age", ".tar"};
    size_t length = strlen(archive);

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        size_t ending = strlen(endings[i]);

        if (length > ending && strcmp(archive + length - ending, endings[i]) == 0)
            return length - ending;
    }
    return length;
}

bool names_is_encrypted(const char *archive)
{
    return strcmp(archive + names_stem(archive), ".tar.age") == 0;
}

bool names_says_encrypted(const char *path)
{
    static const char ending[] = ".age";
    size_t length = strlen(path), tail = strlen(ending);

    return length > tail && strcmp(path + length - tail, ending) == 0;
}

const char *names_base(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

bool names_is_summary(const char *key)
{
    static const char ending[] = ".json";
    const char *base = names_base(key);
    char name[NAMES_BACKUP], preset[NAMES_PRESET_MAX + 1];
    size_t length = strlen(base), tail = strlen(ending);

    if (length <= tail || length - tail >= sizeof(name) ||
        strcmp(base + length - tail, ending) != 0)
        return false;
    memcpy(name, base, length - tail);
    name[length - tail] = '\0';
    return names_is_backup(name, preset);
}
