#!/usr/bin/env bash
# Whatever a store answers, and to whichever request: a good archive, or a clean failure. Nothing is listed as good that does
# not verify, and no upload is left over after the next run.
#
# LARDER_TEST_FAULTS=all tries every fault at every request, and with names of faults these; else each request meets with
# one of them, under the sanitizers each third.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"
source "$(dirname "$0")/../support/s3_store.bash"

STORE=s3://larder
FIRST_PART='^PUT .*partNumber=1&'
FAULTS=(500:InternalError 503:SlowDown 403:AccessDenied reset cut stall 200:InternalError etag body)
SHARE=9
! is_sanitized || SHARE=27
export LARDER_STORE_TIMEOUT=3 # a slow machine's store takes longer than one

server_start one
new_database small
# Two parts, and one object beside them that is no part.
sql small "CREATE TABLE noise AS SELECT i, (SELECT string_agg(sha512((i * 16 + j)::text::bytea), '') FROM generate_series(1, 16) AS j) AS bytes
    FROM generate_series(1, 9 * 1024) AS i"
s3_store_start

export_it()
{
    larder export -t noise -d small --store "$STORE" --no-record -q
}

good_ones()
{
    larder list --store "$STORE" --json | jq -r '.[] | select(.good) | .archive'
}

remove_all()
{
    local key

    while read -r key; do
        s3_request DELETE "larder/$key"
    done < <(s3_keys '')
}

# All but the archives.
remove_beside()
{
    local key

    while read -r key; do
        s3_request DELETE "larder/$key"
    done < <(s3_keys '' | grep -v '[.]tar$')
}

# meet FAULT NUMBER   an export whose request of this number meets with the fault; its exit code
meet()
{
    local status=0 good

    s3_proxy_start "$1" "$2"
    export_it >"$STDOUT" 2>"$STDERR" || status=$?
    s3_proxy_stop
    LAST="an export whose request $2 meets with $1: $(sed -n "s/^$2 //p" "$S3_LOG")"
    good=$(good_ones)
    case $status in
        0)
            [ -n "$good" ] || fail "success, and nothing is listed as good"
            larder verify "$good" -q >/dev/null 2>"$STDERR" || fail "what is listed as good does not verify"
            ;;
        1)
            [ -s "$STDERR" ] || fail "a failure without a message"
            expect_equal "what is listed as good after a failure" '' "$good"
            ;;
        *) fail "exit $status" ;;
    esac
    MET=$status
    remove_all
}

# is_tried FAULT_INDEX NUMBER
is_tried()
{
    case ${LARDER_TEST_FAULTS:-} in
        all) true ;;
        '') [ $((($2 * 4 + $1) % SHARE)) = 0 ] ;;
        *) [[ " $LARDER_TEST_FAULTS " == *" ${FAULTS[$1]} "* ]] ;;
    esac
}

it "each request of an export meets with each fault: a good archive or a clean failure"
s3_proxy_start none
expect_exit 0 export_it
requests=$(grep -c '^[0-9]' "$S3_LOG")
s3_proxy_stop
remove_all
declare -A good=() bad=()
runs=0
for ((number = 1; number <= requests; number++)); do
    for i in "${!FAULTS[@]}"; do
        is_tried "$i" "$number" || continue
        fault=${FAULTS[i]}
        meet "$fault" "$number"
        runs=$((runs + 1))
        if [ "$MET" = 0 ]; then good[$fault]=$((${good[$fault]:-0} + 1)); else bad[$fault]=$((${bad[$fault]:-0} + 1)); fi
    done
done
echo "  $requests requests, $runs runs; good archives and clean failures:"
for fault in "${FAULTS[@]}"; do
    echo "    $fault: ${good[$fault]:-0} and ${bad[$fault]:-0}"
done
for fault in 500:InternalError 503:SlowDown reset cut; do
    expect_equal "failures by $fault, which one more try helps" 0 "${bad[$fault]:-0}"
done

it "a store that refuses everything from some moment on leaves an upload, which the next run ends"
s3_proxy_start 403:AccessDenied "$FIRST_PART" 0
expect_exit 1 export_it
s3_proxy_stop
expect_equal "uploads that are not ended" 1 "$(s3_uploads)"
s3_request POST 'larder/other/adhoc/adhoc_20260101_000000.tar?uploads=' -o "$SCRATCH/other"
s3_request POST 'larder/small/adhoc/notes.tar?uploads=' -o "$SCRATCH/other"
expect_exit 0 export_it
expect_equal "uploads, of which two are none of ours" 2 "$(s3_uploads)"
remove_all

it "a run that is killed while it uploads leaves an upload, which the next run ends"
s3_proxy_start stall "$FIRST_PART" 0
env LARDER_STORE_TIMEOUT=60 "$LARDER" export -t noise -d small --store "$STORE" --no-record -q &
run=$!
wait_until grep -q 'partNumber=' "$S3_LOG"
kill -KILL "$run"
wait "$run" 2>/dev/null || true
s3_proxy_stop
expect_equal "uploads" 3 "$(s3_uploads)"
expect_exit 0 export_it
expect_equal "uploads, of which two are none of ours" 2 "$(s3_uploads)"
remove_all

