/* Anything comes back out of armor; and what is taken as armor is canonical but for white space
 * around it and carriage returns. */
#include "tests/formats/age/forge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct age_bytes armor(const uint8_t *data, size_t size)
{
    struct forge_sink sink;
    struct stage *stage;

    forge_sink_init(&sink);
    if (age_armor_new(&stage, &sink.stage, NULL) != LARDER_OK ||
        forge_run(stage, data, size, 100, NULL) != LARDER_OK)
        abort();
    return sink.bytes;
}

static enum larder_status dearmor(struct age_bytes *out, const uint8_t *data, size_t size,
                                  enum age_armor kind)
{
    struct forge_sink sink;
    struct stage *stage;
    enum larder_status status;

    forge_sink_init(&sink);
    if (age_dearmor_new(&stage, kind, &sink.stage, NULL) != LARDER_OK)
        abort();
    status = forge_run(stage, data, size, 33, NULL);
    *out = sink.bytes;
    return status;
}

static void check_is_canonical(const struct age_bytes *plain, const uint8_t *data, size_t size)
{
    struct age_bytes again = armor(plain->data, plain->length);
    struct age_bytes text = {0};
    const uint8_t *at;

    for (size_t i = 0; i < size; i++)
        if (data[i] != '\r')
            age_bytes_add(&text, &data[i], 1);
    if (text.data == NULL)
        abort();
    at = memmem(text.data, text.length, again.data, again.length - 1);
    if (at == NULL)
        abort();
    age_bytes_free(&text);
    age_bytes_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct age_bytes text = armor(data, size);
    struct age_bytes out;

    if (dearmor(&out, text.data, text.length, AGE_ARMOR_REQUIRED) != LARDER_OK ||
        out.length != size || (size > 0 && memcmp(out.data, data, size) != 0))
        abort();
    age_bytes_free(&out);
    age_bytes_free(&text);

    if (dearmor(&out, data, size, AGE_ARMOR_REQUIRED) == LARDER_OK)
        check_is_canonical(&out, data, size);
    age_bytes_free(&out);
    dearmor(&out, data, size, AGE_ARMOR_DETECTED);
    age_bytes_free(&out);
    return 0;
}
