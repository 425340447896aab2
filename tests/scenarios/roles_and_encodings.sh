#!/usr/bin/env bash
# Roles that may do little, and databases that are not in UTF8.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

server_start one
sql postgres "CREATE ROLE app LOGIN; CREATE ROLE reader LOGIN; CREATE ROLE strange LOGIN"
createdb -O app app
psql -XAtq -v ON_ERROR_STOP=1 -d app -U app <<'SQL'
CREATE TABLE notes (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner text DEFAULT current_user, body text);
INSERT INTO notes (body) SELECT 'note ' || i FROM generate_series(1, 500) AS i;
CREATE TABLE tags (id serial PRIMARY KEY, note int REFERENCES notes, tag text UNIQUE);
INSERT INTO tags (note, tag) SELECT i, 'tag ' || i FROM generate_series(1, 50) AS i;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (owner = current_user);
GRANT SELECT ON notes, tags TO strange;
SQL

it "the owner of the tables, who is no superuser, exports and restores them"
expect_exit 0 larder export -t '*' -d app -U app -o "$SCRATCH/app.tar" --no-record --json
expect_json .rows 550
createdb -O app app_back
expect_exit 0 larder restore "$SCRATCH/app.tar" -d app_back -U app --json
expect_json .agree true
expect_query app_back "SELECT tableowner FROM pg_tables WHERE tablename = 'notes'" app
expect_query app_back "INSERT INTO notes (body) VALUES ('x') RETURNING id" 501

it "the owner may install the backups schema, and record there"
expect_exit 0 larder init -d app -U app
expect_exit 0 larder export everything -d app -U app --store "$SCRATCH/store" --json
expect_json .recorded true
expect_json .rows 550
expect_exit 0 larder export everything -d app -U app --store "$SCRATCH/store" --json

it "a role that may only read exports what it may read, where nothing limits it"
sql app "GRANT SELECT ON tags, tags_id_seq TO reader"
expect_exit 0 larder export -t tags -d app -U reader -o "$SCRATCH/tags.tar" --json -q
expect_exit 1 larder export -t '*' -d app -U reader -o "$SCRATCH/none.tar"
expect_stderr notes
[ ! -e "$SCRATCH/none.tar" ] || fail "a file was written"

it "a role with a grant whom row level security limits never gets fewer rows"
expect_exit 1 larder export -t notes -d app -U strange -o "$SCRATCH/none.tar"
expect_stderr app
expect_stderr BYPASSRLS

it "verify against a target where the role may not read all says that it could not"
expect_exit 8 larder verify "$SCRATCH/app.tar" --against "dbname=app user=strange" --json
expect_json .agree null
expect_exit 8 larder verify "$SCRATCH/app.tar" --against "dbname=app user=reader"
expect_exit 0 larder verify "$SCRATCH/app.tar" --against "dbname=app user=app"

it "an owner who is another at the target is an obstacle for who may not become it"
createdb -O strange strange_db
expect_exit 1 larder restore "$SCRATCH/app.tar" -d strange_db -U strange
expect_query strange_db "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace" 0
expect_query strange_db "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'larder%'" 0

it "a database in LATIN1 comes back, into LATIN1 and into UTF8"
createdb -T template0 -E LATIN1 --locale=C latin1
PGCLIENTENCODING=UTF8 sql latin1 "CREATE TABLE \"Käse\" (\"größe\" int, name text, d \"char\"); INSERT INTO \"Käse\" VALUES (1, 'Gruyère', 'x'), (2, 'Zürich ½', 'y');
    COMMENT ON TABLE \"Käse\" IS 'für später'; CREATE TYPE farbe AS ENUM ('grün', 'weiß'); CREATE TABLE bunt (f farbe); INSERT INTO bunt VALUES ('weiß')"
for format in auto text; do
    expect_exit 0 larder export -t '*' -d latin1 -o "$SCRATCH/latin1_$format.tar" --no-record --copy-format "$format" --json
    expect_json '[.tables[].name] | sort | join(" ")' "Käse bunt"
    expect_exit 0 larder verify "$SCRATCH/latin1_$format.tar"
    expect_exit 0 larder verify "$SCRATCH/latin1_$format.tar" --against dbname=latin1
    createdb -T template0 -E LATIN1 --locale=C "latin1_$format"
    createdb "utf8_$format"
    for target in latin1 utf8; do
        expect_exit 0 larder restore "$SCRATCH/latin1_$format.tar" -d "${target}_$format" --json
        expect_json .agree true
        PGCLIENTENCODING=UTF8 expect_query "${target}_$format" "SELECT name, obj_description('\"Käse\"'::regclass), (TABLE bunt) FROM \"Käse\" WHERE \"größe\" = 1" "Gruyère|für später|weiß"
        PGCLIENTENCODING=UTF8 expect_query "${target}_$format" "SELECT octet_length(name) FROM \"Käse\" WHERE name LIKE 'Z%'" "$([ $target = utf8 ] && echo 10 || echo 8)"
    done
