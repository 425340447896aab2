BEGIN;
SELECT no_plan();

CREATE FUNCTION pg_temp.found(what text) RETURNS text LANGUAGE sql AS
    $$ SELECT string_agg(object, ' ' ORDER BY object) FROM backups.check() WHERE finding = what $$;

SELECT results_eq('SELECT finding, object, message FROM backups.check()', $$VALUES
    ('preset overdue', 'daily', 'no good copy of it is younger than 1 day 06:00:00'),
    ('preset overdue', 'monthly', 'no archive of it is recorded that is younger than 1 mon 1 day'),
    ('preset overdue', 'weekly', 'no good copy of it is younger than 8 days')$$, 'at first, nothing has been backed up');
SELECT backups.run_preset('daily'), backups.run_preset('weekly');
INSERT INTO backups.archives (source, backup_name, location, preset, finished_at)
    VALUES ('app', 'monthly_20250101_000000', '/x', 'monthly', now() - interval '10 days');
SELECT is_empty('SELECT * FROM backups.check()', 'with all presets fresh there is no finding');

CREATE TABLE new_table (id integer);
CREATE SCHEMA shop;
CREATE TABLE shop.orders (id integer);
SELECT is(pg_temp.found('table not covered'), 'new_table shop.orders', 'a new table is covered by no preset');
UPDATE backups.presets SET tables = tables || '{shop.*}' WHERE preset = 'weekly';
SELECT is(pg_temp.found('table not covered'), 'new_table', 'until a preset takes it');
UPDATE backups.presets SET every = '1 day' WHERE preset = 'everything';
SELECT is(pg_temp.found('table not covered'), NULL, 'everything, on a schedule, takes all');
SELECT is(pg_temp.found('table of preset missing'), NULL, 'its additions are optional');
UPDATE backups.presets SET tables = tables || '{nope}' WHERE preset IN ('daily', 'weekly');
SELECT is((SELECT message FROM backups.check() WHERE finding = 'table of preset missing'),
    'nope does not exist, and is named by: daily, weekly');
UPDATE backups.presets SET every = NULL, tables = array_remove(tables, 'nope') WHERE preset IN ('everything', 'weekly', 'daily');
SELECT is(pg_temp.found('preset overdue'), NULL, 'a preset without a schedule is never overdue');

DO $$
DECLARE
    stamp text := to_char(now(), 'YYYYMMDD');
BEGIN
    EXECUTE format('DROP TABLE backups.profiles_backup_%s', stamp);
    EXECUTE format('DELETE FROM backups.user_follows_backup_%s', stamp);
    EXECUTE format('ALTER TABLE backups.user_interactions_backup_%s DISABLE ROW LEVEL SECURITY', stamp);
    EXECUTE format('GRANT SELECT ON backups.recipe_uploads_backup_%s TO authenticated', stamp);
    EXECUTE format('GRANT SELECT (id) ON backups.saved_recipe_videos_backup_%s TO PUBLIC', stamp);
END
$$;
GRANT USAGE ON SCHEMA backups TO anon;
GRANT EXECUTE ON FUNCTION backups.create_backup(text, text[]) TO PUBLIC;
ALTER DEFAULT PRIVILEGES IN SCHEMA backups GRANT SELECT ON TABLES TO authenticated;
CREATE TABLE backups.stranger ();
SELECT is(pg_temp.found('copy missing'), 'profiles');
SELECT matches(pg_temp.found('count differs'), '^backups.user_follows_backup_\d{8}$');
SELECT matches(pg_temp.found('row level security off'), '^backups.stranger backups.user_interactions_backup_\d{8}$');
SELECT matches(pg_temp.found('grant too wide'), '^backups backups.create_backup\(text,text\[\]\) '
    'backups.recipe_uploads_backup_\d{8} backups.saved_recipe_videos_backup_\d{8} backups.stranger '
    'the default privileges of postgres in schema backups$');
SELECT is(pg_temp.found('unknown table'), 'backups.stranger');
SELECT results_eq($$SELECT intact FROM backups.backup_status WHERE backup_name LIKE 'daily%' ORDER BY 1$$, ARRAY[false],
    'the status says that a backup is not whole');

SELECT * FROM finish();
ROLLBACK;
