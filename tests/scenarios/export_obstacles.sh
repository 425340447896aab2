#!/usr/bin/env bash
# What stands in the way of an export is found before anything is written, and all of it is named.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

STORE=$SCRATCH/store
mkdir "$STORE"

expect_nothing_published()
{
    expect_equal "the files in the store" '' "$(find "$STORE" -type f ! -name '.larder.lock')"
}

server_start one
sample_database kitchai 500
larder init -d kitchai -q
sql kitchai "CREATE ROLE backup LOGIN; GRANT USAGE ON SCHEMA public, backups TO backup;
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO backup; GRANT SELECT ON ALL TABLES IN SCHEMA backups TO backup"

it "a misspelt preset is refused, and those that exist are listed"
expect_exit 2 larder export dayly -d kitchai --store "$STORE"
expect_stderr 'Is "daily" meant? The presets are: daily, '
for preset in dayly daily weekly pre_deployment production monthly everything; do
    expect_stderr "$preset"
done
expect_exit 2 larder export "Daily; DROP TABLE profiles" -d kitchai --store "$STORE"
expect_exit 2 larder export '../daily' -d kitchai --store "$STORE"

it "a preset that holds tables that are missing names them all"
sql kitchai "INSERT INTO backups.presets (preset, tables, in_database)
    VALUES ('wrong', ARRAY['profiles', 'no_such_table', 'auth.no_such_table', 'no_such_schema.t', 'recipe_feed'], false)"
expect_exit 1 larder export wrong -d kitchai --store "$STORE"
expect_stderr no_such_table
expect_stderr auth.no_such_table
expect_stderr no_such_schema.t
expect_stderr recipe_feed
expect_unsaid profiles
expect_nothing_published

it "while another run of the preset goes on that alone is said"
coproc HOLDER { psql -XAtq -d kitchai; }
holder=$HOLDER_PID
echo "SELECT 'held' FROM pg_advisory_lock(hashtextextended('larder kitchai/wrong', 0));" >&"${HOLDER[1]}"
read -ru "${HOLDER[0]}"
expect_exit 6 larder export wrong -d kitchai --store "$STORE"
expect_stderr "another run"
expect_unsaid no_such_table
echo '\q' >&"${HOLDER[1]}"
wait "$holder"

it "a database without presets says how to get them"
new_database bare
sql bare "CREATE TABLE t (a int); INSERT INTO t VALUES (1)"
expect_exit 2 larder export daily -d bare --store "$STORE"
expect_stderr "larder init"
expect_exit 0 larder export -t t -d bare -o "$SCRATCH/bare.tar" --no-record

it "what is no table is refused by what it is"
sql bare "CREATE VIEW v AS TABLE t; CREATE MATERIALIZED VIEW mv AS TABLE t; CREATE SEQUENCE s; CREATE INDEX i ON t (a);
    CREATE EXTENSION postgres_fdw; CREATE SERVER far FOREIGN DATA WRAPPER postgres_fdw;
    CREATE FOREIGN TABLE ft (a int) SERVER far"
expect_exit 1 larder export -t v -t mv -t ft -d bare -o "$SCRATCH/none.tar"
expect_stderr '"v" is a view'
expect_stderr '"mv" is a materialised view'
expect_stderr '"ft" is a foreign table'
expect_exit 1 larder export -t s -d bare -o "$SCRATCH/none.tar"
expect_exit 1 larder export -t i -d bare -o "$SCRATCH/none.tar"
[ ! -e "$SCRATCH/none.tar" ] || fail "a file was written"

it "a pattern that matches no table is refused, and one for all takes the tables alone"
expect_exit 1 larder export -t 'nothing_*' -d bare -o "$SCRATCH/none.tar"
expect_stderr 'nothing_*'
expect_exit 0 larder export -t '*.*' -d bare -o "$SCRATCH/all.tar" --no-record --json
expect_json '[.tables[].name] | join(" ")' t
expect_exit 2 larder export -t 'a.b.c' -d bare -o "$SCRATCH/none.tar"
expect_exit 2 larder export -t '"open' -d bare -o "$SCRATCH/none.tar"
expect_exit 2 larder export -t '' -d bare -o "$SCRATCH/none.tar"

it "a partition that is a foreign table is named"
sql bare "CREATE TABLE parted (a int) PARTITION BY LIST (a); CREATE FOREIGN TABLE far_part PARTITION OF parted FOR VALUES IN (1) SERVER far"
expect_exit 1 larder export -t parted -d bare -o "$SCRATCH/none.tar"
expect_stderr far_part

it "no right to read some tables names each of them, before anything is written"
sql kitchai "REVOKE SELECT ON user_follows, recipe_uploads FROM backup; ALTER ROLE backup BYPASSRLS"
expect_exit 1 larder export daily -U backup -d kitchai --store "$STORE"
expect_stderr user_follows
expect_stderr recipe_uploads
expect_unsaid saved_recipe_videos
expect_nothing_published
sql kitchai "GRANT SELECT ON user_follows, recipe_uploads TO backup"

