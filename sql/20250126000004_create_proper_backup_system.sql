-- The backups schema: copies of tables inside the database, and the record of the archives made of it.
--
-- Fit for a fresh database, for one where the first version of this migration was applied, and for running again. It is
-- plain SQL in one transaction, for PostgreSQL 13 to 18; it needs no superuser, only the owner of the schema (or, for a
-- fresh database, the right to create one). Each thing that an upgrade changes is one NOTICE; a run that changes nothing
-- raises none. docs/backups-schema.md describes every object.
--
--   1. what is there already      5. the status view
--   2. tables and presets         6. retention
--   3. names                      7. schedule and checks
--   4. making copies              8. restoring
--                                 9. adopting old copies and closing the schema
--
-- Rules that hold throughout: no function is SECURITY DEFINER, since only the owner is to use them; search_path is pinned,
-- with pg_temp last, so that no object of a caller stands before one of the system; every name goes through %I or
-- quote_ident(); functions that begin with an underscore are internal.

BEGIN;

SET LOCAL client_min_messages = warning;        -- "already exists, skipping" is no change
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL lock_timeout = '60s';

---------------------------------------------------------------------------------------------------------------------------
-- 1. What is there already
---------------------------------------------------------------------------------------------------------------------------

DO $$
DECLARE
    schema_owner name;
BEGIN
    -- Objects that exist before this run: grants on the others cannot be somebody's decision (see section 9).
    PERFORM set_config('larder.caller', current_user, true);
    PERFORM set_config('larder.existing', coalesce((
        SELECT string_agg(o.oid::text, ',')
        FROM (SELECT oid, relnamespace AS nsp FROM pg_class UNION ALL SELECT oid, pronamespace FROM pg_proc) o
        JOIN pg_namespace n ON n.oid = o.nsp
        WHERE n.nspname = 'backups'), ''), true);

    SELECT pg_get_userbyid(nspowner) INTO schema_owner FROM pg_namespace WHERE nspname = 'backups';
    IF schema_owner IS NULL THEN
        CREATE SCHEMA backups;
        SET LOCAL client_min_messages = notice;
        RAISE NOTICE 'created the schema backups';
        SET LOCAL client_min_messages = warning;
    ELSIF schema_owner <> current_user THEN
        IF NOT pg_has_role(current_user, schema_owner, 'MEMBER') THEN
            RAISE EXCEPTION 'the schema backups belongs to %, and % cannot change it', schema_owner, current_user
                USING HINT = format('Apply this migration as %s.', schema_owner), ERRCODE = 'insufficient_privilege';
        END IF;
        -- What a superuser creates here must not become unreadable to the owner of the schema.
        PERFORM set_config('role', schema_owner, true);
    END IF;
END
$$;

-- The first version's view keeps its columns' types from being changed. It is created again, with its grants, in section 5.
DO $$
DECLARE
    dependents text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute
                   WHERE attrelid = to_regclass('backups.backup_metadata') AND attname = 'row_count'
                     AND atttypid = 'integer'::regtype) THEN
        RETURN;
    END IF;
    SELECT string_agg(DISTINCT v.oid::regclass::text, ', ') INTO dependents
    FROM pg_depend d
    JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    JOIN pg_class v ON v.oid = r.ev_class
    WHERE d.refclassid = 'pg_class'::regclass
      AND d.refobjid IN (to_regclass('backups.backup_metadata'), to_regclass('backups.backup_status'))
      AND v.oid IS DISTINCT FROM to_regclass('backups.backup_status');
    IF dependents IS NOT NULL THEN
        RAISE EXCEPTION 'views depend on backups.backup_metadata or backups.backup_status, whose columns must change: %',
                dependents
            USING HINT = 'Drop these views, apply this migration, and create them again.',
                  ERRCODE = 'dependent_objects_still_exist';
    END IF;

    PERFORM set_config('larder.status_acl', coalesce((
        SELECT relacl::text FROM pg_class WHERE oid = to_regclass('backups.backup_status')), ''), true);
    DROP VIEW IF EXISTS backups.backup_status;
    ALTER TABLE backups.backup_metadata
        ALTER COLUMN backup_name TYPE text,
        ALTER COLUMN table_name TYPE text,
        ALTER COLUMN row_count TYPE bigint;
    SET LOCAL client_min_messages = notice;
    RAISE NOTICE 'changed backups.backup_metadata: row_count is bigint, backup_name and table_name are text';
    SET LOCAL client_min_messages = warning;
END
$$;

---------------------------------------------------------------------------------------------------------------------------
-- 2. Tables and presets
---------------------------------------------------------------------------------------------------------------------------

