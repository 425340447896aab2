BEGIN;
SELECT no_plan();

-- A backup of two small tables that was made so many days ago.
CREATE FUNCTION pg_temp.made(name text, days integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM backups.create_backup(name, ARRAY['user_follows', 'user_stock']);
    UPDATE backups.backup_metadata SET backup_date = current_date - days, created_at = now() - make_interval(days => days)
    WHERE backup_name = name;
END
$$;
CREATE FUNCTION pg_temp.left_over() RETURNS text LANGUAGE sql AS
    $$ SELECT string_agg(backup_name, ' ' ORDER BY backup_date DESC, backup_name) FROM backups.backup_status $$;

SELECT pg_temp.made('daily_20250101', 20);
SELECT pg_temp.made('daily_20250102', 8);
SELECT pg_temp.made('daily_20250103', 6);
SELECT pg_temp.made('weekly_20250101', 31);
SELECT pg_temp.made('weekly_20250102', 40);
SELECT pg_temp.made('pre_deployment_20250101_1430', 59);
SELECT pg_temp.made('pre_deployment_20250102_1430', 61);
SELECT pg_temp.made('production_20250101', 1000);
SELECT pg_temp.made('by_hand', 1000);
SELECT pg_temp.made('dailyish_20250101', 1000);
SELECT pg_temp.made('daily_20250104_backup', 1000);
INSERT INTO backups.backup_metadata (backup_date, backup_name, table_name, row_count, kind, created_at)
    VALUES (current_date - 1000, 'daily_20220101_000000', 'profiles', 1, 'archive', now() - interval '1000 days');

SELECT results_eq(
    $$SELECT backup_name, expires_at::date - current_date FROM backups.backup_status
      WHERE expires_at IS NOT NULL AND kind = 'copy' ORDER BY 2 DESC, 1$$,
    $$VALUES ('daily_20250103', 1), ('pre_deployment_20250101_1430', 1), ('daily_20250102', -1),
             ('pre_deployment_20250102_1430', -1), ('weekly_20250101', -1), ('weekly_20250102', -10), ('daily_20250101', -13)$$,
    'the status says when each expires');

-- Hold and dry run.
SELECT is(backups.hold('daily_20250101'), 'backup daily_20250101 is held');
SELECT is((SELECT expires_at FROM backups.backup_status WHERE backup_name = 'daily_20250101'), NULL,
    'what is held does not expire');
SELECT throws_ok($$SELECT backups.hold('daily_2')$$, '22023',
    'there is no backup named "daily_2" with copies in this database');
SELECT throws_ok($$SELECT backups.hold('daily_20220101_000000')$$, '22023', NULL, 'an archive is not held here');
CREATE TEMPORARY TABLE plan AS SELECT * FROM backups.apply_retention(true);
SELECT results_eq(
    'SELECT backup_name, table_name, action, reason FROM plan',
    $$VALUES ('daily_20250101', NULL, 'kept', 'held by backups.hold()'),
             ('daily_20250102', 'user_follows', 'would remove', NULL), ('daily_20250102', 'user_stock', 'would remove', NULL),
             ('pre_deployment_20250102_1430', 'user_follows', 'would remove', NULL),
             ('pre_deployment_20250102_1430', 'user_stock', 'would remove', NULL),
             ('weekly_20250102', 'user_follows', 'would remove', NULL), ('weekly_20250102', 'user_stock', 'would remove', NULL),
             ('weekly_20250101', NULL, 'kept', 'the newest good backup of weekly')$$,
    'a dry run lists what would be done');
SELECT is((SELECT count(*) FROM backups.backup_status WHERE intact), 11::bigint, 'and does nothing');

SELECT is(backups.apply_retention(), 'removed 6 copies of 3 backups; kept: daily_20250101 (held by backups.hold()); '
    'weekly_20250101 (the newest good backup of weekly)', 'retention says what it did');
SELECT is(pg_temp.left_over(), 'daily_20250103 daily_20250101 weekly_20250101 pre_deployment_20250101_1430 by_hand '
    'daily_20220101_000000 daily_20250104_backup dailyish_20250101 production_20250101',
    'by each preset''s own days, and nothing without a preset''s name, nothing held, no archive');
SELECT is(
    (SELECT count(*) FROM pg_class WHERE relnamespace = 'backups'::regnamespace AND relkind = 'r' AND relname ~ '_backup_'),
    (SELECT count(*) FROM backups.backup_metadata WHERE kind = 'copy'), 'the tables are gone with their metadata');
SELECT is(backups.release('daily_20250101'), 'backup daily_20250101 is no longer held');
SELECT is(backups.apply_retention(), 'removed 2 copies of 1 backups; kept: weekly_20250101 (the newest good backup of weekly)',
    'what was released goes');

-- Good means whole, and made by now.
SELECT pg_temp.made('weekly_20250103', 33);
SELECT pg_temp.made('weekly_20250104', -3);
DO $$
BEGIN
    EXECUTE (SELECT format('DELETE FROM backups.%I', copy_name) FROM backups.backup_metadata
             WHERE backup_name = 'weekly_20250101' AND table_name = 'user_stock');
END
$$;
SELECT is(backups.apply_retention(), 'removed 2 copies of 1 backups; kept: weekly_20250103 (the newest good backup of weekly)',
    'a damaged copy or one from the future does not count as the newest good');
DROP TABLE backups.user_stock_backup_20250103_2;
SELECT is(backups.apply_retention(), 'removed 0 copies of 0 backups; kept: weekly_20250103 (no backup of weekly is whole)',
    'where no backup is good, what is left stays');
UPDATE backups.backup_metadata SET backup_date = current_date - 34 WHERE backup_name = 'daily_20250103';
SELECT is((SELECT expires_at::date - current_date FROM backups.backup_status WHERE backup_name = 'daily_20250103'), -27,
    'where backup_date says another day than created_at, it is right');

-- A copy that somebody built on.
CREATE VIEW stands_in_the_way AS SELECT * FROM backups.user_follows_backup_20250101_4;
SELECT results_eq(
    $$SELECT table_name, copy_name FROM backups.backup_metadata WHERE copy_name = 'user_follows_backup_20250101_4'$$,
    $$VALUES ('user_follows', 'user_follows_backup_20250101_4')$$);
SELECT is((SELECT backup_name FROM backups.backup_metadata WHERE copy_name = 'user_follows_backup_20250101_4'),
    'dailyish_20250101');
SELECT results_eq(
    $$SELECT action, table_name, reason ~ 'view (public\.)?stands_in_the_way' FROM backups.cleanup_old_backups(999, false)
      WHERE backup_name = 'dailyish_20250101' ORDER BY 2$$,
    $$VALUES ('kept', 'user_follows', true), ('removed', 'user_stock', NULL)$$, 'is kept and named; the others go');
SELECT is((SELECT tables_backed_up FROM backups.backup_status WHERE backup_name = 'dailyish_20250101'), 'user_follows',
    'its metadata stays');

-- Cleanup by age.
SELECT throws_ok('SELECT backups.cleanup_old_backups(-1)', '22023');
SELECT throws_ok('SELECT backups.cleanup_old_backups(NULL)', '22023');
SELECT throws_ok('SELECT * FROM backups.cleanup_old_backups(1, NULL)', '22023');
SELECT backups.hold('pre_deployment_20250101_1430');
SELECT results_eq($$SELECT DISTINCT backup_name, action FROM backups.cleanup_old_backups(days_to_keep => 30, dry_run => true)
    ORDER BY 1$$, $$VALUES ('daily_20250103', 'would remove'), ('dailyish_20250101', 'would remove'),
    ('pre_deployment_20250101_1430', 'kept'), ('weekly_20250103', 'would remove')$$, 'a dry run lists');
SELECT matches(backups.cleanup_old_backups(0), '^removed 4 copies of 2 backups; kept: ', 'zero days: everything up to now');
SELECT is(pg_temp.left_over(), 'weekly_20250104 pre_deployment_20250101_1430 daily_20220101_000000 dailyish_20250101',
    'but nothing held, no archive, nothing from the future, nothing that is in use');

SELECT * FROM finish();
ROLLBACK;