it "SIGINT is answered at once while the store says nothing, and the upload is ended"
s3_proxy_start stall "$FIRST_PART" 2
env --default-signal=INT LARDER_STORE_TIMEOUT=600 "$LARDER" export -t noise -d small --store "$STORE" --no-record -q >"$STDOUT" 2>"$STDERR" &
run=$!
wait_until grep -q 'partNumber=2' "$S3_LOG"
kill -INT "$run"
status=0
wait "$run" || status=$?
s3_proxy_stop
expect_equal "the exit code" 130 "$status"
expect_equal "uploads, of which two are none of ours" 2 "$(s3_uploads)"
expect_exit 0 export_it
remove_all
uploads=$(s3_uploads)

# stop_at FAULT REQUEST   an export that gets SIGTERM while it waits for the answer to the request of this pattern, which
# meets with the fault; its exit code is in STOPPED
stop_at()
{
    local run

    STOPPED=0
    s3_proxy_start "$1" "$2"
    env LARDER_STORE_TIMEOUT=4 "$LARDER" export -t noise -d small --store "$STORE" --no-record -q >"$STDOUT" 2>"$STDERR" &
    run=$!
    wait_until grep -Eq "^[0-9]+ $2" "$S3_LOG"
    sleep 0.5
    kill -TERM "$run"
    wait "$run" || STOPPED=$?
    s3_proxy_stop
    LAST="an export that is stopped while $2 meets with $1"
    expect_equal "the uploads" "$uploads" "$(s3_uploads)"
}

# leaves_nothing FAULT REQUEST
leaves_nothing()
{
    stop_at "$@"
    expect_equal "the exit code" 143 "$STOPPED"
    expect_equal "the keys" '' "$(s3_keys)"
}

it "SIGTERM while the store's answer is awaited leaves no object and no upload, whether the answer comes late or never"
for request in 'POST .*[.]tar[?]uploads=' 'POST .*[.]tar[?]uploadId=' 'PUT .*[.]sha256'; do
    leaves_nothing late "$request"
done
for request in 'POST .*[.]tar[?]uploadId=' 'PUT .*[.]sha256' 'PUT .*[.]json'; do
    leaves_nothing stall "$request"
done

it "SIGTERM while the store does not answer a removal ends by its code"
expect_exit 0 export_it
name=$(basename "$(good_ones)" .tar)
expect_exit 0 larder hold "$name" --store "$STORE"
s3_proxy_start stall '^DELETE .*[.]hold$' 0
begin release "$name" --store "$STORE"
wait_until grep -q ' DELETE ' "$S3_LOG"
kill -TERM "$PID"
expect_end 143
expect_equal "the message" "larder: terminated" "$(<"$STDERR")"
s3_proxy_stop
remove_all

it "an upload that says not when it was begun is not ended by who has no lock"
expect_exit 0 larder export -t noise -d small --store "$SCRATCH/undated" --no-record -q
s3_request POST 'larder/small/adhoc/adhoc_20260101_000000.tar?uploads=' -o "$SCRATCH/other"
uploads=$(s3_uploads)
s3_proxy_start undated 1 0
expect_exit 0 larder copy "$(newest_archive "$SCRATCH/undated")" "$STORE" -q
s3_proxy_stop
expect_equal "the uploads" "$uploads" "$(s3_uploads)"
expect_exit 0 export_it
uploads=$(s3_uploads)
expect_equal "uploads, of which two are none of ours" 2 "$uploads"
remove_all

it "SIGTERM while the answer to the last request is awaited comes too late: the archive is good"
stop_at late 'PUT .*[.]json'
expect_equal "the exit code" 0 "$STOPPED"
expect_exit 0 larder verify "$(good_ones)" -q
remove_all

it "an archive that cannot be read, and has nothing beside it, stops a copy, which says what would help"
expect_exit 0 larder export -t noise -d small --store "$SCRATCH/local" --no-record -q
archive=$(newest_archive "$SCRATCH/local")
expect_exit 0 larder copy "$archive" "$STORE" -q
remove_beside
s3_proxy_start 409:BrokenMPU '^GET .*[.]tar$'
expect_exit 1 larder copy "$archive" "$STORE"
expect_stderr "exists already, and is never overwritten"
expect_stderr "remove it with the store's own tools"
s3_proxy_stop
expect_exit 0 larder copy "$archive" "$STORE" -q
expect_equal "what is good" "$STORE/${archive#"$SCRATCH/local/"}" "$(good_ones)"
remove_all

it "what does not get better is told with the reason, and how often it was tried"
s3_proxy_start 503:SlowDown 1 0
expect_exit 1 export_it
expect_stderr "the store answered 503, SlowDown"
expect_stderr "tried 8 times"
s3_proxy_stop
