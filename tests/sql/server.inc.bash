# shellcheck shell=bash
# Private PostgreSQL servers for the tests of the backups schema; to be sourced. It gives:
#
#   each_server FUNCTION   calls FUNCTION with a fresh server running, for Debian's PostgreSQL and then for every folder in
#                          LARDER_TEST_PGBINS (bin folders of other versions, separated by colons)
#   sample NAME            a database like a project on Supabase: KitchAI's tables with rows, owned by the role postgres, who
#                          is no superuser; the roles anon, authenticated and service_role; pgTAP
#   migrate NAME [ROLE]    applies the migration as one query, as the role (default: postgres)
#   sql NAME [ROLE]        runs standard input with psql; stops at the first error
#   value NAME QUERY       one value, as postgres
#   tap NAME FILE          runs a file of pgTAP tests, prints what failed, and counts it
#   ok CONDITION NAME      counts one test: is NAME GOT WANTED, like NAME GOT PATTERN
#
# Everything lives in one temporary folder, on unix sockets only, and is gone when the script ends.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
migration=$here/../../sql/20250126000004_create_proper_backup_system.sql
failures=0
work=$(mktemp -d "${TMPDIR:-/tmp}/larder-sql.XXXXXX")
bin=
server_options=

for variable in "${!PG@}"; do
    unset "$variable"
done
export PGHOST=$work LC_ALL=C
if [ "$(id -u)" = 0 ]; then
    chown postgres "$work"      # server programs refuse to run as root
fi

as_server() {
    if [ "$(id -u)" = 0 ]; then
        (cd "$work" && runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

stop_server() {
    if [ -n "$bin" ] && [ -d "$work/data" ]; then
        as_server "$bin/pg_ctl" -D "$work/data" -m immediate -w stop >/dev/null 2>&1 || true
        rm -rf "$work/data"
    fi
}

clean_up() {
    local status=$?
    trap - EXIT
    if [ "$status" != 0 ] && [ "$failures" = 0 ] && [ -f "$work/server.log" ]; then
        tail -n 20 "$work/server.log" >&2
    fi
    jobs -pr | xargs -r kill 2>/dev/null || true
    stop_server
    rm -rf "$work"
    exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

start_server() {
    as_server "$bin/initdb" -A trust -U supabase_admin -N --locale=C -E UTF8 -D "$work/data" >"$work/initdb.log" 2>&1 ||
        { cat "$work/initdb.log" >&2; exit 1; }
    as_server "$bin/pg_ctl" -D "$work/data" -l "$work/server.log" -w \
        -o "-k $work -c listen_addresses= -c fsync=off -c max_connections=40 -c timezone=UTC -c lock_timeout=60s $server_options" start >/dev/null
    sql postgres supabase_admin <<'SQL'
CREATE ROLE postgres LOGIN CREATEDB CREATEROLE BYPASSRLS;
CREATE ROLE anon NOLOGIN;
CREATE ROLE authenticated NOLOGIN;
CREATE ROLE service_role NOLOGIN BYPASSRLS;
CREATE ROLE authenticator LOGIN NOINHERIT;
CREATE ROLE supabase_auth_admin NOLOGIN;
GRANT anon, authenticated, service_role TO authenticator, postgres;
SQL
}

each_server() {
    local folder folders=()
    for folder in /usr/lib/postgresql/*/bin; do
        folders=("$folder")     # Debian's newest
    done
    IFS=: read -ra more <<<"${LARDER_TEST_PGBINS:-}"
    for folder in "${folders[@]}" "${more[@]}"; do
        bin=$folder
        start_server
        printf '# %s\n' "$(value postgres 'SHOW server_version')"
        "$@"
        stop_server
    done
    [ "$failures" = 0 ] || { printf '# %s failed\n' "$failures"; exit 1; }
}

sql() {
    psql -X -q -v ON_ERROR_STOP=1 -d "$1" -U "${2:-postgres}"
}

value() {
    psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$1" -U postgres -c "$2"
}

migrate() {
    psql -X -q -v ON_ERROR_STOP=1 -d "$1" -U "${2:-postgres}" -c "$(cat "$migration")" 2>&1
}

# pgTAP's plain SQL serves every version; Debian packages the extension for its own version only.
sample() {
    local pgtap
    psql -X -q -d postgres -U supabase_admin -c "CREATE DATABASE \"$1\" OWNER postgres" \
        -c "ALTER DATABASE \"$1\" SET search_path = public, tap"
    pgtap=$(find /usr/share/postgresql -name 'pgtap--?.?.?.sql' | sort | tail -n 1)
    [ -n "$pgtap" ] || { echo 'pgTAP is missing: apt-get install postgresql-15-pgtap' >&2; exit 1; }
    {
        echo 'CREATE SCHEMA tap; GRANT USAGE ON SCHEMA tap TO PUBLIC; SET search_path = tap;'
        grep -v '^[\]' "$pgtap"
        echo 'ALTER SCHEMA public OWNER TO postgres;'
    } | sql "$1" supabase_admin >/dev/null
    sql "$1" supabase_admin <"$here/kitchai.inc.sql"
}

tap() {
    local output
    output=$(psql -X -q -A -t -v ON_ERROR_STOP=1 -d "$1" -U postgres -f "$here/$2" 2>&1) || output+=$'\nnot ok - psql failed'
    if ! grep -q '^ok ' <<<"$output" || ! grep -qE '^1\.\.[0-9]+$' <<<"$output" || grep -qE '^not ok|Looks like' <<<"$output"
    then
        failures=$((failures + 1))
        grep -vE '^ok |^$' <<<"$output" || true
    fi
    printf '# %s: %s tests\n' "$2" "$(grep -c '^ok ' <<<"$output" || true)"
}

ok() {
    if "${@:2}"; then
        printf 'ok - %s\n' "$1"
    else
        printf 'not ok - %s\n' "$1"
        failures=$((failures + 1))
    fi
}

is() {
    ok "$1" test "$2" = "$3"
    [ "$2" = "$3" ] || printf '#   got:    %s\n#   wanted: %s\n' "$2" "$3"
}

like() {
    ok "$1" grep -qE -- "$3" <<<"$2"
    grep -qE -- "$3" <<<"$2" || printf '#   got:    %s\n#   wanted: %s\n' "$2" "$3"
}
