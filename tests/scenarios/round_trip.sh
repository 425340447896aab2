#!/usr/bin/env bash
# A preset leaves as one archive, comes back into an empty database, and is proven equal; and a
# database that is not equal any more is told from one that is.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

STORE=$SCRATCH/store

# Makes a copy of an archive's tables in a new database.
restore_copy()
{
    new_database "$2"
    expect_exit 0 larder restore "$1" -d "$2" --create-roles --externals stub -q
}

server_start one
sample_database kitchai 1500

it "init installs the presets, and may be run again"
expect_exit 0 larder init -d kitchai
expect_exit 0 larder init -d kitchai
expect_query kitchai "SELECT string_agg(preset, ' ' ORDER BY preset) FROM backups.presets" \
    "daily everything monthly pre_deployment production weekly"

for preset in daily weekly pre_deployment production monthly everything; do
    it "$preset leaves as one archive with what proves it beside it"
    expect_exit 0 larder export "$preset" -d kitchai --store "$STORE"
    archive=$(newest_archive "$STORE" "$preset")
    name=$(basename "$archive" .tar)
    [[ $name =~ ^${preset}_[0-9]{8}_[0-9]{6}$ ]] || fail "an archive is not called \"$name\""
    expect_equal "what is in the folder" "$name.json $name.sha256 $name.tar" \
        "$(cd "$STORE/kitchai/$preset" && echo *)"
    expect_equal "the archive's mode" 600 "$(stat -c %a "$archive")"
    (cd "$STORE/kitchai/$preset" && expect_exit 0 sha256sum -c "$name.sha256")
    expect_exit 0 larder verify "$archive"

    it "$preset comes back into an empty database, and all counts and fingerprints are equal"
    new_database "back_$preset"
    expect_exit 0 larder restore "$archive" -d "back_$preset" --create-roles --externals stub --json
    expect_json '.agree' true
    expect_json '[.tables[] | select(.rows_archive != .rows_metadata or .rows_archive != .rows_target
        or .fingerprint_archive != .fingerprint_target or (.agree | not))] | length' 0
    expect_json '[.tables[].fingerprint_archive | select(test("^[0-9a-f]{32}$") | not)] | length' 0
    expect_exit 0 larder verify "$archive" --against "dbname=back_$preset"
    expect_exit 0 larder verify "$archive" --against "dbname=kitchai"
done

it "each preset holds its tables, and the counts are those that the server has"
declare -A tables=([daily]=5 [weekly]=8 [pre_deployment]=4 [production]=7 [monthly]=8 [everything]=10)
for preset in "${!tables[@]}"; do
    expect_query kitchai "SELECT count(*) FROM backups.backup_metadata
        WHERE backup_name LIKE '$preset\\_2%' AND kind = 'archive'" "${tables[$preset]}"
done
expect_query kitchai "SELECT row_count = (SELECT count(*) FROM user_interactions) FROM backups.backup_metadata
    WHERE backup_name LIKE 'weekly%' AND table_name = 'user_interactions'" t
expect_query kitchai "SELECT count(*) FROM backups.archives" 6

it "monthly is in text, the others in binary where the types allow it"
expect_exit 0 tar xOf "$(newest_archive "$STORE" monthly)" manifest.json
expect_json '[.tables[].copy_format] | unique | join(" ")' text
expect_exit 0 tar xOf "$(newest_archive "$STORE" weekly)" manifest.json
expect_json '[.tables[].copy_format] | unique | join(" ")' binary

it "export's JSON document has the fields that it promises"
expect_exit 0 larder export daily -d kitchai --store "$STORE" --json
expect_json '["archive", "backup_name", "preset", "source", "database", "rows", "bytes", "raw_bytes",
    "seconds", "sha256", "encrypted", "recorded", "tables", "warnings"] - keys_unsorted | join(" ")' ''
expect_json '[keys[]] - ["hooks", "referenced", "shrunk", "shrunk_since"] | length' 14
expect_json '[.tables[] | keys_unsorted | sort | join(" ")] | unique | join("|")' \
    'bytes copy_format fingerprint name rows schema'
