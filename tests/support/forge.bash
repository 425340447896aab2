# shellcheck shell=bash
# Archives that say of themselves what is not so, and are whole all the same: to be sourced after scenario.bash.
#
#   forge_manifest ARCHIVE OLD NEW    puts NEW where OLD first stands in the manifest; both of one length. Every
#                                     digest is made anew, and so is the .sha256 beside it

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
