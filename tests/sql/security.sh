#!/usr/bin/env bash
# Who may do what, and what hostile objects can do to those who may.
# shellcheck source=server.inc.bash
. "$(dirname "$0")/server.inc.bash"

# Everything that requests from outside could try, as each of the roles that they carry: every statement is refused.
closed() {
    local role said statements
    statements="$(value app "SELECT format('SELECT * FROM backups.%I; ', relname)
            || CASE relkind WHEN 'r' THEN format('DELETE FROM backups.%I;', relname) ELSE '' END
        FROM pg_class WHERE relnamespace = 'backups'::regnamespace AND relkind IN ('r', 'v')")
SELECT backups.create_backup('x', ARRAY['profiles']);
SELECT backups.run_preset('daily');
SELECT backups.cleanup_old_backups(0);
SELECT backups.apply_retention();
SELECT backups.hold('x');
SELECT backups.restore_table('x', 'profiles', 'rows');
SELECT backups.schedule();
SELECT * FROM backups.check();
SELECT backups._copy_rows('presets');
CREATE TABLE backups.x ();"
    for role in anon authenticated service_role mallory; do
        said=$(psql -X -q -A -t -d app -U supabase_admin -c "SET ROLE $role" -f - <<<"$statements" 2>&1 || true)
        is "$1: nothing for $role" "$(grep -c 'ERROR:  permission denied' <<<"$said")" "$(grep -o ';' <<<"$statements" | wc -l)"
        is "$1: and not a row" "$(grep -vcE '^psql:|^LINE|^ *\^|^CONTEXT|^PL/pgSQL|^SQL' <<<"$said")" 0
    done
}

security() {
    sample app
    sql app supabase_admin <<'SQL'
CREATE ROLE mallory LOGIN;
CREATE SCHEMA shop AUTHORIZATION mallory;
GRANT CREATE ON SCHEMA public TO mallory;
-- What a project may have set before.
ALTER DEFAULT PRIVILEGES FOR ROLE postgres GRANT ALL ON TABLES TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;
SQL
    migrate app >/dev/null
    closed 'after the migration'
    value app "SELECT backups.create_backup('production_20250126', ARRAY['profiles', 'user_stock'])" >/dev/null
    value app "SELECT backups.run_preset('weekly')" >/dev/null
    closed 'after create_backup and run_preset'
    migrate app >/dev/null
    closed 'after another migration'
    sql app supabase_admin <<<'GRANT USAGE ON SCHEMA backups TO PUBLIC;'
    closed 'where the schema is visible'
    tap app security.sql

    # A role that RLS limits.
    sql app supabase_admin <<'SQL'
ALTER ROLE postgres NOBYPASSRLS;
CREATE TABLE shop.letters (id integer);
ALTER TABLE shop.letters OWNER TO mallory, ENABLE ROW LEVEL SECURITY;
CREATE POLICY odd ON shop.letters USING (id % 2 = 1);
GRANT USAGE ON SCHEMA shop TO postgres;
GRANT SELECT ON shop.letters TO postgres;
ALTER TABLE profiles FORCE ROW LEVEL SECURITY;
SQL
    like 'a role that RLS limits gets an error, no partial copy' \
        "$(psql -X -d app -U postgres -c "SELECT backups.create_backup('x_20250101', '{shop.letters,profiles}')" 2>&1 || true)" \
        'backup "x_20250101" was not made: row level security would hide rows of table shop.letters from postgres; row level'\
' security would hide rows of table profiles from postgres'
    sql app supabase_admin <<<'ALTER TABLE profiles NO FORCE ROW LEVEL SECURITY;'
    is 'the owner is not limited otherwise' \
        "$(value app "SELECT left(backups.create_backup('x_20250101', ARRAY['profiles']), 37)")" \
        'backup x_20250101: 1 tables, 60 rows,'

    # Objects of a hostile user: whatever of theirs runs, runs with the rights of the one who makes the backup.
    sql app mallory <<'SQL'
CREATE TABLE shop.victims (who text, what text);
GRANT INSERT ON shop.victims TO PUBLIC;
CREATE FUNCTION public.caught() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO shop.victims VALUES (current_user, 'caught');
    RETURN true;
END
$$;
CREATE FUNCTION public.caught(anyelement, anyelement) RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT public.caught()';
CREATE FUNCTION public.caught_oid(oid, oid) RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT public.caught()';
CREATE FUNCTION public.caught_text(text, text) RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT public.caught()';
CREATE FUNCTION public.caught_name(name, text) RETURNS boolean LANGUAGE sql VOLATILE AS 'SELECT public.caught()';
CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = public.caught_oid);
CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = public.caught_text);
CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = text, FUNCTION = public.caught_name);
CREATE FUNCTION public.format(text, text) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT public.caught()::text $$;
CREATE FUNCTION public.quote_ident(text) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT public.caught()::text $$;
CREATE TABLE public.pg_class (oid oid, relname name);
CREATE TABLE shop."x; DROP TABLE public.profiles; --" ("id"" integer; --" integer PRIMARY KEY, "a'b\c" text);
CREATE TABLE shop."$$; SELECT public.caught(); $$" (id integer PRIMARY KEY);
CREATE TABLE shop."%I%s%L" (id integer PRIMARY KEY);
CREATE TABLE shop."new
line" (id integer PRIMARY KEY);
INSERT INTO shop."x; DROP TABLE public.profiles; --" VALUES (1, 'x');
ALTER TABLE shop."%I%s%L" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "p; DROP TABLE profiles" ON shop."%I%s%L" USING (public.caught());
GRANT ALL ON ALL TABLES IN SCHEMA shop TO postgres;
GRANT ALL ON public.pg_class TO postgres;
SQL
    sql app supabase_admin <<'SQL'
ALTER ROLE postgres BYPASSRLS;
ALTER ROLE postgres SET search_path = public, pg_catalog, tap;
SQL
    sql app >/dev/null <<'SQL'
CREATE TEMPORARY TABLE pg_namespace (oid oid, nspname name);
SELECT backups.run_preset('everything');
SELECT backups.create_backup('''; DROP TABLE public.profiles; --', ARRAY['shop."x; DROP TABLE public.profiles; --"']);
SELECT backups.hold('''; DROP TABLE public.profiles; --');
UPDATE public.profiles SET bio = NULL;
SELECT * FROM backups.restore_table('production_20250126', 'profiles', 'rows');
SELECT * FROM backups.check();
SELECT * FROM backups.backup_status;
SELECT backups.release('''; DROP TABLE public.profiles; --');
SELECT backups.cleanup_old_backups(0);
SQL
    is 'no function, operator, policy or name of a hostile user is run' \
        "$(psql -X -q -A -t -d app -U supabase_admin -c 'SELECT count(*) FROM shop.victims')" 0
    is 'and the tables are there' "$(value app 'SELECT count(*) FROM public.profiles')" 60

    # A hostile user who can create in the schema (the first version's projects may have granted it) is named.
    sql app supabase_admin <<'SQL'
GRANT CREATE ON SCHEMA backups TO mallory;
SQL
    sql app mallory <<<"CREATE FUNCTION backups.create_backup(varchar, text[]) RETURNS text LANGUAGE sql AS 'SELECT NULL::text';"
    like 'what others own in the schema is named' "$(migrate app)" \
        'WARNING:  backups.create_backup\(character varying,text\[\]\) in the schema backups belongs to mallory'
    sql app supabase_admin <<'SQL'
DROP OWNED BY mallory CASCADE;
DROP ROLE mallory;
SQL
}

each_server security
