# shellcheck shell=bash
# What a scenario is made of: it runs the program LARDER against real servers and says what it
# expects. A scenario begins with
#
#   set -euo pipefail
#   source "$(dirname "$0")/../support/scenario.bash"
#
#   it "SENTENCE"                    names the behaviour that the next lines show
#   expect_exit CODE COMMAND...      runs the command; what it wrote is in $STDOUT and $STDERR (files)
#   begin ARGUMENT...                larder in the background, as one that a terminal's signals reach; its process is PID
#   expect_end CODE                  waits for what was begun
#   expect_says TEXT                 the last command wrote TEXT, on either
#   expect_stdout TEXT, expect_stderr TEXT, expect_unsaid TEXT
#   expect_json FILTER TEXT          jq's answer to FILTER, over what it wrote to standard output
#   expect_query DATABASE SQL TEXT   psql's unaligned answer
#   expect_equal WHAT WANTED FOUND
#   expect_files FOLDER TEXT         the files under the folder, sorted, one a line, are TEXT
#   wait_until COMMAND...            tries the command ten times a second, for at most 60 seconds
#   when_copying DATABASE SQL        waits, on the server, until something is in a COPY there, process p; then does what SQL says
#   dumped DATABASE [OPTION]...      what pg_dump writes of it, the same each time
#   digests_of DATABASE              the server's own view of every table's rows, but for a schema auth
#   gate pg_dump|pg_restore          $SCRATCH/bin has both, of the server "one"; that one waits, when it is called for its work,
#                                    until there is a file $SCRATCH/gate
#   newest_archive STORE [PRESET]    the path of the archive that was written last
#   sql DATABASE [SQL]               runs SQL, or standard input, and stops at the first error
#   new_database NAME [OPTION]...    an empty one; sample_database NAME [ROWS] KitchAI's
#   skip REASON                      ends the scenario as skipped
#   thinned N                        a quarter of N under the sanitizers, else N: of many tries of the same. With
#                                    LARDER_TEST_FULL=yes always N
#
# The first expectation that is not met ends the scenario, with its line, the command and its
# output.

TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tests/support/server.bash
source "$TESTS/support/server.bash"

: "${LARDER:?is the program to test}"
STDOUT=$SCRATCH/stdout
STDERR=$SCRATCH/stderr
LAST=none
SENTENCE='before the first sentence'
touch "$STDOUT" "$STDERR"

# Nothing of the caller's may be seen: no config, no passwords. And a sanitizer's report must never
# look like one of larder's own exit codes.
unset LARDER_STORE LARDER_SOURCE LARDER_IDENTITY
export LARDER_CONFIG='' # no configuration file, not even /etc/larder/larder.conf
export HOME=$SCRATCH/home LC_ALL=C.UTF-8 TZ=UTC
unset XDG_CONFIG_HOME XDG_CACHE_HOME XDG_STATE_HOME XDG_DATA_HOME
mkdir "$HOME"
export ASAN_OPTIONS=exitcode=86:${ASAN_OPTIONS:-}
export LSAN_OPTIONS=exitcode=86:${LSAN_OPTIONS:-}
export UBSAN_OPTIONS=exitcode=86:print_stacktrace=1:${UBSAN_OPTIONS:-}

larder()
{
    "$LARDER" "$@"
}

it()
{
    SENTENCE=$1
    echo "- $1"
}

fail()
{
    local depth=0 line file

    while read -r line _ file < <(caller "$depth") && [ "$file" = "${BASH_SOURCE[0]}" ]; do
        depth=$((depth + 1))
    done
    {
        echo "FAILED: $SENTENCE"
        echo "$file, line $line: $1"
        echo "the last command was: $LAST"
        echo "--- standard output"
        head -c 20000 "$STDOUT"
        echo "--- standard error"
        head -c 20000 "$STDERR"
        echo "---"
    } | tr -d '\0' >&2
    exit 1
}

skip()
{
    echo "skipped: $1"
    exit 77
}

is_sanitized()
{
    [[ $(ldd "$LARDER") == *asan* ]]
}

thinned()
{
    if [ "${LARDER_TEST_FULL:-}" != yes ] && is_sanitized; then
        echo $((($1 + 3) / 4))
    else
        echo "$1"
    fi
}

expect_exit()
{
    local wanted=$1 status=0

    shift
    LAST=$(printf '%q ' "$@")
    "$@" >"$STDOUT" 2>"$STDERR" || status=$?
    [ "$status" = "$wanted" ] || fail "exit $wanted was expected, not $status"
}