CREATE TABLE IF NOT EXISTS backups.backup_metadata (
    backup_date date NOT NULL,
    backup_name text NOT NULL,
    table_name text NOT NULL,
    row_count bigint,
    backup_size text,
    notes text,
    created_at timestamptz DEFAULT now(),
    PRIMARY KEY (backup_date, backup_name, table_name)
);
ALTER TABLE backups.backup_metadata
    ADD COLUMN IF NOT EXISTS kind text NOT NULL DEFAULT 'copy'
        CONSTRAINT backup_metadata_kind_check CHECK (kind IN ('copy', 'archive')),
    ADD COLUMN IF NOT EXISTS copy_name text,
    ADD COLUMN IF NOT EXISTS held boolean NOT NULL DEFAULT false;

COMMENT ON TABLE backups.backup_metadata IS
    'One row for each table of each backup: of copies inside the database (kind copy) and of archives outside (kind archive)';
COMMENT ON COLUMN backups.backup_metadata.table_name IS
    'The table''s name as SQL writes it: quoted where needed, with its schema where that is not public';
COMMENT ON COLUMN backups.backup_metadata.copy_name IS
    'The table in the schema backups that holds the copy, unquoted; null for archives and for copies that are lost';
COMMENT ON COLUMN backups.backup_metadata.held IS 'Set by backups.hold(): neither retention nor cleanup removes the copy';

CREATE TABLE IF NOT EXISTS backups.presets (
    preset text PRIMARY KEY CHECK (preset ~ '^[a-z][a-z0-9_]*$' AND octet_length(preset) <= 40),
    tables text[] NOT NULL CHECK (cardinality(tables) > 0 AND array_position(tables, NULL) IS NULL),
    keep_days integer CHECK (keep_days > 0),
    every interval CHECK (every > interval '0'),
    copy_format text NOT NULL DEFAULT 'auto' CHECK (copy_format IN ('auto', 'text', 'binary')),
    in_database boolean NOT NULL,
    keep_min integer NOT NULL DEFAULT 3 CHECK (keep_min > 0),
    stamp text NOT NULL DEFAULT 'YYYYMMDD' CHECK (stamp IN ('YYYYMMDD', 'YYYYMMDD_HH24MI', 'YYYYMMDD_HH24MISS')),
    description text
);
COMMENT ON TABLE backups.presets IS 'What is backed up together, how often, and for how long it is kept';
COMMENT ON COLUMN backups.presets.tables IS
    'Names and patterns as in psql (public.*); a leading ! leaves out; a name without a schema is in public';
COMMENT ON COLUMN backups.presets.keep_days IS 'Null: kept until removed by hand';
COMMENT ON COLUMN backups.presets.every IS 'Null: made by hand, on no schedule';
COMMENT ON COLUMN backups.presets.in_database IS 'Whether backups.schedule() makes copies of it inside the database';
COMMENT ON COLUMN backups.presets.keep_min IS 'How many archives are kept at least; copies: always the newest good one';
COMMENT ON COLUMN backups.presets.stamp IS 'What backups.run_preset() puts behind the preset''s name, in UTC';

-- Rows that somebody changed stay as they are.
INSERT INTO backups.presets (preset, tables, keep_days, every, copy_format, in_database, stamp, description) VALUES
    ('daily', '{profiles,user_follows,recipe_uploads,user_interactions,saved_recipe_videos}',
        7, '1 day', 'auto', true, 'YYYYMMDD', 'operational recovery'),
    ('weekly', '{profiles,user_follows,recipe_uploads,user_interactions,saved_recipe_videos,recipe_comments,user_stock,'
        'meal_plans}', 30, '7 days', 'auto', true, 'YYYYMMDD', 'complete restore'),
    ('pre_deployment', '{profiles,user_follows,recipe_uploads,user_interactions}',
        60, NULL, 'auto', true, 'YYYYMMDD_HH24MI', 'rollback of a release'),
    ('production', '{profiles,user_follows,recipe_uploads,user_interactions,saved_recipe_videos,recipe_comments,user_stock}',
        NULL, NULL, 'auto', true, 'YYYYMMDD', 'full production copy'),
    ('monthly', '{profiles,user_follows,recipe_uploads,user_interactions,saved_recipe_videos,recipe_comments,user_stock,'
        'meal_plans}', 365, '1 month', 'text', false, 'YYYYMMDD', 'long-term archive'),
    ('everything', '{*.*,auth.users,auth.identities}',
        30, NULL, 'auto', false, 'YYYYMMDD', 'every table of every user schema, and the accounts where they are readable')
ON CONFLICT (preset) DO NOTHING;

