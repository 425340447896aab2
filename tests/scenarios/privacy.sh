#!/usr/bin/env bash
# In a target whose default privileges grant everything to everybody, as a Supabase project's do, a
# role that the source keeps out never reads a restored row: not afterwards, and not on the way.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

TABLES=(profiles user_follows recipe_uploads user_interactions saved_recipe_videos recipe_comments user_stock meal_plans)

open_by_default()
{
    sql "$1" "ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO anon, authenticated, PUBLIC;
        ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO anon, authenticated;
        ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO anon, authenticated;
        ALTER DEFAULT PRIVILEGES GRANT ALL ON TYPES TO anon;
        ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO anon, authenticated;
        ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO anon, authenticated, service_role;
        ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON FUNCTIONS TO anon;
        ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO anon;
        GRANT USAGE, CREATE ON SCHEMA public TO anon, authenticated"
}

# Reads each table as anon, again and again, while the file "polling" is there, which goes with
# SCRATCH too; what it sees that it must not see is written to the file "seen".
poll()
{
    local database=$1

    {
        cat <<'SQL'
SET ROLE anon;
\set ON_ERROR_STOP 0
SQL
        for table in "${TABLES[@]}"; do
            case $table in
                profiles | recipe_uploads | recipe_comments) hidden="NOT (SELECT relrowsecurity FROM pg_class WHERE oid = 'public.$table'::regclass)" ;;
                *) hidden=true ;;
            esac
            [ "$table" != recipe_uploads ] || hidden="NOT is_public OR $hidden"
            echo "SELECT '$table' FROM public.$table WHERE $hidden LIMIT 1;"
        done
        echo "SELECT 'sequence ' || last_value FROM public.meal_plans_id_seq;"
    } >"$SCRATCH/poll.sql"
    while [ -e "$SCRATCH/polling" ]; do
        # Many rounds in one session, since a session is slower to begin than a query to answer.
        for _ in {1..30}; do cat "$SCRATCH/poll.sql"; done | psql -XAtq -d "$database" 2>>"$SCRATCH/poll.log" >>"$SCRATCH/seen" || true
        echo round >>"$SCRATCH/rounds"
    done
}

# restore_while_polled DATABASE ARCHIVE OPTION...
restore_while_polled()
{
    local database=$1 pollers=()

    touch "$SCRATCH/polling"
    : >"$SCRATCH/seen"
    : >"$SCRATCH/rounds"
    : >"$SCRATCH/poll.log"
    for _ in 1 2 3; do
        poll "$database" &
        pollers+=($!)
    done
    wait_until test -s "$SCRATCH/rounds"
    expect_exit 0 larder restore "${@:2}" -d "$database" -q
    rm "$SCRATCH/polling"
    wait "${pollers[@]}"
    expect_equal "what anon has seen" '' "$(sort -u "$SCRATCH/seen")"
    grep -q 'does not exist' "$SCRATCH/poll.log" || fail "nobody looked before the tables were there"
    grep -q 'permission denied' "$SCRATCH/poll.log" || fail "nobody looked while they were there"
}

server_start one
sample_database kitchai 100000
larder init -d kitchai -q
expect_exit 0 larder export weekly -d kitchai -o "$SCRATCH/weekly.tar" -q
privileges="SELECT string_agg(format('%s %s %s', c.relname, (SELECT array_agg(a ORDER BY a::text) FROM unnest(relacl) AS a), relowner), ' ' ORDER BY c.relname)
    FROM pg_class c WHERE relname = ANY ('{$(IFS=,; echo "${TABLES[*]}"),meal_plans_id_seq}')
    AND relnamespace = 'public'::regnamespace"
columns="SELECT string_agg(attrelid::regclass || '.' || attname || attacl::text, ' ' ORDER BY attrelid::regclass::text, attname) FROM pg_attribute WHERE attacl IS NOT NULL
    AND attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)"
functions="SELECT string_agg(proname || (SELECT array_agg(a ORDER BY a::text) FROM unnest(coalesce(proacl, acldefault('f', proowner))) AS a)::text, ' ' ORDER BY proname) FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
types="SELECT array_agg(a ORDER BY a::text) FROM pg_type, unnest(coalesce(typacl, acldefault('T', typowner))) AS a WHERE typname = 'storage_location'"

it "anon reads nothing that is kept from it, at no moment of a restore"
new_database target
open_by_default target
restore_while_polled target "$SCRATCH/weekly.tar" --externals stub

it "afterwards the privileges are the source's"
expect_query target "$privileges" "$(sql kitchai "$privileges")"
expect_query target "$columns" "$(sql kitchai "$columns")"
expect_query target "$functions" "$(sql kitchai "$functions")"
expect_query target "$types" "$(sql kitchai "$types")"

it "and so they are for what anon may call and read in the source"
expect_query target "SET ROLE anon; SELECT count(*) FROM recipe_uploads" "$(sql kitchai "SELECT count(*) FROM recipe_uploads WHERE is_public")"
expect_query target "SET ROLE anon; SELECT count(*) > 0 FROM profiles" t

it "nor does anon read a stand-in for a table of the platform"
expect_query target "SELECT has_table_privilege('anon', 'auth.users', 'SELECT'), has_table_privilege('authenticated', 'auth.users', 'SELECT')" "f|f"

it "a row is never open in a target where only one table is restored"
new_database single
open_by_default single
restore_while_polled single "$SCRATCH/weekly.tar" --externals stub -t user_stock -t meal_plans
expect_query single "SELECT has_table_privilege('anon', 'user_stock', 'SELECT'), has_table_privilege('anon', 'meal_plans', 'SELECT')" "f|f"

