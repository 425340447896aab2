#!/usr/bin/env bash
# A drill restores an archive into a database of its own, on a server or on one that it starts, proves
# it equal, asks what a person wants to know, and leaves nothing behind; what it cannot prove it never
# calls equal.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

STORE=$SCRATCH/store

drill_leftovers()
{
    sql postgres "SELECT (SELECT count(*) FROM pg_database WHERE datname LIKE 'larder\\_drill\\_%') || ' ' ||
        (SELECT count(*) FROM pg_roles WHERE rolname LIKE 'drill\\_%')"
}

embedded_leftovers()
{
    find "$TMPDIR" -maxdepth 1 -name 'larder-server.*' | wc -l
}

# Embedded servers lie here, where only this scenario's are.
export TMPDIR=$SCRATCH/t
mkdir -m 711 "$TMPDIR"

server_start one
sample_database kitchai 500
sql kitchai "CREATE ROLE drill_reader; CREATE ROLE drill_owner; GRANT SELECT ON profiles TO drill_reader;
    ALTER TABLE user_follows OWNER TO drill_owner"
larder init -d kitchai -q
expect_exit 0 larder export daily -d kitchai --store "$STORE" -q
archive=$(newest_archive "$STORE" daily)
name=$(basename "$archive" .tar)
export LARDER_STORE=$STORE

it "a drill on a server proves the newest archive of a preset three ways"
expect_exit 0 larder drill daily -d kitchai --json
expect_json '.agree' true
expect_json .metadata_from database
expect_json '.tables | length' 5
expect_json '[.tables[] | select(.rows_archive != .rows_metadata or .rows_archive != .rows_target
    or .fingerprint_archive != .fingerprint_target or (.agree | not))] | length' 0
expect_json '[.phases[].name] | join(" ")' "verify prepare check preflight create load remove"
expect_json '.recovery_seconds > 0 and .seconds > .recovery_seconds and .recorded' true
expect_json '.archive' "$archive"

it "it is recorded in the source's database and beside the archive"
expect_query kitchai "SELECT count(*), bool_and(agree), min(rows) = max(rows), min(preset), count(details -> 'phases')
    FROM backups.drills WHERE backup_name = '$name'" "1|t|t|daily|1"
expect_exit 0 larder list --json
expect_json '.[0] | (now - (.drilled_at | fromdate) | . >= 0 and . < 600), .good' $'true\ntrue'
expect_exit 0 larder drill "$archive" -d postgres --record-to dbname=kitchai
expect_query kitchai "SELECT count(*) FROM backups.drills" 2

it "and says for a person how long restoring took"
expect_exit 0 larder drill "$name" -d postgres --no-record
expect_stdout "equal: 5 tables"
expect_stdout "restoring it took"
expect_query kitchai "SELECT count(*) FROM backups.drills" 2

it "a statement_timeout of the role's is none of the drill's"
sql postgres "CREATE ROLE hasty SUPERUSER LOGIN; ALTER ROLE hasty SET statement_timeout = '1ms'"
echo "SELECT 1 FROM pg_sleep(0.1) WHERE false;" >"$SCRATCH/slow.sql"
expect_exit 0 larder drill "$name" -d postgres -U hasty --no-record --checks "$SCRATCH/slow.sql"
sql postgres "DROP ROLE hasty"

it "nothing is left of it"
expect_equal "what is left" "0 2" "$(drill_leftovers)"

it "roles that the server lacks are made for the drill, and go with it"
server_start two
larder init -d postgres -q
expect_exit 0 larder drill "$archive" -d postgres --json
expect_json .agree true
expect_query postgres "SELECT count(*) FROM pg_roles WHERE rolname IN ('drill_reader', 'drill_owner', 'anon', 'authenticated')" 0
expect_equal "what is left" "0 0" "$(drill_leftovers)"

it "one who is no superuser may drill, too, with what it may do"
sql postgres "CREATE ROLE tester LOGIN CREATEDB CREATEROLE"
expect_exit 0 larder drill "$archive" -d postgres -U tester --json
expect_json .agree true
expect_equal "what is left" "0 0" "$(drill_leftovers)"
sql postgres "CREATE ROLE nobody_much LOGIN"
expect_exit 8 larder drill "$archive" -d postgres -U nobody_much --json
expect_json .agree null
expect_stderr 'role "nobody_much" may not create databases'
server_use one

it "a drill without a server starts one of its own, which nobody else can reach, and removes it"
PATH=/usr/bin:/bin PGHOST=/nowhere expect_exit 0 larder drill daily --embedded --json
expect_json '[.agree, (.server | endswith("embedded"))] | join(" ")' "true true"
expect_equal "what is left" 0 "$(embedded_leftovers)"

it "checks are asked, and every row is a finding"
cat >"$SCRATCH/checks.sql" <<'SQL'
-- everybody has a profile
SELECT user_id FROM recipe_uploads EXCEPT SELECT user_id FROM profiles;
-- nobody follows; with a semicolon
SELECT follower_id FROM user_follows WHERE 'a;b' = $$a;b$$ ORDER BY 1 LIMIT 2;
DO $$ BEGIN ASSERT (SELECT count(*) FROM profiles) < 3, 'too many profiles'; END $$
SQL
expect_exit 3 larder drill daily -d kitchai --checks "$SCRATCH/checks.sql" --json
expect_json '[.agree, .checks] | join(" ")' "false 3"
expect_json '[.findings[] | .object[:30]] | unique | join("|")' \
    'DO $$ BEGIN ASSERT (SELECT cou|nobody follows; with a semicol'
