#!/usr/bin/env bash
# What tables need from schemas that hold none of them comes along, or is listed as missing; whatever it stands on.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"
source "$(dirname "$0")/../support/forge.bash"

externals()
{
    tar xOf "$1" manifest.json | jq -r "[.externals[] | select(.kind == \"$2\") | .name] | join(\" \")"
}

server_start target
server_start source
mkdir "$SCRATCH/space"
[ -z "$SERVER_OS_USER" ] || chown "$SERVER_OS_USER" "$SCRATCH/space"
sql postgres "CREATE ROLE owner; CREATE ROLE reader; CREATE ROLE stranger"
sql postgres "CREATE TABLESPACE apart LOCATION '$SCRATCH/space'"
new_database db
sql db <<'SQL'
CREATE SCHEMA kinds; CREATE SCHEMA layers; CREATE SCHEMA counters; CREATE SCHEMA sorting; CREATE SCHEMA words; CREATE SCHEMA signs; CREATE SCHEMA figures;
CREATE SCHEMA rules; CREATE SCHEMA calls; CREATE SCHEMA members; CREATE SCHEMA fields;
CREATE TYPE kinds.mood AS ENUM ('sad', 'happy');
CREATE DOMAIN layers.some AS kinds.mood CHECK (VALUE <> 'sad');
CREATE TYPE layers.pair AS (a layers.some, b text);
CREATE DOMAIN fields.pair AS layers.pair;
CREATE SEQUENCE counters.shared INCREMENT 7;
CREATE COLLATION sorting.plain FROM "C";
CREATE FUNCTION sorting.backwards(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT btint4cmp($2, $1)';
CREATE OPERATOR CLASS sorting.down FOR TYPE int USING btree AS OPERATOR 1 >, OPERATOR 2 >=, OPERATOR 3 =, OPERATOR 4 <=, OPERATOR 5 <, FUNCTION 1 sorting.backwards(int, int);
CREATE TEXT SEARCH CONFIGURATION words.simple (COPY = simple);
CREATE FUNCTION signs.same(int, int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 = $2';
CREATE OPERATOR signs.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = signs.same);
CREATE AGGREGATE figures.total(int) (SFUNC = int4pl, STYPE = int);
CREATE FUNCTION figures.any_total() RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT figures.total(1); END;
CREATE FUNCTION calls.z_inner(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
CREATE FUNCTION calls.a_outer(int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT calls.z_inner($1); END;
CREATE FUNCTION calls.hidden(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
CREATE FUNCTION calls.hiding(int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN calls.hidden($1) > 0; END';
CREATE FUNCTION calls.not_empty(text) RETURNS bool LANGUAGE sql IMMUTABLE AS $$SELECT $1 <> ''$$;
CREATE FUNCTION calls.unused() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION calls.closed() RETURNS bool LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT true';
REVOKE ALL ON FUNCTION calls.closed() FROM PUBLIC; GRANT EXECUTE ON FUNCTION calls.closed() TO reader WITH GRANT OPTION;
CREATE DOMAIN fields.filled AS text CHECK (calls.not_empty(VALUE));
CREATE FUNCTION rules.large(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 1000';
CREATE FUNCTION rules.tenth(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 / 10';
CREATE TABLE members.list (id int, who text, more text, PRIMARY KEY (id));
CREATE TYPE public.tuple AS (n int);
CREATE FUNCTION kinds.of_tuple(public.tuple) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT ($1).n';
CREATE TABLE members.strange (id int); ALTER TABLE members.strange OWNER TO stranger;
CREATE FUNCTION public.of_strange(members.strange) RETURNS int LANGUAGE sql AS 'SELECT 1';

CREATE TABLE everything (id int DEFAULT nextval('counters.shared') PRIMARY KEY, pair fields.pair, name text COLLATE sorting.plain, filled fields.filled,
    found tsvector GENERATED ALWAYS AS (to_tsvector('words.simple', name)) STORED, n int CHECK (n OPERATOR(signs.===) n), CHECK (calls.a_outer(n) > 0), CHECK (calls.hiding(n)),
    t tuple CHECK (kinds.of_tuple(t) > 0));
CREATE INDEX ON everything (n sorting.down);
CREATE STATISTICS of_tenths ON (rules.tenth(n)), id FROM everything;
CREATE STATISTICS rules.apart (mcv) ON n, id FROM everything;
CREATE RULE none_too_large AS ON INSERT TO everything WHERE (rules.large(NEW.n)) DO INSTEAD NOTHING;
ALTER TABLE everything ENABLE ROW LEVEL SECURITY;
CREATE POLICY listed ON everything TO reader USING (calls.closed() AND figures.any_total() > 0 AND EXISTS (SELECT FROM members.list m WHERE m.who = everything.name));
CREATE TABLE placed (id int) TABLESPACE apart;
CREATE TABLE not_placed (id int);
CREATE INDEX placed_id ON placed (id) TABLESPACE apart;
CREATE INDEX not_placed_id ON not_placed (id);
COMMENT ON TABLE placed IS E'\n--\n-- Name: no_table; Type: TABLE; Schema: public; Owner: postgres\n--\n\nSET default_tablespace = apart;\n';
CREATE TABLE parent (a int DEFAULT 5);
CREATE TABLE child () INHERITS (parent);
ALTER TABLE child ALTER a DROP DEFAULT;
ALTER TYPE kinds.mood OWNER TO owner; GRANT USAGE ON TYPE public.tuple TO reader;
INSERT INTO everything (pair, name, filled, n, t) SELECT ROW('happy', 'x')::layers.pair, 'name ' || i, 'f', i, ROW(i)::tuple FROM generate_series(1, 20) AS i;
SQL
expect_exit 0 larder export -t 'public.*' -d db -o "$SCRATCH/db.tar" --no-record

it "functions elsewhere are externals, in the order in which they stand on each other, those that a body calls too"
expect_equal "the functions" "calls.z_inner(integer) calls.a_outer(integer) calls.hidden(integer) calls.hiding(integer) calls.not_empty(text) calls.closed()" \
    "$(externals "$SCRATCH/db.tar" function)"
expect_equal "the tables" list "$(externals "$SCRATCH/db.tar" table)"

it "all that the target lacks is listed, and nothing is touched"
server_use target
new_database back
expect_exit 1 larder restore "$SCRATCH/db.tar" -d back --json
expect_json '[.findings[] | select(.kind == "role") | .object] | join(" ")' "owner reader"
expect_json '[.findings[] | select(.kind == "table") | .message] | join(" ") | test("members.list")' true
expect_json '[.findings[] | select(.kind == "function")] | length' 6
expect_query back "SELECT count(*) FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'" 1

it "with stand-ins everything is there, and what nothing needs is left where it cannot be had"
expect_exit 9 larder restore "$SCRATCH/db.tar" -d back --create-roles --externals stub --json
expect_json .agree true
expect_json '[.findings[].object] | join(" ")' "FUNCTION public of_strange(members.strange) postgres"
expect_stderr "tablespace apart does not exist"
expect_query back "SELECT nextval('counters.shared')" 141
expect_query back "SELECT count(*) FROM pg_statistic_ext; SELECT count(*) FROM pg_policy; SELECT count(*) FROM pg_rules WHERE schemaname = 'public'" "$(printf '2\n1\n1')"
expect_query back "INSERT INTO child VALUES (DEFAULT) RETURNING a IS NULL" t
expect_query back "SELECT has_function_privilege('reader', 'calls.closed()', 'EXECUTE WITH GRANT OPTION'), (SELECT count(*) FROM pg_proc, aclexplode(proacl) g WHERE proname = 'closed' AND g.grantee = 0)" "t|0"
expect_query back "SELECT pg_get_userbyid(typowner) FROM pg_type WHERE typname = 'mood'" owner
expect_query back "SELECT obj_description('placed'::regclass) LIKE '%no_table%'" t

it "tablespaces that the target has are used, by tables and by indexes, and by none but their own"
mkdir "$SCRATCH/room"
[ -z "$SERVER_OS_USER" ] || chown "$SERVER_OS_USER" "$SCRATCH/room"
sql postgres "CREATE TABLESPACE apart LOCATION '$SCRATCH/room'"
new_database spaced
expect_exit 9 larder restore "$SCRATCH/db.tar" -d spaced --externals stub -q
expect_query spaced "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE reltablespace = (SELECT oid FROM pg_tablespace WHERE spcname = 'apart')" "placed placed_id"

it "a schema elsewhere is used by those who used it in the source, and by nobody else"
server_use source
sql postgres "CREATE ROLE app"
new_database shut
sql shut <<'SQL'
CREATE SCHEMA private AUTHORIZATION app; CREATE SCHEMA helpers; CREATE SCHEMA shared; GRANT USAGE ON SCHEMA shared TO PUBLIC; CREATE SCHEMA tools;
GRANT USAGE ON SCHEMA helpers TO reader WITH GRANT OPTION; GRANT USAGE, CREATE ON SCHEMA helpers TO stranger;
CREATE FUNCTION private.is_admin() RETURNS bool LANGUAGE sql STABLE SECURITY DEFINER AS 'SELECT true';
CREATE FUNCTION helpers.ready() RETURNS bool LANGUAGE sql STABLE AS 'SELECT true'; CREATE FUNCTION shared.ready() RETURNS bool LANGUAGE sql STABLE AS 'SELECT true';
CREATE EXTENSION pg_trgm SCHEMA tools;
CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'b'); CREATE INDEX ON t USING gin (b tools.gin_trgm_ops);
ALTER TABLE t ENABLE ROW LEVEL SECURITY; GRANT SELECT ON t TO reader; ALTER TABLE t OWNER TO app;
CREATE POLICY admins ON t TO reader USING (private.is_admin() AND helpers.ready() AND shared.ready());
SQL
expect_exit 0 larder export -t t -d shut -o "$SCRATCH/shut.tar" --no-record -q
users="SELECT nspname, CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(g.grantee) END, privilege_type, is_grantable FROM pg_namespace, aclexplode(nspacl) g
    WHERE nspname IN ('private', 'helpers', 'shared', 'tools') AND g.grantee <> 10 AND pg_get_userbyid(g.grantee) <> 'stranger' ORDER BY 1, 2, 3"
closed_as_before()
{
    expect_query "$1" "$users" "$(printf 'helpers|reader|USAGE|t\nprivate|app|CREATE|f\nprivate|app|USAGE|f\nshared|PUBLIC|USAGE|f')"
    expect_query "$1" "SET ROLE reader; SELECT count(*) FROM t" 1
    expect_exit 1 psql -Xq -v ON_ERROR_STOP=1 -d "$1" -c 'SET ROLE reader' -c 'SELECT private.is_admin()'
    expect_stderr "permission denied for schema private"
}
server_use target
new_database shut
expect_exit 0 larder restore "$SCRATCH/shut.tar" -d shut --externals stub --create-roles -q
closed_as_before shut
mkdir "$SCRATCH/by-hand" && tar xf "$SCRATCH/shut.tar" -C "$SCRATCH/by-hand"
new_database by_hand
expect_exit 0 env -C "$SCRATCH/by-hand" psql -Xq -v ON_ERROR_STOP=1 -d by_hand -f schema/pre-data.sql -f load.sql -f schema/post-data.sql
closed_as_before by_hand

it "an archive that does not say who used it opens it to nobody"
cp "$SCRATCH/shut.tar" "$SCRATCH/older.tar"
for _ in helpers private shared; do forge_manifest "$SCRATCH/older.tar" '"kind":"schema"' '"kind":"of_old"'; done
new_database older
expect_exit 0 larder restore "$SCRATCH/older.tar" -d older --externals stub -q
expect_query older "$users" ''
expect_query older "SET ROLE reader; SELECT count(*) FROM t" 1

it "the roles are the same, whether there is anything elsewhere or nothing"
server_use source
sql postgres "CREATE ROLE caller; CREATE ROLE heir; CREATE ROLE maker; CREATE ROLE guest; CREATE ROLE nobody"
new_database alone
sql alone <<'SQL'
CREATE SCHEMA own AUTHORIZATION maker; GRANT USAGE ON SCHEMA own TO guest;
CREATE FUNCTION own.known(int) RETURNS bool LANGUAGE sql IMMUTABLE AS 'SELECT $1 > 0'; ALTER FUNCTION own.known OWNER TO heir;
REVOKE ALL ON FUNCTION own.known FROM PUBLIC; GRANT EXECUTE ON FUNCTION own.known TO caller;
CREATE TABLE own.t (a int PRIMARY KEY CHECK (own.known(a))); CREATE TABLE u (a int REFERENCES own.t);
ALTER TABLE u ENABLE ROW LEVEL SECURITY; CREATE POLICY read ON u TO reader USING (own.known(a));
SQL
all_externals()
{
    expect_exit 0 larder export -t '*.*' -d alone -o "$SCRATCH/$1.tar" --no-record -q
    tar xOf "$SCRATCH/$1.tar" manifest.json | jq -c .externals
}
alone=$(all_externals alone)
expect_equal "the externals" "role caller, role guest, role heir, role maker, role reader" \
    "$(jq -r 'map(.kind + " " + .name) - ["role postgres"] | join(", ")' <<<"$alone")"
sql alone "CREATE SCHEMA elsewhere"
beside=$(all_externals beside)
expect_equal "the externals" "$alone" "$beside"
