# shellcheck shell=bash
# What hooks send, received: to be sourced after scenario.bash.
#
#   receiver_start     starts it; its address is $RECEIVER (http://127.0.0.1:PORT), and what it got is in the file $RECEIVED: see
#                      receiver.c
#   receiver_stop      stops it; done at exit, too
#   expect_received TEXT   what it got since it was last asked, "METHOD PATH" a line, is TEXT
# shellcheck disable=SC2034 # it is for those who source this
RECEIVER=
RECEIVER_PID=
RECEIVED=$SCRATCH/received

receiver_start()
{
    local port

    read -r port RECEIVER_PID < <("$(dirname "$LARDER")/tests/receiver" "$RECEIVED")
    # shellcheck disable=SC2034
    RECEIVER=http://127.0.0.1:$port
    unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY all_proxy ALL_PROXY
    trap 'receiver_stop; server_cleanup' EXIT
}

receiver_stop()
{
    [ -z "$RECEIVER_PID" ] || kill "$RECEIVER_PID" 2>/dev/null || true
    RECEIVER_PID=
}

expect_received()
{
    local found

    found=$(grep -v '^{' "$RECEIVED" || true)
    expect_equal "what was received" "$1" "$found"
    : >"$RECEIVED"
}
