#!/usr/bin/env bash
# Names, values and kinds of tables that are hard to carry come back as they were, whatever the
# database and the role say of settings.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

# set_badly DATABASE   settings that change what a session sees, sends and waits for
set_badly()
{
    local setting

    for setting in "DateStyle = 'SQL, DMY'" "IntervalStyle = 'sql_standard'" 'extra_float_digits = -10' "bytea_output = 'escape'" \
        "TimeZone = 'Pacific/Chatham'" 'array_nulls = off' 'xmloption = document' 'search_path = pg_temp' 'standard_conforming_strings = off' \
        "statement_timeout = '20ms'" "lock_timeout = '20ms'" "idle_in_transaction_session_timeout = '20ms'" "idle_session_timeout = '3s'" \
        'row_security = on' 'default_transaction_read_only = on' "default_transaction_isolation = 'serializable'" \
        'default_transaction_deferrable = on' "client_encoding = 'LATIN1'" 'quote_all_identifiers = on' "client_min_messages = 'debug1'" \
        'synchronize_seqscans = on' 'jit = on' "default_toast_compression = 'pglz'" 'check_function_bodies = on' \
        'session_replication_role = origin' "xmlbinary = 'hex'" 'transform_null_equals = on' "backslash_quote = 'off'" 'enable_seqscan = off' \
        'default_with_oids = off' "log_statement = 'none'" "role = 'none'"; do
        psql -XAtq -d postgres -c "ALTER DATABASE $1 SET $setting" 2>>"$SCRATCH/settings.log" || true
        PGOPTIONS='-c standard_conforming_strings=on' psql -XAtq -d postgres -c "ALTER ROLE hampered SET $setting" 2>>"$SCRATCH/settings.log" || true
    done
    sql postgres "ALTER ROLE hampered RESET role; ALTER DATABASE $1 RESET role"
}

server_start one
sql postgres "CREATE ROLE hampered LOGIN SUPERUSER"
createdb edges
psql -Xq -v ON_ERROR_STOP=1 -d edges -f "$TESTS/support/edges.sql"
# One table that takes longer than any of the timeouts.
sql edges "CREATE TABLE long AS SELECT i, md5(i::text) AS a, md5((i * 2)::text) AS b FROM generate_series(1, 200000) AS i; CREATE INDEX ON long (a)"
digests_of edges >"$SCRATCH/rows"
it "every built-in type that a table can hold values of is a column of the tables here"
# These have no input; the server makes their values for its own catalogs and indexes alone.
INTERNAL=pg_node_tree,pg_ndistinct,pg_dependencies,pg_mcv_list,gtsvector,pg_brin_bloom_summary,pg_brin_minmax_multi_summary
expect_query edges "SELECT string_agg(t.typname, ' ') FROM pg_type t WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype IN ('b', 'r', 'm')
    AND t.typinput <> 0 AND NOT EXISTS (SELECT FROM pg_type e WHERE e.typarray = t.oid) AND t.typname <> ALL ('{$INTERNAL}') AND NOT EXISTS (
    SELECT FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'each' AND a.attnum > 0 AND a.atttypid = t.oid)" ''
