#!/usr/bin/env bash
# A real archive, damaged in every way of a table: verify and restore both say so by exit 4, and the
# target has not been touched. The archive stands alone here: no .sha256 gives the damage away.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"
# shellcheck source=tests/support/forge.bash
source "$TESTS/support/forge.bash"

# Always the same places; another seed may be tried from outside.
RANDOM=${LARDER_TEST_SEED:-20250126}
DAMAGED=$SCRATCH/damaged.tar

random_below()
{
    echo $(((RANDOM << 15 | RANDOM) % $1))
}

put_byte()
{
    # shellcheck disable=SC2059
    printf "\\x$(printf %02x "$2")" | dd of="$DAMAGED" bs=1 seek="$1" conv=notrunc status=none
}

byte_at()
{
    od -An -tu1 -j "$1" -N 1 "$DAMAGED" | tr -d ' '
}

flip()
{
    put_byte "$1" $(($(byte_at "$1") ^ (1 << $2)))
}

state_of()
{
    sql target "SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_namespace), (SELECT count(*) FROM pg_proc),
        (SELECT count(*) FROM pg_type), (SELECT count(*) FROM pg_roles), (SELECT count(*) FROM pg_extension), pg_current_xact_id_if_assigned()"
}

# expect_damage DESCRIPTION   of what lies in DAMAGED
expect_damage()
{
    SENTENCE="$SENTENCE: $1"
    expect_exit 4 larder verify "$DAMAGED" -j 2
    expect_stderr "$DAMAGED"
    expect_exit 4 larder restore "$DAMAGED" -d target --create-roles --externals stub -j 2
    expect_stderr "$DAMAGED"
    SENTENCE=${SENTENCE%: *}
}

server_start other
server_start one
sample_database kitchai 400
larder init -d kitchai -q
expect_exit 0 larder export weekly -d kitchai -o "$SCRATCH/good.tar" -q
GOOD=$SCRATCH/good.tar
SIZE=$(stat -c %s "$GOOD")
server_use other
new_database target
UNTOUCHED=$(state_of)

it "the archive is good, also alone"
mv "$SCRATCH/good.sha256" "$SCRATCH/good.digest"
expect_exit 0 larder verify "$GOOD"

it "one bit is flipped anywhere"
for _ in $(seq "$(thinned 24)"); do
    cp "$GOOD" "$DAMAGED"
    at=$(random_below "$SIZE")
    bit=$((RANDOM % 8))
    flip "$at" "$bit"
    expect_damage "bit $bit of byte $at"
done

it "one bit is flipped in a member's header, in what fills its last block, or in the end"
while read -r block name; do
    cp "$GOOD" "$DAMAGED"
    at=$((block * 512 + $(random_below 512)))
    flip "$at" $((RANDOM % 8))
    expect_damage "byte $at, in the header of $name"
done < <(tar tRf "$GOOD" | sed -n 's/^block \([0-9]*\): \(.*\)/\1 \2/p' | grep -v 'End of File')
for at in $((SIZE - 1)) $((SIZE - 1024)) $((SIZE - 1025)) $((SIZE - 1536)) $((SIZE - 1500)) $((SIZE - 2048)) $((SIZE - 2047)) 511 0; do
    cp "$GOOD" "$DAMAGED"
    flip "$at" 0
    expect_damage "byte $at"
done

it "the file is cut anywhere"
for at in 0 1 511 512 513 1024 $((SIZE - 1)) $((SIZE - 511)) $((SIZE - 512)) $((SIZE - 1023)) $((SIZE - 1024)) $((SIZE - 1025)) $((SIZE - 1536)) $((SIZE - 2048)); do
    head -c "$at" "$GOOD" >"$DAMAGED"
    expect_damage "after $at bytes"
done
for _ in $(seq "$(thinned 12)"); do
    at=$(random_below "$SIZE")
    head -c "$at" "$GOOD" >"$DAMAGED"
    expect_damage "after $at bytes"
done

it "something stands behind the end, or before the beginning"
for count in 1 511 512 1024 10240; do
    { cat "$GOOD"; head -c "$count" /dev/zero; } >"$DAMAGED"
    expect_damage "$count zero bytes"
    { cat "$GOOD"; head -c "$count" "$GOOD"; } >"$DAMAGED"
    expect_damage "$count bytes of its own"
    { head -c "$count" /dev/zero; cat "$GOOD"; } >"$DAMAGED"
    expect_damage "$count zero bytes in front"
done
cat "$GOOD" "$GOOD" >"$DAMAGED"
expect_damage "the same archive twice"

