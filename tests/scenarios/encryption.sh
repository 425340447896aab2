#!/usr/bin/env bash
# Archives are encrypted while they are written, and opened again by the keys that fit and by no others.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

cd "$SCRATCH"
server_start one
sample_database kitchai 2000
larder init -d kitchai -q
for who in operator escrow stranger; do
    larder keygen -o $who.key >$who.recipient
done
OPERATOR=$(cat operator.recipient)
(umask 077 && echo 'a phrase to remember' >phrase && echo 'another one' >wrong)

# The one archive of the store, encrypted.
archive_in()
{
    find "$1" -name '*.tar.age'
}

it "an identity is a file for its owner alone, in age-keygen's format, and is never written over"
expect_equal "the mode" 600 "$(stat -c %a operator.key)"
expect_equal "the recipient" "$OPERATOR" "$(age-keygen -y operator.key)"
expect_exit 2 larder keygen -o operator.key
expect_stderr '"operator.key" exists already'
expect_exit 0 larder keygen
expect_stdout 'AGE-SECRET-KEY-1'
expect_equal "the recipient" "$(age-keygen -y "$STDOUT")" "$(sed -n 's/# public key: //p' "$STDOUT")"

# synced FILE   its path, where the program that has just been traced has synced it
synced()
{
    grep -o "<$(realpath "$1")>.* = 0$" trace | sed 's/^<\(.*\)>.*/\1/'
}

it "an identity, and the folder that it is new in, are durable before archives are encrypted to it"
mkdir keys
traced=(env "ASAN_OPTIONS=detect_leaks=0:$ASAN_OPTIONS" strace -f -qq -y -e trace=fsync -o trace "$LARDER")
expect_exit 0 "${traced[@]}" keygen -o keys/new.key
expect_equal "the file" "$SCRATCH/keys/new.key" "$(synced keys/new.key)"
expect_equal "the folder" "$SCRATCH/keys" "$(synced keys)"
expect_exit 0 "${traced[@]}" keygen
expect_equal "the file that standard output is" "$STDOUT" "$(synced "$STDOUT")"

it "an archive on a standard output that is a file is durable, too"
expect_exit 0 "${traced[@]}" export -t profiles -d kitchai -o - --no-record -r "$OPERATOR"
expect_equal "the file that standard output is" "$STDOUT" "$(synced "$STDOUT")"