begin()
{
    LAST="larder $*"
    env --default-signal=INT,TERM "$LARDER" "$@" >"$STDOUT" 2>"$STDERR" &
    PID=$!
}

expect_end()
{
    local status=0

    wait "$PID" 2>/dev/null || status=$?
    expect_equal "the exit code" "$1" "$status"
}

holds()
{
    local text

    text=$(tr -d '\0' <"$1")
    [[ $text == *"$2"* ]]
}

expect_stdout()
{
    holds "$STDOUT" "$1" || fail "standard output was to say \"$1\""
}

expect_stderr()
{
    holds "$STDERR" "$1" || fail "standard error was to say \"$1\""
}

expect_says()
{
    holds "$STDOUT" "$1" || holds "$STDERR" "$1" || fail "the output was to say \"$1\""
}

expect_unsaid()
{
    ! holds "$STDOUT" "$1" || fail "standard output was not to say \"$1\""
    ! holds "$STDERR" "$1" || fail "standard error was not to say \"$1\""
}

expect_equal()
{
    [ "$2" = "$3" ] || fail "$1: \"$2\" was expected, not \"$3\""
}

expect_json()
{
    local found

    found=$(jq -r "$1" "$STDOUT") || fail "standard output is no JSON document"
    expect_equal "the result of $1" "$2" "$found"
}

expect_query()
{
    local found

    found=$(sql "$1" "$2") || fail "the query failed: $2"
    expect_equal "the answer to $2" "$3" "$found"
}

expect_files()
{
    expect_equal "the files in $1" "$2" "$(cd "$1" && find . -type f -printf '%P\n' | sort)"
}

wait_until()
{
    for _ in {1..600}; do
        # In a subshell, since an expectation that is not met yet ends the shell.
        if ("$@") >/dev/null 2>&1; then
            return 0
        fi
        sleep 0.1
    done
    fail "waited in vain for: $*"
}

when_copying()
{
    sql postgres "DO \$\$ DECLARE p int; BEGIN
        FOR i IN 1..200000 LOOP
            PERFORM pg_stat_clear_snapshot();
            SELECT pid INTO p FROM pg_stat_activity WHERE query LIKE 'COPY%' AND state = 'active' AND datname = '$1' AND backend_type = 'client backend' LIMIT 1;
            IF FOUND THEN $2; RETURN; END IF;
            PERFORM pg_sleep(0.0005);
        END LOOP;
        RAISE 'nobody copies'; END \$\$"
}

dumped()
{
    pg_dump "${@:2}" -d "$1" | grep -v -E '^\\(un)?restrict '
}

digests_of()
{
    psql -XAtq -v ON_ERROR_STOP=1 -d "$1" <<'SQL'
SET extra_float_digits = 3;
SELECT format('SELECT %L, count(*), md5(coalesce(string_agg(t::text, E''\n'' ORDER BY t::text COLLATE "C"), '''')) FROM ONLY %I.%I AS t;',
    c.oid::regclass, n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname !~ '^(pg_|information_schema|backups|auth$)' ORDER BY n.nspname, c.relname
\gexec
SQL
}

gate()
{
    local program

    rm -rf "${SCRATCH:?}/bin" "$SCRATCH/gate"
    mkdir "$SCRATCH/bin"
    for program in pg_dump pg_restore; do
        ln -s "${SERVER_BIN[one]}/$program" "$SCRATCH/bin/$program"
    done
    rm "$SCRATCH/bin/$1"
    cat >"$SCRATCH/bin/$1" <<END
#!/bin/bash
[[ \$* = *--version* ]] || until [ -e "$SCRATCH/gate" ]; do sleep 0.05; done
exec "${SERVER_BIN[one]}/$1" "\$@"
END
    chmod +x "$SCRATCH/bin/$1"
}

newest_archive()
{
    find "$1" -name "${2:-}*_[0-9]*.tar" -printf '%f %p\n' | sed 's/^.*\(_[0-9]*_[0-9]*\.tar\) /\1 /' |
        sort | sed -n '$s/^[^ ]* //p'
}

sql()
{
    if [ $# -gt 1 ]; then
        psql -XAtq -v ON_ERROR_STOP=1 -d "$1" -c "$2"
    else
        psql -XAtq -v ON_ERROR_STOP=1 -d "$1"
    fi
}

new_database()
{
    createdb "$@"
}

sample_database()
{
    createdb "$1"
    psql -Xq -v ON_ERROR_STOP=1 -v rows="${2:-2000}" -d "$1" -f "$TESTS/support/kitchai.sql" >/dev/null
}