for type in ${INTERNAL//,/ }; do
    expect_exit 1 sql edges "CREATE TEMP TABLE t (a $type); INSERT INTO t VALUES ('')"
    expect_stderr "$type"
done

TABLES=$(sql edges "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace::regnamespace::text !~ '^(pg_|information_schema)'")

for format in auto text; do
    it "every table of a database full of oddities comes back as it was, copied as $format"
    expect_exit 0 larder export -t '*.*' -d edges -o "$SCRATCH/$format.tar" --copy-format "$format" --no-record --json -j 3
    expect_json '.tables | length' "$TABLES"
    expect_json '.warnings | length' 0
    expect_exit 0 larder verify "$SCRATCH/$format.tar"
    new_database "back_$format"
    expect_exit 0 larder restore "$SCRATCH/$format.tar" -d "back_$format" --json -j 3
    expect_json .agree true
    expect_json '.tables | length' "$TABLES"
    digests_of "back_$format" | diff "$SCRATCH/rows" - >"$STDOUT" || fail "the rows are not the same"
    expect_exit 0 larder verify "$SCRATCH/$format.tar" --against "dbname=edges"
done

it "triggers have not fired for rows that were restored, rules have not changed them"
expect_query back_auto "SELECT string_agg(n::text, ' ' ORDER BY id) FROM fired" "$(sql edges "SELECT string_agg(n::text, ' ' ORDER BY id) FROM fired")"
expect_query back_auto "SELECT tgenabled FROM pg_trigger WHERE tgname = 'fire_never'" D

it "where a table is copied as text, its column's type says why"
expect_exit 1 larder export -t 'each.*' -d edges -o "$SCRATCH/each.tar" --copy-format binary --no-record
sed -n 's/^.*cannot be copied in binary format: column ".*" of type //p' "$STDERR" | sort -u >"$SCRATCH/found"
sort >"$SCRATCH/wanted" <<'END'
aclitem has no binary form, and names roles
int2vector cannot be read back in binary form where it is empty
money is counted in the smallest unit of the database's locale
oidvector cannot be read back in binary form where it is empty
pg_collation is a composite type, whose binary form carries the OIDs of its columns' types
public."a name"[] is an array, whose binary form carries the OID of its elements' type
public.domain_of_domain is not known to have the same binary form everywhere
public.float_multirange is not known to have the same binary form everywhere
public.float_range is not known to have the same binary form everywhere
public.mood[] is an array, whose binary form carries the OID of its elements' type
public.mood_range is not known to have the same binary form everywhere
public.nest is a composite type, whose binary form carries the OIDs of its columns' types
public.nest[] is an array, whose binary form carries the OID of its elements' type
public.pair is a composite type, whose binary form carries the OIDs of its columns' types
public.pair[] is an array, whose binary form carries the OID of its elements' type
regclass carries the OID of a relation of this database
regcollation carries the OID of a collation of this database
regconfig carries the OID of a text search configuration of this database
regdictionary carries the OID of a text search dictionary of this database
regnamespace carries the OID of a schema of this database
regoper carries the OID of an operator of this database
regoperator carries the OID of an operator of this database
regproc carries the OID of a function of this database
regprocedure carries the OID of a function of this database
regrole carries the OID of a role of this server
regtype carries the OID of a type of this database
tsquery cannot be read back in binary form where it is empty
xml declares the encoding of the connection that sent it
END
diff "$SCRATCH/wanted" "$SCRATCH/found" >"$STDOUT" || fail "other types, or other reasons"
tar xOf "$SCRATCH/auto.tar" manifest.json | jq -r '.tables[] | select(.schema == "each" and .copy_format == "text").columns[].type' | sort -u >"$SCRATCH/found"
sed -E 's/ (has|is|carries|cannot|declares) .*$//' "$SCRATCH/wanted" | sort -u | diff - "$SCRATCH/found" >"$STDOUT" || fail "other tables were copied as text"

it "what is an array of such a type, or of one that the database made, is copied as text, any other as binary"
expect_equal "the arrays of system types that were copied as text" \
    'aclitem money pg_collation regclass regcollation regconfig regdictionary regnamespace regoper regoperator regproc regprocedure regrole regtype tsquery xml' \
    "$(tar xOf "$SCRATCH/auto.tar" manifest.json | jq -r '[.tables[] | select(.schema == "each array" and .copy_format == "text").columns[].type |
        select(contains(".") | not) | rtrimstr("[]")] | unique | join(" ")')"
expect_equal "the arrays of the database's types that were not" '' \
    "$(tar xOf "$SCRATCH/auto.tar" manifest.json | jq -r '[.tables[] | select(.schema == "each array" and .copy_format == "binary").columns[].type |
        select(contains("."))] | unique | join(" ")')"

