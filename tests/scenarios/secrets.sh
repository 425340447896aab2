#!/usr/bin/env bash
# Keys and passphrases are in no core dump, no argument, no environment, no output, and not in what larder tells the
# programs that it runs.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

cd "$SCRATCH"
umask 077
larder keygen -o secret.key >recipient
PHRASE='a phrase that nobody may see 4711'
echo "$PHRASE" >phrase
IDENTITY=$(grep AGE-SECRET secret.key)

# The identity's 32 bytes, as hexadecimal digits: what Bech32 says in groups of five bits.
scalar()
{
    local letters=qpzry9x8gf2tvdw0s3jn54khce6mua7l text=${1,,} value=0 bits=0 before i

    text=${text#age-secret-key-1}
    for ((i = 0; i < 52; i++)); do
        before=${letters%%"${text:i:1}"*}
        value=$(((value << 5 | ${#before}) & 0xffff))
        bits=$((bits + 5))
        if [ "$bits" -ge 8 ]; then
            bits=$((bits - 8))
            printf '%02x' $((value >> bits & 255))
        fi
    done
}

SCALAR=$(scalar "$IDENTITY")
expect_equal "the length of the key" 64 "${#SCALAR}"

# tells FILE: which of the secrets are in it
tells()
{
    ! LC_ALL=C grep -qaF "$PHRASE" "$1" || echo phrase
    ! LC_ALL=C grep -qaF "${IDENTITY:16:40}" "$1" || echo identity
    # shellcheck disable=SC2001
    ! LC_ALL=C grep -qzaP "$(sed 's/../\\x&/g' <<<"$SCALAR")" "$1" || echo scalar
}

expect_silent()
{
    local file

    for file in "$@"; do
        expect_equal "the secrets in $file" '' "$(tells "$file")"
    done
}

# dump PID FILE [all]: a core dump that the process has no say in; of all memory
dump()
{
    gdb -q -nx -batch -iex 'set debuginfod enabled off' ${3:+-ex 'set use-coredump-filter off' -ex 'set dump-excluded-mappings on'} -p "$1" -ex "generate-core-file $2" >gdb.log 2>&1 || true
    [ -s "$2" ] || { cat gdb.log && return 1; }
}

# look_into PID NAME HELD: what others could see of a process; whether it holds secrets: yes, or no longer
look_into()
{
    expect_equal "the core limit" "0 0" "$(awk '/Max core file size/ { print $5, $6 }' "/proc/$1/limits")"
    expect_equal "the owner of its memory" 0 "$(stat -c %u "/proc/$1/mem")"
    cat "/proc/$1/cmdline" >"$2.cmdline"
    cat "/proc/$1/environ" >"$2.environ"
    expect_silent "$2.cmdline" "$2.environ"
    # A sanitizer's own memory is larger than any disk.
    if [ "$(id -u)" = 0 ] && ! is_sanitized; then
        dump "$1" "$2.core" || fail "gdb made no core dump"
        expect_silent "$2.core"
        # All memory, also what is kept out of dumps: there the search finds what is held.
        dump "$1" "$2.all" all || fail "gdb made no whole core dump"
        [ "$3" = no ] || [ -n "$(tells "$2.all")" ] || fail "the process held no secret when it was looked into"
        [ "$3" = yes ] || expect_silent "$2.all"
    fi
}

has_filled_the_pipe()
{
    [ "$(awk '/^wchar/ { print $2 }' "/proc/$pid/io")" -gt 65000 ]
}

server_start one
sample_database kitchai 100000
mkfifo in out
exec 5<>in 6<>out

it "a decryption that waits for input shows no key"
seq 100000 | larder age encrypt -r "$(cat recipient)" >file.age
LARDER_IDENTITY=secret.key "$LARDER" age decrypt --passphrase-file phrase <in >opened 2>log &
pid=$!
# More than a pipe holds: once it is written, the header has been read.
head -c 300000 file.age >in
look_into "$pid" decrypt yes
it "and its own crash leaves no core file"
(ulimit -c unlimited && kill -ABRT "$pid")
status=0
{ wait "$pid" || status=$?; } 2>/dev/null
expect_equal "the exit status" 134 "$status"
expect_equal "core files" '' "$(find . -maxdepth 1 -name 'core*')"
expect_silent log opened

it "an export to a passphrase that waits for its reader shows no key, and holds none any more"
"$LARDER" export -t user_interactions -d kitchai --no-record -o - --passphrase-file phrase >out 2>log &
pid=$!
wait_until has_filled_the_pipe
look_into "$pid" export no
kill "$pid"
wait "$pid" || true
expect_silent log

it "pg_dump and pg_restore learn nothing of them"
mkdir bin
bin=$(dirname "$(readlink -f "$(command -v pg_dump)")")
[ -x "$bin/pg_restore" ] || bin=$(server_newest_bin)
for tool in pg_dump pg_restore; do
    cat >bin/$tool <<END
#!/bin/sh
[ "\$1" = --version ] || { tr '\\0' '\\n' </proc/\$\$/environ; printf '%s\\n' "\$@"; cat /dev/fd/7 2>/dev/null; } >>$SCRATCH/$tool.seen
exec $bin/$tool "\$@"
END
    chmod 755 bin/$tool
done
export LARDER_PGBIN=$SCRATCH/bin LARDER_IDENTITY=$SCRATCH/secret.key
expect_exit 0 larder export -t profiles -d kitchai -o p.tar.age --passphrase-file /dev/fd/7 -v 7<phrase
expect_silent "$STDOUT" "$STDERR"
expect_exit 0 larder export -t profiles -d kitchai -o r.tar.age -r "$(cat recipient)" -v
new_database back
expect_exit 0 larder restore r.tar.age -d back --create-roles --externals stub -v
expect_silent "$STDOUT" "$STDERR"
new_database back2
expect_exit 0 larder restore p.tar.age -d back2 --externals stub -v --passphrase-file /dev/fd/7 7<phrase
expect_silent "$STDOUT" "$STDERR"
for tool in pg_dump pg_restore; do
    grep -q '^HOME=' $tool.seen || fail "$tool was not run, or its environment not seen"
    ! grep '^LARDER_' $tool.seen || fail "$tool was told what is for larder"
    ! grep secret.key $tool.seen || fail "$tool was told where the identity is"
    expect_silent $tool.seen
done
