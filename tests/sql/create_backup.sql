BEGIN;
SELECT no_plan();

-- What its users type.
SELECT matches(
    backups.create_backup('daily_' || to_char(now(), 'YYYYMMDD'), ARRAY['profiles', 'user_follows']),
    '^backup daily_\d{8}: 2 tables, 73 rows, ', 'create_backup says what it made');
SELECT results_eq(
    $$SELECT backup_name, table_count, total_rows, tables_backed_up, kind, held, intact FROM backups.backup_status
      WHERE backup_name LIKE '%daily%'$$,
    $$VALUES ('daily_' || to_char(now(), 'YYYYMMDD'), 2::bigint, 73::bigint, 'profiles, user_follows', 'copy', false, true)$$,
    'the status view shows the backup');
SELECT columns_are('backups', 'backup_status', ARRAY['backup_date', 'backup_name', 'table_count', 'total_rows',
    'tables_backed_up', 'backup_created_at', 'kind', 'size', 'age', 'expires_at', 'held', 'intact']);
SELECT results_eq(
    $$SELECT attname::text COLLATE "default" FROM pg_attribute WHERE attrelid = 'backups.backup_status'::regclass AND attnum BETWEEN 1 AND 6
      ORDER BY attnum$$,
    ARRAY['backup_date', 'backup_name', 'table_count', 'total_rows', 'tables_backed_up', 'backup_created_at'],
    'the first version''s columns come first, in their order');
SELECT results_eq(
    $$SELECT table_name, row_count, kind, copy_name, backup_size IS NOT NULL FROM backups.backup_metadata
      WHERE backup_date >= CURRENT_DATE - INTERVAL '7 days' ORDER BY table_name$$,
    $$VALUES ('profiles', 60::bigint, 'copy', 'profiles_backup_' || to_char(now(), 'YYYYMMDD'), true),
             ('user_follows', 13, 'copy', 'user_follows_backup_' || to_char(now(), 'YYYYMMDD'), true)$$,
    'the metadata has names, counts and sizes');
SELECT is(backups.cleanup_old_backups(30), 'removed 0 copies of 0 backups', 'cleanup_old_backups(30) leaves today''s');
SELECT is(backups.cleanup_old_backups(), 'removed 0 copies of 0 backups', 'cleanup_old_backups() means 30 days');

-- Names of copies.
SELECT lives_ok($$SELECT backups.create_backup('production_20250126', ARRAY['profiles'])$$);
SELECT results_eq('SELECT * FROM backups.profiles_backup_20250126 ORDER BY id', 'SELECT * FROM profiles ORDER BY id',
    'a copy has the table''s rows and columns');
SELECT lives_ok($$SELECT backups.create_backup('weekly_20250126', ARRAY['public.profiles', 'auth.users'])$$);
SELECT lives_ok($$SELECT backups.create_backup('pre_deployment_20250126_1430', ARRAY['profiles'])$$);
SELECT lives_ok($$SELECT backups.create_backup('no stamp, "odd" name', ARRAY['profiles'])$$);
SELECT results_eq(
    $$SELECT backup_name, table_name, copy_name FROM backups.backup_metadata WHERE backup_name !~ 'daily' ORDER BY 1, 2$$,
    $$VALUES ('no stamp, "odd" name', 'profiles', 'profiles_backup_' || to_char(now(), 'YYYYMMDD') || '_2'),
             ('pre_deployment_20250126_1430', 'profiles', 'profiles_backup_20250126_1430'),
             ('production_20250126', 'profiles', 'profiles_backup_20250126'),
             ('weekly_20250126', 'auth.users', 'users_backup_20250126'),
             ('weekly_20250126', 'profiles', 'profiles_backup_20250126_2')$$,
    'a copy''s name has the stamp of the backup''s name, or the date; a taken one gets a number');

CREATE TABLE "Tëst table with a name as long as a name may be in bytes: äö" (id integer);
CREATE TABLE "Tëst table with a name as long as a name may be in bytes: äü" (id integer);
INSERT INTO "Tëst table with a name as long as a name may be in bytes: äü" VALUES (1);
SELECT lives_ok($$SELECT backups.create_backup('long_20250127', ARRAY[
    'Tëst table with a name as long as a name may be in bytes: äö',
    '"Tëst table with a name as long as a name may be in bytes: äü"'])$$);
