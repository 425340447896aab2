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

------------------------------------------------------------------------------------------------------------------------
-- 1. What is there already
------------------------------------------------------------------------------------------------------------------------

DO $$
DECLARE
    schema_owner name;
BEGIN
    -- Objects that exist before this run: grants on the others cannot be somebody's decision (see section 9).
    PERFORM set_config('larder.caller', current_user, true);
    PERFORM set_config('larder.existing', coalesce((
        SELECT string_agg(o.oid::text, ',')
        FROM (SELECT oid, relnamespace AS nsp FROM pg_class UNION ALL SELECT oid, pronamespace FROM pg_proc
              UNION ALL SELECT oid, oid FROM pg_namespace) o
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
                   WHERE attrelid IN (to_regclass('backups.backup_metadata'), to_regclass('backups.backup_status'))
                     AND (attname IN ('row_count', 'total_rows') AND atttypid <> 'bigint'::regtype
                          OR attname IN ('backup_name', 'table_name') AND atttypid <> 'text'::regtype)) THEN
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

------------------------------------------------------------------------------------------------------------------------
-- 2. Tables and presets
------------------------------------------------------------------------------------------------------------------------

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
    'One row for each table of each backup: copies inside the database (kind copy), archives outside (kind archive)';
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
ALTER TABLE backups.presets
    ADD COLUMN IF NOT EXISTS shrink_alarm integer DEFAULT 50
        CONSTRAINT presets_shrink_alarm_check CHECK (shrink_alarm BETWEEN 1 AND 100);
-- Rows that had more before stay, and are to be corrected by whoever changes them.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint
                   WHERE conrelid = 'backups.presets'::regclass AND conname = 'presets_keep_days_most') THEN
        ALTER TABLE backups.presets
            ADD CONSTRAINT presets_keep_days_most CHECK (keep_days <= 36500) NOT VALID;
    END IF;
END
$$;
COMMENT ON COLUMN backups.presets.shrink_alarm IS
    'Percent of its rows that a table may lose from one archive to the next without an alarm; null: any number';
COMMENT ON TABLE backups.presets IS 'What is backed up together, how often, and for how long it is kept';
COMMENT ON COLUMN backups.presets.tables IS
    'Names and patterns as in psql (public.*); a leading ! leaves out; a name without a schema is in public';
COMMENT ON COLUMN backups.presets.keep_days IS 'Null: kept until removed by hand';
COMMENT ON COLUMN backups.presets.every IS 'Null: made by hand, on no schedule';
COMMENT ON COLUMN backups.presets.in_database IS 'Whether backups.schedule() makes copies of it inside the database';
COMMENT ON COLUMN backups.presets.keep_min IS 'How many archives are kept at least; copies: always the newest good one';
COMMENT ON COLUMN backups.presets.stamp IS 'What backups.run_preset() puts behind the preset''s name, in UTC';

-- Rows that somebody changed stay as they are.
-- Nobody is granted anything; a role that an owner grants SELECT to (for exports from outside, say) shall see the rows, too.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = 'backups.presets'::regclass) THEN
        CREATE POLICY "Presets are seen by those who are granted them" ON backups.presets
            FOR SELECT USING (current_user NOT IN ('anon', 'authenticated'));
    END IF;
END
$$;

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

------------------------------------------------------------------------------------------------------------------------
-- 3. Names
------------------------------------------------------------------------------------------------------------------------

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