it "partitions are as closed as their parent"
new_database parted
sql parted "CREATE TABLE p (a int, b text) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p2 PARTITION OF p DEFAULT;
    INSERT INTO p SELECT i % 3, 'secret' FROM generate_series(1, 300) AS i; ALTER TABLE p ENABLE ROW LEVEL SECURITY; GRANT SELECT ON p TO anon"
expect_exit 0 larder export -t p -d parted -o "$SCRATCH/parted.tar" --no-record -q
new_database parted_back
open_by_default parted_back
expect_exit 0 larder restore "$SCRATCH/parted.tar" -d parted_back -q
expect_query parted_back "SELECT has_table_privilege('anon', 'p', 'SELECT'), has_table_privilege('anon', 'p1', 'SELECT'), has_table_privilege('anon', 'p2', 'SELECT')" "t|f|f"
expect_query parted_back "SET ROLE anon; SELECT count(*) FROM p" 0

it "a table that comes along for its partition or its heir shows their rows to its owner alone where it has row security, and its policies are told"
sql parted "CREATE POLICY mine ON p USING (b = current_user)"
expect_exit 0 larder export -t p -d parted -o "$SCRATCH/whole.tar" --no-record -q
new_database partition_back
open_by_default partition_back
expect_exit 9 larder restore "$SCRATCH/whole.tar" -t p1 -d partition_back -q
expect_stderr 'left out: POLICY public p mine postgres'
expect_query partition_back "SELECT count(*) FROM p; SET ROLE anon; SELECT count(*) FROM p" $'100\n0'
sql parted "CREATE TABLE parent (a int); ALTER TABLE parent ENABLE ROW LEVEL SECURITY; GRANT SELECT ON parent TO anon;
    CREATE SCHEMA heirs; CREATE TABLE heirs.child () INHERITS (parent); INSERT INTO heirs.child VALUES (1)"
expect_exit 0 larder export -t 'heirs.*' -d parted -o "$SCRATCH/heirs.tar" --no-record -q
new_database heirs_back
expect_exit 0 larder restore "$SCRATCH/heirs.tar" -d heirs_back -q
expect_query heirs_back "SELECT count(*) FROM parent; SET ROLE anon; SELECT count(*) FROM parent" $'1\n0'

it "a table of which a policy is left out that looks at an older table gets none, and the older one keeps its own"
new_database looks
sql looks "CREATE TABLE older (a int); CREATE TABLE newer (a int); CREATE TABLE other (a int); INSERT INTO older VALUES (1); INSERT INTO newer VALUES (1);
    ALTER TABLE older ENABLE ROW LEVEL SECURITY; ALTER TABLE newer ENABLE ROW LEVEL SECURITY; GRANT SELECT ON older, newer TO anon;
    CREATE POLICY seen ON older USING (true); CREATE POLICY seen ON newer USING (true);
    CREATE POLICY shut ON newer AS RESTRICTIVE USING (a IN (SELECT a FROM older) AND a IN (SELECT a FROM other))"
expect_exit 0 larder export -t 'public.*' -d looks -o "$SCRATCH/looks.tar" --no-record -q
new_database looks_back
expect_exit 9 larder restore "$SCRATCH/looks.tar" -t older -t newer -d looks_back -q
expect_query looks_back "SET ROLE anon; SELECT (SELECT count(*) FROM older), (SELECT count(*) FROM newer)" '1|0'

it "a schema that the archive brings is not more open than it was"
sql kitchai "CREATE SCHEMA vault; CREATE TABLE vault.gold (a int); INSERT INTO vault.gold VALUES (1); CREATE TABLE vault.silver (a int);
    CREATE FUNCTION vault.open() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT a FROM vault.gold'"
expect_exit 0 larder export -t 'vault.*' -d kitchai -o "$SCRATCH/vault.tar" --no-record -q
new_database vault_back
open_by_default vault_back
expect_exit 0 larder restore "$SCRATCH/vault.tar" -d vault_back -q
expect_query vault_back "SELECT has_schema_privilege('anon', 'vault', 'USAGE'), has_schema_privilege('authenticated', 'vault', 'CREATE'), has_table_privilege('anon', 'vault.gold', 'SELECT')" "f|f|f"

it "nor is one that is made for stand-ins or by --into-schema, and public is as in a new database"
expect_query target "SELECT has_schema_privilege('anon', 'auth', 'USAGE'), has_schema_privilege('anon', 'auth', 'CREATE')" \
    "$(sql kitchai "SELECT has_schema_privilege('anon', 'auth', 'USAGE'), has_schema_privilege('anon', 'auth', 'CREATE')")"
expect_exit 0 larder restore "$SCRATCH/vault.tar" -d vault_back --into-schema beside -q
expect_query vault_back "SELECT has_schema_privilege('anon', 'beside', 'USAGE')" f
sql single "DROP SCHEMA public, auth CASCADE"
expect_exit 0 larder restore "$SCRATCH/weekly.tar" -d single --externals stub -t meal_plans -q
expect_query single "SELECT has_schema_privilege('anon', 'public', 'USAGE'), has_schema_privilege('anon', 'public', 'CREATE')" "t|f"

it "an archive is no file for others"
expect_equal "the modes" "600 600 600" "$(stat -c %a "$SCRATCH/weekly.tar" "$SCRATCH/weekly.json" "$SCRATCH/weekly.sha256" | tr '\n' ' ' | sed 's/ $//')"
(umask 000 && expect_exit 0 larder export daily -d kitchai --store "$SCRATCH/store" -q)
expect_equal "files that others can read" '' "$(find "$SCRATCH/store" -type f -perm /077 ! -name .larder.lock)"
