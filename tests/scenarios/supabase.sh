#!/usr/bin/env bash
# On a server like Supabase's, where "postgres" is no superuser and the platform owns much: presets are drilled, and what they hold
# comes back into a project that has users, roles and tables of its own, of which nothing is changed.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

STORE=$SCRATCH/store

# supabase_server NAME
supabase_server()
{
    server_start "$1"
    psql -Xq -v ON_ERROR_STOP=1 -d postgres -f "$TESTS/support/supabase_roles.sql" >/dev/null
}

# supabase_database NAME [OPTION OF PSQL]...   KitchAI's tables go before
supabase_database()
{
    psql -XAtq -v ON_ERROR_STOP=1 -U supabase_admin -d "$1" -f "$TESTS/support/supabase.sql" "${@:2}" >/dev/null
}

as_admin()
{
    psql -XAtq -v ON_ERROR_STOP=1 -U supabase_admin -d "$1" -c "$2"
}

# What the platform owns, but for rows: schemas, roles, event triggers, default privileges.
platform()
{
    pg_dump -U supabase_admin --schema-only -N public -N extensions -d dev | grep -v -E '^(\\(un)?restrict |--|$)|EXTENSION.*"uuid-ossp"'
    as_admin dev "SELECT evtname, evtevent, evtfoid::regproc FROM pg_event_trigger ORDER BY 1;
        SELECT defaclrole::regrole, defaclobjtype, defaclacl FROM pg_default_acl ORDER BY 1, 2;
        SELECT nspname, nspowner::regrole, nspacl FROM pg_namespace WHERE nspname !~ '^pg_' ORDER BY 1"
    as_admin dev "SELECT rolname, rolsuper, rolcreatedb, rolbypassrls, rolcanlogin FROM pg_roles WHERE rolname <> 'reporting' ORDER BY 1"
    as_admin dev "SELECT to_jsonb(u) FROM auth.users u WHERE email LIKE '%@dev.example' ORDER BY 1"
}

everything()
{
    pg_dump -U supabase_admin -d dev | grep -v -E '^(\\(un)?restrict |--|$)' | sort
}

export TMPDIR=$SCRATCH/t
mkdir -m 711 "$TMPDIR"
supabase_server one
createdb -U supabase_admin -O postgres prod
psql -Xq -v ON_ERROR_STOP=1 -U supabase_admin -v rows=1500 -d prod -f "$TESTS/support/kitchai.sql" >/dev/null
supabase_database prod
as_admin prod "CREATE ROLE reporting"
sql prod "ALTER TABLE profiles ALTER id SET DEFAULT extensions.uuid_generate_v4(); GRANT SELECT ON profiles TO reporting"
larder init -d prod -q
export LARDER_STORE=$STORE

it "postgres, who is no superuser, exports daily, and drills it on the server and embedded"
expect_query prod "SELECT rolsuper FROM pg_roles WHERE rolname = current_user" f
expect_exit 0 larder export daily -d prod -q
archive=$(newest_archive "$STORE" daily)
expect_exit 0 larder drill daily -d prod --json
expect_json '[.agree, .metadata_from] | join(" ")' "true database"
expect_exit 0 larder drill daily --embedded --json
expect_json .agree true

it "a preset may take the platform's own tables, where they are named"
expect_exit 0 larder export everything -d prod -q
expect_exit 0 larder drill everything -d prod --json
expect_json '[.tables[] | select(.schema == "auth") | .name] | sort | join(" ")' "identities users"
expect_exit 0 larder export -t auth.users -t storage.buckets -t storage.objects -d prod -o "$SCRATCH/platform.tar" --no-record -q
expect_exit 0 larder drill "$SCRATCH/platform.tar" --embedded --json
expect_json '[.tables[] | .schema + "." + .name] | sort | join(" ")' "auth.users storage.buckets storage.objects"

supabase_server two
createdb -U supabase_admin -O postgres dev
supabase_database dev -v without_uuid=1
as_admin dev "SET session_replication_role = replica; INSERT INTO auth.users (id, email)
    SELECT md5('dev ' || i)::uuid, i || '@dev.example' FROM generate_series(1, 5) AS i"
