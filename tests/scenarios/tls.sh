#!/usr/bin/env bash
# A server that asks for TLS and for certificates, and one whose name is not that of its certificate.
set -euo pipefail
source "$(dirname "$0")/../support/scenario.bash"

! is_sanitized || skip "nothing here but the server differs from what other scenarios run"

command -v openssl >/dev/null || skip "there is no openssl"

# certificate NAME COMMON_NAME   signed by our authority
certificate()
{
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$2" -keyout "$1.key" -out "$1.csr" 2>/dev/null
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out "$1.crt" 2>/dev/null
    chmod 600 "$1.key"
}

cd "$SCRATCH"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=ca -keyout ca.key -out ca.crt 2>/dev/null
certificate server localhost
certificate reader reader
certificate stranger stranger
server_start one --tcp
sample_database kitchai 300
new_database back
sql kitchai "CREATE ROLE reader LOGIN SUPERUSER"
[ -z "$SERVER_OS_USER" ] || chown "$SERVER_OS_USER" server.key
mv server.key server.crt "$SCRATCH/one/data"
cp ca.crt "$SCRATCH/one/data"
printf '%s\n' "ssl = on" "ssl_ca_file = 'ca.crt'" | server_as tee -a "$SCRATCH/one/data/postgresql.conf" >/dev/null
{
    echo 'local all postgres trust'
    echo 'hostssl all reader 127.0.0.1/32 cert'
} | server_as tee "$SCRATCH/one/data/pg_hba.conf" >/dev/null
server_stop one
server_restart one
TLS="host=localhost hostaddr=127.0.0.1 port=$PGPORT user=reader sslrootcert=$SCRATCH/ca.crt"
FULL="$TLS sslmode=verify-full sslcert=$SCRATCH/reader.crt sslkey=$SCRATCH/reader.key"

it "with a certificate of its own, and the server's checked in full, rows go out and in, pg_dump's too"
expect_exit 0 larder export -t '*' -d "$FULL dbname=kitchai" -o "$SCRATCH/tls.tar" --no-record -j 3
expect_exit 0 larder restore "$SCRATCH/tls.tar" -d "$FULL dbname=back" -j 3 --externals stub --json
expect_json .agree true
expect_exit 0 larder verify "$SCRATCH/tls.tar" --against "$FULL dbname=kitchai"

# recording_pg_dump   $SCRATCH/bin has one that first tells $SCRATCH/protocol what its connection speaks, and $SCRATCH/seen what others see of it
recording_pg_dump()
{
    mkdir bin
    ln -s "${SERVER_BIN[one]}/pg_restore" bin/pg_restore
    cat >bin/pg_dump <<END
#!/bin/bash
tr '\\0' '\\n' </proc/\$\$/cmdline >"$SCRATCH/seen"
env >>"$SCRATCH/seen"
[[ \$* = *--version* ]] || "${SERVER_BIN[one]}/psql" -XAtq -d "\${!#}" -c \
    'SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()' >"$SCRATCH/protocol" || exit
exec "${SERVER_BIN[one]}/pg_dump" "\$@"
END
    chmod +x bin/pg_dump
}

it "the versions of TLS that the connection may speak, pg_dump's speaks"
recording_pg_dump
for version in TLSv1.2 TLSv1.3; do
    ONLY="ssl_min_protocol_version=$version ssl_max_protocol_version=$version"
    LARDER_PGBIN=$SCRATCH/bin expect_exit 0 larder export -t '*' -d "$FULL dbname=kitchai $ONLY" -o "$version.tar" --no-record
    expect_equal "the protocol" "$version" "$(cat protocol)"
done

it "a key with a passphrase serves pg_dump, too, and it is in no argument and no variable"
openssl pkcs8 -topk8 -in reader.key -out locked.key -passout pass:sesame
chmod 600 locked.key
printf '%s\n' '[locked]' "sslkey=$SCRATCH/locked.key" sslpassword=sesame >"$HOME/.pg_service.conf"
LOCKED="$TLS sslmode=verify-full sslcert=$SCRATCH/reader.crt service=locked dbname=kitchai"
LARDER_PGBIN=$SCRATCH/bin expect_exit 0 larder export -t '*' -d "$LOCKED" -o "$SCRATCH/locked.tar" --no-record
grep -q "locked.key" seen || fail "pg_dump was not seen"
! grep -q sesame seen || fail "others see the passphrase"
expect_exit 0 larder export -t '*' -d "$LOCKED" -o "$SCRATCH/unwatched.tar" --no-record
sed -i '/sslpassword/d' "$HOME/.pg_service.conf"
expect_exit 1 setsid -w "$LARDER" export -t '*' -d "$LOCKED" -o "$SCRATCH/none.tar" --no-record </dev/null
expect_stderr "could not load private key file"
rm "$HOME/.pg_service.conf"

it "without TLS, without a certificate, or with another's, there is no way in"
expect_exit 1 larder export -t '*' -d "$TLS sslmode=disable dbname=kitchai" -o "$SCRATCH/none.tar"
expect_stderr pg_hba.conf
expect_exit 1 larder export -t '*' -d "$TLS sslmode=verify-full sslcert=none dbname=kitchai" -o "$SCRATCH/none.tar"
expect_stderr certificate
expect_exit 1 larder export -t '*' -d "$TLS sslmode=verify-full sslcert=$SCRATCH/stranger.crt sslkey=$SCRATCH/stranger.key dbname=kitchai" -o "$SCRATCH/none.tar"
expect_stderr reader

it "a server whose certificate is another's, or signed by another, is not talked to"
expect_exit 1 larder export -t '*' -d "${FULL/host=localhost/host=elsewhere} dbname=kitchai" -o "$SCRATCH/none.tar"
expect_stderr elsewhere
expect_exit 1 larder export -t '*' -d "${FULL/ca.crt/stranger.crt} dbname=kitchai" -o "$SCRATCH/none.tar"
expect_stderr certificate
[ ! -e "$SCRATCH/none.tar" ] || fail "a file was written"
