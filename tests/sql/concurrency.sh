#!/usr/bin/env bash
# Backups beside sessions that write, truncate, read and back up at the same time.
# shellcheck source=server.inc.bash
. "$(dirname "$0")/server.inc.bash"

# A session NAME that is fed by say and ended by bye; what it prints is in $work/NAME.out.
declare -A input
session() {
    local feed
    mkfifo "$work/$1.in"
    psql -X -q -A -t -d app -U postgres <"$work/$1.in" >"$work/$1.out" 2>&1 &
    exec {feed}>"$work/$1.in"
    input[$1]=$feed
}

say() {
    printf '%s\n' "$2" >&"${input[$1]}"
}

# Repeats a command until it succeeds; a test that waits for ever is a failure.
until_true() {
    for ((i = 0; i < 1200; i++)); do
        if "$@"; then return; fi
        sleep 0.05
    done
    echo "not ok - waited a minute for: $*"
    cat "$work"/*.out
    exit 1
}

# Waits until what was said to a session so far is done.
done_by() {
    say "$1" "\\echo done $2"
    until_true grep -q "^done $2\$" "$work/$1.out"
}

bye() {
    local feed=${input[$1]}
    exec {feed}>&-
    rm "$work/$1.in"
}

somebody_waits() {
    [ "$(value app "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'")" != 0 ]
}

concurrency() {
    local mixed writers=()
    sample app
    migrate app >/dev/null
    sql app <<'SQL'
CREATE TABLE purse (id integer PRIMARY KEY, money bigint);
CREATE TABLE vault (id integer PRIMARY KEY, money bigint);
INSERT INTO purse SELECT g, 1000 FROM generate_series(1, 2000) g;
INSERT INTO vault SELECT g, 1000 FROM generate_series(1, 2000) g;
CREATE TABLE stop ();

-- How the first version copied: one statement for each table.
CREATE SCHEMA naive;
CREATE PROCEDURE naive.count_mixed(how text, INOUT mixed integer) LANGUAGE plpgsql AS $$
DECLARE
    total numeric;
BEGIN
    mixed := 0;
    FOR i IN 1 .. 50 LOOP
        IF how = 'create_backup' THEN
            PERFORM backups.create_backup('sum_20250101', '{purse,vault}');
            SELECT sum(money) INTO total FROM (TABLE backups.purse_backup_20250101
                                               UNION ALL TABLE backups.vault_backup_20250101) x;
            PERFORM backups.cleanup_old_backups(0);
        ELSE
            CREATE TABLE naive.purse AS TABLE public.purse;
            CREATE TABLE naive.vault AS TABLE public.vault;
            SELECT sum(money) INTO total FROM (TABLE naive.purse UNION ALL TABLE naive.vault) x;
            DROP TABLE naive.purse, naive.vault;
        END IF;
        COMMIT;
        mixed := mixed + (total <> 4000000)::integer;
    END LOOP;
END
$$;
CREATE PROCEDURE naive.move() LANGUAGE plpgsql AS $$
DECLARE
    one integer;
BEGIN
    WHILE NOT EXISTS (SELECT FROM stop) LOOP
        one := 1 + (random() * 1999)::integer;
        UPDATE purse SET money = money - one WHERE id = one;
        UPDATE vault SET money = money + one WHERE id = one;
        COMMIT;
    END LOOP;
END
$$;
SQL
    for _ in 1 2 3 4; do
        psql -X -q -d app -U postgres -c 'CALL naive.move()' &
        writers+=($!)
    done
    mixed=$(value app "CALL naive.count_mixed('create_backup', 0)")
    is '50 backups beside 4 writers: the sum is right in all' "$mixed" 0
    mixed=$(value app "CALL naive.count_mixed('statements', 0)")
    ok "with a statement for each table it is wrong (in $mixed of 50)" test "$mixed" -gt 0
    value app 'INSERT INTO stop DEFAULT VALUES' >/dev/null
    wait "${writers[@]}"

    # A TRUNCATE that is not committed when the backup begins.
    session truncates
    session backs_up
    say truncates 'BEGIN; TRUNCATE purse; INSERT INTO purse VALUES (1, 5), (2, 5);'
    done_by truncates 1
    say backs_up "SELECT backups.create_backup('truncated_20250102', '{vault,purse}');"
    until_true somebody_waits
    say truncates 'COMMIT;'
    done_by backs_up 1
    is 'a backup that waits for a TRUNCATE has what comes after it' "$(value app \
        "SELECT table_name, row_count FROM backups.backup_metadata WHERE backup_name = 'truncated_20250102' ORDER BY 1")" \
        'purse|2
vault|2000'

    # A snapshot that is older than somebody's TRUNCATE.
    say backs_up 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM stop;'
    done_by backs_up 2
    say truncates 'TRUNCATE purse;'
    done_by truncates 2
    say backs_up "SELECT backups.create_backup('stale_20250103', '{vault,purse}'); ROLLBACK;"
    done_by backs_up 3
    like 'a backup with an older snapshot is refused' "$(cat "$work/backs_up.out")" \
        'backup "stale_20250103" was not made: truncated or rewritten since this transaction began: purse'

    say backs_up 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM stop;'
    done_by backs_up 4
    say truncates 'BEGIN; TRUNCATE vault; INSERT INTO vault SELECT g, 7 FROM generate_series(1, 2000) g;'
    done_by truncates 3
    say backs_up "SELECT backups.create_backup('stale_20250104', '{vault,purse}'); ROLLBACK;"
    until_true somebody_waits
    say truncates 'COMMIT;'
    done_by backs_up 5
    like 'also where the TRUNCATE is only committed while it waits' "$(cat "$work/backs_up.out")" \
        'backup "stale_20250104" was not made: truncated or rewritten since this transaction began: vault'

    # Two at once.
    say backs_up "BEGIN; SELECT backups.create_backup('daily_20250104', '{vault,purse}');"
    done_by backs_up 6
    like 'a second backup of the same name is refused at once' \
        "$(value app "SET lock_timeout = '20s'; SELECT backups.create_backup('daily_20250104', '{vault}')" 2>&1 || true)" \
        'another session is making a backup named "daily_20250104"'
    value app "SELECT backups.create_backup('weekly_20250104', '{vault,purse}')" >/dev/null
    say backs_up 'COMMIT;'
    done_by backs_up 7
    is 'one of another name goes on beside it, with names of its own' "$(value app \
        "SELECT backup_name, copy_name FROM backups.backup_metadata WHERE backup_name ~ '20250104' ORDER BY 1, 2")" \
        'daily_20250104|purse_backup_20250104
daily_20250104|vault_backup_20250104
weekly_20250104|purse_backup_20250104_2
weekly_20250104|vault_backup_20250104_2'

    # A copy that somebody reads.
    say backs_up 'BEGIN; SELECT count(*) FROM backups.vault_backup_20250104;'
    done_by backs_up 8
    is 'cleanup leaves a copy that is in use, and goes on' \
        "$(value app "SELECT backup_name, table_name, reason FROM backups.cleanup_old_backups(0, false) WHERE action = 'kept'")" \
        'daily_20250104|vault|canceling statement due to lock timeout'
    say backs_up 'ROLLBACK;'

    # A hold that comes while retention looks through the copies.
    value app "SELECT backups.create_backup('daily_20250106', '{vault}'); SELECT backups.create_backup('daily_20250107', '{vault}');
        UPDATE backups.backup_metadata SET backup_date = current_date - 400, created_at = now() - interval '400 days'
        WHERE backup_name IN ('daily_20250106', 'daily_20250107')" >/dev/null
    say truncates 'BEGIN; LOCK TABLE backups.vault_backup_20250107;'
    done_by truncates 5
    say backs_up "SELECT action, reason FROM backups.apply_retention(false) WHERE backup_name = 'daily_20250106';"
    until_true somebody_waits
    value app "SELECT backups.hold('daily_20250106')" >/dev/null
    say truncates 'COMMIT;'
    done_by backs_up 11
    is 'a backup that is held meanwhile is kept' "$(tail -n 2 "$work/backs_up.out" | head -n 1)" 'kept|held by backups.hold()'
    is 'and has its copy' "$(value app "SELECT count(*) FROM backups.vault_backup_20250106")" 2000

    # A restore beside a writer.
    say backs_up "SELECT backups.create_backup('restore_20250105', '{vault}');"
    say backs_up 'DELETE FROM vault WHERE id <= 100;'
    done_by backs_up 9
    say truncates 'BEGIN; UPDATE vault SET money = 0 WHERE id > 1900; INSERT INTO vault VALUES (5000, 1);'
    done_by truncates 4
    say backs_up "SELECT 'counts', added, changed, removed, total FROM backups.restore_table('restore_20250105', 'vault', 'rows');"
    until_true somebody_waits
    say truncates 'COMMIT;'
    done_by backs_up 10
    is 'a restore waits for a writer, and takes what it wrote into account' \
        "$(grep counts "$work/backs_up.out")" 'counts|100|100|1|2000'
    bye truncates
    bye backs_up
    wait
}

each_server concurrency