it "a stretch is lost, doubled, zeroed or written over"
for _ in $(seq "$(thinned 8)"); do
    at=$(($(random_below $((SIZE / 512 - 4))) * 512))
    { head -c "$at" "$GOOD"; tail -c +$((at + 513)) "$GOOD"; } >"$DAMAGED"
    expect_damage "block at $at lost"
    { head -c $((at + 512)) "$GOOD"; tail -c +$((at + 1)) "$GOOD"; } >"$DAMAGED"
    expect_damage "block at $at doubled"
    cp "$GOOD" "$DAMAGED"
    dd if=/dev/urandom of="$DAMAGED" bs=512 seek=$((at / 512)) count=1 conv=notrunc status=none
    expect_damage "block at $at written over"
done
head -c $((SIZE / 2)) "$GOOD" >"$DAMAGED"
head -c $((SIZE - SIZE / 2)) /dev/zero >>"$DAMAGED"
expect_damage "the second half is zeros, as after a crash"

it "the members are those of another archive, or packed anew"
server_use one
expect_exit 0 larder export weekly -d kitchai -o "$SCRATCH/later.tar" -q --no-record
server_use other
{ head -c $((SIZE / 1024 * 512)) "$GOOD"; tail -c +$((SIZE / 1024 * 512 + 1)) "$SCRATCH/later.tar"; } >"$DAMAGED"
cmp -s "$DAMAGED" "$SCRATCH/later.tar" || expect_damage "half of each"
{ head -c $((SIZE - 2048)) "$GOOD"; tail -c 2048 "$SCRATCH/later.tar"; } >"$DAMAGED"
expect_damage "the end of another"
{ cat "$GOOD"; cat "$SCRATCH/later.tar"; } >"$DAMAGED"
expect_damage "two archives in one file"
mkdir "$SCRATCH/unpacked"
tar xf "$GOOD" -C "$SCRATCH/unpacked"
(cd "$SCRATCH/unpacked" && tar cf "$DAMAGED" --format=ustar RECOVERY.md header.json schema data load.sql manifest.json larder.end)
expect_damage "packed anew"

it "the target has not been touched by any of them"
expect_equal "the state of the target" "$UNTOUCHED" "$(state_of)"

it "the same damage is found on standard input"
cp "$GOOD" "$DAMAGED"
flip $((SIZE / 2)) 3
expect_exit 4 bash -c '"$1" verify - <"$2"' _ "$LARDER" "$DAMAGED"
expect_exit 4 bash -c 'cat "$2" | "$1" restore - -d target --create-roles --externals stub' _ "$LARDER" "$DAMAGED"

it "verify --quick says no more than what it has looked at"
cp "$SCRATCH/good.digest" "$SCRATCH/good.sha256"
expect_exit 0 larder verify --quick "$GOOD" --json
rm "$SCRATCH/good.sha256"
expect_json '"\(.agree) \(.tables | length)"' "true 0"
expect_stderr "its rows were not read"

it "verify --quick finds it by the digest beside the file, and says where there is none"
sed 's/good/damaged/' "$SCRATCH/good.digest" >"$SCRATCH/damaged.sha256"
expect_exit 4 larder verify --quick "$DAMAGED"
expect_exit 4 larder verify "$DAMAGED" --json
expect_json .agree false
expect_json '[.findings[] | select(.kind == "damage")] | length > 0' true
rm "$SCRATCH/damaged.sha256"
cp "$GOOD" "$DAMAGED"
expect_exit 0 larder verify "$DAMAGED"
expect_says .sha256

it "of several archives, each is told, and the damaged one decides"
flip 30000 1
expect_exit 4 larder verify "$GOOD" "$DAMAGED" "$SCRATCH/later.tar" --json
expect_json '[.[] | .agree] | map(tostring) | join(" ")' "true false true"
expect_exit 4 larder verify "$DAMAGED" "$GOOD"

STORE=$SCRATCH/store
server_use one
expect_exit 0 larder export daily -d kitchai --store "$STORE" -q --no-record
archive=$(newest_archive "$STORE")
stem=${archive%.tar}

# expect_listed GOOD PROBLEM   of the store's only archive
expect_listed()
{
    expect_exit 0 larder list --store "$STORE" --json
    expect_json length 1
    expect_json '.[0].good' "$1"
    expect_json ".[0].problems | join(\" \") | contains(\"$2\")" true
    expect_exit 0 larder list --store "$STORE"
    [ "$1" = true ] || expect_says "$2"
}

