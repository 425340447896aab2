#include <stdlib.h>
#include <string.h>

#include "engine/pg/schema_parts.h"
#include "engine/run/run.h"

/* What an entry needs; NULL where it needs nothing more. Attachments come by themselves: a foreign key names those of all partitions. */
static struct schema_entry *find_needed(const struct schema *schema,
                                        const struct schema_entry *entry, size_t i)
{
    struct schema_entry *needed = schema_find(schema, entry->depends[i]);

    return needed == NULL || schema_is_attachment(needed) ? NULL : needed;
}

/* Whether an entry can be created: no relation that is not selected is among what it needs. To be asked once tables are. */
static bool can_be_had(const struct schema *schema, struct schema_entry *entry)
{
    if (entry->selected || entry->stand_in)
        return true;
    if (entry->had != 0)
        return entry->had == 'y';
    /* For now: what it needs may need it, too. */
    entry->had =
        schema_is(entry, "TABLE") || (schema_is_relation(entry) && !schema->all) ? 'n' : 'y';
    for (size_t i = 0; entry->had == 'y' && i < entry->depend_count; i++) {
        struct schema_entry *needed = find_needed(schema, entry, i);

        if (needed != NULL && !can_be_had(schema, needed))
            entry->had = 'n';
    }
    return entry->had == 'y';
}

/* A check of a domain that was added without a look at the values; one of a table is the table's own. */
static bool is_domain_check(const struct schema *schema, const struct schema_entry *entry)
{
    return schema_is(entry, "CHECK CONSTRAINT") && schema_table_of(schema, entry) == 0;
}

/* What tables and views have of their own, under names of their own. */
static bool is_of_relation(const struct schema_entry *entry)
{
    static const char *const kinds[] = {
        "CHECK CONSTRAINT",  "CONSTRAINT", "DEFAULT",      "FK CONSTRAINT", "INDEX",  "POLICY",
        "PUBLICATION TABLE", "RULE",       "ROW SECURITY", "STATISTICS",    "TRIGGER"};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (schema_is(entry, kinds[i]))
            return true;
    return false;
}

/* Whether an entry is left out with another that it depends on: a view of that name, which is there already, gets neither its rules nor its indexes. */
static bool goes_with(const struct schema *schema, const struct schema_entry *entry,
                      const struct schema_entry *on)
{
    if (is_domain_check(schema, entry))
        return schema_is(on, "DOMAIN");
    return schema_is_attachment(entry) ||
           (entry->rest && is_of_relation(entry) && schema_is_relation(on));
}

bool schema_is_left_out(const struct schema *schema, const struct schema_entry *entry)
{
    if (entry->left_out)
        return true;
    for (size_t i = 0; i < entry->depend_count; i++) {
        const struct schema_entry *on = schema_find(schema, entry->depends[i]);

        if (on != NULL && on->left_out && goes_with(schema, entry, on))
            return true;
    }
    return false;
}

/* The keys and indexes of a stand-in are its own. */
static bool is_of_stand_in(const struct schema *schema, const struct schema_entry *entry)
{
    if (entry->stand_in)
        return true;
    for (size_t i = 0; entry->pass == SCHEMA_INDEX && i < entry->depend_count; i++) {
        const struct schema_entry *on = schema_find(schema, entry->depends[i]);

        if (on != NULL && on->stand_in)
            return true;
    }
    return false;
}

static void take(const struct schema *schema, struct schema_entry *entry)
{
    if (entry->selected || is_of_stand_in(schema, entry))
        return;
    entry->selected = true;
    for (size_t i = 0; i < entry->depend_count; i++) {
        struct schema_entry *needed = find_needed(schema, entry, i);

        if (needed != NULL)
            take(schema, needed);
    }
}

static bool has_selected_table(const struct schema *schema, const struct schema_entry *entry)
{
    const struct schema_entry *table = schema_find_table(schema, entry);

    return table != NULL && table->selected;
}

/*
 * A table that comes along for one that inherits from it, or is a partition of it, shows the rows of that one, too. Its policies may need what is
 * not in the archive: without them its owner alone sees any.
 */
static void close_what_comes_along(struct schema *schema)
{
    for (size_t i = 0; i < schema->count; i++) {
        struct schema_entry *entry = &schema->entries[i];

        if (schema_is(entry, "ROW SECURITY") && has_selected_table(schema, entry))
            entry->selected = true;
    }
}

