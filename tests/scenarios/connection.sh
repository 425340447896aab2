#!/usr/bin/env bash
# Servers that cannot be reached, files that cannot be written or are no archives, tools that are
# missing: an exit code and one message each.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

STORE=$SCRATCH/store
cd "$SCRATCH"

# One line for a person, without a sanitizer's or a shell's noise.
expect_one_message()
{
    expect_equal "the number of messages" 1 "$(grep -c '^larder: ' "$STDERR")"
    expect_stderr "$1"
}

server_start one --tcp
sample_database kitchai 500
larder init -d kitchai -q
sql kitchai "CREATE ROLE locked LOGIN PASSWORD 'right'; GRANT pg_read_all_data TO locked; ALTER ROLE locked BYPASSRLS"
SOCKET=$PGHOST
PORT=$PGPORT

it "where there are too many connections already, what would help is not the host"
sql postgres "CREATE ROLE alone LOGIN CONNECTION LIMIT 1"
expect_exit 1 larder export -t 'public.*' -U alone -d postgres -o "$SCRATCH/alone.tar" --no-record
expect_stderr "too many connections for role"
expect_stderr "CONNECTION LIMIT"

it "a server that answers that it lets nobody in is there, on that host and port"
sql postgres "CREATE DATABASE shut ALLOW_CONNECTIONS false"
expect_exit 1 larder export -t profiles -d shut -o x.tar
expect_stderr 'database "shut" is not currently accepting connections'
expect_unsaid "Check host and port"

it "no server, on a socket or a port"
expect_exit 1 larder export daily -d kitchai -h "$SCRATCH/nowhere" --store "$STORE"
expect_one_message "$SCRATCH/nowhere"
expect_exit 1 larder export daily -d kitchai -h 127.0.0.1 -p 1 --store "$STORE"
expect_one_message 127.0.0.1
expect_exit 1 larder init -d kitchai -h 127.0.0.1 -p 1

expect_unsaid "No such file or directory Is the server"

it "no such database, no such role"
expect_exit 1 larder export daily -d no_such_database --store "$STORE"
expect_one_message no_such_database
expect_exit 1 larder export daily -d kitchai -U no_such_role --store "$STORE"
expect_one_message no_such_role
expect_exit 2 larder export daily -d 'host=x nonsense=y' --store "$STORE"
expect_stderr nonsense

it "a wrong password, and none"
sed -i 's/trust/scram-sha-256/' "$SCRATCH/one/data/pg_hba.conf"
sed -i '1i local all postgres trust' "$SCRATCH/one/data/pg_hba.conf"
sql postgres "SELECT pg_reload_conf()" >/dev/null
PGPASSWORD=wrong expect_exit 1 larder export daily -d kitchai -U locked -h 127.0.0.1 --store "$STORE"
expect_one_message "password"
expect_unsaid wrong
expect_exit 1 larder export daily -d kitchai -U locked -h 127.0.0.1 --store "$STORE" -w
expect_one_message "password"
expect_exit 1 larder export daily -d kitchai -U locked -h 127.0.0.1 --store "$STORE" </dev/null
expect_stderr "password"

it "the right one, in every way that psql takes it, and never said"
archive=$SCRATCH/a.tar
PGPASSWORD=right expect_exit 0 larder export daily -d kitchai -U locked -h 127.0.0.1 -o "$archive" -v
expect_unsaid right
rm "${archive%.tar}".*
expect_exit 0 larder export daily -d "postgresql://locked:right@127.0.0.1:$PORT/kitchai" -o "$archive" -v
expect_stderr password
expect_unsaid right
rm "${archive%.tar}".*
expect_exit 0 larder export daily -d "host=127.0.0.1 dbname=kitchai user=locked password=right" -o "$archive"
rm "${archive%.tar}".*
echo "127.0.0.1:$PORT:kitchai:locked:right" >"$HOME/.pgpass"
chmod 600 "$HOME/.pgpass"
expect_exit 0 larder export daily -d kitchai -U locked -h 127.0.0.1 -o "$archive"
rm "${archive%.tar}".* "$HOME/.pgpass"
printf '[kitchen]\nhost=127.0.0.1\nport=%s\ndbname=kitchai\nuser=locked\npassword=right\n' "$PORT" >"$HOME/.pg_service.conf"
expect_exit 0 larder export daily -d service=kitchen -o "$archive"
rm "${archive%.tar}".*
PGDATABASE=kitchai PGHOST=$SOCKET PGUSER=postgres expect_exit 0 larder export daily -o "$archive"

