#!/usr/bin/env bash
# The manual as it is built: pages that a formatter takes, completion in real shells.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

BUILT=$(dirname "$LARDER")
export PATH=$BUILT:$PATH
# A store that need not be read: names are all that completion looks at.
STORE=$SCRATCH/store
mkdir -p "$STORE/kitchai/daily" "$STORE/kitchai/weekly"
touch "$STORE/kitchai/daily/daily_20261125_020000.tar" "$STORE/kitchai/daily/daily_20261126_020000.tar.age" \
    "$STORE/kitchai/weekly/weekly_20261122_030000.tar" "$STORE/kitchai/daily/daily_\$(touch owned)_20261126_020000.tar"
printf '[store]\nurl = %s\n[preset nightly]\ntables = *.*\n' "$STORE" >"$SCRATCH/larder.conf"
export LARDER_CONFIG=$SCRATCH/larder.conf
cd "$SCRATCH"

# The answers of bash, one a line, to a command line of which the last word is being typed.
answers()
{
    bash --norc -c '
        source "$1"
        shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        _larder
        printf "%s\n" "${COMPREPLY[@]}"' bash "$BUILT/completions/bash/larder" "$@"
}

it "has a page for larder, for every command, and for larder.conf, plain and compressed"
mapfile -t commands < <("$LARDER" help --commands)
expect_equal "pages" "$(printf '%s\n' larder.1 larder.conf.5 "${commands[@]/%/.1}" | sed '/^larder\./!s/^/larder-/' | sort)" \
    "$(cd "$BUILT/man" && printf '%s\n' *.[15] | sort)"
expect_equal "compressed pages" "$((${#commands[@]} + 2))" "$(find "$BUILT/man" -name '*.gz' | wc -l)"
expect_equal "commands in larder(1)" "$(printf '%s\n' "${commands[@]}")" \
    "$(sed -n '/^\.SH COMMANDS/,/^\.SH EXIT/s/^\.BR larder\\-\(.*\) (1)$/\1/p' "$BUILT/man/larder.1")"

it "writes pages in which a formatter finds nothing to warn of"
if command -v mandoc >/dev/null; then
    expect_exit 0 mandoc -T lint -W warning "$BUILT"/man/*.[15]
else
    echo "no mandoc here: the pages were not looked at" >&2
fi

it "says in larder.conf(5) what each key is that docs/configuration.md has"
expect_equal "keys" "$(sed -n '/^## \[source\]/,/^## larder doctor/s/^| `\([a-z_]*\)` .*/\1/p' "$TESTS/../docs/configuration.md")" \
    "$(sed -n '/^\.SH \[SOURCE\]/,$s/^\\fB\([a-z_]*\)\\fR$/\1/p' "$BUILT/man/larder.conf.5")"

it "prints the same for help COMMAND and COMMAND --help"
expect_equal "help of export" "$("$LARDER" help export)" "$("$LARDER" export --help)"
for code in "export 3" "export 6" "restore 6"; do
    expect_exit 0 "$LARDER" help "${code% *}"
    expect_stdout $'\n'"  ${code#* }   "
done
expect_exit 2 "$LARDER" help nosuch
expect_stderr 'there is no command "nosuch"'
expect_exit 2 "$LARDER" help --completion tcsh
expect_stderr "bash, zsh or fish"

it "says of an option what it means to the command that takes it"
expect_exit 0 "$LARDER" restore --help
expect_stdout "--dbname TARGET"
expect_stdout "encrypt the undo archive"
expect_exit 0 "$LARDER" drill --help
expect_stdout "record the drill in this database"
expect_exit 0 "$LARDER" setup --help
expect_stdout "could not be verified"

it "completes commands, options and words in bash"
expect_equal "commands" "$(printf '%s\n' release restore)" "$(answers larder re)"
expect_equal "commands of help" "$(printf '%s\n' release restore)" "$(answers larder help re)"
expect_equal "options" "$(printf '%s\n' --record-to --recipient --recipients-file | sort)" "$(answers larder export --rec | sort)"
expect_equal "words" "$(printf '%s\n' error rows missing)" "$(answers larder restore --existing '')"
expect_equal "words behind =" "rows" "$(answers larder restore --existing = r)"
expect_equal "nothing behind a number" "" "$(answers larder export --jobs '')"
expect_equal "all options" "$("$LARDER" verify --help | grep -oE '^ +(-., )?--[a-z0-9-]+' | grep -oE -- '--.*' | sort)" \
    "$(answers larder verify -- | sort)"

it "completes presets, archives and files in bash"
touch "daily_by_hand.tar"
mkdir -p daily_folder
expect_equal "presets, of the configuration and the store" "$(printf '%s\n' daily nightly weekly)" "$(answers larder export '' | sort)"
expect_equal "archives" "$(printf '%s\n' daily_20261125_020000 daily_20261126_020000)" "$(answers larder hold daily_ | sort)"
expect_equal "archives and files" \
    "$(printf '%s\n' daily_20261125_020000 daily_20261126_020000 daily_by_hand.tar daily_folder | sort)" \
    "$(answers larder restore daily_ | sort)"
expect_equal "folders" "daily_folder" "$(answers larder list --store daily_f)"
mkdir -p "$SCRATCH/other/x/yearly" && touch "$SCRATCH/other/x/yearly/yearly_20260101_000000.tar"
expect_equal "archives of the store that is typed" yearly_20260101_000000 "$(answers larder hold --store "$SCRATCH/other" '')"
expect_equal "also behind =" yearly_20260101_000000 "$(answers larder hold --store = "$SCRATCH/other" '')"
expect_exit 1 test -e owned

it "is silent where there is nothing to ask, and ends where nobody answers"
expect_exit 0 env LARDER_CONFIG=/nowhere "$LARDER" complete archives
expect_equal "what was said" "" "$(cat "$STDOUT" "$STDERR")"
mkfifo silent.conf
{ expect_exit 142 env LARDER_CONFIG="$SCRATCH/silent.conf" "$LARDER" complete presets; } 2>/dev/null
expect_equal "what was said" "" "$(cat "$STDOUT" "$STDERR")"

it "is syntax that each shell takes, and that shellcheck finds nothing in"
if command -v shellcheck >/dev/null; then
    expect_exit 0 shellcheck -s bash "$BUILT/completions/bash/larder"
fi
if command -v zsh >/dev/null; then
    expect_exit 0 zsh -n "$BUILT/completions/zsh/_larder"
else
    echo "no zsh here: its completion was not looked at" >&2
fi
if command -v fish >/dev/null; then
    expect_exit 0 fish -n "$BUILT/completions/fish/larder.fish"
    # shellcheck disable=SC2016  # fish's own
    ask='source $argv[1]; complete -C "larder export nig"; complete -C "larder restore --existing m"'
    expect_exit 0 env HOME="$SCRATCH" fish --no-config -c "$ask" "$BUILT/completions/fish/larder.fish"
    expect_stdout nightly
    expect_stdout missing
else
    echo "no fish here: its completion was not looked at" >&2
fi

it "larder --version names itself and the libraries that it runs with"
expect_exit 0 larder --version
expect_stdout "larder $(sed -n 's/.*project(larder.*VERSION \([0-9.]*\).*/\1/p' "$TESTS/../CMakeLists.txt")"
expect_stdout "libpq "
expect_stdout "OpenSSL "