done

it "a schema that is there keeps its owner, whatever its name is in"
PGCLIENTENCODING=UTF8 sql latin1 "CREATE ROLE einer; CREATE ROLE anderer; CREATE SCHEMA \"Küche\" AUTHORIZATION einer; CREATE TABLE \"Küche\".t (a int)"
expect_exit 0 larder export -t '"Küche".t' -d latin1 -o "$SCRATCH/kueche.tar" --no-record -q
createdb -T template0 -E LATIN1 --locale=C latin1_kueche
PGCLIENTENCODING=UTF8 sql latin1_kueche "CREATE SCHEMA \"Küche\" AUTHORIZATION anderer"
expect_exit 0 larder restore "$SCRATCH/kueche.tar" -d latin1_kueche
expect_query latin1_kueche "SELECT nspowner::regrole FROM pg_namespace WHERE nspname LIKE 'K%che'" anderer

it "text that the target's encoding does not hold fails, and leaves nothing"
createdb source_utf8
sql source_utf8 "CREATE TABLE t (a text); INSERT INTO t VALUES ('ä'), ('日本')"
expect_exit 0 larder export -t t -d source_utf8 -o "$SCRATCH/utf8.tar" --no-record -q
createdb -T template0 -E LATIN1 --locale=C narrow
expect_exit 1 larder restore "$SCRATCH/utf8.tar" -d narrow
expect_stderr t
expect_query narrow "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace" 0
expect_query narrow "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'larder%'" 0

it "a database in SQL_ASCII keeps bytes that are no UTF-8"
createdb -T template0 -E SQL_ASCII --locale=C ascii
sql ascii "CREATE TABLE raw (a int, b text); INSERT INTO raw VALUES (1, E'\\xff\\xfe\\x80'), (2, E'caf\\xe9'), (3, E'caf\\xc3\\xa9')"
for format in auto text; do
    expect_exit 0 larder export -t raw -d ascii -o "$SCRATCH/ascii_$format.tar" --no-record --copy-format "$format"
    expect_exit 0 larder verify "$SCRATCH/ascii_$format.tar" --against dbname=ascii
    createdb -T template0 -E SQL_ASCII --locale=C "ascii_$format"
    expect_exit 0 larder restore "$SCRATCH/ascii_$format.tar" -d "ascii_$format" -q
    expect_query "ascii_$format" "SELECT string_agg(encode(b::bytea, 'hex'), ' ' ORDER BY a) FROM raw WHERE a > 1" "636166e9 636166c3a9"
done

it "so do definitions and comments, with and without larder"
new_database words -T template0 -E SQL_ASCII --locale=C
sql words "CREATE TABLE raw (a text DEFAULT E'caf\\xe9' CHECK (a <> E'\\xff')); INSERT INTO raw DEFAULT VALUES; COMMENT ON TABLE raw IS E'\\xfe'"
expect_exit 0 larder export -t raw -d words -o "$SCRATCH/words.tar" --no-record -q
WORDS="SELECT encode(convert_to(obj_description('raw'::regclass), 'SQL_ASCII'), 'hex'), encode(convert_to(pg_get_expr(adbin, adrelid), 'SQL_ASCII'), 'hex') FROM pg_attrdef"
for target in words_back words_by_hand; do
    new_database $target -T template0 -E SQL_ASCII --locale=C
done
expect_exit 0 larder restore "$SCRATCH/words.tar" -d words_back -q
mkdir "$SCRATCH/words"
tar xf "$SCRATCH/words.tar" -C "$SCRATCH/words"
(cd "$SCRATCH/words" && psql -Xq -v ON_ERROR_STOP=1 -d words_by_hand -f schema/pre-data.sql -f load.sql -f schema/post-data.sql >/dev/null)
for target in words_back words_by_hand; do
    expect_query $target "$WORDS" "$(sql words "$WORDS")"
    expect_query $target "SELECT encode(convert_to(a, 'SQL_ASCII'), 'hex') FROM raw" 636166e9
done

it "a name there that is no UTF-8 is refused, and nothing is written"
sql words 'CREATE TABLE named (a int); ALTER TABLE named RENAME a TO "'$'\xe9''"'
expect_exit 1 larder export -t named -d words -o "$SCRATCH/named.tar" --no-record
expect_stderr 'table "public.named"'
[ ! -e "$SCRATCH/named.tar" ] || fail "a file was written"

it "and is not restored into a database in UTF8"
createdb wrong
expect_exit 1 larder restore "$SCRATCH/ascii_auto.tar" -d wrong
expect_stderr SQL_ASCII
expect_query wrong "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace" 0

it "the names in the manifest are UTF-8 whatever the database is in"
expect_exit 0 tar xOf "$SCRATCH/latin1_auto.tar" manifest.json
expect_json '[.tables[].name] | sort | join(" ")' "Käse bunt"
expect_json .server_encoding LATIN1
