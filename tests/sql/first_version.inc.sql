-- What the first version of the migration left behind in a database, with its faults.

CREATE SCHEMA backups;
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['profiles', 'user_follows', 'recipe_uploads', 'user_interactions', 'saved_recipe_videos',
                             'recipe_comments', 'user_stock'] LOOP
        EXECUTE format('CREATE TABLE backups.%I AS TABLE public.%I', t || '_backup_20250126', t);
    END LOOP;
END
$$;
CREATE TABLE backups.backup_metadata (
    backup_date date NOT NULL,
    backup_name varchar(100) NOT NULL,
    table_name varchar(100) NOT NULL,
    row_count integer,
    backup_size text,
    notes text,
    created_at timestamptz DEFAULT now(),
    PRIMARY KEY (backup_date, backup_name, table_name)
);
INSERT INTO backups.backup_metadata (backup_date, backup_name, table_name, row_count, notes) VALUES
    ('2025-01-26', 'production_backup_20250126', 'profiles', (SELECT count(*) FROM profiles), 'first copies'),
    ('2025-01-26', 'production_backup_20250126', 'user_follows', (SELECT count(*) FROM user_follows), NULL),
    ('2025-01-26', 'production_backup_20250126', 'recipe_uploads', (SELECT count(*) FROM recipe_uploads), NULL),
    ('2025-01-26', 'production_backup_20250126', 'user_interactions', (SELECT count(*) FROM user_interactions), NULL),
    ('2025-01-26', 'production_backup_20250126', 'saved_recipe_videos', (SELECT count(*) FROM saved_recipe_videos), NULL),
    ('2025-01-26', 'production_backup_20250126', 'recipe_comments', (SELECT count(*) FROM recipe_comments), NULL),
    ('2025-01-26', 'production_backup_20250126', 'user_stock', (SELECT count(*) FROM user_stock), NULL);

CREATE FUNCTION backups.create_backup(backup_name text, table_list text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    table_name text;
    copy text;
    row_count integer;
    said text := '';
BEGIN
    FOREACH table_name IN ARRAY table_list LOOP
        copy := backup_name || '_' || table_name;
        EXECUTE format('CREATE TABLE backups.%I AS SELECT * FROM public.%I', copy, table_name);
        EXECUTE format('SELECT count(*) FROM backups.%I', copy) INTO row_count;
        INSERT INTO backups.backup_metadata (backup_date, backup_name, table_name, row_count, notes)
            VALUES (current_date, backup_name, table_name, row_count, 'Automated backup');
        said := said || table_name || ' ';
    END LOOP;
    RETURN said;
END
$$;
CREATE FUNCTION backups.cleanup_old_backups(days_to_keep integer DEFAULT 30) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT DISTINCT backup_name FROM backups.backup_metadata WHERE backup_date < current_date - days_to_keep LOOP
        FOR r IN SELECT table_name FROM backups.backup_metadata WHERE backup_name = r.backup_name LOOP
            EXECUTE format('DROP TABLE IF EXISTS backups.%I', r.backup_name || '_' || r.table_name);
        END LOOP;
    END LOOP;
    RETURN 'done';
END
$$;
CREATE VIEW backups.backup_status AS
    SELECT backup_date, backup_name, count(*) AS table_count, sum(row_count) AS total_rows,
           string_agg(table_name, ', ') AS tables_backed_up, min(created_at) AS backup_created_at
    FROM backups.backup_metadata
    GROUP BY backup_date, backup_name
    ORDER BY backup_date DESC;
GRANT USAGE ON SCHEMA backups TO authenticated;
GRANT SELECT ON ALL TABLES IN SCHEMA backups TO authenticated;
ALTER DEFAULT PRIVILEGES IN SCHEMA backups GRANT SELECT ON TABLES TO authenticated;