void schema_name_policies(const struct schema *schema, struct arena *arena,
                          struct larder_findings *findings)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_entry *entry = &schema->entries[i];

        if (schema_is(entry, "POLICY") && !entry->selected && !entry->left_out &&
            has_selected_table(schema, entry))
            findings_add(findings, arena, "left out", entry->text,
                         "%s: its table comes along for another one, and without it shows no rows "
                         "to others than its owner",
                         entry->text);
    }
}

/* Keys and indexes are built side by side, so what is said of them comes when all are there. */
static enum schema_pass pass_of_comment(enum schema_pass on)
{
    return on == SCHEMA_INDEX || on == SCHEMA_LAST ? SCHEMA_LAST : SCHEMA_CREATE;
}

/* Whether what a partition or its index is joined to is in the dump: of a schema that is not, an entry does not say that it depends on it. */
static bool has_both(const struct schema *schema, const struct schema_entry *entry)
{
    const struct schema_entry *first = NULL;

    for (size_t i = 0; i < entry->depend_count; i++) {
        const struct schema_entry *on = schema_find(schema, entry->depends[i]);

        if (on == NULL || schema_is_relation(on) != schema_is(entry, "TABLE ATTACH") || on == first)
            continue;
        if (first != NULL)
            return true;
        first = on;
    }
    return false;
}

/* A partition is joined to what the target may have when it has its indexes, which are joined with it; earlier it would get these from there. */
static void put_halves_last(struct schema *schema)
{
    for (size_t i = 0; i < schema->count; i++) {
        struct schema_entry *entry = &schema->entries[i];
        bool table = schema_is(entry, "TABLE ATTACH"), index = schema_is(entry, "INDEX ATTACH");

        if ((!table && !index) || has_both(schema, entry))
            continue;
        entry->half = table;
        entry->left_out = index;
        entry->pass = SCHEMA_LAST;
    }
}

/* What attaches the index of a partition names those of all tables above, too; of one that is there already they are its own. */
static bool is_to_be_there(const struct schema *schema, const struct schema_entry *attachment,
                           const struct schema_entry *on)
{
    if (!schema_is(attachment, "INDEX ATTACH"))
        return on->selected || on->stand_in;
    return on->selected || (!schema_is_relation(on) && is_of_stand_in(schema, on));
}

static void take_attachments(struct schema *schema)
{
    bool more = true;

    while (more) {
        more = false;
        for (size_t i = 0; i < schema->count; i++) {
            struct schema_entry *entry = &schema->entries[i];
            bool whole = entry->depend_count > 0, any = false, beside_stand_in = false;

            if (entry->selected || entry->left_out || !schema_is_attachment(entry))
                continue;
            for (size_t j = 0; j < entry->depend_count && whole; j++) {
                const struct schema_entry *on = schema_find(schema, entry->depends[j]);

                whole = on != NULL && is_to_be_there(schema, entry, on);
                any = any || (on != NULL && on->selected);
                beside_stand_in = beside_stand_in || (on != NULL && on->stand_in);
                if (whole && (schema_is(entry, "COMMENT") || schema_is(entry, "SECURITY LABEL")))
                    entry->pass = pass_of_comment(on->pass);
            }
            if (!whole || !any)
                continue;
            more = entry->selected = true;
            /* To a table that is there already a partition is added when it has its own indexes. */
            if (beside_stand_in)
                entry->pass = SCHEMA_LAST;
        }
    }
}

struct key {
    uint32_t catalog, oid;
};

static int by_key(const void *a, const void *b)
{
    const struct key *x = a, *y = b;

    if (x->catalog != y->catalog)
        return x->catalog < y->catalog ? -1 : 1;
    return x->oid < y->oid ? -1 : x->oid > y->oid;
}

/* The entries that are the tables' own, sorted. */
static struct key *own_keys(const struct manifest_table *const *tables, size_t count,
                            struct arena *arena, size_t *key_count)
{
    size_t n = 0;
    struct key *keys;

