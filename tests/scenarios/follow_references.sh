#!/usr/bin/env bash
# --follow-references brings the rows that foreign keys refer to in tables which are not exported: into stand-ins, and into tables
# that are there and lack them. They are never taken for whole tables.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

STORE=$SCRATCH/store
KEYS=$SCRATCH/keys.tar
ROWS=$SCRATCH/rows.tar

# Tables that refer in every way, and what they refer to.
source_tables()
{
    sql "$1" "CREATE SCHEMA elsewhere; CREATE TYPE elsewhere.mood AS ENUM ('good', 'bad');
        CREATE TABLE elsewhere.regions (id int PRIMARY KEY, name text);
        CREATE TABLE elsewhere.people (id int PRIMARY KEY, email text UNIQUE, boss int REFERENCES elsewhere.people, region int REFERENCES elsewhere.regions,
            mood elsewhere.mood DEFAULT 'good', twice int GENERATED ALWAYS AS (id * 2) STORED);
        CREATE TABLE elsewhere.places (country text, zip text, name text NOT NULL DEFAULT 'nowhere', PRIMARY KEY (country, zip));
        CREATE TABLE elsewhere.days (day date PRIMARY KEY, note text) PARTITION BY RANGE (day);
        CREATE TABLE elsewhere.days_1 PARTITION OF elsewhere.days FOR VALUES FROM ('2025-01-01') TO ('2025-07-01');
        CREATE TABLE elsewhere.days_2 PARTITION OF elsewhere.days FOR VALUES FROM ('2025-07-01') TO ('2026-01-01');
        CREATE TABLE visits (id int, person int REFERENCES elsewhere.people, mail text REFERENCES elsewhere.people (email), country text, zip text,
            day date NOT NULL REFERENCES elsewhere.days, again int, PRIMARY KEY (id, day), FOREIGN KEY (country, zip) REFERENCES elsewhere.places)
            PARTITION BY RANGE (day);
        CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM ('2025-01-01') TO ('2025-07-01');
        CREATE TABLE visits_2 PARTITION OF visits FOR VALUES FROM ('2025-07-01') TO ('2026-01-01');
        CREATE TABLE tree (id int PRIMARY KEY, parent int REFERENCES tree, person int REFERENCES elsewhere.people)"
}

source_rows()
{
    sql "$1" "INSERT INTO elsewhere.regions SELECT i, 'region ' || i FROM generate_series(1, 100) AS i;
        INSERT INTO elsewhere.people (id, email, boss, region) SELECT i, 'p' || i || '@example.org', nullif(i - 1, 0) / 1, i % 100 + 1 FROM generate_series(1, 1000) AS i;
        UPDATE elsewhere.people SET boss = CASE WHEN id % 10 = 1 THEN NULL ELSE id - 1 END;
        INSERT INTO elsewhere.places SELECT c, 'z' || i, c || i FROM unnest(ARRAY['at', 'de']) AS c, generate_series(1, 50) AS i;
        INSERT INTO elsewhere.days SELECT '2025-01-01'::date + i, 'day ' || i FROM generate_series(0, 364) AS i;
        INSERT INTO visits SELECT i, i * 10 + 5, CASE WHEN i % 2 = 0 AND i > 0 THEN 'p' || i || '@example.org' END, CASE WHEN i % 3 = 0 THEN 'at' END, 'z' || i % 50 + 1,
            '2025-01-01'::date + i * 7 FROM generate_series(0, 50) AS i;
        INSERT INTO tree SELECT i, nullif(i / 2, 0), CASE WHEN i < 3 THEN 900 + i END FROM generate_series(1, 20) AS i"
}

server_start one
new_database source
source_tables source
source_rows source
# What visits and tree refer to, by id and by email.
wanted="SELECT id FROM elsewhere.people p WHERE EXISTS (SELECT FROM visits v WHERE v.person = p.id OR v.mail = p.email) OR EXISTS (SELECT FROM tree t WHERE t.person = p.id)"
people=$(sql source "SELECT count(*) FROM ($wanted) AS w")

