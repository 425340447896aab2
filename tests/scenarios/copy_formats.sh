#!/usr/bin/env bash
# How tables are copied can be said for all of them, for some, and by the preset.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

ARCHIVE=$SCRATCH/formats.tar

# export_as WANTED OPTION...   exports all tables; WANTED is each one's format, in the order of their names
export_as()
{
    local wanted=$1

    shift
    rm -f "$SCRATCH"/formats.*
    expect_exit 0 larder export -t 'public.*' -d formats -o "$ARCHIVE" --no-record --json "$@"
    expect_json '[.tables | sort_by(.name)[] | .name + " " + .copy_format] | join(", ")' "$wanted"
}

server_start one
new_database formats
sql formats <<'SQL'
CREATE TABLE events (id int, payload jsonb) PARTITION BY LIST (id);
CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);
CREATE TABLE labels (id int, name text);
CREATE TABLE types (kind regtype);
INSERT INTO events VALUES (1, '{}');
INSERT INTO labels VALUES (1, 'one');
INSERT INTO types VALUES ('int');
SQL

it "a table is copied in binary format where its types allow it"
export_as 'events binary, events_1 binary, labels binary, types text'

it "a format can be given for one table beside that of all others"
export_as 'events binary, events_1 binary, labels text, types text' --copy-format text:labels
expect_exit 0 larder verify "$ARCHIVE" --against dbname=formats
export_as 'events text, events_1 text, labels binary, types text' --copy-format binary:labels --copy-format text

it "a format given for a table holds for its partitions"
export_as 'events text, events_1 text, labels binary, types text' --copy-format text:events

it "the last of several formats for a table holds"
export_as 'events text, events_1 text, labels binary, types text' --copy-format 'text:*' --copy-format auto:public.labels

it "a format given for tables comes before the preset's"
larder init -d formats -q
sql formats "UPDATE backups.presets SET tables = '{public.*}', copy_format = 'text' WHERE preset = 'monthly'"
expect_exit 0 larder export monthly -d formats --store "$SCRATCH/store" --copy-format binary:labels --json
expect_json '[.tables[] | select(.copy_format == "binary") | .name] | join(" ")' labels

it "binary asked for a table that has no stable wire form is refused by name"
expect_exit 1 larder export -t 'public.*' -d formats -o "$SCRATCH/none.tar" --no-record --copy-format binary:types
expect_stderr '"public.types" cannot be copied in binary format'

it "a format for what is no table of the export is wrong usage, and nothing is exported"
for choice in misspelt events 'no*thing' '!labels'; do
    expect_exit 2 larder export -t labels -t types -d formats -o "$SCRATCH/none.tar" --no-record --copy-format "text:$choice"
    expect_stderr "\"$choice\", which is no table of this export"
done
expect_exit 2 larder export -t labels -d formats -o "$SCRATCH/none.tar" --no-record --copy-format text:
expect_exit 2 larder export -t labels -d formats -o "$SCRATCH/none.tar" --no-record --copy-format 'text:lab('
expect_exit 2 larder export -t labels -d formats -o "$SCRATCH/none.tar" --no-record --copy-format csv:labels
expect_exit 2 larder export -t labels -d formats -o "$SCRATCH/none.tar" --no-record --copy-format tex:labels
expect_equal "what was published" '' "$(ls "$SCRATCH"/none.* 2>/dev/null || true)"
