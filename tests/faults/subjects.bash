# shellcheck shell=bash disable=SC2034  # what is set here is used in the other files
# The commands that faults are tried on; for tests/faults/run. Each has
#
#   SUBJECT_do       runs it, in WORK, with FAULT (an array: a program and its arguments) before larder
#   SUBJECT_judge    sets OUTCOME by STATUS and by what there is; or fails
#   SUBJECT_after    runs it again, and looks at what is left
#   SUBJECT_prepare  where more than WORK is needed
#
# WORK is a folder of the point's own, a copy of BASE: a store with archives, and keys. What is there is called EARLIER.

BASE=$SCRATCH/base
WORK=$SCRATCH/work
FAULT=()
SUBJECTS=(export lanes file stream verify copy prune hold list restore)

# The server, and BASE: made when first needed.
subjects_start()
{
    local old

    [ ! -d "$BASE" ] || return 0
    server_start one synchronous_commit=on # a server that stops keeps what it said it had
    new_database small
    sql small "CREATE TABLE a (id int PRIMARY KEY, v text UNIQUE); CREATE TABLE b (id serial PRIMARY KEY, a int REFERENCES a, v text);
        INSERT INTO a SELECT i, 'a' || i FROM generate_series(1, 500) AS i; INSERT INTO b (a, v) SELECT i, md5(i::text) FROM generate_series(1, 500) AS i;
        CREATE TABLE noise AS SELECT i, (SELECT string_agg(sha512((i * 16 + j)::text::bytea), '') FROM generate_series(1, 16) AS j) AS bytes
            FROM generate_series(1, 5 * 1024) AS i"
    mkdir -p "$BASE/out"
    larder keygen -o "$BASE/key" >/dev/null
    RECIPIENT=$(sed -n 's/.*\(age1[0-9a-z]*\).*/\1/p' "$BASE/key" | head -n 1)
    larder export -t 'public.*' -d small --store "$BASE/store" --no-record -q
    larder export -t a -t b -d small -o "$BASE/rows.tar" --no-record -q
    createdb -T small before
    sql before "DROP TABLE noise; UPDATE a SET v = v || 'x' WHERE id % 3 = 0; DELETE FROM b WHERE id % 7 = 0"
    # Two more of another time, for prune.
    ARCHIVE=$(newest_archive "$BASE/store")
    for old in 20240101 20240102; do
        forge_old "$BASE/rows" "${ARCHIVE%/*}/adhoc_${old}_000000" "${old:0:4}-${old:4:2}-${old:6:2}"
    done
    # And what a killed run has left, for the next to remove.
    STALE=.larder-tmp-adhoc_20250101_000000.tar-abcdef
    touch "${ARCHIVE%/*}/$STALE"
    ARCHIVE=${ARCHIVE/#$BASE/$WORK}
    ROWS_AFTER=$(rows_of small)
    ROWS_BEFORE=$(rows_of before)
    (cd "$BASE" && find . -type f ! -name '.larder*' -exec sha256sum {} +) >"$SCRATCH/earlier"
}

# forge_old FROM TO DATE   an archive, as if it were of that day and to go since
forge_old()
{
    cp "$1.tar" "$2.tar"
    echo "$(sha256sum <"$2.tar" | cut -c 1-64)  ${2##*/}.tar" >"$2.sha256"
    jq --arg name "${2##*/}" --arg date "$3T00:00:00Z" '.archive = $name + ".tar" | .backup_name = $name | .keep_until = $date |
        .started_at = $date | .created_at = $date' "$1.json" >"$2.json"
}

# Links, since nothing that is there is ever written to.
work_anew()
{
    rm -rf "$WORK"
    cp -al "$BASE" "$WORK"
}

prepare_subject()
{
    work_anew
    if [ "$(type -t "$1_prepare")" = function ]; then
        "$1_prepare"
    fi
}

# conclude SUBJECT   OUTCOME: good, failed or killed, by STATUS and what there is; " left" where something was, for the next run to remove
conclude()
{
    local left became

    cp "$STDERR" "$SCRATCH/first_stderr"
    "$1_judge"
    became=$OUTCOME
    left=$(find "$WORK" -name '.larder-*' ! -name "$STALE" | wc -l)
    if [ "$OUTCOME" != good ] || [ "$left" != 0 ]; then
        "$1_after"
    fi
    cp "$SCRATCH/first_stderr" "$STDERR"
    OUTCOME=$became
    [ "$left" = 0 ] || OUTCOME+=" left"
}

run_larder()
{
    (cd "$WORK" && exec "${FAULT[@]}" "$LARDER" "$@")
}

# What lies in a folder of WORK and was not there: paths, sorted.
new_files()
{
    (cd "$WORK" && find "$1" -type f ! -name .larder.lock ! -name "$STALE") | sort | grep -vxFf <(sed 's,^[^ ]*  \./,,' "$SCRATCH/earlier") || true
}

expect_earlier()
{
    (cd "$WORK" && sha256sum --quiet -c "$SCRATCH/earlier") >"$STDOUT" 2>&1 || fail "what was there before has changed"
}

# A failure: its code, and one message.
expect_failure()
{
    local messages

    [ "$STATUS" = 1 ] || fail "exit 1 was expected, not $STATUS"
    # libarchive ends the program by itself where it has no memory.
    messages=$(grep -v '^larder: warning: ' "$STDERR" | grep -cE '^(larder: |Fatal Internal Error in libarchive)') || true
    expect_equal "the number of messages" 1 "$messages"
    OUTCOME=failed
}

# expect_archive FOLDER   just one new archive lies there, with what belongs to it
expect_archive()
{
    local files stem

    files=$(new_files "$1")
    stem=$(grep '\.tar\(\.age\)\?$' <<<"$files") || fail "success, and there is no new archive"
    larder verify "$WORK/$stem" -i "$WORK/key" -q >/dev/null 2>"$STDERR" || fail "success, and the archive does not verify"
    OUTCOME=good
    [ "$1" = out ] || expect_equal "the files of the archive" "$(printf '%s\n' "${stem%%.tar*}".{json,sha256} "$stem")" \
        "$(grep -v '/\.larder-' <<<"$files")"
}

# expect_whole FOLDER   what a killed run has published verifies; it goes, so that the next run is alone
expect_whole()
{
    local file

    OUTCOME=killed
    while IFS= read -r file; do
        [[ $file != *.tar* ]] || larder verify "$WORK/$file" -i "$WORK/key" -q >/dev/null 2>"$STDERR" || fail "$file is published, and does not verify"
        rm "$WORK/$file"
    done < <(new_files "$1" | grep -v '/\.larder-')
    rm -f "$WORK/$1"/*.checked.json "$WORK/$1"/*/*/*.checked.json
}

# judge_new FOLDER   an archive that verifies, or none; then what the next run leaves behind
judge_new()
{
    case $STATUS in
        0) expect_archive "$1" ;;
        137) expect_whole "$1" ;;
        *)
            expect_failure
            expect_equal "the files after a failure" '' "$(new_files "$1" | grep -v '/\.larder-')"
            ;;
    esac
    expect_earlier
}

# expect_tidy FOLDER   what the last run left of a killed or failed one
expect_tidy()
{
    expect_equal "what is left after the next run" '' "$(new_files "$1" | grep '/\.larder-')"
}

export_do() { run_larder export -t 'public.*' -d small --store "$WORK/store" --no-record -j 1 -q; }
export_judge() { judge_new store; }

export_after()
{
    expect_exit 0 export_do
    expect_archive store
    expect_tidy store
    [ ! -e "$WORK/store/small/adhoc/$STALE" ] || fail "what an earlier run had left is still there"
}

lanes_do() { run_larder export -t 'public.*' -d small --store "$WORK/store" --no-record -j 3 -q; }
lanes_judge() { judge_new store; }
lanes_after() { export_after; }

# To a file by its name, encrypted.
file_do() { run_larder export -t 'public.*' -d small -o "$WORK/out/one.tar.age" -r "$RECIPIENT" --no-record -j 1 -q; }
file_judge() { judge_new out; }
file_after() { expect_exit 0 file_do && expect_archive out && expect_tidy out; }

# To standard output, which is a file here. What a failure has written there is no archive, or a whole one.
stream_do() { run_larder export -t 'public.*' -d small -o - --no-record -j 1 -q >"$WORK/out/one.tar"; }

stream_judge()
{
    if [ "$STATUS" = 0 ]; then
        expect_archive out
    else
        expect_failure
        rm -f "$WORK/out/one.tar"
    fi
    expect_earlier
}

stream_after() { expect_exit 0 stream_do && expect_archive out; }

# Writes down beside the archive what it has found.
verify_do() { run_larder verify "$ARCHIVE" -q; }

verify_judge()
{
    case $STATUS in
        0) OUTCOME=good ;;
        137) OUTCOME=killed ;;
        *) expect_failure ;;
    esac
    expect_earlier
}

verify_after()
{
    expect_exit 0 verify_do
    expect_equal "what is there after the next run" "${ARCHIVE#"$WORK"/}" "$(new_files store | sed 's/\.checked\.json$/.tar/')"
}

copy_do() { run_larder copy "$ARCHIVE" "$WORK/second" -q; }

copy_judge()
{
    mkdir -p "$WORK/second"
    judge_new second
}

# What is there already, whole or not, is completed.
copy_after() { expect_exit 0 copy_do && expect_archive second && expect_tidy second; }

prune_do() { run_larder prune --store "$WORK/store" --keep-min 1; }

# The newest stays; of the others none is listed as good that is gone.
prune_judge()
{
    local name

    case $STATUS in
        0) OUTCOME=good ;;
        137) OUTCOME=killed ;;
        1) OUTCOME=failed ;;
        *) fail "exit 1 was expected, not $STATUS" ;;
    esac
    [ "$STATUS" != 1 ] || [ -s "$STDERR" ] || fail "a failure without a message"
    while read -r name; do
        larder verify "$WORK/store/small/adhoc/$name.tar" -q >/dev/null 2>"$STDERR" || fail "$name is listed as good, and does not verify"
    done < <(good_names)
    good_names | grep -qx "$(basename "${ARCHIVE%.tar}")" || fail "the newest is gone"
    rm -f "$WORK"/store/small/adhoc/*.checked.json # those of our own checks
}

prune_after()
{
    expect_exit 0 prune_do
    expect_equal "what is there after the next run" "$(for end in json sha256 tar; do basename "${ARCHIVE%.tar}.$end"; done)" \
        "$(find "$WORK/store" -type f ! -name '.larder*' -printf '%f\n' | sort)"
}

good_names()
{
    larder list --store "$WORK/store" --json | jq -r '.[] | select(.good) | .backup_name'
}

hold_do() { run_larder hold "$(basename "${ARCHIVE%.tar}")" --store "$WORK/store" -q; }
hold_judge() { verify_judge; }

hold_after()
{
    expect_exit 0 hold_do
    expect_equal "what is there after the next run" "${ARCHIVE#"$WORK"/}" "$(new_files store | sed 's/\.hold$/.tar/')"
}

# All of what is there, or a failure: never less, unsaid.
list_do() { run_larder list --store "$WORK/store" --json -q; }

list_judge()
{
    if [ "$STATUS" = 0 ]; then
        expect_equal "the archives that are listed" 3 "$(jq length "$STDOUT")"
        OUTCOME=good
    else
        expect_failure
    fi
}

list_after() { expect_exit 0 list_do; }

# Into tables that exist, after an archive of what they held: what was there before, or all of it.
restore_do() { (cd "$WORK/out" && exec "${FAULT[@]}" "$LARDER" restore "$WORK/rows.tar" -d trial --existing rows -j 1 -q); }

rows_of() { sql "$1" "SELECT md5(string_agg(r::text, ',' ORDER BY r::text)) FROM (SELECT a::text FROM a UNION ALL SELECT b::text FROM b) AS t (r)"; }

restore_prepare()
{
    dropdb --if-exists trial 2>/dev/null
    createdb -T before trial
}

restore_judge()
{
    local rows archive

    case $STATUS in
        0) OUTCOME=good ;;
        137) OUTCOME=killed ;;
        *) expect_failure ;;
    esac
    rows=$(rows_of trial)
    [ "$rows" = "$ROWS_AFTER" ] || [ "$OUTCOME" != good ] || fail "success, and the rows are not there"
    [ "$rows" = "$ROWS_AFTER" ] || [ "$rows" = "$ROWS_BEFORE" ] || fail "rows that are in between"
    while IFS= read -r archive; do
        larder verify "$archive" -q >/dev/null 2>"$STDERR" || fail "the undo archive does not verify"
    done < <(find "$WORK/out" -name 'undo_*.tar')
    expect_earlier
}

restore_after()
{
    expect_exit 0 restore_do
    expect_equal "the rows after the next run" "$ROWS_AFTER" "$(rows_of trial)"
    expect_tidy out
}

# Into an empty database: nothing is there, or all of it, or what is marked as not finished.
fresh_prepare()
{
    dropdb --if-exists trial 2>/dev/null
    createdb trial
}

fresh_do() { run_larder restore "$WORK/rows.tar" -d trial -j 2 -q; }
fresh_marked() { [ "$(sql trial "SELECT count(*) FROM pg_namespace WHERE nspname = 'larder_unfinished_restore'")" = 1 ]; }
fresh_tables() { sql trial "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"; }

fresh_judge()
{
    verify_judge
    if [ "$OUTCOME" = good ]; then
        expect_equal "the rows" "$ROWS_AFTER" "$(rows_of trial)"
        ! fresh_marked || fail "success, and a mark"
    elif ! fresh_marked && [ "$(fresh_tables)" != 0 ]; then
        expect_equal "the rows, without a mark" "$ROWS_AFTER" "$(rows_of trial)"
    fi
}

# One that failed at its very end has its tables already, which the next would mind.
fresh_after()
{
    fresh_marked || [ "$(fresh_tables)" = 0 ] || return 0
    expect_exit 0 fresh_do
    expect_equal "the rows after the next run" "$ROWS_AFTER" "$(rows_of trial)"
    ! fresh_marked || fail "the mark is still there"
}
