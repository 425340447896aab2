#!/usr/bin/env bash
# larder init: the backups schema on a fresh database, on one where the first migration was applied, and printed.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

FIRST_VERSION=$(dirname "$0")/../sql/first_version.inc.sql

server_start one

it "what it changes is said, and a second run changes nothing"
new_database fresh
expect_exit 0 larder init -d fresh
expect_stderr "created the schema backups"
expect_exit 0 larder init -d fresh
expect_unsaid "created"
expect_exit 0 larder init -d fresh -q
expect_unsaid "larder:"

it "--print gives the same SQL for Supabase's command line, under a name with the present time"
expect_exit 0 larder init --print
head -n 1 "$STDOUT" | grep -Eq '^-- supabase/migrations/20[0-9]{12}_[a-z_]+\.sql$' || fail "the first line names no migration"
expect_equal "the rest" "$(sha256sum <"$(dirname "$0")/../../sql/20250126000004_create_proper_backup_system.sql")" \
    "$(tail -n +2 "$STDOUT" | sha256sum)"
cp "$STDOUT" "$SCRATCH/printed.sql"
new_database printed
sql printed <"$SCRATCH/printed.sql"
expect_query printed "SELECT count(*) FROM backups.presets" 6

it "the first migration's backups are kept, closed to the app's users, and shown with right counts"
sample_database old 300
sql old "CREATE SCHEMA IF NOT EXISTS backups; DROP SCHEMA backups CASCADE"
sql old "SET search_path = public; $(cat "$FIRST_VERSION")"
sql old "SET search_path = public; SELECT backups.create_backup('daily_20250127', ARRAY['profiles', 'user_follows']);
    SELECT backups.create_backup('weekly_20250126', ARRAY['user_stock', 'profiles'])" >"$SCRATCH/ignored"
expect_exit 0 larder init -d old
expect_stderr "revoked SELECT on backups.profiles_backup_20250126 from authenticated"
expect_stderr "adopted backups.daily_20250127_profiles"
expect_query old "SELECT string_agg(backup_name || ' ' || intact, ', ' ORDER BY backup_name) FROM backups.backup_status" \
    "daily_20250127 true, production_backup_20250126 true, weekly_20250126 true"
for role in anon authenticated; do
    for table in profiles_backup_20250126 daily_20250127_profiles backup_metadata; do
        expect_exit 1 psql -X -d old -c "SET ROLE $role" -c "SELECT count(*) FROM backups.$table"
        expect_says "permission denied"
    done
done
expect_query old "SELECT backups.cleanup_old_backups(0) IS NOT NULL" t
expect_query old "SELECT count(*) FROM backups.backup_status" 0

it "what the users of the first migration type goes on to work"
sql old "SELECT backups.create_backup('daily_' || to_char(now(), 'YYYYMMDD'), ARRAY['profiles', 'user_follows'])" >"$SCRATCH/ignored"
expect_query old "SELECT count(*) FROM backups.backup_metadata WHERE backup_date >= CURRENT_DATE - INTERVAL '7 days'" 2

it "a role that may not create schemas is told so, and nothing changes"
new_database closed
sql closed "CREATE ROLE nobody_much LOGIN"
expect_exit 1 larder init -d closed -U nobody_much
expect_stderr "could not install the backups schema"
expect_query closed "SELECT count(*) FROM pg_namespace WHERE nspname = 'backups'" 0
