#!/usr/bin/env bash
# Restoring inside the database: the rows become those of the backup, and nothing else of the table changes.
# shellcheck source=server.inc.bash
. "$(dirname "$0")/server.inc.bash"

# What pg_dump says of the tables that a restore must not change. A pg_dump older than the server refuses; then the catalogs
# have to do.
schema_of() {
    local program folders
    IFS=: read -ra folders <<<"$bin:/usr/lib/postgresql/15/bin:${LARDER_TEST_PGBINS:-}"
    for folder in "${folders[@]}"; do
        program=$folder/pg_dump
        if [ -x "$program" ] && "$program" -d "$1" -U postgres --schema-only -t 'public.*' 2>/dev/null |
            sed '/^\\\(un\)\?restrict/d'; then
            return
        fi
    done
    value "$1" "SELECT string_agg(d, E'\n' ORDER BY d) FROM (
        SELECT conrelid::regclass || pg_get_constraintdef(oid) || convalidated FROM pg_constraint
        UNION ALL SELECT pg_get_triggerdef(oid) || tgenabled FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT pg_get_indexdef(indexrelid) || indisvalid FROM pg_index
        UNION ALL SELECT tablename || policyname || roles::text || coalesce(qual, '') FROM pg_policies
        UNION ALL SELECT attrelid::regclass || attname || atttypid::regtype || attnotnull || attidentity || attgenerated
            FROM pg_attribute WHERE attrelid::regclass::text !~ '^(backups|pg_)' AND attnum > 0
        UNION ALL SELECT oid::regclass || relacl::text || relrowsecurity FROM pg_class
            WHERE relnamespace = 'public'::regnamespace) x (d)"
}

restore_table() {
    local before
    sample app
    migrate app >/dev/null
    tap app restore_table.sql
    tap app restore_shapes.sql

    sql app <<'SQL'
ALTER TABLE profiles DISABLE TRIGGER touch;
CREATE TRIGGER always BEFORE UPDATE ON profiles FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE profiles ENABLE ALWAYS TRIGGER always;
CREATE TRIGGER replica BEFORE UPDATE ON profiles FOR EACH ROW EXECUTE FUNCTION touch();
ALTER TABLE profiles ENABLE REPLICA TRIGGER replica;
CREATE VIEW public_profiles AS SELECT username, bio FROM profiles;
CREATE TABLE badges (profile uuid REFERENCES profiles, badge text);
INSERT INTO badges SELECT id, 'founder' FROM profiles LIMIT 10;
SQL
    before=$(schema_of app)
    like 'pg_dump shows the table' "$before" 'profiles'
    value app "SELECT backups.run_preset('production')" >/dev/null
    value app "CREATE TABLE wanted AS SELECT * FROM profiles" >/dev/null
    sql app <<'SQL'
DELETE FROM profiles WHERE username = 'cook60';
UPDATE profiles SET bio = 'oops', username = 'x' || username;
UPDATE profiles SET username = 'cook' || substr(username, 6)::integer % 59 + 1;
SQL
    is 'the restore gives counts' "$(value app "SELECT added, changed, removed, total FROM backups.restore_table(
        (SELECT min(backup_name) FROM backups.backup_status WHERE backup_name ~ '^production'), 'profiles', 'rows')")" \
        '1|59|0|60'
    is 'the rows are those of the backup' \
        "$(value app 'SELECT count(*) FROM (TABLE profiles EXCEPT TABLE wanted) x')" 0
    value app 'DROP TABLE wanted' >/dev/null
    is 'the schema is what it was' "$(schema_of app)" "$before"
    is 'incoming foreign keys hold' \
        "$(value app 'SELECT count(*) FROM badges b JOIN profiles p ON p.id = b.profile')" 10
}

each_server restore_table
