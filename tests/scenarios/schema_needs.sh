#!/usr/bin/env bash
# What entries of a schema need of each other, in ways that are rare: keys that functions and policies are grouped by, views that are there
# already, tables that are partitioned or referred to twice and not among the chosen, roles that own what comes last,
# partitions and children without their parents.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

# archive NAME SQL [TABLES]   of a database of that name
archive()
{
    new_database "$1"
    sql "$1" "$2"
    expect_exit 0 larder export -t "${3:-*.*}" -d "$1" -o "$SCRATCH/$1.tar" --no-record -q
}

# restore EXIT NAME TARGET OPTION...
restore()
{
    expect_exit "$1" larder restore "$SCRATCH/$2.tar" -d "${@:3}" -q
}

# by_hand NAME TARGET   with tar and psql alone
by_hand()
{
    mkdir "$SCRATCH/$2"
    tar -xf "$SCRATCH/$1.tar" -C "$SCRATCH/$2"
    expect_exit 0 env -C "$SCRATCH/$2" psql -Xq -v ON_ERROR_STOP=1 -d "$2" -f schema/pre-data.sql -f load.sql -f schema/post-data.sql
}

server_start one

it "a view that is there already keeps its definition, and gets neither rule nor grant nor comment of the archive's"
archive views "CREATE ROLE reader; CREATE TABLE b (id int PRIMARY KEY, t text); INSERT INTO b VALUES (1, 'x');
    CREATE VIEW bv AS SELECT id, t FROM b GROUP BY id; CREATE VIEW cv AS SELECT 1 AS a; CREATE RULE cr AS ON INSERT TO cv DO INSTEAD NOTHING;
    GRANT SELECT ON bv TO reader; COMMENT ON VIEW bv IS 'the archive''s'; CREATE VIEW dv AS SELECT 3 AS c"
new_database mine
sql mine "CREATE VIEW bv AS SELECT 1 AS id, 'mine'::text AS t; CREATE VIEW cv AS SELECT 2 AS a"
view="SELECT md5(pg_get_viewdef('bv')), md5(pg_get_viewdef('cv')), (SELECT count(*) FROM pg_rules WHERE tablename = 'cv'),
    has_table_privilege('reader', 'bv', 'SELECT'), obj_description('bv'::regclass)"
before=$(sql mine "$view")
restore 9 views mine --schema all
expect_query mine "$view" "$before"
expect_query mine "SELECT c FROM dv" 3
expect_stderr 'VIEW public bv postgres (relation "bv" already exists)'

it "functions and policies that are grouped by a primary key come back, also where a table's default calls one"
archive grouped "CREATE TABLE base (id int PRIMARY KEY, b text, c int); INSERT INTO base VALUES (1, 'one', 1);
    CREATE FUNCTION gb() RETURNS text LANGUAGE sql STABLE BEGIN ATOMIC SELECT b FROM base GROUP BY id; END;
    CREATE TABLE dfl (a text DEFAULT gb(), n int); INSERT INTO dfl VALUES (DEFAULT, 1);
    CREATE TABLE pol (a text); ALTER TABLE pol ENABLE ROW LEVEL SECURITY;
    CREATE POLICY pp ON pol USING (a IN (SELECT b FROM base GROUP BY id));
    CREATE PROCEDURE ups(x int) LANGUAGE sql BEGIN ATOMIC INSERT INTO base VALUES (x) ON CONFLICT ON CONSTRAINT base_pkey DO NOTHING; END;
    COMMENT ON CONSTRAINT base_pkey ON base IS 'needed early'"
for with in --quiet --schema=all; do
    dropdb --if-exists grouped_again 2>/dev/null
    new_database grouped_again
    restore 0 grouped grouped_again "$with"
    sql grouped_again "CALL ups(1); INSERT INTO dfl VALUES (DEFAULT, 2)"
    expect_query grouped_again "SELECT string_agg(a, ' ') FROM dfl" 'one one'
    expect_query grouped_again "SELECT polname FROM pg_policy" pp
    expect_query grouped_again "SELECT obj_description(oid) FROM pg_constraint WHERE conname = 'base_pkey'" 'needed early'
done
new_database by_hand
tar -xf "$SCRATCH/grouped.tar" -C "$SCRATCH" schema
psql -Xq -v ON_ERROR_STOP=1 -d by_hand -f "$SCRATCH/schema/pre-data.sql" >/dev/null
psql -Xq -v ON_ERROR_STOP=1 -d by_hand -f "$SCRATCH/schema/post-data.sql" >/dev/null

it "a foreign key to a partitioned table that is not restored: to one with other partitions, and to a stand-in"
archive parts "CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
    CREATE TABLE prefs (id int REFERENCES p); INSERT INTO p VALUES (1); INSERT INTO prefs VALUES (1)"