it "a URI that cannot be read is told with what helps, and without what may be of the password"
for source in "postgresql://locked:hush%zz@127.0.0.1:$PORT/kitchai" "postgresql://locked:hush@[::1/kitchai" \
    "postgresql://locked:hush/b@127.0.0.1:$PORT/kitchai" "postgresql://locked:a@hush@127.0.0.1:$PORT/kitchai" \
    "\"postgresql://locked:hush@127.0.0.1:$PORT/kitchai?sslmode=prefer\"" "jdbc:postgresql://locked:hush@127.0.0.1/kitchai" \
    "postgresql://locked:/hush@127.0.0.1:$PORT/kitchai" "postgresql://locked:2024/hush@127.0.0.1/kitchai" "postgresql://locked:12,hush/b@127.0.0.1/kitchai" \
    "postgresql://locked/a?hush=b@127.0.0.1/kitchai"; do
    expect_exit 2 larder export daily -d "$source" --store "$STORE"
    expect_stderr "could not understand how to connect"
    expect_stderr "are written %25"
    expect_unsaid hush
    expect_exit 2 larder doctor -d "$source" --store "$STORE"
    expect_unsaid hush
done
expect_exit 2 larder export daily -d "host=127.0.0.1 password=a hush" --store "$STORE"
expect_stderr "could not understand how to connect: missing \"=\""
expect_unsaid hush
expect_exit 2 larder export daily -d "host=127.0.0.1 sslmod=prefer" --store "$STORE"
expect_stderr 'invalid connection option "sslmod"'
expect_exit 2 larder export daily -d "postgresql://127.0.0.1/kitchai?sslmod=prefer" --store "$STORE"
expect_stderr 'invalid URI query parameter: "sslmod"'
mkdir -m 755 "$SCRATCH/at@1"
ln -s "$SOCKET"/.s.* "$SCRATCH/at@1"
expect_exit 0 larder export daily -d "postgresql://postgres@/kitchai?host=$SCRATCH/at@1" -o "$SCRATCH/at.tar" --no-record -q

it "of many hosts pg_dump goes to the one that larder is connected to, whichever is there by then"
mkdir "$SCRATCH/early" "$SCRATCH/first"
server_start other
OTHER=$PGHOST/.s.PGSQL.$PGPORT
server_use one
ln -s "${SERVER_BIN[one]}/pg_restore" "$SCRATCH/early"
cat >"$SCRATCH/early/pg_dump" <<END
#!/bin/sh
case "\$*" in *--version*) ;; *) ln -s "$OTHER" "$SCRATCH/first/.s.PGSQL.$PORT" ;; esac
exec "${SERVER_BIN[one]}/pg_dump" "\$@"
END
chmod +x "$SCRATCH/early/pg_dump"
LARDER_PGBIN=$SCRATCH/early expect_exit 0 larder export daily -d "host=$SCRATCH/first,$SOCKET dbname=kitchai" -o "$SCRATCH/hosts.tar"
[ -e "$SCRATCH/first/.s.PGSQL.$PORT" ] || fail "the first host was not there"
server_stop other

it "an address that the connection does without, the environment does not give to pg_dump"
PGHOSTADDR=127.0.0.1 PGPORT=1 expect_exit 0 larder export daily -d "host=$SOCKET hostaddr='' port=$PORT dbname=kitchai" -o "$SCRATCH/socket.tar"

