#!/usr/bin/env bash
# A store that speaks S3: what is written arrives whole, what is read is no more than is needed, and who may not is told why.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"
source "$(dirname "$0")/../support/s3_store.bash"

STORE=s3://larder/off-host
ADHOC=off-host/kitchai/adhoc

server_start one
sample_database kitchai
larder init -q -d kitchai
# Bytes that zstd cannot make fewer, so that the archive is sent in several parts.
sql kitchai "CREATE TABLE noise AS SELECT i, (SELECT string_agg(sha512((i * 16 + j)::text::bytea), '') FROM generate_series(1, 16) AS j) AS bytes
    FROM generate_series(1, 1024 * 10) AS i"
s3_store_start

it "an export goes into a bucket in parts, and its summary is found there without a database"
expect_exit 0 larder export -t 'public.*' -d kitchai --store "$STORE" --json
archive=$(jq -r .archive "$STDOUT")
expect_json '.archive | test("^s3://larder/off-host/kitchai/adhoc/adhoc_[0-9]{8}_[0-9]{6}[.]tar$")' true
expect_json '.bytes > 10000000' true
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
expect_query fresh "SELECT count(*) FROM noise" 10240

it "a backup is held and released, and an object that is not there is no failure to remove"
expect_exit 0 larder hold "$name" --store "$STORE"
expect_equal "the hold" "$ADHOC/$name.hold" "$(s3_keys "$ADHOC/" | grep hold)"
expect_exit 0 larder release "$name" --store "$STORE"
expect_equal "the keys" "$(printf '%s\n' "$ADHOC/$name".{checked.json,json,sha256,tar})" "$(s3_keys)"

it "one table of a large archive, and a list, read little of it"
s3_proxy_start none
new_database one_table
expect_exit 0 larder restore "$archive" -d one_table -t user_stock --create-roles --externals stub -q
ranges=$(grep -c '^[0-9]* GET .*[.]tar$' "$S3_LOG")
[ "$ranges" -le 12 ] || fail "$ranges ranges were read for one small table"
expect_exit 0 larder list --store "$STORE"
expect_equal "ranges of the archive that are read to list it" "$ranges" "$(grep -c '^[0-9]* GET .*[.]tar$' "$S3_LOG")"

it "keys of any name are signed right: spaces, plus signs, per cents, unicode"
PREFIXES=('a b+c%20é' "quote's/日本" 'a b' 'a+b' 'a%20b' '100%' 'a&b=c' 'tilde~.-_')
for prefix in "${PREFIXES[@]:0:$(thinned 8)}"; do
    expect_exit 0 larder export -t user_stock -d kitchai --store "s3://larder/odd/$prefix" --source-name "S $prefix" --no-record --json
    odd=$(jq -r .archive "$STDOUT")
    expect_exit 0 larder verify "$odd" -q
    expect_exit 0 larder list --store "s3://larder/odd/$prefix" --json
    expect_json '.[] | select(.good) | .archive' "$odd"
    encoded=$(jq -rn --arg key "${odd#s3://}" '$key | @uri | gsub("%2F"; "/") | gsub("\u0027"; "%27")')
    expect_equal "the answer to a request of curl's for $encoded" 200 \
        "$(s3_request GET "$encoded" -o /dev/null -w '%{http_code}')"
done

it "a wrong secret, a wrong key, no keys and no bucket are told apart, and no secret is shown"
(
    export AWS_SECRET_ACCESS_KEY=wrong-secret
    expect_exit 2 larder list --store "$STORE"
    expect_stderr SignatureDoesNotMatch
    expect_stderr "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    expect_unsaid wrong-secret
    expect_exit 2 larder export -t user_stock -d kitchai --store "$STORE" -q
    unset AWS_SECRET_ACCESS_KEY
    expect_exit 2 larder list --store "$STORE"
    expect_stderr "AWS_SECRET_ACCESS_KEY is not"
    unset AWS_ACCESS_KEY_ID
    expect_exit 2 larder list --store "$STORE"
    expect_stderr "there are no keys for the store"
)
expect_exit 2 larder list --store s3://no-such-bucket
expect_stderr NoSuchBucket
expect_exit 2 larder list --store s3:///x
expect_stderr "names no bucket"
for short in s3://larder/a.tar s3://larder/a/b.tar; do
    expect_exit 2 larder verify "$short"
    expect_stderr "\"$short\" is not the URL of an archive"
done

