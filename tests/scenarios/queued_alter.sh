#!/usr/bin/env bash
# An ALTER TABLE that waits for a table of an export: the export ends and is whole, or fails in time and
# says for whom; it never hangs, and who reads other tables never waits.
#
# LARDER_TEST_RUNS is how many random moments are tried (12), LARDER_TEST_SEED what they are drawn from.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

RUNS=${LARDER_TEST_RUNS:-$(thinned 12)}
SEED=${LARDER_TEST_SEED:-$RANDOM}
PATIENCE=60

# as NAME SQL   runs it beside us; what it says is in the file $SCRATCH/NAME
as()
{
    PGAPPNAME=$1 psql -XAtq -v ON_ERROR_STOP=1 -d queue -c "$2" >"$SCRATCH/$1" 2>&1 &
}

expect_waiting()
{
    expect_query queue "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted AND a.application_name = '$1'" 1
}

# expect_copying LANES   so many read it and the one beside it, and wait until they may hand over what they have read
expect_copying()
{
    expect_query queue "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'COPY %altered%' AND state = 'active' AND wait_event = 'ClientWrite'" "$1"
}

# A transaction that has read the table, and stays, until it is dismissed.
hold()
{
    as 'an application' "BEGIN; SELECT FROM $1 LIMIT 1; SELECT 1 FROM pg_sleep(300)"
    HOLDER=$!
    wait_until expect_query queue "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'an application' AND wait_event = 'PgSleep'" 1
}

# It is at work, or over already: it may be short.
has_begun()
{
    ! kill -0 "$HOLDER" 2>/dev/null ||
        expect_query queue "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'an application' AND query LIKE 'BEGIN%'" 1
}

dismiss()
{
    sql queue "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'an application'" >/dev/null
    wait "$HOLDER" || true
}

alter()
{
    as 'the alter' "$1"
    ALTER=$!
}

queue_alter()
{
    alter "$1"
    wait_until expect_waiting 'the alter'
}

expect_altered()
{
    LAST="psql (the alter)"
    wait "$ALTER" || fail "the ALTER TABLE failed: $(cat "$SCRATCH/the alter")"
}

EXPORT=(export -t 'public.*' -d queue -o "$SCRATCH/queue.tar" --no-record -q -j 2 --lock-timeout 2)

begin_export()
{
    rm -f "$SCRATCH"/queue.*
    LAST="larder ${EXPORT[*]}"
    timeout "$PATIENCE" "$LARDER" "${EXPORT[@]}" >"$STDOUT" 2>"$STDERR" &
    PID=$!
}

end_export()
{
    STATUS=0
    wait "$PID" || STATUS=$?
    [ "$STATUS" != 124 ] || fail "the export hangs"
}

# expect_whole DATABASE...   the archive has the rows of one of these
expect_whole()
{
    local database

    expect_equal "the exit code" 0 "$STATUS"
    expect_exit 0 larder verify "$SCRATCH/queue.tar"
    for database in "$@"; do
        ! larder verify "$SCRATCH/queue.tar" --against "dbname=$database" >"$STDOUT" 2>&1 || return 0
    done
    fail "the archive has the rows of none of: $*"
}

expect_no_larder()
{
    expect_query queue "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'larder%'" 0
}

# The export has failed for a lock.
expect_failed()
{
    expect_equal "the exit code" 1 "$STATUS"
    expect_equal "the files of the export" '' "$(find "$SCRATCH" -maxdepth 1 -name '*queue*')"
    wait_until expect_no_larder
}

# expect_refused TABLE PROCESS   it has failed for the table's lock, for which that process is in the way
expect_refused()
{
    expect_stderr "could not lock table \"$1\" within 2 seconds"
    expect_stderr "($2)"
    expect_failed
}

server_start one
new_database queue
sql queue "CREATE TABLE altered (id int, a bytea); ALTER TABLE altered ALTER a SET STORAGE EXTERNAL;
    INSERT INTO altered SELECT i, (SELECT string_agg(sha512((i * 250 + n)::text::bytea), '') FROM generate_series(1, 250) AS n)
        FROM generate_series(1, 250) AS i;
    INSERT INTO altered SELECT a.id + 250 * n, a.a FROM altered AS a, generate_series(1, 7) AS n;
    CREATE TABLE altered_not (LIKE altered INCLUDING STORAGE); INSERT INTO altered_not SELECT * FROM altered LIMIT 1250;
    CREATE TABLE late (a bytea); ALTER TABLE late ALTER a SET STORAGE EXTERNAL; INSERT INTO late SELECT a FROM altered LIMIT 625;
    CREATE TABLE read (id int PRIMARY KEY, a text); INSERT INTO read SELECT i, md5(i::text) FROM generate_series(1, 20000) AS i;
    CREATE TABLE small_1 (a int); INSERT INTO small_1 VALUES (1); CREATE TABLE small_2 AS SELECT * FROM small_1; CREATE TABLE small_3 AS SELECT * FROM small_1;
    CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.base (a int); CREATE VIEW seen AS SELECT a FROM elsewhere.base"
createdb -T queue before
sql before "ALTER TABLE altered ADD n int DEFAULT 7"
createdb -T before after
sql before "ALTER TABLE altered DROP n"

# Reads another table of the export, again and again. It is the lock that must not be waited for: how slow the machine is does not matter.
touch "$SCRATCH/reading"
(
    slowest=0
    while [ -e "$SCRATCH/reading" ]; do
        began=$(date +%s%N)
        PGOPTIONS='-c lock_timeout=1s' psql -XAtq -d queue -c "SELECT count(*) FROM read" >>"$SCRATCH/reads" 2>&1 || true
        took=$((($(date +%s%N) - began) / 1000000))
        [ "$took" -le "$slowest" ] || slowest=$took
        sleep 0.02
    done
    [ ! -d "$SCRATCH" ] || echo "$slowest" >"$SCRATCH/slowest"
) &
READER=$!

