#!/usr/bin/env bash
# The schedule: through pg_cron, really running, where it can be loaded; else what schedule() says to do.
# shellcheck source=server.inc.bash
. "$(dirname "$0")/server.inc.bash"

jobs_of() {
    value app "SELECT jobname, schedule, command, username FROM cron.job ORDER BY jobname"
}

schedule() {
    local said library daily
    sample app
    migrate app >/dev/null
    said=$(value app 'SELECT backups.schedule()')
    like 'without pg_cron it says what to put into a crontab' "$said" \
        "^0 2 \* \* \* psql -X -d 'app' -c \"SET statement_timeout = 0\" -c \"SELECT backups.run_preset\('daily'\)\"$"
    like 'or into a timer' "$said" 'OnCalendar=Sun \*-\*-\* 02:30:00 UTC'
    like 'retention belongs to it' "$said" '^0 4 .*backups.apply_retention\(\)"$'
    is 'only what is made in the database and has an interval' "$(grep -c run_preset <<<"$said")" 2
    is 'there is nothing to unschedule' "$(value app 'SELECT backups.unschedule()')" \
        'pg_cron is not installed in this database: nothing was scheduled here'
    is 'intervals that cron knows' "$(value app "SELECT string_agg(coalesce((backups._times(i::interval)).cron, 'none'), ', ')
        FROM unnest('{1 day,24 hours,7 days,1 month,3 months,1 year,1 hour,6 hours,15 minutes,1 minute,90 minutes,2 days,
                      5 months,1 month 1 day,30 seconds}'::text[]) i")" \
        '0 2 * * *, 0 2 * * *, 30 2 * * 0, 0 3 1 * *, 0 3 1 */3 *, 0 3 1 1 *, 0 */1 * * *, 0 */6 * * *, */15 * * * *, '\
'* * * * *, none, none, none, none, none'
    value app "UPDATE backups.presets SET every = '2 days' WHERE preset = 'daily'" >/dev/null
    like 'one that it does not know is an error' "$(value app 'SELECT backups.schedule()' 2>&1 || true)" \
        'ERROR:  cron cannot be told when these presets are due: daily \(every 2 days\)'

    library=${bin%/bin}/lib/pg_cron.so
    if [ ! -f "$library" ]; then
        echo '# this server has no pg_cron: not run'
        return
    fi
    stop_server
    server_options="-c shared_preload_libraries=pg_cron -c cron.database_name=app -c cron.host=$work" start_server
    sample app
    migrate app >/dev/null
    like 'where pg_cron is loaded but not created it says so' "$(value app 'SELECT backups.schedule()')" \
        'Run CREATE EXTENSION pg_cron \(in Supabase'
    sql app supabase_admin <<<'CREATE EXTENSION pg_cron;'
    like 'a role that may not use it is told' "$(value app 'SELECT backups.schedule()' 2>&1 || true)" \
        'A superuser has to run: GRANT USAGE ON SCHEMA cron TO postgres;'
    sql app supabase_admin <<<'GRANT USAGE ON SCHEMA cron TO postgres;'

    value app 'SELECT backups.schedule()' >/dev/null
    value app 'SELECT backups.schedule()' >/dev/null
    is 'the jobs, once, however often it is called' "$(jobs_of)" \
        'backups/app/(retention)|0 4 * * *|SET statement_timeout = 0; SELECT backups.apply_retention()|postgres
backups/app/daily|0 2 * * *|SET statement_timeout = 0; SELECT backups.run_preset('"'daily'"')|postgres
backups/app/weekly|30 2 * * 0|SET statement_timeout = 0; SELECT backups.run_preset('"'weekly'"')|postgres'
    value app "SELECT cron.schedule('mine', '0 0 * * *', 'SELECT 1')" >/dev/null
    value app "UPDATE backups.presets SET in_database = false WHERE preset = 'weekly';
               UPDATE backups.presets SET every = '1 minute' WHERE preset = 'daily'" >/dev/null
    like 'what is no longer wanted goes' "$(value app 'SELECT backups.schedule()')" 'removed from pg_cron: backups/app/weekly'
    value app "INSERT INTO user_interactions (user_id) SELECT gen_random_uuid() FROM generate_series(1, 200000)" >/dev/null
    value app "ALTER ROLE postgres SET statement_timeout = '50ms'" >/dev/null
    for ((i = 0; i < 180; i++)); do
        daily=$(PGOPTIONS='-c statement_timeout=0' value app \
            "SELECT count(*) FROM backups.backup_status WHERE backup_name ~ '^daily_' AND intact")
        [ "$daily" = 0 ] || break
        sleep 1
    done
    ok 'pg_cron makes the backup of daily, whatever the statement_timeout of the role' test "$daily" -gt 0
    [ "$daily" -gt 0 ] || PGOPTIONS='-c statement_timeout=0' value app 'SELECT status, return_message FROM cron.job_run_details'
    sql app supabase_admin <<<'ALTER ROLE postgres RESET statement_timeout;'
    like 'unschedule removes them' "$(value app 'SELECT backups.unschedule()')" 'removed from pg_cron: backups/app/daily'
    is 'and nobody else'"'"'s' "$(value app 'SELECT jobname FROM cron.job')" 'mine'

    sample other
    migrate other >/dev/null
    said=$(value other 'SELECT backups.schedule()')
    like 'where pg_cron lives in another database it says what to run there' "$said" \
        '^If it lives in another database \(cron.database_name\), run there:$'
    like 'and which one, to those who may know' \
        "$(psql -X -q -A -t -d other -U supabase_admin -c 'SELECT backups.schedule()')" \
        '^pg_cron runs in the database app. Nothing was scheduled. Run there:$'
    sql app supabase_admin <<<"$(grep '^SELECT' <<<"$said")" >/dev/null
    is 'and that schedules it here' "$(psql -X -q -A -t -d app -U supabase_admin \
        -c "SELECT jobname, database, username FROM cron.job WHERE jobname ~ 'daily'")" 'backups/other/daily|other|postgres'
}

each_server schedule
