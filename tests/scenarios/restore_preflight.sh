#!/usr/bin/env bash
# What a restore needs of the target and of its role is one list, before anything is touched; and with it all is whole.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"
source "$(dirname "$0")/../support/forge.bash"

# expect_untouched DATABASE ARGUMENT...   the restore is refused, and neither the database nor the roles change
expect_untouched()
{
    local state="SELECT oid, relname FROM pg_class ORDER BY 1; SELECT rolname FROM pg_roles ORDER BY 1; SELECT nspname FROM pg_namespace ORDER BY 1;
        SELECT oid FROM pg_proc WHERE oid > 16000; SELECT extname FROM pg_extension" before

    before=$(sql "$1" "$state")
    expect_exit 1 larder restore "${@:2}"
    expect_equal "the database $1" "$before" "$(sql "$1" "$state")"
}

server_start target
server_start source
sample_database kitchai 500
sql kitchai "CREATE EXTENSION citext; CREATE ROLE cook; CREATE ROLE waiter; CREATE TABLE menu (id int PRIMARY KEY, dish citext, by uuid REFERENCES auth.users);
    GRANT SELECT ON menu TO waiter; ALTER TABLE menu OWNER TO cook; ALTER TABLE menu ENABLE ROW LEVEL SECURITY;
    CREATE POLICY own ON menu TO waiter USING (auth.uid() = by); INSERT INTO menu SELECT 1, 'Soup', id FROM auth.users LIMIT 1"
expect_exit 0 larder export -t 'public.*' -d kitchai -o "$SCRATCH/kitchai.tar" --no-record -q

server_use target
sql postgres "CREATE ROLE anon; CREATE ROLE authenticated; CREATE ROLE service_role; CREATE ROLE weak LOGIN; CREATE ROLE chef LOGIN CREATEROLE"
new_database bare

it "two roles, an extension, a table and a function that the target lacks are one list, and nothing is touched"
expect_untouched bare "$SCRATCH/kitchai.tar" -d bare --json
expect_json '[.findings[] | .kind + " " + .object] | sort | join(", ")' \
    "extension citext, function auth.uid(), role cook, role waiter, table users"
expect_untouched bare "$SCRATCH/kitchai.tar" -d bare
for missing in '"cook"' '"waiter"' citext 'auth.uid()' auth.users; do
    expect_stderr "$missing"
done

it "with roles and stand-ins made everything is restored, and every foreign key is valid"
expect_exit 0 larder restore "$SCRATCH/kitchai.tar" -d bare --create-roles --externals stub --preview
expect_stderr "would be made for want of them in the target: "
expect_stderr "table auth.users (its keys alone)"
expect_exit 0 larder restore "$SCRATCH/kitchai.tar" -d bare --create-roles --externals stub --json
expect_stderr "table auth.users (its keys alone)"
expect_unsaid "would be made"
expect_json .agree true
expect_query bare "SELECT bool_and(convalidated) FROM pg_constraint WHERE contype = 'f'" t
server_use source
keys="SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid::regclass::text NOT LIKE 'auth.%'"
count=$(sql kitchai "$keys")
server_use target
expect_query bare "$keys" "$count"
orphans=$(sql bare "SELECT string_agg(format('SELECT count(*) FROM %s AS a WHERE a.%I IS NOT NULL AND NOT EXISTS (SELECT FROM %s AS b WHERE b.%I = a.%I)',
    conrelid::regclass, f.attname, confrelid::regclass, t.attname, f.attname), ' UNION ALL ') FROM pg_constraint
    JOIN pg_attribute f ON f.attrelid = conrelid AND f.attnum = conkey[1] JOIN pg_attribute t ON t.attrelid = confrelid AND t.attnum = confkey[1] WHERE contype = 'f'")
expect_query bare "SELECT sum(count) FROM ($orphans) AS o" 0
expect_query bare "SELECT count(*) > 0 FROM auth.users" t
expect_query bare "SELECT extname FROM pg_extension WHERE extname = 'citext'" citext