it "one that waits before the export's own lock: the export waits behind it, and fails in time"
hold altered
queue_alter "ALTER TABLE altered ADD n int DEFAULT 7"
begin_export
end_export
expect_refused public.altered 'the alter'
dismiss
expect_altered

it "or goes on when that is over, with the rows as they are then"
hold altered
queue_alter "ALTER TABLE altered DROP n"
EXPORT+=(--lock-timeout 30)
begin_export
wait_until expect_waiting larder
dismiss
end_export
unset 'EXPORT[-1]' 'EXPORT[-1]'
expect_whole before
expect_altered

it "one that comes between the lock and pg_dump: pg_dump gives up in time, and the export with it"
gate pg_dump
LARDER_PGBIN=$SCRATCH/bin begin_export
wait_until expect_copying 2
queue_alter "ALTER TABLE altered ADD n int DEFAULT 7"
touch "$SCRATCH/gate"
end_export
expect_refused public.altered 'the alter'
expect_altered

it "one that waits for a table below a view, which pg_dump locks to print the view, too"
hold elsewhere.base
queue_alter "ALTER TABLE elsewhere.base ADD b int"
begin_export
end_export
expect_refused elsewhere.base 'the alter'
dismiss
expect_altered

it "one that comes while the rows are read waits for the end of an export that is whole"
gate pg_restore
LARDER_PGBIN=$SCRATCH/bin begin_export
wait_until expect_copying 2
wait_until expect_query queue "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'larder pg_dump%'" 0
queue_alter "ALTER TABLE altered DROP n"
as 'another' "BEGIN; LOCK TABLE late; COMMIT"
ANOTHER=$!
as 'a third' "BEGIN; LOCK TABLE small_2; COMMIT"
THIRD=$!
wait_until expect_waiting another
wait_until expect_waiting 'a third'
touch "$SCRATCH/gate"
end_export
expect_whole after
expect_altered
for waiting in "$ANOTHER" "$THIRD"; do
    wait "$waiting" || fail "the lock was not to be had"
done
# A lane that asks for the table that is read next is refused, and leaves it to the leader, who has its lock; and so small ones, all that it asks for at a time.
for table in late small_2; do
    grep -q "could not obtain lock on relation \"public.$table\"" "$(server_log one)" || fail "no lane was refused $table"
done

it "at random moments it is the one or the other (seed $SEED)"
RANDOM=$SEED
began=$(date +%s%N)
begin_export
end_export
expect_whole before
took=$((($(date +%s%N) - began) / 1000000))
whole=0
now=before then=after
for ((run = 1; run <= RUNS; run++)); do
    [ "$now" = before ] && change="ADD n int DEFAULT 7" || change="DROP n"
    # Early moments are likelier: locks are taken then.
    delay=$((RANDOM % (took + 1)))
    delay=$((delay * delay / (took + 1)))
    if ((RANDOM % 3 == 0)); then
        as 'an application' "BEGIN; SELECT FROM altered LIMIT 1; SELECT 1 FROM pg_sleep($((RANDOM % 4000)) / 1000.0)"
        HOLDER=$!
        wait_until has_begun
        alter "ALTER TABLE altered $change"
        begin_export
    else
        begin_export
        sleep "$((delay / 1000)).$(printf %03d $((delay % 1000)))"
        alter "ALTER TABLE altered $change"
    fi
    end_export
    if [ "$STATUS" = 0 ]; then
        expect_whole "$now" "$then"
        whole=$((whole + 1))
    elif holds "$STDERR" 'Who was in the way has gone meanwhile'; then
        expect_failed
    else
        expect_refused public.altered 'the alter'
    fi
    expect_altered
    wait_until expect_query queue "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'an application'" 0
    last=$now now=$then then=$last
done
echo "  $whole of $RUNS whole"

it "all the while others were read, and nobody waited for them"
rm "$SCRATCH/reading"
wait "$READER"
echo "  the slowest of $(wc -l <"$SCRATCH/reads") reads took $(cat "$SCRATCH/slowest") ms"
expect_equal "what the reads said" 20000 "$(sort -u "$SCRATCH/reads")"

it "presets that are locked are waited for as long as was said, and the message says so"
larder init -d queue -q
as 'an application' "BEGIN; LOCK TABLE backups.presets; SELECT 1 FROM pg_sleep(300)"
HOLDER=$!
wait_until expect_query queue "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'an application' AND wait_event = 'PgSleep'" 1
expect_exit 1 larder export everything -d queue -o "$SCRATCH/presets.tar" --no-record -q --lock-timeout 2
expect_stderr "wait longer with --lock-timeout"
dismiss

# Connects, for --schema-from, to what never answers.
it "of presets, it waits for no export that is still waiting for another server"
exec 5< <(exec python3 -c 'import socket, time; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True); time.sleep(300)' 2>"$SCRATCH/mute")
MUTE=$!
stop_mute() { kill "$MUTE"; }
at_exit stop_mute
read -ru 5 port
EXPORT=(export everything -d queue -o "$SCRATCH/queue.tar" --no-record -q --schema-from "host=127.0.0.1 port=$port user=postgres dbname=queue")
begin_export
wait_until expect_query queue "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'larder' AND state = 'idle in transaction' AND
    state_change < clock_timestamp() - interval '1 second'" 1
sql queue "SET lock_timeout = '5s'; ALTER TABLE backups.presets ADD COLUMN note text"
kill "$PID"
end_export
expect_equal "the exit code" 143 "$STATUS"