new_database other_parts
sql other_parts "CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (0) TO (50); INSERT INTO p VALUES (1)"
restore 0 parts other_parts -t prefs
expect_query other_parts "SELECT confrelid::regclass FROM pg_constraint WHERE conname = 'prefs_id_fkey'" p
new_database no_parts
restore 0 parts no_parts -t prefs --externals stub
expect_query no_parts "SELECT confrelid::regclass FROM pg_constraint WHERE conname = 'prefs_id_fkey'" p
new_database all_parts
restore 0 parts all_parts
expect_query all_parts "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = 'prefs'::regclass AND convalidated" "$(sql parts "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = 'prefs'::regclass AND convalidated")"

it "two foreign keys to different columns of a table that is not restored: the stand-in has both"
archive twice "CREATE TABLE refd (x int PRIMARY KEY, y int UNIQUE); CREATE TABLE refg (x int REFERENCES refd (x), y int REFERENCES refd (y));
    INSERT INTO refd VALUES (1, 2); INSERT INTO refg VALUES (1, 2)"
new_database twice_again
restore 0 twice twice_again -t refg --externals stub
expect_query twice_again "SELECT count(*) FROM pg_constraint WHERE conrelid = 'refg'::regclass AND contype = 'f'" 2

it "the owner of a statistics object is asked for before anything is made"
archive owned "CREATE ROLE stat_owner; CREATE TABLE a (id int PRIMARY KEY, b int, c int); CREATE STATISTICS st ON b, c FROM a; ALTER STATISTICS st OWNER TO stat_owner"
dropdb owned
sql postgres "DROP ROLE stat_owner"
new_database owned_again
restore 1 owned owned_again
expect_stderr 'role "stat_owner" does not exist in the target; --create-roles creates it'
restore 0 owned owned_again --create-roles
expect_query owned_again "SELECT stxowner::regrole FROM pg_statistic_ext" stat_owner

it "a trigger that is switched otherwise on partitions than on what they are partitions of comes back as it was, whatever their names"
switched="CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
    CREATE TABLE root (id int) PARTITION BY RANGE (id); CREATE TABLE mid PARTITION OF root DEFAULT PARTITION BY RANGE (id);
    CREATE TABLE a_leaf PARTITION OF mid FOR VALUES FROM (0) TO (10); CREATE TABLE z_leaf PARTITION OF mid DEFAULT;
    CREATE TRIGGER tg AFTER INSERT ON root FOR EACH ROW EXECUTE FUNCTION tf(); CREATE TRIGGER th AFTER INSERT ON root FOR EACH ROW EXECUTE FUNCTION tf();
    ALTER TABLE a_leaf DISABLE TRIGGER tg; ALTER TABLE mid DISABLE TRIGGER th; ALTER TABLE a_leaf ENABLE REPLICA TRIGGER th; INSERT INTO root VALUES (1), (11)"
switches="SELECT string_agg(tgrelid::regclass || ' ' || states, ', ' ORDER BY tgrelid::regclass::text)
    FROM (SELECT tgrelid, string_agg(tgenabled::text, '' ORDER BY tgname) AS states FROM pg_trigger GROUP BY 1) AS t"
archive switched "$switched"
expect_query switched "$switches" 'a_leaf DR, mid OD, root OO, z_leaf OD'
new_database switched_again
restore 0 switched switched_again
expect_query switched_again "$switches" 'a_leaf DR, mid OD, root OO, z_leaf OD'
new_database switched_by_hand
by_hand switched switched_by_hand
expect_query switched_by_hand "$switches" 'a_leaf DR, mid OD, root OO, z_leaf OD'

it "a foreign key's own triggers stay switched on: in another database their names are those of others"
archive own_triggers "CREATE TABLE r (id int PRIMARY KEY); CREATE TABLE root (id int REFERENCES r) PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF root DEFAULT;
    ALTER TABLE part DISABLE TRIGGER ALL"
new_database own_triggers_again
restore 0 own_triggers own_triggers_again
expect_query own_triggers_again "SELECT count(*) FROM pg_trigger WHERE tgenabled <> 'O'" 0
tar -xOf "$SCRATCH/own_triggers.tar" schema/post-data.sql >"$SCRATCH/own_triggers.sql"
expect_equal "the triggers that are named" '' "$(grep ConstraintTrigger "$SCRATCH/own_triggers.sql" || true)"

it "a partition alone comes back without a trigger that it has by what it is a partition of"
archive one_switched "$switched" a_leaf
new_database one_switched_again
restore 0 one_switched one_switched_again --externals stub
expect_query one_switched_again "SELECT count(*) FROM a_leaf" 1
new_database one_switched_by_hand
by_hand one_switched one_switched_by_hand