expect_json '[.preset, .source, .database, .encrypted, .recorded] | join(" ")' "daily kitchai kitchai false true"
expect_json '.rows == ([.tables[].rows] | add)' true
archive=$(jq -r .archive "$STDOUT")
expect_equal "the archive's size" "$(stat -c %s "$archive")" "$(jq .bytes "$STDOUT")"
expect_equal "its digest" "$(sha256sum <"$archive" | cut -c 1-64)" "$(jq -r .sha256 "$STDOUT")"

it "verify's and restore's JSON documents have the fields that they promise"
expect_exit 0 larder verify "$archive" --json
expect_json '[.agree, (.seconds | type), (.findings | type), (.tables | type)] | join(" ")' "true number array array"
expect_json '[.tables[] | keys_unsorted | sort | join(" ")] | unique | join("|")' \
    'agree fingerprint_archive fingerprint_target name proven rows_archive rows_metadata rows_target schema'
expect_json '.archive' "$archive"
new_database again
expect_exit 0 larder restore "$archive" -d again --create-roles --externals stub --json
expect_json '[.agree, (.seconds | type), (.findings | type), (.tables | type)] | join(" ")' "true number array array"
expect_json '[.tables[] | keys_unsorted | sort | join(" ")] | unique | join("|")' \
    'agree fingerprint_archive fingerprint_target name proven rows_archive rows_metadata rows_target schema'
expect_json '.archive' "$archive"

it "list's JSON document has the fields that it promises"
expect_exit 0 larder list --store "$STORE" --json
expect_json 'length' 7
expect_json '[.[] | keys_unsorted | sort | join(" ")] | unique | join("|")' \
    "archive backup_name bytes created_at drill_failed_at drill_failure drilled_at encrypted good held keep_until preset problems rows sha256 shrunk_since shrunk_tables source verified_at"
expect_json '[.[] | select(.good and .problems == [])] | length' 7
expect_exit 0 larder list daily --store "$STORE" --json
expect_json 'length' 2
expect_json '.[1].sha256' "$(sha256sum <"$archive" | cut -c 1-64)"
for preset in nothing_of_this_name adhoc; do
    expect_exit 0 larder list "$preset" --store "$STORE" --json
    expect_json 'length' 0
    expect_stderr "there is no archive of preset \"$preset\" in"
done

it "an archive is found by its name in the store"
expect_exit 0 larder verify "$(basename "$archive" .tar)" --store "$STORE"
LARDER_STORE=$STORE expect_exit 0 larder verify "$(basename "$archive" .tar)"
expect_exit 2 larder verify daily_19990101_000000 --store "$STORE"
expect_stderr daily_19990101_000000

it "a name with a slip in it is said to be no backup's and no file's, with the one that is like it"
name=$(basename "$archive" .tar)
for arguments in "verify ${name}x" "restore ${name}x -d fresh" "copy ${name}x $SCRATCH/second"; do
    # shellcheck disable=SC2086 # words of a command
    expect_exit 2 larder $arguments --store "$STORE"
    expect_stderr "there is no backup \"${name}x\" in the store \"$STORE\", and no file of that name"
    expect_stderr "Is \"$name\" meant?"
    expect_unsaid "preset"
done
expect_exit 2 larder verify daily --store "$STORE"
expect_stderr 'If a preset is meant: `larder list daily` names its archives'
expect_exit 2 larder verify "${name}x"
expect_stderr "To find a backup by its name, give --store"

it "what lies beside an archive, or its path without an ending, is answered with the archive"
for path in "${archive%.tar}.sha256" "${archive%.tar}.json" "${archive%.tar}"; do
    for command in verify 'restore -d fresh' 'drill --embedded'; do
        # shellcheck disable=SC2086 # words of a command
        expect_exit 2 larder $command "$path"
        expect_stderr "Is \"$archive\" meant?"
    done
    expect_exit 2 larder copy "$path" "$SCRATCH/second"
    expect_stderr "Is \"$archive\" meant?"
done

it "list tells when an archive was verified, and that it was found damaged, until a later verification finds it good"
name=$(basename "$archive" .tar)
expect_exit 0 larder verify "$archive"
expect_exit 0 larder list --store "$STORE" --json
expect_json ".[] | select(.backup_name == \"$name\") | (now - (.verified_at | fromdate) | . >= 0 and . < 600), .good" \
    $'true\ntrue'