platform >"$SCRATCH/before"

it "without being asked, nothing is added to the platform's tables, and the message says what would help"
expect_exit 1 larder restore "$archive" -d dev -t profiles
expect_says 'extension uuid-ossp'
expect_says 'role "reporting" does not exist'
as_admin dev 'CREATE EXTENSION "uuid-ossp" SCHEMA extensions; CREATE ROLE reporting'
expect_exit 1 larder restore "$archive" -d dev -t profiles
expect_says 'is not present in table "users"'
expect_says "--externals stub"
as_admin dev 'DROP EXTENSION "uuid-ossp"; DROP ROLE reporting'
expect_query dev "SELECT to_regclass('public.profiles') IS NULL" t

it "one command brings profiles and what they need into a project with other users"
expect_exit 0 larder restore "$archive" -d dev -t profiles --create-roles --externals stub
expect_stdout "equal: 1 table, counted"
expect_stderr "rows were added to"
users=$(sql dev "SELECT count(DISTINCT user_id) FROM profiles")
expect_query dev "SELECT count(*) FROM auth.users" $((users + 5))
expect_query dev "SELECT count(*) FROM profiles p LEFT JOIN auth.users u ON u.id = p.user_id WHERE u.id IS NULL" 0
expect_query dev "SELECT bool_and(convalidated), count(*) FROM pg_constraint WHERE conrelid = 'profiles'::regclass AND contype = 'f'" "t|1"
expect_query dev "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE extname = 'uuid-ossp'" extensions
expect_query dev "SELECT has_table_privilege('reporting', 'profiles', 'SELECT'), has_table_privilege('anon', 'profiles', 'DELETE')" "t|f"
platform >"$SCRATCH/after"
diff "$SCRATCH/before" "$SCRATCH/after" >"$STDOUT" || fail "something of the platform's was changed"

it "where every key is there, no right to add one is needed"
createdb -U supabase_admin -O postgres careful
supabase_database careful
as_admin careful "SET session_replication_role = replica; REVOKE INSERT ON auth.users FROM postgres"
psql -Xq -d "$(server_conninfo one prod)" -c "COPY (SELECT id FROM auth.users) TO STDOUT" >"$SCRATCH/users"
expect_exit 1 larder restore "$archive" -d careful -t profiles --create-roles --externals stub
expect_stderr "no keys could be added to"
psql -Xq -U supabase_admin -d careful -c "SET session_replication_role = replica" -c "\copy auth.users (id) FROM '$SCRATCH/users'"
expect_exit 0 larder restore "$archive" -d careful -t profiles --create-roles --externals stub

it "whole users come along where that is asked for, and into auth.users they go only where it is"
server_use one
expect_exit 0 larder export daily -d prod -o "$SCRATCH/followed.tar" --no-record --follow-references=rows -q
expect_exit 0 larder drill "$SCRATCH/followed.tar" -d prod --json
expect_json .agree true
server_use two
createdb -U supabase_admin -O postgres bare
supabase_database bare
as_admin bare 'DROP TRIGGER on_auth_user_created ON auth.users; DROP POLICY "Avatars are seen by everyone" ON storage.objects'
expect_exit 1 larder restore "$SCRATCH/followed.tar" -d bare -t profiles --create-roles
expect_stderr '"auth"."users" belongs to the platform'
expect_query bare "SELECT count(*) FROM auth.users" 0
expect_exit 0 larder restore "$SCRATCH/followed.tar" -d bare -t profiles --create-roles --externals stub
expect_query bare "SELECT count(*) FROM auth.users WHERE email IS NOT NULL" "$users"
expect_query bare "SELECT count(*) FROM profiles" "$(sql dev "SELECT count(*) FROM profiles")"

