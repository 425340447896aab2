# shellcheck shell=bash
# What no export can do without: the server's own work, the reading of what it sends, and zstd's work on that; to be sourced by
# bench/run. The COPY statements are those that larder has sent, by the server's log: the same tables, formats and ranges.

FLOOR=$ROOT/build/release/bench/bench_floor

# floors_prepare NAME OPTION...: exports with these options into OUT/NAME.tar, and leaves the statements in OUT/NAME.copies, and
# the rows, as the archive holds them but not compressed, in OUT/NAME.raw. Nothing is measured; caches are warm afterwards.
floors_prepare()
{
    local name=$1 log before

    shift
    log=$(server_log bench)
    before=$(stat -c %s "$log")
    psql -Xqd bench -c "ALTER DATABASE bench SET log_statement = 'all'"
    "$LARDER" export "$@" -d bench -o "$OUT/$name.tar" -j "$JOBS" -Z zstd:1 --no-record -q
    psql -Xqd bench -c 'ALTER DATABASE bench RESET log_statement'
    among floors "$WANTED" || return 0
    tail -c "+$((before + 1))" "$log" | sed -n 's/^.* larder \[[0-9]*\] LOG:  [a-z]*[^:]*: \(.*COPY .* TO STDOUT.*\)/\1/p' |
        sed 's/; COPY /\nCOPY /g' >"$OUT/$name.copies"
    sed "s| TO STDOUT| TO '/dev/null'|g" "$OUT/$name.copies" >"$OUT/$name.null"
    mkdir "$OUT/$name.raw"
    tar -xf "$OUT/$name.tar" -C "$OUT/$name.raw" data
    zstd -dq --rm -r "$OUT/$name.raw"
    find "$OUT/$name.raw" -type f | sort >"$OUT/$name.files"
}

# manifest_sum NAME KEY: of all its tables
manifest_sum()
{
    tar -xOf "$OUT/$1.tar" manifest.json | jq "[.tables[].$2] | add"
}

raw_bytes()
{
    manifest_sum "$1" raw_bytes
}

# floor KIND NAME WHO PLAN: the statements of a plan, which must copy as many rows as the archive has.
floor()
{
    measure "$1" "$3" "$(raw_bytes "$2")" env PGDATABASE=bench "$FLOOR" "$JOBS" "$OUT/$4"
    [ "$(cut -d' ' -f1 "$SCRATCH/log")" = "$(manifest_sum "$2" rows)" ] || die "other rows than larder's went past: $3"
}

floor_zstd()
{
    measure "$1" 'zstd -1, one core' 0 zstd -1 -q -c --single-thread --filelist "$OUT/$2.files"
}

floors_steps()
{
    echo "floor|$1|$2|reader that discards -j $JOBS|$2.copies"
    echo "floor_zstd|$1|$2"
    echo "floor|$1|$2|server, to /dev/null -j $JOBS|$2.null"
}