it "all that the restoring role may not do is in the list, too"
new_database narrow
sql narrow "REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE EXTENSION citext"
sql postgres "REVOKE CREATE ON DATABASE narrow FROM PUBLIC"
expect_untouched narrow "$SCRATCH/kitchai.tar" -d narrow -U weak --create-roles --externals stub --json
expect_json '[.findings[] | .kind + " " + .object] | sort | join(", ")' "owner cook, owner postgres, privilege narrow, privilege public"
sql postgres "DROP DATABASE bare"
sql postgres "DROP ROLE cook; DROP ROLE waiter"
expect_untouched narrow "$SCRATCH/kitchai.tar" -d narrow -U weak --create-roles --externals stub --json
expect_json '[.findings[] | .kind + " " + .object] | sort | join(", ")' \
    "owner cook, owner postgres, privilege cook, privilege narrow, privilege public, privilege waiter"
expect_untouched narrow "$SCRATCH/kitchai.tar" -d narrow -U weak --create-roles --externals stub
expect_stderr --no-owner

it "a table whose row level security is forced on its owner is in the list of a role that cannot get past it"
createdb strict
sql strict "CREATE TABLE open (id int, t text DEFAULT 'ALTER TABLE x FORCE ROW LEVEL SECURITY;'); CREATE TABLE forced_only (id int); ALTER TABLE forced_only FORCE ROW LEVEL SECURITY;
    CREATE TABLE enabled (id int); ALTER TABLE enabled ENABLE ROW LEVEL SECURITY; CREATE TABLE shut (id int); ALTER TABLE shut FORCE ROW LEVEL SECURITY; ALTER TABLE shut ENABLE ROW LEVEL SECURITY;
    INSERT INTO open VALUES (1); INSERT INTO enabled VALUES (1); INSERT INTO shut VALUES (1)"
expect_exit 0 larder export -t 'public.*' -d strict -o "$SCRATCH/strict.tar" --no-record -q
createdb -O weak weak_own
sql weak_own "ALTER SCHEMA public OWNER TO weak"
expect_untouched weak_own "$SCRATCH/strict.tar" -d weak_own -U weak --no-owner --json
expect_json '[.findings[] | .kind + " " + .object] | join(", ")' "row level security shut"
expect_exit 0 larder restore "$SCRATCH/strict.tar" -d weak_own -U weak --no-owner -t '*.*' -t '!shut' -q
sql postgres "ALTER ROLE weak BYPASSRLS"
expect_exit 0 larder restore "$SCRATCH/strict.tar" -d weak_own -U weak --no-owner -t shut -q
sql postgres "ALTER ROLE weak NOBYPASSRLS"

it "a role that is no superuser restores what others owned, as its own, without asking for the owners"
createdb -O chef chefs
expect_untouched chefs "$SCRATCH/kitchai.tar" -d chefs -U chef --create-roles --externals stub
expect_exit 0 larder restore "$SCRATCH/kitchai.tar" -d chefs -U chef --create-roles --externals stub --no-owner --json
expect_json .agree true
expect_query chefs "SELECT string_agg(DISTINCT pg_get_userbyid(relowner), ' ') FROM pg_class WHERE relnamespace = 'public'::regnamespace" chef
expect_query chefs "SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolname IN ('cook', 'waiter')" waiter
expect_query chefs "SELECT has_table_privilege('waiter', 'menu', 'SELECT'), relrowsecurity FROM pg_class WHERE oid = 'menu'::regclass" "t|t"

it "to join a partition, or what inherits, to a table that is there takes its owner: another role is told before anything is touched"
parents="CREATE TABLE root (id int) PARTITION BY RANGE (id); CREATE TABLE parent (id int)"
new_database family
sql family "$parents; CREATE TABLE part PARTITION OF root DEFAULT; CREATE TABLE empty PARTITION OF root FOR VALUES FROM (7) TO (8); CREATE TABLE child () INHERITS (parent); INSERT INTO root VALUES (1)"
expect_exit 0 larder export -t part -t empty -t child -d family -o "$SCRATCH/family.tar" --no-record -q
new_database joined
sql joined "$parents; GRANT CREATE ON DATABASE joined TO chef; GRANT CREATE ON SCHEMA public TO chef"
expect_untouched joined "$SCRATCH/family.tar" -d joined -U chef --no-owner --json
expect_json '[.findings[] | .kind + " " + .object] | sort | join(", ")' 'privilege "public"."parent", privilege "public"."root"'
sql joined "ALTER TABLE root OWNER TO chef; ALTER TABLE parent OWNER TO chef"
expect_exit 0 larder restore "$SCRATCH/family.tar" -d joined -U chef --no-owner -q
expect_query joined "SELECT (SELECT count(*) FROM root), count(*) FROM pg_inherits" '1|3'

