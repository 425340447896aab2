#!/usr/bin/env bash
# The runbook's commands (docs/restore.md) do what it says, as they stand there.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

# The lines of the code blocks under the heading that begins with "## NUMBER.", or before the first heading for 0.
commands_of()
{
    awk -v wanted="$1" '/^## /{ section = $2 + 0; next } /^```/{ block = ($0 == "```sh"); next }
        block && section == wanted' "$TESTS/../docs/restore.md"
}

# run_section NUMBER
run_section()
{
    local commands

    commands=$(commands_of "$1")
    [ -n "$commands" ] || fail "the runbook has no commands in section $1"
    expect_exit 0 run_commands "$commands"
    [ ! -e "$SCRATCH/backup" ] || BACKUP=$(cat "$SCRATCH/backup")
}

# In a shell of its own, which stops at the first that fails.
run_commands()
(
    cd "$SCRATCH/here"
    set -euo pipefail
    eval "$1"
    echo "$BACKUP" >"$SCRATCH/backup"
)

export TMPDIR=$SCRATCH/t LARDER_STORE=$SCRATCH/store BACKUP=none
mkdir -m 711 "$TMPDIR"
mkdir "$SCRATCH/here"
server_start one
sample_database prod 1500
larder init -d prod -q
# Encrypted, as by what setup writes.
export KEY=$SCRATCH/key LARDER_IDENTITY=$SCRATCH/key
expect_exit 0 larder export daily -d prod -q -r "$(larder keygen -o "$KEY")"
ARCHIVE=$(find "$LARDER_STORE" -name 'daily_*.tar.age')
export ARCHIVE

it "the archive is found, held, and proven"
run_section 0
expect_exit 0 larder list --json
expect_json '.[0].held' true
run_section 1

it "a table is looked at"
run_section 2
expect_equal "lines of CSV" $(($(sql prod "SELECT count(*) FROM profiles WHERE coalesce(bio, '') !~ '\n'") + 1)) \
    "$(sql prod "SELECT count(*) FROM profiles WHERE coalesce(bio, '') !~ '\n'" | awk '{ print $1 + 1 }')"
head -n 1 "$SCRATCH/here/profiles.csv" | grep -q '^id,user_id,username' || fail "the CSV has no header"

it "a lost table is looked at beside, and comes back"
sql prod "CREATE TABLE before AS TABLE saved_recipe_videos; DROP TABLE saved_recipe_videos CASCADE"
run_section 3
expect_query prod "SELECT count(*) FROM (TABLE before EXCEPT TABLE saved_recipe_videos) AS d" 0
expect_query prod "SELECT count(*) = (SELECT count(*) FROM before) FROM saved_recipe_videos" t

it "what was changed and deleted by mistake comes back, and goes again"
sql prod "CREATE TABLE was AS TABLE profiles; UPDATE profiles SET bio = 'oops'; DELETE FROM profiles WHERE username IN (SELECT username FROM was ORDER BY username LIMIT 9);
    CREATE TABLE damaged AS TABLE profiles"
run_section 4
expect_query prod "SELECT count(*) FROM ((TABLE was EXCEPT TABLE profiles) UNION ALL (TABLE profiles EXCEPT TABLE was)) AS d" 0
run_section 5
expect_query prod "SELECT count(*) FROM ((TABLE damaged EXCEPT TABLE profiles) UNION ALL (TABLE profiles EXCEPT TABLE damaged)) AS d" 0
run_section 6
expect_query prod "SELECT count(*), count(*) FILTER (WHERE p.bio IS NOT DISTINCT FROM w.bio) = count(*), to_regnamespace('look') IS NULL FROM profiles p JOIN was w USING (id)" \
    "$(sql prod "SELECT count(*) FROM was")|t|t"

it "a lost database comes back on another server"
server_start two
run_section 7
expect_query fresh "SELECT count(*) > 0 FROM user_interactions" t

it "profiles come into a project with users of its own"
createdb dev
sql dev "CREATE SCHEMA auth; CREATE TABLE auth.users (id uuid PRIMARY KEY, email text);
    CREATE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql AS 'SELECT NULL::uuid';
    INSERT INTO auth.users VALUES ('00000000-0000-0000-0000-000000000001', 'dev@example.org')"
run_section 8
expect_query dev "SELECT count(*) FROM auth.users WHERE email IS NOT NULL" 1
expect_query dev "SELECT bool_and(convalidated) FROM pg_constraint WHERE contype = 'f'" t

it "ordinary tools bring everything back, too"
run_section 9
expect_query by_hand "SELECT count(*) = (SELECT 5 * 15 * 10) FROM user_interactions" t

it "afterwards it is released and drilled"
server_use one
run_section 10
expect_exit 0 larder list --json
expect_json '.[0].held' false
