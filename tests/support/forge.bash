# shellcheck shell=bash
# Archives that say of themselves what is not so, and are whole all the same: to be sourced after scenario.bash.
#
#   forge_manifest ARCHIVE OLD NEW    puts NEW where OLD first stands in the manifest; both of one length. Every
#                                     digest is made anew, and so is the .sha256 beside it
#   forge_backup STORE SOURCE PRESET AT UNTIL MORE
#                                     standard input as the archive of an export at that time would lie in a folder, kept until the
#                                     other (0: for ever), both in seconds; MORE is JSON, beside what any summary says. Sets STEM

# forge_get ARCHIVE OFFSET BYTES; without a pipe that is left too early, which would be a failure
forge_get()
{
    dd if="$1" bs=65536 skip="$2" count="$3" iflag=skip_bytes,count_bytes status=none
}

# forge_put ARCHIVE OFFSET   standard input goes there
forge_put()
{
    dd of="$1" bs=65536 seek="$2" oflag=seek_bytes conv=notrunc status=none
}

forge_manifest()
{
    local archive=$1 end at bytes places digest

    [ "${#2}" = "${#3}" ] || fail "\"$2\" and \"$3\" are not of one length"
    # The end's data stands in one block before the last 1,024 bytes.
    end=$(($(stat -c %s "$archive") - 1536))
    forge_get "$archive" "$end" 278 >"$SCRATCH/forge.end"
    at=$(sed -n 's/^manifest_offset 0*//p' "$SCRATCH/forge.end")
    bytes=$(sed -n 's/^manifest_bytes 0*//p' "$SCRATCH/forge.end")
    forge_get "$archive" "$at" "$bytes" >"$SCRATCH/forge.manifest"
    places=$(grep -abo -F -e "$2" "$SCRATCH/forge.manifest") || fail "the manifest of $archive does not say \"$2\""
    printf %s "$3" | forge_put "$archive" $((at + ${places%%:*}))
    digest=$(forge_get "$archive" "$at" "$bytes" | sha256sum | cut -c 1-64)
    sed -i "s/^manifest_sha256 .*/manifest_sha256 $digest/" "$SCRATCH/forge.end"
    digest=$(grep -v ^end_sha256 "$SCRATCH/forge.end" | sha256sum | cut -c 1-64)
    sed -i "s/^end_sha256 .*/end_sha256 $digest/" "$SCRATCH/forge.end"
    forge_put "$archive" "$end" <"$SCRATCH/forge.end"
    (cd "$(dirname "$archive")" && sha256sum "$(basename "$archive")" >"${archive%.tar}.sha256")
}

forge_backup()
{
    local made name sum until=null

    printf -v made '%(%Y-%m-%dT%H:%M:%SZ)T' "$4"
    printf -v name '%s_%(%Y%m%d_%H%M%S)T' "$3" "$4"
    [ "$5" = 0 ] || printf -v until '"%(%Y-%m-%dT%H:%M:%SZ)T"' "$5"
    STEM=$1/$2/$3/$name
    mkdir -p "${STEM%/*}"
    cat >"$STEM.tar"
    sum=$(sha256sum <"$STEM.tar" | cut -c 1-64)
    echo "$sum  $name.tar" >"$STEM.sha256"
    jq -n --arg name "$name" --arg preset "$3" --arg source "$2" --arg made "$made" --arg sum "$sum" --argjson until "$until" \
        --argjson bytes "$(stat -c %s "$STEM.tar")" --argjson more "$6" '{format_version: "1.0", larder_version: "0.1.0",
        archive: ($name + ".tar"), backup_name: $name, preset: $preset, source: $source, system_identifier: "7",
        started_at: $made, created_at: $made, bytes: $bytes, sha256: $sum, encrypted: false, raw_bytes: 100, rows: 225000,
        keep_until: $until, every: null} + $more' >"$STEM.json"
}
