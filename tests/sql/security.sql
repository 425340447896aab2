BEGIN;
SELECT no_plan();

SELECT is_empty(
    $$SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'backups'::regnamespace
      AND NOT coalesce(proconfig, '{}') @> ARRAY['search_path=pg_catalog, pg_temp']$$, 'every function pins its search_path');
SELECT is_empty($$SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'backups'::regnamespace AND prosecdef$$,
    'no function is SECURITY DEFINER');
SELECT is_empty(
    $$SELECT p.oid::regprocedure FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
      WHERE p.pronamespace = 'backups'::regnamespace AND a.grantee <> p.proowner$$, 'nobody but the owner may execute one');
SELECT is_empty(
    $$SELECT c.relname, a FROM pg_class c, aclexplode(c.relacl) a
      WHERE c.relnamespace = 'backups'::regnamespace AND a.grantee <> c.relowner$$, 'nor read or write a relation');
SELECT is_empty(
    $$SELECT relname FROM pg_class WHERE relnamespace = 'backups'::regnamespace AND relkind = 'r' AND NOT relrowsecurity$$,
    'row level security is on everywhere');
SELECT is_empty($$SELECT FROM pg_policies WHERE schemaname = 'backups'$$, 'and no policy lets anybody in');

SELECT * FROM finish();
ROLLBACK;
