# shellcheck shell=bash
# A real S3 store in the scratch folder: OpenStack's Swift with its S3 interface, one device, one
# replica. To be sourced behind scenario.bash or server.bash.
#
#   s3_store_start               starts it, points the AWS variables at it, and makes the bucket "larder"
#   s3_store_stop                stops it; done at exit, too
#   s3_request METHOD PATH [OPTION]...   a request signed by curl, not by larder: prints the answer's body. PATH begins
#       with the bucket and is encoded already, a query in it is sorted. OPTIONs are curl's
#   s3_keys [PREFIX]             the keys in the bucket, one a line
#   s3_uploads                   how many multipart uploads are begun and not ended
#   s3_cpu                       the seconds of CPU that its processes have taken
#   s3_proxy_start FAULT [FIRST [COUNT]]   puts a proxy in front of it that spoils COUNT requests (0: all) from FIRST on, a
#       number or a pattern, see fault_proxy.c; what it was asked is in the file $S3_LOG
#   s3_proxy_stop                takes the proxy away again
#
# It checks signatures and content hashes, and does multipart uploads (parts of 5 MiB and more) and
# ranges; a conditional write it answers with 501. Its keys are test:tester and testing, which
# AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY then hold; AWS_ENDPOINT_URL is http, on a free port of 127.0.0.1.
#
S3_FOLDER=
S3_BUCKET=larder
S3_PORT=
S3_LOG=$SCRATCH/s3-proxy.log
S3_PROXY=
declare -A S3_PIDS=()

# All three by one interpreter, which takes a second to begin.
s3_store_rings()
{
    /usr/bin/python3 - "$S3_FOLDER/etc" "$1" >"$S3_FOLDER/log/rings" 2>&1 <<'END'
import sys
from swift.common.ring.builder import RingBuilder
for number, kind in enumerate(("account", "container", "object"), 1):
    builder = RingBuilder(4, 1, 0)
    builder.add_dev({"region": 1, "zone": 1, "ip": "127.0.0.1", "port": int(sys.argv[2]) + number, "device": "d1", "weight": 1})
    builder.rebalance()
    builder.get_ring().save("%s/%s.ring.gz" % (sys.argv[1], kind))
END
}

# PORT is the first of five.
s3_store_configure()
{
    local port=$1 etc=$S3_FOLDER/etc n=1 kind user

    user=$(id -un)
    mkdir -p "$S3_FOLDER"/{etc,dev/d1,cache,run,log}
    cat >"$etc/swift.conf" <<END
[swift-hash]
swift_hash_path_suffix = s
swift_hash_path_prefix = p
[storage-policy:0]
name = one
default = yes
END
    for kind in account container object; do
        cat >"$etc/$kind.conf" <<END
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $((port + n))
devices = $S3_FOLDER/dev
mount_check = false
swift_dir = $etc
workers = 0
user = $user
disable_fallocate = true
[pipeline:main]
pipeline = $kind-server
[app:$kind-server]
use = egg:swift#$kind
recon_cache_path = $S3_FOLDER/cache
END
        n=$((n + 1))
    done
    s3_store_rings "$port" || return 1
    cat >"$etc/proxy.conf" <<END
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $port
swift_dir = $etc
workers = 0
user = $user
[pipeline:main]
pipeline = catch_errors cache s3api tempauth slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$((port + 4))
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
check_bucket_owner = true
min_segment_size = 5242880
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
END
}

s3_store_run()
{
    local name=$1

    shift
    "$@" >"$S3_FOLDER/log/$name" 2>&1 </dev/null &
    S3_PIDS[$name]=$!
    echo $! >"$S3_FOLDER/run/s3-$name.pid"
}

# Whether all of its parts are there: objects, their lists and accounts have a server each.
s3_store_has_bucket()
{
    # 409: it is ours already, of the try before.
    [[ $(s3_request PUT "$S3_BUCKET" -o /dev/null -w '%{http_code}' 2>/dev/null) = @(200|409) ]] &&
        [ "$(s3_request PUT "$S3_BUCKET/first" -d '' -o /dev/null -w '%{http_code}' 2>/dev/null)" = 200 ] &&
        [ "$(s3_request DELETE "$S3_BUCKET/first" -o /dev/null -w '%{http_code}' 2>/dev/null)" = 204 ]
}