it "a schema's name may hold what ends a statement"
new_database ended
sql ended 'CREATE SCHEMA ";"; CREATE TABLE ";".t (a int)'
expect_exit 0 larder export -t '";".t' -d ended -o "$SCRATCH/ended.tar" --no-record -q
new_database ended_back
expect_exit 0 larder restore "$SCRATCH/ended.tar" -d ended_back -q

it "rows of which the server can take no statistics come back, and this is said"
for database in vast vast_back; do
    new_database "$database"
    sql "$database" "CREATE TABLE vast (id int PRIMARY KEY, r numrange); INSERT INTO vast SELECT i, numrange(-i, ('1e' || 1000 + i)::numeric) FROM generate_series(1, 100) AS i"
done
expect_exit 0 larder export -t vast -d vast -o "$SCRATCH/vast.tar" --no-record -q
expect_exit 0 larder restore "$SCRATCH/vast.tar" -d vast_back --existing rows --no-undo
sql vast_back "DROP TABLE vast"
expect_exit 0 larder restore "$SCRATCH/vast.tar" -d vast_back
expect_stderr '"public.vast" has no statistics'

it "partitions beside one of which the server can take no statistics have theirs"
new_database vast_parts
sql vast_parts "CREATE TABLE parts (id int, r numrange) PARTITION BY RANGE (id);
    CREATE TABLE parts_vast PARTITION OF parts FOR VALUES FROM (0) TO (1000); CREATE TABLE parts_usual PARTITION OF parts FOR VALUES FROM (1000) TO (2000);
    INSERT INTO parts SELECT i, numrange(-i, CASE WHEN i < 1000 THEN ('1e' || 1000 + i)::numeric END) FROM generate_series(1, 1999) AS i"
expect_exit 0 larder export -t '*.*' -d vast_parts -o "$SCRATCH/vast_parts.tar" --no-record -q
new_database vast_parts_back
expect_exit 0 larder restore "$SCRATCH/vast_parts.tar" -d vast_parts_back
expect_stderr '"public.parts_vast" has no statistics'
expect_stderr '"public.parts" has no statistics'
expect_query vast_parts_back "SELECT count(*) FROM pg_stats WHERE tablename = 'parts_usual'" 2
new_database vast_parts_leaf
expect_exit 0 larder restore "$SCRATCH/vast_parts.tar" -d vast_parts_leaf -t parts_usual -q
expect_query vast_parts_leaf "SELECT count(*) FROM pg_stats WHERE tablename = 'parts_usual'" 2

it "types of extensions are copied as text, and come back equal"
for database in extended extended_back; do
    new_database "$database"
    sql "$database" "CREATE EXTENSION hstore; CREATE EXTENSION citext"
done
sql extended "CREATE TABLE h (id int PRIMARY KEY, v hstore, a hstore[]); CREATE TABLE c (id int PRIMARY KEY, v citext, a citext[]);
    INSERT INTO h VALUES (1, NULL, NULL), (2, '', '{}'), (3, '\"a\\\\\"=>NULL, b=>\"NULL\", \"\"=>\"\", \"=>\"=>\"\\\"é\\\"\"', ARRAY['x=>1'::hstore, NULL]), (4, hstore(E'\n', E'\\\\N'), NULL);
    INSERT INTO c VALUES (1, NULL, NULL), (2, '', '{}'), (3, 'MiXed É', '{A,a,NULL,\"NULL\"}'), (4, E'\\\\N', ARRAY[E'\t'])"
digests_of extended >"$SCRATCH/extended"
for format in auto text; do
    sql extended_back "DROP TABLE IF EXISTS h, c"
    expect_exit 0 larder export -t '*' -d extended -o "$SCRATCH/extended_$format.tar" --copy-format "$format" --no-record --json
    expect_json '[.tables[] | .name + " " + .copy_format] | join(", ")' 'c text, h text'
    expect_exit 0 larder restore "$SCRATCH/extended_$format.tar" -d extended_back --json
    expect_json .agree true
    digests_of extended_back | diff "$SCRATCH/extended" - >"$STDOUT" || fail "the rows are not the same"