it "a file that exists is not written over"
before=$(sha256sum <"$archive")
expect_exit 2 larder export daily -d kitchai -o "$archive"
expect_one_message "$archive"
expect_equal "the file" "$before" "$(sha256sum <"$archive")"

it "which is said before anybody connects"
expect_exit 2 larder export daily -d kitchai -h "$SCRATCH/nowhere" -o "$archive"
expect_one_message "$archive"
touch "$SCRATCH/half.sha256"
expect_exit 2 larder export daily -d kitchai -h "$SCRATCH/nowhere" -o "$SCRATCH/half.tar.age" -r "$(larder keygen -q -o "$SCRATCH/half.key")"
expect_one_message "$SCRATCH/half.sha256"
mkdir "$SCRATCH/folder"
expect_exit 2 larder export daily -d kitchai -o "$SCRATCH/folder"
ln -s nowhere "$SCRATCH/dangling"
expect_exit 2 larder export daily -d kitchai -o "$SCRATCH/dangling"

it "options that contradict each other, or take no such number, are told before anybody connects"
while IFS='|' read -r options words; do
    # shellcheck disable=SC2086 # options
    expect_exit 2 larder export daily -d kitchai -h "$SCRATCH/nowhere" -o "$SCRATCH/none.tar" $options
    expect_one_message "$words"
done <<ROWS
-w -W|-w and -W contradict each other
--no-record --record-to dbname=kitchai|--record-to and --no-record contradict each other
-p abc|--port: the option does not take "abc"
-p 0|It takes a number from 1 to 65535
-p 5432,65536|--port: the option does not take "5432,65536"
ROWS
expect_exit 2 larder export daily -d kitchai -h "$SCRATCH/nowhere" -o "$SCRATCH/none.tar.age"
expect_one_message "would not be encrypted, as its name says"
expect_exit 0 larder export daily -d kitchai -p "$PGPORT," -h "$PGHOST,$PGHOST" -o "$SCRATCH/two_ports.tar" -q

it "a folder that is missing, is none, or takes no files"
for folder in "$SCRATCH/no/such" "$archive"; do
    expect_exit 2 larder export daily -d kitchai -h "$SCRATCH/nowhere" -o "$folder/a.tar"
    expect_stderr "there is no folder \"$folder\""
    expect_exit 2 larder keygen -o "$folder/key"
    expect_stderr "there is no folder \"$folder\""
done
expect_exit 2 larder export daily -d kitchai -h "$SCRATCH/nowhere" --store "$archive"
expect_stderr "\"$archive\" is no folder, and so no store"
expect_exit 1 larder export daily -d kitchai --store /proc/no_folder_can_be_made_here
expect_stderr /proc/no_folder_can_be_made_here

it "a store of an unknown kind is none, and not a folder of that name"
expect_exit 2 larder export daily -d kitchai --store gopher://somewhere/store
expect_stderr 'there is no kind of store for "gopher'
(
    cd "$SCRATCH"
    expect_exit 2 larder export daily -d kitchai --store s3:/bucket/x
    expect_stderr 'a folder of that name is "./s3:/bucket/x"'
    [ ! -e s3: ] || fail "the store became a folder"
    mkdir -p ./s3:/bucket/x
    expect_exit 0 larder list --store ./s3:/bucket/x
)
[ ! -e "$SCRATCH/gopher:" ] || fail "a folder was made"

it "a disk that is full is told, and nothing is left behind"
mkdir "$SCRATCH/small"
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=64k none "$SCRATCH/small" 2>/dev/null; then
    status=0
    larder export daily -d kitchai --store "$SCRATCH/small" >"$STDOUT" 2>"$STDERR" || status=$?
    left=$(find "$SCRATCH/small" -type f -size +0)
    umount "$SCRATCH/small"
    expect_equal "the exit code on a full disk" 1 "$status"
    expect_one_message "No space left"
    expect_equal "the files on the full disk" '' "$left"
fi

