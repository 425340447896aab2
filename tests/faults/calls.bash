# shellcheck shell=bash disable=SC2034,SC2153  # what is set here is used in the other files, and the other way round
# The kinds of faults that are calls of the program's own: io, memory, results, writes and trace; for tests/faults/run.

# What a call of each kind can meet with.
declare -A HOWS=([open]='EIO ENOSPC EINTR' [read]='EIO EINTR SHORT' [readdir]='EIO' [write]='ENOSPC ENOSPC+ EIO EINTR SHORT' [sync]='EIO ENOSPC EINTR'
    [rename]='EIO ENOSPC EINVAL' [close]='EIO' [unlink]='EIO' [mkdir]='EIO ENOSPC' [stat]='EIO' [lock]='ENOLCK EINTR' [memory]='ENOMEM' [result]='ENOMEM' [any]='KILL' [half]='HALF')

# fault_is KIND NUMBER HOW   FAULT for run_larder
fault_is()
{
    local number=$2 how=${3:-}

    [[ $how != *+ ]] || { number+=+ && how=${how%+}; }
    FAULT=(env "FAULT_AT=$1 $number $how" "FAULT_UNDER=$WORK" "FAULT_LOG=$SCRATCH/fault.log" "LD_PRELOAD=$FAULTS_LIBRARY")
    rm -f "$SCRATCH/fault.log"
    touch "$SCRATCH/fault.log"
}

# watch_calls SUBJECT each|memory   the log is that of an undisturbed run
watch_calls()
{
    prepare_subject "$1"
    fault_is "$2" 0
    LAST="$1, undisturbed"
    STATUS=0
    "$1_do" >"$STDOUT" 2>"$STDERR" || fail "undisturbed, \"$1\" fails"
    FAULT=()
}

# count_calls KIND   how many the log tells
count_calls()
{
    case $1 in
        memory) sed -n 's/^memory //p' "$SCRATCH/fault.log" ;;
        half) grep -c '^write ' "$SCRATCH/fault.log" ;;
        any) grep -cE '^(open|write|sync|rename|unlink|mkdir) ' "$SCRATCH/fault.log" ;;
        *) grep -c "^$1 " "$SCRATCH/fault.log" ;;
    esac || true
}

must_succeed() { [ "$2" = EINTR ] || [ "$2" = SHORT ]; }

# What belongs to an archive, or to its place, was not written: there is no success.
must_fail()
{
    case $1.$2.$3 in
        list.* | prune.* | verify.*) false ;;
        *.write.ENOSPC* | *.write.EIO | *.sync.E[NI]O* | *.mkdir.*) true ;;
        *.rename.EIO | *.rename.ENOSPC) true ;;
        *) false ;;
    esac
}

# expect_named PATH HOW   the message names what failed, or the folder it is in, and says why
expect_named()
{
    local name reason

    name=$(basename "$1" | sed -E 's/^\.larder-tmp-(.*)-[A-Za-z0-9]{6}$/\1/; s/\.(tar|tar\.age|sha256|json|hold|checked\.json)$//')
    grep -qF -e "$name" -e "$(dirname "$1")" -e "standard output" "$STDERR" || fail "the message does not name \"$name\""
    case $2 in
        EIO) reason='Input/output error' ;;
        ENOSPC*) reason='No space left on device' ;;
        ENOLCK) reason='No locks available' ;;
        EINVAL) reason='Invalid argument' ;;
        *) reason='' ;;
    esac
    grep -qF -e "$reason" "$STDERR" || fail "the message does not say \"$reason\""
}

# strike SUBJECT KIND NUMBER HOW   one point: OUTCOME is good, failed, killed or past (there was no such call)
strike()
{
    local met

    LAST="$1 whose $2 number $3 meets with $4"
    prepare_subject "$1"
    fault_is "$2" "$3" "$4"
    STATUS=0
    FAULT=(timeout --foreground 120 "${FAULT[@]}")
    "$1_do" >"$STDOUT" 2>"$STDERR" || STATUS=$?
    [ "$STATUS" != 124 ] || fail "it hung"
    met=$(head -n 1 "$SCRATCH/fault.log")
    LAST+=": $met"
    FAULT=()
    if [ -z "$met" ]; then
        OUTCOME=past
        return 0
    fi
    conclude "$1"
    ! must_succeed "$2" "$4" || [ "${OUTCOME%% *}" = good ] || fail "it was to succeed"
    ! must_fail "$1" "$2" "$4" || [ "${OUTCOME%% *}" != good ] || fail "it was to fail"
    [[ $2 =~ ^(memory|result)$ ]] || [ "${OUTCOME%% *}" != failed ] || expect_named "${met#* }" "$4"
}

