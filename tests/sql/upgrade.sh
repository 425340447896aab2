#!/usr/bin/env bash
# The migration on a database where the first version was applied, on plain PostgreSQL, as other roles, and again.
# shellcheck source=server.inc.bash
. "$(dirname "$0")/server.inc.bash"

# What a role sees of a relation: a number of rows, or an error.
seen_by() {
    psql -X -q -A -t -d "$1" -U supabase_admin -c "SET ROLE $2" -c "SELECT count(*) FROM $3" 2>&1 || true
}

first_version() {
    sample "$1"
    sql "$1" <"$here/first_version.inc.sql" >/dev/null
    sql "$1" >/dev/null <<'SQL'
SELECT backups.create_backup('daily_20250127', ARRAY['profiles', 'user_follows']);
SELECT backups.create_backup('before the great change of the recipes', ARRAY['recipe_uploads', 'saved_recipe_videos']);
SELECT backups.create_backup('weekly_20250126', ARRAY['user_stock', 'profiles']);
SQL
}

upgrade() {
    local said
    first_version old
    is 'the first version shows copies to every signed-in user' \
        "$(seen_by old authenticated backups.profiles_backup_20250126)" 60
    sql old supabase_admin <<'SQL'
CREATE ROLE dashboard;
GRANT USAGE ON SCHEMA backups TO dashboard;
GRANT SELECT ON backups.backup_status, backups.profiles_backup_20250126 TO dashboard;
CREATE TABLE backups.by_hand AS SELECT 1 AS id;
CREATE VIEW public.report AS SELECT backup_name FROM backups.backup_status;
UPDATE backups.backup_metadata SET row_count = NULL WHERE backup_name = 'daily_20250127' AND table_name = 'profiles';
SQL
    said=$(migrate old supabase_admin || true)
    like 'a view of a user stands in the way and is named' "$said" \
        'ERROR:  views depend on backups.backup_metadata or backups.backup_status, whose columns must change: public.report'
    is 'and nothing changed' \
        "$(value old "SELECT count(*) FROM information_schema.columns WHERE table_schema = 'backups' AND data_type = 'integer'
                      AND column_name = 'row_count'")" 1
    sql old supabase_admin <<<'DROP VIEW public.report; ALTER TABLE backups.by_hand OWNER TO postgres;'

    said=$(migrate old)
    like 'it says that types changed' "$said" 'NOTICE:  changed backups.backup_metadata: row_count is bigint'
    like 'it says what it adopted' "$said" \
        'NOTICE:  adopted backups.daily_20250127_profiles as the copy of profiles in backup daily_20250127'
    like 'it says what it revoked' "$said" \
        'NOTICE:  revoked SELECT on backups.profiles_backup_20250126 from authenticated'
    like 'from the schema too' "$said" 'NOTICE:  revoked USAGE on backups from authenticated'
    like 'and the default privileges' "$said" \
        'NOTICE:  revoked SELECT on the default privileges of postgres in schema backups from authenticated'
    like 'it says where it enabled RLS' "$said" \
        'NOTICE:  enabled row level security on backups.daily_20250127_profiles'
    is 'a second time it changes nothing' "$(migrate old)" ''

    is 'all backups are there, with their counts' \
        "$(value old 'SELECT backup_name, table_count, total_rows, intact FROM backups.backup_status ORDER BY 1')" \
        "before the great change of the recipes|2|30|t
daily_20250127|2|73|t
production_backup_20250126|7|198|t
weekly_20250126|2|75|t"
    is 'no copy is lost, closed ones are no finding' \
        "$(value old "SELECT finding, object FROM backups.check() WHERE finding !~ 'overdue' ORDER BY 1, 2")" \
        'unknown table|backups.by_hand'
    for relation in backup_metadata backup_status profiles_backup_20250126 daily_20250127_profiles by_hand presets; do
        for role in authenticated anon service_role; do
            like "$role does not read $relation" "$(seen_by old "$role" "backups.$relation")" 'permission denied'
        done
    done
    is 'a role of somebody'"'"'s own keeps the status' "$(seen_by old dashboard 'backups.backup_status')" 4
    is 'of which it reads all columns' "$(psql -X -q -A -t -d old -U supabase_admin -c 'SET ROLE dashboard' \
        -c "SELECT intact IS NULL, size IS NOT NULL FROM backups.backup_status WHERE backup_name ~ '^daily'")" 't|t'
    like 'but no copy' "$(seen_by old dashboard backups.profiles_backup_20250126)" 'permission denied'
    value old "SELECT backups.hold('weekly_20250126')" >/dev/null
    is 'an adopted copy can be restored' \
        "$(value old "DELETE FROM profiles WHERE username = 'cook9';
                      SELECT added FROM backups.restore_table('daily_20250127', 'profiles', 'rows')")" 1
    value old "SELECT backups.cleanup_old_backups(0)" >/dev/null
    is 'cleanup removes all but the held one' \
        "$(value old "SELECT relname FROM pg_class WHERE relnamespace = 'backups'::regnamespace AND relkind = 'r' ORDER BY 1")" \
        'archives
backup_metadata
by_hand
drills
presets
weekly_20250126_profiles
weekly_20250126_user_stock'

    value old "UPDATE backups.presets SET keep_days = 3 WHERE preset = 'daily'" >/dev/null
    migrate old >/dev/null
    is 'a changed preset stays changed' "$(value old "SELECT keep_days FROM backups.presets WHERE preset = 'daily'")" 3
    value old "ALTER TABLE backups.presets DROP CONSTRAINT presets_keep_days_most;
               UPDATE backups.presets SET keep_days = 9999999 WHERE preset = 'everything'" >/dev/null
    is 'a preset that keeps longer than one may now is no obstacle' "$(migrate old)" ''
    is 'and stays' "$(value old "SELECT keep_days FROM backups.presets WHERE preset = 'everything'")" 9999999
    like 'until somebody changes it' "$(value old "UPDATE backups.presets SET keep_days = 36501" 2>&1 || true)" \
        'presets_keep_days_most'
    value old "ALTER TABLE backups.presets DROP COLUMN shrink_alarm" >/dev/null
    migrate old >/dev/null
    is 'presets that were older than the shrink alarm get it' \
        "$(value old "SELECT DISTINCT shrink_alarm FROM backups.presets")" 50
    value old "UPDATE backups.presets SET shrink_alarm = NULL WHERE preset = 'weekly'" >/dev/null
    migrate old >/dev/null
    is 'and keep what they were changed to' \
        "$(value old "SELECT preset FROM backups.presets WHERE shrink_alarm IS NULL")" weekly

    # As a superuser over another role's schema, and as a role that may not.
    first_version other
    migrate other supabase_admin >/dev/null
    is 'what a superuser installs belongs to the owner of the schema' \
        "$(value other "SELECT DISTINCT x.owner::regrole FROM (SELECT relowner, relnamespace FROM pg_class
                        UNION ALL SELECT proowner, pronamespace FROM pg_proc) x (owner, nsp)
                        WHERE nsp = 'backups'::regnamespace")" 'postgres'
    is 'so the owner can use it' "$(value other "SELECT left(backups.create_backup('x_20250101', ARRAY['profiles']), 38)")" \
        'backup x_20250101: 1 tables, 60 rows, '
    like 'a role that is not the owner is told' "$(migrate other authenticator || true)" \
        'ERROR:  the schema backups belongs to postgres, and authenticator cannot change it'

    # Plain PostgreSQL: no role of Supabase's, and an owner with no attribute at all.
    sql postgres supabase_admin <<'SQL'
DROP DATABASE old;
DROP DATABASE other;
DROP ROLE anon, authenticated, service_role, authenticator;
ALTER ROLE postgres NOCREATEDB NOCREATEROLE NOBYPASSRLS;
CREATE DATABASE plain OWNER postgres;
SQL
    is 'on a fresh database' "$(migrate plain)" 'NOTICE:  created the schema backups'
    is 'and again' "$(migrate plain)" ''
    is 'it works' "$(value plain "CREATE TABLE public.profiles (id integer); SELECT left(backups.create_backup(
        'daily_20250101', ARRAY['profiles']), 30)" 2>&1 || true)" 'backup daily_20250101: 1 table'
    is 'and cleans up' "$(value plain 'SELECT backups.cleanup_old_backups(0)')" 'removed 1 copies of 1 backups'
}

each_server upgrade