it "a table that inherits from one which is neither in the archive nor in the target has that in its way"
sql family "CREATE SCHEMA heirs; CREATE TABLE heirs.child () INHERITS (parent); GRANT USAGE ON SCHEMA heirs TO chef; GRANT SELECT ON heirs.child TO chef"
expect_exit 0 larder export -t heirs.child -d family -U chef -o "$SCRATCH/heirs.tar" --no-record -q
new_database heirs
expect_untouched heirs "$SCRATCH/heirs.tar" -d heirs
expect_stderr '"public"."parent", which table "heirs.child" inherits from, is neither in the archive nor in the target'

it "room that the server has not is an obstacle"
if [ "$(id -u)" = 0 ] && mkdir "$SCRATCH/small" && mount -t tmpfs -o size=90m,mode=0777 tmpfs "$SCRATCH/small" 2>/dev/null; then
    trap 'umount -l "$SCRATCH/small"; server_cleanup' EXIT
    server_use source
    createdb large
    sql large "CREATE TABLE wide (v text); ALTER TABLE wide ALTER v SET STORAGE EXTERNAL; INSERT INTO wide SELECT repeat('x', 1000000) FROM generate_series(1, 60)"
    expect_exit 0 larder export -t wide -d large -o "$SCRATCH/large.tar" --no-record -q
    server_start tight --durable
    server_stop tight
    mv "$SCRATCH/tight/data" "$SCRATCH/small/"
    ln -s "$SCRATCH/small/data" "$SCRATCH/tight/data"
    server_restart tight
    new_database room
    expect_untouched room "$SCRATCH/large.tar" -d room --json
    expect_json '[.findings[].kind] | join(" ")' space
    server_stop tight
else
    echo "  not shown: no small file system can be mounted here"
fi

it "--allow-older is advised where rows are text, and not where they are binary, which no older server takes"
server_use source
new_database formats
sql formats "CREATE TABLE days (id int PRIMARY KEY, day date); INSERT INTO days VALUES (1, '2025-01-01'); CREATE TABLE nothing (id int)"
version=$(sql postgres "SHOW server_version" | grep -o '^[0-9]*')
for format in binary text; do
    expect_exit 0 larder export -t '*' -d formats -o "$SCRATCH/$format.tar" --no-record -q --copy-format "$format"
    forge_manifest "$SCRATCH/$format.tar" "\"server_version\":\"$version" "\"server_version\":\"99"
done
server_use target
new_database older
expect_exit 2 larder restore "$SCRATCH/binary.tar" -d older
expect_stderr "older than the source's"
expect_stderr "in binary format"
expect_unsaid "--allow-older tries it"
expect_exit 2 larder restore "$SCRATCH/binary.tar" -d older -t days
expect_unsaid "--allow-older tries it"
expect_untouched older "$SCRATCH/binary.tar" -d older -t nothing
expect_stderr "--allow-older tries it"
expect_untouched older "$SCRATCH/text.tar" -d older
expect_stderr "--allow-older tries it"

