-- Restoring tables of every shape, and tables that changed since.
BEGIN;
SELECT no_plan();

CREATE FUNCTION pg_temp.differ(live text, copy text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT x::text FROM %1$s x EXCEPT ALL SELECT y::text FROM %2$s y) z', live, copy)
    INTO n;
    RETURN n;
END
$$;

-- Generated columns, identities inside and outside of the key, serial columns, types without equality, names with quotes.
CREATE TABLE "o""dd" (
    "i""d" bigint GENERATED ALWAYS AS IDENTITY,
    part integer DEFAULT 1,
    "n um" serial,
    twice bigint GENERATED ALWAYS AS (part * 2) STORED,
    number numeric,
    j json,
    p point,
    PRIMARY KEY (part, "i""d")
);
CREATE TABLE counted (id integer PRIMARY KEY, n integer GENERATED ALWAYS AS IDENTITY);
INSERT INTO "o""dd" (number, j, p) SELECT 1.0, '{"a": 1}', point(g, g) FROM generate_series(1, 10) g;
INSERT INTO counted SELECT g FROM generate_series(1, 5) g;
SELECT backups.create_backup('x_20250201', ARRAY['"o""dd"', 'counted']);
UPDATE "o""dd" SET number = 1.00, j = '{"a":1}' WHERE "i""d" = 3;
DELETE FROM "o""dd" WHERE "i""d" = 10;
UPDATE counted SET n = DEFAULT;
SELECT setval('"o""dd_i""d_seq"', 1), setval('"o""dd_n um_seq"', 100);
SELECT results_eq($$SELECT added, changed, removed, total FROM backups.restore_table('x_20250201', '"o""dd"', 'rows')$$,
    $$VALUES (1::bigint, 1::bigint, 0::bigint, 10::bigint)$$, 'generated and identity columns, types without equality');
SELECT is(pg_temp.differ('"o""dd"', 'backups."o""dd_backup_20250201"'), 0::bigint, 'to the byte');
SELECT is((SELECT last_value FROM "o""dd_i""d_seq"), 10::bigint, 'a sequence that lagged is put behind the rows');
SELECT is((SELECT last_value FROM "o""dd_n um_seq"), 100::bigint, 'one that was ahead is not put back');
SELECT lives_ok($$SELECT backups.restore_table('x_20250201', 'counted', 'rows')$$);
SELECT is(pg_temp.differ('counted', 'backups.counted_backup_20250201'), 0::bigint, 'an identity that is not in the key');
SELECT is((SELECT attidentity::text FROM pg_attribute WHERE attrelid = 'counted'::regclass AND attname = 'n'), 'a',
    'and that is still GENERATED ALWAYS');

-- Columns that came, went and changed.
CREATE TABLE changing (id integer PRIMARY KEY, went text, wider integer, narrower text);
INSERT INTO changing SELECT g, 'w', g, repeat('x', g) FROM generate_series(1, 5) g;
SELECT backups.create_backup('x_20250202', ARRAY['changing']);
ALTER TABLE changing DROP COLUMN went, ADD COLUMN came text DEFAULT 'new', ALTER COLUMN wider TYPE bigint;
UPDATE changing SET wider = 0, came = 'kept';
DELETE FROM changing WHERE id = 5;
SELECT results_eq($$SELECT added, changed, removed, notes FROM backups.restore_table('x_20250202', 'changing', 'rows')$$,
    $$VALUES (1::bigint, 4::bigint, 0::bigint, 'column came is not in the backup and is left as it is; '
      'column went of the backup is not in the table any more')$$, 'columns added and dropped since are named');
SELECT results_eq('SELECT wider, came FROM changing ORDER BY id', $$VALUES (1::bigint, 'kept'), (2, 'kept'), (3, 'kept'),
    (4, 'kept'), (5, 'new')$$, 'what the backup has is restored, the rest is left alone');
DELETE FROM changing WHERE id = 5;
ALTER TABLE changing ALTER COLUMN narrower TYPE varchar(4);
SELECT throws_ok($$SELECT backups.restore_table('x_20250202', 'changing', 'rows')$$, '22000',
    'cannot restore public.changing: 1 rows of the backup do not fit the types that its columns have now',
    'a value that does not fit any more is an error, not cut');