it "a .sha256 that is missing, wrong or of another file is told by list, and a wrong one by verify"
cp "$stem.sha256" "$SCRATCH/kept.sha256"
rm "$stem.sha256"
expect_listed false .sha256
expect_exit 0 larder verify "$archive"
expect_says .sha256
sed 's/^./x/' "$SCRATCH/kept.sha256" >"$stem.sha256"
expect_listed false .sha256
sed "s/^[^ ]*/$(printf 0%.0s {1..64})/" "$SCRATCH/kept.sha256" >"$stem.sha256"
expect_listed false .sha256
expect_exit 4 larder verify "$archive"
expect_exit 4 larder verify --quick "$archive"
sed 's/daily_/weekly_/' "$SCRATCH/kept.sha256" >"$stem.sha256"
expect_listed false .sha256
: >"$stem.sha256"
expect_listed false .sha256
cp "$SCRATCH/kept.sha256" "$stem.sha256"
expect_listed true ''

it "a summary that is missing, empty, garbage or another's is told by list, and by verify"
cp "$stem.json" "$SCRATCH/kept.json"
rm "$stem.json"
expect_listed false summary
expect_exit 0 larder verify "$archive"
expect_stderr "is not good: no summary"
for text in '' '{' 'null' '[]' '{}' '{"bytes": -1}' "$(printf '[%.0s' {1..100000})" $'\xff\xfe'; do
    printf '%s' "$text" >"$stem.json"
    expect_listed false summary
done
jq '.backup_name = "daily_20200101_000000"' "$SCRATCH/kept.json" >"$stem.json"
expect_listed false summary
jq '.bytes += 1' "$SCRATCH/kept.json" >"$stem.json"
expect_listed false size
expect_exit 0 larder verify "$archive"
expect_stderr "is not good: the archive has not the size"
jq '.a_key_of_a_later_version = [1]' "$SCRATCH/kept.json" >"$stem.json"
expect_listed true ''
cp "$SCRATCH/kept.json" "$stem.json"
expect_exit 0 larder verify "$archive"
! grep -q "not good" "$STDERR" || fail "a good archive is blamed"

it "damage that verify --quick finds is written down; where it finds none, it says nothing, and takes nothing back"
rm "$stem.checked.json"
expect_exit 0 larder verify --quick "$archive"
[ ! -e "$stem.checked.json" ] || fail "a look at the SHA-256 alone was written down"
cp "$archive" "$SCRATCH/sound.tar"
printf X | dd of="$archive" bs=1 seek=30000 conv=notrunc status=none
cmp -s "$archive" "$SCRATCH/sound.tar" && fail "nothing was damaged"
expect_exit 4 larder verify --quick "$archive"
expect_listed false "its last check found it damaged"
expect_exit 7 larder status --store "$STORE" --json
expect_json '.presets[0] | [.good, (.problems[0] | contains("its last check found it damaged"))] | tostring' '[0,true]'
cp "$SCRATCH/sound.tar" "$archive"
expect_exit 0 larder verify --quick "$archive"
expect_listed false "its last check found it damaged"
expect_exit 0 larder verify "$archive"
expect_listed true ''

it "an archive that agrees with itself is damaged where .sha256 and summary agree on another digest, and else nobody knows"
snapshot=$(tar xOf "$archive" manifest.json | jq -r .snapshot)
forge_manifest "$archive" "$snapshot" "${snapshot//[0-9]/7}"
cp "$archive" "$SCRATCH/forged.tar"
for how in --quick ''; do
    rm -f "$stem.checked.json"
    expect_exit 0 larder verify $how "$archive"
    cp "$SCRATCH/kept.sha256" "$stem.sha256"
    rm -f "$stem.checked.json"
    expect_exit 4 larder verify $how "$archive"
    expect_listed false "its last check found it damaged"
    (cd "${stem%/*}" && sha256sum "$(basename "$archive")" >"$stem.sha256")
    cp "$SCRATCH/sound.tar" "$archive"
    rm "$stem.checked.json"
    expect_exit 4 larder verify $how "$archive"
    [ ! -e "$stem.checked.json" ] || fail "it was written down, and nobody knows which is wrong"
    cp "$SCRATCH/forged.tar" "$archive"
done
cp "$SCRATCH/sound.tar" "$archive"
cp "$SCRATCH/kept.sha256" "$stem.sha256"
expect_exit 0 larder verify "$archive"
expect_listed true ''

it "an archive that is gone, or has another size, is told by list; what is not ours is left alone"
head -c 1000 "$archive" >"$SCRATCH/short.tar"
mv "$archive" "$SCRATCH/kept.tar"
expect_listed false missing
mv "$SCRATCH/short.tar" "$archive"
expect_listed false size
mv "$SCRATCH/kept.tar" "$archive"
echo hello >"$STORE/README"
echo hello >"$STORE/kitchai/daily/notes.json"
mkdir -p "$STORE/kitchai/daily/deep/er"
ln -s / "$STORE/kitchai/root"
mkdir -p "$STORE/lost+found"
cp -R "$STORE/kitchai/daily" "$STORE/lost+found/"
expect_listed true ''
