#!/usr/bin/env bash
# One table out of a large encrypted archive reads what it needs, and not the rest.
#
#   encryption_reads.sh [MIB]    an archive of so many MiB, 20 where nothing is said
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

cd "$SCRATCH"
server_start one
sample_database kitchai
sql kitchai "CREATE TABLE small AS SELECT i, md5(i::text) FROM generate_series(1, 1000) AS i;
    CREATE TABLE large (line text)"
# Of these zstd makes the random bytes again, at best: 1 KiB in each row.
head -c $((${1:-20} * 1024 * 1024)) /dev/urandom | base64 -w 1368 | sql kitchai "COPY large FROM STDIN"
larder keygen -o key >recipient
expect_exit 0 larder export -t 'public.*' -d kitchai -o large.tar.age -r "$(cat recipient)" --no-record -q
bytes=$(stat -c %s large.tar.age)
[ "$bytes" -gt $((${1:-20} * 1000000)) ] || fail "the archive is too small to show anything: $bytes bytes"
# (A leak check does not work under strace.) Manifest, schema and what else is no data, which any restore reads.
rest=$(age -d -i key large.tar.age | tar tv | awk '$6 !~ /^data\// { sum += $3 } END { print sum }')

it "a restore of a small table reads under 2 MiB of a large archive besides manifest and schema"
new_database target
expect_exit 0 env "ASAN_OPTIONS=detect_leaks=0:$ASAN_OPTIONS" strace -f -qq -y -e trace=pread64,read -o trace "$LARDER" restore large.tar.age -d target -t small -i key -q --externals stub --create-roles
expect_query target "SELECT count(*) FROM small" 1000
read=$(grep -E '(pread64|read)\([0-9]+<[^>]*large.tar.age>' trace | sed 's/.* = //' | awk '{ sum += $1 } END { print sum + 0 }')
echo "  of $bytes bytes $read were read; $rest are manifest, schema and what else is no data"
[ "$read" -gt 0 ] || fail "the trace shows no read"
[ "$read" -lt $((2 * 1024 * 1024 + rest)) ] || fail "$read bytes were read"

it "verify by several lanes ends where a piece in the midst is damaged, or the end is missing"
expect_exit 0 timeout 60 "$LARDER" verify large.tar.age -i key -j 4
cp large.sha256 damaged.sha256
sed -i s/large/damaged/ damaged.sha256
for at in $((bytes / 2)) $((bytes / 3)) 30000; do
    cp large.tar.age damaged.tar.age
    printf 'damage' | dd of=damaged.tar.age bs=1 seek="$at" conv=notrunc status=none
    expect_exit 4 timeout 60 "$LARDER" verify damaged.tar.age -i key -j 4
done
truncate -s $((bytes / 2)) damaged.tar.age
expect_exit 4 timeout 60 "$LARDER" verify damaged.tar.age -i key -j 4