# Until it works; fails at once where one of its processes has ended, since another has the port.
s3_store_answers()
{
    local name

    for _ in {1..300}; do
        for name in "${!S3_PIDS[@]}"; do
            kill -0 "${S3_PIDS[$name]}" 2>/dev/null || return 1
        done
        if s3_store_has_bucket; then
            return 0
        fi
        sleep 0.1
    done
    return 1
}

s3_store_try()
{
    local kind

    S3_PORT=$(server_free_port)
    rm -rf "$S3_FOLDER"
    s3_store_configure "$S3_PORT" || return 1
    s3_store_run memcached memcached -u "$(id -un)" -l 127.0.0.1 -p $((S3_PORT + 4)) -m 16
    for kind in object container account proxy; do
        s3_store_run "$kind" "swift-$kind-server" "$S3_FOLDER/etc/$kind.conf"
    done
    s3_store_answers
}

s3_store_start()
{
    S3_FOLDER=$SCRATCH/s3
    unset "${!AWS_@}" http_proxy HTTP_PROXY all_proxy ALL_PROXY
    export AWS_ACCESS_KEY_ID=test:tester AWS_SECRET_ACCESS_KEY=testing AWS_REGION=us-east-1
    at_exit s3_store_stop
    for _ in 1 2 3; do
        if s3_store_try; then
            export AWS_ENDPOINT_URL=http://127.0.0.1:$S3_PORT
            return 0
        fi
        s3_store_stop
    done
    echo "could not start a store with an S3 interface:" >&2
    tail -n 20 "$S3_FOLDER"/log/* >&2
    return 1
}

s3_store_stop()
{
    local name

    s3_proxy_stop
    for name in "${!S3_PIDS[@]}"; do
        kill "${S3_PIDS[$name]}" 2>/dev/null || true
        wait "${S3_PIDS[$name]}" 2>/dev/null || true
        rm -f "$S3_FOLDER/run/s3-$name.pid"
        unset "S3_PIDS[$name]"
    done
}

# The access key has a colon in it, which curl takes in a URL alone.
s3_request()
{
    local method=$1 path=$2 body=()

    shift 2
    [ "$method" != HEAD ] || body=(--head)
    curl -sS --max-time 60 -X "$method" "${body[@]}" --aws-sigv4 aws:amz:us-east-1:s3 \
        -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$@" "http://test%3Atester:testing@127.0.0.1:$S3_PORT/${path#/}"
}

s3_keys()
{
    s3_request GET "$S3_BUCKET?list-type=2&prefix=$(jq -rn --arg prefix "${1:-}" '$prefix | @uri')" |
        grep -o '<Key>[^<]*' | sed 's/^<Key>//' || true
}

s3_uploads()
{
    s3_request GET "$S3_BUCKET?uploads=" | { grep -o '<UploadId>' || true; } | wc -l
}

s3_cpu()
{
    local name

    for name in "${!S3_PIDS[@]}"; do
        cat "/proc/${S3_PIDS[$name]}/stat"
    done | awk -v tick="$(getconf CLK_TCK)" '{ sum += $14 + $15 } END { print sum / tick }'
}

s3_proxy_start()
{
    local port

    s3_proxy_stop
    rm -f "$S3_LOG"
    read -r port S3_PROXY < <("$(dirname "$LARDER")/tests/fault_proxy" "$S3_PORT" "$S3_LOG" "$1" "${2:-1}" "${3:-1}")
    export AWS_ENDPOINT_URL=http://127.0.0.1:$port
}

s3_proxy_stop()
{
    [ -z "$S3_PROXY" ] || kill "$S3_PROXY" 2>/dev/null || true
    S3_PROXY=
    export AWS_ENDPOINT_URL=http://127.0.0.1:$S3_PORT
}
