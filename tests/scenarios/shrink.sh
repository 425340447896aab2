#!/usr/bin/env bash
# Tables that have lost many of their rows since the last good archive: a warning everywhere, an error where it was asked for, and
# nothing is pruned, until the rows are back or somebody says that they are not missed.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

export LARDER_STORE=$SCRATCH/store
newest_summary()
{
    local archive

    archive=$(find "$LARDER_STORE" -name '*.tar' -o -name '*.tar.age' | sort | tail -n 1)
    echo "${archive%%.tar*}.json"
}

server_start one
new_database shop
sql shop "CREATE TABLE orders AS SELECT i, i % 7 AS kind FROM generate_series(1, 1000) i;
    CREATE TABLE items AS SELECT i FROM generate_series(1, 400) i;
    CREATE TABLE logs (i int, at int) PARTITION BY LIST (at);
    CREATE TABLE logs_1 PARTITION OF logs FOR VALUES IN (1);
    CREATE TABLE logs_2 PARTITION OF logs FOR VALUES IN (2);
    INSERT INTO logs SELECT i, 1 FROM generate_series(1, 300) i;
    CREATE TABLE small AS SELECT i FROM generate_series(1, 99) i" 2>/dev/null
larder init -d shop -q
sql shop "DELETE FROM backups.presets; INSERT INTO backups.presets (preset, tables, keep_days, every, in_database)
    VALUES ('nightly', '{public.*}', 1, '1 day', false)"

it "without an archive to compare with, and where nothing was lost, nothing is said"
expect_exit 0 larder export nightly -d shop --fail-on-shrink --json
expect_json '[.shrunk_since, .shrunk, .warnings] | tostring' '[null,[],[]]'
whole=$(jq -r .backup_name "$STDOUT")
sql shop "INSERT INTO orders SELECT i, 0 FROM generate_series(1, 200) i; DELETE FROM small; DELETE FROM items WHERE i > 200;
    UPDATE logs SET at = 2"
expect_exit 0 larder export nightly -d shop --fail-on-shrink --json
expect_json '.shrunk | length' 0
grown=$(jq -r .backup_name "$STDOUT")

it "tables that are empty, gone, or have lost more than half are warned of, in output, JSON, summary and status"
sql shop "TRUNCATE logs; DELETE FROM orders WHERE i > 500; DROP TABLE items"
expect_exit 0 larder export nightly -d shop
expect_stderr "warning: table logs has 0 rows, and in $grown it had 300"
expect_stderr "warning: table items is not in this archive, and $grown had 200 rows of it"
expect_unsaid "table orders"
expect_unsaid "table small"
expect_equal "the summary" "$grown 2" "$(jq -r '"\(.shrunk_since) \(.shrunk_tables)"' "$(newest_summary)")"
expect_exit 0 larder status --json
expect_json '.presets[0] | [.shrunk_since, .shrunk_tables, .state, .problems[0]] | map(tostring) | join(" ")' \
    "$grown 2 ok $(basename "$(newest_summary)" .json): 2 tables have lost many of the rows that $grown had"
shrunk=$(basename "$(newest_summary)" .json)
expect_exit 0 larder list --json
expect_json '.[] | [.backup_name, .good, .problems == [], .shrunk_since, .shrunk_tables] | map(tostring) | join(" ")' \
    "$whole true true null 0"$'\n'"$grown true true null 0"$'\n'"$shrunk true true $grown 2"
expect_exit 0 larder list
expect_stdout " look"
expect_stdout "$shrunk.tar: 2 tables have lost many of the rows that $grown had"
expect_equal "lines on the archives" 1 "$(grep -c '.tar: ' "$STDOUT")"
expect_exit 0 larder status --prometheus
expect_stdout 'larder_shrunk{source="shop",preset="nightly"} 1'
expect_exit 1 larder status --nagios
expect_stdout "LARDER WARNING"

it "with --fail-on-shrink the archive is there, nothing is pruned, and the exit code is 3"
stem=$LARDER_STORE/shop/nightly/$whole
mv "$stem.json" "$SCRATCH/whole.json"
touch "$stem.removing"
expect_exit 3 larder export nightly -d shop --fail-on-shrink --prune --keep-min 1 --json
expect_stderr "the archive is complete, but many rows are gone that $grown had"
expect_stderr "--accept-shrink"
expect_json '.shrunk | map("\(.table) \(.rows_before) \(.rows)") | sort | join(", ")' "items 200 null, logs 300 0"
expect_exit 0 larder verify "$(jq -r .archive "$STDOUT")"
expect_exit 0 larder export nightly -d shop --prune --keep-min 1
expect_equal "archives" 5 "$(find "$LARDER_STORE" -name '*.tar' | wc -l)"
mv "$SCRATCH/whole.json" "$stem.json"
rm "$stem.removing"

# An export that has nothing to compare with, and goes on with the alarm.
alarm_goes_on()
{
    expect_exit 3 larder export nightly -d shop --fail-on-shrink --prune --keep-min 1 --json
    expect_stderr "many of the rows that $grown had were gone before, and there is no good archive"
    expect_stderr "--accept-shrink"
    expect_json '[.shrunk_since, (.shrunk | length)] | tostring' "[\"$grown\",0]"
    expect_equal "the summary" "$grown 2" "$(jq -r '"\(.shrunk_since) \(.shrunk_tables)"' "$(newest_summary)")"
}