SELECT results_eq(
    $$SELECT m.table_name, m.row_count, octet_length(m.copy_name) <= 63, to_regclass(quote_ident('backups') || '.' ||
        quote_ident(m.copy_name)) IS NOT NULL, m.copy_name ~ '_backup_20250127(_2)?$'
      FROM backups.backup_metadata m WHERE m.backup_name = 'long_20250127' ORDER BY 2$$,
    $$VALUES ('"Tëst table with a name as long as a name may be in bytes: äö"', 0::bigint, true, true, true),
             ('"Tëst table with a name as long as a name may be in bytes: äü"', 1, true, true, true)$$,
    'names of 63 bytes are cut before the stamp, and stay apart');

-- Tables of every shape.
CREATE SCHEMA "Odd.schema";
CREATE TABLE "Odd.schema"."a""b; DROP TABLE profiles; --" (id integer, "c""d" integer GENERATED ALWAYS AS (id * 2) STORED);
INSERT INTO "Odd.schema"."a""b; DROP TABLE profiles; --" VALUES (1);
CREATE TABLE nothing ();
INSERT INTO nothing DEFAULT VALUES;
CREATE TABLE measured (day date, n integer) PARTITION BY RANGE (day);
CREATE TABLE measured_2025 PARTITION OF measured FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
INSERT INTO measured VALUES ('2025-01-26', 1);
SELECT lives_ok($$SELECT backups.create_backup('shapes_20250128',
    ARRAY['"Odd.schema"."a""b; DROP TABLE profiles; --"', 'nothing', 'measured', 'user_stock', 'meal_plans'])$$);
SELECT results_eq(
    $$SELECT table_name, row_count FROM backups.backup_metadata WHERE backup_name = 'shapes_20250128' ORDER BY 1$$,
    $$VALUES ('"Odd.schema"."a""b; DROP TABLE profiles; --"', 1::bigint), ('meal_plans', 12), ('measured', 1), ('nothing', 1),
             ('user_stock', 15)$$, 'names that need quotes, no columns, partitions, enums, identities');
SELECT results_eq('SELECT id, "c""d" FROM backups."a""b; DROP TABLE profiles; --_backup_20250128"', 'VALUES (1, 2)',
    'generated values are in the copy');

-- Copies are closed, also where default privileges would open them.
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO anon, authenticated, service_role;
SELECT lives_ok($$SELECT backups.create_backup('closed_20250129', ARRAY['profiles'])$$);
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM anon, authenticated, service_role;
SELECT is_empty(
    $$SELECT c.relname, a FROM pg_class c, aclexplode(c.relacl) a
      WHERE c.relnamespace = 'backups'::regnamespace AND a.grantee <> c.relowner$$, 'nobody but the owner has a privilege');
SELECT is_empty($$SELECT c.relname FROM pg_class c
                  WHERE c.relnamespace = 'backups'::regnamespace AND c.relkind = 'r' AND NOT c.relrowsecurity$$,
    'row level security is on everywhere');
SELECT is_empty($$SELECT FROM pg_class c WHERE c.relnamespace = 'backups'::regnamespace AND c.relforcerowsecurity$$,
    'and not forced');

-- All errors are named, and nothing is made.
CREATE VIEW a_view AS SELECT 1 AS one;
CREATE MATERIALIZED VIEW a_matview AS SELECT 1 AS one;
CREATE SEQUENCE a_sequence;
CREATE TEMPORARY TABLE tables_before AS SELECT oid FROM pg_class WHERE relnamespace = 'backups'::regnamespace;
SELECT throws_ok(
    $$SELECT backups.create_backup('weekly_20250126', ARRAY['profiles', 'nope', 'public.profiles', 'a_view', 'a_matview',
        'a_sequence', 'no_schema.x', 'backups.presets', 'pg_catalog.pg_class', 'tables_before', 'a.b.c.d', NULL])$$, '22023',
    'backup "weekly_20250126" was not made: a backup named "weekly_20250126" exists already; table nope does not exist; '
    'table profiles is named twice; a_view is a view, not a table; a_matview is a materialized view, not a table; '
    'a_sequence is a sequence, not a table; table no_schema.x does not exist; '
    'table backups.presets is part of the schema backups itself; table pg_catalog.pg_class is a system or temporary table; '
    'table tables_before does not exist; table a.b.c.d does not exist; a table''s name is null',
    'everything that is wrong is named at once');
SELECT throws_ok($$SELECT backups.create_backup('', ARRAY['profiles'])$$, '22023',
    'backup "" was not made: the backup has no name');
SELECT throws_ok($$SELECT backups.create_backup(NULL, '{}')$$, '22023',
    'backup "<NULL>" was not made: the backup has no name; no table is named');
