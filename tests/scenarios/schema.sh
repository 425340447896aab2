#!/usr/bin/env bash
# What pg_dump says of a restored table's schema is what it said of the source's, in whatever order.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

# The statements of a schema, line by line and sorted, without what differs from run to run.
schema_of()
{
    pg_dump --schema-only -d "$1" "${@:2}" | grep -v -E '^(\\(un)?restrict |--|$)' | sort
}

# expect_same_schema SOURCE TARGET [OPTION OF PG_DUMP]...
expect_same_schema()
{
    schema_of "$1" "${@:3}" >"$SCRATCH/source.sql"
    schema_of "$2" "${@:3}" >"$SCRATCH/target.sql"
    [ -s "$SCRATCH/source.sql" ] || fail "the source has no schema"
    diff "$SCRATCH/source.sql" "$SCRATCH/target.sql" >"$STDOUT" || fail "the schemas of $1 and $2 differ"
}

server_start one

it "the tables of a preset come back with all that belongs to them"
sample_database kitchai 500
larder init -d kitchai -q
expect_exit 0 larder export weekly -d kitchai --store "$SCRATCH/store" -q
archive=$(newest_archive "$SCRATCH/store")
new_database weekly
expect_exit 0 larder restore "$archive" -d weekly --externals stub -q
tables=(profiles user_follows recipe_uploads user_interactions saved_recipe_videos recipe_comments user_stock meal_plans)
expect_same_schema kitchai weekly "${tables[@]/#/--table=public.}"

it "and so do their functions, their type and what is said of it"
functions="SELECT string_agg(pg_get_functiondef(oid) || coalesce(proacl::text, '') || proowner, '|' ORDER BY proname)
    FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
expect_query weekly "$functions" "$(sql kitchai "$functions")"
type="SELECT enum_range(NULL::storage_location), obj_description('storage_location'::regtype)"
expect_query weekly "$type" "$(sql kitchai "$type")"

it "a restore reads the archived schema at once"
mkdir "$SCRATCH/bin"
printf '#!/bin/sh\ncase "$*" in *--version*) ;; *) echo "$*" >>%s ;; esac\nexec %s "$@"\n' "$SCRATCH/starts" \
    "${SERVER_BIN[one]}/pg_restore" >"$SCRATCH/bin/pg_restore"
chmod +x "$SCRATCH/bin/pg_restore"
new_database at_once
expect_exit 0 env "LARDER_PGBIN=$SCRATCH/bin" "$LARDER" restore "$archive" -d at_once --externals stub -q
expect_same_schema weekly at_once
expect_equal "the starts of pg_restore" "$(printf '%s\n' '--list --verbose' '--verbose --file=-')" "$(cat "$SCRATCH/starts")"

it "a pg_restore that ends before it has written the schema is told, and nothing is created"
printf '#!/bin/sh\ncase "$*" in *--version*|*--list*) exec %s "$@" ;; *) exec cat ;; esac\n' \
    "${SERVER_BIN[one]}/pg_restore" >"$SCRATCH/bin/pg_restore"
new_database unread
expect_exit 1 env "LARDER_PGBIN=$SCRATCH/bin" "$LARDER" restore "$archive" -d unread --externals stub -q
expect_stderr "could not read the archived schema: what \"$SCRATCH/bin/pg_restore\" writes is no SQL of it"
expect_query unread "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace" 0

it "one table alone comes back with all that belongs to it"
new_database alone
expect_exit 0 larder restore "$archive" -d alone -t user_stock -t meal_plans --externals stub -q
expect_same_schema kitchai alone -t public.user_stock -t public.meal_plans
expect_query alone "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace" "meal_plans user_stock"

it "everything of a database full of oddities comes back as it was"
createdb edges
psql -Xq -v ON_ERROR_STOP=1 -d edges -f "$TESTS/support/edges.sql"
expect_exit 0 larder export -t '*.*' -d edges -o "$SCRATCH/edges.tar" -q --no-record
new_database edges_back
expect_exit 0 larder restore "$SCRATCH/edges.tar" -d edges_back -q
expect_same_schema edges edges_back

it "security labels come along, where there are any"
expect_exit 0 larder export -t dropped -d edges -o "$SCRATCH/plain.tar" -q --no-record
tar -xOf "$SCRATCH/plain.tar" schema/schema.dump | pg_restore -f "$STDOUT"
expect_unsaid "SECURITY LABEL"
sql edges "INSERT INTO pg_seclabel VALUES ('dropped'::regclass, 'pg_class'::regclass, 0, 'somebody', 'secret')"
expect_exit 0 larder export -t dropped -d edges -o "$SCRATCH/labelled.tar" -q --no-record
tar -xOf "$SCRATCH/labelled.tar" schema/schema.dump | pg_restore -f "$STDOUT"
expect_stdout "SECURITY LABEL FOR somebody ON TABLE public.dropped IS 'secret';"

it "the order of columns is kept, and dropped columns are gone"
columns="SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = 'dropped'::regclass AND attnum > 0 AND NOT attisdropped"
expect_query edges_back "$columns" "$(sql edges "$columns")"
expect_query edges_back "SELECT count(*) FROM pg_attribute WHERE attrelid = 'dropped'::regclass AND attisdropped" 0

