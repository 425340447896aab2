BEGIN;
SELECT no_plan();

CREATE FUNCTION pg_temp.same(live text, copy text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT x::text FROM %1$s x EXCEPT ALL SELECT y::text FROM %2$s y) z', live, copy)
    INTO n;
    RETURN n;
END
$$;

SELECT backups.create_backup('production_20250126', ARRAY['profiles', 'recipe_uploads', 'recipe_comments', 'user_follows']);

-- An update without WHERE, and a delete.
UPDATE profiles SET bio = 'oops' WHERE username <> 'cook7';
DELETE FROM profiles WHERE username = 'cook60';
INSERT INTO profiles (username) VALUES ('newcomer');
SELECT results_eq($$SELECT * FROM backups.restore_table('production_20250126', 'profiles')$$,
    $$VALUES (1::bigint, 58::bigint, 1::bigint, 60::bigint, NULL::text, NULL::text)$$, 'a preview is what happens by default');
SELECT is((SELECT count(*) FROM profiles WHERE bio = 'oops'), 58::bigint, 'and changes nothing');
SELECT results_eq(
    $$SELECT added, changed, removed, total, undo_backup ~ '^undo_profiles_\d{8}_\d{6}$', notes
      FROM backups.restore_table('production_20250126', 'profiles', 'rows')$$,
    $$VALUES (1::bigint, 58::bigint, 1::bigint, 60::bigint, true, NULL::text)$$, 'rows');
SELECT is(pg_temp.same('profiles', 'backups.profiles_backup_20250126'), 0::bigint, 'the rows are those of the backup');
SELECT is((SELECT total_rows FROM backups.backup_status WHERE backup_name LIKE 'undo%' AND intact), 60::bigint,
    'a copy of what was there is taken first');
SELECT results_eq(
    $$SELECT added, changed, removed, undo_backup, notes FROM backups.restore_table('production_20250126', 'profiles', 'rows')$$,
    $$VALUES (0::bigint, 0::bigint, 0::bigint, NULL::text, NULL::text)$$, 'a second time there is nothing to do');
SELECT lives_ok($$SELECT backups.restore_table((SELECT backup_name FROM backups.backup_status WHERE backup_name LIKE 'undo%'),
    'public.profiles', 'rows')$$);
SELECT is((SELECT count(*) FROM profiles WHERE bio = 'oops' OR username = 'newcomer'), 59::bigint,
    'the copy that was taken first undoes it');

-- Only what is missing.
DELETE FROM profiles WHERE username IN ('cook1', 'cook2');
SELECT results_eq($$SELECT added, changed, removed, total FROM backups.restore_table('production_20250126', 'profiles', 'missing')$$,
    $$VALUES (3::bigint, 0::bigint, 0::bigint, 61::bigint)$$, 'missing adds, and neither changes nor removes');
SELECT is((SELECT count(*) FROM profiles WHERE bio = 'oops'), 56::bigint);

-- Rows of other tables that refer to this one are not touched.
UPDATE recipe_uploads SET title = 'oops';
SELECT lives_ok($$SELECT backups.restore_table('production_20250126', 'recipe_uploads', 'rows')$$);
SELECT is((SELECT count(*) FROM recipe_comments), 30::bigint, 'what refers to the rows with ON DELETE CASCADE stays');

-- Removing what others refer to.
CREATE TABLE pins (recipe uuid REFERENCES recipe_uploads ON DELETE SET NULL);
CREATE TABLE marks (recipe uuid DEFAULT md5('recipe1')::uuid REFERENCES recipe_uploads ON DELETE SET DEFAULT);
INSERT INTO recipe_uploads (id, title) VALUES (md5('later')::uuid, 'later');
INSERT INTO recipe_comments (recipe_id, comment_text) VALUES (md5('later')::uuid, 'a'), (md5('later')::uuid, 'b');
INSERT INTO pins VALUES (md5('later')::uuid), (md5('recipe1')::uuid);
INSERT INTO marks VALUES (md5('later')::uuid);
SELECT is((SELECT notes FROM backups.restore_table('production_20250126', 'recipe_uploads', 'preview')),
    'removing 1 rows and changing 0: marks (foreign key marks_recipe_fkey) would get the default in 1 rows; '
    'pins (foreign key pins_recipe_fkey) would get null in 1 rows; '
    'recipe_comments (foreign key recipe_comments_recipe_id_fkey) would lose 2 rows', 'a preview names the consequences');
SELECT throws_like($$SELECT backups.restore_table('production_20250126', 'recipe_uploads', 'rows')$$,
    '%has 1 rows that the backup production_20250126 lacks and 0 that differ, and other tables refer to them: marks%would lose 2 rows',
    'rows refuses, with the counts');