CREATE TABLE IF NOT EXISTS backups.archives (
    backup_name text,
    preset text,
    source text,
    location text,
    sha256 text,
    bytes bigint,
    raw_bytes bigint,
    row_count bigint,
    encrypted boolean,
    snapshot text,
    started_at timestamptz,
    finished_at timestamptz,
    larder_version text,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, backup_name, location)
);
COMMENT ON TABLE backups.archives IS 'One row for each archive that larder export wrote of this database';

CREATE TABLE IF NOT EXISTS backups.drills (
    archive text,
    backup_name text,
    preset text,
    agree boolean,
    seconds double precision,
    rows bigint,
    details jsonb,
    drilled_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE backups.drills IS 'One row for each time that an archive was loaded and compared by larder drill';

---------------------------------------------------------------------------------------------------------------------------
-- 3. Names
---------------------------------------------------------------------------------------------------------------------------

-- The relation that a user's entry names: SQL's spelling first (profiles, auth.users, "My table"), else the letters as they
-- stand, in public, as the first version took them (My table). Null where there is none.
CREATE OR REPLACE FUNCTION backups._find_table(entry text) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parts text[];
    found_oid oid;
BEGIN
    BEGIN
        parts := parse_ident(entry);
    EXCEPTION WHEN invalid_parameter_value THEN
        parts := ARRAY[entry];
    END;
    IF cardinality(parts) = 1 THEN
        parts := ARRAY['public', parts[1]];
    END IF;
    SELECT c.oid INTO found_oid
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE cardinality(parts) = 2 AND n.nspname = parts[1] AND c.relname IN (parts[2], entry)
      AND (c.relname = parts[2] OR n.nspname = 'public')
    ORDER BY c.relname = parts[2] DESC
    LIMIT 1;
    RETURN found_oid;
END
$$;

-- A relation's name as backup_metadata.table_name writes it.
CREATE OR REPLACE FUNCTION backups._label(relation oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN n.nspname = 'public' THEN '' ELSE quote_ident(n.nspname) || '.' END || quote_ident(c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = relation
$$;

-- The stamp at the end of a backup's name (20250126, 20250126_1430, 20250126_143059), else today's.
CREATE OR REPLACE FUNCTION backups._stamp(backup_name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(substring(backup_name FROM '(?:^|[^0-9])([0-9]{8}(?:_[0-9]{4}(?:[0-9]{2})?)?)$'),
                    to_char(current_date, 'YYYYMMDD'))
$$;

-- A free name for a copy: TABLE_backup_STAMP, with _2, _3, ... where that is taken, and TABLE cut short where the whole
-- would be longer than a name may be. The advisory lock keeps a name from two sessions that choose at the same time.
CREATE OR REPLACE FUNCTION backups._free_copy_name(table_name text, stamp text, taken text[]) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    base text;
    suffix text;
    quoted text;
    n integer := 1;
BEGIN
    LOOP
        suffix := '_backup_' || stamp || CASE WHEN n > 1 THEN '_' || n ELSE '' END;
        base := table_name;
        WHILE octet_length(base || suffix) > current_setting('max_identifier_length')::integer LOOP
            base := left(base, -1);
        END LOOP;
        quoted := 'backups.' || quote_ident(base || suffix);
        IF base || suffix <> ALL (taken) AND to_regclass(quoted) IS NULL AND to_regtype(quoted) IS NULL
           AND pg_try_advisory_xact_lock(hashtextextended(quoted, 0)) THEN
            RETURN base || suffix;
        END IF;
        n := n + 1;
    END LOOP;
END
$$;

-- The number of rows in a copy; null where it does not exist, or where the caller cannot read all of it.
CREATE OR REPLACE FUNCTION backups._copy_rows(copy_name text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
DECLARE
    copy regclass := to_regclass('backups.' || quote_ident(copy_name));
    n bigint;
BEGIN
    IF copy IS NULL OR NOT has_table_privilege(copy, 'SELECT') OR row_security_active(copy) THEN
        RETURN NULL;
    END IF;
    EXECUTE format('SELECT count(*) FROM %s', copy) INTO n;
    RETURN n;
END
$$;

-- When a backup was made: created_at, unless backup_date names another day (then that day's beginning).
CREATE OR REPLACE FUNCTION backups._made_at(backup_date date, created_at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN created_at::date = backup_date THEN created_at ELSE backup_date::timestamptz END
$$;

-- Closes a table to everyone but its owner. RLS is not forced: the owner must be able to read every row.
CREATE OR REPLACE FUNCTION backups._close(relation regclass) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    grantee text;
BEGIN
    FOR grantee IN
        SELECT DISTINCT CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(g.grantee)) END
        FROM pg_class c
        CROSS JOIN LATERAL (
            SELECT a.grantee FROM aclexplode(c.relacl) a
            UNION ALL
            SELECT a.grantee FROM pg_attribute t, aclexplode(t.attacl) a WHERE t.attrelid = c.oid) g
        WHERE c.oid = relation AND g.grantee <> c.relowner
    LOOP
        EXECUTE format('REVOKE ALL ON TABLE %s FROM %s CASCADE', relation, grantee);
    END LOOP;
    IF NOT (SELECT relrowsecurity FROM pg_class WHERE oid = relation) THEN
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
    END IF;
END
$$;

---------------------------------------------------------------------------------------------------------------------------
-- 4. Making copies
---------------------------------------------------------------------------------------------------------------------------

-- Why a table cannot be copied by this role; null where it can.
CREATE OR REPLACE FUNCTION backups._why_not(relation oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
    SELECT CASE
        WHEN c.relkind NOT IN ('r', 'p') THEN format('%s is %s, not a table', backups._label(c.oid),
            CASE c.relkind WHEN 'v' THEN 'a view' WHEN 'm' THEN 'a materialized view' WHEN 'f' THEN 'a foreign table'
                           WHEN 'S' THEN 'a sequence' WHEN 'i' THEN 'an index' WHEN 'I' THEN 'an index' ELSE 'a type' END)
        WHEN n.nspname = 'backups' THEN format('table %s is part of the schema backups itself', backups._label(c.oid))
        WHEN n.nspname = 'information_schema' OR starts_with(n.nspname, 'pg_') THEN
            format('table %s is a system or temporary table', backups._label(c.oid))
        WHEN NOT has_schema_privilege(n.oid, 'USAGE') OR NOT has_table_privilege(c.oid, 'SELECT') THEN
            format('%s may not read table %s, which belongs to %s', current_user, backups._label(c.oid),
                   pg_get_userbyid(c.relowner))
        WHEN row_security_active(c.oid) THEN
            format('row level security would hide rows of table %s from %s', backups._label(c.oid), current_user)
    END
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = relation
$$;

CREATE OR REPLACE FUNCTION backups.create_backup(backup_name text, table_list text[]) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
-- A role that RLS limits gets an error, never a copy of the rows it may see.
SET row_security = off AS $$
DECLARE
    problems text[] := '{}';
    problem text;
    entry text;
    relation oid;
    relations oid[] := '{}';
    sources text[] := '{}';         -- qualified and quoted, beside relations
    copies text[] := '{}';
    size bigint;
    n bigint;
    total_rows bigint := 0;
    total_size bigint := 0;
BEGIN
    -- Everything that can be wrong is found before anything is created.
    IF coalesce(create_backup.backup_name, '') = '' THEN
        problems := problems || 'the backup has no name'::text;
    ELSIF EXISTS (SELECT FROM backups.backup_metadata m WHERE m.backup_name = create_backup.backup_name) THEN
        problems := problems || format('a backup named "%s" exists already', create_backup.backup_name);
    ELSIF NOT pg_try_advisory_xact_lock(hashtextextended('backup ' || create_backup.backup_name, 0)) THEN
        problems := problems || format('another session is making a backup named "%s"', create_backup.backup_name);
    END IF;
    IF coalesce(cardinality(table_list), 0) = 0 THEN
        problems := problems || 'no table is named'::text;
    ELSE
        FOREACH entry IN ARRAY table_list LOOP
            relation := backups._find_table(entry);
            problem := CASE
                WHEN entry IS NULL THEN 'a table''s name is null'
                WHEN relation IS NULL THEN format('table %s does not exist', entry)
                WHEN relation = ANY (relations) THEN format('table %s is named twice', backups._label(relation))
                ELSE backups._why_not(relation) END;
            IF problem IS NOT NULL THEN
                problems := problems || problem;
            ELSE
                relations := relations || relation;
                sources := sources || relation::regclass::text;
            END IF;
        END LOOP;
    END IF;
    IF problems <> '{}' THEN
        RAISE EXCEPTION 'backup "%" was not made: %', create_backup.backup_name, array_to_string(problems, '; ')
            USING HINT = 'Nothing was created. A table outside of public is written schema.table; backups are listed in '
                         'backups.backup_status.', ERRCODE = 'invalid_parameter_value';
    END IF;

    -- The locks come first: a TRUNCATE that commits between a statement's snapshot and its read would copy 0 rows.
    EXECUTE 'LOCK TABLE ' || array_to_string(sources, ', ') || ' IN ACCESS SHARE MODE';
    FOR i IN 1 .. cardinality(relations) LOOP
        IF to_regclass(sources[i]) IS DISTINCT FROM relations[i] THEN
            RAISE EXCEPTION 'backup "%" was not made: table % was replaced meanwhile', create_backup.backup_name, sources[i]
                USING HINT = 'Nothing was created. Run it again.', ERRCODE = 'object_in_use';
        END IF;
    END LOOP;

    -- An older snapshot of the caller's transaction sees no row of a table that was emptied or rewritten since.
    WITH RECURSIVE tree(oid) AS (
        SELECT unnest(relations)
        UNION
        SELECT h.inhrelid FROM pg_inherits h JOIN tree t ON h.inhparent = t.oid)
    SELECT string_agg(backups._label(c.oid), ', ') INTO problem
    FROM tree JOIN pg_class c ON c.oid = tree.oid
    WHERE c.relfilenode <> 0 AND c.relfilenode IS DISTINCT FROM pg_relation_filenode(c.oid);
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'backup "%" was not made: truncated or rewritten since this transaction began: %',
                create_backup.backup_name, problem
            USING HINT = 'Nothing was created. Run it in a new transaction.', ERRCODE = 'serialization_failure';
    END IF;

    FOR i IN 1 .. cardinality(relations) LOOP
        copies := copies || backups._free_copy_name(
            (SELECT relname::text FROM pg_class WHERE oid = relations[i]), backups._stamp(create_backup.backup_name), copies);
        EXECUTE format('CREATE TABLE backups.%I AS SELECT * FROM %s WITH NO DATA', copies[i], sources[i]);
        PERFORM backups._close(format('backups.%I', copies[i])::regclass);
    END LOOP;

    -- One statement has one snapshot, under READ COMMITTED too: all copies are of the same moment.
    EXECUTE (
        SELECT 'WITH ' || string_agg(format('c%s AS (INSERT INTO backups.%I SELECT * FROM %s)', i, copies[i], sources[i]), ', ')
               || ' SELECT 1'
        FROM generate_subscripts(copies, 1) i);

    FOR i IN 1 .. cardinality(copies) LOOP
        EXECUTE format('SELECT count(*) FROM backups.%I', copies[i]) INTO n;
        size := pg_total_relation_size(format('backups.%I', copies[i])::regclass);
        INSERT INTO backups.backup_metadata (backup_date, backup_name, table_name, row_count, backup_size, kind, copy_name)
        VALUES (current_date, create_backup.backup_name, backups._label(relations[i]), n, pg_size_pretty(size), 'copy',
                copies[i]);
        total_rows := total_rows + n;
        total_size := total_size + size;
    END LOOP;
    RETURN format('backup %s: %s tables, %s rows, %s', create_backup.backup_name, cardinality(copies), total_rows,
                  pg_size_pretty(total_size));
END
$$;
COMMENT ON FUNCTION backups.create_backup(text, text[]) IS
    'Copies the tables, all as of one moment, into the schema backups, and records them under the given name';

-- An entry of presets.tables as regular expressions for schema and name: * and ? are wild outside of double quotes, letters
-- outside of them are folded to lower case, and a leading ! turns it into an exception.
CREATE OR REPLACE FUNCTION backups._pattern(entry text, OUT schema_re text, OUT name_re text, OUT excludes boolean,
    OUT wild_schema boolean, OUT wild boolean)
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    letter text;
    quoted boolean := false;
    part text := '';
BEGIN
    excludes := starts_with(entry, '!');
    wild_schema := false;
    wild := false;
    FOREACH letter IN ARRAY regexp_split_to_array(CASE WHEN excludes THEN substr(entry, 2) ELSE entry END, '') LOOP
        IF letter = '"' THEN
            quoted := NOT quoted;
        ELSIF letter = '.' AND NOT quoted THEN
            IF schema_re IS NOT NULL THEN
                RAISE EXCEPTION 'the table name or pattern % has too many parts', entry
                    USING HINT = 'Write table or schema.table.', ERRCODE = 'invalid_parameter_value';
            END IF;
            schema_re := part;
            wild_schema := wild;
            part := '';
        ELSIF letter IN ('*', '?') AND NOT quoted THEN
            wild := true;
            part := part || CASE letter WHEN '*' THEN '.*' ELSE '.' END;
        ELSE
            part := part || regexp_replace(CASE WHEN quoted THEN letter ELSE lower(letter) END, '([^[:alnum:]_])', '\\\1');
        END IF;
    END LOOP;
    schema_re := '^(' || coalesce(schema_re, 'public') || ')$';
    name_re := '^(' || part || ')$';
END
$$;

-- The tables that a preset's list stands for; relation is null for a plain name that does not exist. A pattern takes tables,
-- not views, and a partitioned table instead of its partitions; a schema that is given by a pattern is one of the user's:
-- not the system's, not the platform's (Supabase), not an extension's.
CREATE OR REPLACE FUNCTION backups._expand(tables text[]) RETURNS TABLE (entry text, wild boolean, relation oid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH patterns AS (
        SELECT e.entry, e.position, p.* FROM unnest(tables) WITH ORDINALITY e (entry, position), backups._pattern(e.entry) p
    ), candidates AS (
        SELECT c.oid, c.relname::text, n.nspname::text,
               n.nspname NOT IN ('information_schema', 'backups', 'auth', 'storage', 'realtime', '_realtime', 'vault',
                   'graphql', 'graphql_public', 'extensions', 'pgsodium', 'pgsodium_masks', 'supabase_functions',
                   'supabase_migrations', 'net', 'cron', 'pgbouncer', '_analytics', '_supavisor')
               AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                               AND d.deptype = 'e') AS users
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' AND NOT starts_with(n.nspname, 'pg_')
    ), matches AS (
        SELECT p.entry, p.position, p.wild, c.oid
        FROM patterns p JOIN candidates c
            ON c.nspname COLLATE "C" ~ p.schema_re AND c.relname COLLATE "C" ~ p.name_re AND (c.users OR NOT p.wild_schema)
        WHERE p.wild AND NOT p.excludes
        UNION ALL
        SELECT p.entry, p.position, p.wild, backups._find_table(p.entry) FROM patterns p WHERE NOT p.wild AND NOT p.excludes
    )
    SELECT DISTINCT ON (m.oid, CASE WHEN m.oid IS NULL THEN m.position END) m.entry, m.wild, m.oid
    FROM matches m LEFT JOIN pg_class c ON c.oid = m.oid LEFT JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE NOT EXISTS (
        SELECT FROM patterns x
        WHERE x.excludes AND n.nspname::text COLLATE "C" ~ x.schema_re AND c.relname::text COLLATE "C" ~ x.name_re)
    ORDER BY m.oid, CASE WHEN m.oid IS NULL THEN m.position END, m.wild
$$;

CREATE OR REPLACE FUNCTION backups.run_preset(preset text) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
DECLARE
    chosen backups.presets;
    stamp text;
    name text;
    names text[];
    left_out text[];
BEGIN
    SELECT p.* INTO chosen FROM backups.presets p WHERE p.preset = run_preset.preset;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no preset "%"', run_preset.preset
            USING HINT = format('The presets are: %s.', (SELECT string_agg(p.preset, ', ' ORDER BY p.preset)
                                                         FROM backups.presets p)), ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Beside *.* a plain name is an addition that not every database has, or may read; elsewhere it is asked for.
    SELECT array_agg(CASE WHEN x.relation IS NULL THEN x.entry ELSE backups._label(x.relation) END ORDER BY x.entry, x.relation)
               FILTER (WHERE NOT x.extra),
           array_agg(x.entry ORDER BY x.entry) FILTER (WHERE x.extra)
    INTO names, left_out
    FROM (SELECT e.*, '*.*' = ANY (chosen.tables) AND NOT e.wild
                      AND (e.relation IS NULL OR backups._why_not(e.relation) IS NOT NULL) AS extra
          FROM backups._expand(chosen.tables) e) x;
    IF names IS NULL THEN
        RAISE EXCEPTION 'the preset "%" fits no table', chosen.preset
            USING HINT = format('Its tables are: %s.', array_to_string(chosen.tables, ', ')),
                  ERRCODE = 'invalid_parameter_value';
    END IF;
    -- A second run on the same day, or in the same minute, gets a finer stamp.
    FOREACH stamp IN ARRAY ARRAY['YYYYMMDD', 'YYYYMMDD_HH24MI', 'YYYYMMDD_HH24MISS'] LOOP
        CONTINUE WHEN length(stamp) < length(chosen.stamp);
        name := chosen.preset || '_' || to_char(clock_timestamp() AT TIME ZONE 'UTC', stamp);
        EXIT WHEN NOT EXISTS (SELECT FROM backups.backup_metadata m WHERE m.backup_name = name);
    END LOOP;
    RETURN backups.create_backup(name, names) || coalesce('; left out: ' || array_to_string(left_out, ', '), '');
END
$$;
COMMENT ON FUNCTION backups.run_preset(text) IS 'Makes a backup of a preset''s tables, named after the preset and the time';

---------------------------------------------------------------------------------------------------------------------------
-- 5. The status view
---------------------------------------------------------------------------------------------------------------------------

-- The columns of the first version come first, in their order. intact counts the rows of the copies: leave the column out
-- of a query where that takes too long. It is null for archives, and where the caller may not read the copies.
CREATE OR REPLACE VIEW backups.backup_status AS
SELECT m.backup_date,
       m.backup_name,
       count(*) AS table_count,
       sum(m.row_count)::bigint AS total_rows,
       string_agg(m.table_name, ', ' ORDER BY m.table_name) AS tables_backed_up,
       min(m.created_at) AS backup_created_at,
       m.kind,
       pg_size_pretty(CASE m.kind
           WHEN 'copy' THEN sum(pg_total_relation_size(to_regclass('backups.' || quote_ident(m.copy_name))))::bigint
           ELSE (SELECT max(a.bytes) FROM backups.archives a WHERE a.backup_name = m.backup_name) END) AS size,
       date_trunc('second', now() - backups._made_at(m.backup_date, min(m.created_at))) AS age,
       CASE WHEN NOT bool_or(m.held) THEN
           backups._made_at(m.backup_date, min(m.created_at)) + make_interval(days => p.keep_days) END AS expires_at,
       bool_or(m.held) AS held,
       CASE m.kind WHEN 'copy' THEN bool_and(
           CASE WHEN to_regclass('backups.' || quote_ident(m.copy_name)) IS NULL THEN false
                ELSE backups._copy_rows(m.copy_name) = m.row_count END) END AS intact
FROM backups.backup_metadata m
LEFT JOIN backups.presets p ON m.backup_name ~ ('^' || p.preset || '_[0-9]{8}(_[0-9]{4}([0-9]{2})?)?$')
GROUP BY m.backup_date, m.backup_name, m.kind, p.keep_days
ORDER BY m.backup_date DESC, min(m.created_at) DESC, m.backup_name;
COMMENT ON VIEW backups.backup_status IS 'One row for each backup: its tables, rows, size, age, expiry, and whether it is whole';

-- The grants of the view that section 1 dropped; what is too wide of them goes in section 9.
DO $$
DECLARE
    g record;
BEGIN
    FOR g IN
        SELECT a.privilege_type, a.is_grantable,
               CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
        FROM aclexplode(nullif(current_setting('larder.status_acl', true), '')::aclitem[]) a
        WHERE a.grantee <> (SELECT relowner FROM pg_class WHERE oid = 'backups.backup_status'::regclass)
    LOOP
        EXECUTE format('GRANT %s ON backups.backup_status TO %s', g.privilege_type, g.grantee)
                || CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END;
    END LOOP;
END
$$;

---------------------------------------------------------------------------------------------------------------------------
-- 9. Adopting old copies and closing the schema
---------------------------------------------------------------------------------------------------------------------------

SET LOCAL client_min_messages = notice;

-- The first version named its copies BACKUP_TABLE, cut to 63 bytes, and those that it made itself TABLE_backup_DATE.
DO $$
DECLARE
    m backups.backup_metadata;
    candidate text;
BEGIN
    FOR pass IN 1 .. 2 LOOP
        FOR m IN SELECT * FROM backups.backup_metadata
                 WHERE kind = 'copy' AND copy_name IS NULL ORDER BY created_at, backup_name, table_name LOOP
            SELECT c.relname INTO candidate
            FROM pg_class c
            WHERE c.relnamespace = 'backups'::regnamespace AND c.relkind = 'r'
              AND c.relname IN (CASE pass WHEN 1 THEN (m.backup_name || '_' || m.table_name)::name
                                          ELSE (m.table_name || '_backup_' || to_char(m.backup_date, 'YYYYMMDD'))::name END)
              AND NOT EXISTS (SELECT FROM backups.backup_metadata o WHERE o.copy_name = c.relname);
            CONTINUE WHEN NOT FOUND;
            UPDATE backups.backup_metadata o
            SET copy_name = candidate,
                row_count = coalesce(o.row_count, backups._copy_rows(candidate)),
                backup_size = coalesce(o.backup_size,
                                       pg_size_pretty(pg_total_relation_size(format('backups.%I', candidate)::regclass)))
            WHERE (o.backup_date, o.backup_name, o.table_name) = (m.backup_date, m.backup_name, m.table_name);
            RAISE NOTICE 'adopted backups.% as the copy of % in backup %', quote_ident(candidate), m.table_name, m.backup_name;
        END LOOP;
    END LOOP;
END
$$;

-- Back to the caller, who may be allowed to close what the schema's owner does not own.
DO $$
BEGIN
    PERFORM set_config('role', current_setting('larder.caller'), true)
    WHERE current_setting('larder.caller') <> current_user;
END
$$;

-- Nobody but the owner is to read a copy. Of the other objects, a grant to a role of somebody's own (a dashboard's) on
-- what was there before stays; the roles that requests from outside carry, and whatever default privileges added, do not.
DO $$
DECLARE
    outside oid[] := ARRAY[0::oid] || ARRAY(
        SELECT oid FROM pg_roles WHERE rolname IN ('anon', 'authenticated', 'authenticator', 'service_role'));
    existing oid[] := string_to_array(nullif(current_setting('larder.existing'), ''), ',')::oid[];
    o record;
BEGIN
    FOR o IN
        WITH objects AS (
            SELECT n.oid, 'SCHEMA' AS kind, quote_ident(n.nspname) AS name, n.nspowner AS owner,
                   coalesce(n.nspacl, acldefault('n', n.nspowner)) AS acl, true AS existed, false AS is_copy
            FROM pg_namespace n WHERE n.nspname = 'backups'
            UNION ALL
            SELECT c.oid, CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass::text, c.relowner,
                   nullif(c.relacl || (SELECT array_agg(i) FROM pg_attribute t, unnest(t.attacl) i WHERE t.attrelid = c.oid),
                          '{}'),
                   c.oid = ANY (existing),
                   c.relkind IN ('r', 'p')
                       AND c.relname NOT IN ('backup_metadata', 'presets', 'archives', 'drills')
            FROM pg_class c
            WHERE c.relnamespace = 'backups'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
            UNION ALL
            SELECT p.oid, CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, p.oid::regprocedure::text, p.proowner,
                   coalesce(p.proacl, acldefault('f', p.proowner)), p.oid = ANY (existing), false
            FROM pg_proc p
            WHERE p.pronamespace = 'backups'::regnamespace AND p.prokind IN ('f', 'p', 'w')
        )
        SELECT x.kind, x.name, coalesce(x.existed, false) AS existed,
               string_agg(DISTINCT a.privilege_type, ', ') AS privileges,
               CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
        FROM objects x, aclexplode(x.acl) a
        WHERE a.grantee <> x.owner AND (x.is_copy OR a.grantee = ANY (outside) OR x.existed IS NOT TRUE)
        GROUP BY x.kind, x.name, x.existed, a.grantee
        ORDER BY x.kind DESC, x.name, a.grantee
    LOOP
        BEGIN
            EXECUTE format('REVOKE ALL ON %s %s FROM %s CASCADE', o.kind, o.name, o.grantee);
            IF o.existed THEN
                RAISE NOTICE 'revoked % on % from %', o.privileges, o.name, o.grantee;
            END IF;
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE WARNING 'could not revoke % on % from %: it belongs to somebody else', o.privileges, o.name, o.grantee;
        END;
    END LOOP;

    FOR o IN
        SELECT c.oid::regclass::text AS name, c.oid = ANY (existing) AS existed, pg_get_userbyid(c.relowner) AS owner
        FROM pg_class c
        WHERE c.relnamespace = 'backups'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relrowsecurity
        ORDER BY 1
    LOOP
        BEGIN
            EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', o.name);
            IF o.existed THEN
                RAISE NOTICE 'enabled row level security on %', o.name;
            END IF;
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE WARNING 'could not enable row level security on %: it belongs to %', o.name, o.owner;
        END;
    END LOOP;

    FOR o IN
        SELECT DISTINCT quote_ident(pg_get_userbyid(d.defaclrole)) AS owner,
               CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' ELSE 'TYPES' END
                   AS objects,
               CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
        FROM pg_default_acl d, aclexplode(d.defaclacl) a
        WHERE d.defaclnamespace = 'backups'::regnamespace AND a.grantee <> d.defaclrole
    LOOP
        BEGIN
            EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %s IN SCHEMA backups REVOKE ALL ON %s FROM %s',
                           o.owner, o.objects, o.grantee);
            RAISE NOTICE 'revoked the default privileges that % grants on % of schema backups to %',
                o.owner, lower(o.objects), o.grantee;
        EXCEPTION WHEN insufficient_privilege THEN
            RAISE WARNING 'could not revoke the default privileges that % grants on % of schema backups to %',
                o.owner, lower(o.objects), o.grantee;
        END;
    END LOOP;

    -- Whoever may see the status needs the functions that it calls; they tell nothing that their caller cannot read.
    FOR o IN
        SELECT DISTINCT quote_ident(pg_get_userbyid(a.grantee)) AS grantee
        FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = 'backups.backup_status'::regclass AND a.grantee <> c.relowner
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION backups._made_at(date, timestamptz), backups._copy_rows(text) TO %s',
                       o.grantee);
    END LOOP;

    FOR o IN
        SELECT x.name, pg_get_userbyid(x.owner) AS owner
        FROM pg_namespace n
        CROSS JOIN LATERAL (
            SELECT c.oid::regclass::text AS name, c.relowner AS owner FROM pg_class c
            WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
            UNION ALL
            SELECT p.oid::regprocedure::text, p.proowner FROM pg_proc p WHERE p.pronamespace = n.oid) x
        WHERE n.nspname = 'backups' AND x.owner <> n.nspowner
    LOOP
        RAISE WARNING '% in the schema backups belongs to %, not to the owner of the schema', o.name, o.owner;
    END LOOP;
END
$$;

COMMIT;