it "an export to two recipients is told as encrypted, and its summary names no table"
expect_exit 0 larder export daily -d kitchai --store store -r "$OPERATOR" -R escrow.recipient --json
expect_json .encrypted true
archive=$(archive_in store)
stem=${archive%.tar.age}
expect_files store "$(printf '%s\n' kitchai/daily/.larder.lock "${stem#store/}".{json,sha256,tar.age})"
expect_equal "encrypted" true "$(jq .encrypted "$stem.json")"
! grep -qE 'profiles|user_|recipe_' "$stem.json" || fail "the summary names tables"
! grep -qaE 'profiles|RECOVERY|ustar' "$archive" || fail "the archive can be read"
expect_query kitchai "SELECT encrypted FROM backups.archives" t
(cd "$(dirname "$archive")" && expect_exit 0 sha256sum -c "$(basename "$stem").sha256")

it "a file that is encrypted and not named so is warned of, with what says whom it is encrypted to"
printf '[encryption]\nrecipients_file = escrow.recipient\n' >larder.conf
expect_exit 0 larder export -t profiles -d kitchai -o named.tar --no-record --config larder.conf
expect_stderr '"named.tar" is encrypted, as "larder.conf" says: a name that ends in .age would tell'
expect_exit 0 larder export -t profiles -d kitchai -o option.tar --no-record -r "$OPERATOR"
expect_stderr '"option.tar" is encrypted: a name'
expect_exit 0 larder export -t profiles -d kitchai -o well_named.tar.age --no-record --config larder.conf
expect_equal "what was said" '' "$(cat "$STDERR")"

it "nothing but the archive and what lies beside it is written to a disk"
expect_exit 0 env "ASAN_OPTIONS=detect_leaks=0:$ASAN_OPTIONS" strace -f -qq -e trace=openat,open,creat,memfd_create -o trace "$LARDER" export weekly -d kitchai --store store2 -r "$OPERATOR" -q
expect_equal "what was written" "$(printf '%s\n' json sha256 tar.age)" \
    "$(grep -E 'O_WRONLY|O_RDWR' trace | grep -oE '"[^"]*"' | grep -vE '/dev/|larder.lock' | grep -oE '(json|sha256|tar\.age|[^.]*)-[A-Za-z0-9]{6}"$' | sed 's/-.*//' | sort -u)"
expect_equal "files opened to be written elsewhere" '' \
    "$(grep -E 'O_WRONLY|O_RDWR' trace | grep -vE '/dev/|store2/|ENOENT|/proc/|\.gcda"' || true)"

it "an export in the clear warns, and is made, where the preset's newest complete archive in that store is encrypted"
cp -r store mixed
touch mixed/kitchai/daily/daily_20990101_000000.tar # of which nothing tells that it is complete
expect_exit 0 larder export weekly -d kitchai --store mixed -q
expect_unsaid "not encrypted"
expect_exit 0 larder export daily -d kitchai -o clear.tar -q
expect_unsaid "not encrypted"
expect_exit 0 larder export daily -d kitchai --store mixed -r "$OPERATOR" -q
expect_unsaid "not encrypted"
newest=$(find mixed/kitchai/daily -name '*.tar.age' -printf '%f\n' | sort | tail -n 1)
expect_exit 0 larder export daily -d kitchai --store mixed --json
expect_stderr "warning: this archive is not encrypted, and the newest one in the store, $newest, is"
expect_json '[.encrypted, (.warnings | length)] | map(tostring) | join(" ")' "false 1"
expect_exit 0 larder export daily -d kitchai --store mixed -q
expect_unsaid "not encrypted"

it "a copy in the clear warns, and is made, where the preset's newest complete archive in that store is encrypted"
clear=$(find mixed/kitchai/daily -name '*.tar' ! -name '*_2099*' | sort | head -n 1)
expect_exit 0 larder copy "$clear" second -q
expect_unsaid "not encrypted"
rm -r second
expect_exit 0 larder copy "mixed/kitchai/daily/$newest" second -q
expect_unsaid "not encrypted"
expect_exit 0 larder copy "$(find mixed/kitchai/weekly -name '*.tar')" second -q
expect_unsaid "not encrypted"
expect_exit 0 larder copy "$clear" second -q
expect_stderr "warning: the copy is not encrypted, and the newest archive of its preset there, $newest, is"
rm -r second

it "list and verify --quick need no key"
expect_exit 0 larder list --store store --json
expect_json '.[0] | "\(.encrypted) \(.good)"' "true true"
expect_exit 0 larder verify --quick "$archive" --json
expect_json .agree true
expect_exit 0 env LARDER_IDENTITY=nowhere "$LARDER" verify --quick "$archive"
cp -r store damaged
printf X | dd of="damaged/${archive#store/}" bs=1 seek=30000 conv=notrunc status=none
expect_exit 4 larder verify --quick "damaged/${archive#store/}"
expect_exit 0 larder list --store damaged --json
expect_json '.[0] | "\(.good) \(.problems[0])"' "false its last check found it damaged"

it "each identity opens it alone, by -i, among others, or by LARDER_IDENTITY"
expect_exit 0 larder verify -i operator.key "$archive" --json
expect_json '[.tables[].rows_archive] | add' 1500
expect_exit 0 larder verify -i stranger.key -i escrow.key "$archive"
expect_exit 0 env LARDER_IDENTITY=escrow.key "$LARDER" verify "$archive"
expect_exit 0 larder verify -i <(cat operator.key) "$archive"

it "no identity, or one that does not fit, exits 5 and says which, and nothing is touched"
new_database untouched
expect_exit 5 larder verify "$archive"
expect_stderr "no match: it is encrypted to recipients, and no identity was given"
for command in "verify" "restore -d untouched"; do
    # shellcheck disable=SC2086
    expect_exit 5 larder $command "$archive" -i stranger.key
    expect_stderr "no match: the identity does not open it"
    expect_stderr "\"stranger.key\" ($(cat stranger.recipient))"
done
expect_exit 5 larder verify "$archive" -i stranger.key --passphrase-file phrase
expect_query untouched "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace" 0

it "an identity that is none, a file that is missing, and a key in place of a path are wrong usage"
expect_exit 2 larder verify "$archive" -i nowhere.key
expect_exit 2 larder verify "$archive" -i .
expect_stderr "is a folder"
expect_exit 2 larder verify "$archive" -i phrase
expect_unsaid 'a phrase to remember'
key=$(grep AGE-SECRET operator.key)
expect_exit 2 larder verify "$archive" -i "$key"
expect_unsaid "$key"
expect_exit 2 larder export daily -d kitchai -o no.tar.age -r "$key"
expect_unsaid "$key"
expect_exit 2 larder export daily -d kitchai -o no.tar.age -r age1nobody
expect_exit 2 larder export daily -d kitchai -o no.tar.age -r "$OPERATOR" --passphrase-file phrase
[ ! -e no.tar.age ] || fail "an archive was written"

it "an identity of another kind is told as such"
for line in AGE-PLUGIN-YUBIKEY-1QQ AGE-SECRET-KEY-PQ-1QQ '-----BEGIN OPENSSH PRIVATE KEY-----'; do
    (umask 077 && echo "$line" >other.key)
    expect_exit 2 larder verify "$archive" -i other.key
    expect_stderr "line 1: this is no X25519 identity of age, but one of another kind"
done
expect_exit 2 larder verify "$archive" -i operator.recipient
expect_stderr "this is a recipient, and not an identity"
for recipient in 'ssh-ed25519 AAAA' age1yubikey1qq age1pq1qq; do
    expect_exit 2 larder export daily -d kitchai -o no.tar.age -r "$recipient"
    expect_stderr "one of another kind"
done

it "an identity file that age -p encrypted opens with its passphrase, which is asked for only where it is needed"
cat >protect.exp <<'END'
set timeout 60
spawn -noecho age {*}$argv
expect "Enter passphrase*: "
send "a phrase for the key\r"
expect "Confirm passphrase: "
send "a phrase for the key\r"
expect eof
exit [lindex [wait] 3]
END
expect_exit 0 expect protect.exp -p -o protected.key operator.key
expect_exit 0 expect protect.exp -p -a -o armored.key operator.key
chmod 600 protected.key armored.key
(umask 077 && echo 'a phrase for the key' >key.phrase)
expect_exit 0 larder verify "$archive" -i protected.key --passphrase-file key.phrase
expect_exit 0 setsid -w "$LARDER" verify "$archive" -i protected.key -i escrow.key
expect_exit 0 bash -c '"$LARDER" age decrypt -i armored.key --passphrase-file key.phrase <"$0" | tar t >list && grep -q larder.end list' "$archive"
expect_exit 5 larder verify "$archive" -i protected.key --passphrase-file phrase
expect_stderr 'could not use the identity file "protected.key": no match: the passphrase does not open it'
expect_exit 5 setsid -w "$LARDER" verify "$archive" -i protected.key
expect_stderr "none was given"
head -c 300 protected.key >cut.key
expect_exit 2 larder verify "$archive" -i cut.key --passphrase-file key.phrase
expect_stderr 'could not use the identity file "cut.key": payload failure'
cat >ask.exp <<'END'
set timeout 60
spawn -noecho $env(LARDER) verify {*}$argv
expect "Passphrase of the identity file \"armored.key\": "
send "$env(ANSWER)\r"
expect eof
exit [lindex [wait] 3]
END
ANSWER='a phrase for the key' expect_exit 0 expect ask.exp "$archive" -i armored.key
expect_unsaid 'a phrase for the key'

it "secrets that others can read are warned of"
install -m 644 operator.key open.key
expect_exit 0 larder verify -i open.key "$archive" -q
expect_stderr '"open.key" can be read by others (mode 644)'

it "what was encrypted comes back, and is proven equal"
new_database back
expect_exit 0 larder restore "$archive" -d back -i escrow.key --create-roles --externals stub --json
expect_json .agree true
expect_exit 0 larder verify "$archive" -i escrow.key --against dbname=back

it "an archive comes encrypted through a pipe"
expect_exit 0 bash -c '"$LARDER" export -t profiles -d kitchai -o - -r "$0" -q | "$LARDER" verify - -i operator.key' "$OPERATOR"

it "an export to a passphrase opens with it, from a file, a descriptor, or the terminal, and with no other"
expect_exit 0 larder export -t profiles -d kitchai -o p.tar.age --passphrase-file phrase
expect_exit 0 larder verify p.tar.age --passphrase-file phrase
expect_exit 0 larder verify p.tar.age --passphrase-file /dev/fd/7 7<phrase
expect_exit 5 larder verify p.tar.age --passphrase-file wrong
expect_stderr "the passphrase does not open it"
expect_exit 5 setsid -w "$LARDER" verify p.tar.age -i operator.key
expect_stderr "it is encrypted with a passphrase, and none was given"
cat >ask.exp <<'END'
set timeout 60
spawn -noecho $env(LARDER) verify p.tar.age
expect "Passphrase of the archive: "
send "$env(ANSWER)\r"
expect eof
exit [lindex [wait] 3]
END
ANSWER='a phrase to remember' expect_exit 0 expect ask.exp
expect_unsaid 'a phrase to remember'
ANSWER='another one' expect_exit 5 expect ask.exp
expect_unsaid 'another one'

it "a restore says whether the archive is the file that the export wrote"
new_database origin
export LARDER_SOURCE=dbname=kitchai
expect_exit 0 larder restore "$archive" -d origin -i operator.key --create-roles --externals stub --json
expect_json .origin source
unset LARDER_SOURCE
new_database doubted
expect_exit 0 larder restore "$archive" -d doubted -i operator.key --create-roles --externals stub --preview
expect_stderr "is not proven: neither --sha256 nor the source"
expect_exit 0 env LARDER_SOURCE=dbname=back "$LARDER" restore "$archive" -d doubted -i operator.key --externals stub --preview
expect_stderr "is not proven: "
digest=$(cut -d' ' -f1 "$stem.sha256")
expect_exit 0 larder restore "$archive" -d doubted -i operator.key --externals stub --preview --sha256 "$digest" --json
expect_json .origin sha256
expect_exit 4 larder restore "$archive" -d doubted -i operator.key --externals stub --preview --sha256 "${digest//[0-9]/0}"

it "a file that somebody else made with the recipient is refused where the source is asked"
age -d -i operator.key "$archive" | age -r "$OPERATOR" >forged.tar.age
expect_exit 0 larder verify forged.tar.age -i operator.key
expect_exit 3 env LARDER_SOURCE=dbname=kitchai "$LARDER" restore forged.tar.age -d doubted -i operator.key --externals stub
expect_stderr "is not the file that the export wrote"
expect_query doubted "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace" 0

it "a copy with other recipients has another header and the same data, and opens for them alone"
stranger=$(cat stranger.recipient)
expect_exit 5 larder copy "$archive" second -r "$stranger" -i stranger.key
expect_exit 2 larder copy "$archive" second -r nobody -i operator.key
[ ! -e second ] || expect_files second kitchai/daily/.larder.lock
expect_exit 0 larder copy "$archive" second -r "$stranger" -i operator.key --json
expect_json '[.original_sha256, .encrypted] | map(tostring) | join(" ")' "$digest true"
copied=$(jq -r .sha256 "$STDOUT")
copy=$(archive_in second)
expect_equal "the copy's name" "${archive#store/}" "${copy#second/}"
expect_equal "its digests" "$copied $copied $digest" \
    "$(sha256sum <"$copy" | cut -c 1-64) $(jq -r '.sha256 + " " + .original_sha256' "${copy%.tar.age}.json")"
expect_equal "the data" "$(tail -c 100000 "$archive" | sha256sum)" "$(tail -c 100000 "$copy" | sha256sum)"
expect_exit 0 larder verify "$copy" -i stranger.key
expect_exit 5 larder verify "$copy" -i operator.key
age -d -i stranger.key "$copy" | tar t >"$STDOUT"
expect_stdout manifest.json
expect_exit 0 larder list --store second --json
expect_json '.[0].good' true
expect_exit 1 larder copy "$archive" second -r "$stranger" -i operator.key
expect_stderr "never overwritten"
expect_exit 1 larder copy "$archive" second
expect_exit 0 larder export daily -d kitchai --store plain -q
expect_exit 2 larder copy "$(newest_archive plain)" second -r "$stranger" -i operator.key
expect_stderr "is not encrypted"

it "nothing in a store proves where such a copy comes from, but the digest that was printed when it was made"
expect_exit 3 env LARDER_SOURCE=dbname=kitchai "$LARDER" restore "$copy" -d doubted -i stranger.key --externals stub --preview
expect_stderr "A copy with other recipients has a SHA-256 of its own"
expect_exit 0 larder restore "$copy" -d doubted -i stranger.key --externals stub --preview --sha256 "$copied" --json
expect_json .origin sha256

it "RECOVERY.md's line brings the rows back with age, tar, zstd and psql alone"
mkdir recovered
line=$(age -d -i operator.key "$archive" | tar xO RECOVERY.md | sed -n 's/^    \(age -d .*\)/\1/p')
[ -n "$line" ] || fail "RECOVERY.md has no line for an encrypted archive"
cp "$archive" recovered/
cp operator.key recovered/KEY
new_database recovered
(cd recovered && PGDATABASE=recovered expect_exit 0 bash -o pipefail -c "$line")
expect_exit 0 larder verify "$archive" -i operator.key --against dbname=recovered

it "an encrypted archive that was changed or cut is refused"
size=$(stat -c %s "$archive")
for place in 5 60 250 400 1000 $((size / 2)) $((size - 1)); do
    cp "$archive" changed.tar.age
    printf '\xff' | dd of=changed.tar.age bs=1 seek="$place" conv=notrunc status=none
    cmp -s "$archive" changed.tar.age && continue
    status=0
    larder verify changed.tar.age -i operator.key >"$STDOUT" 2>"$STDERR" || status=$?
    [ "$status" = 4 ] || [ "$status" = 5 ] || fail "exit $status for a change at $place"
done
for length in 0 10 100 300 $((size / 2)) $((size - 1)); do
    head -c "$length" "$archive" >changed.tar.age
    status=0
    larder verify changed.tar.age -i operator.key >"$STDOUT" 2>"$STDERR" || status=$?
    [ "$status" = 4 ] || [ "$status" = 5 ] || fail "exit $status for the first $length bytes"
done
