#!/usr/bin/env bash
# TLS verification: each failure has its own error, before a byte of a request is sent.
. "${0%/*}/../lib/tap.sh"

export KANDY_PASSWORD=alice-secret KANDY_USERNAME=alice@sandbox.example KANDY_CLIENT_ID=PUB-sandbox KANDY_RETRY=0
unset_trust() { unset KANDY_CACERT; }

# refused STATUS REGEX NAME COMMAND...: the command fails with one line and stores no session
refused() {
	local wanted=$1 text=$2 name=$3
	shift 3
	rm -rf "$HOME/.local"
	run "$@"
	is "$status" "$wanted" "$name: status $wanted"
	like "$err" "$text" "$name: the error"
	is "$(grep -vc 'warning: TLS verification is disabled' "$err")" 1 "$name: one line"
	ok "$name: no session is kept" test ! -e "$HOME/.local/state/kandy/default.json"
}

# A TLS server without the service; sets $server_url.
tls_server() {
	local log=$scratch/s_server.$RANDOM
	openssl s_server -accept 127.0.0.1:0 -www "$@" >"$log" 2>&1 </dev/null &
	tap_pids+=($!)
	wait_for grep -q '^ACCEPT' "$log" || { echo "Bail out! openssl s_server did not start"; show "$log"; exit 1; }
	server_url=https://127.0.0.1:$(sed -n 's/^ACCEPT.*:\([0-9]*\)$/\1/p' "$log")
}

sandbox
good_ca=$KANDY_CACERT
run kandy login
is "$status" 0 'a trusted certificate'
requests=$(grep -c '' "$sandbox_record")

unset_trust
refused 78 "cannot verify the TLS certificate of '127\.0\.0\.1:[0-9]+': .*self-signed" 'self-signed' kandy login

run kandy login -kq
run kandy listen --since none
is "$status" 78 'listen: self-signed: 78'
like "$err" "cannot verify the TLS certificate of .*: .*self-signed" 'listen: the error names the certificate'

for how in -k --insecure; do
	for try in 1 2; do
		run kandy login $how
		is "$status" 0 "$how: accepts any certificate, run $try"
		like "$err" '^kandy: login: warning: TLS verification is disabled' "$how: a warning, run $try"
	done
done
KANDY_INSECURE=1 run kandy whoami
KANDY_INSECURE=1 run kandy login
is "$status" 0 'KANDY_INSECURE=1 does the same'
like "$err" 'warning: TLS verification is disabled' 'KANDY_INSECURE=1 causes a warning'
run kandy login -k -q
like "$err" '^kandy: login: warning: TLS verification is disabled' '-q prints the warning, too'
is "$(grep -c '' "$err")" 1 '-q: no other line'
mkdir -p "$HOME/.config/kandy"
run kandy login -q --retry 0 --base-url http://kandy.invalid
like "$err" 'warning: http://kandy.invalid is not encrypted' 'a service without TLS causes a warning, even with -q'
echo 'insecure = yes' >"$HOME/.config/kandy/config"
run kandy login -q
is "$status" 0 'insecure in the configuration file'
like "$err" '^kandy: login: warning: TLS verification is disabled' 'insecure in the configuration file causes a warning, even with -q'
rm "$HOME/.config/kandy/config"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 -subj '/CN=a test authority' 2>openssl.log
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout leaf.key -out leaf.csr -subj /CN=leaf 2>>openssl.log
leaf() { # NAME EXTENSION DAYS: a certificate of the authority, with the leaf's key
	openssl x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days "$3" -out "$1.pem" -extfile <(echo "$2") 2>>openssl.log
}
leaf leaf subjectAltName=IP:127.0.0.1 2
ok 'certificates for the tests' test -s leaf.pem || diag "$(cat openssl.log)"

refused 78 'self-signed' 'a CA file without this certificate' kandy login --cacert ca.pem
mkdir hashed
cp "$good_ca" hashed/sandbox.pem
openssl rehash hashed
run kandy login --cacert hashed
is "$status" 0 'a hashed directory for --cacert'
is "$(tail -n +$((requests + 1)) "$sandbox_record" | grep -c '"path"')" 9 'failed verifications sent no request'
refused 78 "cannot read the CA certificates in 'absent.pem'" 'no such file for --cacert' kandy login --cacert absent.pem
echo 'this is no certificate' >rubbish.pem
refused 78 'cannot load the CA certificates: .*rubbish\.pem.*; check --cacert' 'rubbish for --cacert' kandy login --cacert rubbish.pem

