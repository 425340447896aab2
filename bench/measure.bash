# shellcheck shell=bash
# How one command is measured; to be sourced by bench/run.
#
#   measure KIND WHO BYTES COMMAND...
#       adds a line to RESULTS: shape, rows (or what --growth varies), KIND, WHO, seconds, seconds of the processors for the command
#       with what it started and for the server, bytes, and the peak memory of the largest process in KiB. BYTES is a number, or a
#       path whose size it is.

# Seconds of the processors that all processes of the server have had: those that live, and those that have ended. Waits until
# the backends of clients are gone; one that ends meanwhile is found with its parent.
server_cpu()
{
    local postmaster

    postmaster=$(server_pid bench)
    while pgrep -P "$postmaster" -f '\[local\]' >/dev/null; do
        sleep 0.01
    done
    pgrep -P "$postmaster" | sed "s|.*|/proc/&/stat|; \$a /proc/$postmaster/stat" | { xargs cat 2>/dev/null || true; } |
        sed 's/^.*) //' | awk -v ticks="$(getconf CLK_TCK)" '{ sum += $12 + $13 + $14 + $15 } END { printf "%.2f", sum / ticks }'
}

measure()
{
    local kind=$1 who=$2 bytes=$3 status=0 seconds user system before after

    shift 3
    psql -Xqd postgres -c CHECKPOINT
    before=$(server_cpu)
    TIMEFORMAT='%3R %3U %3S'
    { time /usr/bin/time -q -f %M -o "$SCRATCH/peak" "$@" >"$SCRATCH/log" 2>&1 </dev/null; } 2>"$SCRATCH/time" || status=$?
    accepted "$status" "$1" || { cat "$SCRATCH/log" >&2 && die "exit status $status from: $*"; }
    after=$(server_cpu)
    read -r seconds user system < <(tail -n 1 "$SCRATCH/time")
    [ ! -e "$bytes" ] || bytes=$(du -sb "$bytes" | cut -f1)
    awk -v OFS='\t' -v user="$user" -v from="$before" -v to="$after" '{ print $1, $2, $3, $4, $5, user + $6, to - from, $7, $8 }' FS='\t' \
        <<<"$SHAPE"$'\t'"$SIZE"$'\t'"$kind"$'\t'"$who"$'\t'"$seconds"$'\t'"$system"$'\t'"$bytes"$'\t'"$(tail -n 1 "$SCRATCH/peak")" >>"$RESULTS"
}

# larder says 9 where something was left out as asked. A newer pg_restore sets what an older server
# does not know, once per connection, counts these as errors, and has restored everything.
accepted()
{
    case $1:${2##*/} in
        0:* | 9:larder) return 0 ;;
        1:pg_restore) ! grep 'error:' "$SCRATCH/log" | grep -qv '"transaction_timeout"' ;;
        *) return 1 ;;
    esac
}