it "what was added to the platform's tables is named, and made only where that is asked for"
expect_stderr 'trigger "on_auth_user_created" of auth.users, which the source had, is not made; --additions makes it'
expect_stderr 'policy "Avatars are seen by everyone" of storage.objects'
expect_query bare "SELECT count(*) FROM pg_trigger WHERE tgname = 'on_auth_user_created'" 0
sql bare "DROP TABLE profiles"
expect_exit 9 larder restore "$SCRATCH/followed.tar" -d bare -t profiles --create-roles --externals stub --additions
expect_stderr "must be owner of table objects"
expect_query bare "SELECT tgfoid::regproc FROM pg_trigger WHERE tgname = 'on_auth_user_created'" handle_new_user
expect_query bare "SELECT count(*) FROM profiles" "$(sql dev "SELECT count(*) FROM profiles")"
expect_exit 0 larder restore "$SCRATCH/followed.tar" -d bare -U supabase_admin -t profiles --existing missing --no-undo --additions
expect_unsaid on_auth_user_created
policy="SELECT polname, polcmd, polpermissive, polroles, pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polrelid = 'storage.objects'::regclass"
expect_equal "the policy" "$(psql -XAtq -d "$(server_conninfo one prod)" -c "$policy")" "$(sql bare "$policy")"

it "of a table all policies are made or none, and only what was made is said to be"
server_use one
as_admin prod "CREATE SCHEMA guard; CREATE FUNCTION guard.allowed() RETURNS bool LANGUAGE sql AS 'SELECT false';
    CREATE POLICY barred ON storage.objects AS RESTRICTIVE USING (guard.allowed()); CREATE POLICY seen ON storage.buckets USING (true)"
expect_exit 0 larder export -t profiles -d prod -o "$SCRATCH/barred.tar" --no-record -q
server_use two
createdb -U supabase_admin -O postgres barred
supabase_database barred
as_admin barred 'DROP POLICY "Avatars are seen by everyone" ON storage.objects'
expect_exit 9 larder restore "$SCRATCH/barred.tar" -d barred -U supabase_admin --create-roles --externals stub --additions
expect_stderr 'policy "barred" of storage.objects (schema "guard" does not exist'
expect_stderr 'policy "Avatars are seen by everyone" of storage.objects (schema "guard" does not exist'
expect_stderr 'policy "seen" of storage.buckets, which the source had, is made, too'
expect_unsaid 'of storage.objects, which the source had, is made, too'
expect_query barred "SELECT string_agg(polname, ' ') FROM pg_policy WHERE polrelid IN ('storage.objects'::regclass, 'storage.buckets'::regclass)" seen

it "a second run changes nothing"
everything >"$SCRATCH/before"
expect_exit 1 larder restore "$archive" -d dev -t profiles --create-roles --externals stub
expect_says "exists in the target already"
everything >"$SCRATCH/after"
diff "$SCRATCH/before" "$SCRATCH/after" >"$STDOUT" || fail "the second run has changed something"

it "what postgres may not do is said before anything is touched"
createdb -U supabase_admin -O postgres other
expect_exit 1 larder restore "$(newest_archive "$STORE" everything)" -d other --create-roles --externals stub
expect_says "--no-owner"
expect_query other "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace" 0

it "a new project takes everything back as postgres, users with their logins, and keeps the platform's functions"
createdb -U supabase_admin -O postgres anew
supabase_database anew
as_admin anew "DROP TRIGGER IF EXISTS on_auth_user_created ON auth.users"
expect_exit 9 larder restore "$(newest_archive "$STORE" everything)" -d anew --existing missing --no-undo --no-owner --additions
expect_query anew "SELECT count(*) FROM auth.users WHERE email IS NOT NULL" "$users"
expect_query anew "SELECT count(*) FROM profiles" "$(sql dev "SELECT count(*) FROM profiles")"

it "a connection to the platform that fails is told by its kind"
expect_exit 1 larder export -t x -d "host=db.abcdefghijklmnopqrst.supabase.co user=postgres connect_timeout=3" -o "$SCRATCH/x.tar"
expect_stderr "direct connection"
expect_stderr "session pooler"
expect_exit 1 larder export -t x -d "host=aws-0-nowhere-1.pooler.supabase.com port=6543 user=postgres.abc connect_timeout=3" -o "$SCRATCH/x.tar"
expect_stderr "transaction mode"
expect_exit 1 larder export -t x -d "host=aws-0-nowhere-1.pooler.supabase.com port=5432 user=postgres connect_timeout=3" -o "$SCRATCH/x.tar"
expect_stderr "postgres.PROJECT"
