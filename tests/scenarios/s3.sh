#!/usr/bin/env bash
# A store that speaks S3: what is written arrives whole, what is read is no more than is needed, and who may not is told why.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"
source "$TESTS/support/s3_store.bash"

STORE=s3://larder/off-host
ADHOC=off-host/kitchai/adhoc

server_start one
sample_database kitchai
larder init -q -d kitchai
# Bytes that zstd cannot make fewer, so that the archive is sent in several parts.
sql kitchai "CREATE TABLE noise AS SELECT i, (SELECT string_agg(sha512((i * 16 + j)::text::bytea), '') FROM generate_series(1, 16) AS j) AS bytes
    FROM generate_series(1, 1024 * 20) AS i"
s3_store_start

it "an export goes into a bucket in parts, and its summary is found there without a database"
expect_exit 0 larder export -t 'public.*' -d kitchai --store "$STORE" --json
archive=$(jq -r .archive "$STDOUT")
expect_json '.archive | test("^s3://larder/off-host/kitchai/adhoc/adhoc_[0-9]{8}_[0-9]{6}[.]tar$")' true
expect_json '.bytes > 20000000' true
expect_json .recorded true
name=$(basename "$archive" .tar)
expect_equal "the keys" "$(printf '%s\n' "$ADHOC/$name".{json,sha256,tar})" "$(s3_keys)"
expect_equal "uploads that are not ended" 0 "$(s3_uploads)"
expect_exit 0 larder list --store "$STORE" --json
expect_json '.[] | [.archive, .good] | join(" ")' "$archive true"

it "what lies there is what was sent: curl reads it, and sha256sum agrees"
(
    cd "$SCRATCH"
    s3_request GET "larder/$ADHOC/$name.tar" -o "$name.tar"
    s3_request GET "larder/$ADHOC/$name.sha256" | sha256sum -c --quiet
)

it "verify and restore read it by its URL, and by its name"
expect_exit 0 larder verify "$archive" -q
expect_exit 0 larder verify "$name" --store "$STORE" -q
new_database fresh
expect_exit 0 larder restore "$archive" -d fresh --create-roles --externals stub -q
expect_query fresh "SELECT count(*) FROM noise" 20480

it "a backup is held and released, and an object that is not there is no failure to remove"
expect_exit 0 larder hold "$name" --store "$STORE"
expect_equal "the hold" "$ADHOC/$name.hold" "$(s3_keys "$ADHOC/" | grep hold)"
expect_exit 0 larder release "$name" --store "$STORE"
expect_equal "the keys" "$(printf '%s\n' "$ADHOC/$name".{checked.json,json,sha256,tar})" "$(s3_keys)"
