#include "formats/nearest.h"

#include <string.h>

#include "formats/buffer.h"

static size_t least(size_t a, size_t b, size_t c)
{
    size_t least_of_two = a < b ? a : b;

    return least_of_two < c ? least_of_two : c;
}

/* How many bytes have to be put in, left out or changed to make one of the other. */
static size_t distance(const char *a, const char *b)
{
    enum { LONGEST = 48 };
    size_t row[LONGEST + 1], length = strlen(b);

    if (length > LONGEST || strlen(a) > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= length; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t corner = row[0];

        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t above = row[j];

            row[j] = least(above + 1, row[j - 1] + 1, corner + (a[i - 1] != b[j - 1] ? 1 : 0));
            corner = above;
        }
    }
    return row[length];
}

const char *nearest(const char *name, const char *const *names, size_t count)
{
    const char *found = NULL;
    size_t best = 3; /* two slips are one word, three are another */

    for (size_t i = 0; i < count; i++) {
        size_t slips = distance(name, names[i]);

        if (slips < best && slips < strlen(names[i])) {
            best = slips;
            found = names[i];
        }
    }
    return found;
}

void nearest_hint(const char *name, const char *const *names, size_t count, const char *all_are,
                  struct larder_error *error)
{
    const char *meant = nearest(name, names, count);
    struct buffer hint = {0};

    if (count == 0)
        return;
    if (meant != NULL)
        buffer_printf(&hint, "Is \"%s\" meant? ", meant);
    buffer_puts(&hint, all_are);
    for (size_t i = 0; i < count; i++)
        buffer_printf(&hint, "%s %s", i > 0 ? "," : ":", names[i]);
    larder_hint(error, "%s.", buffer_text(&hint));
    buffer_free(&hint);
}