# points_of SUBJECT KIND   all of them, one a line
points_of()
{
    local number total how

    total=$(count_calls "$2")
    for ((number = 1; number <= total; number++)); do
        for how in ${HOWS[$2]}; do
            echo "$1 $2 $number $how"
        done
    done
}

# thin MOST   standard input's lines, at most so many: by chance, one of each of so many stretches
thin()
{
    awk -v most="$1" -v seed="$RANDOM" '{ line[NR] = $0 }
        END { srand(seed); if (most == 0 || most > NR) most = NR
              for (i = 0; i < most; i++) print line[int((i + rand()) * NR / most) + 1] }'
}

# strike_all TITLE MOST SUBJECTS KINDS   the points of each subject, and a table of them
strike_all()
{
    local title=$1 subject kind point
    local -A hows=()

    subjects_start
    for subject in $3; do
        if [ "$4" = memory ]; then watch_calls "$subject" memory; else watch_calls "$subject" each; fi
        for kind in $4; do points_of "$subject" "$kind"; done >"$SCRATCH/all_points"
        thin "$2" <"$SCRATCH/all_points" >"$SCRATCH/points"
        while read -r point; do
            # shellcheck disable=SC2086  # its words
            try_point "--point '$point'" strike $point
            note "$subject"
            hows[${point##* }]=$((${hows[${point##* }]:-0} + 1))
        done <"$SCRATCH/points"
    done
    show_table "$title" good failed killed left past
    for kind in "${!hows[@]}"; do echo "$kind ${hows[$kind]}"; done | sort | paste -sd, | sed 's/,/, /g; s/^/of these: /'
}

faults_io() { strike_all io "$POINTS" "${1:-${SUBJECTS[*]}}" "open read readdir write sync rename close unlink mkdir stat lock"; }
faults_memory() { strike_all memory "$((POINTS > 0 ? POINTS : 200))" "${1:-${SUBJECTS[*]}}" memory; }
faults_results() { strike_all results "$POINTS" "${1:-export lanes restore}" result; }
faults_writes() { strike_all writes "$POINTS" "${1:-export lanes file verify copy prune hold restore}" "any half"; }

faults_point()
{
    subjects_start
    # shellcheck disable=SC2086  # its words
    try_point "--point '$POINT'" strike $POINT
    echo "$POINT: $OUTCOME"
}

# What a crash may come upon: the file is durable before it has its name, and the name is before the next file comes.
faults_trace()
{
    local order

    subjects_start
    work_anew
    FAULT=(env "ASAN_OPTIONS=detect_leaks=0:$ASAN_OPTIONS" strace -f -qq -y -e "trace=fsync,rename,renameat,renameat2,link,linkat" -o "$SCRATCH/trace")
    expect_exit 0 export_do
    FAULT=()
    order=$(sed -nE "s,.* fsync\\([0-9]+<$WORK/store/small/adhoc/\\.larder-tmp-[^>]*\\.(tar|sha256|json)-.*= 0\$,fsync \\1,p
        s,.* (rename|link)[a-z0-9]*\\(.*\"$WORK/store/small/adhoc/[a-z0-9_]*\\.(tar|sha256|json)\".*= 0\$,rename \\2,p
        s,.* fsync\\([0-9]+<$WORK/store/small/adhoc>.*= 0\$,fsync the folder,p" "$SCRATCH/trace" | paste -sd, | sed 's/,/, /g')
    expect_equal "the order of an export" "$(for end in tar sha256 json; do echo "fsync $end, rename $end, fsync the folder"; done | paste -sd, | sed 's/,f/, f/g')" "$order"
    echo "trace: $order"
}