    for (size_t i = 0; i < count; i++)
        n += 2 + tables[i]->object_count;
    keys = arena_alloc(arena, n, sizeof(*keys));
    n = 0;
    for (size_t i = 0; keys != NULL && i < count; i++) {
        keys[n++] = (struct key){SCHEMA_CLASS, tables[i]->oid};
        keys[n++] = (struct key){0, tables[i]->oid}; /* how pg_dump marks ROW SECURITY */
        for (size_t j = 0; j < tables[i]->object_count; j++)
            keys[n++] = (struct key){tables[i]->objects[j].catalog, tables[i]->objects[j].oid};
    }
    if (keys != NULL)
        qsort(keys, n, sizeof(*keys), by_key);
    *key_count = n;
    return keys;
}

static bool is_among(const uint32_t *oids, size_t count, uint32_t oid)
{
    for (size_t i = 0; i < count; i++)
        if (oids[i] == oid)
            return true;
    return false;
}

/* Where a table is, those are that it is a partition of. */
static void stand_in_ancestors(struct schema *schema)
{
    bool more = true;

    while (more) {
        more = false;
        for (size_t i = 0; i < schema->count; i++) {
            const struct schema_entry *entry = &schema->entries[i];

            for (size_t j = 0; entry->stand_in && j < entry->depend_count; j++) {
                struct schema_entry *on = schema_find(schema, entry->depends[j]);

                if (on != NULL && schema_is(on, "TABLE") && !on->stand_in)
                    more = on->stand_in = true;
            }
        }
    }
}

/* All that can be had, since what a function's body calls is in no list. */
static void take_functions(struct schema *schema)
{
    for (size_t i = 0; i < schema->count; i++)
        schema->entries[i].optional = !schema->entries[i].selected;
    for (size_t i = 0; i < schema->count; i++)
        if (schema->entries[i].catalog == SCHEMA_FUNCTION &&
            can_be_had(schema, &schema->entries[i]))
            take(schema, &schema->entries[i]);
}

/* Functions and policies may need a primary key: a query can be grouped by that alone. Such keys are made before the rows come. */
static void make_needed_keys_early(struct schema *schema)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_entry *entry = &schema->entries[i];

        if (!entry->selected || entry->pass != SCHEMA_CREATE || schema_is_attachment(entry))
            continue;
        for (size_t j = 0; j < entry->depend_count; j++) {
            struct schema_entry *on = schema_find(schema, entry->depends[j]);

            if (on != NULL && on->selected && on->pass == SCHEMA_INDEX)
                on->pass = SCHEMA_CREATE;
        }
    }
}

/* Of domains that are taken. */
static void take_domain_checks(struct schema *schema, struct arena *arena,
                               struct larder_findings *findings)
{
    for (size_t i = 0; i < schema->count; i++) {
        struct schema_entry *entry = &schema->entries[i];
        bool wanted = false;

        if (entry->selected || entry->left_out || !is_domain_check(schema, entry))
            continue;
        for (size_t j = 0; j < entry->depend_count; j++) {
            const struct schema_entry *on = schema_find(schema, entry->depends[j]);

            wanted = wanted || (on != NULL && on->selected && schema_is(on, "DOMAIN"));
        }
        if (wanted && can_be_had(schema, entry)) {
            take(schema, entry);
        } else if (wanted) {
            entry->left_out = true;
            findings_add(findings, arena, "left out", entry->text,
                         "%s needs a table or view that is not restored", entry->text);
        }
    }
}

enum larder_status schema_select(struct schema *schema, const struct manifest_table *const *tables,
                                 size_t count, const uint32_t *left_out, size_t left_out_count,
                                 const uint32_t *stand_ins, size_t stand_in_count,
                                 struct arena *arena, struct larder_findings *findings,
                                 struct larder_error *error)
{
    size_t key_count;
    struct key *keys = own_keys(tables, count, arena, &key_count);

