#!/usr/bin/env bash
# larder setup --schedule: units, a crontab and a workflow out of the presets, each accepted by what will read it.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

cd "$SCRATCH"
cat >"larder 100%.conf" <<CONF
[store]
url = $SCRATCH/store
[preset daily]
tables = profiles
every = 1 day
[preset often]
tables = profiles
every = 20 minutes
[preset weekly]
tables = profiles
every = 7 days
[preset by_hand]
tables = profiles
CONF
export LARDER_CONFIG="$SCRATCH/larder 100%.conf"

it "systemd gets hardened services, and a timer for each preset that has a schedule"
expect_exit 0 larder setup --schedule systemd -o units
expect_files units "larder-drill@.service
larder-drill@daily.timer
larder-drill@often.timer
larder-drill@weekly.timer
larder-status.service
larder-status.timer
larder@.service
larder@daily.timer
larder@often.timer
larder@weekly.timer"
grep -qx "Persistent=yes" units/larder@daily.timer
grep -qx "RandomizedDelaySec=15min" units/larder@daily.timer
grep -qx "ReadWritePaths=\"-$SCRATCH/store\"" units/larder@.service
if command -v systemd-analyze >/dev/null; then
    expect_exit 0 systemd-analyze verify --man=no units/*.timer
    expect_unsaid larder
    for unit in units/*.service; do
        expect_exit 0 systemd-analyze security --offline=true --threshold=20 --no-pager "$unit"
    done
    while IFS= read -r calendar; do
        expect_exit 0 systemd-analyze calendar "$calendar"
    done < <(sed -n 's/^OnCalendar=//p' units/*.timer)
fi

it "the night in which clocks are put forward has its exports, too"
for zone in Europe/Berlin Europe/Helsinki America/New_York; do
    if [ ! -e "/usr/share/zoneinfo/$zone" ] || ! command -v systemd-analyze >/dev/null; then
        break
    fi
    day=2027-03-28
    [ "$zone" != America/New_York ] || day=2027-03-14
    for unit in daily weekly; do
        expect_exit 0 env "TZ=$zone" systemd-analyze calendar --base-time="$day 00:00:00" "$(sed -n 's/^OnCalendar=//p' "units/larder@$unit.timer")"
        expect_stdout "Next elapse: Sun $day"
    done
done

it "units that were edited are not overwritten without being told"
expect_exit 0 larder setup --schedule systemd -o units
sed -i s/04:/05:/ units/larder@daily.timer
expect_exit 2 larder setup --schedule systemd -o units
expect_stderr "larder@daily.timer"
expect_exit 0 larder setup --schedule systemd -o units --replace
grep -q "04:00" units/larder@daily.timer

it "units that cannot be written are left as they were"
cp -r units before
sed -i s/04:/05:/ units/larder@daily.timer before/larder@daily.timer
expect_exit 1 bash -o pipefail -c '(ulimit -f 0; exec "$1" setup --schedule systemd -o units --replace) 2>&1 | cat' _ "$LARDER"
expect_stdout 'could not write "units/larder@.service": File too large'
expect_exit 0 diff -r before units
expect_exit 0 larder setup --schedule systemd -o units --replace

it "what is written into a folder is named, with what to do with it"
expect_exit 0 larder setup --schedule cron -o tab
expect_stderr "Wrote tab/larder.crontab. Install it with \`crontab -\`"
expect_exit 0 larder setup --schedule systemd -o units
expect_stderr "Wrote 10 files into units. Put these into /etc/systemd/system"

it "cron gets a crontab that its own program reads, where it can be asked"
expect_exit 0 larder setup --schedule cron
expect_stdout "0 4 * * * $LARDER export -q daily --prune --config '$SCRATCH/larder 100\\%.conf' >/dev/null"
expect_stdout "*/20 * * * * $LARDER export -q often"
expect_unsaid by_hand
cp "$STDOUT" crontab
help=$(crontab -h 2>&1 || true)
if [[ $help == *"-n"*"dry run"* ]]; then
    expect_exit 0 crontab -n crontab
    sed 's/^0 4 /0 25 /' crontab >wrong
    expect_exit 1 crontab -n wrong
fi
# A line of the crontab, as cron gives it to sh: it finds its configuration, and gets as far as to the server.
sed -n 's/^0 4 \* \* \* //p' crontab | sed 's/\\%/%/g' >line.sh
expect_exit 1 env -i PATH="$PATH" HOME="$HOME" ASAN_OPTIONS="$ASAN_OPTIONS" PGHOST=/nowhere sh line.sh
expect_stderr "could not connect to the database"

it "GitHub gets no workflow for what its runners cannot reach"
expect_exit 2 larder setup --schedule github
expect_stderr "GitHub's runners cannot reach the store \"$SCRATCH/store\""
export LARDER_STORE=s3://bucket/larder
for source in dbname=x host=localhost host=127.0.0.1 host=/run/postgresql "postgresql://[::1]/x"; do
    expect_exit 2 larder setup --schedule github -d "$source"
    expect_stderr "GitHub's runners cannot reach the database"
done
for source in host=db.example.com postgresql://backup@db.example.com/x service=x; do
    expect_exit 0 larder setup --schedule github -d "$source"
done

it "GitHub gets a workflow in which each line of the schedule has its command"
expect_exit 0 larder setup --schedule github
cp "$STDOUT" larder.yml
for preset in daily often weekly; do
    grep -q "') larder export $preset --prune ;;" larder.yml
done
expect_equal "the lines of the schedule" "$(grep -c "    - cron: " larder.yml)" "$(grep -c "^            '.* \*') \|^            '.* 0') " larder.yml)"
if python3 -c 'import yaml' 2>/dev/null; then
    python3 - larder.yml >script.sh <<'PY'
import sys, yaml
flow = yaml.safe_load(open(sys.argv[1]))
steps = flow["jobs"]["larder"]["steps"]
assert len(flow[True]["schedule"]) == 6, flow
print("".join(step.get("run", "") + "\n" for step in steps))
PY
    expect_exit 0 sh -n script.sh
fi

unset LARDER_STORE

it "without a preset that has a schedule there is nothing to make, and an unknown kind is named"
printf '[preset x]\ntables = y\n' >bare.conf
expect_exit 2 larder setup --schedule cron --config bare.conf
expect_stderr "no preset has a schedule"
expect_exit 2 larder setup --schedule anacron
expect_stderr "systemd, cron, github"

it "where the source has the presets they are asked there"
server_start one
sample_database kitchai 100
larder init -d kitchai -q
expect_exit 0 env LARDER_CONFIG= "$LARDER" setup --schedule cron -d kitchai
expect_stdout "export -q monthly --prune"
expect_unsaid everything

it "without a configuration file it warns that what is scheduled will not find source and store by itself"
expect_exit 0 env LARDER_CONFIG= "$LARDER" setup --schedule systemd -d kitchai --store "$SCRATCH/store" -o bare
expect_stderr "warning: there is no configuration file"
printf '[source]\nconninfo = dbname=kitchai\n[store]\nurl = store\n' >named.conf
expect_exit 0 larder setup --schedule systemd --config named.conf -o named
expect_unsaid warning
