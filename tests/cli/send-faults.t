#!/usr/bin/env bash
# kandy send with faults: each message arrives once, or its result is failed or unknown.
. "${0%/*}/../lib/tap.sh"
export KANDY_SETTLE_TIME=300ms # the sandbox is never late, unless told to be

# several equal GETs in a row as one, with a '+': how many there are depends on how long each takes
several() { awk '/^GET/ && $0 == last { if (!more++) line = line "+"; next } { if (NR > 1) print line; line = last = $0; more = 0 } END { if (NR) print line }'; }
# attempt NAME FAULT WANTED_STATUS WANTED_REQUESTS [OPTION...]: sends one message with FAULT; the requests as "METHOD:status" of messages and objects
attempt() {
	local name=$1 fault=$2 code=$3 wanted=$4 got
	shift 4
	rm -f "$scratch/record.jsonl"
	sandbox --fault "$fault"
	rm -rf "$scratch/state-alice"
	run as alice kandy send -t bob@sandbox.example -m hello --retry-delay 10ms "$@"
	got=$(jq -r 'select(.kind=="request" and (.path|test("/(messages|objects)")))|"\(.method):\(.status)"' "$sandbox_record" | several | paste -sd' ')
	is "$status $got" "$code $wanted" "$name"
	kill "$sandbox_pid"
	wait "$sandbox_pid" 2>/dev/null
	return 0
}
arrived() { json "$out" '[.event,.attempts]' "[\"sent\",$1]" "    sent, attempts: $1"; }

attempt 'a 503' 'POST messages 1:503' 0 'POST:503 POST:201' && arrived 2
# the time between the first two posts
apart() { jq -s '[.[]|select(.kind=="request" and .method=="POST" and (.path|endswith("/messages")))|.time]|.[1]-.[0]' "$sandbox_record"; }
attempt '429 with Retry-After in seconds' 'POST messages 1:429/1' 0 'POST:429 POST:201' && arrived 2
ok '    retried after the requested time' test "$(apart)" -ge 1000
attempt '429 with Retry-After as a date' 'POST messages 1:429/date' 0 'POST:429 POST:201' && arrived 2
ok '    retried after the requested time' test "$(apart)" -ge 900 # two seconds ahead, cut to the second
attempt '503 each time' 'POST messages *:503' 69 'POST:503 POST:503 POST:503 POST:503'
is "$(cat "$out")" '' '    one error on stderr, nothing on stdout'
attempt '--retry 0' 'POST messages *:503' 69 'POST:503' --retry 0
attempt '429 each time' 'POST messages *:429' 75 'POST:429 POST:429' --retry 1
attempt 'an expired token' 'POST messages 1:401' 0 'POST:401 POST:201' && arrived 2
attempt 'a token that is always refused' 'POST messages *:401' 77 'POST:401 POST:401'
# --retry limits all attempts of a message; a renewed token does not count
attempt 'a lost response, then 503 each time' 'POST messages 1:reset,2+:503' 69 'POST:0 GET:200+ POST:503 POST:503 POST:503'
attempt 'an expired token, then a lost response' 'POST messages 1:401,2:reset,3+:503' 69 'POST:401 POST:0 GET:200+ POST:503' --retry 1
attempt 'lookups count towards --retry-max-time' 'POST messages 1:reset,2+:503' 75 'POST:0 GET:200+' --retry-max-time 1s --settle-time 2s
attempt '501 Not Implemented' 'POST messages *:501' 69 'POST:501'
attempt '500: it may have been sent' 'POST messages 1:500' 0 'POST:500 GET:200+ POST:201' && arrived 2
attempt '507 Insufficient Storage' 'POST messages 1:507' 0 'POST:507 GET:200+ POST:201' && arrived 2
attempt 'a rejected message' 'POST messages 1:400' 77 'POST:400'
attempt 'response lost' 'POST messages 1:lost' 0 'POST:0 GET:200' && arrived 1
attempt 'response cut short' 'POST messages 1:cut/20' 0 'POST:201 GET:200' && arrived 1
attempt 'response is invalid JSON' 'POST messages 1:badjson' 0 'POST:201 GET:200' && arrived 1
attempt 'no response in time' 'POST messages 1:hang' 0 'POST:0 GET:200' --timeout 3s && arrived 1
attempt 'a reset before the request was read' 'POST messages 1:reset' 0 'POST:0 GET:200+ POST:201' && arrived 2
attempt 'an empty 200 response' 'POST messages 1:empty' 75 'POST:200 GET:200+'
like "$err" 'delivery unknown: .* has no .chatMessage.; the history does not show the message' '    the error names the reason'
attempt 'an empty 200 response, --on-unknown resend' 'POST messages 1:empty' 75 'POST:200 GET:200+' --on-unknown resend
attempt 'a 202 response' 'POST messages 1:202' 75 'POST:202 GET:200+'
attempt 'a 204 response' 'POST messages 1:204' 75 'POST:204 GET:200+'
attempt 'slow response' 'POST messages 1:slow/300' 0 'POST:201' && arrived 1
attempt 'a page from a proxy' 'POST messages 1:html' 76 'POST:200'
like "$err" 'status 200, not JSON \(text/html\)' '    the error has status and type'
attempt '--on-unknown fail' 'POST messages 1:lost' 75 'POST:0' --on-unknown fail
like "$err" '^kandy: send: delivery unknown: .*history not checked' '    the error names the reason'
attempt '--on-unknown resend' 'POST messages 1:lost' 0 'POST:0 POST:201' --on-unknown resend && arrived 2
rm -f "$scratch/record.jsonl"
sandbox --fault 'POST messages 1:lost' --fault 'GET messages *:500'
rm -rf "$scratch/state-alice"
echo '{"to":"bob@sandbox.example","text":"x"}' > in
run_in in as alice kandy send --jsonl --retry 1 --retry-delay 10ms
json "$out" '[.event,.status,.error.retryable]' '["error","unknown",false]' 'the history fails too: unknown'
is "$status" 75 'all failures unknown: 75'
kill "$sandbox_pid"