SELECT is((SELECT count(*) FROM recipe_uploads), 21::bigint);
SELECT lives_ok($$SELECT backups.restore_table('production_20250126', 'recipe_uploads', 'rows', allow_cascade => true)$$);
SELECT results_eq('SELECT (SELECT count(*) FROM recipe_comments), (SELECT count(*) FROM pins WHERE recipe IS NULL)',
    'VALUES (30::bigint, 1::bigint)', 'unless told');
CREATE TABLE bills (recipe uuid REFERENCES recipe_uploads);
INSERT INTO recipe_uploads (id, title) VALUES (md5('last')::uuid, 'last');
INSERT INTO bills VALUES (md5('last')::uuid);
SELECT throws_like($$SELECT backups.restore_table('production_20250126', 'recipe_uploads', 'rows', true)$$,
    '%refer to them: bills (foreign key bills_recipe_fkey) forbids it with 1 rows', 'a foreign key that forbids is named');
SELECT lives_ok($$SELECT backups.restore_table('production_20250126', 'recipe_uploads', 'missing')$$,
    'missing removes nothing');

-- A violation in the way: nothing changes, and no undo copy stays behind.
CREATE TEMPORARY TABLE before AS SELECT * FROM recipe_comments;
DELETE FROM recipe_comments;
DELETE FROM recipe_uploads WHERE id = md5('recipe3')::uuid;
SELECT throws_ok($$SELECT backups.restore_table('production_20250126', 'recipe_comments', 'rows')$$, '23503', NULL,
    'a row that a comment belongs to is missing');
SELECT is_empty('SELECT * FROM recipe_comments', 'so no comment comes back');
SELECT is_empty($$SELECT * FROM backups.backup_status WHERE backup_name LIKE 'undo_recipe_comments%'$$);
SELECT is((SELECT string_agg(tgenabled::text, '') FROM pg_trigger WHERE tgrelid = 'recipe_comments'::regclass AND NOT tgisinternal),
    'O', 'the triggers are on');
SELECT backups.restore_table('production_20250126', 'recipe_uploads', 'missing');
SELECT lives_ok($$SELECT backups.restore_table('production_20250126', 'recipe_comments', 'rows')$$, 'in the other order it works');
SELECT is(pg_temp.same('recipe_comments', 'before'), 0::bigint);

-- What cannot be restored.
SELECT throws_ok($$SELECT backups.restore_table('production_20250126', 'profiles', 'all')$$, '22023',
    'restore_table: there is no mode ''all''');
SELECT throws_ok($$SELECT backups.restore_table('production_2', 'profiles')$$, '22023',
    'there is no backup named "production_2" with copies in this database');
SELECT throws_ok($$SELECT backups.restore_table('production_20250126', 'meal_plans')$$, '22023',
    'the backup production_20250126 has no copy of meal_plans');
CREATE TABLE heap (id integer);
CREATE TABLE ruled (id integer PRIMARY KEY);
CREATE RULE r AS ON DELETE TO ruled DO INSTEAD NOTHING;
CREATE TABLE parent (id integer PRIMARY KEY);
CREATE TABLE child () INHERITS (parent);
CREATE TABLE gone (id integer);
SELECT backups.create_backup('odd_20250126', ARRAY['heap', 'ruled', 'parent', 'gone', 'auth.users']);
DROP TABLE gone;
SELECT throws_ok($$SELECT backups.restore_table('odd_20250126', 'heap')$$, '42P16',
    'table public.heap has no primary key by which its rows could be matched');
SELECT throws_ok($$SELECT backups.restore_table('odd_20250126', 'ruled')$$, '22023',
    'cannot restore ruled: public.ruled has rules, which would change what is written');
SELECT throws_like($$SELECT backups.restore_table('odd_20250126', 'parent')$$, '%other tables inherit from public.parent%');
SELECT throws_like($$SELECT backups.restore_table('odd_20250126', 'gone')$$, '%there is no table gone to restore into%');
SELECT throws_ok($$SELECT backups.restore_table('odd_20250126', 'auth.users')$$, '22023',
    'cannot restore auth.users: auth.users belongs to supabase_auth_admin, and postgres may not change it');
DELETE FROM backups.user_follows_backup_20250126 WHERE ctid = '(0,1)';
SELECT throws_ok($$SELECT backups.restore_table('production_20250126', 'user_follows')$$, 'XX001',
    'the copy of user_follows in backup production_20250126 is not whole: it has 12 rows, 13 were recorded');
DROP TABLE backups.user_follows_backup_20250126;
SELECT throws_ok($$SELECT backups.restore_table('production_20250126', 'user_follows')$$, 'XX001',
    'the copy of user_follows in backup production_20250126 is not whole: it does not exist');

SELECT * FROM finish();
ROLLBACK;
