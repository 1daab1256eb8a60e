#!/usr/bin/env bash
# Runs the examples over POSIX sockets against each other and against OpenSSL's programs: openssl.sh FOLDER, in which
# the programs `client` and `server` are.
set -euo pipefail

bin=$(realpath "$1")
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key.pem -out cert.pem 2>/dev/null
head -c 300000 /dev/urandom | base64 >data

fail() {
    echo "openssl.sh: $*" >&2
    cat ./*.log >&2
    exit 1
}

# Waits for a line in a log. wait_for LOG TEXT
wait_for() {
    for _ in $(seq 100); do
    grep -q "$2" "$1" && return
    sleep 0.1
    done
    fail "$1 does not say: $2"
}

"$bin/server" 0 cert.pem key.pem >server.log 2>&1 &
wait_for server.log listening
port=$(sed -n 's/.*127.0.0.1:\([0-9]*\).*/\1/p' server.log)

"$bin/client" localhost "$port" cert.pem <data >echo 2>client.log || fail "client against server"
cmp data echo || fail "data was changed"
wait_for server.log 'received: closed; sent: open'

for suite in tls1_2:ECDHE-ECDSA-AES128-GCM-SHA256 tls1_2:ECDHE-ECDSA-AES256-GCM-SHA384 \
    tls1_2:ECDHE-ECDSA-CHACHA20-POLY1305 tls1_3:TLS_AES_128_GCM_SHA256 tls1_3:TLS_AES_256_GCM_SHA384 \
    tls1_3:TLS_CHACHA20_POLY1305_SHA256; do
    version=${suite%:*}
    [ $version = tls1_2 ] && suites=(-cipher "${suite#*:}") || suites=(-ciphersuites "${suite#*:}")
    echo "$suite"

    # Our server; OpenSSL's client, which updates its keys and requests ours.
    lines=$(wc -l <server.log)
    rm -f input s_client.log
    mkfifo input
    openssl s_client -connect "127.0.0.1:$port" -$version "${suites[@]}" -CAfile cert.pem \
        <input >s_client.log 2>&1 &
    client=$!
    exec 3>input
    wait_for s_client.log 'Verify return code: 0'
    echo hello >&3
    wait_for s_client.log '^hello'
    if [ $version = tls1_3 ]; then
        echo K >&3
        wait_for s_client.log KEYUPDATE
    fi
    echo again >&3
    wait_for s_client.log '^again'
    echo Q >&3
    exec 3>&-
    wait $client || fail "s_client against server"
    for _ in $(seq 100); do [ "$(wc -l <server.log)" -gt "$lines" ] && break || sleep 0.1; done
    tail -n +$((lines + 1)) server.log | grep -q 'received: closed' || fail "s_client's close_notify was lost"

    # Our client; OpenSSL's server, which sends every line reversed.
    rm -f s_server.log
    openssl s_server -accept 127.0.0.1:0 -$version "${suites[@]}" -cert cert.pem -key key.pem -rev \
        >s_server.log 2>&1 &
    server=$!
    wait_for s_server.log '^ACCEPT.*:[0-9]'
    s_port=$(sed -n 's/^ACCEPT.*:\([0-9]*\)$/\1/p' s_server.log)
    echo hello | "$bin/client" 127.0.0.1 "$s_port" cert.pem >reversed 2>client.log ||
        fail "client against s_server"
    [ "$(cat reversed)" = olleh ] || fail "not reversed: $(cat reversed)"
    kill $server
    wait $server 2>/dev/null || true
done

# A server that is killed has not closed: our client says so.
rm -f s_server.log
openssl s_server -accept 127.0.0.1:0 -cert cert.pem -key key.pem -rev >s_server.log 2>&1 &
server=$!
wait_for s_server.log '^ACCEPT.*:[0-9]'
s_port=$(sed -n 's/^ACCEPT.*:\([0-9]*\)$/\1/p' s_server.log)
rm -f input
mkfifo input
"$bin/client" 127.0.0.1 "$s_port" cert.pem <input >reversed 2>client.log &
client=$!
exec 3>input
echo hello >&3
wait_for reversed olleh
kill -9 $server
wait $server 2>/dev/null || true
! wait $client || fail "a truncated stream for a clean end"
exec 3>&-
grep -q 'received: truncated' client.log || fail "not told as truncated"

# Input that cannot be read is no end of the input; output that is lost is told.
"$bin/server" 0 cert.pem key.pem >server.log 2>&1 &
wait_for server.log listening
port=$(sed -n 's/.*127.0.0.1:\([0-9]*\).*/\1/p' server.log)
! "$bin/client" localhost "$port" cert.pem </ >echo 2>client.log || fail "a read error for the end of the input"
wait_for server.log 'received: fatal alert'
! "$bin/client" localhost "$port" cert.pem <data >/dev/full 2>client.log || fail "lost output was not told"

echo "examples against OpenSSL: passed"
