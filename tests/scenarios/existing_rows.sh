#!/usr/bin/env bash
# --existing rows makes the rows of tables that exist those of the archive, in one transaction, and leaves all else as it is.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

cd "$SCRATCH"

# Everything that is in the tables of a database.
rows_of()
{
    sql "$1" "SELECT c.oid::regclass, (xpath('//h/text()', query_to_xml(format('SELECT count(*) || '' '' || md5(string_agg(r::text, chr(10) ORDER BY r::text)) AS h FROM %s AS r', c.oid::regclass), true, false, '')))[1]
        FROM pg_class c WHERE relkind = 'r' AND relnamespace IN ('public'::regnamespace, 'auth'::regnamespace) ORDER BY 1"
}

# expect_valid_keys DATABASE   every foreign key holds: they are all checked anew, in a copy
expect_valid_keys()
{
    createdb -T "$1" keys_checked
    sql keys_checked "DO \$\$ DECLARE k record; BEGIN
        FOR k IN SELECT conrelid::regclass AS t, conname, pg_get_constraintdef(oid) AS d FROM pg_constraint WHERE contype = 'f' LOOP
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', k.t, k.conname);
            EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', k.t, k.conname, k.d); END LOOP; END \$\$"
    dropdb keys_checked
}

# expect_refusal EXIT ARGUMENT...   the restore into kitchai fails and changes nothing
expect_refusal()
{
    local before before_schema

    before=$(rows_of kitchai)
    before_schema=$(dumped kitchai -s)
    expect_exit "$1" larder restore "${@:2}" -d kitchai
    expect_equal "the rows of kitchai" "$before" "$(rows_of kitchai)"
    expect_equal "the schema of kitchai" "$before_schema" "$(dumped kitchai -s)"
}

server_start one
sample_database kitchai 2500
sql kitchai "CREATE TABLE log (what text);
    CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.log VALUES (TG_OP); RETURN NEW; END';
    CREATE TRIGGER told AFTER INSERT OR UPDATE OR DELETE ON profiles FOR EACH ROW EXECUTE FUNCTION tell();
    CREATE TRIGGER told_always AFTER UPDATE ON profiles FOR EACH ROW EXECUTE FUNCTION tell();
    ALTER TABLE profiles ENABLE ALWAYS TRIGGER told_always;
    CREATE TRIGGER silent AFTER UPDATE ON profiles FOR EACH ROW EXECUTE FUNCTION tell();
    ALTER TABLE profiles DISABLE TRIGGER silent;
    CREATE VIEW creators AS SELECT id, username FROM profiles WHERE role = 'creator';
    CREATE TABLE badges (id int PRIMARY KEY, profile uuid REFERENCES profiles (id) ON DELETE CASCADE);
    INSERT INTO badges SELECT row_number() OVER (ORDER BY id), id FROM profiles LIMIT 40;
    CREATE TABLE notes (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, place int GENERATED ALWAYS AS IDENTITY, word text);
    INSERT INTO notes (word) SELECT 'word ' || i FROM generate_series(1, 30) AS i"
expect_exit 0 larder export -t 'public.*' -t 'auth.*' -d kitchai -o all.tar --no-record -q
whole=$(rows_of kitchai)
schema=$(dumped kitchai -s)
INTO=(--into-source kitchai)

it "restoring into the source wants --into-source with the database's name"
expect_refusal 1 all.tar --existing rows -t profiles
expect_stderr "--into-source kitchai"
expect_refusal 1 all.tar --existing rows -t profiles --into-source other

