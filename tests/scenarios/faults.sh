#!/usr/bin/env bash
# A few points of each kind of the fault campaign; ./dev faults runs all of them.
#
#   LARDER_TEST_SEED   the points of another seed (7: those of every other run, so that a change is what a failure comes from)
set -euo pipefail

# Both the library that is preloaded and the sanitizer would take the program's calls.
if [[ $(ldd "$LARDER") == *asan* ]]; then
    echo "skipped: not under the sanitizers"
    exit 77
fi
memory=(memory/export memory/verify memory/list)
# What counts the lines that run would do without memory, too, and crash.
! grep -aq __gcov_exit "$LARDER" || memory=()
exec "$(dirname "$0")/../faults/run" --seed "${LARDER_TEST_SEED:-7}" --points 1 \
    trace io/export io/copy io/prune "${memory[@]}" writes/export writes/copy network/lanes network/fresh
