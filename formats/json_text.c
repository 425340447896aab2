#include "formats/json_text.h"

#include "formats/buffer.h"
#include "formats/utf8.h"

static json_t *replaced(const char *text)
{
    struct buffer out = {0};
    json_t *json;

    while (*text != '\0') {
        size_t length = utf8_length(text);

        if (length == 0)
            buffer_puts(&out, "\xef\xbf\xbd");
        else
            buffer_append(&out, text, length);
        text += length == 0 ? 1 : length;
    }
    json = json_string(buffer_text(&out));
    if (out.failed) {
        json_decref(json);
        json = NULL;
    }
    buffer_free(&out);
    return json;
}

json_t *json_text(const char *text)
{
    json_t *json;

    if (text == NULL)
        return json_null();
    json = json_string(text);
    return json != NULL ? json : replaced(text);
}