it "the keys are exported, once each, and are told apart from tables"
expect_exit 0 larder export -t visits -t tree -d source -o "$KEYS" --no-record --follow-references --json
expect_json '[.tables[].name] | sort | join(" ")' "tree visits visits_1 visits_2"
expect_json '[.referenced[] | .name + " " + .only] | sort | join(", ")' "days keys, people keys, places keys"
expect_json '.referenced[] | select(.name == "people").rows' "$people"
expect_json '.rows' 71
expect_exit 0 larder verify "$KEYS" --json
expect_json '[.tables[].name] | sort | join(" ")' "tree visits visits_1 visits_2"
mkdir "$SCRATCH/out"
tar xf "$KEYS" -C "$SCRATCH/out"
expect_equal "the columns that are kept" "email id" "$(jq -r '.referenced[] | select(.name == "people").columns | map(.name) | sort | join(" ")' "$SCRATCH/out/manifest.json")"
expect_equal "the format" "1.1" "$(jq -r .format_version "$SCRATCH/out/manifest.json")"
expect_exit 0 larder export -t visits -d source -o "$SCRATCH/plain.tar" --no-record -q
expect_equal "the format of others" "1.0" "$(tar xOf "$SCRATCH/plain.tar" manifest.json | jq -r .format_version)"

it "with rows all of them come, and what they refer to in turn, also in a circle"
expect_exit 0 larder export -t visits -t tree -d source -o "$ROWS" --no-record --follow-references=rows --json
expect_json '[.referenced[] | .name + " " + .only] | sort | join(", ")' "days rows, people rows, places rows, regions rows"
closure="WITH RECURSIVE c AS ($wanted UNION SELECT p.boss FROM c JOIN elsewhere.people p USING (id) WHERE p.boss IS NOT NULL) SELECT"
expect_json '.referenced[] | select(.name == "people").rows' "$(sql source "$closure count(*) FROM c")"
expect_json '.referenced[] | select(.name == "regions").rows' "$(sql source "$closure count(DISTINCT region) FROM c JOIN elsewhere.people USING (id)")"

it "they are of the snapshot of the rest, and the tables are locked with it"
expect_exit 2 larder export -t visits -d source -o "$SCRATCH/x.tar" --follow-references=all
psql -Xq -d source -c "BEGIN; LOCK TABLE elsewhere.days_2; SELECT pg_sleep(60)" >/dev/null &
holder=$!
wait_until expect_query source "SELECT count(*) FROM pg_locks WHERE relation = 'elsewhere.days_2'::regclass AND mode = 'AccessExclusiveLock' AND granted" 1
expect_exit 1 larder export -t visits -d source -o "$SCRATCH/x.tar" --no-record --follow-references --lock-timeout 1
expect_stderr "could not lock"
sql postgres "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()" >/dev/null
wait "$holder" || true
sql source "CREATE ROLE reader LOGIN; GRANT USAGE ON SCHEMA elsewhere TO reader; GRANT SELECT ON visits, visits_1, visits_2, tree TO reader"
expect_exit 1 larder export -t visits -d source -U reader -o "$SCRATCH/x.tar" --no-record --follow-references
expect_says 'elsewhere.people'

it "stand-ins are filled with them"
for archive in "$KEYS" "$ROWS"; do
    new_database fresh
    expect_exit 1 larder restore "$archive" -d fresh
    expect_says "table elsewhere.people does not exist in the target"
    expect_exit 0 larder restore "$archive" -d fresh --externals stub
    expect_stdout "equal: 4 tables"
    expect_query fresh "SELECT count(*), count(id), count(email) FROM elsewhere.people p WHERE EXISTS (SELECT FROM visits v WHERE v.person = p.id OR v.mail = p.email) OR EXISTS (SELECT FROM tree t WHERE t.person = p.id)" "$people|$people|$people"
    expect_query fresh "SELECT bool_and(convalidated) FROM pg_constraint WHERE contype = 'f'" t
    expect_exit 0 larder verify "$archive" --against fresh
    [ "$archive" = "$ROWS" ] || dropdb fresh
done
expect_query fresh "SELECT boss || ' ' || mood FROM elsewhere.people WHERE id = 15" "14 good"
dropdb fresh