# ---- our own messages with the same text ----

ours() { jq -r 'select(.kind=="request" and .method=="POST" and .status==201 and (.path|endswith("/messages")))|.json.chatMessage.text' "$sandbox_record" | grep -c "^$1\$"; }
fresh_sandbox --fault 'POST messages 2:reset'
as alice kandy send -t bob@sandbox.example -m 'backup ok' >one
run as alice kandy send -t bob@sandbox.example -m 'backup ok'
is "$status $(ours 'backup ok')" '0 2' 'a message of an earlier run is not taken for the lost one'
is "$(jq -r .messageId one "$out" | sort -u | wc -l)" 2 'earlier run: each message has its own ID'
fresh_sandbox --fault 'POST messages 1:reset'
as alice kandy send -q --spool --on-unknown fail -t bob@sandbox.example -m 'backup ok' >/dev/null
as alice kandy send -q -t bob@sandbox.example -m 'backup ok' >one
run as alice kandy flush
is "$status $(ours 'backup ok')" '0 2' 'a message of a later run is not taken for the queued one'
is "$(jq -r .messageId one "$out" | sort -u | wc -l)" 2 'later run: each message has its own ID'
kill "$sandbox_pid"
# at the same time: a lookup finds the message that another process is posting, and claims it
reset_seen() { grep -q '"fault":"reset"' "$sandbox_record"; }
fresh_sandbox --fault 'POST messages 1:reset,2:slow/1500'
as alice kandy send --settle-time 5s -t bob@sandbox.example -m 'backup ok' >one 2>&1 &
first=$!
wait_for reset_seen
run as alice kandy send -t bob@sandbox.example -m 'backup ok'
wait "$first"
is "$? $status $(ours 'backup ok')" '0 0 2' 'nothing is lost if the same text is in flight in another process'
is "$(jq -r .messageId one "$out" | sort -u | wc -l)" 2 'in flight elsewhere: each message has its own ID'
fresh_sandbox --fault 'POST messages 1:reset,2:slow/1500'
as alice kandy send -q --spool --on-unknown fail -t bob@sandbox.example -m 'backup ok' >/dev/null
as alice kandy send -t bob@sandbox.example -m 'backup ok' >one 2>&1 &
first=$!
slow_seen() { grep -q '"fault":"slow/1500"' "$sandbox_record"; }
ok 'a message is in flight' wait_for slow_seen
run as alice kandy flush --settle-time 5s
wait "$first"
is "$? $status $(ours 'backup ok')" '0 0 2' 'nothing is lost if a flush claims a message in flight'
is "$(jq -r .messageId one "$out" | sort -u | wc -l)" 2 'flush: each message has its own ID'
# the clock of the service is two hours behind, as its Date header tells
fresh_sandbox --fault 'POST messages 1:lost'
control '{"do":"clock","ahead":-7200000}'
run as alice kandy send -t bob@sandbox.example -m once
is "$status $(ours once)$(jq -r 'select(.fault=="lost")|.json.chatMessage.text' "$sandbox_record")" '0 0once' 'the clock of the service is hours behind: nothing is sent twice'