sandbox --cert-days -1
refused 78 'cannot verify the TLS certificate of .*: .*has expired' 'expired' kandy login
sandbox --cert-host other.example
refused 78 'cannot verify the TLS certificate of .*: .*for another host' 'wrong host' kandy login
run kandy login -k
is "$status" 0 'wrong host: -k accepts it'

# The WebSocket has its own connection, which is verified, too: a proxy redirects it to another server.
sandbox
service=$KANDY_BASE_URL
cat "$KANDY_CACERT" ca.pem >both.pem
kandy login -q >/dev/null
kandy subscribe -q chat >/dev/null
socket_refused() { # STATUS REGEX NAME [OPTION...]: by the certificate in NAME.pem; $trusted; the server's options
	local log=$scratch/proxy.$3
	tls_server -cert "$3.pem" -key leaf.key "${@:4}"
	node "$tests_dir/lib/proxy.cjs" "$log" "sockets=${server_url##*:}" >"$log.port" 2>&1 </dev/null &
	tap_pids+=($!)
	wait_for test -s "$log.port" || { echo "Bail out! the proxy did not start"; exit 1; }
	KANDY_CACERT=$trusted KANDY_PROXY=http://127.0.0.1:$(cat "$log.port") run kandy listen --since none --for "$patience"
	is "$status" "$1" "WebSocket, $3: status $1"
	like "$err" "'$service'$2" "WebSocket, $3: the error names server and reason"
	like "$log" '^socket' "WebSocket, $3: the proxy redirected the socket"
	unlike "$sandbox_record" '/websocket' "WebSocket, $3: the sandbox has not seen a WebSocket"
}
leaf wrong-host subjectAltName=DNS:other.example 2
leaf expired subjectAltName=IP:127.0.0.1 -1
leaf unknown subjectAltName=IP:127.0.0.1 2
certificate=": the server's certificate"
trusted=both.pem socket_refused 78 "$certificate is for another host" wrong-host
trusted=both.pem socket_refused 78 "$certificate has expired" expired
trusted=$KANDY_CACERT socket_refused 78 "$certificate was issued by an unknown authority" unknown
# OpenSSL's configuration must not weaken the policy
cat >lax.cnf <<'EOS'
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = system
[system]
MinProtocol = TLSv1
CipherString = DEFAULT@SECLEVEL=0
EOS
cp leaf.pem old-version.pem
export OPENSSL_CONF=$PWD/lax.cnf
trusted=both.pem socket_refused 69 ' failed: .*protocol version' old-version -tls1_1 -cipher DEFAULT@SECLEVEL=0
unset OPENSSL_CONF
# by name instead of address
export KANDY_BASE_URL=https://localhost:${service##*:}
service=$KANDY_BASE_URL
kandy login -q >/dev/null
kandy subscribe -q chat >/dev/null
cp leaf.pem address.pem
trusted=both.pem socket_refused 78 "$certificate is for another host" address
leaf other-name subjectAltName=DNS:localhost.example 2
trusted=both.pem socket_refused 78 "$certificate is for another host" other-name

unset_trust
tls_server -cert leaf.pem -key leaf.key
refused 78 'cannot verify the TLS certificate of .*: .*an unknown authority' 'unknown authority' kandy login --base-url "$server_url"
# this server never responds to a POST: the timeout shows that its certificate was accepted
refused 75 "no response from '127\.0\.0\.1:[0-9]+' within 3 s" 'known authority' kandy login --base-url "$server_url" --cacert ca.pem --timeout 3s
tls_server -cert leaf.pem -key leaf.key -tls1_1 -cipher DEFAULT@SECLEVEL=0
refused 69 "the server does not support TLS 1.2 or newer" 'TLS 1.1' kandy login --base-url "$server_url" --cacert ca.pem
refused 69 "the server does not support TLS 1.2 or newer" 'TLS 1.1 with -k' kandy login --base-url "$server_url" -qk
OPENSSL_CONF=$PWD/lax.cnf refused 69 "the server does not support TLS 1.2 or newer" 'TLS 1.1, allowed by the configuration of OpenSSL' kandy login --base-url "$server_url" -qk
tls_server -cert leaf.pem -key leaf.key -tls1_2
refused 75 "no response from" 'TLS 1.2 is accepted' kandy login --base-url "$server_url" --cacert ca.pem --timeout 3s

sandbox --no-tls
refused 69 'cannot connect to .*: handshake timeout after 2 s' 'a plain http port that does not respond' kandy login --base-url "https${KANDY_BASE_URL#http}" --timeout 2s

finish