it "ordinary tools fill them, too"
new_database by_hand
expect_exit 0 env -C "$SCRATCH/out" psql -Xq -v ON_ERROR_STOP=1 -d by_hand -f schema/pre-data.sql -f load.sql -f schema/post-data.sql
expect_query by_hand "SELECT count(*) FROM elsewhere.people WHERE email IS NOT NULL AND id IS NOT NULL" "$people"
rm -r "$SCRATCH/out" && mkdir "$SCRATCH/out" && tar xf "$ROWS" -C "$SCRATCH/out"
dropdb by_hand
new_database by_hand
expect_exit 0 env -C "$SCRATCH/out" psql -Xq -v ON_ERROR_STOP=1 -d by_hand -f schema/pre-data.sql -f load.sql -f schema/post-data.sql
expect_query by_hand "SELECT note FROM elsewhere.days WHERE day = '2025-01-08'" "day 7"
dropdb by_hand

it "a table that is there gets the rows that it lacks and that are needed; what is there stays as it is"
new_database dev
source_tables dev
sql dev "DROP TABLE visits, tree; INSERT INTO elsewhere.regions VALUES (99, 'theirs'); INSERT INTO elsewhere.people (id, email, region) VALUES (901, 'theirs', 99), (-1, 'new', 99);
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''a trigger has fired''; END'; CREATE TRIGGER t BEFORE INSERT ON elsewhere.people FOR EACH ROW EXECUTE FUNCTION refuse()"
expect_exit 0 larder restore "$ROWS" -d dev -t tree --preview
expect_stderr 'what "elsewhere"."people" lacks of the archived rows'
expect_query dev "SELECT count(*) FROM elsewhere.people" 2
expect_exit 0 larder restore "$ROWS" -d dev -t tree
expect_stdout "equal: 1 table, counted"
expect_query dev "SELECT string_agg(id || ' ' || email || ' ' || coalesce(boss::text, '-'), ', ' ORDER BY id) FROM elsewhere.people" \
    "-1 new -, 901 theirs -, 902 p902@example.org 901"
expect_query dev "SELECT string_agg(id || ' ' || name, ', ' ORDER BY id) FROM elsewhere.regions" "3 region 3, 99 theirs"
expect_query dev "SELECT count(*) FROM elsewhere.days" 0

it "so it is where rows are merged into tables that exist, and no row is ever removed for want of them"
sql dev "DELETE FROM tree WHERE id > 1; ALTER TABLE tree DROP CONSTRAINT tree_person_fkey; DELETE FROM elsewhere.people WHERE id = 902;
    ALTER TABLE tree ADD CONSTRAINT tree_person_fkey FOREIGN KEY (person) REFERENCES elsewhere.people"
expect_exit 0 larder restore "$ROWS" -d dev -t tree --existing rows --no-undo
expect_query dev "SELECT count(*), sum(person) FROM tree" "20|1803"
expect_query dev "SELECT string_agg(id::text, ' ' ORDER BY id) FROM elsewhere.people" "-1 901 902"
expect_exit 0 larder restore "$ROWS" -d dev --existing missing --no-undo
expect_query dev "SELECT count(*) FROM visits JOIN elsewhere.people p ON p.id = person JOIN elsewhere.days USING (day)" 51
expect_query dev "SELECT count(*) FROM elsewhere.people WHERE id = -1" 1

it "keys become rows of nothing else, where a table takes such"
new_database keys
source_tables keys
sql keys "DROP TABLE visits, tree"
expect_exit 0 larder restore "$KEYS" -d keys
expect_query keys "SELECT count(*), count(region) FROM elsewhere.people" "$people|0"
expect_query keys "SELECT count(*) FROM elsewhere.places WHERE name = 'nowhere'" "$(sql source "SELECT count(DISTINCT (country, zip)) FROM visits WHERE country IS NOT NULL")"

it "rows that would refer to nothing are not added, and all of it is taken back"
new_database broken
source_tables broken
sql broken "DROP TABLE visits, tree; ALTER TABLE elsewhere.people ADD COLUMN must int NOT NULL DEFAULT 999 REFERENCES elsewhere.regions"
expect_exit 1 larder restore "$ROWS" -d broken
expect_stderr "people_must_fkey"
expect_query broken "SELECT count(*) FROM elsewhere.people" 0
expect_query broken "SELECT to_regclass('tree') IS NULL" t

