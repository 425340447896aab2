#!/usr/bin/env bash
# larder setup: by a dialogue or by options, from nothing to a scheduled, encrypted, drilled backup; and what it leaves when it is broken off.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"
source "$(dirname "$0")/../support/sftp_remote.bash"

# The bare name stays: root's setup would become the user that the package makes.
AS=(--as "$(id -un)")

# dialogue SCRIPT   answers the program's questions; what both say is standard output
dialogue()
{
    NO_COLOR=1 LARDER_ARGUMENTS="${AS[*]} --config $CONF" expect -c "
        set timeout 120
        spawn -noecho $LARDER setup {*}\$env(LARDER_ARGUMENTS)
        $1
        expect timeout { exec kill -KILL [exp_pid] } eof {}
        set result [wait]
        exit [lindex \$result 3]"
}

server_start one
new_database shop
sql shop "CREATE TABLE public.orders (id int PRIMARY KEY, note text); INSERT INTO orders SELECT i, 'n' || i FROM generate_series(1, 500) i"
cd "$SCRATCH"
CONF=$SCRATCH/etc/larder.conf
STORE=$SCRATCH/deep/store

it "Ctrl-C at a question leaves nothing behind: no file, no folder, no schema"
before=$(find "$SCRATCH" -not -path "$SCRATCH/one*" | sort)
expect_exit 130 dialogue "
    expect {Database} { send \"dbname=shop\r\" }
    expect {Store} { send \"$STORE\r\" }
    expect {Encrypt} { send \"k\r\" }
    expect {File of the new key} { send \"\003\" }"
expect_equal "the files" "$before" "$(find "$SCRATCH" -not -path "$SCRATCH/one*" | sort)"
expect_query shop "SELECT count(*) FROM pg_namespace WHERE nspname = 'backups'" 0

it "three answers that a question does not take are an error, and nothing is written"
expect_exit 2 dialogue "
    expect {Database} { send \"dbname=shop\r\" }
    expect {Store} { send \"$STORE\r\" }
    expect {Encrypt} { send \"x\r\" }
    expect {Encrypt} { send \"y\r\" }
    expect {Encrypt} { send \"z\r\" }"
expect_stdout "no answer was one that the question takes: answer k, r or n"
expect_equal "the files" "$before" "$(find "$SCRATCH" -not -path "$SCRATCH/one*" | sort)"

it "a signal that comes while a question is on its way to the terminal, which Ctrl-S holds here, ends the wait for its answer"
cat >held.exp <<'END'
set timeout 60
spawn -noecho sh -c {read -r go; exec "$@"} sh {*}$argv
send "\023\r"
while {[catch {exec grep -q larder /proc/[exp_pid]/comm}]} { after 10 }
while {[catch {exec grep -qE {^SigCgt:.*[2367abef]$} /proc/[exp_pid]/status}]} { after 10 }
exec kill -INT [exp_pid]
send "\021"
expect timeout { exec kill -KILL [exp_pid] } eof {}
exit [lindex [wait] 3]
END
expect_exit 130 expect held.exp "$LARDER" setup "${AS[@]}" --config "$CONF"
expect_exit 130 expect held.exp "$LARDER" doctor -W -d shop

it "a wrong answer is said at once, and asked again; the rest leads to an encrypted, drilled backup with a schedule"
expect_exit 0 dialogue "
    expect {Database} { send \"dbname=no_such_shop\r\" }
    expect {FAILED} {}
    expect {Database} { send \"dbname=shop\r\" }
    expect {Store} { send \"$STORE\r\" }
    expect {Encrypt} { send \"x\r\" }
    expect {answer k, r or n} {}
    expect {Encrypt} { send \"\r\" }
    expect {File of the new key} { send \"/proc/nowhere/larder.key\r\" }
    expect {could not make the folder} {}
    expect {File of the new key} { send \"\r\" }
    expect {escrow} { send \"age1bad\r\" }
    expect {could not use recipient 1} {}
    expect {escrow} { send \"\r\" }
    expect {Schedule} { send \"crom\r\" }
    expect {answer systemd, cron, github or none} {}
    expect {Schedule} { send \"github\r\" }
    expect {cannot reach the store} {}
    expect {Schedule} { send \"cron\r\" }
    expect {Go ahead} { send \"maybe\r\" }
    expect {answer y or n} {}
    expect {Go ahead} { send \"Y\r\" }"
expect_stdout "the preset daily names tables that are not here"
expect_stdout "the preset everything (every table) is scheduled daily"
expect_stdout "equal: 1 table"
expect_stdout ", 0 failed"
expect_stdout "Copy the key off this host"
expect_stdout "larder export -q everything --prune"
expect_equal "the modes" "600 600" "$(stat -c %a "$CONF" "${CONF%/*}/larder.key" | xargs)"
expect_equal "the archives" 1 "$(find "$STORE" -name 'everything_*.tar.age' | wc -l)"
expect_query shop "SELECT count(*) FROM backups.drills" 1

it "the configuration means the same where PGHOST and PGPORT are not set"
expect_exit 0 env -u PGHOST -u PGPORT -u PGUSER "$LARDER" export everything --config "$CONF"

it "a second run finds what is there, says so, and asks only what is not settled"
expect_exit 130 dialogue "
    expect {is there already} {}
    expect {Schedule} { send \"none\r\" }
    expect {Go ahead} { send \"n\r\" }"
expect_stdout "nothing was written, as you wish"
expect_unsaid "Encrypt archives"

it "by options alone it asks nothing, and a file that exists is never overwritten without being told"
cp "$CONF" before.conf
CONF2=$SCRATCH/second/larder.conf
expect_exit 0 env LARDER_STORE="$SCRATCH/elsewhere" LARDER_SOURCE=dbname=elsewhere "$LARDER" setup --yes "${AS[@]}" --json --config "$CONF2" -d shop --store "$SCRATCH/store2" \
    --new-key "$SCRATCH/second/key" --schedule cron -o "$SCRATCH/flow" </dev/null
expect_json .drilled true
expect_json .preset everything
expect_equal "the archives of the first night" 1 "$(find store2 -name '*.tar.age' | wc -l)"
[ ! -e elsewhere ] || fail "the first night was spent elsewhere"
expect_unsaid "Wrote "
grep -q "larder export -q everything --prune" flow/larder.crontab
expect_exit 2 larder setup --yes --replace "${AS[@]}" -q --config "$CONF2" -d shop --store store2 --new-key second/key </dev/null
expect_stderr "exists already, and is never overwritten"

it "what was written is said with what to do with it, and commands name a configuration that larder does not find by itself"
expect_exit 0 larder setup --yes "${AS[@]}" --config "$CONF2" --schedule cron -o "$SCRATCH/tab" </dev/null
expect_stdout "Wrote $SCRATCH/tab/larder.crontab. Install it with \`crontab -\`"
expect_stdout "$ larder export everything --config $CONF2"
said=$(tr -s ' \n' ' ' <"$STDOUT")
[[ $said == *"\`larder doctor --config $CONF2\` repeats all checks, \`larder status --config $CONF2\` says"* ]] || fail "the last lines name no configuration"

it "options beside a file that exists must agree with it, or --replace be given"
cp "$CONF2" before.conf2
expect_exit 0 larder setup --yes "${AS[@]}" -q --config "$CONF2" -d shop --store "$SCRATCH/store2" --new-key "$SCRATCH/second/key" </dev/null
expect_exit 0 larder setup --yes "${AS[@]}" -q --config "$CONF2" -d "host=$PGHOST dbname=shop" </dev/null
while IFS='|' read -r option value; do
    expect_exit 2 larder setup --yes "${AS[@]}" -q --config "$CONF2" "$option" "$value" </dev/null
    expect_stderr "$option is not what \"$CONF2\" says"
    expect_stderr "--replace writes the file anew"
done <<ROWS
-d|postgres
--store|$SCRATCH/store9
-r|$(larder keygen -o other.key -q)
--new-key|$SCRATCH/second/other
--source-name|other
ROWS
expect_equal "the configuration" "$(cat before.conf2)" "$(cat "$CONF2")"

it "what does not work is exit 1 or 2 before anything is written, with what to do"
new_database bare
sql bare "CREATE TABLE orders (id int PRIMARY KEY)"
echo sesame >passphrase && chmod 600 passphrase
expect_exit 2 larder setup --yes "${AS[@]}" --config "$SCRATCH/none.conf" -d shop </dev/null
expect_stderr "store"
expect_exit 1 larder setup --yes "${AS[@]}" --config "$SCRATCH/none.conf" -d shop --store /proc/nowhere </dev/null
expect_stderr "the store will not do"
expect_exit 2 larder setup --yes "${AS[@]}" --config "$SCRATCH/none.conf" -d bare --store "$SCRATCH/store0" --new-key "$SCRATCH/none.key" -r age1bad </dev/null
expect_stderr "could not use recipient 1"
expect_exit 1 larder setup --yes "${AS[@]}" --config "$SCRATCH/none.conf" -d bare --store "$SCRATCH/store0" --new-key /proc/nowhere/key </dev/null
expect_stderr 'could not make the folder "/proc/nowhere/"'
expect_exit 2 larder setup --yes "${AS[@]}" --config "$SCRATCH/none.conf" -d bare --store "$SCRATCH/store0" --new-key "$SCRATCH/none.key" --passphrase-file passphrase </dev/null
expect_stderr "not both"
while IFS='|' read -r schedule source store words; do
    expect_exit 2 larder setup --yes "${AS[@]}" --config "$SCRATCH/none.conf" -d "$source" --store "$store" --no-encryption --schedule "$schedule" </dev/null
    expect_stderr "$words"
    expect_equal "standard output" "" "$(cat "$STDOUT")"
done <<ROWS
bogus|dbname=bare|$SCRATCH/store0|It takes systemd, cron, github.
github|host=db.example.com dbname=bare|$SCRATCH/store0|cannot reach the store "$SCRATCH/store0"
github|dbname=bare|s3://bucket/larder|cannot reach the database
ROWS
expect_query bare "SELECT count(*) FROM pg_namespace WHERE nspname = 'backups'" 0
sql shop "CREATE ROLE guest LOGIN"
expect_exit 2 larder setup --config "$SCRATCH/none.conf" </dev/null
expect_stderr "--yes asks nothing"
expect_equal "what was written" "" "$(ls -d none.conf none.key store0 2>/dev/null)"
expect_equal "the first configuration" "$(cat before.conf)" "$(cat "$CONF")"

it "with --yes rows leave the host in the clear only where that is said, and nothing is tried before"
for store in s3://bucket/larder rclone:disk:larder; do
    expect_exit 2 larder setup --yes "${AS[@]}" --config "$SCRATCH/none.conf" -d no_such_database --store "$store" </dev/null
    expect_stderr "nothing says whom archives are encrypted to"
    expect_stderr "--new-key FILE, -r AGE1..., -R FILE or --passphrase-file FILE; or --no-encryption"
    expect_unsaid FAILED
done
expect_exit 2 larder setup --yes "${AS[@]}" --config "$SCRATCH/none.conf" -d bare --store "$SCRATCH/store0" --no-encryption --new-key "$SCRATCH/none.key" </dev/null
expect_stderr "not both"
expect_exit 2 larder setup --yes "${AS[@]}" -q --config "$CONF2" --no-encryption </dev/null
expect_stderr "--no-encryption is not what"
expect_equal "what was written" "" "$(ls -d none.conf none.key store0 2>/dev/null)"

if command -v rclone >/dev/null; then
    it "a folder of a remote of rclone's need not be there: the first export makes it, and what is only tried leaves none"
    rclone_remotes
    mkdir remote
    expect_exit 2 larder setup --yes "${AS[@]}" --config "$SCRATCH/none.conf" -d shop --store "rclone:disk:$SCRATCH/remote/a/b" -r age1bad </dev/null
    expect_stdout "ok       store  it can be written, read and deleted in"
    expect_equal "what is left of the folders" remote "$(find remote)"
    expect_exit 2 larder setup --yes "${AS[@]}" --config "$SCRATCH/none.conf" -d shop --store rclone:nowhere:a --no-encryption </dev/null
    expect_stdout "rclone has no such remote"
    expect_exit 0 larder setup --yes "${AS[@]}" --config "$SCRATCH/remote.conf" -d shop --store "rclone:disk:$SCRATCH/remote/a/b" --no-encryption </dev/null
    expect_equal "the archives" 1 "$(find remote/a/b -name 'everything_*.tar' | wc -l)"
fi

it "a host without the key sets all up, and says that nothing is proven"
recipient=$(larder keygen -o elsewhere.key -q)
expect_exit 5 larder setup --yes "${AS[@]}" --config "$SCRATCH/third.conf" -d shop --store "$SCRATCH/store3" -r "$recipient" </dev/null
expect_stderr "its drill did not prove it"