it "no right to read one column is no right to read the table"
sql kitchai "REVOKE SELECT ON profiles FROM backup; GRANT SELECT (id, username) ON profiles TO backup"
expect_exit 1 larder export daily -U backup -d kitchai --store "$STORE"
expect_stderr profiles
expect_nothing_published
sql kitchai "GRANT SELECT ON profiles TO backup"

it "no right to read a sequence is named"
expect_exit 1 larder export weekly -U backup -d kitchai --store "$STORE"
expect_stderr meal_plans_id_seq
expect_nothing_published
sql kitchai "GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO backup"

it "a role that may read all of it, but not write, exports and says that it was not recorded"
expect_exit 0 larder export weekly -U backup -d kitchai --store "$STORE" --json
expect_json .recorded false
expect_json '.warnings | length > 0' true
expect_exit 0 larder verify "$(jq -r .archive "$STDOUT")"
find "$STORE" -type f -delete

it "a role that row level security limits is refused, with every table, its owner and what would help"
sql kitchai "ALTER ROLE backup NOBYPASSRLS"
expect_exit 1 larder export -t 'user_*' -t profiles -U backup -d kitchai --store "$STORE"
for table in profiles user_follows user_interactions user_stock; do
    expect_stderr "$table"
done
expect_stderr postgres
expect_stderr BYPASSRLS
expect_nothing_published

it "the owner of a table is limited where row level security is forced on it, and else not"
sql kitchai "CREATE ROLE owner LOGIN; GRANT ALL ON SCHEMA public TO owner; GRANT USAGE ON SCHEMA auth TO owner;
    CREATE SCHEMA owned AUTHORIZATION owner; SET ROLE owner; CREATE TABLE owned.mine (a int); CREATE TABLE owned.forced (a int);
    INSERT INTO owned.mine VALUES (1), (2); INSERT INTO owned.forced VALUES (1), (2);
    ALTER TABLE owned.mine ENABLE ROW LEVEL SECURITY; ALTER TABLE owned.forced ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
    CREATE POLICY one ON owned.forced USING (a = 1)"
expect_exit 1 larder export -t 'owned.*' -U owner -d kitchai -o "$SCRATCH/none.tar" --no-record
expect_stderr forced
expect_unsaid mine
[ ! -e "$SCRATCH/none.tar" ] || fail "a file was written"
expect_exit 0 larder export -t owned.mine -U owner -d kitchai -o "$SCRATCH/mine.tar" --no-record --json
expect_json .rows 2

it "missing tables, missing rights and row level security are all reported at once"
sql kitchai "REVOKE SELECT ON recipe_comments FROM backup"
expect_exit 1 larder export -t profiles -t recipe_comments -t no_such_table -t recipe_feed -U backup -d kitchai --store "$STORE"
expect_stderr profiles
expect_stderr recipe_comments
expect_stderr no_such_table
expect_stderr recipe_feed
expect_nothing_published

it "binary is refused for types that have no stable wire form, by the name of the column's table"
sql bare "CREATE TABLE oids (c regclass)"
expect_exit 1 larder export -t oids -d bare -o "$SCRATCH/none.tar" --copy-format binary
expect_stderr oids
expect_exit 0 larder export -t oids -d bare -o "$SCRATCH/oids.tar" --no-record

it "wrong usage is told from failure"
expect_exit 2 larder export
expect_exit 2 larder export daily -d kitchai
expect_exit 2 larder export daily weekly -d kitchai --store "$STORE"
expect_exit 2 larder export daily -t profiles -d kitchai --store "$STORE"
expect_exit 2 larder export daily -d kitchai --store "$STORE" -o "$SCRATCH/none.tar"
expect_exit 2 larder export daily -d kitchai --store "$STORE" -Z gzip
expect_exit 2 larder export daily -d kitchai --store "$STORE" -Z zstd:99
expect_exit 2 larder export daily -d kitchai --store "$STORE" -j 0
expect_exit 2 larder export daily -d kitchai --store "$STORE" --lock-timeout 0
expect_exit 2 larder export daily -d kitchai --store "$STORE" --copy-format csv
expect_exit 2 larder export daily -d kitchai --store "$STORE" --no-such-option
expect_stderr --no-such-option
expect_exit 2 larder
expect_exit 2 larder exprot daily
expect_stderr exprot
expect_nothing_published

it "no pg_dump as new as the server is wrong usage, and names the package that brings one"
major=$(($(sql bare 'SHOW server_version_num') / 10000))
mkdir "$SCRATCH/older"
for tool in pg_dump pg_restore; do
    printf '#!/bin/sh\necho "%s (PostgreSQL) %s.1"\n' "$tool" "$((major - 1))" >"$SCRATCH/older/$tool"
    chmod +x "$SCRATCH/older/$tool"
done
expect_exit 2 env LARDER_PGBIN="$SCRATCH/older" "$LARDER" export -t t -d bare -o "$SCRATCH/none.tar"
expect_stderr "postgresql-client-$major"