it "MAINTAIN is granted to nobody on a server that lacks it, which is listed, and all else is granted"
server_use source
if [ "$(sql postgres "SHOW server_version_num")" -lt 170000 ]; then
    # What a server of 17 grants, out of what this one does: both words have eight letters.
    mkdir "$SCRATCH/bin"
    ln -s "${SERVER_BIN[source]}/pg_restore" "$SCRATCH/bin"
    printf '#!/bin/bash\n"%s/pg_dump" "$@" | sed s/TRUNCATE/MAINTAIN/g\n' "${SERVER_BIN[source]}" >"$SCRATCH/bin/pg_dump"
    chmod +x "$SCRATCH/bin/pg_dump"
    new_database kept
    sql kept 'CREATE ROLE "a GRANT MAINTAIN ON b"; CREATE TABLE first (a int); CREATE TABLE middle (a int); CREATE TABLE alone (a int); CREATE TABLE none (a int); CREATE VIEW seen AS SELECT 1;
        GRANT SELECT, TRUNCATE ON first TO waiter WITH GRANT OPTION; GRANT DELETE, TRUNCATE, UPDATE ON middle TO waiter; GRANT TRUNCATE ON alone TO waiter; GRANT DELETE ON none TO waiter; GRANT SELECT, TRUNCATE ON seen TO waiter;
        ALTER DEFAULT PRIVILEGES FOR ROLE "a GRANT MAINTAIN ON b" IN SCHEMA public GRANT SELECT, TRUNCATE ON TABLES TO waiter'
    LARDER_PGBIN=$SCRATCH/bin expect_exit 0 larder export -t '*' -d kept -o "$SCRATCH/kept.tar" --no-record -q --copy-format text
    version=$(tar xOf "$SCRATCH/kept.tar" manifest.json | jq -r .server_version)
    forge_manifest "$SCRATCH/kept.tar" "\"server_version\":\"$version" "\"server_version\":\"17${version:2}"
    server_use target
    new_database lesser
    expect_exit 9 larder restore "$SCRATCH/kept.tar" -d lesser --allow-older --schema all --create-roles --json
    expect_json '[.findings[] | select(.message | test("MAINTAIN, which")) | .object] | sort | join(", ")' \
        'ACL public TABLE alone postgres, ACL public TABLE first postgres, ACL public TABLE middle postgres, ACL public TABLE seen postgres, DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES a GRANT MAINTAIN ON b'
    expect_json '.findings | length' 5
    expect_query lesser "SELECT relname, string_agg(privilege_type || is_grantable, ' ' ORDER BY privilege_type) FROM pg_class, aclexplode(relacl) WHERE grantee = 'waiter'::regrole GROUP BY 1 ORDER BY 1" \
        "$(printf 'first|SELECTtrue\nmiddle|DELETEfalse UPDATEfalse\nnone|DELETEfalse\nseen|SELECTfalse')"
    expect_query lesser "SELECT string_agg(privilege_type, ' ') FROM pg_default_acl, aclexplode(defaclacl) WHERE grantee = 'waiter'::regrole" SELECT
fi

IFS=: read -ra OTHERS <<<"${LARDER_TEST_PGBINS:-}"
for bin in "${OTHERS[@]}"; do
    major=$("$bin/postgres" --version | grep -o '[0-9]*' | head -n 1)
    it "what a server of version $major gave in binary format is not taken by an older one; text is, where that is allowed"
    server_start "newer$major" --bin "$bin"
    new_database newer
    sql newer "CREATE TABLE days (id int PRIMARY KEY, day date NOT NULL, n numeric DEFAULT 1.5); INSERT INTO days SELECT i, date '2025-01-01' + i FROM generate_series(1, 100) AS i;
        CREATE INDEX ON days (day); CREATE TABLE nothing (id int)"
    for format in binary text; do
        LARDER_PGBIN=$bin expect_exit 0 larder export -t '*' -d newer -o "$SCRATCH/newer${major}_$format.tar" --no-record -q --copy-format "$format"
    done
    server_use target
    new_database "older$major"
    LARDER_PGBIN=$bin expect_exit 2 larder restore "$SCRATCH/newer${major}_binary.tar" -d "older$major" --allow-older
    expect_stderr binary
    expect_stderr "--copy-format text"
    expect_query "older$major" "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace" 0
    LARDER_PGBIN=$bin expect_untouched "older$major" "$SCRATCH/newer${major}_text.tar" -d "older$major"
    expect_stderr --allow-older
    LARDER_PGBIN=$bin expect_exit 0 larder restore "$SCRATCH/newer${major}_text.tar" -d "older$major" --allow-older --json
    expect_json .agree true
done
