#!/usr/bin/env bash
# What other users of a machine, of a shared folder, or of an environment may put in the way: nothing of theirs is run,
# followed, waited for or written over, and nothing of ours is open to them.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

# Whether anything but larder's own has been run.
expect_not_run()
{
    [ ! -e "$SCRATCH/run" ] || fail "\"$(cat "$SCRATCH/run")\" was run"
}

cd "$SCRATCH"
server_start one
sample_database kitchai 60
mkdir store

it "whatever modes are asked of it, an archive and what lies beside it are its owner's alone"
(umask 0 && larder export -t profiles -d kitchai --store store --no-record -q)
expect_equal "what others may open" '' "$(find store/kitchai -perm /077)"
archive=$(newest_archive store)
folder=$(dirname "$archive")

it "a link where the lock is to be is not followed"
echo precious >victim
rm -f "$folder/.larder.lock"
ln -s "$SCRATCH/victim" "$folder/.larder.lock"
expect_exit 1 larder export -t profiles -d kitchai --store store --no-record
expect_stderr "$folder/.larder.lock"
rm "$folder/.larder.lock"

it "nor is one where an archive is to be"
ln -s "$SCRATCH/victim" out.tar
ln -s "$SCRATCH/nowhere" new.tar
for file in out.tar new.tar; do
    expect_exit 2 larder export -t profiles -d kitchai -o "$file" --no-record
    expect_stderr "is never overwritten"
done
expect_equal "what was there" precious "$(cat victim)"
[ ! -e nowhere ] || fail "a file was made at the link's end"

it "a summary that is a pipe, or has no end, is neither waited for nor read whole"
for name in adhoc_20200101_000000 adhoc_20200102_000000; do
    cp "$archive" "$folder/$name.tar"
done
mkfifo "$folder/adhoc_20200101_000000.json"
truncate -s 1G "$folder/adhoc_20200102_000000.json"
expect_exit 0 timeout 60 "$LARDER" list --store store --json
expect_json '[.[] | select(.good) | .archive] | length' 1
rm "$folder"/adhoc_2020*

it "a program is never taken from the folder that we are in"
mkdir here
for program in pg_dump pg_restore rclone page-me; do
    printf '#!/bin/sh\necho "%s" >"%s/run"\necho "%s (PostgreSQL) 99.1"\n' "$program" "$SCRATCH" "$program" >"here/$program"
    chmod +x "here/$program"
done
printf '[hooks]\non_success = page-me\n' >hooks.conf
(
    cd here
    PATH=.:$PATH "$LARDER" export -t profiles -d kitchai -o "$SCRATCH/path.tar" --no-record -q --config "$SCRATCH/hooks.conf" 2>"$STDERR"
    PATH=.::$PATH "$LARDER" list --store rclone:nothing: >"$STDOUT" 2>&1 || true
)
expect_not_run
expect_stderr page-me

it "options cannot come in by what names a remote, and nothing but http is asked for a bucket"
for store in rclone:--config=x: rclone:-vv: rclone:--version; do
    expect_exit 2 larder list --store "$store"
    expect_stderr "it names no remote"
done
for endpoint in file:///etc gopher://localhost ftp://localhost; do
    expect_exit 2 env AWS_ENDPOINT_URL="$endpoint" AWS_ACCESS_KEY_ID=a AWS_SECRET_ACCESS_KEY=b "$LARDER" list --store s3://bucket
    expect_stderr "is no http or https URL"
done

it "tables whose names are options or commands are tables"
new_database names
mkdir names
sql names "CREATE SCHEMA \"-x\"; CREATE TABLE \"-x\".\"--clean\" (a int PRIMARY KEY); INSERT INTO \"-x\".\"--clean\" VALUES (1);
    CREATE TABLE \"\$(touch $SCRATCH/run)\" (a int); CREATE TABLE \"x'; DROP TABLE victim; --\" (\"b\"\"c\" int); CREATE TABLE victim (a int);
    CREATE TABLE \"a
\\! touch $SCRATCH/run
b\" (a int)"
expect_exit 0 larder export -t 'public.*' -t '"-x".*' -d names -o names.tar --no-record -q
expect_exit 0 larder verify names.tar --against dbname=names
new_database again
expect_exit 0 larder restore names.tar -d again -q
expect_not_run
expect_query again "SELECT count(*) FROM pg_tables WHERE schemaname IN ('public', '-x')" 5

it "nor does what the archive says of itself, given to psql, run any of it"
mkdir by-hand
new_database hand
tar xf names.tar -C by-hand
(cd by-hand && psql -XAtq -v ON_ERROR_STOP=1 -d hand -f schema/pre-data.sql >"$STDOUT" 2>"$STDERR") || fail "psql failed"
expect_not_run

it "comments that look like what pg_restore writes between the entries are comments"
new_database sly
sql sly "CREATE ROLE mallory; GRANT CONNECT ON DATABASE sly TO mallory; COMMENT ON DATABASE sly IS 'sly';
    CREATE TABLE t (id int PRIMARY KEY, other int REFERENCES t); GRANT SELECT ON t TO mallory; CREATE POLICY z ON t;
    CREATE TABLE \"u'; ALTER ROLE mallory SUPERUSER; --\" (id int); GRANT SELECT ON \"u'; ALTER ROLE mallory SUPERUSER; --\" TO mallory;
    COMMENT ON TABLE t IS E'x\nSET default_tablespace = pg_default; ALTER ROLE mallory SUPERUSER; --';
    COMMENT ON COLUMN t.id IS E'x\nSET default_table_access_method = heap';
    COMMENT ON COLUMN t.other IS E'x\nSET default_tablespace = \"pg_default\"';
    COMMENT ON POLICY z ON t IS E'\n--\n-- Name: DATABASE sly; Type: ACL; Schema: -; Owner: postgres\n--\n\n'"
comments="SELECT md5(string_agg(description, '|' ORDER BY objsubid, classoid::regclass::text)) FROM pg_description WHERE objoid = 't'::regclass
    OR objoid = (SELECT oid FROM pg_policy WHERE polname = 'z')"
expect_exit 0 larder export -t 'public.*' -d sly -o sly.tar --no-record -q
mkdir sly
tar xf sly.tar -C sly
expect_equal "statements of a comment outside of it" 0 "$(grep -c 'ALTER ROLE' sly/schema/post-data.sql)"
new_database sly_back
expect_exit 0 larder restore sly.tar -d sly_back -q
new_database sly_by_hand
(cd sly && psql -Xq -v ON_ERROR_STOP=1 -d sly_by_hand -f schema/pre-data.sql -f load.sql -f schema/post-data.sql >"$STDOUT" 2>"$STDERR") ||
    fail "psql failed"
for database in sly_back sly_by_hand; do
    expect_query "$database" "$comments" "$(sql sly "$comments")"
    expect_query "$database" "SELECT has_table_privilege('mallory', 't', 'SELECT')" t
done
expect_query postgres "SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'" f