it "sequences and identities go on where they were"
sequences="SELECT string_agg(format('%I.%I %s', schemaname, sequencename, last_value), ' ' ORDER BY 1) FROM
    (SELECT * FROM pg_sequences ORDER BY schemaname, sequencename) AS s"
expect_query edges_back "$sequences" "$(sql edges "$sequences")"
for database in edges edges_back; do
    expect_query "$database" "INSERT INTO numbers (i2) VALUES (5) RETURNING id" 60
    expect_query "$database" "INSERT INTO serials (a) VALUES ('a') RETURNING id, s" "8|8"
    expect_query "$database" "INSERT INTO never_counted (a) VALUES ('a') RETURNING id" 42
    expect_query "$database" "INSERT INTO uses_sequence (a) VALUES ('a') RETURNING id" 94
done

it "a check that does not look at the values of its domain comes back as it was, behind the rows"
new_database domains
sql domains "CREATE FUNCTION above(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT \$1 > 0'; CREATE DOMAIN amount AS int; CREATE DOMAIN apart AS int; CREATE DOMAIN kept AS int;
    CREATE TABLE t (a amount, k kept); INSERT INTO t VALUES (-1, -1); CREATE FUNCTION of_apart(apart) RETURNS int LANGUAGE sql AS 'SELECT 1';
    ALTER DOMAIN amount ADD CONSTRAINT many CHECK (above(VALUE)) NOT VALID; COMMENT ON CONSTRAINT many ON DOMAIN amount IS 'no less';
    ALTER DOMAIN apart ADD CHECK (VALUE > 1) NOT VALID; ALTER DOMAIN kept ADD CHECK (VALUE > 2) NOT VALID"
checks="SELECT contypid::regtype, conname, pg_get_constraintdef(oid), convalidated, obj_description(oid) FROM pg_constraint WHERE contypid <> 0 ORDER BY 1, 2"
expect_exit 0 larder export -t t -d domains -o "$SCRATCH/domains.tar" --no-record -q
mkdir "$SCRATCH/domains" && tar xf "$SCRATCH/domains.tar" -C "$SCRATCH/domains"
wanted=$(sql domains "$checks")
new_database domains_back
expect_exit 0 larder restore "$SCRATCH/domains.tar" -d domains_back -q
expect_query domains_back "$checks" "$wanted"
new_database domains_by_hand
expect_exit 0 env -C "$SCRATCH/domains" psql -Xq -v ON_ERROR_STOP=1 -d domains_by_hand -f schema/pre-data.sql -f load.sql -f schema/post-data.sql
expect_query domains_by_hand "$checks" "$wanted"
new_database domains_all
sql domains_all "CREATE DOMAIN kept AS int"
expect_exit 0 larder restore "$SCRATCH/domains.tar" -d domains_all --schema all -q
expect_query domains_all "$checks" "$(grep -v ^kept <<<"$wanted")"

it "a number that a server keeps among the options of columns is left behind, and nothing else that looks like it"
new_database numbered
sql numbered "CREATE TABLE n (a int, \"B;b\" text DEFAULT E'\n;\nALTER TABLE ONLY n ALTER COLUMN a SET (pg_attver=5);\n', c int); ALTER TABLE n ALTER c SET (n_distinct = -0.5); INSERT INTO n VALUES (1, 'b', 2);
    COMMENT ON TABLE n IS E'\n\nALTER TABLE ONLY n ALTER COLUMN a SET (pg_attver=5);\n';
    UPDATE pg_attribute SET attoptions = ARRAY['pg_attver=5'] || coalesce(attoptions, '{}') WHERE attrelid = 'n'::regclass AND attnum > 0"
expect_exit 0 larder export -t n -d numbered -o "$SCRATCH/numbered.tar" --no-record -q
tar xOf "$SCRATCH/numbered.tar" schema/schema.dump | pg_restore -f "$STDOUT"
# That of 17 knows better.
if holds "$STDOUT" 'ALTER COLUMN a SET (pg_attver=5);'; then
    mkdir "$SCRATCH/numbered" && tar xf "$SCRATCH/numbered.tar" -C "$SCRATCH/numbered"
    options="SELECT string_agg(attname || coalesce(attoptions::text, ''), ' ' ORDER BY attnum), obj_description('n'::regclass), (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'n'::regclass) FROM pg_attribute WHERE attrelid = 'n'::regclass AND attnum > 0"
    wanted=$(sql numbered "$options" | sed '1s/{pg_attver=5}//g; 1s/pg_attver=5,//')
    new_database numbered_back
    expect_exit 0 larder restore "$SCRATCH/numbered.tar" -d numbered_back -q
    expect_query numbered_back "$options" "$wanted"
    new_database numbered_by_hand
    expect_exit 0 env -C "$SCRATCH/numbered" psql -Xq -v ON_ERROR_STOP=1 -d numbered_by_hand -f schema/pre-data.sql -f load.sql -f schema/post-data.sql
    expect_query numbered_by_hand "$options" "$wanted"
fi

it "there are statistics for every table that has rows"
expect_query edges_back "SELECT string_agg(oid::regclass::text, ' ') FROM pg_class
    WHERE (relkind = 'r' OR oid IN (SELECT inhparent FROM pg_inherits)) AND relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND reltuples < 0" ''
expect_query edges_back "SELECT count(*) > 0 FROM pg_stats WHERE tablename = 'texts'" t