# the clock of the service is ten minutes ahead, and it asks for two seconds
fresh_sandbox --fault 'POST messages 1:503/date'
control '{"do":"clock","ahead":600000}'
run as alice kandy send -t bob@sandbox.example -m later --retry-max-time 100s
is "$status $(ours later)" '0 1' 'Retry-After as a date is read by the clock of the service'
ok '    retried after the requested time' test "$(apart)" -ge 900
kill "$sandbox_pid"

# an empty response is not repeated by a later flush
fresh_sandbox --fault 'POST messages 1:empty'
run as alice kandy send --spool -t bob@sandbox.example -m once
first=$status
run as alice kandy flush
is "$first $status $(ours once)" '75 0 0' 'a queued message with an empty 200 response is not posted by flush'
kill "$sandbox_pid"

# late WHAT NAME [MS]: a gateway responds with WHAT, and the service accepts the message only after the second lookup, or MS later
late() {
	sandbox --no-tls
	rm -rf "$scratch/state-alice" port
	: >accepted
	node "$tests_dir/lib/late.cjs" "${KANDY_BASE_URL##*:}" "$1" "${3:-800}" accepted >port &
	tap_pids+=($!)
	wait_for grep -q . port
	KANDY_BASE_URL=http://127.0.0.1:$(cat port)
	run as alice kandy send -t bob@sandbox.example -m late --retry-delay 10ms --settle-time 3s
	is "$status $(wc -l <accepted) $(jq -r .attempts "$out")" "${wanted:-0 1 1}" "$2"
	kill "$sandbox_pid"
}
unset KANDY_CACERT
late 502 'a gateway fails at once: the message arrives late, and once'
late drop 'a gateway closes the connection: the message arrives late, and once'
late gzip 'a compressed 200 response: the ID is found in the history'
wanted='75 0 ' late gzip 'a compressed 200 response, and no message in the history: no resend' 60000
wanted='75 0 ' late untyped 'a 200 response without a content type, and no message in the history: no resend' 60000

head -c 200000 /dev/urandom > file
attempt 'response to an upload lost' 'POST objects 1:lost' 0 'POST:0 POST:201 POST:201' -a file && arrived 1
attempt 'an upload that is reset' 'POST objects 1:reset' 0 'POST:0 POST:201 POST:201' -a file && arrived 1
attempt 'an upload and a 503' 'POST objects 1:503' 0 'POST:503 POST:201 POST:201' -a file && arrived 1
attempt 'a rejected upload' 'POST objects 1:400' 77 'POST:400' -a file
like "$err" "cannot upload 'file'" '    the error names the file'
attempt 'responses to upload and message lost' 'POST * 2:lost,4:lost' 0 'POST:0 POST:201 POST:0 GET:200' -a file && arrived 1

# a batch with many faults
rm -f "$scratch/record.jsonl"
sandbox --fault 'POST messages 7%:503' --fault 'POST messages 11%:lost' --fault 'POST messages 13%:429/0'
rm -rf "$scratch/state-alice"
for i in {1..150}; do echo "{\"to\":\"$(for u in bob carol dave; do echo $u; done | sed -n "$((i % 3 + 1))p")@sandbox.example\",\"text\":\"m$i\"}"; done > in
run_in in as alice kandy send --jsonl -j 8 --retry-delay 1ms --retry 30
is "$status" 0 'a batch with 503s, 429s and lost responses: 0'
is "$(jq -c '[.event,.line]' "$out" | sort -u | wc -l)" 150 'a batch with faults: each line is sent'
stored=$(jq -r 'select(.method=="POST" and (.status==201 or .fault=="lost") and (.path|endswith("/messages")))|.json.chatMessage.text' "$sandbox_record")
is "$(wc -l <<< "$stored") $(sort -u <<< "$stored" | wc -l)" '150 150' 'a batch with faults: each message is accepted once'
is "$(for u in bob carol dave; do jq -r "select(.method==\"POST\" and (.status==201 or .fault==\"lost\") and (.path|test(\"$u.*/messages\$\")))|.json.chatMessage.text" "$sandbox_record" | tr -d m | sort -nc && echo ordered; done | uniq -c | tr -s ' ')" ' 3 ordered' 'a batch with faults: each conversation is in order'
finish