SELECT is((SELECT count(*) FROM changing), 4::bigint, 'and nothing changes');
ALTER TABLE changing ALTER COLUMN narrower TYPE text, ALTER COLUMN wider TYPE numeric(10, 1) USING wider / 3.0;
UPDATE changing SET narrower = 'z';
SELECT lives_ok($$SELECT backups.restore_table('x_20250202', 'changing', 'rows')$$, 'types that still hold it');
ALTER TABLE changing DROP COLUMN id, ADD COLUMN nr serial PRIMARY KEY;
SELECT throws_ok($$SELECT backups.restore_table('x_20250202', 'changing')$$, '42P16',
    'the copy backups.changing_backup_20250202 lacks nr, which the primary key of public.changing needs');

-- A lossy type.
CREATE TABLE prices (id integer PRIMARY KEY, price numeric(10, 2));
INSERT INTO prices VALUES (1, 1.25);
SELECT backups.create_backup('x_20250203', ARRAY['prices']);
ALTER TABLE prices ALTER COLUMN price TYPE numeric(10, 1);
UPDATE prices SET price = 9;
SELECT throws_like($$SELECT backups.restore_table('x_20250203', 'prices', 'rows')$$,
    'cannot restore public.prices: 1 rows of the backup do not fit%', 'nor is it rounded');
SELECT is((SELECT price FROM prices), 9.0, 'and nothing changes');

-- A tree: a table that refers to itself, with and without deferral.
CREATE TABLE nodes (id integer PRIMARY KEY, parent integer REFERENCES nodes, name text UNIQUE);
CREATE TABLE later (id integer PRIMARY KEY, parent integer REFERENCES later ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    place integer UNIQUE DEFERRABLE INITIALLY DEFERRED);
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER t AFTER INSERT ON later FOR EACH ROW EXECUTE FUNCTION nothing();
INSERT INTO nodes SELECT g, nullif(g / 2, 0), 'n' || g FROM generate_series(1, 15) g;
INSERT INTO later SELECT g, nullif(g / 2, 0), g FROM generate_series(1, 15) g;
SELECT backups.create_backup('x_20250204', ARRAY['nodes', 'later']);
UPDATE nodes SET parent = 1 WHERE parent = 7;
DELETE FROM nodes WHERE id = 7;
INSERT INTO nodes VALUES (100, NULL, 'n7');
UPDATE nodes SET parent = 100 WHERE id IN (2, 3);
SELECT results_eq($$SELECT added, changed, removed FROM backups.restore_table('x_20250204', 'nodes', 'rows')$$,
    $$VALUES (1::bigint, 4::bigint, 1::bigint)$$, 'rows that refer to removed and to added rows, and unique values that move');
SELECT is(pg_temp.differ('nodes', 'backups.nodes_backup_20250204'), 0::bigint);
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE later DISABLE TRIGGER t;
SET CONSTRAINTS ALL DEFERRED;
INSERT INTO later VALUES (100, 1, 100);
UPDATE later SET parent = 100, place = 17 - place WHERE id BETWEEN 2 AND 15;
SET CONSTRAINTS ALL IMMEDIATE;
ALTER TABLE later ENABLE TRIGGER t;
SELECT lives_ok($$SELECT backups.restore_table('x_20250204', 'later', 'rows')$$, 'deferred constraints, values that change places');
SELECT is(pg_temp.differ('later', 'backups.later_backup_20250204'), 0::bigint);
SELECT is((SELECT count(*) FROM pg_constraint WHERE conrelid = 'later'::regclass AND condeferred), 2::bigint);

-- Unique values that rows passed on and exchanged.
CREATE TABLE places (id integer PRIMARY KEY, place integer NOT NULL UNIQUE, name text NOT NULL);
CREATE UNIQUE INDEX ON places (lower(name)) WHERE place > 0;
INSERT INTO places SELECT g, g, 'n' || g FROM generate_series(1, 100) g;
SELECT backups.create_backup('x_20250206', ARRAY['places']);
UPDATE places SET place = -place, name = '-' || name;
UPDATE places SET place = -place % 100 + 1, name = 'N' || 101 - id;
DELETE FROM places WHERE id = 50;
SELECT results_eq($$SELECT added, changed, removed FROM backups.restore_table('x_20250206', 'places', 'rows')$$,
    $$VALUES (1::bigint, 99::bigint, 0::bigint)$$);