cp "$archive" "$SCRATCH/sound.tar"
printf X | dd of="$archive" bs=1 seek=600 conv=notrunc status=none
expect_exit 4 larder verify "$name" --store "$STORE"
expect_exit 0 larder list --store "$STORE" --json
expect_json ".[] | select(.backup_name == \"$name\") | .problems | join(\" \")" "its last check found it damaged"
cp "$SCRATCH/sound.tar" "$archive"
expect_exit 0 env "ASAN_OPTIONS=detect_leaks=0:$ASAN_OPTIONS" strace -f -qq -o /dev/null -P "${archive%.tar}.checked.json" -e trace=openat \
    -e inject=openat:error=EACCES "$LARDER" verify "$name" --store "$STORE"
expect_unsaid "is not good"
expect_exit 0 larder list --store "$STORE" --json
expect_json '[.[] | select(.good)] | length' 7
expect_exit 0 larder verify "$SCRATCH/sound.tar"
expect_equal "what was written beside a file that is in no store" '' "$(find "$SCRATCH" -maxdepth 1 -name '*.checked.json')"

it "one character in one row of the target is a difference, and the table is named"
archive=$(newest_archive "$STORE" weekly)
restore_copy "$archive" changed
sql changed "ALTER TABLE recipe_comments DISABLE TRIGGER ALL;
    UPDATE recipe_comments SET comment_text = overlay(comment_text PLACING '#' FROM 3 FOR 1)
    WHERE id = (SELECT id FROM recipe_comments WHERE length(comment_text) > 9 ORDER BY id LIMIT 1)"
expect_exit 3 larder verify "$archive" --against "dbname=changed" --json
expect_json '.agree' false
expect_json '[.tables[] | select(.agree | not) | .schema + "." + .name] | join(" ")' public.recipe_comments
expect_json '[.tables[] | select(.agree | not) | .rows_archive == .rows_target] | join(" ")' true
expect_exit 3 larder verify "$archive" --against "dbname=changed"
expect_says recipe_comments

it "NULL is not the empty string, and true is not false"
restore_copy "$archive" nulls
sql nulls "ALTER TABLE profiles DISABLE TRIGGER ALL;
    UPDATE profiles SET bio = '' WHERE id = (SELECT id FROM profiles WHERE bio IS NULL LIMIT 1)"
sql nulls "UPDATE recipe_uploads SET is_public = NOT is_public WHERE id = (SELECT id FROM recipe_uploads LIMIT 1)"
expect_exit 3 larder verify "$archive" --against "dbname=nulls" --json
expect_json '[.tables[] | select(.agree | not) | .name] | join(" ")' "profiles recipe_uploads"

it "a row too few, a row too many and two rows that have swapped a value are differences"
restore_copy "$archive" rows
sql rows "DELETE FROM user_stock WHERE ctid = (SELECT min(ctid) FROM user_stock);
    INSERT INTO saved_recipe_videos (user_id, recipe_id) VALUES (gen_random_uuid(), gen_random_uuid());
    UPDATE meal_plans SET calories = CASE id WHEN 3 THEN 1234.5 ELSE 5432.1 END WHERE id IN (3, 4)"
expect_exit 3 larder verify "$archive" --against "dbname=rows" --json
expect_json '[.tables[] | select(.agree | not) | .name + " " + (.rows_target - .rows_archive | tostring)] | join(" ")' \
    "saved_recipe_videos 1 user_stock -1 meal_plans 0"

it "rows in another order are the same rows"
restore_copy "$archive" order
sql order "CREATE TABLE put_aside AS TABLE user_interactions ORDER BY md5(id::text); TRUNCATE user_interactions;
    INSERT INTO user_interactions TABLE put_aside"
expect_exit 0 larder verify "$archive" --against "dbname=order"

it "a table that is missing in the target is a difference"
restore_copy "$archive" missing
sql missing "DROP TABLE user_interactions"
expect_exit 3 larder verify "$archive" --against "dbname=missing" --json
expect_json '[.tables[] | select(.agree | not) | .name] | join(" ")' user_interactions
expect_json '.findings[].message' 'table "public.user_interactions" is not in the target'

