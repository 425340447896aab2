#!/usr/bin/env bash
# Retention, cleanup, holding; the status and the checks.
# shellcheck source=server.inc.bash
. "$(dirname "$0")/server.inc.bash"

retention() {
    sample app
    migrate app >/dev/null
    tap app retention.sql
    tap app check.sql
}

each_server retention