SELECT is(pg_temp.differ('places', 'backups.places_backup_20250206'), 0::bigint);
SELECT is((SELECT count(*) FROM pg_attribute WHERE attrelid = 'places'::regclass AND attnum > 0 AND attnotnull), 3::bigint,
    'what is NOT NULL still is');

-- Values that other tables refer to, and follow; a column that the backup lacks does not change.
CREATE TABLE users (id integer PRIMARY KEY, email text UNIQUE);
CREATE TABLE nulled (n integer PRIMARY KEY, email text REFERENCES users (email) ON UPDATE SET NULL);
CREATE TABLE followed (n integer PRIMARY KEY, email text REFERENCES users (email) ON UPDATE CASCADE);
INSERT INTO users VALUES (1, 'old');
SELECT backups.create_backup('x_20250207', ARRAY['users']);
ALTER TABLE users ADD COLUMN code text DEFAULT 'c' UNIQUE;
CREATE TABLE by_code (n integer PRIMARY KEY, code text REFERENCES users (code) ON UPDATE CASCADE);
UPDATE users SET email = 'new';
INSERT INTO nulled VALUES (1, 'new');
INSERT INTO followed VALUES (1, 'new');
INSERT INTO by_code VALUES (1, 'c');
SELECT alike((SELECT notes FROM backups.restore_table('x_20250207', 'users')),
    '%removing 0 rows and changing 1: followed (foreign key followed_email_fkey) would get other values in 1 rows; '
    'nulled (foreign key nulled_email_fkey) would get null in 1 rows', 'a preview names what ON UPDATE does');
SELECT throws_like($$SELECT backups.restore_table('x_20250207', 'users', 'rows')$$,
    '%0 rows that the backup x_20250207 lacks and 1 that differ%nulled%would get null in 1 rows', 'rows refuses it');
SELECT results_eq('SELECT n.email, f.email FROM nulled n, followed f', $$VALUES ('new', 'new')$$);
SELECT lives_ok($$SELECT backups.restore_table('x_20250207', 'users', 'rows', true)$$);
SELECT results_eq('SELECT n.email, f.email FROM nulled n, followed f', $$VALUES (NULL, 'old')$$, 'unless told');

-- A partitioned table, whose triggers are in different states.
CREATE TABLE measured (day date PRIMARY KEY, n integer) PARTITION BY RANGE (day);
CREATE TABLE measured_24 PARTITION OF measured FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE measured_25 PARTITION OF measured FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := -1; RETURN NEW; END $$;
INSERT INTO measured SELECT date '2024-12-25' + g, g FROM generate_series(1, 20) g;
SELECT backups.create_backup('x_20250205', ARRAY['measured']);
CREATE TRIGGER spoil BEFORE INSERT OR UPDATE ON measured_24 FOR EACH ROW EXECUTE FUNCTION spoil();
CREATE TRIGGER spoil BEFORE INSERT OR UPDATE ON measured_25 FOR EACH ROW EXECUTE FUNCTION spoil();
CREATE TRIGGER seen AFTER INSERT OR UPDATE ON measured FOR EACH ROW EXECUTE FUNCTION nothing();
ALTER TABLE measured_24 DISABLE TRIGGER spoil;
ALTER TABLE measured_25 ENABLE ALWAYS TRIGGER seen;
DELETE FROM measured WHERE n < 10;
UPDATE measured_24 SET n = 0;
CREATE TEMPORARY TABLE states AS SELECT tgrelid, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal;
SELECT lives_ok($$SELECT backups.restore_table('x_20250205', 'measured', 'rows')$$);
SELECT is(pg_temp.differ('measured', 'backups.measured_backup_20250205'), 0::bigint, 'a partitioned table');
SELECT is_empty('SELECT tgrelid, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal EXCEPT TABLE states',
    'every trigger of every partition has its own state again');

SELECT * FROM finish();
ROLLBACK;
