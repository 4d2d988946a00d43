#!/usr/bin/env bash
# kandy send when things go wrong on the way: each message arrives once, or the result says that it did not, or that nobody knows.
. "${0%/*}/../lib/tap.sh"
export KANDY_LOOK_AGAIN=100ms # the sandbox has nothing that comes late, unless it is told to

# attempt NAME FAULT WANTED_STATUS WANTED_REQUESTS [OPTION...]: sends one message with FAULT; the requests as "METHOD:status" of messages and objects
attempt() {
	local name=$1 fault=$2 code=$3 wanted=$4 got
	shift 4
	rm -f "$scratch/record.jsonl"
	sandbox --fault "$fault"
	rm -rf "$scratch/state-alice"
	run as alice kandy send -t bob@sandbox.example -m hello --retry-delay 10ms "$@"
	got=$(jq -r 'select(.kind=="request" and (.path|test("/(messages|objects)")))|"\(.method):\(.status)"' "$sandbox_record" | paste -sd' ')
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
ok '    is waited for' test "$(apart)" -ge 1000
attempt '429 with Retry-After as a date' 'POST messages 1:429/date' 0 'POST:429 POST:201' && arrived 2
ok '    is waited for' test "$(apart)" -ge 900 # two seconds ahead, cut to the second
attempt 'a 503 storm' 'POST messages *:503' 69 'POST:503 POST:503 POST:503 POST:503'
is "$(cat "$out")" '' '    one sentence, and no line'
attempt '--retry 0' 'POST messages *:503' 69 'POST:503' --retry 0
attempt '429 for ever' 'POST messages *:429' 75 'POST:429 POST:429' --retry 1
attempt 'an expired token' 'POST messages 1:401' 0 'POST:401 POST:201' && arrived 2
attempt 'a token that is never good' 'POST messages *:401' 77 'POST:401 POST:401'
# --retry bounds the message, however its attempts fail; a renewed token is no attempt of it
attempt 'a lost answer, then a 503 storm' 'POST messages 1:reset,2+:503' 69 'POST:0 GET:200 GET:200 GET:200 POST:503 POST:503 POST:503'
attempt 'an expired token, then a lost answer' 'POST messages 1:401,2:reset,3+:503' 69 'POST:401 POST:0 GET:200 GET:200 GET:200 POST:503' --retry 1
attempt 'the time of the looks counts' 'POST messages 1:reset,2+:503' 75 'POST:0 GET:200 GET:200 GET:200' --retry-max-time 1s --look-again 500ms
attempt 'what a server does not know' 'POST messages *:501' 69 'POST:501'
attempt 'an error inside the service: it may have been sent' 'POST messages 1:500' 0 'POST:500 GET:200 GET:200 GET:200 POST:201' && arrived 2
attempt 'a server without room' 'POST messages 1:507' 0 'POST:507 GET:200 GET:200 GET:200 POST:201' && arrived 2
attempt 'a refusal' 'POST messages 1:400' 77 'POST:400'
attempt 'the answer lost' 'POST messages 1:lost' 0 'POST:0 GET:200' && arrived 1
attempt 'the answer cut' 'POST messages 1:cut/20' 0 'POST:201 GET:200' && arrived 1
attempt 'the answer cut inside' 'POST messages 1:badjson' 0 'POST:201 GET:200' && arrived 1
attempt 'no answer in time' 'POST messages 1:hang' 0 'POST:0 GET:200' --timeout 3s && arrived 1
attempt 'a reset before it was read' 'POST messages 1:reset' 0 'POST:0 GET:200 GET:200 GET:200 POST:201' && arrived 2
attempt 'an empty answer from elsewhere' 'POST messages 1:empty' 0 'POST:200 GET:200 GET:200 GET:200 POST:201' && arrived 2
attempt 'a slow answer' 'POST messages 1:slow/300' 0 'POST:201' && arrived 1
attempt 'a page from a proxy' 'POST messages 1:html' 76 'POST:200'
like "$err" 'status 200, not JSON \(text/html\)' '    with status and type'
attempt '--on-unknown fail' 'POST messages 1:lost' 75 'POST:0' --on-unknown fail
like "$err" '^kandy: send: delivery unknown: .*history not checked' '    says what is not known'
attempt '--on-unknown resend' 'POST messages 1:lost' 0 'POST:0 POST:201' --on-unknown resend && arrived 2
rm -f "$scratch/record.jsonl"
sandbox --fault 'POST messages 1:lost' --fault 'GET messages *:500'
rm -rf "$scratch/state-alice"
echo '{"to":"bob@sandbox.example","text":"x"}' > in
run_in in as alice kandy send --jsonl --retry 1 --retry-delay 10ms
json "$out" '[.event,.status,.error.retryable]' '["error","unknown",false]' 'history fails, too: unknown'
is "$status" 75 'and the code is 75, where nothing worse has happened'
kill "$sandbox_pid"

# ---- one's own messages of the same text ----

ours() { jq -r 'select(.kind=="request" and .method=="POST" and .status==201 and (.path|endswith("/messages")))|.json.chatMessage.text' "$sandbox_record" | grep -c "^$1\$"; }
fresh_sandbox --fault 'POST messages 2:reset'
as alice kandy send -t bob@sandbox.example -m 'backup ok' >one
run as alice kandy send -t bob@sandbox.example -m 'backup ok'
is "$status $(ours 'backup ok')" '0 2' 'what an earlier run has sent is not taken for what was lost'
is "$(jq -r .messageId one "$out" | sort -u | wc -l)" 2 'each has its own ID'
fresh_sandbox --fault 'POST messages 1:reset'
as alice kandy send -q --spool --on-unknown fail -t bob@sandbox.example -m 'backup ok' >/dev/null
as alice kandy send -q -t bob@sandbox.example -m 'backup ok' >one
run as alice kandy flush
is "$status $(ours 'backup ok')" '0 2' 'nor what a later run has sent for what waits in the spool'
is "$(jq -r .messageId one "$out" | sort -u | wc -l)" 2 'each has its own ID'
kill "$sandbox_pid"
# at the same time: what is lost here finds in history what is under way there, and takes it for its own
reset_seen() { grep -q '"fault":"reset"' "$sandbox_record"; }
fresh_sandbox --fault 'POST messages 1:reset,2:slow/4000'
as alice kandy send --look-again 1s -t bob@sandbox.example -m 'backup ok' >one 2>&1 &
first=$!
wait_for reset_seen
run as alice kandy send -t bob@sandbox.example -m 'backup ok'
wait "$first"
is "$? $status $(ours 'backup ok')" '0 0 2' 'nor is anything lost where the other one is being sent at that moment'
is "$(jq -r .messageId one "$out" | sort -u | wc -l)" 2 'each has its own ID'
fresh_sandbox --fault 'POST messages 1:reset,2:slow/3000'
as alice kandy send -q --spool --on-unknown fail -t bob@sandbox.example -m 'backup ok' >/dev/null
as alice kandy send -t bob@sandbox.example -m 'backup ok' >one 2>&1 &
first=$!
slow_seen() { grep -q '"fault":"slow/3000"' "$sandbox_record"; }
ok 'a message is under way' wait_for slow_seen
run as alice kandy flush
wait "$first"
is "$? $status $(ours 'backup ok')" '0 0 2' 'nor by a flush'
is "$(jq -r .messageId one "$out" | sort -u | wc -l)" 2 'each has its own ID'
# the service's clock is two hours behind: it says what time it is for it
fresh_sandbox --fault 'POST messages 1:lost'
control '{"do":"clock","ahead":-7200000}'
run as alice kandy send -t bob@sandbox.example -m once
is "$status $(ours once)$(jq -r 'select(.fault=="lost")|.json.chatMessage.text' "$sandbox_record")" '0 0once' 'a service whose clock is hours behind is understood: nothing is sent twice'

# ten minutes ahead, and it wants two seconds
fresh_sandbox --fault 'POST messages 1:503/date'
control '{"do":"clock","ahead":600000}'
run as alice kandy send -t bob@sandbox.example -m later --retry-max-time 100s
is "$status $(ours later)" '0 1' 'a date in Retry-After is one by the clock of the service'
ok '    is waited for' test "$(apart)" -ge 900
kill "$sandbox_pid"

# late WHAT NAME: a gateway answers with WHAT, and the service has the message only after the second look
late() {
	sandbox --no-tls
	rm -rf "$scratch/state-alice" port
	: >accepted
	node "$tests_dir/lib/late.cjs" "${KANDY_BASE_URL##*:}" "$1" 800 accepted >port &
	tap_pids+=($!)
	wait_for grep -q . port
	KANDY_BASE_URL=http://127.0.0.1:$(cat port)
	run as alice kandy send -t bob@sandbox.example -m late --retry-delay 10ms --look-again 500ms
	is "$status $(wc -l <accepted) $(jq -r .attempts "$out")" '0 1 1' "$2"
	kill "$sandbox_pid"
}
unset KANDY_CACERT
late 502 'a gateway that gives up at once: the message comes late, and once'
late drop 'the same without a word'

head -c 200000 /dev/urandom > file
attempt 'an upload whose answer is lost' 'POST objects 1:lost' 0 'POST:0 POST:201 POST:201' -a file && arrived 1
attempt 'an upload that is reset' 'POST objects 1:reset' 0 'POST:0 POST:201 POST:201' -a file && arrived 1
attempt 'an upload and a 503' 'POST objects 1:503' 0 'POST:503 POST:201 POST:201' -a file && arrived 1
attempt 'an upload that is refused' 'POST objects 1:400' 77 'POST:400' -a file
like "$err" "cannot upload 'file'" '    names the file'
attempt 'message and upload lost' 'POST * 2:lost,4:lost' 0 'POST:0 POST:201 POST:0 GET:200' -a file && arrived 1

# a batch through a storm: each arrives once
rm -f "$scratch/record.jsonl"
sandbox --fault 'POST messages 7%:503' --fault 'POST messages 11%:lost' --fault 'POST messages 13%:429/0'
rm -rf "$scratch/state-alice"
for i in {1..150}; do echo "{\"to\":\"$(for u in bob carol dave; do echo $u; done | sed -n "$((i % 3 + 1))p")@sandbox.example\",\"text\":\"m$i\"}"; done > in
run_in in as alice kandy send --jsonl -j 8 --retry-delay 1ms --retry 30
is "$status" 0 'a batch through 503s, 429s and lost answers'
is "$(jq -c '[.event,.line]' "$out" | sort -u | wc -l)" 150 'all sent'
stored=$(jq -r 'select(.method=="POST" and (.status==201 or .fault=="lost") and (.path|endswith("/messages")))|.json.chatMessage.text' "$sandbox_record")
is "$(wc -l <<< "$stored") $(sort -u <<< "$stored" | wc -l)" '150 150' 'and each accepted once'
is "$(for u in bob carol dave; do jq -r "select(.method==\"POST\" and (.status==201 or .fault==\"lost\") and (.path|test(\"$u.*/messages\$\")))|.json.chatMessage.text" "$sandbox_record" | tr -d m | sort -nc && echo ordered; done | uniq -c | tr -s ' ')" ' 3 ordered' 'in their order'
finish
