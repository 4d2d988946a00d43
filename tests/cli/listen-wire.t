#!/usr/bin/env bash
# listen on WebSockets that are not the sandbox's: npm's `ws`, and bytes that no library sends.
. "${0%/*}/../lib/tap.sh"
export INTEROP_MODULES=${INTEROP_MODULES:-$top_dir/build/npm/node_modules} KANDY_PASSWORD=alice-secret KANDY_RETRY=0
export KANDY_BASE_URL KANDY_CACERT=ca.pem

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
	-addext subjectAltName=IP:127.0.0.1 2>openssl.log
ok 'a certificate' cp cert.pem ca.pem

# played SCENE...: a service for the next calls of `listens`; $played is its log
played() {
	local name=$scratch/service.$RANDOM
	played=$name.log
	: >"$played"
	: >"$out"
	node "$tests_dir/lib/service.cjs" cert.pem key.pem "$played" "$out" "$@" >"$name.port" 2>"$name.err" </dev/null &
	service=$!
	tap_pids+=("$service")
	wait_for grep -q . "$name.port" || { echo 'Bail out! the service did not start'; show "$name.err"; exit 1; }
	service_said=$name.port
	KANDY_BASE_URL=https://127.0.0.1:$(cat "$name.port")
	rm -rf "$HOME/.local"
	kandy login -q --client-id x --username alice@test.example >/dev/null && kandy subscribe -q chat >/dev/null ||
		{ echo 'Bail out! no login'; exit 1; }
}
texts() { jq -r 'select(.event == "message").parts[0].text' "$out"; }
listens() { run timeout --foreground 300 kandy listen --since none -n "$1" --trace trace; }
all_noted() { [ "$(grep -c '' "$played")" -eq "$1" ]; }

# ---- valid input ------------------------------------------------------------------------------------------------------

played whole fragments trickle
listens 7
is "$status" 0 'whole messages of every size'
is "$(texts | sort)" "$(printf 'whole %s\n' 0 125 126 65535 65536 1048576 end | sort)" 'all of them'
like "$err" 'binary message of 3 bytes ignored' 'a binary message is ignored with a warning'
ok 'the service saw the end' wait_for all_noted 1
json "$played" '[.close, .request]' '[1000,"GET /cpaas/notificationchannel/v1/user-1/channels/ws-1/websocket?access_token=TOKEN"]' 'the connection was closed with code 1000'
json "$played" '[.headers.host == .headers.origin[8:], .headers["sec-websocket-version"], .headers["sec-websocket-extensions"],
	.headers["sec-websocket-protocol"], .headers.authorization]' '[true,"13",null,null,null]' 'the upgrade request has the expected headers'
unlike trace 'access_token=[^*]|eyJ|e30\.' 'no token in the trace'
listens 3
is "$status" 0 'fragments'
is "$(texts)" 'fragments of 1 λ😀
fragments of 65535
fragments, an empty one first' 'fragments are put together'
ok 'the service saw the end' wait_for all_noted 2
json "$played" 'select(.scene == "fragments") | [.close, (.pongs | index("between 0") != null), (.pongs | length > 1)]' '[1000,true,true]' \
	'pings between fragments are answered'
listens 2
is "$(texts)" 'trickle 1
trickle 2' 'byte by byte'

# ---- ends, and the next connection --------------------------------------------------------------------------------------

played early close-1001 close-4999 close-none cut extension wrong-accept redirect last
listens 7
is "$status" 0 'each end is followed by a new connection'
is "$(texts)" 'early 1
early 2
close-1001
close-4999
close-none
cut
last' 'frames that follow the response head at once are read'
like "$err" 'closed the connection \(code 1001\)' 'a code is told'
like "$err" 'code 1005' 'a close frame without a code is 1005'
like "$err" 'connection lost' 'a connection without a close frame was lost'
ok 'the service saw all ends' wait_for all_noted 9
is "$(jq -c 'select(.close != 1006) | [.scene, .close]' "$played")" '["close-1001",1001]
["close-4999",4999]
["close-none",1005]
["last",1000]' 'the answer to a close frame has its code'

# ---- what breaks the protocol -------------------------------------------------------------------------------------------

scenes='not-utf8 masked reserved unknown-kind long-ping ping-in-pieces rest-of-nothing text-in-text long-length huge-length bad-code half-code
	reason-not-utf8 too-long'
played $scenes last
listens 15
is "$status" 0 'a server that breaks the protocol is connected to again'
is "$(texts | xargs)" "$(xargs <<<"$scenes last")" 'messages before the violation are printed'
is "$(grep -c 'WebSocket protocol error: ' "$err")" 13 'each violation is reported'
like "$err" 'message is larger than 1048576 bytes' 'a message that is too long is reported'
ok 'the service saw all ends' wait_for all_noted 15
for scene in $scenes; do
	case $scene in *not-utf8) code=1007 ;; too-long) code=1009 ;; *) code=1002 ;; esac
	json "$played" "select(.scene == \"$scene\").close" "$code" "$scene: closed with $code"
done

# invalid responses to the upgrade, from the first connection on
for scene in extension wrong-accept redirect; do
	played "$scene"
	run kandy listen --since none --for 60s
	is "$status" 76 "$scene: 76"
	like "$err" "^kandy: listen: WebSocket handshake with 'https://127\.0\.0\.1:[0-9]+' failed" "$scene: the error names the server"
done

# a certificate that changes between the requests that come first and the WebSocket
played last
listens 1
is "$(texts)" 'last' 'the certificate is believed'
# changes SUBJECT-ALTERNATIVE-NAMES
changes() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost \
		-addext "subjectAltName=$1" 2>openssl.log
	: >"$service_said"
	kill -USR2 "$service"
	ok 'another certificate' wait_for grep -q another "$service_said"
}
changes IP:127.0.0.1
run kandy listen --for 60s
is "$status" 78 'a certificate that is not trusted: 78'
like "$err" "^kandy: listen: cannot verify the TLS certificate of '$KANDY_BASE_URL': the server's certificate is self-signed" 'a self-signed certificate is named'
cp cert.pem both.pem
changes IP:127.0.0.2,DNS:localhost
cat cert.pem >>both.pem
KANDY_CACERT=both.pem run kandy listen --for 60s
is "$status" 78 'a certificate for another address: 78'
like "$err" "^kandy: listen: cannot verify the TLS certificate of '$KANDY_BASE_URL': the server's certificate is for another host" 'a certificate of another host is named'
run kandy listen -k -n 1
is "$(texts)" 'last' '-k believes it'
ok 'the service saw the end' wait_for all_noted 2
is "$(jq -c .scene "$played" | xargs)" 'last last' 'the refused connections requested nothing'
finish
