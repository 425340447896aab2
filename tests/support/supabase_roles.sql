-- Makes the roles of a server like those of a project on Supabase: the superuser that initdb has made becomes supabase_admin, and
-- "postgres" is a role that is none.
--
--   psql -X -v ON_ERROR_STOP=1 -d postgres -U postgres -f supabase_roles.sql
\set QUIET on
CREATE ROLE renamer SUPERUSER LOGIN;
\connect - renamer
ALTER ROLE postgres RENAME TO supabase_admin;
\connect - supabase_admin
DROP ROLE renamer;
CREATE ROLE postgres LOGIN CREATEDB CREATEROLE REPLICATION BYPASSRLS;
CREATE ROLE anon NOLOGIN;
CREATE ROLE authenticated NOLOGIN;
CREATE ROLE service_role NOLOGIN BYPASSRLS;
CREATE ROLE authenticator LOGIN NOINHERIT;
CREATE ROLE supabase_auth_admin LOGIN CREATEROLE NOINHERIT;
CREATE ROLE supabase_storage_admin LOGIN CREATEROLE NOINHERIT;
CREATE ROLE dashboard_user CREATEDB CREATEROLE NOLOGIN;
GRANT anon, authenticated, service_role TO authenticator, postgres;
-- From version 15 on, the platform lets postgres set it.
SELECT 'GRANT SET ON PARAMETER session_replication_role TO postgres' WHERE current_setting('server_version_num')::int >= 150000 \gexec