    if (keys == NULL)
        return larder_fail_memory(error);
    for (size_t i = 0; i < schema->count; i++) {
        schema->entries[i].selected = schema->entries[i].left_out = false;
        schema->entries[i].had = 0;
        schema->entries[i].stand_in = schema->entries[i].catalog == SCHEMA_CLASS &&
                                      is_among(stand_ins, stand_in_count, schema->entries[i].oid);
    }
    stand_in_ancestors(schema);
    /* The tables first, so that what needs two of them finds both. */
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < schema->count; i++) {
            struct schema_entry *entry = &schema->entries[i];
            struct key key = {entry->catalog, entry->oid};

            if (entry->oid == 0 || schema_is_relation(entry) != (round == 0) ||
                bsearch(&key, keys, key_count, sizeof(key), by_key) == NULL ||
                is_among(left_out, left_out_count, entry->oid))
                continue;
            if (round == 0 || can_be_had(schema, entry))
                take(schema, entry);
            else
                entry->left_out = true;
            if (entry->left_out)
                findings_add(findings, arena, "left out", entry->text,
                             "%s needs a table or view that is not restored", entry->text);
        }
    close_what_comes_along(schema);
    schema_close_policies(schema, arena, findings);
    take_domain_checks(schema, arena, findings);
    take_functions(schema);
    take_domain_checks(schema, arena, findings); /* of those that only functions need */
    make_needed_keys_early(schema);
    put_halves_last(schema);
    take_attachments(schema);
    return arena_failed(arena) ? larder_fail_memory(error) : LARDER_OK;
}

void schema_close_policies(struct schema *schema, struct arena *arena,
                           struct larder_findings *findings)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_entry *out = &schema->entries[i];

        if (!schema_is(out, "POLICY") || !out->left_out)
            continue;
        for (size_t j = 0; j < schema->count; j++) {
            struct schema_entry *entry = &schema->entries[j];

            if (!schema_is(entry, "POLICY") || entry->left_out || !entry->selected ||
                schema_table_of(schema, entry) != schema_table_of(schema, out))
                continue;
            entry->left_out = true;
            findings_add(
                findings, arena, "left out", entry->text,
                "%s: another policy of its table is left out, and the others alone could show more",
                entry->text);
        }
    }
}

/* Those of a table are the table's affair. */
static bool is_of_table(const struct schema *schema, const struct schema_entry *entry)
{
    return schema_is(entry, "SEQUENCE") ||
           (is_of_relation(entry) && schema_table_of(schema, entry) != 0);
}

/* A table that stays behind keeps its sequences. */
static void keep_owned_sequences(struct schema *schema)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct schema_entry *owned = &schema->entries[i];
        bool stays = false;

        if (!schema_is(owned, "SEQUENCE OWNED BY"))
            continue;
        for (size_t j = 0; j < owned->depend_count; j++) {
            const struct schema_entry *on = schema_find(schema, owned->depends[j]);

            stays = stays || (on != NULL && schema_is(on, "TABLE") && !on->selected);
        }
        for (size_t j = 0; stays && j < owned->depend_count; j++) {
            struct schema_entry *on = schema_find(schema, owned->depends[j]);

            if (on != NULL && schema_is(on, "SEQUENCE"))
                on->had = 'n';
        }
    }
}

/* A view may need a primary key: it can be grouped by that alone. */
static bool comes_late(const struct schema *schema, const struct schema_entry *entry)
{
    for (size_t i = 0; i < entry->depend_count; i++) {
        const struct schema_entry *needed = schema_find(schema, entry->depends[i]);

        if (needed != NULL && needed->selected && needed->pass >= SCHEMA_INDEX)
            return true;
    }
    return false;
}

enum larder_status schema_select_rest(struct schema *schema, struct arena *arena,
                                      struct larder_findings *findings, struct larder_error *error)
{
    schema->all = true;
    for (size_t i = 0; i < schema->count; i++) {
        schema->entries[i].had = 0;
        schema->entries[i].rest = !schema->entries[i].selected;
    }
    keep_owned_sequences(schema);
    for (size_t i = 0; i < schema->count; i++) {
        struct schema_entry *entry = &schema->entries[i];

        if (entry->selected || entry->left_out || entry->stand_in || schema_is(entry, "TABLE") ||
            schema_is_attachment(entry) || entry->oid == 0)
            continue;
        if (can_be_had(schema, entry))
            take(schema, entry);
        else if (!is_of_table(schema, entry))
            findings_add(findings, arena, "left out", entry->text,
                         "%s needs a table that is not restored", entry->text);
    }
    take_attachments(schema);
    /* Tables are complete without it, so it comes when they are. What needs an entry stands behind it in the list. */
    for (size_t i = 0; i < schema->count; i++)
        if (schema->entries[i].rest && schema->entries[i].selected &&
            (schema->entries[i].pass != SCHEMA_CREATE || comes_late(schema, &schema->entries[i])))
            schema->entries[i].pass = SCHEMA_REST;
    return arena_failed(arena) ? larder_fail_memory(error) : LARDER_OK;
}
