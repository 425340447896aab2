#!/usr/bin/env bash
# Texts in a schema that look like what pg_restore writes, or like SQL that a restore looks for: each comes back as it was, and means nothing.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

# restore TARGET OPTION...   everything of the archive, into a database that is there
restore()
{
    expect_exit 0 larder restore "$SCRATCH/texts.tar" -d "$@" -q
}

# What is said, and what functions do, of the database.
texts()
{
    sql "$1" "SELECT obj_description(oid, 'pg_class') FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' ORDER BY relname;
        SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY proname"
}

# The beginning of the entry that makes a table, as pg_restore writes it.
head_of()
{
    "${SERVER_BIN[one]}/pg_restore" --list "$SCRATCH/schema.dump" |
        sed -n "s/^\([0-9]*\); 1259 \([0-9]*\) TABLE public $1 .*/--\n-- TOC entry \1 (class 1259 OID \2)\n-- Name: $1; Type: TABLE; Schema: public; Owner: postgres\n--/p"
}

server_start one
new_database texts
sql texts "CREATE ROLE bob; CREATE ROLE plain LOGIN; CREATE SCHEMA \"x; Type: y\"; CREATE TABLE \"x; Type: y\".t (a int); CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int);
    COMMENT ON TABLE a IS 'See the dump:
--
-- Name: b; Type: TABLE; Schema: public; Owner: bob
--
that is all';
    CREATE FUNCTION mk() RETURNS text LANGUAGE sql AS \$f\$
SELECT '
-- Name: foo; Type: SCHEMA; Schema: -; Owner: bob
--

CREATE SCHEMA foo;
'
\$f\$;
    CREATE FUNCTION mv() RETURNS void LANGUAGE plpgsql AS '
BEGIN
SET default_tablespace = fast;
SET default_table_access_method = columnar;
END
'"
expect_exit 0 larder export -t '*.*' -d texts -o "$SCRATCH/texts.tar" --no-record -q

it "heads of entries, schemas and settings in comments and bodies come back, and are none"
new_database plainly
restore plainly
expect_equal "the warnings" '' "$(cat "$STDERR")"
expect_equal "the texts" "$(texts texts)" "$(texts plainly)"

it "nor is an owner in them one whom somebody has to be a member of"
new_database by_plain
sql by_plain "GRANT CREATE ON DATABASE by_plain TO plain; GRANT CREATE ON SCHEMA public TO plain"
expect_exit 1 env PGUSER=plain "$LARDER" restore "$SCRATCH/texts.tar" -d by_plain -q
! holds "$STDERR" '"bob"' || fail "bob owns nothing"
expect_exit 0 env PGUSER=plain "$LARDER" restore "$SCRATCH/texts.tar" -d by_plain --no-owner -q

it "the whole head of another entry: then each entry is asked for alone, also where one of them is there already"
tar -xOf "$SCRATCH/texts.tar" schema/schema.dump >"$SCRATCH/schema.dump"
for round in 1 2; do # the number of an entry may be another one with the comment
    sql texts "COMMENT ON TABLE a IS \$c\$Once more:
$(head_of b)
that is all\$c\$"
    expect_exit 0 larder export -t '*.*' -d texts -o "$SCRATCH/whole_$round.tar" --no-record -q
    tar -xOf "$SCRATCH/whole_$round.tar" schema/schema.dump >"$SCRATCH/schema.dump"
done
mv "$SCRATCH/whole_2.tar" "$SCRATCH/texts.tar"
mkdir "$SCRATCH/bin"
printf '#!/bin/sh\necho "$*" >>%s\nexec %s "$@"\n' "$SCRATCH/starts" "${SERVER_BIN[one]}/pg_restore" >"$SCRATCH/bin/pg_restore"
chmod +x "$SCRATCH/bin/pg_restore"
new_database apart
sql apart "CREATE FUNCTION mk() RETURNS text LANGUAGE sql AS 'SELECT 1::text'"
LARDER_PGBIN=$SCRATCH/bin restore apart
grep -q -- --use-list "$SCRATCH/starts" || fail "no entry was asked for alone"
expect_equal "the texts, but for the function that was there" "$(texts texts | grep -v '^mk|' | head -n 6)" "$(texts apart | grep -v '^mk|' | head -n 6)"
expect_query apart "SELECT count(*) FROM \"x; Type: y\".t" 0
expect_query apart "SELECT prosrc FROM pg_proc WHERE proname = 'mk'" 'SELECT 1::text'
