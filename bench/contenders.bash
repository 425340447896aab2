# shellcheck shell=bash
# What is measured against what; to be sourced by bench/run.

EVERYTHING=(-t '*.*' -t auth.users -t auth.identities)
declare -A CLIENTS=() # the folder of each version of pg_dump

major()
{
    "$1/pg_dump" --version | sed 's/.* \([0-9]*\)[.a-z].*/\1/'
}

# Client folders by their major version; the same version is measured once, and one that is older
# than the server not at all.
clients_find()
{
    local bin

    for bin in "$(server_newest_bin)" ${LARDER_BENCH_PGBIN:+"$LARDER_BENCH_PGBIN"}; do
        [ -x "$bin/pg_dump" ] || die "there is no pg_dump in \"$bin\""
        [ "$(major "$bin")" -lt "${SERVER_VERSION%%[!0-9]*}" ] || CLIENTS[$(major "$bin")]=$bin
    done
    [ ${#CLIENTS[@]} -gt 0 ] || die "every pg_dump here is older than the server; set LARDER_BENCH_PGBIN"
    mapfile -t VERSIONS < <(printf '%s\n' "${!CLIENTS[@]}" | sort -n | tail -n "${NEWEST:-99}")
}

# The options of pg_dump for each peer, a line each; zstd and lz4 came with 16, and not every build has them.
peer_options()
{
    local version=$1 peer

    for peer in "${PEERS[@]}"; do
        case $peer in
            none | custom) ;;
            *)
                if [ "$version" -lt 16 ]; then
                    echo "-Fd -j $JOBS -Z1"
                elif "${CLIENTS[$version]}/pg_dump" -d postgres -s -Fc --compress="$peer" >/dev/null 2>&1; then
                    echo "-Fd -j $JOBS --compress=$peer"
                fi
                ;;
        esac
    done | uniq
    ! among custom "${PEERS[@]}" || echo -Fc
}

# The fastest to read of those.
restored_options()
{
    peer_options "$1" | head -n 1
}

# Larder's archives, and what the floors need of them; and those that each pg_restore reads.
contenders_prepare()
{
    local version how

    floors_prepare all "${EVERYTHING[@]}"
    if among largest "$WANTED"; then
        floors_prepare largest -t "$LARGEST"
    fi
    among restore "$WANTED" || return 0
    for version in "${VERSIONS[@]}"; do
        read -ra how < <(restored_options "$version") || continue
        "${CLIENTS[$version]}/pg_dump" -d bench "${how[@]}" -f "$OUT/all.$version"
    done
}

export_larder()
{
    local kind=$1

    shift
    measure "$kind" "larder -j $JOBS" "$OUT/new.tar" "$LARDER" export "$@" -d bench -o "$OUT/new.tar" -j "$JOBS" -Z zstd:1 --no-record
    rm -f "$OUT"/new.*
}

export_pg_dump()
{
    local kind=$1 version=$2 how

    read -ra how <<<"$3"
    shift 3
    measure "$kind" "pg_dump $version ${how[*]}" "$OUT/new" "${CLIENTS[$version]}/pg_dump" -d bench "${how[@]}" -f "$OUT/new" "$@"
    rm -rf "$OUT/new"
}

# The target is new each time, must hold everything afterwards, and goes at once: or autovacuum would look through it beside what
# is measured next.
into_new_target()
{
    createdb target
    measure "$@"
    [ "$(psql -XAtd target -c "SELECT count(*) FROM $LARGEST")" = "$EXPECTED" ] || die "rows are missing after: ${*:4}"
    dropdb target
}

restore_larder()
{
    into_new_target restore "larder -j $JOBS${1:+ $1}" "$OUT/all.tar" \
        "$LARDER" restore "$OUT/all.tar" -d target -j "$JOBS" --externals stub "$@"
}

restore_pg_restore()
{
    local version=$1

    into_new_target restore "pg_restore $version -j $JOBS" "$OUT/all.$version" \
        "${CLIENTS[$version]}/pg_restore" -d target -j "$JOBS" "$OUT/all.$version"
}

verify_larder()
{
    measure verify "larder -j $JOBS" "$(raw_bytes all)" "$LARDER" verify "$OUT/all.tar" -j "$JOBS"
}

drill_larder()
{
    measure drill "larder -j $JOBS" "$OUT/all.tar" "$LARDER" drill "$OUT/all.tar" -d postgres -j "$JOBS" --no-record
}

# The steps of a round, a line each: a function and its arguments, with | between them.
contenders_steps()
{
    local version how

    if among export "$WANTED"; then
        (IFS='|' && echo "export_larder|export|${EVERYTHING[*]}")
        for version in "${VERSIONS[@]}"; do
            while read -r how; do
                echo "export_pg_dump|export|$version|$how"
            done < <(peer_options "$version")
        done
    fi
    ! among floors "$WANTED" || floors_steps export all
    if among largest "$WANTED"; then
        echo "export_larder|largest|-t|$LARGEST"
        for version in "${VERSIONS[@]}"; do
            while read -r how; do
                echo "export_pg_dump|largest|$version|$how|-t|$LARGEST"
            done < <(peer_options "$version" | grep -v '^-Fc')
        done
        ! among floors "$WANTED" || floors_steps largest largest
    fi
    if among restore "$WANTED"; then
        [ -n "$GROWTH" ] || echo 'restore_larder|--no-verify'
        echo restore_larder
        for version in "${VERSIONS[@]}"; do
            [ ! -e "$OUT/all.$version" ] || echo "restore_pg_restore|$version"
        done
    fi
    ! among verify "$WANTED" || echo verify_larder
    ! among drill "$WANTED" || echo drill_larder
}
