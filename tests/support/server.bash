# shellcheck shell=bash
# Private PostgreSQL servers in a temporary folder; to be sourced by a bash script.
#
#   server_start NAME [--bin DIR] [--tcp] [--durable] [SETTING=VALUE]...
#       creates and starts a server, and points PGHOST, PGPORT and PGUSER at it. Its programs come
#       from DIR, else from LARDER_TEST_PGBIN, else from Debian's newest. It listens on a unix
#       socket alone, with --tcp also on a free port of 127.0.0.1. It is made to be thrown away
#       (fsync off), unless --durable.
#   server_use NAME               points PGHOST, PGPORT and PGUSER at a server
#   server_conninfo NAME [DB]     prints the conninfo of its socket
#   server_stop NAME [MODE]       fast (the default), immediate or smart
#   server_restart NAME           starts a stopped server again, on its data
#   server_log NAME               prints the path of its log
#   server_pid NAME               prints its postmaster's process id
#   at_exit COMMAND               runs a command of one word at the script's end, before anything is removed
#
# Every server has the superuser "postgres", and trusts whoever reaches its socket; only this user
# and root do. Servers refuse to run as root: then they run as the user postgres.
#
# Sourcing creates SCRATCH, an empty folder of the script's own, and sets a trap that stops all
# servers and removes it at exit. With SERVER_KEEP=1 at exit both are left. PG* variables that the
# caller's environment had are dropped, so that no test depends on them.

unset "${!PG@}"
export PSQL_PAGER=

declare -A SERVER_BIN=() SERVER_PORT=()
SERVER_KEEP=0
AT_EXIT=()
SERVER_OS_USER=
[ "$(id -u)" -ne 0 ] || SERVER_OS_USER=postgres

# Runs a command as the user that servers run as, from a folder that this user may enter.
server_as()
{
    if [ -n "$SERVER_OS_USER" ]; then
        (cd / && exec runuser -u "$SERVER_OS_USER" -- "$@")
    else
        (cd / && exec "$@")
    fi
}

server_newest_bin()
{
    local bin newest=

    while IFS= read -r bin; do
        newest=$bin
    done < <(find /usr/lib/postgresql -mindepth 3 -maxdepth 3 -path '*/bin/initdb' 2>/dev/null | sort -V)
    [ -n "$newest" ] && dirname "$newest"
}

# Debian's psql, createdb and dropdb are a wrapper in Perl, which takes longer to start than what it starts.
server_client()
{
    local program=$1

    shift
    if [ -x "$SERVER_CLIENT/$program" ]; then
        "$SERVER_CLIENT/$program" "$@"
    else
        command "$program" "$@"
    fi
}

psql() { server_client psql "$@"; }
createdb() { server_client createdb "$@"; }
dropdb() { server_client dropdb "$@"; }

server_make_scratch()
{
    local base

    # A socket's path holds 107 bytes at most, and the servers' user must be able to reach it.
    for base in "${TMPDIR:-/tmp}" /tmp; do
        [ "${#base}" -lt 60 ] || continue
        SCRATCH=$(mktemp -d "$base/larder.XXXXXX") || continue
        [ -z "$SERVER_OS_USER" ] || chmod 711 "$SCRATCH"
        if server_as test -x "$SCRATCH"; then
            return 0
        fi
        rmdir "$SCRATCH"
    done
    echo "no folder for temporary servers: neither \"${TMPDIR:-/tmp}\" nor /tmp will do" >&2
    exit 1
}

server_free_port()
{
    local port

    for _ in {1..100}; do
        port=$((20000 + RANDOM % 12000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return 0
        fi
    done
    return 1
}

# Shows a step's output only where it fails.
server_step()
{
    local what=$1 log=$2

    shift 2
    if ! server_as "$@" >"$SCRATCH/step.log" 2>&1; then
        echo "could not $what:" >&2
        cat "$SCRATCH/step.log" >&2
        [ ! -f "$log" ] || tail -n 20 "$log" >&2
        return 1
    fi
}

server_start()
{
    local name=$1 bin=${LARDER_TEST_PGBIN:-} folder=$SCRATCH/$1 port=5432 listen='' durable=0
    local settings=()

    shift
    while [ $# -gt 0 ]; do
        case $1 in
            --bin) bin=$2 && shift ;;
            --tcp) port=$(server_free_port) && listen=127.0.0.1 ;;
            --durable) durable=1 ;;
            *=*) settings+=("${1%%=*} = '${1#*=}'") ;;
            *) echo "server_start: unknown argument \"$1\"" >&2 && return 2 ;;
        esac
        shift
    done
    [ -n "$bin" ] || bin=$(server_newest_bin)
    if [ ! -x "$bin/initdb" ]; then
        echo "no PostgreSQL server programs in \"$bin\"" >&2
        return 1
    fi
    mkdir -m 700 "$folder"
    [ -z "$SERVER_OS_USER" ] || chown "$SERVER_OS_USER" "$folder"
    server_step "create the server \"$name\"" "$folder/log" "$bin/initdb" -D "$folder/data" \
        --no-sync -A trust -U postgres -E UTF8 --locale=C.UTF-8 || return 1
    {
        echo "listen_addresses = '$listen'"
        echo "port = $port"
        echo "unix_socket_directories = '$folder'"
        echo "log_line_prefix = '%m %a [%p] '"
        if [ "$durable" = 0 ]; then
            printf '%s = off\n' fsync synchronous_commit full_page_writes
        fi
        [ ${#settings[@]} -eq 0 ] || printf '%s\n' "${settings[@]}"
    } | server_as tee -a "$folder/data/postgresql.conf" >/dev/null
    SERVER_BIN[$name]=$bin
    SERVER_PORT[$name]=$port
    server_restart "$name"
}

server_restart()
{
    local name=$1 folder=$SCRATCH/$1

    server_step "start the server \"$name\"" "$folder/log" "${SERVER_BIN[$name]}/pg_ctl" -s -w -t 60 \
        -D "$folder/data" -l "$folder/log" start || return 1
    server_use "$name"
}

server_stop()
{
    server_step "stop the server \"$1\"" "$SCRATCH/$1/log" "${SERVER_BIN[$1]}/pg_ctl" -s -w -t 60 \
        -D "$SCRATCH/$1/data" -m "${2:-fast}" stop
}

server_use()
{
    export PGHOST=$SCRATCH/$1 PGPORT=${SERVER_PORT[$1]} PGUSER=postgres
}

server_conninfo()
{
    echo "host=$SCRATCH/$1 port=${SERVER_PORT[$1]} user=postgres${2:+ dbname=$2}"
}

server_log()
{
    echo "$SCRATCH/$1/log"
}

server_pid()
{
    head -n 1 "$SCRATCH/$1/data/postmaster.pid"
}

at_exit()
{
    AT_EXIT+=("$1")
}

server_cleanup()
{
    local name command

    [ "$SERVER_KEEP" = 0 ] || return 0
    for command in "${AT_EXIT[@]}"; do
        "$command" || true
    done
    for name in "${!SERVER_BIN[@]}"; do
        [ ! -f "$SCRATCH/$name/data/postmaster.pid" ] || server_stop "$name" immediate || true
    done
    rm -rf "$SCRATCH"
}

SERVER_CLIENT=$(server_newest_bin || true)
server_make_scratch
trap server_cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
