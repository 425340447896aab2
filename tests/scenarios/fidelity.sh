#!/usr/bin/env bash
# Random databases go through an archive and come back as they were. These seeds have every encoding between them; `./dev fidelity`
# takes as many as one likes.
set -euo pipefail

command -v python3 >/dev/null || { echo 'skipped: there is no python3' && exit 77; }
SEEDS=6
[[ $(ldd "${LARDER:?}") != *asan* ]] || SEEDS=2
exec "$(dirname "$0")/../fidelity/run" --seeds "$SEEDS"