it "a partition of a table in another schema comes back alone, with its keys, and it is told"
archive halves "CREATE SCHEMA there; CREATE TABLE root (id int PRIMARY KEY, n int) PARTITION BY RANGE (id); CREATE INDEX ON root (n);
    CREATE TABLE there.part PARTITION OF root DEFAULT; INSERT INTO root VALUES (1, 2)" 'there.*'
new_database halves_again
restore 9 halves halves_again
expect_stderr '"public"."root" is neither in the archive nor in the target: its partition comes back as a table of its own'
expect_query halves_again "SELECT (SELECT count(*) FROM there.part), count(*) FROM pg_index WHERE indrelid = 'there.part'::regclass" '1|2'
new_database halves_by_hand
by_hand halves halves_by_hand
new_database halves_joined
sql halves_joined "CREATE TABLE root (id int PRIMARY KEY, n int) PARTITION BY RANGE (id); CREATE INDEX ON root (n)"
restore 0 halves halves_joined
expect_query halves_joined "SELECT count(*) FROM root" 1

it "a partition that is itself partitioned joins the table that the target has, in its own schema or another, with one set of keys and indexes"
root="CREATE TABLE root (id int PRIMARY KEY, n int) PARTITION BY RANGE (id); CREATE INDEX ON root (n)"
for schema in there public; do
    archive "deep_$schema" "CREATE SCHEMA there; $root; CREATE TABLE $schema.part PARTITION OF root DEFAULT PARTITION BY RANGE (id);
        CREATE TABLE $schema.a_sub PARTITION OF $schema.part DEFAULT PARTITION BY RANGE (id); CREATE TABLE $schema.leaf PARTITION OF $schema.a_sub DEFAULT; INSERT INTO root VALUES (1, 2)" "$schema.part"
    new_database "deep_${schema}_again"
    sql "deep_${schema}_again" "$root"
    restore 0 "deep_$schema" "deep_${schema}_again"
    expect_query "deep_${schema}_again" "SELECT count(*) FROM root; SELECT count(*) FROM pg_inherits; SELECT count(*), bool_and(indisvalid) FROM pg_index WHERE indrelid >= 16384" $'1\n9\n8|t'
done

it "a foreign key to a table that the target has finds there the rows that a restored partition brings"
archive joined_refs "CREATE TABLE root (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF root DEFAULT; CREATE TABLE refs (id int REFERENCES root);
    INSERT INTO root VALUES (1); INSERT INTO refs VALUES (1)"
new_database joined_refs_again
sql joined_refs_again "CREATE TABLE root (id int PRIMARY KEY) PARTITION BY RANGE (id)"
restore 0 joined_refs joined_refs_again -t part -t refs
expect_query joined_refs_again "SELECT convalidated FROM pg_constraint WHERE conname = 'refs_id_fkey'" t

it "a table that inherits from tables in other schemas comes back alone, with these, and without their rows"
archive heirs "CREATE SCHEMA here; CREATE SCHEMA there; CREATE TYPE here.mood AS ENUM ('so'); CREATE TABLE here.grandparent (m here.mood, CHECK (m IS NOT NULL));
    CREATE TABLE parent (b int DEFAULT 7) INHERITS (here.grandparent); CREATE TABLE there.child (c int) INHERITS (parent);
    INSERT INTO parent VALUES ('so'); INSERT INTO there.child VALUES ('so', 1, 2)" 'there.*'
new_database heirs_again
restore 0 heirs heirs_again
expect_query heirs_again "SELECT (SELECT count(*) FROM here.grandparent), (SELECT count(*) FROM there.child), to_regclass('parent')" '1|1|parent'
new_database heirs_by_hand
by_hand heirs heirs_by_hand
expect_query heirs_by_hand "SELECT tableoid::regclass, b FROM parent" 'there.child|1'

it "keys and policies that name a table outside of the archive come back where that is there, whatever schema it is in"
new_database outside
sql outside "CREATE SCHEMA o; CREATE TABLE near (id int PRIMARY KEY); CREATE TABLE o.far (id int PRIMARY KEY); CREATE TABLE refers (a int REFERENCES near, b int REFERENCES o.far);
    CREATE POLICY p ON refers USING (a IN (SELECT id FROM near)); INSERT INTO near VALUES (1); INSERT INTO o.far VALUES (1); INSERT INTO refers VALUES (1, 1)"
expect_exit 0 larder export -t refers -d outside -o "$SCRATCH/outside.tar" --no-record -q
sql outside "DROP TABLE refers"
expect_exit 0 larder restore "$SCRATCH/outside.tar" -d outside --into-source outside
expect_query outside "SELECT conname FROM pg_constraint WHERE contype = 'f' ORDER BY 1; SELECT polname FROM pg_policy" $'refers_a_fkey\nrefers_b_fkey\np'
