#!/usr/bin/env bash
# A wide schema comes back as it was: what pg_dump says of source and target differs by a committed list alone. Into the source's
# server, and into those whose programs are in the folders that LARDER_TEST_PGBINS names, separated by colons.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"
# shellcheck source=tests/support/canonical.bash
source "$TESTS/support/canonical.bash"

IFS=: read -ra OTHERS <<<"${LARDER_TEST_PGBINS:-}"
ROLES="CREATE ROLE wide_owner; CREATE ROLE wide_reader; CREATE ROLE wide_writer; CREATE ROLE wide_auditor"

# expect_same_schema PG_DUMP SERVER DATABASE   that of "wide" on the source, but for the exceptions; on newer servers there are more
expect_same_schema()
{
    local lists=("$TESTS/support/wide_exceptions.txt")

    [ "$2" = source ] || lists+=("$TESTS/support/wide_exceptions_newer.txt")
    schema_of "$1" "$(server_conninfo source wide)" >"$SCRATCH/source.sql"
    schema_of "$1" "$(server_conninfo "$2" "$3")" >"$SCRATCH/target.sql"
    [ -s "$SCRATCH/source.sql" ] || fail "the source has no schema"
    differences "$SCRATCH/source.sql" "$SCRATCH/target.sql" "${lists[@]}" >"$STDOUT"
    [ ! -s "$STDOUT" ] || fail "the schemas differ by more than the exceptions"
}

# The next values that every sequence gives.
next_values()
{
    sql "$1" "SELECT format('%I.%I %s', schemaname, sequencename, nextval(format('%I.%I', schemaname, sequencename)))
        FROM (SELECT * FROM pg_sequences ORDER BY schemaname, sequencename) AS s"
}

expect_valid_keys()
{
    local query

    expect_query "$1" "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated AND conname <> 'full_match'" 0
    query=$(sql "$1" "SELECT string_agg(format('SELECT count(*) FROM ONLY %s AS a WHERE (%s) IS NOT NULL AND NOT EXISTS (SELECT FROM %s AS b WHERE %s)',
        conrelid::regclass, (SELECT string_agg(format('a.%I', attname), ', ') FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey)), confrelid::regclass,
        (SELECT string_agg(format('a.%I = b.%I', f.attname, t.attname), ' AND ') FROM unnest(conkey, confkey) AS u(x, y)
            JOIN pg_attribute f ON f.attrelid = conrelid AND f.attnum = x JOIN pg_attribute t ON t.attrelid = confrelid AND t.attnum = y)),
        ' UNION ALL ') FROM pg_constraint WHERE contype = 'f' AND convalidated AND conparentid = 0")
    expect_query "$1" "SELECT sum(count) FROM ($query) AS orphans" 0
}

# expect_restored SERVER PG_DUMP   restores everything into a new database there, and compares
expect_restored()
{
    server_use "$1"
    new_database back
    expect_exit 0 larder restore "$SCRATCH/wide.tar" -d back --externals stub --schema all --json
    expect_json .agree true
    expect_json '[.tables[] | select(.agree != true)] | length' 0
    expect_same_schema "$2" "$1" back
    expect_valid_keys back
    expect_query back "SELECT count(*) > 0 FROM shop.best; SELECT most IS NOT NULL FROM shop.best_of_all; SELECT many FROM shop.of_by_key" "$(printf 't\nt\n40')"
    next_values back >"$SCRATCH/next"
    expect_equal "the sequences' next values" "$NEXT" "$(cat "$SCRATCH/next")"
}

server_start source
sql postgres "$ROLES"
createdb wide
psql -Xq -v ON_ERROR_STOP=1 -d wide -f "$TESTS/support/wide.sql" >/dev/null
[ "$(sql wide "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND oid >= 16384")" -ge 60 ] || fail "the schema is not wide"
expect_exit 0 larder export -t '*.*' -d wide -o "$SCRATCH/wide.tar" --no-record -q
createdb -T wide wide_goes_on
NEXT=$(next_values wide_goes_on)

it "all of a wide schema comes back, and nothing else"
expect_restored source pg_dump

for bin in "${OTHERS[@]}"; do
    it "and so it does on $("$bin/postgres" --version)"
    server_start "other${bin//[^a-z0-9]/_}" --bin "$bin"
    sql postgres "$ROLES"
    expect_restored "other${bin//[^a-z0-9]/_}" "$bin/pg_dump"
done

server_use source
it "without --schema all views stay behind, and so does what needs them"
new_database needed
expect_exit 0 larder restore "$SCRATCH/wide.tar" -d needed --externals stub --json
expect_json .agree true
expect_query needed "SELECT to_regclass('shop.totals') IS NULL, to_regclass('shop.best') IS NULL, to_regclass('base.people') IS NULL" "t|t|f"

it "what of the whole schema needs a table that is not restored is listed, and the rest is there"
new_database part
expect_exit 9 larder restore "$SCRATCH/wide.tar" -d part -t 'shop.*' -t '!shop.items' -t '!shop.events_old' --externals stub --schema all --json
expect_json '[.findings[] | select(.message | test("VIEW shop (totals|best)"))] | length' 3
expect_json '[.findings[] | select(.message | test("items"))] | length' 0
expect_query part "SELECT to_regclass('shop.cheap') IS NOT NULL, to_regclass('shop.totals') IS NULL, to_regclass('shop.items') IS NULL" "t|t|t"

it "what cannot be created is left out alone"
new_database taken
sql taken "CREATE SCHEMA shop; CREATE SEQUENCE shop.best_product"
expect_exit 9 larder restore "$SCRATCH/wide.tar" -d taken --externals stub --schema all --json
expect_json '[.findings[].object] | join(" ")' 'INDEX shop best_product wide_owner'
expect_query taken "SELECT count(*) > 0 FROM shop.best" t
expect_query taken "SELECT count(*) FROM pg_default_acl WHERE defaclnamespace = 'shop'::regnamespace; SELECT count(*) FROM pg_trigger WHERE tgname = 'on_cheap'" "$(printf '1\n1')"