it "after an UPDATE without WHERE and a DELETE, all rows are back, and nothing else has changed"
sql kitchai "UPDATE profiles SET bio = 'oops', tier = 'PREMIUM'; DELETE FROM badges; DELETE FROM profiles WHERE id NOT IN (SELECT profile FROM badges) AND username < 'm'; TRUNCATE log"
damaged=$(rows_of kitchai)
schema=$(dumped kitchai -s)
expect_exit 0 larder restore all.tar -d kitchai --existing rows -t profiles -t badges "${INTO[@]}" --json
expect_json .agree true
expect_json '.tables | map(.agree) | unique | .[]' true
expect_json '.changes | map(select(.name == "profiles")) | .[0] | .changed > 0 and .added > 0 and .removed == 0' true
expect_equal "the schema" "$schema" "$(dumped kitchai -s)"
expect_equal "the rows" "$whole" "$(rows_of kitchai)"
expect_query kitchai "SELECT count(*) FROM log" 0
expect_query kitchai "SELECT string_agg(tgname::text || tgenabled::text, ' ' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = 'profiles'::regclass AND NOT tgisinternal" "silentD toldO told_alwaysA updated_atO"
expect_valid_keys kitchai

it "the undo archive, an ordinary one, brings the damage back"
undo=$(jq -r .undo "$STDOUT")
expect_exit 0 larder verify "$undo"
expect_exit 0 larder restore "$undo" -d kitchai --existing rows "${INTO[@]}" --no-undo -q
expect_equal "the rows" "$damaged" "$(rows_of kitchai)"
expect_exit 0 larder restore all.tar -d kitchai --existing rows -t profiles -t badges "${INTO[@]}" --undo back.tar
expect_stdout back.tar
expect_query kitchai "SELECT count(*) FROM profiles WHERE bio = 'oops'" 0

it "where nothing differs nothing is written, and no undo archive either"
expect_exit 0 larder restore all.tar -d kitchai --existing rows -t profiles "${INTO[@]}" --json
expect_json .undo null
expect_json '.changes[0] | .added + .changed + .removed' 0

it "an undo archive that cannot be written keeps everything as it is"
sql kitchai "UPDATE profiles SET bio = 'again'"
expect_refusal 2 all.tar --existing rows -t profiles "${INTO[@]}" --undo "$SCRATCH/no such folder/u.tar"
expect_refusal 2 all.tar --existing rows -t profiles "${INTO[@]}" --undo u.tar.age
expect_stderr "would not be encrypted, as its name says"
expect_unsaid "--passphrase-file" # which opens the archive
expect_refusal 2 all.tar --existing rows -t profiles "${INTO[@]}" --undo back.tar
expect_stderr "exists already"

it "all tables at once, with rows that the archive lacks, and rows that refer to them"
sql kitchai "INSERT INTO auth.users (id, email) VALUES ('00000000-0000-4000-8000-000000000001', 'new@example.org');
    INSERT INTO profiles (id, user_id, username) VALUES ('00000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000001', 'new one');
    INSERT INTO badges VALUES (1000, '00000000-0000-4000-8000-000000000002');
    DELETE FROM recipe_comments; UPDATE recipe_uploads SET title = 'x';
    UPDATE notes SET word = 'y'; DELETE FROM notes WHERE id > 10; TRUNCATE log"
expect_exit 0 larder restore all.tar -d kitchai --existing rows -t '*.*' -t '!public.log' "${INTO[@]}" --no-undo --json
expect_json .agree true
expect_equal "the rows" "$whole" "$(rows_of kitchai)"
expect_query kitchai "SELECT string_agg(attidentity::text, '') FROM pg_attribute WHERE attrelid = 'notes'::regclass AND attnum > 0" aa
sql kitchai "INSERT INTO notes (word) VALUES ('next')"
expect_query kitchai "SELECT id > 30 AND place > 30 FROM notes WHERE word = 'next'" t

it "rows of other tables that would be lost are counted, and it takes --allow-cascade"
sql kitchai "INSERT INTO auth.users (id) VALUES ('00000000-0000-4000-8000-000000000003'); INSERT INTO profiles (id, user_id, username) VALUES ('00000000-0000-4000-8000-000000000002', '00000000-0000-4000-8000-000000000003', 'new one');
    INSERT INTO badges SELECT i, '00000000-0000-4000-8000-000000000002' FROM generate_series(1000, 1006) AS i"