SELECT throws_ok($$SELECT backups.create_backup('x', NULL)$$, '22023', 'backup "x" was not made: no table is named');
SELECT is_empty(
    $$SELECT oid::regclass FROM pg_class WHERE relnamespace = 'backups'::regnamespace EXCEPT SELECT oid::regclass FROM tables_before$$,
    'nothing was created');

CREATE TABLE unreadable ();
REVOKE ALL ON unreadable FROM postgres;
SELECT throws_ok($$SELECT backups.create_backup('x_20250101', ARRAY['unreadable'])$$, '22023',
    'backup "x_20250101" was not made: postgres may not read table unreadable, which belongs to postgres');
DROP TABLE unreadable;

-- Presets.
SELECT results_eq('SELECT preset FROM backups.presets ORDER BY preset',
    ARRAY['daily', 'everything', 'monthly', 'pre_deployment', 'production', 'weekly'], 'the seed');
SELECT matches(backups.run_preset('daily'), '^backup daily_\d{8}_\d{4}: 5 tables, 153 rows, ',
    'a second run on one day has a finer stamp');
SELECT matches(backups.run_preset('daily'), '^backup daily_\d{8}_\d{6}: 5 tables, 153 rows, ', 'and a third one');
SELECT matches(backups.run_preset('weekly'), '^backup weekly_\d{8}: 8 tables, 210 rows, ', 'weekly');
SELECT matches(backups.run_preset('pre_deployment'), '^backup pre_deployment_\d{8}_\d{4}: 4 tables, ', 'pre_deployment');
SELECT matches(backups.run_preset('production'), '^backup production_\d{8}: 7 tables, ', 'production');
SELECT matches(backups.run_preset('everything'), '^backup everything_\d{8}: 14 tables, .*; left out: auth.identities$',
    'everything takes what is new, and says what is not there');
SELECT bag_eq(
    $$SELECT table_name FROM backups.backup_metadata WHERE backup_name LIKE 'everything%'$$,
    $$SELECT unnest(tables) FROM backups.presets WHERE preset = 'weekly'
      UNION ALL VALUES ('auth.users'), ('"Odd.schema"."a""b; DROP TABLE profiles; --"'), ('measured'), ('nothing'),
        ('"Tëst table with a name as long as a name may be in bytes: äö"'),
        ('"Tëst table with a name as long as a name may be in bytes: äü"')$$,
    'a partitioned table stands for its partitions, and the schemas of the system and the platform are left alone');
-- Names in patterns are spelt as in SQL.
CREATE TABLE "we""ird" (id integer);
CREATE TABLE weird (id integer);
CREATE TABLE "Älter_x" (id integer);
CREATE TABLE "älter_x" (id integer);
SELECT results_eq(
    $$SELECT relation::regclass::text COLLATE "C" FROM backups._expand('{we*,"\"we\"*","Älter*","!\"we\"\"ird\""}') ORDER BY 1$$,
    $$VALUES ('"Älter_x"' COLLATE "C"), ('weird')$$, 'quotes in names, and letters beyond ASCII');
DROP TABLE "we""ird", weird, "Älter_x", "älter_x";
SELECT throws_ok($$SELECT backups.run_preset('dayly')$$, '22023', 'there is no preset "dayly"');
UPDATE backups.presets SET tables = '{user_*,!user_stock,"!public.user_interactions"}' WHERE preset = 'daily';
SELECT lives_ok($$SELECT backups.run_preset('daily') FROM pg_sleep(1)$$);
SELECT results_eq(
    $$SELECT tables_backed_up FROM backups.backup_status WHERE backup_name LIKE 'daily%' AND table_count = 1$$,
    ARRAY['user_follows'], 'patterns and exceptions');
UPDATE backups.presets SET tables = '{nope_*}' WHERE preset = 'weekly';
SELECT throws_ok($$SELECT backups.run_preset('weekly')$$, '22023', 'the preset "weekly" fits no table');
UPDATE backups.presets SET tables = '{profiles,nope,auth.identities}' WHERE preset = 'pre_deployment';
SELECT throws_like($$SELECT backups.run_preset('pre_deployment')$$,
    '%table auth.identities does not exist; table nope does not exist', 'a preset''s misspelt table is an error');
SELECT throws_ok($$INSERT INTO backups.presets (preset, tables, in_database) VALUES ('Bad-name', '{x}', true)$$, '23514');
SELECT throws_ok($$UPDATE backups.presets SET keep_days = 36501$$, '23514');
SELECT lives_ok($$UPDATE backups.presets SET keep_days = 36500 WHERE preset = 'weekly'$$);

SELECT * FROM finish();
ROLLBACK;