expect_json '[.findings[] | select(.message | contains("follower_id = "))] | length' 2
expect_stderr "nobody follows"
expect_exit 3 larder drill daily -d kitchai --checks "$SCRATCH/checks.sql" --no-record
expect_stdout "equal: 5 tables, counted and fingerprinted in archive and database; metadata from backups.backup_metadata ("
expect_stdout " s); 2 of 3 checks found something"
expect_unsaid DIFFERENT
expect_exit 0 larder list --json
expect_json '.[0].good' true

it "a mark of UTF-8 in front, and lines that end as on Windows, are none of the checks'"
printf '\xef\xbb\xbf-- nobody is without a name\r\nSELECT 1 FROM profiles WHERE user_id IS NULL;\r\n' >"$SCRATCH/mark.sql"
expect_exit 0 larder drill daily -d kitchai --checks "$SCRATCH/mark.sql"
expect_stdout "1 check was run"

it "--keep leaves the database, and the next drills leave it alone"
expect_exit 0 larder drill daily -d kitchai --keep --json
kept=$(jq -r .kept "$STDOUT")
expect_exit 0 larder drill daily --embedded --keep --json
kept_embedded=$(jq -r .kept "$STDOUT")

it "a drill.sql in the current folder is taken by itself"
mkdir "$SCRATCH/here"
cd "$SCRATCH/here"
echo "SELECT 'of drill.sql' AS here" >drill.sql
expect_exit 3 larder drill daily --embedded
expect_stderr "here = of drill.sql"
echo "SELECT 1 WHERE false; SELECT count(*) FROM no_such_table" >drill.sql
expect_exit 8 larder drill daily -d kitchai --json
expect_json .agree null
expect_stderr no_such_table
echo "COPY profiles TO STDOUT" >drill.sql
expect_exit 8 larder drill daily -d kitchai
cd /
expect_exit 2 larder drill daily -d kitchai --checks "$SCRATCH/no_such_file"

for database in "$kept" "$kept_embedded"; do
    expect_equal "rows of what was kept" "$(sql kitchai 'SELECT count(*) FROM profiles')" \
        "$(psql -XAtq -d "$database" -c 'SELECT count(*) FROM profiles')"
done
dropdb "$(psql -XAtq -d "$kept" -c 'SELECT current_database()')"
folder=$(sed 's/^host=\(.*\)\/socket .*/\1/' <<<"$kept_embedded")
kill -QUIT "$(head -n 1 "$folder/data/postmaster.pid")"
rm -rf "$folder"

it "with no server to be had, it is never agreement"
expect_exit 8 larder drill daily -d "host=$SCRATCH/nowhere" --json
expect_json .agree null
expect_json '[.tables[] | select(.agree == true)] | length' 0
expect_exit 8 larder drill daily -d no_such_database
mkdir "$SCRATCH/empty"
LARDER_PGBIN=$SCRATCH/empty expect_exit 8 larder drill daily --embedded
expect_stderr "postgresql-"
mkdir "$SCRATCH/stubborn"
ln -s "$(command -v initdb)" "$SCRATCH/stubborn/initdb"
cat >"$SCRATCH/stubborn/postgres" <<'END'
#!/bin/sh
printf '%s\n' "LOG:  starting" "FATAL:  out of what it needs" "HINT:  Have more of it." "LOG:  database system is shut down" >&2
exit 1
END
chmod +x "$SCRATCH/stubborn/postgres"
LARDER_PGBIN=$SCRATCH/stubborn expect_exit 8 larder drill daily --embedded
expect_stderr "could not start a server: FATAL:  out of what it needs"
expect_exit 0 larder list --json
expect_json '.[0].good' true

it "wrong usage touches nothing"
expect_exit 2 larder drill daily
expect_stderr "--embedded"
expect_exit 2 larder drill daily -d kitchai --embedded
expect_exit 2 larder drill -d kitchai
expect_exit 2 larder drill - --embedded
expect_exit 8 larder drill weekly -d kitchai
expect_stderr 'there is no archive of preset "weekly"'
expect_exit 2 larder drill weekyl -d kitchai
expect_stderr 'Is "weekly" meant?'
expect_exit 2 larder drill weekly --embedded

it "of two archives of a preset the newer one is drilled, unless it is none"
sleep 1
expect_exit 0 larder export daily -d kitchai -q
expect_exit 0 larder drill daily -d kitchai --json
expect_json .archive "$(newest_archive "$STORE" daily)"
rm "$STORE/kitchai/daily/$(basename "$(newest_archive "$STORE" daily)" .tar).json"
expect_exit 0 larder drill daily -d kitchai --json
expect_json .archive "$archive"
expect_stderr "no good archive"

it "one that is dated in the future is passed over: it would be the newest until then"
future=$STORE/kitchai/daily/daily_29991231_000000
cp "$archive" "$future.tar"
sed "s/$(basename "$archive")/daily_29991231_000000.tar/" "${archive%.tar}.sha256" >"$future.sha256"
jq '. + {backup_name: "daily_29991231_000000", archive: "daily_29991231_000000.tar", started_at: "2999-12-31T00:00:00Z",
    created_at: "2999-12-31T00:00:00Z", keep_until: null}' "${archive%.tar}.json" >"$future.json"
expect_exit 0 larder drill daily -d kitchai --json
expect_json .archive "$archive"
expect_stderr "it is dated in the future"