------------------------------------------------------------------------------------------------------------------------
-- 4. Making copies
------------------------------------------------------------------------------------------------------------------------

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
            (SELECT relname::text FROM pg_class WHERE oid = relations[i]), backups._stamp(create_backup.backup_name),
            copies);
        EXECUTE format('CREATE TABLE backups.%I AS SELECT * FROM %s WITH NO DATA', copies[i], sources[i]);
        PERFORM backups._close(format('backups.%I', copies[i])::regclass);
    END LOOP;

    -- One statement has one snapshot, under READ COMMITTED too: all copies are of the same moment.
    EXECUTE (
        SELECT format('WITH %s SELECT 1', string_agg(
            format('c%s AS (INSERT INTO backups.%I SELECT * FROM %s)', i, copies[i], sources[i]), ', '))
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
-- outside of them are folded to lower case as SQL does it, two double quotes within them are one, and a leading ! turns it
-- into an exception.
CREATE OR REPLACE FUNCTION backups._pattern(entry text, OUT schema_re text, OUT name_re text, OUT excludes boolean,
    OUT wild_schema boolean, OUT wild boolean)
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    letter text;
    quoted boolean := false;
    closed boolean := false;        -- by the letter before
    part text := '';
BEGIN
    excludes := starts_with(entry, '!');
    wild_schema := false;
    wild := false;
    FOREACH letter IN ARRAY regexp_split_to_array(CASE WHEN excludes THEN substr(entry, 2) ELSE entry END, '') LOOP
        IF letter = '"' THEN
            part := part || CASE WHEN closed THEN '\"' ELSE '' END;
            closed := quoted;
            quoted := NOT quoted;
            CONTINUE;
        END IF;
        closed := false;
        IF letter = '.' AND NOT quoted THEN
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
            part := part || regexp_replace(CASE WHEN quoted THEN letter
                ELSE translate(letter, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') END,
                '([^[:alnum:]_])', '\\\1');
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
               n.nspname NOT IN ('information_schema', 'backups')
               -- The platform's own, where this is Supabase: elsewhere a schema of such a name is a user's.
               AND NOT (n.nspname IN ('auth', 'storage', 'realtime', '_realtime', 'vault', 'graphql', 'graphql_public',
                       'extensions', 'pgsodium', 'pgsodium_masks', 'supabase_functions', 'supabase_migrations', 'net',
                       'cron', 'pgbouncer', '_analytics', '_supavisor')
                   AND (SELECT count(*) = 3 FROM pg_roles WHERE rolname IN ('anon', 'authenticated', 'service_role')))
               AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                               AND d.deptype = 'e') AS users
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't'
          AND NOT starts_with(n.nspname, 'pg_')
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
    SELECT array_agg(CASE WHEN x.relation IS NULL THEN x.entry ELSE backups._label(x.relation) END
                     ORDER BY x.entry, x.relation) FILTER (WHERE NOT x.extra),
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

------------------------------------------------------------------------------------------------------------------------
-- 5. The status view
------------------------------------------------------------------------------------------------------------------------

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
COMMENT ON VIEW backups.backup_status IS
    'One row for each backup: its tables, rows, size, age, expiry, and whether it is whole';

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
        PERFORM set_config('larder.existing', concat_ws(',', nullif(current_setting('larder.existing'), ''),
                                                        'backups.backup_status'::regclass::oid), true);
    END LOOP;
END
$$;

------------------------------------------------------------------------------------------------------------------------
-- 6. Retention
------------------------------------------------------------------------------------------------------------------------

-- The backups that have copies, with the preset that their name says.
CREATE OR REPLACE FUNCTION backups._backups() RETURNS TABLE (backup_date date, backup_name text, preset text,
    keep_days integer, made_at timestamptz, held boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.backup_date, m.backup_name, p.preset, p.keep_days, backups._made_at(m.backup_date, min(m.created_at)),
           bool_or(m.held)
    FROM backups.backup_metadata m
    LEFT JOIN backups.presets p ON m.backup_name ~ ('^' || p.preset || '_[0-9]{8}(_[0-9]{4}([0-9]{2})?)?$')
    WHERE m.kind = 'copy'
    GROUP BY m.backup_date, m.backup_name, p.preset, p.keep_days
$$;

-- Whether every copy of a backup exists and has the rows that were recorded.
CREATE OR REPLACE FUNCTION backups._intact(on_date date, named text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(bool_and(coalesce(backups._copy_rows(m.copy_name) = m.row_count, false)), false)
    FROM backups.backup_metadata m
    WHERE m.backup_date = on_date AND m.backup_name = named AND m.kind = 'copy'
$$;

-- Drops the copies of one backup with their metadata, one row each. A copy that cannot be dropped stays, and says why.
CREATE OR REPLACE FUNCTION backups._remove(on_date date, named text, dry_run boolean)
RETURNS TABLE (backup_name text, table_name text, action text, reason text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    m backups.backup_metadata;
    detail text;
BEGIN
    -- It may be held since the backups were listed. The locks keep it as it is from here on.
    IF NOT dry_run THEN
        BEGIN
            PERFORM FROM backups.backup_metadata o
            WHERE o.backup_date = on_date AND o.backup_name = named AND o.kind = 'copy' FOR UPDATE;
            reason := (SELECT 'held by backups.hold()' FROM backups.backup_metadata o
                       WHERE o.backup_date = on_date AND o.backup_name = named AND o.kind = 'copy' AND o.held LIMIT 1);
        EXCEPTION WHEN lock_not_available OR insufficient_privilege THEN
            reason := SQLERRM;
        END;
        IF reason IS NOT NULL THEN
            backup_name := named;
            action := 'kept';
            RETURN NEXT;
            RETURN;
        END IF;
    END IF;
    FOR m IN SELECT o.* FROM backups.backup_metadata o
             WHERE o.backup_date = on_date AND o.backup_name = named AND o.kind = 'copy' ORDER BY o.table_name LOOP
        backup_name := m.backup_name;
        table_name := m.table_name;
        action := CASE WHEN dry_run THEN 'would remove' ELSE 'removed' END;
        reason := NULL;
        IF NOT dry_run THEN
            BEGIN
                IF to_regclass('backups.' || quote_ident(m.copy_name)) IS NOT NULL THEN
                    EXECUTE format('DROP TABLE backups.%I', m.copy_name);
                END IF;
                DELETE FROM backups.backup_metadata o
                WHERE (o.backup_date, o.backup_name, o.table_name) = (m.backup_date, m.backup_name, m.table_name);
            EXCEPTION
                WHEN dependent_objects_still_exist OR insufficient_privilege OR lock_not_available OR object_in_use
                     OR wrong_object_type THEN
                    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
                    action := 'kept';
                    reason := SQLERRM || coalesce(': ' || nullif(detail, ''), '');
            END;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;

-- What the forms without dry_run return.
CREATE OR REPLACE FUNCTION backups._summary(removed bigint, of_backups bigint, kept text[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('removed %s copies of %s backups', removed, of_backups)
           || coalesce('; kept: ' || array_to_string(kept, '; '), '')
$$;

CREATE OR REPLACE FUNCTION backups.cleanup_old_backups(days_to_keep integer, dry_run boolean)
RETURNS TABLE (backup_name text, table_name text, action text, reason text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b record;
BEGIN
    IF days_to_keep IS NULL OR days_to_keep < 0 OR dry_run IS NULL THEN
        RAISE EXCEPTION 'cleanup_old_backups: the days to keep must be 0 or more, not %',
                coalesce(days_to_keep::text, 'null')
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR b IN SELECT * FROM backups._backups() x
             WHERE x.made_at <= now() - make_interval(days => days_to_keep) ORDER BY x.made_at, x.backup_name LOOP
        IF b.held THEN
            RETURN QUERY SELECT b.backup_name, NULL::text, 'kept'::text, 'held by backups.hold()'::text;
        ELSE
            RETURN QUERY SELECT * FROM backups._remove(b.backup_date, b.backup_name, dry_run);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION backups.cleanup_old_backups(integer, boolean) IS
    'Lists (dry_run) or removes the copies of every backup older than so many days; held backups stay';

CREATE OR REPLACE FUNCTION backups.cleanup_old_backups(days_to_keep integer DEFAULT 30) RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT backups._summary(count(*) FILTER (WHERE r.action = 'removed'),
                            count(DISTINCT r.backup_name) FILTER (WHERE r.action = 'removed'),
                            array_agg(concat_ws(' ', r.backup_name, r.table_name, '(' || r.reason || ')'))
                                FILTER (WHERE r.action = 'kept'))
    FROM backups.cleanup_old_backups(days_to_keep, false) r
$$;
COMMENT ON FUNCTION backups.cleanup_old_backups(integer) IS
    'Removes the copies of every backup older than so many days; held backups stay';

-- Where no backup of a preset is good any more, all that is left of it stays.
CREATE OR REPLACE FUNCTION backups.apply_retention(dry_run boolean)
RETURNS TABLE (backup_name text, table_name text, action text, reason text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b record;
    of_preset text;
    newest_good record;
BEGIN
    IF dry_run IS NULL THEN
        RAISE EXCEPTION 'apply_retention: dry_run must be true or false' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOR b IN SELECT * FROM backups._backups() x
             WHERE x.made_at + make_interval(days => x.keep_days) <= now() ORDER BY x.preset, x.made_at, x.backup_name LOOP
        IF b.preset IS DISTINCT FROM of_preset THEN
            of_preset := b.preset;
            SELECT x.backup_date AS day, x.backup_name AS name INTO newest_good
            FROM backups._backups() x
            WHERE x.preset = of_preset AND x.made_at <= now() AND backups._intact(x.backup_date, x.backup_name)
            ORDER BY x.made_at DESC, x.backup_name DESC
            LIMIT 1;
        END IF;
        IF b.held OR newest_good.name IS NULL OR (b.backup_date, b.backup_name) = (newest_good.day, newest_good.name) THEN
            RETURN QUERY SELECT b.backup_name, NULL::text, 'kept'::text, CASE
                WHEN b.held THEN 'held by backups.hold()'
                WHEN newest_good.name IS NULL THEN format('no backup of %s is whole', of_preset)
                ELSE format('the newest good backup of %s', of_preset) END;
        ELSE
            RETURN QUERY SELECT * FROM backups._remove(b.backup_date, b.backup_name, dry_run);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION backups.apply_retention(boolean) IS
    'Lists (dry_run) or removes the copies that are older than their preset keeps them';

CREATE OR REPLACE FUNCTION backups.apply_retention() RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
    SELECT backups._summary(count(*) FILTER (WHERE r.action = 'removed'),
                            count(DISTINCT r.backup_name) FILTER (WHERE r.action = 'removed'),
                            array_agg(concat_ws(' ', r.backup_name, r.table_name, '(' || r.reason || ')'))
                                FILTER (WHERE r.action = 'kept'))
    FROM backups.apply_retention(false) r
$$;
COMMENT ON FUNCTION backups.apply_retention() IS 'Removes the copies that are older than their preset keeps them';

CREATE OR REPLACE FUNCTION backups._set_held(named text, to_hold boolean) RETURNS text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE backups.backup_metadata m SET held = to_hold WHERE m.backup_name = named AND m.kind = 'copy';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no backup named "%" with copies in this database', named
            USING HINT = 'Backups are listed in backups.backup_status; archives are held by "larder hold".',
                  ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN format('backup %s is %s', named, CASE WHEN to_hold THEN 'held' ELSE 'no longer held' END);
END
$$;

CREATE OR REPLACE FUNCTION backups.hold(backup_name text) RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$ SELECT backups._set_held(backup_name, true) $$;
COMMENT ON FUNCTION backups.hold(text) IS 'Keeps the copies of a backup from retention and cleanup';

CREATE OR REPLACE FUNCTION backups.release(backup_name text) RETURNS text
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$ SELECT backups._set_held(backup_name, false) $$;
COMMENT ON FUNCTION backups.release(text) IS 'Ends what backups.hold() began';

------------------------------------------------------------------------------------------------------------------------
-- 7. Schedule and checks
------------------------------------------------------------------------------------------------------------------------

-- When something is done that is due so often, for cron and for a systemd timer; null where cron cannot say it.
CREATE OR REPLACE FUNCTION backups._times(every interval, OUT cron text, OUT calendar text)
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    months integer := (extract(year FROM every) * 12 + extract(month FROM every))::integer;
    minutes numeric := extract(epoch FROM every - make_interval(months => months))::numeric / 60;
BEGIN
    IF months > 0 AND minutes = 0 AND 12 % months = 0 THEN
        cron := format('0 3 1 %s *', CASE months WHEN 1 THEN '*' WHEN 12 THEN '1' ELSE '*/' || months END);
        calendar := format('*-%s-01 03:00:00', CASE months WHEN 1 THEN '*' WHEN 12 THEN '01' ELSE '01/' || months END);
    ELSIF months = 0 AND minutes = 7 * 1440 THEN
        cron := '30 2 * * 0';
        calendar := 'Sun *-*-* 02:30:00';
    ELSIF months = 0 AND minutes = 1440 THEN
        cron := '0 2 * * *';
        calendar := '*-*-* 02:00:00';
    ELSIF months = 0 AND minutes >= 60 AND 1440 % minutes = 0 AND minutes % 60 = 0 THEN
        cron := format('0 */%s * * *', (minutes / 60)::integer);
        calendar := format('*-*-* 00/%s:00:00', (minutes / 60)::integer);
    ELSIF months = 0 AND minutes >= 1 AND minutes = trunc(minutes) AND 60 % minutes = 0 THEN
        cron := CASE minutes WHEN 1 THEN '* * * * *' ELSE format('*/%s * * * *', minutes::integer) END;
        calendar := format('*-*-* *:00/%s:00', minutes::integer);
    END IF;
END
$$;

-- What schedule() schedules. The jobs of all databases that pg_cron serves share their names' space.
CREATE OR REPLACE FUNCTION backups._jobs() RETURNS TABLE (job text, cron text, calendar text, command text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unsayable text;
BEGIN
    SELECT string_agg(format('%s (every %s)', p.preset, p.every), ', ') INTO unsayable
    FROM backups.presets p, backups._times(p.every) t WHERE p.in_database AND p.every IS NOT NULL AND t.cron IS NULL;
    IF unsayable IS NOT NULL THEN
        RAISE EXCEPTION 'cron cannot be told when these presets are due: %', unsayable
            USING HINT = 'Set backups.presets.every to minutes that divide an hour, hours that divide a day, 1 day, 7 days, '
                         'or months that divide a year.', ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY
        SELECT format('backups/%s/%s', current_database(), p.preset), t.cron, t.calendar,
               format('SELECT backups.run_preset(%L)', p.preset)
        FROM backups.presets p, backups._times(p.every) t
        WHERE p.in_database AND p.every IS NOT NULL
        UNION ALL
        SELECT format('backups/%s/(retention)', current_database()), '0 4 * * *', '*-*-* 04:00:00',
               'SELECT backups.apply_retention()'
        ORDER BY 1 DESC;
END
$$;

-- A setting, null where it does not exist; hidden where it does, but this role may not see it.
CREATE OR REPLACE FUNCTION backups._setting(setting text, OUT value text, OUT hidden boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    hidden := false;
    value := current_setting(setting, true);
EXCEPTION WHEN insufficient_privilege THEN
    hidden := true;
END
$$;

CREATE OR REPLACE FUNCTION backups.schedule() RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    untimed CONSTANT text := 'SET statement_timeout = 0; ';
    home record;
    zone record;
    j record;
BEGIN
    SELECT * INTO home FROM backups._setting('cron.database_name');
    SELECT * INTO zone FROM backups._setting('cron.timezone');
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
        IF NOT has_schema_privilege('cron', 'USAGE') THEN
            RAISE EXCEPTION '% may not use pg_cron''s schema', current_user
                USING HINT = format('A superuser has to run: GRANT USAGE ON SCHEMA cron TO %I;', current_user),
                      ERRCODE = 'insufficient_privilege';
        END IF;
        FOR j IN EXECUTE 'SELECT jobid, jobname FROM cron.job WHERE starts_with(jobname, $1)'
                         ' AND jobname NOT IN (SELECT job FROM backups._jobs())'
                 USING format('backups/%s/', current_database()) LOOP
            EXECUTE 'SELECT cron.unschedule($1::bigint)' USING j.jobid;
            RETURN NEXT format('removed from pg_cron: %s', j.jobname);
        END LOOP;
        FOR j IN SELECT * FROM backups._jobs() LOOP
            EXECUTE 'SELECT cron.schedule($1, $2, $3)' USING j.job, j.cron, untimed || j.command;
            RETURN NEXT format('scheduled in pg_cron: %s at %s: %s', j.job, j.cron, untimed || j.command);
        END LOOP;
        IF zone.hidden OR upper(coalesce(zone.value, 'GMT')) NOT IN ('GMT', 'UTC', 'ETC/UTC', 'ETC/GMT') THEN
            RETURN NEXT format('note: these times are of the zone that cron.timezone says (%s), names of backups are in UTC',
                               coalesce(zone.value, format('%s may not see it', current_user)));
        END IF;
        RETURN;
    END IF;

    IF home.value <> current_database() THEN
        RETURN NEXT format('pg_cron runs in the database %s. Nothing was scheduled. Run there:', home.value);
    ELSIF home.value IS NOT NULL OR home.hidden THEN
        RETURN NEXT 'pg_cron is loaded, but not installed in this database. Nothing was scheduled. Run CREATE EXTENSION '
                    'pg_cron (in Supabase: Database, Extensions) and SELECT backups.schedule() again.';
        IF NOT home.hidden THEN
            RETURN;
        END IF;
        RETURN NEXT 'If it lives in another database (cron.database_name), run there:';
    ELSE
        RETURN NEXT 'pg_cron is not loaded. Nothing was scheduled. From outside, in a crontab (whose times are the host''s) '
                    'or in a systemd timer:';
    END IF;
    FOR j IN SELECT * FROM backups._jobs() LOOP
        IF home.value IS NOT NULL OR home.hidden THEN
            RETURN NEXT format('SELECT cron.schedule_in_database(%L, %L, %L, %L, %L);', j.job, j.cron, untimed || j.command,
                               current_database(), current_user);
        ELSE
            RETURN NEXT format('%s psql -X -d ''%s'' -c "SET statement_timeout = 0" -c "%s"', j.cron,
                               replace(current_database(), '''', '''\'''''), j.command);
            RETURN NEXT format('  systemd: OnCalendar=%s UTC, ExecStart=psql as above', j.calendar);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION backups.schedule() IS
    'Schedules the presets with in_database, and retention, through pg_cron; without it, says how to do it otherwise';

CREATE OR REPLACE FUNCTION backups.unschedule() RETURNS SETOF text
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    j record;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
        RETURN NEXT 'pg_cron is not installed in this database: nothing was scheduled here';
        RETURN;
    END IF;
    FOR j IN EXECUTE 'SELECT jobid, jobname FROM cron.job WHERE starts_with(jobname, $1) ORDER BY jobname'
             USING format('backups/%s/', current_database()) LOOP
        EXECUTE 'SELECT cron.unschedule($1::bigint)' USING j.jobid;
        RETURN NEXT format('removed from pg_cron: %s', j.jobname);
    END LOOP;
END
$$;
COMMENT ON FUNCTION backups.unschedule() IS 'Removes what backups.schedule() scheduled through pg_cron';

-- Every privilege on the schema and its objects that somebody else than the owner has, with the statement that revokes it.
-- Too wide are: any on a copy, and any of everybody (PUBLIC) or of the roles that requests from outside carry.
CREATE OR REPLACE FUNCTION backups._grants() RETURNS TABLE (object oid, name text, privileges text, grantee text,
    too_wide boolean, remedy text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH objects AS (
        SELECT n.oid, quote_ident(n.nspname) AS name, n.nspowner AS owner, n.nspacl AS acl, false AS is_copy,
               format('REVOKE ALL ON SCHEMA %I', n.nspname) AS remedy
        FROM pg_namespace n WHERE n.nspname = 'backups'
        UNION ALL
        SELECT c.oid, c.oid::regclass::text, c.relowner,
               nullif(c.relacl || (SELECT array_agg(i) FROM pg_attribute t, unnest(t.attacl) i
                                   WHERE t.attrelid = c.oid), '{}'),
               c.relkind IN ('r', 'p') AND c.relname NOT IN ('backup_metadata', 'presets', 'archives', 'drills'),
               format('REVOKE ALL ON %s %s', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::regclass)
        FROM pg_class c
        WHERE c.relnamespace = to_regnamespace('backups') AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
        UNION ALL
        SELECT p.oid, p.oid::regprocedure::text, p.proowner, coalesce(p.proacl, acldefault('f', p.proowner)), false,
               format('REVOKE ALL ON ROUTINE %s', p.oid::regprocedure)
        FROM pg_proc p
        WHERE p.pronamespace = to_regnamespace('backups') AND p.prokind <> 'a'
        UNION ALL
        SELECT d.oid, format('the default privileges of %I in schema backups', pg_get_userbyid(d.defaclrole)), d.defaclrole,
               d.defaclacl, true,
               format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA backups REVOKE ALL ON %s',
                   pg_get_userbyid(d.defaclrole),
                   CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
                                        ELSE 'TYPES' END)
        FROM pg_default_acl d
        WHERE d.defaclnamespace = to_regnamespace('backups')
    ), grants AS (
        SELECT o.oid, o.name, o.is_copy, o.remedy, string_agg(DISTINCT a.privilege_type, ', ') AS privileges,
               CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
        FROM objects o, aclexplode(o.acl) a
        WHERE a.grantee <> o.owner
        GROUP BY o.oid, o.name, o.is_copy, o.remedy, a.grantee
    )
    SELECT g.oid, g.name, g.privileges, g.grantee,
           g.is_copy OR g.grantee IN ('PUBLIC', 'anon', 'authenticated', 'authenticator', 'service_role'),
           g.remedy || ' FROM ' || g.grantee || CASE WHEN g.remedy LIKE 'ALTER %' THEN '' ELSE ' CASCADE' END
    FROM grants g
    ORDER BY g.name, g.grantee
$$;

CREATE OR REPLACE FUNCTION backups.check() RETURNS TABLE (finding text, object text, message text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
    WITH copies AS (
        SELECT m.*, to_regclass('backups.' || quote_ident(m.copy_name)) AS relation, backups._copy_rows(m.copy_name) AS n
        FROM backups.backup_metadata m WHERE m.kind = 'copy'
    ), tables AS (
        SELECT c.oid, c.oid::regclass::text AS name, c.relname, c.relrowsecurity, c.relowner
        FROM pg_class c WHERE c.relnamespace = to_regnamespace('backups') AND c.relkind IN ('r', 'p')
    ), scheduled AS (
        SELECT p.*, least(greatest(p.every / 4, interval '10 minutes'), interval '1 day') AS grace
        FROM backups.presets p WHERE p.every IS NOT NULL
    ), covered AS (
        SELECT s.preset, e.entry, e.relation, '*.*' = ANY (s.tables) AND NOT e.wild AS extra
        FROM scheduled s, backups._expand(s.tables) e
    )
    SELECT 'copy missing', c.table_name,
           format('the copy of %s in backup %s%s does not exist', c.table_name, c.backup_name,
                  coalesce(', backups.' || quote_ident(c.copy_name) || ',', ''))
    FROM copies c WHERE c.relation IS NULL
    UNION ALL
    SELECT 'count differs', c.relation::text,
           CASE WHEN c.n IS NULL THEN format('%s cannot be read by %s', c.relation, current_user)
                ELSE format('%s has %s rows; %s were recorded for backup %s', c.relation, c.n,
                            coalesce(c.row_count::text, 'none'), c.backup_name) END
    FROM copies c WHERE c.relation IS NOT NULL AND c.n IS DISTINCT FROM c.row_count
    UNION ALL
    SELECT 'row level security off', t.name, format('anybody with a grant reads all of it; ALTER TABLE %s ENABLE ROW LEVEL '
           'SECURITY', t.name)
    FROM tables t WHERE NOT t.relrowsecurity
    UNION ALL
    SELECT 'grant too wide', g.name, format('%s has %s; %s', g.grantee, g.privileges, g.remedy)
    FROM backups._grants() g WHERE g.too_wide
    UNION ALL
    SELECT 'other owner', t.name, format('it belongs to %s, not to the owner of the schema', pg_get_userbyid(t.relowner))
    FROM tables t WHERE t.relowner <> (SELECT nspowner FROM pg_namespace WHERE nspname = 'backups')
    UNION ALL
    SELECT 'unknown table', t.name, 'it belongs to no backup that is recorded; retention and cleanup leave it alone'
    FROM tables t
    WHERE t.relname NOT IN ('backup_metadata', 'presets', 'archives', 'drills') AND NOT EXISTS (
        SELECT FROM copies c WHERE c.relation = t.oid)
    UNION ALL
    SELECT 'preset overdue', s.preset,
           CASE WHEN s.in_database THEN format('no good copy of it is younger than %s', s.every + s.grace)
                ELSE format('no archive of it is recorded that is younger than %s', s.every + s.grace) END
    FROM scheduled s
    WHERE CASE WHEN s.in_database
        THEN NOT EXISTS (SELECT FROM backups._backups() b
                         WHERE b.preset = s.preset AND b.made_at BETWEEN now() - s.every - s.grace AND now()
                           AND backups._intact(b.backup_date, b.backup_name))
        ELSE NOT EXISTS (SELECT FROM backups.archives a
                         WHERE a.preset = s.preset AND a.finished_at BETWEEN now() - s.every - s.grace AND now()) END
    UNION ALL
    SELECT 'table of preset missing', c.entry,
           format('%s does not exist, and is named by: %s', c.entry, string_agg(c.preset, ', ' ORDER BY c.preset))
    FROM covered c WHERE c.relation IS NULL AND NOT c.extra
    GROUP BY c.entry
    UNION ALL
    SELECT 'table not covered', backups._label(e.relation), 'no preset with a schedule backs it up'
    FROM backups._expand('{*.*}') e
    WHERE NOT EXISTS (SELECT FROM covered c WHERE c.relation = e.relation)
    ORDER BY 1, 2, 3
$$;
COMMENT ON FUNCTION backups.check() IS 'What is wrong with the backups in this database, one row for each finding';

------------------------------------------------------------------------------------------------------------------------
-- 8. Restoring
------------------------------------------------------------------------------------------------------------------------

-- The pieces of SQL that compare a table (t) with its copy (b): the key's condition, the copy as rows of the table's types,
-- whether a row differs, and the lists of an UPDATE and an INSERT. Rows are compared by their bytes (*<>), since not every
-- type has an equality, and no user's operator is to be called for it. Generated columns follow from the others.
CREATE OR REPLACE FUNCTION backups._merge_parts(target regclass, copy regclass, OUT on_key text, OUT source text,
    OUT differs text, OUT assignments text, OUT columns text, OUT columns_list text[], OUT notes text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
DECLARE
    missing_keys text;
    lossy text;
    n bigint;
BEGIN
    SELECT string_agg(format('t.%I OPERATOR(%I.%s) b.%I', a.attname, n.nspname, o.oprname, a.attname), ' AND '
                      ORDER BY k.position),
           string_agg(quote_ident(a.attname), ', ' ORDER BY k.position) FILTER (WHERE b.attname IS NULL)
    INTO on_key, missing_keys
    FROM pg_index i
    CROSS JOIN LATERAL unnest(i.indkey::smallint[], i.indclass::oid[]) WITH ORDINALITY k (attnum, opclass, position)
    JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
    JOIN pg_opclass c ON c.oid = k.opclass
    JOIN pg_am m ON m.oid = c.opcmethod AND m.amname = 'btree'
    JOIN pg_amop s ON s.amopfamily = c.opcfamily AND s.amopstrategy = 3
                  AND s.amoplefttype = c.opcintype AND s.amoprighttype = c.opcintype
    JOIN pg_operator o ON o.oid = s.amopopr
    JOIN pg_namespace n ON n.oid = o.oprnamespace
    LEFT JOIN pg_attribute b ON b.attrelid = copy AND b.attname = a.attname AND b.attnum > 0 AND NOT b.attisdropped
    WHERE i.indrelid = target AND i.indisprimary AND k.position <= i.indnkeyatts;
    IF on_key IS NULL OR missing_keys IS NOT NULL THEN
        RAISE EXCEPTION '%', CASE
                WHEN on_key IS NULL THEN format('table %s has no primary key by which its rows could be matched', target)
                ELSE format('the copy %s lacks %s, which the primary key of %s needs', copy, missing_keys, target) END
            USING HINT = format('Nothing was changed. The rows of the backup can be read from %s.', copy),
                  ERRCODE = 'invalid_table_definition';
    END IF;

    SELECT '(SELECT ' || string_agg(CASE
               WHEN (t.atttypid, t.atttypmod) = (b.atttypid, b.atttypmod) THEN format('x.%I', t.attname)
               ELSE format('CAST(x.%I AS %s) AS %I', t.attname, format_type(t.atttypid, t.atttypmod), t.attname) END,
               ', ' ORDER BY t.attnum) || format(' FROM %s x)', copy),
           format('ROW(%s)::record OPERATOR(pg_catalog.*<>) ROW(%s)::record',
                  string_agg(format('t.%I', t.attname), ', ' ORDER BY t.attnum),
                  string_agg(format('b.%I', t.attname), ', ' ORDER BY t.attnum)),
           -- A key's column is assigned, too, since keys that are equal may differ in their bytes; one that is GENERATED
           -- ALWAYS cannot be.
           string_agg(format('%I = b.%I', t.attname, t.attname), ', ' ORDER BY t.attnum)
               FILTER (WHERE t.attidentity <> 'a' OR t.attnum <> ALL ((i.indkey::smallint[])[:i.indnkeyatts - 1])),
           string_agg(quote_ident(t.attname), ', ' ORDER BY t.attnum),
           array_agg(t.attname::text),
           -- Numbers, texts and times whose type changed must come back as they were: a cast rounds and cuts in silence.
           string_agg(format('ROW(CAST(CAST(x.%I AS %s) AS %s))::record OPERATOR(pg_catalog.*<>) ROW(x.%I)::record',
                             t.attname, format_type(t.atttypid, t.atttypmod), format_type(b.atttypid, b.atttypmod),
                             t.attname), ' OR ')
               FILTER (WHERE (t.atttypid, t.atttypmod) <> (b.atttypid, b.atttypmod)
                       AND tt.typcategory IN ('N', 'S', 'D', 'T') AND bt.typcategory = tt.typcategory)
    INTO source, differs, assignments, columns, columns_list, lossy
    FROM pg_attribute t
    JOIN pg_attribute b ON b.attrelid = copy AND b.attname = t.attname AND b.attnum > 0 AND NOT b.attisdropped
    JOIN pg_type tt ON tt.oid = t.atttypid
    JOIN pg_type bt ON bt.oid = b.atttypid
    JOIN pg_index i ON i.indrelid = target AND i.indisprimary
    WHERE t.attrelid = target AND t.attnum > 0 AND NOT t.attisdropped AND t.attgenerated = '';
    IF lossy IS NOT NULL THEN
        EXECUTE format('SELECT count(*) FROM %s x WHERE %s', copy, lossy) INTO n;
        IF n > 0 THEN
            RAISE EXCEPTION 'cannot restore %: % rows of the backup do not fit the types that its columns have now',
                    target, n
                USING HINT = format('Nothing was changed. The rows of the backup can be read from %s.', copy),
                      ERRCODE = 'data_exception';
        END IF;
    END IF;

    SELECT string_agg(CASE
               WHEN t.attname IS NULL THEN format('column %I of the backup is not in the table any more', b.attname)
               ELSE format('column %I is not in the backup and is left as it is', t.attname) END, '; ')
    INTO notes
    FROM (SELECT attname FROM pg_attribute
          WHERE attrelid = target AND attnum > 0 AND NOT attisdropped AND attgenerated = '') t
    FULL JOIN (SELECT attname FROM pg_attribute WHERE attrelid = copy AND attnum > 0 AND NOT attisdropped) b USING (attname)
    WHERE t.attname IS NULL AND NOT EXISTS (SELECT FROM pg_attribute g WHERE g.attrelid = target AND g.attname = b.attname
                                            AND NOT g.attisdropped)
       OR b.attname IS NULL;
END
$$;

-- What removing the rows that the backup lacks, and changing those that differ, would do to the rows of other tables that refer
-- to them. A change that a foreign key forbids fails by itself. In the comparison a column's name alone is that of the backup's
-- row, or the table's own where the backup lacks the column.
CREATE OR REPLACE FUNCTION backups._consequences(target regclass, source text, on_key text)
RETURNS TABLE (effect text, forbidden boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
DECLARE
    f record;
    n bigint;
BEGIN
    FOR f IN
        SELECT c.conname, c.conrelid::regclass AS child, e.changes, e.action,
               CASE WHEN NOT e.changes THEN format('NOT EXISTS (SELECT FROM %s b WHERE %s)', source, on_key)
                    ELSE format('EXISTS (SELECT FROM %s b WHERE %s AND ROW(%s)::record OPERATOR(pg_catalog.*<>) ROW(%s)::record)',
                                source, on_key, string_agg(format('t.%I', p.attname), ', ' ORDER BY p.attnum),
                                string_agg(quote_ident(p.attname), ', ' ORDER BY p.attnum)) END AS of_rows,
               -- Columns that sort by different rules are compared by those of the one that is referred to, as the server does.
               string_agg(format('t.%I OPERATOR(%I.%s) c.%I%s', p.attname, s.nspname, o.oprname, a.attname, (
                   SELECT format(' COLLATE %I.%I', n.nspname, l.collname)
                   FROM pg_collation l JOIN pg_namespace n ON n.oid = l.collnamespace
                   WHERE l.oid = p.attcollation AND a.attcollation NOT IN (0, p.attcollation))), ' AND ')
                   AS on_reference
        FROM pg_constraint c
        CROSS JOIN LATERAL (VALUES (false, c.confdeltype), (true, c.confupdtype)) e (changes, action)
        CROSS JOIN LATERAL unnest(c.conkey, c.confkey, c.conpfeqop) k (child_column, parent_column, operator)
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.child_column
        JOIN pg_attribute p ON p.attrelid = c.confrelid AND p.attnum = k.parent_column
        JOIN pg_operator o ON o.oid = k.operator
        JOIN pg_namespace s ON s.oid = o.oprnamespace
        WHERE c.contype = 'f' AND c.confrelid = target AND c.conrelid <> target AND c.conparentid = 0
          AND NOT (e.changes AND e.action IN ('a', 'r'))
          -- One that is NOT ENFORCED does nothing; before PostgreSQL 18 there is none.
          AND coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true)
        GROUP BY c.oid, c.conname, c.conrelid, e.changes, e.action
        ORDER BY c.conname, e.changes
    LOOP
        EXECUTE format('SELECT count(*) FROM %s c WHERE EXISTS (SELECT FROM %s t WHERE %s AND %s)', f.child, target,
                       f.on_reference, f.of_rows) INTO n;
        IF n > 0 THEN
            effect := format('%s (foreign key %I) %s', backups._label(f.child), f.conname, CASE f.action
                WHEN 'c' THEN format(CASE WHEN f.changes THEN 'would get other values in %s rows'
                                          ELSE 'would lose %s rows' END, n)
                WHEN 'n' THEN format('would get null in %s rows', n)
                WHEN 'd' THEN format('would get the default in %s rows', n)
                ELSE format('forbids it with %s rows', n) END);
            forbidden := f.action IN ('a', 'r');
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;

-- Puts sequences that feed a table's columns behind the largest value there, or the smallest where they descend; never back.
-- Values that a sequence never gives do not count.
CREATE OR REPLACE FUNCTION backups._advance_sequences(target regclass) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
DECLARE
    s record;
BEGIN
    FOR s IN
        SELECT DISTINCT q.oid::regclass AS sequence, a.attname, r.seqincrement > 0 AS ascends, r.seqmin, r.seqmax
        FROM pg_attribute a
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        JOIN pg_depend p ON (p.classid = 'pg_class'::regclass AND p.refclassid = 'pg_class'::regclass
                             AND p.refobjid = a.attrelid AND p.refobjsubid = a.attnum AND p.deptype IN ('a', 'i'))
                         OR (p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid AND p.refclassid = 'pg_class'::regclass)
        JOIN pg_class q ON q.relkind = 'S'
                       AND q.oid = CASE p.classid WHEN 'pg_class'::regclass THEN p.objid ELSE p.refobjid END
        JOIN pg_sequence r ON r.seqrelid = q.oid
        WHERE a.attrelid = target AND NOT a.attisdropped
          AND EXISTS (
              WITH RECURSIVE b(oid) AS (
                  SELECT a.atttypid UNION ALL
                  SELECT t.typbasetype FROM b JOIN pg_type t ON t.oid = b.oid AND t.typtype = 'd')
              SELECT FROM b
              WHERE b.oid IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype, 'numeric'::regtype))
    LOOP
        EXECUTE format('SELECT setval(%L::regclass, m.top) FROM (SELECT %s(%I)::bigint AS top FROM %s '
                       'WHERE %3$I BETWEEN %5$s AND %6$s) m, %s s '
                       'WHERE m.top %s s.last_value OR (m.top = s.last_value AND NOT s.is_called)',
                       s.sequence, CASE WHEN s.ascends THEN 'max' ELSE 'min' END, s.attname, target, s.seqmin, s.seqmax,
                       s.sequence, CASE WHEN s.ascends THEN '>' ELSE '<' END);
    END LOOP;
END
$$;

-- How to free the values of unique constraints that changed rows hold: the UPDATE that sets them to null until the merge sets
-- them to what the backup says, and what has to be run after the merge. Rows that exchanged such values, or passed them on,
-- cannot be updated one after the other. Columns that foreign keys refer to are left alone.
CREATE OR REPLACE FUNCTION backups._free_unique_values(target regclass, parts record, OUT updates text,
    OUT statements text[])
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
DECLARE
    a record;
    freed text[] := '{}';
BEGIN
    statements := '{}';
    FOR a IN
        SELECT t.attname, t.attnotnull, n.oid, n.conname
        FROM pg_attribute t
        JOIN pg_index k ON k.indrelid = t.attrelid AND k.indisprimary
        -- A NOT NULL constraint has a name, and more, of its own from PostgreSQL 18 on.
        LEFT JOIN pg_constraint n ON n.conrelid = t.attrelid AND n.contype = 'n' AND n.conkey = ARRAY[t.attnum]
        WHERE t.attrelid = target AND NOT t.attisdropped AND t.attgenerated = '' AND t.attidentity = ''
          AND t.attnum <> ALL (k.indkey::smallint[])
          AND parts.columns_list @> ARRAY[t.attname::text]
          AND EXISTS (
              SELECT FROM pg_index i
              WHERE i.indrelid = target AND (i.indisunique OR i.indisexclusion) AND NOT i.indisprimary
                AND (t.attnum = ANY (i.indkey::smallint[])
                     OR (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL) AND EXISTS (
                         SELECT FROM pg_depend d
                         WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
                           AND d.refclassid = 'pg_class'::regclass AND d.refobjid = target AND d.refobjsubid = t.attnum)))
          AND NOT EXISTS (SELECT FROM pg_constraint f
                          WHERE f.contype = 'f' AND f.confrelid = target AND t.attnum = ANY (f.confkey)
                            AND coalesce((to_jsonb(f) ->> 'conenforced')::boolean, true))
    LOOP
        freed := freed || a.attname::text;
        IF a.attnotnull THEN
            statements := statements || CASE
                WHEN a.conname IS NULL THEN format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', target, a.attname)
                ELSE format('ALTER TABLE %1$s ADD CONSTRAINT %2$I %3$s; COMMENT ON CONSTRAINT %2$I ON %1$s IS %4$L', target,
                            a.conname, pg_get_constraintdef(a.oid), obj_description(a.oid, 'pg_constraint')) END;
            EXECUTE format('ALTER TABLE %s ALTER COLUMN %I DROP NOT NULL', target, a.attname);
        END IF;
    END LOOP;
    SELECT format('UPDATE %s t SET %s FROM %s b WHERE %s AND ROW(%s)::record OPERATOR(pg_catalog.*<>) ROW(%s)::record',
                  target, string_agg(format('%I = NULL', c), ', '), parts.source, parts.on_key,
                  string_agg(format('t.%I', c), ', '), string_agg(format('b.%I', c), ', '))
    INTO updates
    FROM unnest(freed) c
    HAVING count(*) > 0;
END
$$;

-- The merge itself, in one statement, so that foreign keys are checked when all of it is done; deletions come first, since
-- they free the values of unique constraints. User triggers are off meanwhile, and each gets back the state that it had.
CREATE OR REPLACE FUNCTION backups._merge(target regclass, parts record, mode text, OUT removed bigint, OUT changed bigint,
    OUT added bigint)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
DECLARE
    tree oid[];
    trigger_states text[] := '{}';
    deferred text[];
    always text[];
    afterwards text[] := '{}';
    freeing text;
    statement text;
    usual_path text;
    x record;
BEGIN
    tree := ARRAY(
        WITH RECURSIVE h(oid, depth) AS (
            SELECT target::oid, 0 UNION ALL
            SELECT i.inhrelid, h.depth + 1 FROM pg_inherits i JOIN h ON i.inhparent = h.oid)
        SELECT h.oid FROM h ORDER BY h.depth);
    -- A table's trigger comes before those of its partitions: setting it sets theirs too.
    FOR x IN SELECT t.tgrelid::regclass AS relation, t.tgname, t.tgenabled
             FROM pg_trigger t WHERE t.tgrelid = ANY (tree) AND NOT t.tgisinternal
             ORDER BY array_position(tree, t.tgrelid), t.tgname LOOP
        trigger_states := trigger_states || format('ALTER TABLE %s %s TRIGGER %I', x.relation, CASE x.tgenabled
            WHEN 'O' THEN 'ENABLE' WHEN 'A' THEN 'ENABLE ALWAYS' WHEN 'R' THEN 'ENABLE REPLICA' ELSE 'DISABLE' END,
            x.tgname);
        IF x.tgenabled <> 'D' THEN
            EXECUTE format('ALTER TABLE %s DISABLE TRIGGER %I', x.relation, x.tgname);
        END IF;
    END LOOP;
    always := ARRAY(
        SELECT format('ALTER TABLE %s ALTER COLUMN %I SET GENERATED ', target, a.attname)
        FROM pg_attribute a JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
        WHERE a.attrelid = target AND a.attidentity = 'a' AND NOT a.attisdropped
          AND a.attnum <> ALL ((i.indkey::smallint[])[:i.indnkeyatts - 1]) AND mode = 'rows');
    FOREACH statement IN ARRAY always LOOP
        EXECUTE statement || 'BY DEFAULT';
    END LOOP;
    -- What is deferred is checked here, not at a commit that this function does not see.
    deferred := ARRAY(
        SELECT DISTINCT format('%I.%I', n.nspname, c.conname)
        FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
        WHERE c.condeferred AND (c.conrelid = ANY (tree) OR c.confrelid = ANY (tree)) AND c.conparentid = 0);
    IF deferred <> '{}' THEN
        EXECUTE 'SET CONSTRAINTS ' || array_to_string(deferred, ', ') || ' IMMEDIATE';
    END IF;

    statement := concat('WITH del AS (',
        CASE WHEN mode = 'rows' THEN format('DELETE FROM %s t WHERE NOT EXISTS (SELECT FROM %s b WHERE %s) RETURNING 1',
                                            target, parts.source, parts.on_key)
             ELSE 'SELECT WHERE false' END, '), upd AS (',
        CASE WHEN mode = 'rows' AND parts.assignments IS NOT NULL
             THEN format('UPDATE %s t SET %s FROM %s b WHERE %s AND %s '
                         'AND (SELECT pg_catalog.count(*) FROM del) IS NOT NULL RETURNING 1', target, parts.assignments, parts.source, parts.on_key, parts.differs)
             ELSE 'SELECT WHERE false' END,
        format('), ins AS (INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s b '
               'WHERE NOT EXISTS (SELECT FROM %s t WHERE %s) AND (SELECT pg_catalog.count(*) FROM upd) IS NOT NULL RETURNING 1)',
               target, parts.columns, parts.columns, parts.source, target, parts.on_key),
        ' SELECT (SELECT pg_catalog.count(*) FROM del), (SELECT pg_catalog.count(*) FROM upd),'
        ' (SELECT pg_catalog.count(*) FROM ins)');
    usual_path := (SELECT reset_val FROM pg_settings WHERE name = 'search_path');
    BEGIN
        -- Functions of the tables (of defaults, checks, triggers of other tables) may need the path that the database sets.
        PERFORM set_config('search_path', usual_path, true);
        EXECUTE statement INTO removed, changed, added;
    EXCEPTION WHEN unique_violation OR exclusion_violation THEN
        SELECT f.updates, f.statements INTO freeing, afterwards FROM backups._free_unique_values(target, parts) f;
        IF mode <> 'rows' OR freeing IS NULL THEN
            RAISE;
        END IF;
        PERFORM pg_catalog.set_config('search_path', usual_path, true);
        EXECUTE freeing;
        EXECUTE statement INTO removed, changed, added;
    END;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

    IF deferred <> '{}' THEN
        EXECUTE 'SET CONSTRAINTS ' || array_to_string(deferred, ', ') || ' DEFERRED';
    END IF;
    FOREACH statement IN ARRAY always LOOP
        EXECUTE statement || 'ALWAYS';
    END LOOP;
    FOREACH statement IN ARRAY afterwards || trigger_states LOOP
        EXECUTE statement;
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION backups.restore_table(backup_name text, table_name text, mode text DEFAULT 'preview',
    allow_cascade boolean DEFAULT false)
RETURNS TABLE (added bigint, changed bigint, removed bigint, total bigint, undo_backup text, notes text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET row_security = off AS $$
DECLARE
    m backups.backup_metadata;
    target regclass;
    copy regclass;
    parts record;
    before bigint;
    in_backup bigint;
    left_over bigint;
    problem text;
    effects text;
    forbidden boolean;
    stamp text;
BEGIN
    -- What is asked for.
    IF mode IS NULL OR mode NOT IN ('preview', 'rows', 'missing') THEN
        RAISE EXCEPTION 'restore_table: there is no mode %', coalesce(quote_literal(mode), 'null')
            USING HINT = 'The modes are preview, rows and missing.', ERRCODE = 'invalid_parameter_value';
    END IF;
    target := backups._find_table(restore_table.table_name);
    SELECT o.* INTO m FROM backups.backup_metadata o
    WHERE o.kind = 'copy' AND o.backup_name = restore_table.backup_name
      AND (o.table_name = restore_table.table_name OR backups._find_table(o.table_name) = target)
    ORDER BY o.table_name = restore_table.table_name DESC, o.backup_date DESC LIMIT 1;
    IF NOT FOUND THEN
        SELECT string_agg(o.table_name, ', ' ORDER BY o.table_name) INTO problem
        FROM backups.backup_metadata o WHERE o.kind = 'copy' AND o.backup_name = restore_table.backup_name;
        RAISE EXCEPTION '%', CASE
                WHEN problem IS NULL THEN format('there is no backup named "%s" with copies in this database', backup_name)
                ELSE format('the backup %s has no copy of %s', restore_table.backup_name, restore_table.table_name) END
            USING HINT = coalesce('It has: ' || problem, 'Backups are listed in backups.backup_status.'),
                  ERRCODE = 'invalid_parameter_value';
    END IF;
    copy := to_regclass('backups.' || quote_ident(m.copy_name));
    in_backup := backups._copy_rows(m.copy_name);
    IF in_backup IS NULL OR in_backup IS DISTINCT FROM m.row_count THEN
        RAISE EXCEPTION 'the copy of % in backup % is not whole: %', m.table_name, m.backup_name, CASE
                WHEN copy IS NULL THEN 'it does not exist'
                WHEN in_backup IS NULL THEN format('%s may not read it', current_user)
                ELSE format('it has %s rows, %s were recorded', in_backup, coalesce(m.row_count::text, 'none')) END
            USING HINT = 'Nothing was changed. See backups.check().', ERRCODE = 'data_corrupted';
    END IF;
    SELECT CASE
        WHEN target IS NULL THEN format('there is no table %s to restore into; create it first, from the migrations that '
                                        'made it', restore_table.table_name)
        WHEN c.relkind NOT IN ('r', 'p') THEN format('%s is not a table', target)
        WHEN NOT pg_has_role(c.relowner, 'USAGE') THEN format('%s belongs to %s, and %s may not change it', target,
                                                              pg_get_userbyid(c.relowner), current_user)
        WHEN row_security_active(target) THEN
            format('row level security would hide rows of %s from %s', target, current_user)
        WHEN EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = target) THEN
            format('%s has rules, which would change what is written', target)
        WHEN c.relkind = 'r' AND EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = target) THEN
            format('other tables inherit from %s, and their rows are in its copy', target) END
    INTO problem
    FROM (SELECT 1) one LEFT JOIN pg_class c ON c.oid = target;
    IF problem IS NOT NULL THEN
        RAISE EXCEPTION 'cannot restore %: %', restore_table.table_name, problem
            USING HINT = format('Nothing was changed. The rows of the backup can be read from %s.', copy),
                  ERRCODE = 'invalid_parameter_value';
    END IF;

    -- What would happen.
    IF mode <> 'preview' THEN
        EXECUTE format('LOCK TABLE %s IN SHARE ROW EXCLUSIVE MODE', target);
    END IF;
    SELECT p.* INTO parts FROM backups._merge_parts(target, copy) p;
    notes := parts.notes;
    EXECUTE format('SELECT count(*) FROM %s', target) INTO before;
    EXECUTE format('SELECT (SELECT count(*) FROM %s b WHERE NOT EXISTS (SELECT FROM %s t WHERE %s)),'
                   ' (SELECT count(*) FROM %s t JOIN %s b ON %s WHERE %s)', parts.source, target, parts.on_key,
                   target, parts.source, parts.on_key, parts.differs) INTO added, changed;
    removed := before + added - in_backup;
    IF mode <> 'missing' AND (removed > 0 OR changed > 0) THEN
        SELECT string_agg(c.effect, '; '), bool_or(c.forbidden) INTO effects, forbidden
        FROM backups._consequences(target, parts.source, parts.on_key) c;
    END IF;
    IF mode = 'preview' THEN
        total := before;
        notes := nullif(concat_ws('; ', notes, format('removing %s rows and changing %s: ', removed, changed) || effects), '');
        RETURN NEXT;
        RETURN;
    END IF;
    IF mode = 'rows' AND effects IS NOT NULL AND (forbidden OR NOT coalesce(allow_cascade, false)) THEN
        RAISE EXCEPTION '% has % rows that the backup % lacks and % that differ, and other tables refer to them: %', target,
                removed, m.backup_name, changed, effects
            USING HINT = 'Nothing was changed. ' || CASE
                      WHEN forbidden THEN 'Remove the rows that forbid it, or use the mode missing.'
                      ELSE 'Accept it with allow_cascade => true (what it removes may be referred to in turn), or use the '
                           'mode missing.' END, ERRCODE = 'foreign_key_violation';
    END IF;
    IF added = 0 AND (mode = 'missing' OR changed = 0 AND removed = 0) THEN
        changed := 0;
        removed := 0;
        total := before;
        RETURN NEXT;
        RETURN;
    END IF;

    -- The rows as they are now, first.
    FOR n IN 1 .. 1000 LOOP
        undo_backup := format('undo_%s_%s%s', (SELECT relname FROM pg_class WHERE oid = target),
            CASE WHEN n > 1 THEN n || '_' ELSE '' END, to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYYMMDD_HH24MISS'));
        EXIT WHEN NOT EXISTS (SELECT FROM backups.backup_metadata o WHERE o.backup_name = undo_backup);
    END LOOP;
    PERFORM backups.create_backup(undo_backup, ARRAY[target::text]);

    SELECT x.added, x.changed, x.removed INTO added, changed, removed FROM backups._merge(target, parts, mode) x;
    PERFORM backups._advance_sequences(target);

    -- Whether it is so.
    EXECUTE format('SELECT (SELECT count(*) FROM %s), (SELECT count(*) FROM %s b WHERE NOT EXISTS '
                   '(SELECT FROM %s t WHERE %s)) + CASE WHEN $1 THEN (SELECT count(*) FROM %s t JOIN %s b ON %s WHERE %s) '
                   'ELSE 0 END', target, parts.source, target, parts.on_key, target, parts.source, parts.on_key,
                   parts.differs)
    INTO total, left_over USING mode = 'rows';
    IF left_over <> 0 OR total <> (CASE mode WHEN 'rows' THEN in_backup ELSE before + added END) THEN
        RAISE EXCEPTION 'restoring % would have left % rows, % of them not as in the backup, which has %', target, total,
                left_over, in_backup
            USING HINT = 'Nothing was changed. A column''s type may hold less than it did, or a trigger of another table '
                         'wrote here.', ERRCODE = 'data_exception';
    END IF;
    RETURN NEXT;
END
$$;
COMMENT ON FUNCTION backups.restore_table(text, text, text, boolean) IS
    'Makes a table''s rows those of a backup (rows), adds missing ones (missing), or says what would change (preview)';

------------------------------------------------------------------------------------------------------------------------
-- 9. Adopting old copies and closing the schema
------------------------------------------------------------------------------------------------------------------------

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
            RAISE NOTICE 'adopted backups.% as the copy of % in backup %',
                quote_ident(candidate), m.table_name, m.backup_name;
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

-- A grant to a role of somebody's own (a dashboard's) on what was there before stays, except on copies; what the roles of
-- requests from outside have, and what default privileges added to new objects, does not.
DO $$
DECLARE
    existing oid[] := string_to_array(nullif(current_setting('larder.existing'), ''), ',')::oid[];
    o record;
BEGIN
    FOR o IN SELECT g.*, g.object = ANY (coalesce(existing, '{}')) OR g.remedy LIKE 'ALTER %' AS existed
             FROM backups._grants() g LOOP
        CONTINUE WHEN o.existed AND NOT o.too_wide;
        BEGIN
            EXECUTE o.remedy;
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
