# shellcheck shell=bash
# Archives that say of themselves what is not so, and are whole all the same: to be sourced after scenario.bash.
#
#   forge_manifest ARCHIVE OLD NEW    puts NEW where OLD first stands in the manifest; both of one length. Every
#                                     digest is made anew, and so is the .sha256 beside it

# put ARCHIVE OFFSET   standard input goes there
forge_put()
{
    dd of="$1" bs=4096 seek="$2" oflag=seek_bytes conv=notrunc status=none
}

forge_manifest()
{
    local archive=$1 size end at bytes place digest

    size=$(stat -c %s "$archive")
    # The end's data stands in one block before the last 1,024 bytes.
    end=$((size - 1536))
    read -r at bytes < <(tail -c +$((end + 1)) "$archive" | head -c 278 |
        sed -n 's/^manifest_\(offset\|bytes\) 0*//p' | paste -sd ' ')
    place=$(tail -c +$((at + 1)) "$archive" | head -c "$bytes" | grep -abo -m 1 -F -e "$2" | head -n 1 | cut -d: -f 1)
    [ -n "$place" ] || fail "the manifest of $archive does not say \"$2\""
    [ "${#2}" = "${#3}" ] || fail "\"$2\" and \"$3\" are not of one length"
    printf %s "$3" | forge_put "$archive" $((at + place))
    digest=$(tail -c +$((at + 1)) "$archive" | head -c "$bytes" | sha256sum | cut -c 1-64)
    tail -c +$((end + 1)) "$archive" | head -c 278 | sed "s/^manifest_sha256 .*/manifest_sha256 $digest/" >"$SCRATCH/end"
    digest=$(grep -v ^end_sha256 "$SCRATCH/end" | sha256sum | cut -c 1-64)
    sed "s/^end_sha256 .*/end_sha256 $digest/" "$SCRATCH/end" | forge_put "$archive" "$end"
    (cd "$(dirname "$archive")" && sha256sum "$(basename "$archive")" >"${archive%.tar}.sha256")
}
