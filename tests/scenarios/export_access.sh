#!/usr/bin/env bash
# An export says why its role sees every row, or names all that keeps it from that.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

why()
{
    tar xOf "$1" manifest.json | jq -r '[.tables[] | .name + ": " + .why_all_rows] | sort | join(", ")'
}

server_start one
new_database db
sql db "CREATE ROLE half LOGIN; CREATE ROLE other; CREATE ROLE boss LOGIN BYPASSRLS; CREATE SCHEMA app AUTHORIZATION half;
    CREATE TABLE app.mine (a int); CREATE TABLE app.guarded (a int); CREATE TABLE app.forced (a int); CREATE TABLE app.theirs (a int); CREATE TABLE app.hidden (a int);
    INSERT INTO app.guarded VALUES (1), (2); ALTER TABLE app.mine OWNER TO half; ALTER TABLE app.guarded OWNER TO half; ALTER TABLE app.forced OWNER TO half;
    ALTER TABLE app.theirs OWNER TO other; ALTER TABLE app.hidden OWNER TO other;
    ALTER TABLE app.guarded ENABLE ROW LEVEL SECURITY; ALTER TABLE app.hidden ENABLE ROW LEVEL SECURITY;
    ALTER TABLE app.forced ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; GRANT USAGE ON SCHEMA app TO boss; GRANT SELECT ON ALL TABLES IN SCHEMA app TO boss"

it "of five tables, of which a role owns three, one of them with forced row security, exactly three are obstacles"
expect_exit 1 larder export -t 'app.*' -U half -d db -o "$SCRATCH/none.tar"
expect_equal "the obstacles" 3 "$(grep -c '^  ' "$STDERR")"
expect_stderr '"app.forced" of owner "half"'
expect_stderr 'FORCE ROW LEVEL SECURITY'
expect_stderr 'GRANT SELECT ON TABLE app.theirs TO half'
expect_stderr 'GRANT SELECT ON TABLE app.hidden TO half'
expect_unsaid mine
expect_unsaid guarded
[ ! -e "$SCRATCH/none.tar" ] || fail "a file was written"

it "the manifest says of each table why its role saw every row"
expect_exit 0 larder export -t app.mine -t app.guarded -U half -d db -o "$SCRATCH/half.tar" --no-record
expect_equal "the owner's reasons" "guarded: owner, mine: no row security" "$(why "$SCRATCH/half.tar")"
expect_exit 0 larder export -t app.forced -t app.theirs -U boss -d db -o "$SCRATCH/boss.tar" --no-record
expect_equal "the other's reasons" "forced: bypassrls, theirs: no row security" "$(why "$SCRATCH/boss.tar")"
expect_exit 0 larder export -t app.hidden -d db -o "$SCRATCH/super.tar" --no-record
expect_equal "the superuser's reason" "hidden: superuser" "$(why "$SCRATCH/super.tar")"

it "missing rights on a schema, a table and a sequence are reported together"
sql db "CREATE SCHEMA closed; CREATE TABLE closed.t (id serial); CREATE ROLE lone LOGIN"
expect_exit 1 larder export -t closed.t -U lone -d db -o "$SCRATCH/none.tar"
expect_stderr 'GRANT USAGE ON SCHEMA closed TO lone'
expect_stderr 'GRANT SELECT ON TABLE closed.t TO lone'
expect_stderr 't_id_seq'

it "a role that may read the wanted tables alone is enough, beside many that it may not"
sql db <<<"SELECT format('CREATE TABLE closed.\"Other %s\" (a int)', i) FROM generate_series(1, 300) AS i \\gexec"
sql db "GRANT USAGE ON SCHEMA closed TO lone; GRANT SELECT ON closed.t, closed.t_id_seq TO lone"
expect_exit 0 larder export -t closed.t -U lone -d db -o "$SCRATCH/narrow.tar" --no-record
expect_exit 0 larder verify "$SCRATCH/narrow.tar"

it "beside everything, accounts that the role may not wholly read are left out, and named"
sample_database kitchai 50
larder init -d kitchai -q
sql kitchai "CREATE ROLE backup LOGIN BYPASSRLS; GRANT USAGE ON SCHEMA public, backups TO backup;
    GRANT SELECT ON ALL TABLES IN SCHEMA public, backups TO backup; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO backup"
expect_exit 0 larder export everything -U backup -d kitchai -o "$SCRATCH/all.tar" --no-record --json
expect_json '[.tables[] | select(.schema == "auth")] | length' 0
expect_json '[.warnings[] | select(contains("auth.users"))] | length' 1
expect_exit 0 larder export everything -d kitchai -o "$SCRATCH/accounts.tar" --no-record --json
expect_json '[.tables[] | select(.schema == "auth") | .name] | index("users") != null' true

it "without the backups schema, or the rights on it, it is said what makes up for that"
expect_exit 0 larder export -t app.mine -d db -o "$SCRATCH/unrecorded.tar"
expect_stderr "\`larder init\` makes it, and --no-record does without"
sql kitchai "REVOKE ALL ON SCHEMA backups FROM backup"
expect_exit 1 larder export daily -U backup -d kitchai -o "$SCRATCH/none.tar"
expect_stderr "USAGE on the schema backups"
sql kitchai "REVOKE ALL ON ALL TABLES IN SCHEMA backups FROM backup; GRANT USAGE ON SCHEMA backups TO backup;
    GRANT SELECT ON backups.presets TO backup; GRANT SELECT, INSERT ON backups.backup_metadata TO backup; GRANT INSERT ON backups.archives TO backup"
expect_exit 0 larder export daily -U backup -d kitchai -o "$SCRATCH/enough.tar" --json
expect_json .recorded true