it "keys, region and endpoint come from a profile, too"
(
    mkdir -p "$HOME/.aws"
    printf '[default]\naws_access_key_id = no\naws_secret_access_key = no\n[night]\naws_access_key_id = test:tester\naws_secret_access_key = testing\n' \
        >"$HOME/.aws/credentials"
    printf '[profile night]\nregion = us-east-1\nendpoint_url = %s\n' "$AWS_ENDPOINT_URL" >"$HOME/.aws/config"
    unset "${!AWS_@}"
    export AWS_PROFILE=night
    expect_exit 0 larder list --store "$STORE"
    AWS_REGION=eu-central-1 expect_exit 2 larder list --store "$STORE"
    expect_stderr "set AWS_REGION"
    AWS_PROFILE=day expect_exit 2 larder list --store "$STORE"
    expect_stderr 'no AWS profile "day"'
    rm -r "$HOME/.aws"
)

it "an expired session and a clock that is wrong are told, with what helps"
s3_proxy_start 400:ExpiredToken 1 0
expect_exit 2 env AWS_SESSION_TOKEN=session-token "$LARDER" list --store "$STORE"
expect_stderr "AWS_SESSION_TOKEN has ended"
expect_unsaid session-token
grep -q 'x-amz-security-token: session-token' "$S3_LOG" || fail "the session's token was not sent"
s3_proxy_start 403:RequestTimeTooSkewed 1 0
expect_exit 1 larder list --store "$STORE"
expect_stderr "The clock of this machine"

it "a request that took too long for the store is tried again, and who may not is told where to look, also by an answer without a body"
s3_proxy_start 408:Timeout 1
expect_exit 0 larder list --store "$STORE"
s3_proxy_start 403:AccessDenied '^HEAD ' 0
expect_exit 1 larder copy "$archive" "$STORE/refused"
expect_stderr "docs/stores.md lists what each command needs"

it "an answer that is another range than was asked for, or says of none that it is, is not taken for the object"
for fault in range norange; do
    s3_proxy_start "$fault" 1 0
    expect_exit 1 env LARDER_STORE_TIMEOUT=3 "$LARDER" verify "$archive"
    expect_stderr "tried 8 times"
    s3_proxy_start "$fault" 3
    expect_exit 0 larder verify "$archive" -q
done
s3_proxy_stop
expect_exit 0 larder list --store "$STORE" --json
expect_json '.[] | select(.good | not) | .archive' ''

it "a header that begins as an answer does, and says nothing, is passed over"
s3_proxy_start header 1 0
expect_exit 0 larder verify "$archive" -q
s3_proxy_stop

# read_late FAULT [ARGUMENT...]   the archive's reading meets with a fault when it has begun; larder's exit code is LATE
read_late()
{
    local fault=$1

    shift
    s3_proxy_start "$fault" 5 0
    LATE=0
    "$LARDER" "$@" >"$STDOUT" 2>"$STDERR" || LATE=$?
    LAST="larder $*, which meets with $fault"
}

it "an archive that is removed or changed while it is read, and keys that end then, are no wrong usage"
new_database late
for command in "verify $archive" "restore $archive -d late --create-roles --externals stub" "copy $archive $SCRATCH/late"; do
    read -ra arguments <<<"$command"
    read_late 404:NoSuchKey "${arguments[@]}"
    expect_equal "the exit code" 1 "$LATE"
    expect_stderr "was removed while it was read"
    read_late 400:ExpiredToken "${arguments[@]}"
    expect_equal "the exit code" 1 "$LATE"
    expect_stderr "AWS_SESSION_TOKEN has ended"
    read_late etag "${arguments[@]}"
    expect_equal "the exit code" 4 "$LATE"
    expect_stderr "has changed while it was read"
done
s3_proxy_stop
expect_equal "what was copied" '' "$(find "$SCRATCH/late" -type f ! -name .larder.lock)"
expect_query late "SELECT count(*) FROM pg_class WHERE relname = 'noise'" 0

it "keys that end while an archive is sent, read back there or made known are no wrong usage, either"
for request in '^PUT .*partNumber=2&' '^GET .*/ended.*[.]tar$' '^PUT .*[.]sha256$' '^PUT .*[.]json$'; do
    s3_proxy_start 400:ExpiredToken "$request"
    expect_exit 1 larder copy "$archive" "$STORE/ended"
    expect_stderr "AWS_SESSION_TOKEN has ended"
done
s3_proxy_start 400:ExpiredToken '^PUT .*[.]tar$'
expect_exit 1 larder export -t user_stock -d kitchai --store "$STORE/ended" --no-record
s3_proxy_start 400:ExpiredToken 2
expect_exit 1 larder list --store "$STORE"
s3_proxy_stop
expect_equal "the keys" '' "$(s3_keys off-host/ended)"