expect_refusal 1 all.tar --existing rows -t profiles "${INTO[@]}"
expect_stderr 'would lose 7 rows'
expect_exit 1 larder restore all.tar -d kitchai --existing rows -t profiles "${INTO[@]}" --preview
expect_stdout 'would lose 7 rows'
expect_exit 0 larder restore all.tar -d kitchai --existing rows -t profiles "${INTO[@]}" --allow-cascade --undo cascade.tar
expect_query kitchai "SELECT count(*) FROM badges" 40
expect_exit 0 larder restore cascade.tar -d kitchai --existing rows "${INTO[@]}" --no-undo -q
expect_query kitchai "SELECT count(*) FROM badges" 47
expect_exit 0 larder restore all.tar -d kitchai --existing rows -t profiles -t badges "${INTO[@]}" --no-undo -q

it "a foreign key that forbids the removal is named"
sql kitchai "ALTER TABLE badges DROP CONSTRAINT badges_profile_fkey, ADD CONSTRAINT keeps FOREIGN KEY (profile) REFERENCES profiles (id)"
sql kitchai "INSERT INTO auth.users (id) VALUES ('00000000-0000-4000-8000-000000000013'); INSERT INTO profiles (id, user_id, username) VALUES ('00000000-0000-4000-8000-000000000012', '00000000-0000-4000-8000-000000000013', 'kept');
    INSERT INTO badges VALUES (2000, '00000000-0000-4000-8000-000000000012')"
expect_refusal 1 all.tar --existing rows -t profiles "${INTO[@]}" --allow-cascade
expect_stderr '"keeps"'

it "rows that exchanged values of a unique constraint get them back"
sql kitchai "DELETE FROM badges WHERE id = 2000; DELETE FROM profiles WHERE username = 'kept';
    CREATE TABLE pair AS SELECT id, username FROM profiles ORDER BY id LIMIT 2; UPDATE profiles SET username = id::text WHERE id IN (SELECT id FROM pair);
    UPDATE profiles p SET username = (SELECT o.username FROM pair o WHERE o.id <> p.id) WHERE p.id IN (SELECT id FROM pair); DROP TABLE pair"
schema=$(dumped kitchai -s)
expect_exit 0 larder restore all.tar -d kitchai --existing rows -t profiles "${INTO[@]}" --no-undo --json
expect_json '.changes[0].changed' 2
expect_json .agree true
expect_equal "the schema" "$schema" "$(dumped kitchai -s)"

it "rows that come to refer to what is removed wait for the end, or are told"
sql kitchai "CREATE TABLE stars (id int PRIMARY KEY); CREATE TABLE planets (star int REFERENCES stars ON DELETE CASCADE)"
sql kitchai "INSERT INTO stars VALUES (1), (2)"
expect_exit 0 larder export -t stars -d kitchai -o stars.tar --no-record -q
sql kitchai "INSERT INTO stars VALUES (3)"
# A pg_dump that lets somebody write while the undo archive is made.
mkdir slow_tools
ln -s "${SERVER_BIN[one]}/pg_restore" slow_tools/pg_restore
cat >slow_tools/pg_dump <<END
#!/bin/sh
case "\$*" in
    *--version*) ;;
    *) "${SERVER_BIN[one]}/psql" -Xq -d kitchai -c "SET lock_timeout = '500ms'; INSERT INTO planets VALUES (3)" 2>>"$SCRATCH/late" ;;
esac
exec "${SERVER_BIN[one]}/pg_dump" "\$@"
END
chmod +x slow_tools/pg_dump
expect_exit 0 env LARDER_PGBIN="$SCRATCH/slow_tools" "$LARDER" restore stars.tar -d kitchai --existing rows --undo stars_undo.tar --into-source kitchai
expect_query kitchai "SELECT count(*) FROM stars" 2
expect_query kitchai "SELECT count(*) FROM planets" 0
expect_equal "why no planet came" 1 "$(grep -c 'lock timeout' "$SCRATCH/late")"

