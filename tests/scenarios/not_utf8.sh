#!/usr/bin/env bash
# Names that are no UTF-8, as a file's may be, keep nothing from being told, as JSON either.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

STORE=$SCRATCH/$'caf\xe9'
SHOWN=$SCRATCH/$'caf\xef\xbf\xbd'

server_start one
sample_database kitchai 200
larder init -d kitchai -q
export LARDER_SOURCE=dbname=kitchai

it "an export into a folder in Latin-1 says as JSON what it has written"
expect_exit 0 larder export weekly --store "$STORE" --json
expect_json .rows "$(jq .rows "$STORE"/kitchai/weekly/*.json)"
expect_json '.archive | rtrimstr("/" + (split("/") | last))' "$SHOWN/kitchai/weekly"
ARCHIVE=$(newest_archive "$STORE" weekly)

it "so do list, status, verify, prune, copy and drill"
expect_exit 0 larder list --store "$STORE" --json
expect_json '.[].archive | startswith("'"$SHOWN"'/kitchai")' true
expect_exit 7 larder status --store "$STORE" --json
expect_json .store "$SHOWN"
expect_json '.presets[] | select(.preset == "weekly") | .archive | startswith("'"$SHOWN"'")' true
expect_exit 0 larder verify "$ARCHIVE" --json
expect_json '.archive | startswith("'"$SHOWN"'")' true
expect_exit 0 larder prune -d kitchai --store "$STORE" --json
expect_json '.archives | length' 1
expect_exit 0 larder copy "$ARCHIVE" "$STORE-2" --json
expect_json '.copy | startswith("'"$SHOWN"'-2")' true
expect_exit 0 larder drill "$ARCHIVE" -d postgres --json
expect_json .agree true

it "an event that names it is told in the log, too"
expect_exit 2 larder verify "$STORE/missing.tar" --log-format json
expect_equal "the message" true "$(jq '.message | contains("/missing.tar")' "$STDERR")"

it "several archives give a list with as many proofs"
expect_exit 0 larder verify "$ARCHIVE" "$ARCHIVE" --json
expect_json length 2