done

it "a table is found by any name that is written as psql takes it"
named=()
for table in 'no_rows' 'NO_ROWS' 'public.no_rows' '"select"."table"' '"a.b"' '".hidden"' '"..".".."' 'public."CASELESS"' '"-t"' '" leading and trailing "' '"Füße und 日本語 😋"' \
    '"$HOME; `id` '"'"' $(id) :x {}*?[]|&<>"' 'x23456789012345678901234567890123456789012345678901234567890123' '"a/b/../c"' $'"Odd ""schema""\nof $two$ lines\\"."new\nline"'; do
    rm -f "$SCRATCH"/named.*
    expect_exit 0 larder export -t "$table" -d edges -o "$SCRATCH/named.tar" --no-record --json
    expect_json '.tables | length' 1
    named+=(-t "$table")
done
new_database named
expect_exit 0 larder restore "$SCRATCH/auto.tar" -d named "${named[@]}" --json
expect_json '[.tables[] | .schema + "." + .name] | unique | length' $((${#named[@]} / 2 - 2))

it "a parent brings its descendants, and its count is their sum"
larder init -d edges -q
for table in measured:121 parent:6; do
    expect_exit 0 larder export -t "${table%:*}" -d edges -o "$SCRATCH/${table%:*}.tar" --json
    expect_json .rows "${table#*:}"
    expect_json '.tables | length > 2' true
    expect_query edges "SELECT row_count FROM backups.backup_metadata WHERE table_name = '${table%:*}' AND backup_name =
        '$(jq -r .backup_name "$STDOUT")'" "${table#*:}"
done

it "a partition alone is exported alone, and finds its place under a parent that is there already"
expect_exit 0 larder export -t '"measured 2024 ""b"""' -d edges -o "$SCRATCH/partition.tar" --no-record --json
expect_json '.tables | length' 1
new_database partition
expect_exit 0 larder restore "$SCRATCH/auto.tar" -d partition -t measured -q
sql partition 'DROP TABLE "measured 2024 ""b"""'
expect_exit 0 larder restore "$SCRATCH/partition.tar" -d partition
expect_query partition "SELECT count(*) FROM measured" 121

it "settings of the role and of the database change nothing in an archive"
set_badly edges
expect_exit 0 larder export -t '*.*' -t '!backups.*' -U hampered -d edges -o "$SCRATCH/hampered.tar" --copy-format text --no-record --json
jq -c '[.tables[] | [.schema, .name, .rows, .fingerprint]]' "$STDOUT" >"$SCRATCH/found"
tar xOf "$SCRATCH/text.tar" manifest.json | jq -c '[.tables[] | [.schema, .name, .rows, .fingerprint]]' >"$SCRATCH/wanted"
diff "$SCRATCH/wanted" "$SCRATCH/found" >"$STDOUT" || fail "the fingerprints differ"

it "nor do those of the target change what comes back, or what is proven"
new_database hampered
set_badly hampered
expect_exit 0 larder restore "$SCRATCH/hampered.tar" -U hampered -d hampered --json
expect_json .agree true
expect_exit 0 larder verify "$SCRATCH/hampered.tar" --against "dbname=hampered user=hampered"
sql postgres "ALTER DATABASE hampered RESET ALL"
digests_of hampered | diff "$SCRATCH/rows" - >"$STDOUT" || fail "the rows are not the same"
expect_exit 0 larder verify "$SCRATCH/auto.tar" --against "dbname=edges user=hampered"

it "the environment's PGOPTIONS change nothing either"
PGOPTIONS='-c DateStyle=German -c extra_float_digits=-10 -c statement_timeout=1' PGTZ=Asia/Kathmandu PGDATESTYLE=German PGCLIENTENCODING=LATIN1 \
    expect_exit 0 larder verify "$SCRATCH/text.tar" --against "dbname=back_text"
