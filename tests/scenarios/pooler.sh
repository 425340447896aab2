#!/usr/bin/env bash
# Through a pooler, in session and in transaction mode, while an application works through the same pools: its queries see no error.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

command -v pgbouncer >/dev/null || PATH=$PATH:/usr/sbin
command -v pgbouncer >/dev/null || skip "there is no pgbouncer"
POOLER=$SCRATCH/pooler
CLIENTS=3

start_pooler()
{
    mkdir -m 700 "$POOLER"
    cat >"$POOLER/pgbouncer.ini" <<END
[databases]
by_transaction = host=$PGHOST port=$PGPORT dbname=kitchai pool_mode=transaction pool_size=8
by_session = host=$PGHOST port=$PGPORT dbname=kitchai pool_mode=session pool_size=12
back = host=$PGHOST port=$PGPORT dbname=back pool_mode=transaction pool_size=8
[pgbouncer]
listen_port = 6432
unix_socket_dir = $POOLER
auth_type = trust
auth_file = $POOLER/users
pidfile = $POOLER/pgbouncer.pid
logfile = $POOLER/log
ignore_startup_parameters = extra_float_digits
END
    echo '"postgres" ""' >"$POOLER/users"
    [ -z "$SERVER_OS_USER" ] || chown -R "$SERVER_OS_USER" "$POOLER"
    server_as "$(command -v pgbouncer)" -q -d "$POOLER/pgbouncer.ini"
    at_exit stop_pooler
    wait_until psql -XAtq -d "$(pooled by_transaction)" -c 'SELECT 1' # it goes to the background before it listens
}

stop_pooler()
{
    touch "$SCRATCH/enough"
    kill "$(cat "$POOLER/pgbouncer.pid")"
}

# What an application does, with names that its search_path has to find; one line of answer each time around.
application()
{
    until [ -e "$SCRATCH/enough" ]; do
        echo "SELECT count(*) FROM profiles WHERE username LIKE 'a%' \\g /dev/null"
        echo "BEGIN; UPDATE user_stock SET updated_at = now() WHERE id = (SELECT id FROM user_stock LIMIT 1); COMMIT;"
        echo "INSERT INTO meal_plans (user_id, plan_date) SELECT user_id, current_date FROM profiles LIMIT 1;"
        echo "SELECT 1;"
        sleep 0.02
    done | psql -XAtq -d "$(pooled "$1")" >"$SCRATCH/answers$2" 2>>"$SCRATCH/errors" || echo "psql ended with $?" >>"$SCRATCH/errors"
}

pooled()
{
    echo "host=$POOLER port=6432 user=postgres dbname=$1"
}

has_answers()
{
    [ "$(cat "$SCRATCH"/answers* | wc -l)" -gt "$1" ]
}

begin_application()
{
    rm -f "$SCRATCH/enough" "$SCRATCH"/answers*
    : >"$SCRATCH/errors"
    for ((i = 0; i < CLIENTS; i++)); do
        application "$1" "$i" &
    done
    wait_until has_answers 10
}

# Every pooled connection has been used again by then.
end_application()
{
    wait_until has_answers $(($(cat "$SCRATCH"/answers* | wc -l) + 40))
    touch "$SCRATCH/enough"
    wait
    expect_equal "the errors of the application" '' "$(cat "$SCRATCH/errors")"
}

server_start one
sample_database kitchai 3000
new_database back
DIRECT=$(server_conninfo one kitchai)
start_pooler

it "in transaction mode the schema cannot be read, and a way is named; an application notices nothing"
begin_application by_transaction
expect_exit 2 larder export -t '*' -d "$(pooled by_transaction)" -o "$SCRATCH/none.tar" --no-record -j 4
expect_stderr "--schema-from"

it "with another way to the schema the rows come through it, by four connections"
expect_exit 0 larder export -t '*' -d "$(pooled by_transaction)" --schema-from "$DIRECT" -o "$SCRATCH/transaction.tar" --no-record -j 4 --json
expect_json '.rows > 1000' true
expect_exit 0 larder verify "$SCRATCH/transaction.tar"

it "a restore, and its proof, go through it, too"
expect_exit 0 larder restore "$SCRATCH/transaction.tar" -d "$(pooled back)" -j 4 --externals stub --json
expect_json .agree true
expect_exit 0 larder verify "$SCRATCH/transaction.tar" --against "$(pooled back)"
end_application

it "in session mode nothing else is needed"
begin_application by_session
expect_exit 0 larder export -t '*' -d "$(pooled by_session)" -o "$SCRATCH/session.tar" --no-record -j 4
expect_exit 0 larder verify "$SCRATCH/session.tar"
end_application