it "an archive of a preset with them is drilled"
sample_database prod 300
larder init -d prod -q
expect_exit 0 larder export daily -d prod --store "$STORE" --follow-references=rows -q
expect_exit 0 larder drill daily -d prod --store "$STORE" --json
expect_json '[.agree, .metadata_from] | join(" ")' "true database"
expect_json '[.tables[].name] | sort | join(" ")' "profiles recipe_uploads saved_recipe_videos user_follows user_interactions"

it "keys of an extension's type are compared as their index does it"
server_use one
new_database sounds
sql sounds "CREATE EXTENSION citext; CREATE SCHEMA o; CREATE TABLE o.words (word citext PRIMARY KEY); CREATE TABLE said (id int PRIMARY KEY, word citext REFERENCES o.words);
    INSERT INTO o.words VALUES ('abc'), ('other'); INSERT INTO said VALUES (1, 'ABC')"
expect_exit 0 larder export -t said -d sounds -o "$SCRATCH/sounds.tar" --no-record --follow-references -q
for present in "" "INSERT INTO o.words VALUES ('Abc')"; do
    new_database heard
    sql heard "CREATE EXTENSION citext; CREATE SCHEMA o; CREATE TABLE o.words (word citext PRIMARY KEY); $present"
    expect_exit 0 larder restore "$SCRATCH/sounds.tar" -d heard
    expect_query heard "SELECT count(*) FROM said JOIN o.words USING (word)" 1
    dropdb heard
done

# expect_followed TABLE ROWS   so many rows of what the table refers to are exported, as keys and whole
expect_followed()
{
    for what in keys rows; do
        expect_exit 0 larder export -t "$1" -d sounds -o "$SCRATCH/$1_$what.tar" --no-record --follow-references=$what --json
        expect_json '[(.referenced // [])[].rows] | add // 0' "$2"
    done
}

it "a key that many rows refer to is there once, also where a single foreign key leads to it"
sql sounds "INSERT INTO said VALUES (2, 'abc'), (3, 'Abc'), (4, 'other')"
expect_followed said 2

it "a partitioned table without its partitions has no rows that could refer to any"
sql sounds "CREATE TABLE parted (id int, word citext REFERENCES o.words) PARTITION BY RANGE (id)"
expect_followed parted 0
expect_json '(.referenced // []) | length' 0

it "a key whose columns sort by different rules is followed by those of what it refers to"
sql sounds 'CREATE TABLE o.sorted (word text COLLATE "C" PRIMARY KEY, n int); CREATE TABLE other_rules (id int, word text COLLATE ucs_basic REFERENCES o.sorted);
    INSERT INTO o.sorted VALUES ('"'a', 1), ('b', 2), ('c', 3); INSERT INTO other_rules VALUES (1, 'a'), (2, 'a'), (3, 'b')"
expect_followed other_rules 2
new_database sorted
expect_exit 0 larder restore "$SCRATCH/other_rules_rows.tar" -d sorted --externals stub
expect_query sorted "SELECT count(*) FROM o.sorted" 2

it "what triggers of a table that gets keys do to restored rows is a difference, and no agreement"
new_database kept
sql kept "CREATE TABLE people (id int PRIMARY KEY); INSERT INTO people SELECT generate_series(1, 5000); CREATE TABLE profiles (id int PRIMARY KEY REFERENCES people, bio text);
    INSERT INTO profiles SELECT i, repeat('bio', 10) || i FROM generate_series(1, 5000) AS i; CREATE INDEX ON profiles (bio); CREATE INDEX ON profiles (md5(bio))"
expect_exit 0 larder export -t profiles -d kept -o "$SCRATCH/kept.tar" --no-record -q
sql kept "CREATE ROLE app LOGIN"
new_database written
sql written "ALTER DATABASE written OWNER TO app; ALTER SCHEMA public OWNER TO app; SET ROLE app; CREATE TABLE people (id int PRIMARY KEY);
    CREATE FUNCTION greet() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.profiles VALUES (NEW.id, ''hello'') ON CONFLICT (id) DO UPDATE SET bio = ''hello''; RETURN NEW; END';
    CREATE TRIGGER greet AFTER INSERT ON people FOR EACH ROW EXECUTE FUNCTION greet()"
expect_exit 3 larder restore "$SCRATCH/kept.tar" -d written -U app --no-owner --externals stub -j 2
expect_stderr 'table "public.profiles" has as many rows in the target as in the archive, but not the same content'