it "the alarm goes on where those that had not shrunk are not good, or cannot be read, for a night"
last=$LARDER_STORE/shop/nightly/$grown
mv "$stem.json" "$SCRATCH/whole.json"
mv "$last.json" "$SCRATCH/last.json"
alarm_goes_on
mv "$SCRATCH/last.json" "$last.json"
cp "$last.tar" "$SCRATCH/sound.tar"
printf 'x' | dd of="$last.tar" bs=1 seek=$(($(stat -c %s "$last.tar") - 1400)) conv=notrunc status=none
alarm_goes_on
cp "$SCRATCH/sound.tar" "$last.tar"
mv "$SCRATCH/whole.json" "$stem.json"
expect_exit 3 larder export nightly -d shop --fail-on-shrink
expect_stderr "table logs has 0 rows, and in $grown it had 300"

it "prune keeps the last one that had not shrunk, however old"
for json in "$LARDER_STORE"/shop/nightly/*[0-9].json; do
    made=$(jq .started_at "$json")
    sed -i "s/\"keep_until\": .*,/\"keep_until\": $made,/" "$json"
done
expect_exit 0 larder prune nightly --keep-min 1 --dry-run --json
expect_json ".archives[] | select(.backup_name == \"$grown\") | .reason | sub(\".*, \"; \"\")" \
    "but the last good one that has not shrunk"
expect_json ".archives[] | select(.backup_name == \"$whole\") | .remove" true

it "the alarm lasts until it is accepted, and then what is there is what is compared with"
mv "$stem.json" "$SCRATCH/whole.json"
touch "$stem.removing"
cp "$last.json" "$SCRATCH/last.json"
expect_exit 0 larder export nightly -d shop --accept-shrink --fail-on-shrink --prune --json
[ ! -e "$stem.tar" ] || fail "nothing was pruned"
expect_json '[.shrunk_since, .warnings] | tostring' '[null,[]]'
expect_exit 0 larder export nightly -d shop --fail-on-shrink --json
expect_exit 0 larder status

it "one that is dated in the future is not what the next one is compared with"
future=$LARDER_STORE/shop/nightly/nightly_29991231_000000
cp "$SCRATCH/sound.tar" "$future.tar"
(cd "${future%/*}" && sha256sum "${future##*/}.tar" >"$future.sha256")
jq --arg name "${future##*/}" --arg sum "$(cut -c 1-64 "$future.sha256")" --argjson bytes "$(stat -c %s "$future.tar")" \
    '. + {backup_name: $name, archive: ($name + ".tar"), started_at: "2999-12-31T00:00:00Z", created_at: "2999-12-31T00:00:00Z",
    keep_until: null, sha256: $sum, bytes: $bytes}' "$SCRATCH/last.json" >"$SCRATCH/json"
mv "$SCRATCH/json" "$future.json"
expect_exit 0 larder list --json
expect_json ".[] | select(.backup_name == \"${future##*/}\") | .good" true
expect_exit 0 larder export nightly -d shop --fail-on-shrink --json
expect_json '[.shrunk_since, .warnings] | tostring' '[null,[]]'
rm "$future".*

it "the share is the preset's, and it may be switched off"
sql shop "DELETE FROM orders WHERE i > 300; UPDATE backups.presets SET shrink_alarm = 20"
expect_exit 3 larder export nightly -d shop --fail-on-shrink -q
sql shop "UPDATE backups.presets SET shrink_alarm = 100"
expect_exit 0 larder export nightly -d shop --fail-on-shrink -q
sql shop "DELETE FROM orders; UPDATE backups.presets SET shrink_alarm = NULL"
expect_exit 0 larder export nightly -d shop --fail-on-shrink -q
sql shop "INSERT INTO orders SELECT i, 0 FROM generate_series(1, 500) i; ALTER TABLE backups.presets DROP COLUMN shrink_alarm"
expect_exit 0 larder export nightly -d shop -q
sql shop "DELETE FROM orders"
expect_exit 3 larder export nightly -d shop --fail-on-shrink -q
larder init -d shop -q

it "of an encrypted archive the database knows what each table had, else only the sum is compared"
export LARDER_STORE=$SCRATCH/secret
sql shop "INSERT INTO orders SELECT i, 0 FROM generate_series(1, 500) i"
larder keygen -o "$SCRATCH/key" -q >"$SCRATCH/recipient"
expect_exit 0 larder export nightly -d shop -q -r "$(cat "$SCRATCH/recipient")"
sql shop "DELETE FROM orders"
expect_exit 3 larder export nightly -d shop --fail-on-shrink --no-record -r "$(cat "$SCRATCH/recipient")"
expect_stderr "; of which tables is not known"
expect_equal "the summary" 0 "$(jq -r .shrunk_tables "$(newest_summary)")"
expect_exit 3 larder export nightly -d shop --fail-on-shrink -r "$(cat "$SCRATCH/recipient")"
expect_stderr "table orders has 0 rows"
! grep -q orders "$(newest_summary)" || fail "the summary of an encrypted archive names a table"

it "a list of tables, and a file, are compared with nothing; what cannot be read is a warning"
expect_exit 0 larder export -t orders -d shop --fail-on-shrink -q
expect_exit 0 larder export nightly -d shop --fail-on-shrink -o "$SCRATCH/file.tar" -q
export LARDER_STORE=$SCRATCH/store
expect_exit 0 larder export nightly -d shop --accept-shrink -q
last=$(newest_archive "$LARDER_STORE" nightly)
printf 'x' | dd of="$last" bs=1 seek=$(($(stat -c %s "$last") - 1400)) conv=notrunc status=none
expect_exit 0 larder export nightly -d shop --json
expect_stderr "warning: the rows are not compared with those of the last archive"