it "a file size limit is told, and nothing is left behind"
limited() { (ulimit -f 8; exec "$LARDER" "$@"); }
expect_exit 1 limited export daily -d kitchai --store "$SCRATCH/limited"
expect_one_message "File too large"
expect_equal "the files" '' "$(find "$SCRATCH/limited" -type f -size +0)"

it "an fsync or a rename that fails fails the export, is not tried again, and leaves nothing"
mkdir "$SCRATCH/worn"
for calls in fsync,fdatasync renameat2,rename,link; do
    ASAN_OPTIONS=detect_leaks=0:$ASAN_OPTIONS expect_exit 1 strace -f -y -qq -o "$SCRATCH/trace" -e "trace=$calls" -e "inject=$calls:error=EIO" \
        "$LARDER" export daily -d kitchai --store "$SCRATCH/worn" -q
    expect_stderr "Input/output error"
    expect_equal "the calls that were tried twice" '' "$(sed 's/^[0-9]* *//' "$SCRATCH/trace" | sort | uniq -d)"
    expect_equal "the files" '' "$(find "$SCRATCH/worn" -type f -size +0)"
done

it "standard output takes an archive through a pipe, and verify and restore read it there"
expect_exit 0 bash -c '"$1" export weekly -d kitchai -o - | "$1" verify -' _ "$LARDER"
expect_exit 0 bash -c '"$1" export weekly -d kitchai -o - >"$2"' _ "$LARDER" "$SCRATCH/piped.tar"
expect_exit 0 larder verify "$SCRATCH/piped.tar"
expect_exit 0 bash -c '"$1" verify - <"$2"' _ "$LARDER" "$SCRATCH/piped.tar"
expect_unsaid "no readable .sha256"
expect_exit 0 bash -c 'cat "$2" | "$1" verify -' _ "$LARDER" "$SCRATCH/piped.tar"
new_database piped
expect_exit 0 bash -c 'cat "$2" | "$1" restore - -d piped --create-roles --externals stub' _ "$LARDER" "$SCRATCH/piped.tar"
expect_exit 4 bash -c 'head -c 50000 "$2" | "$1" verify -' _ "$LARDER" "$SCRATCH/piped.tar"
expect_exit 4 larder verify - </dev/null

it "a reader of standard output that goes away is a failure"
expect_exit 1 bash -c '"$1" export weekly -d kitchai -o - | head -c 1000 >/dev/null; exit "${PIPESTATUS[0]}"' _ "$LARDER"
expect_exit 1 bash -c '"$1" export weekly -d kitchai -o - >/dev/full' _ "$LARDER"
expect_exit 1 bash -c '"$1" list --store "$2" --json >/dev/full' _ "$LARDER" "$SCRATCH"
expect_stderr "No space left on device"
expect_stderr "else was to be done is done"
for command in 'export weekly -d kitchai -o -' keygen; do
    expect_exit 1 bash -c '"$1" $2 >&-' _ "$LARDER" "$command"
    expect_stderr "Bad file descriptor"
done
expect_exit 1 bash -c '"$1" --version >/dev/full' _ "$LARDER"
expect_exit 1 bash -c '"$1" --help >/dev/full' _ "$LARDER"
expect_exit 1 bash -c '"$1" init --print >/dev/full' _ "$LARDER"
expect_stderr "could not write all to standard output"

it "an archive is not written to a terminal"
expect_exit 2 script -qec "$LARDER export daily -d kitchai -o -" "$SCRATCH/typescript"

it "what is no archive is named as none"
head -c 100000 /dev/urandom >"$SCRATCH/random.tar"
: >"$SCRATCH/empty.tar"
tar cf "$SCRATCH/other.tar" -C "$TESTS/support" scenario.bash
head -c 1536 /dev/zero >"$SCRATCH/zeros.tar"
head -c 20000000 /dev/zero >"$SCRATCH/more_zeros.tar"
(cd "$SCRATCH" && mkdir repacked && tar xf piped.tar -C repacked && tar cf repacked.tar -C repacked .)
new_database untouched
for file in random empty other zeros more_zeros repacked; do
    expect_exit 4 larder verify "$SCRATCH/$file.tar"
    expect_stderr "$SCRATCH/$file.tar"
    expect_exit 4 larder verify --quick "$SCRATCH/$file.tar"
    expect_exit 4 larder restore "$SCRATCH/$file.tar" -d untouched
    expect_stderr "$SCRATCH/$file.tar"
