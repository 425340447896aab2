#!/usr/bin/env bash
# larder age and Debian's age open what the other has written, and larder says in the format's words why it refuses a file.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

cd "$SCRATCH"
(umask 077 && echo 'a phrase to remember' >phrase)
larder keygen -o ours.key >ours.recipient
age-keygen -o theirs.key 2>/dev/null
age-keygen -y theirs.key >theirs.recipient

# Runs age on a terminal of its own, which is where it asks for its passphrase.
age_by_phrase()
{
    expect -c 'set timeout 120
        spawn -noecho sh -c $env(COMMAND)
        expect {
            ": " { send "a phrase to remember\r"; exp_continue }
            eof
        }
        exit [lindex [wait] 3]' >/dev/null
}

# both_ways SIZE ARMOR: for a recipient
both_ways()
{
    larder age encrypt -r "$(cat ours.recipient)" -R theirs.recipient ${2:+"$2"} <"plain.$1" >larder.age
    age -d -i theirs.key larder.age | cmp - "plain.$1" || fail "age does not open what larder wrote: $*"
    larder age decrypt -i ours.key <larder.age | cmp - "plain.$1" || fail "larder does not open it: $*"
    age ${2:+-a} -R ours.recipient "plain.$1" >age.age
    larder age decrypt -i ours.key <age.age | cmp - "plain.$1" || fail "larder does not open what age wrote: $*"
}

# The same for a passphrase; in a folder of its own, so that two can run at once.
both_ways_by_phrase()
{
    local folder=phrase.$1$2

    mkdir "$folder"
    larder age encrypt --passphrase-file phrase ${2:+"$2"} <"plain.$1" >"$folder/larder.age"
    COMMAND="age -d $folder/larder.age >$folder/opened" age_by_phrase
    cmp "$folder/opened" "plain.$1" || fail "age does not open what larder wrote: $*"
    COMMAND="age -p ${2:+-a} plain.$1 >$folder/age.age" age_by_phrase
    larder age decrypt --passphrase-file phrase <"$folder/age.age" | cmp - "plain.$1" || fail "larder does not open what age wrote: $*"
    rm -r "$folder"
}

for size in 0 1 65535 65536 65537 1048576 104857600; do
    # Bytes that do not repeat by chunks.
    seq -w 0 99999999 | head -c "$size" >"plain.$size" || true
    expect_equal "the size" "$size" "$(stat -c %s "plain.$size")"
    it "$size bytes go both ways with age, for recipients, plain and armored"
    both_ways "$size" ''
    both_ways "$size" --armor
done

# A passphrase is for the header, which is the same for any size, and takes a second each time.
for size in 0 1048576; do
    it "$size bytes go both ways with age, for a passphrase, plain and armored"
    both_ways_by_phrase "$size" '' &
    plain=$!
    both_ways_by_phrase "$size" --armor
    wait "$plain"
done

# refused CODE CLASS SIZE: the file "bad" is refused so, and of its content the first SIZE bytes are written.
refused()
{
    local status=0

    larder age decrypt -i ours.key <bad >"$STDOUT" 2>"$STDERR" || status=$?
    LAST="larder age decrypt -i ours.key <bad"
    expect_equal "the exit status" "$1" "$status"
    expect_stderr "larder: $2: "
    expect_equal "the bytes written" "$3" "$(stat -c %s "$STDOUT")"
    head -c "$3" plain.1048576 | cmp - "$STDOUT" || fail "what was written is not what was encrypted"
}

it "a refusal has the code and the word of its class, and what was authentic has been written"
larder age encrypt -R ours.recipient <plain.1048576 >good
larder age encrypt -R ours.recipient --armor <plain.1048576 >good.armored
larder age encrypt -R theirs.recipient <plain.1048576 >bad
refused 5 "no match" 0
: >bad
refused 4 "header failure" 0
sed '1s/v1/v2/' good >bad
refused 4 "header failure" 0
sed '2s/^-> X25519/-> X25519 more/' good >bad
refused 4 "header failure" 0
awk -v RS='\n' -v ORS='\n' 'NR == 4 { print "-> grease\n" } { print }' good >bad
refused 4 "HMAC failure" 0
head -c 300000 good >bad
refused 4 "payload failure" $((4 * 65536))
cp good bad
printf x >>bad
refused 4 "payload failure" 1048576
sed '2s/./*/' good.armored >bad
refused 4 "armor failure" 0
head -c 500000 good.armored >bad
status=0
larder age decrypt -i ours.key <bad >"$STDOUT" 2>"$STDERR" || status=$?
expect_equal "the exit status" 4 "$status"
expect_stderr "armor failure: "
cmp -n "$(stat -c %s "$STDOUT")" "$STDOUT" plain.1048576 || fail "what was written is not what was encrypted"
[ "$(stat -c %s "$STDOUT")" -gt 300000 ] || fail "what was authentic was not written"

it "wrong usage is told, and nothing is written"
expect_exit 2 larder age
expect_exit 2 larder age encrypt
expect_exit 2 larder age decrypt -r "$(cat ours.recipient)"
expect_exit 2 larder age encrypt -i ours.key
expect_exit 2 larder age encrypt -R ours.recipient --passphrase-file phrase
expect_exit 2 larder age encrypt -r "$(grep AGE-SECRET ours.key)"
expect_unsaid AGE-SECRET

it "a reader that goes away is a failure, and so is a full disk"
# shellcheck disable=SC2016
expect_exit 0 bash -c '"$LARDER" age encrypt -R ours.recipient <plain.104857600 2>said | head -c 10 >/dev/null; [ "${PIPESTATUS[0]}" = 1 ]'
expect_exit 1 bash -c '"$LARDER" age encrypt -R ours.recipient <plain.1048576 >/dev/full'
