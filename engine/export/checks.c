#include "engine/export/parts.h"
#include "engine/keys.h"
#include "engine/presets.h"
#include "formats/names.h"

enum larder_status export_check_options(const struct larder_export_options *o,
                                        struct larder_error *error)
{
    if ((o->preset == NULL) == (o->table_count == 0)) {
        larder_fail(error, LARDER_USAGE,
                    o->preset == NULL ? "an export needs either a preset or tables"
                                      : "an export takes a preset or tables (-t), and not both");
        larder_hint(error,
                    "larder export daily --store DIR, or larder export -t TABLE -o FILE.tar");
        return LARDER_USAGE;
    }
    if ((o->store == NULL) == (o->output == NULL)) {
        larder_fail(error, LARDER_USAGE, "an export needs either a store or a file to write to");
        larder_hint(error, "Give --store URL (or set LARDER_STORE), or -o FILE.");
        return LARDER_USAGE;
    }
    if (o->output != NULL && names_says_encrypted(o->output) &&
        !keys_name_recipients(&o->encryption)) {
        larder_fail(error, LARDER_USAGE, "\"%s\" would not be encrypted, as its name says",
                    o->output);
        larder_hint(error,
                    "Say to whom with -r AGE1... or -R FILE, or leave .age out of the name.");
        return LARDER_USAGE;
    }
    if (o->lanes < 0 || o->lanes > LARDER_LANES_MAX)
        return larder_fail(error, LARDER_USAGE, "-j takes a number from 1 to %d", LARDER_LANES_MAX);
    return o->preset != NULL ? presets_check_form(o->preset, error) : LARDER_OK;
}

enum larder_status export_warn_of_clear_text(struct export *e, struct larder_error *error)
{
    const char *newest;
    enum larder_status status;

    if (e->to.encrypted)
        return LARDER_OK;
    status =
        destination_newest(&e->to, e->result->source, e->result->preset, e->arena, &newest, error);
    if (status == LARDER_OK && newest != NULL && names_is_encrypted(newest))
        export_warn(
            e, arena_printf(e->arena,
                            "this archive is not encrypted, and the newest one in the store, %s, "
                            "is: unless that is meant, name recipients with -r or in larder.conf",
                            newest));
    return status;
}
