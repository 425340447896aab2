#!/usr/bin/env bash
# The rows of a table of an archive as CSV: those that the database has, whatever is in them, and in whatever format they lie there.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

# expect_csv ARCHIVE TABLE [OPTION]...   the same lines as the server's own CSV of the table
expect_csv()
{
    local columns

    expect_exit 0 larder cat "$1" "$2" "${@:3}"
    columns=$(sql source "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
        WHERE attrelid = '$2'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''")
    sql source "SET TimeZone = 'UTC'; COPY (SELECT $columns FROM $2) TO STDOUT (FORMAT csv, HEADER)" >"$SCRATCH/wanted.csv"
    sort "$SCRATCH/wanted.csv" >"$SCRATCH/wanted"
    sort "$STDOUT" >"$SCRATCH/found"
    cmp "$SCRATCH/wanted" "$SCRATCH/found" || fail "the CSV of $2 differs"
    expect_equal "the first line" "$(head -n 1 "$SCRATCH/wanted.csv")" "$(head -n 1 "$STDOUT")"
}

export TMPDIR=$SCRATCH/t
mkdir -m 711 "$TMPDIR"
server_start one
sample_database source 1500
sql source <<'SQL'
CREATE TABLE hard (id int, "a, b" text, c text, d double precision, twice int GENERATED ALWAYS AS (id * 2) STORED, e bytea);
INSERT INTO hard (id, "a, b", c, d, e) VALUES (1, '', NULL, 'NaN', '\x00ff'), (2, '\N', '\.', -0.0, ''),
    (3, E'one\ntwo\r\nthree\t"x", y', 'NULL', 'infinity', NULL), (4, '\\', E'\b\f\v', 1e-300, '\x5c'), (NULL, NULL, NULL, NULL, NULL);
CREATE TABLE one_column (t text);
INSERT INTO one_column VALUES (''), (NULL), ('\.'), ('"'), (',');
CREATE TABLE none ();
INSERT INTO none DEFAULT VALUES;
CREATE TABLE parts (id int, t text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
INSERT INTO parts SELECT i, 'row ' || i FROM generate_series(0, 19) AS i;
CREATE TABLE empty (id int, t text);
CREATE TABLE "a ""name"", and more" AS SELECT 1 AS id;
CREATE TABLE long AS SELECT i AS id, md5(i::text) AS t FROM generate_series(1, 20000) AS i;
SQL
expect_exit 0 larder export -t 'public.*' -d source -o "$SCRATCH/text.tar" --copy-format text --no-record -q
expect_exit 0 larder export -t 'public.*' -d source -o "$SCRATCH/binary.tar" --no-record -q

it "parts in text need no server"
for table in profiles recipe_uploads user_stock meal_plans; do
    expect_csv "$SCRATCH/text.tar" "$table"
done
expect_csv "$SCRATCH/text.tar" hard
expect_csv "$SCRATCH/text.tar" one_column
expect_exit 0 larder cat "$SCRATCH/text.tar" public.one_column
expect_stdout $'t\n""\n\n"\\."\n""""\n","'
expect_exit 0 larder cat "$SCRATCH/text.tar" none
PGHOST=/nowhere expect_exit 0 larder cat "$SCRATCH/text.tar" profiles

it "a partitioned table's rows are those of its partitions"
expect_csv "$SCRATCH/text.tar" parts
expect_csv "$SCRATCH/text.tar" parts_2

it "parts in binary are read by a server, and are the same"
expect_csv "$SCRATCH/binary.tar" profiles -d postgres
expect_csv "$SCRATCH/binary.tar" hard -d postgres
expect_csv "$SCRATCH/binary.tar" parts -d postgres
expect_csv "$SCRATCH/binary.tar" '"a ""name"", and more"' -d postgres
expect_csv "$SCRATCH/binary.tar" recipe_uploads --embedded
expect_query postgres "SELECT count(*) FROM pg_database WHERE datname LIKE 'larder\\_drill\\_%'" 0
expect_equal "what is left" 0 "$(find "$TMPDIR" -mindepth 1 | wc -l)"

it "a table without rows needs no server"
expect_exit 0 larder cat "$SCRATCH/binary.tar" empty
expect_stdout id,t
expect_csv "$SCRATCH/binary.tar" empty -d postgres

it "without a server that is said, and nothing is written"
expect_exit 2 larder cat "$SCRATCH/binary.tar" profiles
expect_stderr "help: Give -d SERVER or --embedded; an export with"
expect_equal "what was written" 0 "$(stat -c %s "$STDOUT")"

it "a reader that goes away needs no words, and one that was never there is what is said to have failed"
expect_exit 1 bash -c '"$1" cat "$2" one_column >&-' _ "$LARDER" "$SCRATCH/text.tar"
expect_stderr "could not write to standard output: Bad file descriptor"
expect_exit 1 bash -c '"$1" cat "$2" long | head -n 1 >/dev/null; exit "${PIPESTATUS[0]}"' _ "$LARDER" "$SCRATCH/text.tar"
expect_equal "what was said" '' "$(cat "$STDERR")"

it "a table that is not there, or a name that means several, is wrong usage"
expect_exit 2 larder cat "$SCRATCH/text.tar" no_such_table
expect_stderr no_such_table
expect_stderr "'\"My Table\"'"
expect_exit 2 larder cat "$SCRATCH/text.tar" 'user_*'
expect_stderr "more than one table"
expect_exit 2 larder restore "$SCRATCH/text.tar" -d postgres -t no_such_table
expect_equal "how often it is said" 1 "$(grep -c no_such_table "$STDERR")"
expect_exit 2 larder cat "$SCRATCH/text.tar"

it "a damaged part is said to be, and encrypted archives are opened"
expect_exit 0 larder keygen -o "$SCRATCH/key"
expect_exit 0 larder export -t profiles -d source -o "$SCRATCH/sealed.tar.age" --copy-format text --no-record -q \
    -r "$(sed -n 's/^# public key: //p' "$SCRATCH/key")"
expect_csv "$SCRATCH/sealed.tar.age" profiles -i "$SCRATCH/key"
expect_exit 5 larder cat "$SCRATCH/sealed.tar.age" profiles
at=$(tar xOf "$SCRATCH/text.tar" manifest.json | jq '[.tables[] | select(.name == "profiles")][0].parts[0].offset')
printf X | dd of="$SCRATCH/text.tar" bs=1 seek=$((at + 40)) conv=notrunc status=none
expect_exit 4 larder cat "$SCRATCH/text.tar" profiles
expect_stderr profiles
