#!/usr/bin/env bash
# Every malformed or unusual file of the unit tests gets the exit code, the word and the bytes of its class from the program, too.
#
#   WRITE_REFUSALS=build/debug/tests/write_refusals age_refusals.sh    prints a line for each
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

cd "$SCRATCH"
umask 077
"${WRITE_REFUSALS:?is the program that writes them}" . >cases
declare -A code=([success]=0 ["no match"]=5 ["header failure"]=4 ["HMAC failure"]=4 ["payload failure"]=4 ["armor failure"]=4)

it "a refusal has the code and the word of its class, and no byte is written that is not authentic"
while IFS=$'\t' read -r name class what; do
    expect_exit "${code[$class]}" bash -c '"$LARDER" age decrypt -i key --passphrase-file passphrase <"$0.age" >opened' "$name"
    [ "$class" = success ] || expect_stderr "larder: $class: "
    cmp -s opened "$name.plain" || fail "what was written is not what is authentic in: $what"
    printf '  %-16s exit %d  %7d bytes  %s\n' "$class" "${code[$class]}" "$(stat -c %s opened)" "$what"
done <cases

it "there are at least 120 of them that are refused"
[ "$(grep -cvP '\tsuccess\t' cases)" -ge 120 ] || fail "there are only $(grep -cvP '\tsuccess\t' cases)"
