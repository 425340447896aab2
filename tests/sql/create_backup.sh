#!/usr/bin/env bash
# Copies: what create_backup and run_preset make, and what they refuse.
# shellcheck source=server.inc.bash
. "$(dirname "$0")/server.inc.bash"

create_backup() {
    sample app
    migrate app >/dev/null
    tap app create_backup.sql
}

each_server create_backup