done
expect_exit 4 larder verify "$SCRATCH/random.tar" "$SCRATCH/piped.tar"
for wrong in "$SCRATCH/folder" "$SCRATCH/no_such.tar" /dev/null; do
    status=0
    larder verify "$wrong" >"$STDOUT" 2>"$STDERR" || status=$?
    LAST="larder verify $wrong"
    [[ $status = 2 || $status = 4 || $status = 1 ]] || fail "verify of $wrong gave $status"
    expect_stderr "$wrong"
done

it "pg_dump is missing, or older than the server"
mkdir "$SCRATCH/bin"
LARDER_PGBIN=$SCRATCH/bin expect_exit 2 larder export daily -d kitchai --store "$STORE"
expect_one_message "$SCRATCH/bin"
expect_stderr postgresql-client
printf '#!/bin/sh\necho "pg_dump (PostgreSQL) 9.6.1"\n' >"$SCRATCH/bin/pg_dump"
chmod +x "$SCRATCH/bin/pg_dump"
LARDER_PGBIN=$SCRATCH/bin expect_exit 2 larder export daily -d kitchai --store "$STORE"
expect_one_message 9
LARDER_PGBIN=$SCRATCH/bin expect_exit 2 larder restore "$archive" -d untouched
expect_one_message pg_restore

it "a pg_dump that cannot be started is not taken for none"
mkdir "$SCRATCH/unstartable"
printf '#!/nowhere/sh\n' >"$SCRATCH/unstartable/pg_dump"
chmod +x "$SCRATCH/unstartable/pg_dump"
LARDER_PGBIN=$SCRATCH/unstartable expect_exit 1 larder export daily -d kitchai --store "$STORE"
expect_one_message "could not start \"$SCRATCH/unstartable/pg_dump\": No such file"

it "a pg_dump that fails, or dies, fails the export, and so does a pg_restore that lists nothing"
mkdir "$SCRATCH/broken"
for program in pg_dump pg_restore; do
    cat >"$SCRATCH/broken/$program" <<END
#!/bin/sh
case "\$*" in
    *--version*) exec "${SERVER_BIN[one]}/$program" --version ;;
esac
case "$program \$HOW" in
    pg_dump\ fails) echo "pg_dump: error: on purpose" >&2; exit 1 ;;
    pg_dump\ dies) kill -9 \$\$ ;;
    pg_dump\ is_empty) exit 0 ;;
    pg_dump\ is_half) "${SERVER_BIN[one]}/$program" "\$@" | head -c 3000; exit 0 ;;
    pg_restore\ is_garbage) echo garbage; exit 0 ;;
    *) exec "${SERVER_BIN[one]}/$program" "\$@" ;;
esac
END
    chmod +x "$SCRATCH/broken/$program"
done
HOW=well LARDER_PGBIN=$SCRATCH/broken expect_exit 0 larder export daily -d kitchai -o "$SCRATCH/well.tar"
for how in fails dies is_empty is_half is_garbage; do
    HOW=$how LARDER_PGBIN=$SCRATCH/broken expect_exit 1 larder export daily -d kitchai --store "$SCRATCH/fails"
    expect_stderr "$([[ $how = is_* ]] && echo schema || echo pg_dump)"
    expect_equal "the files" '' "$(find "$SCRATCH/fails" -type f ! -name .larder.lock)"
done

it "nothing was published on the way"
expect_equal "the files in the store" '' "$([ ! -d "$STORE" ] || find "$STORE" -type f ! -name .larder.lock)"