it "so is a partitioned table that is missing, or of another kind"
new_database parted
sql parted "CREATE TABLE parted (a int) PARTITION BY RANGE (a); CREATE TABLE low PARTITION OF parted FOR VALUES FROM (0) TO (10); INSERT INTO parted VALUES (1)"
expect_exit 0 larder export -t parted -t low -d parted -o "$SCRATCH/parted.tar" --no-record -q
expect_exit 0 larder verify "$SCRATCH/parted.tar" --against "dbname=parted"
sql parted "ALTER TABLE parted DETACH PARTITION low"
expect_exit 3 larder verify "$SCRATCH/parted.tar" --against "dbname=parted" --json
expect_json '.findings[].message' 'table "public.low" is not its parent'"'"'s child in the target'
sql parted "DROP TABLE parted"
expect_exit 3 larder verify "$SCRATCH/parted.tar" --against "dbname=parted" --json
expect_json '.findings[] | select(.object == "parted").message' 'table "public.parted" is not in the target'
sql parted "CREATE TABLE parted (a int)"
expect_exit 3 larder verify "$SCRATCH/parted.tar" --against "dbname=parted" --json
expect_json '.findings[] | select(.object == "parted").message' 'table "public.parted" is of another kind in the target'

it "a target that is empty differs in every table, and one that does not exist is never agreement"
new_database nothing
expect_exit 3 larder verify "$archive" --against "dbname=nothing" --json
expect_json '[.tables[] | select(.agree == false)] | length' 8
expect_exit 8 larder verify "$archive" --against "dbname=no_such_database"
expect_stderr no_such_database

it "an archive that backup_metadata contradicts is a difference"
sql kitchai "UPDATE backups.backup_metadata SET row_count = row_count + 1
    WHERE backup_name = '$(basename "$archive" .tar)' AND table_name = 'user_stock'"
LARDER_SOURCE='dbname=kitchai' expect_exit 3 larder verify "$archive" --json
expect_json '[.tables[] | select(.agree == false) | .name] | join(" ")' user_stock
expect_json .metadata_from database

it "in a database that records several sources an archive's name is one of its own, and what has it all the same is told apart"
new_database records
larder init -d records -q
sql records "INSERT INTO backups.backup_metadata (backup_date, backup_name, table_name, row_count, kind)
    SELECT current_date, 'adhoc_' || to_char(now() AT TIME ZONE 'UTC' + i * interval '1 second', 'YYYYMMDD_HH24MISS'), 'theirs', 5, 'archive'
    FROM generate_series(-1, 2) i"
expect_exit 0 larder export -t profiles -d kitchai --store "$STORE" --record-to dbname=records --json
expect_json .recorded true
one=$(jq -r .archive "$STDOUT") name=$(jq -r .backup_name "$STDOUT")
expect_query records "SELECT table_name FROM backups.backup_metadata WHERE backup_name = '$name'" profiles
sql records "INSERT INTO backups.archives (source, backup_name, location) VALUES ('other', '$name', '/other/x.tar');
    INSERT INTO backups.backup_metadata (backup_date, backup_name, table_name, row_count, kind, notes)
    VALUES (current_date, '$name', 'theirs', 5, 'archive', '/other/x.tar')"
LARDER_SOURCE=dbname=records expect_exit 0 larder verify "$one" --json
expect_json .metadata_from database
sql records "DELETE FROM backups.archives WHERE source = 'kitchai'; DELETE FROM backups.backup_metadata WHERE table_name = 'profiles';
    UPDATE backups.backup_metadata SET table_name = 'profiles' WHERE backup_name = '$name'"
LARDER_SOURCE=dbname=records expect_exit 0 larder verify "$one" --json
expect_json .metadata_from manifest
expect_exit 0 larder export -t profiles -d kitchai --store "$STORE" --record-to dbname=no_such_database --json
expect_json .recorded false

it "with several archives, each is judged"
expect_exit 0 larder verify "$STORE"/kitchai/*/*.tar
expect_exit 0 larder verify --quick "$STORE"/kitchai/*/*.tar
