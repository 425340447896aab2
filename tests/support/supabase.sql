-- Makes a database like a project on Supabase: what the platform owns, who may do what, default privileges, event triggers.
--
--   psql -X -v ON_ERROR_STOP=1 [-v without_uuid=1] -d DATABASE -U supabase_admin -f supabase.sql
--
-- After kitchai.sql it takes its tables over; in an empty database there are only the platform's. The server's roles come from
-- supabase_roles.sql. Written from the migrations of supabase/postgres as they were in January 2025, cut to what matters here.
\set QUIET on
SET client_min_messages = warning;
BEGIN;

SELECT format('GRANT CREATE ON DATABASE %I TO postgres', current_database()) \gexec

CREATE SCHEMA IF NOT EXISTS auth;
CREATE TABLE IF NOT EXISTS auth.users (
    id uuid PRIMARY KEY,
    email text,
    encrypted_password text,
    raw_user_meta_data jsonb,
    created_at timestamptz,
    last_sign_in_at timestamptz
);
CREATE TABLE IF NOT EXISTS auth.identities (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    provider text NOT NULL,
    provider_id text NOT NULL,
    user_id uuid NOT NULL REFERENCES auth.users (id) ON DELETE CASCADE,
    identity_data jsonb NOT NULL
);
ALTER TABLE auth.users ADD COLUMN is_sso_user boolean NOT NULL DEFAULT false,
    ADD COLUMN is_anonymous boolean NOT NULL DEFAULT false, ADD COLUMN instance_id uuid;
ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth.identities ENABLE ROW LEVEL SECURITY;
CREATE OR REPLACE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE
AS $$ SELECT nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
CREATE FUNCTION auth.role() RETURNS text LANGUAGE sql STABLE
AS $$ SELECT nullif(current_setting('request.jwt.claim.role', true), '') $$;

CREATE SCHEMA storage;
CREATE TABLE storage.buckets (id text PRIMARY KEY, name text NOT NULL UNIQUE, owner uuid, public boolean DEFAULT false);
CREATE TABLE storage.objects (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    bucket_id text REFERENCES storage.buckets (id),
    name text,
    owner uuid,
    metadata jsonb,
    UNIQUE (bucket_id, name)
);
ALTER TABLE storage.buckets ENABLE ROW LEVEL SECURITY;
ALTER TABLE storage.objects ENABLE ROW LEVEL SECURITY;
INSERT INTO storage.buckets (id, name, public) VALUES ('avatars', 'avatars', true), ('videos', 'videos', false);
INSERT INTO storage.objects (bucket_id, name, metadata)
SELECT 'avatars', i || '.png', '{"size": 1024}' FROM generate_series(1, 20) AS i;

CREATE SCHEMA extensions;
CREATE SCHEMA realtime AUTHORIZATION supabase_admin;
CREATE SCHEMA vault AUTHORIZATION supabase_admin;
CREATE SCHEMA graphql_public AUTHORIZATION supabase_admin;
CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA extensions;
\if :{?without_uuid}
\else
    CREATE EXTENSION "uuid-ossp" WITH SCHEMA extensions;
\endif

-- What is whose.
ALTER SCHEMA auth OWNER TO supabase_auth_admin;
ALTER SCHEMA storage OWNER TO supabase_storage_admin;
ALTER SCHEMA extensions OWNER TO postgres;
SELECT format('ALTER %s %s OWNER TO %s', CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, c.oid::regclass,
    CASE n.nspname WHEN 'auth' THEN 'supabase_auth_admin' WHEN 'storage' THEN 'supabase_storage_admin' ELSE 'postgres' END)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('auth', 'storage', 'public') AND c.relkind IN ('r', 'p', 'v', 'S')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i')) \gexec
SELECT format('ALTER FUNCTION %s OWNER TO %s', p.oid::regprocedure,
    CASE n.nspname WHEN 'auth' THEN 'supabase_auth_admin' ELSE 'postgres' END)
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname IN ('auth', 'public') \gexec
SELECT format('ALTER TYPE %s OWNER TO postgres', t.oid::regtype) FROM pg_type t
WHERE t.typnamespace = 'public'::regnamespace AND t.typtype = 'e' \gexec

-- Who may do what. The role postgres may write into the platform's tables, but not change them.
GRANT USAGE ON SCHEMA public, auth, storage, extensions TO postgres, anon, authenticated, service_role;
GRANT ALL ON SCHEMA public TO postgres;
GRANT ALL ON ALL TABLES IN SCHEMA auth, storage TO postgres, supabase_admin;
GRANT ALL ON ALL TABLES IN SCHEMA storage TO anon, authenticated, service_role;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA auth TO postgres, anon, authenticated, service_role;
SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %s IN SCHEMA public GRANT ALL ON %s TO postgres, anon, authenticated, service_role', r, o)
FROM unnest(ARRAY['postgres', 'supabase_admin']) AS r, unnest(ARRAY['TABLES', 'SEQUENCES', 'FUNCTIONS']) AS o \gexec

CREATE FUNCTION extensions.pgrst_ddl_watch() RETURNS event_trigger LANGUAGE plpgsql
AS $$ BEGIN NOTIFY pgrst, 'reload schema'; END $$;
CREATE EVENT TRIGGER pgrst_ddl_watch ON ddl_command_end EXECUTE FUNCTION extensions.pgrst_ddl_watch();
CREATE EVENT TRIGGER pgrst_drop_watch ON sql_drop EXECUTE FUNCTION extensions.pgrst_ddl_watch();

-- What a project's own developers add to the platform's tables.
SET ROLE postgres;
CREATE FUNCTION public.handle_new_user() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
AS $$ BEGIN INSERT INTO public.profiles (user_id, username) VALUES (NEW.id, 'user ' || NEW.id); RETURN NEW; END $$;
CREATE TRIGGER on_auth_user_created AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION public.handle_new_user();
RESET ROLE;
CREATE POLICY "Avatars are seen by everyone" ON storage.objects FOR SELECT USING (bucket_id = 'avatars');
COMMIT;
