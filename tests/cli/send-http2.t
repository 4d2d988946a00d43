#!/usr/bin/env bash
# Requests that an HTTP/2 server does not process (RST_STREAM or GOAWAY) are resent without checking the history, and none
# is delivered twice.
. "${0%/*}/../lib/tap.sh"

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
	-addext 'subjectAltName=IP:127.0.0.1' -keyout key.pem -out cert.pem 2>openssl.log
ok 'a certificate' test -s cert.pem || diag "$(cat openssl.log)"

# server MODE: starts one and logs in there; sets $log
server() {
	log=$scratch/http2.$1
	: >"$log"
	node "$tests_dir/lib/http2.cjs" "$log" key.pem cert.pem "$1" >"$log.port" 2>"$log.err" </dev/null &
	tap_pids+=($!)
	wait_for grep -q . "$log.port" || { echo "Bail out! the server did not start"; show "$log.err"; exit 1; }
	KANDY_BASE_URL=https://127.0.0.1:$(cat "$log.port")
	export KANDY_BASE_URL KANDY_CACERT=$PWD/cert.pem XDG_STATE_HOME=$scratch/state-$1
	KANDY_PASSWORD=any run kandy login -u alice@h2.example --client-id any
	is "$status" 0 "log in ($1)"
}

# --retry 0: libcurl itself resends refused requests
server refuse
run kandy send -t bob@h2.example -m hello --retry 0 --trace trace
is "$status" 0 'a message that was refused twice is sent'
json "$out" '[.status,.attempts]' '["Sent",1]' 'a message that was refused twice: one attempt'
is "$(grep -v '^connection' "$log" | cut -d' ' -f1,3 | paste -sd,)" 'POST refused,POST refused,POST taken' 'sent by the third request, without a history request'
like trace 'REFUSED_STREAM' 'the trace shows the refusals'

server never
run_in <(echo '{"to":"bob@h2.example","text":"hello"}') kandy send --jsonl --retry 0
json "$out" '[.status,.error.retryable]' '["failed",true]' 'a request that is always refused fails, retryable'
unlike "$log" '^GET' 'no history request'

server goaway
jq -nc 'range(50) | {to: "user\(.)@h2.example", text: "number \(.)"}' >lines
# a message may meet ending connections more often than libcurl resends it
run_in lines kandy send --jsonl -j 16 --retry 20 --retry-delay 10ms
is "$status" 0 'a batch over connections that end by GOAWAY'
is "$(jq -r .status "$out" | sort | uniq -c | tr -s ' ')" ' 50 Sent' 'every message is sent'
is "$(grep -c '^GET' "$log")" 0 'no history request'
is "$(awk '$3 == "taken"' "$log" | grep -o 'number [0-9]*' | sort | uniq | wc -l)" 50 'every message was processed'
is "$(grep -c ' taken ' "$log")" 50 'no message was processed twice'

server plain
: >"$log"
run_in lines kandy send --jsonl -j 16
is "$status $(jq -r .status "$out" | sort | uniq -c | tr -s ' ')" '0  50 Sent' 'a batch over one connection'
is "$(grep -c '^connection' "$log")" 1 'one connection is enough for all requests'
finish