it "writers that hold a table longer than --lock-timeout are named, and nothing is changed"
sql kitchai "UPDATE profiles SET bio = 'late'"
psql -XAtq -d kitchai -c "SET application_name = 'writer'; BEGIN; UPDATE badges SET id = id; UPDATE profiles SET bio = bio; SELECT pg_sleep(60)" >/dev/null &
writer=$!
expect_holding()
{
    expect_query kitchai "SELECT count(*) FROM pg_locks WHERE relation = 'profiles'::regclass AND mode = 'RowExclusiveLock' AND granted" 1
}
wait_until expect_holding
expect_exit 1 larder restore all.tar -d kitchai --existing rows -t profiles "${INTO[@]}" --no-undo --lock-timeout 1
expect_stderr '(writer)'
sql kitchai "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'writer'" >/dev/null
wait "$writer" 2>/dev/null || true
expect_query kitchai "SELECT count(DISTINCT bio) FROM profiles" 1

it "a role that row level security limits, or that may not keep triggers from firing, is refused by name"
sql kitchai "CREATE ROLE clerk LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON profiles, meal_plans TO clerk; GRANT USAGE ON SCHEMA public TO clerk; ALTER TABLE badges DISABLE ROW LEVEL SECURITY; GRANT SELECT ON badges TO clerk"
expect_refusal 1 all.tar --existing rows -t profiles "${INTO[@]}" -U clerk
expect_stderr "row level security"
sql kitchai "ALTER ROLE clerk BYPASSRLS"
expect_refusal 1 all.tar --existing rows -t profiles "${INTO[@]}" -U clerk
expect_stderr "only its owner may keep from firing"
expect_refusal 1 all.tar --existing missing -t badges "${INTO[@]}" -U clerk
expect_stderr "the privileges SELECT and INSERT"
sql kitchai "UPDATE meal_plans SET calories = 1; GRANT SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO clerk"
expect_exit 0 larder restore all.tar -d kitchai --existing rows -t meal_plans "${INTO[@]}" -U clerk --no-undo -q

it "tables without a primary key, with rules, and what is no table, are named; nothing is touched"
expect_refusal 1 all.tar --existing rows -t log "${INTO[@]}"
expect_stderr "no primary key"
sql kitchai "CREATE RULE never AS ON DELETE TO badges DO INSTEAD NOTHING"
expect_refusal 1 all.tar --existing rows -t badges "${INTO[@]}"
expect_stderr "has rules"
sql kitchai "ALTER TABLE notes RENAME TO old_notes; CREATE VIEW notes AS SELECT 1 AS id"
expect_refusal 1 all.tar --existing rows -t notes "${INTO[@]}"
expect_stderr "no table"

it "options that do not go together are refused"
expect_exit 2 larder restore all.tar -d kitchai --existing rows --into-schema s
expect_exit 2 larder restore all.tar -d kitchai --existing rows --schema all
expect_exit 2 larder restore all.tar -d kitchai --undo x.tar
for option in --undo --into-schema; do
    expect_exit 2 larder restore all.tar -d kitchai "$option" ''
    expect_stderr "$option: the option does not take \"\""
done
expect_exit 2 larder restore all.tar -d kitchai --existing some

it "rows that exchanged what a partial unique index looks at get it back"
new_database partial
sql partial "CREATE TABLE addresses (id int PRIMARY KEY, owner int NOT NULL, is_default bool NOT NULL); CREATE UNIQUE INDEX ON addresses (owner) WHERE is_default;
    INSERT INTO addresses VALUES (1, 1, true), (2, 1, false)"
expect_exit 0 larder export -t addresses -d partial -o partial.tar --no-record -q
sql partial "UPDATE addresses SET is_default = false; UPDATE addresses SET is_default = true WHERE id = 2"
schema=$(dumped partial -s)
expect_exit 0 larder restore partial.tar -d partial --existing rows --into-source partial --no-undo -q
expect_query partial "SELECT string_agg(is_default::text, ' ' ORDER BY id) FROM addresses" "true false"
expect_equal "the schema" "$schema" "$(dumped partial -s)"