it "a list that goes round in a circle is given up"
s3_proxy_start circle 1 0
expect_exit 1 timeout 60 "$LARDER" list --store "$STORE"
expect_stderr "the store does not say how to go on"
s3_proxy_stop

it "a body that is changed on the way is refused, each time, and nothing is published"
before=$(s3_keys)
s3_proxy_start body '^PUT .*partNumber=1&' 0
expect_exit 1 env LARDER_STORE_TIMEOUT=3 "$LARDER" export -t noise -d kitchai --store "$STORE" --no-record -q
expect_stderr "tried 8 times"
s3_proxy_stop
expect_equal "the keys" "$before" "$(s3_keys)"
expect_equal "uploads" 0 "$(s3_uploads)"

it "what is written may not be there: the condition is sent, and heeded where the server refuses"
s3_proxy_start none
expect_exit 0 larder export -t noise -d kitchai --store "$STORE" --no-record -q
grep -A 9 '^[0-9]* POST .*[.]tar?uploadId=' "$S3_LOG" | grep -qi 'if-none-match: \*' || fail "no condition with the archive"
grep -A 9 '^[0-9]* PUT .*[.]sha256' "$S3_LOG" | grep -qi 'if-none-match: \*' || fail "no condition with the digest"
s3_proxy_start 412:PreconditionFailed '^POST .*[.]tar[?]uploadId='
expect_exit 1 larder export -t noise -d kitchai --store "$STORE" --no-record -q
expect_stderr "exists already, and is never overwritten"
s3_proxy_stop
expect_equal "uploads" 0 "$(s3_uploads)"

# How many objects were written with the end of a lock, and how many without.
locked_objects()
{
    awk -v header="x-amz-object-lock-retain-until-date: $1" '
        /^[0-9]/ { path = $3; part = sub(/[?]partNumber=.*/, "", path); sub(/[?].*/, "", path); writes = $2 ~ /^(PUT|POST)$/ && !part }
        writes { written[path] } index($0, header) { locked[path] }
        END { print length(locked), length(written) - length(locked) }' "$S3_LOG"
}

it "with lock = yes every object of an archive carries the end of its lock, whether sent in parts or whole"
printf '[store]\nurl = %s\nlock = yes\n' "$STORE" >"$SCRATCH/larder.conf"
chmod 600 "$SCRATCH/larder.conf"
export LARDER_CONFIG=$SCRATCH/larder.conf
sql kitchai "UPDATE backups.presets SET tables = tables || '{noise}' WHERE preset = 'daily'"
s3_proxy_start none
expect_exit 0 larder export daily -d kitchai --no-record --json
daily=$(jq -r .archive "$STDOUT")
kept=$(s3_request GET "$(sed 's|^s3://||; s|tar$|json|' <<<"$daily")" | jq -r .keep_until)
until=$(date -u -d "$kept" +%Y-%m-%dT%H:%M:%SZ)
grep -q '[.]tar?uploads=' "$S3_LOG" || fail "the archive was not sent in parts"
expect_equal "the objects that are locked until $until, and others" '3 0' "$(locked_objects "$until")"
expect_equal "the modes of their locks" 'x-amz-object-lock-mode: COMPLIANCE' "$(grep -o 'x-amz-object-lock-mode:.*' "$S3_LOG" | sort -u)"

it "a copy to that store is locked as long as the archive is, and one to another store is not"
s3_proxy_start none
expect_exit 0 larder copy "$daily" "$STORE/second" -q
expect_equal "the objects that are locked until $until, and others" '3 0' "$(locked_objects "$until")"
s3_proxy_start none
expect_exit 0 larder copy "$daily" "${STORE}2" -q
expect_equal "the objects that are locked, and others" '0 3' "$(locked_objects '')"
expect_exit 0 larder copy "$archive" "$STORE/second"
expect_stderr "the copy is not locked in the store, since nothing says how long it is kept"
printf '[store]\nurl = %s\nlock = yes\n' "$SCRATCH/folder" >"$SCRATCH/larder.conf"
expect_exit 2 larder copy "$daily" "$SCRATCH/folder"
expect_stderr "cannot lock objects until a date"
unset LARDER_CONFIG

it "what is locked is not removed, and it is told until when"
expect_exit 0 larder hold "$name" --store "$STORE"
s3_proxy_start lock 1 0
expect_exit 1 larder release "$name" --store "$STORE"
expect_stderr "is locked until 2999-01-01T00:00:00Z"
s3_proxy_stop
expect_exit 0 larder release "$name" --store "$STORE"
