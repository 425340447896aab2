#!/usr/bin/env bash
# A drill tells what is wrong with an archive, by its exit code and by name: whatever was changed in it, and however whole it
# looks, and whatever its source has recorded of it that is not so.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"
# shellcheck source=tests/support/forge.bash
source "$TESTS/support/forge.bash"

STORE=$SCRATCH/store

# expect_drill CODE NAME [OPTION]...   of the preset, on the server
expect_drill()
{
    expect_exit "$1" larder drill daily -d kitchai "${@:3}" --json
    expect_json .agree false
    expect_says "$2"
    cp "$SCRATCH/sound.tar" "$archive"
    cp "$SCRATCH/sound.sha256" "${archive%.tar}.sha256"
}

server_start one
sample_database kitchai 500
larder init -d kitchai -q
expect_exit 0 larder export daily -d kitchai --store "$STORE" -q
archive=$(newest_archive "$STORE" daily)
name=$(basename "$archive" .tar)
cp "$archive" "$SCRATCH/sound.tar"
cp "${archive%.tar}.sha256" "$SCRATCH/sound.sha256"
expect_exit 0 tar xOf "$archive" manifest.json
cp "$STDOUT" "$SCRATCH/manifest.json"
export LARDER_STORE=$STORE

it "a byte of a row was changed"
at=$(jq '[.tables[] | select(.name == "recipe_uploads")][0].parts[0].offset' "$SCRATCH/manifest.json")
printf X | dd of="$archive" bs=1 seek=$((at + 40)) conv=notrunc status=none
expect_drill 4 recipe_uploads
expect_exit 0 larder list --json
expect_json '.[0] | [.drilled_at, .verified_at != null, .good, .problems[0]] | map(tostring) | join(" ")' \
    "null true false its last check found it damaged"
expect_exit 7 larder status --json
expect_json '.presets[0] | [.drilled_at, .problems] | tostring' "[null,[\"$name: its last check found it damaged\"]]"
expect_exit 7 larder status --prometheus
expect_unsaid "larder_last_drill_timestamp_seconds{"
expect_exit 0 larder drill daily -d kitchai
drilled=$(larder list --json | jq -r '.[0].drilled_at')

it "the file ends too early"
truncate -s -4096 "$archive"
expect_drill 4 "$name"

it "a fingerprint in the manifest is wrong, and every digest was made anew"
fingerprint=$(jq -r '[.tables[] | select(.name == "profiles")][0].fingerprint' "$SCRATCH/manifest.json")
forge_manifest "$archive" "$fingerprint" 0123456789abcdef0123456789abcdef
expect_drill 4 profiles

it "a table's own count of rows is wrong there"
rows=$(jq -r '[.tables[] | select(.name == "user_follows")][0].parts[0].rows' "$SCRATCH/manifest.json")
forge_manifest "$archive" "\"rows\":$rows," "\"rows\":$((rows - 1)),"
expect_drill 4 rows

it "one in a newer format is refused, and is not called damaged: a larder that knows the format may find it whole"
expect_exit 0 larder verify "$name" -q
forge_manifest "$archive" '"format_version":"1.0"' '"format_version":"2.0"'
for command in verify "drill -d kitchai"; do
    # shellcheck disable=SC2086 # a command with its options
    expect_exit 8 larder $command "$archive" --json
    expect_json .agree null
    expect_stderr "its format version 2.0 is newer than this larder reads"
    expect_stderr "Use a larder of version 2 or later"
done
expect_equal "what is written down" good "$(jq -r .result "${archive%.tar}.checked.json")"
cp "$SCRATCH/sound.tar" "$archive"
cp "$SCRATCH/sound.sha256" "${archive%.tar}.sha256"

it "everything in it agrees, but it is not the file that was written"
snapshot=$(jq -r .snapshot "$SCRATCH/manifest.json")
forge_manifest "$archive" "$snapshot" "${snapshot//[0-9]/7}"
expect_drill 3 "SHA-256"

it "the source has recorded other counts"
sql kitchai "UPDATE backups.backup_metadata SET row_count = row_count + 1
    WHERE backup_name = '$name' AND table_name = 'user_follows'"
expect_drill 3 user_follows
sql kitchai "UPDATE backups.backup_metadata SET row_count = row_count - 1
    WHERE backup_name = '$name' AND table_name = 'user_follows'"

it "a table was backed up that the archive has lost"
sql kitchai "INSERT INTO backups.backup_metadata (backup_date, backup_name, table_name, row_count, kind)
    SELECT backup_date, backup_name, 'user_stock', 7, kind FROM backups.backup_metadata
    WHERE backup_name = '$name' AND table_name = 'profiles'"
expect_drill 3 user_stock
sql kitchai "DELETE FROM backups.backup_metadata WHERE backup_name = '$name' AND table_name = 'user_stock'"

it "a check of the restored rows finds something"
echo "SELECT id FROM user_follows WHERE follower_id = followed_id OR true LIMIT 1" >"$SCRATCH/checks.sql"
expect_drill 3 "id = " --checks "$SCRATCH/checks.sql"

it "and list and status say so, of an archive that is good, and was not drilled since"
expect_exit 0 larder list --json
expect_json '.[0] | [.good, .problems == [], .drill_failure, .drill_failed_at > .drilled_at] | map(tostring) | join(" ")' "true true checks true"
expect_exit 0 larder list
expect_stdout "$name.tar: its last drill failed: a check found something in its rows"
expect_exit 0 larder status --json
expect_json '.presets[0].problems | join("|")' "$name: its last drill failed: a check found something in its rows"
expect_json '.presets[0].drilled_at' "$drilled"
expect_exit 0 larder verify "$name"
expect_exit 0 larder status
expect_stdout look

it "each of these was recorded, and with all of them put right again the drill agrees"
expect_query kitchai "SELECT count(*) FROM backups.drills WHERE agree = false AND jsonb_array_length(details -> 'findings') > 0" 8
expect_exit 0 larder drill daily -d kitchai --json
expect_json .agree true
expect_exit 0 larder status --json
expect_json '.presets[0] | [.problems == [], .drilled_at > "'"$drilled"'"] | tostring' '[true,true]'
expect_query postgres "SELECT count(*) FROM pg_database WHERE datname LIKE 'larder\\_drill\\_%'" 0
