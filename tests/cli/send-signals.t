#!/usr/bin/env bash
# SIGTERM and SIGINT in send and flush, at each stage: they exit at once, and unsent messages are reported or stay queued.
. "${0%/*}/../lib/tap.sh"
head -c 100000 /dev/urandom >file
state=$scratch/state-alice
spooled() { as alice kandy spool | jq -c '[.state,.text]' | paste -sd' '; }
posted() { [ "$(jq -c 'select(.kind=="request" and .method=="POST" and (.path|test("/(messages|objects)$")))' "$sandbox_record" | wc -l)" -ge "$1" ]; }
# begin COMMAND...: in the background, as alice, with stdin from $input; sets $pid
begin() {
	XDG_STATE_HOME=$state "$KANDY_BIN" "$@" <"${input:-/dev/null}" >"$out" 2>"$err" &
	pid=$!
}
ended() { # SIGNAL: sets $status
	kill -"$1" "$pid"
	wait "$pid"
	status=$?
}

# ---- before anything is sent ----

fresh_sandbox
mkfifo fifo
exec 7<>fifo
for how in '-t bob@sandbox.example' '-t bob@sandbox.example -m x -a - --name n' '--jsonl' '--jsonl -N' '--lines -t bob@sandbox.example'; do
	for signal in TERM INT; do
		[ "$signal" = TERM ] && wanted=143 || wanted=130
		# a background job of a script would have SIGINT ignored
		# shellcheck disable=SC2086
		XDG_STATE_HOME=$state perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV' "$KANDY_BIN" send $how <fifo >"$out" 2>"$err" &
		pid=$!
		wait_for waits_for_stdin "$pid" || diag 'it does not wait for stdin'
		ended $signal
		is "$status $(cat "$err")" "$wanted kandy: send: interrupted" "send $how, SIG$signal while stdin keeps it waiting"
	done
done
exec 7>&-
ok 'nothing was sent while stdin was read' test "$(jq -c 'select(.method=="POST" and (.path|endswith("/messages")))' "$sandbox_record" | wc -l)" = 0

# ---- between two attempts: it was certainly not sent ----

fresh_sandbox --fault 'POST messages *:503'
begin send -t bob@sandbox.example -m x --retry-delay 100s
wait_for posted 1
ended TERM
is "$status $(cat "$out" "$err")" '143 kandy: send: interrupted' 'SIGTERM between two attempts: interrupted'
echo '{"to":"bob@sandbox.example","text":"m1"}' >in
input=in begin send --jsonl --retry-delay 100s --failed failed
wait_for posted 2
ended TERM
is "$status" 143 'SIGTERM between two attempts, in a batch: 143'
json "$out" '[.line,.status,.attempts,.error.message]' '[1,"failed",1,"interrupted"]' 'SIGTERM between two attempts: the line has status failed'
same in failed 'SIGTERM between two attempts: the line is in FILE'
input=in begin send --spool --jsonl --retry-delay 100s
wait_for posted 3
ended TERM
is "$status $(spooled)" '143 ["waiting","m1"]' 'SIGTERM between two attempts, with --spool: queued'

# ---- during an upload: the message was certainly not sent ----

fresh_sandbox --fault 'POST objects *:hang'
printf '{"to":"%s@sandbox.example","text":"%s","files":["file"]}\n' bob 1 carol 2 bob 3 carol 4 >in
input=in begin send --spool --jsonl
wait_for posted 1
ended TERM
is "$status $(jq -r .event "$out" | sort | uniq -c | tr -s ' ')" '143  4 spooled' 'SIGTERM during an upload, with --spool: all messages are queued'
is "$(spooled)" '["waiting","1"] ["waiting","2"] ["waiting","3"] ["waiting","4"]' 'the messages are queued in order'
begin flush
wait_for posted 2
ended TERM
is "$status" 143 'SIGTERM during an upload in flush: 143'
is "$(spooled)" '["waiting","1"] ["waiting","2"] ["waiting","3"] ["waiting","4"]' 'SIGTERM in flush: all messages stay queued'
unlike "$err" 'failed queue' 'SIGTERM in flush: nothing is moved to the failed queue'

# ---- while waiting for the response: it may have been sent ----

fresh_sandbox --fault 'POST messages *:hang'
begin send -t bob@sandbox.example -m x
wait_for posted 1
ended TERM
is "$status" 143 'SIGTERM while waiting for the response: 143'
like "$err" '^kandy: send: delivery unknown: .*interrupted$' 'SIGTERM while waiting for the response: delivery unknown'
begin send --spool -t bob@sandbox.example -m maybe
wait_for posted 2
ended TERM
is "$status $(spooled)" '143 ["uncertain","maybe"]' 'SIGTERM while waiting for the response, with --spool: uncertain'
KANDY_PROXY=http://127.0.0.1:9 as alice kandy send --spool -q --retry 0 -t carol@sandbox.example -m second >/dev/null
begin flush
wait_for posted 3
ended TERM
is "$(spooled | tr ' ' '\n' | sort | paste -sd' ')" '["uncertain","second"]' 'SIGTERM in flush while waiting for the response: uncertain'

# ---- while waiting for the history ----

fresh_sandbox --fault 'POST messages 1:lost' --fault 'GET messages *:hang'
looked() { jq -c 'select(.method=="GET" and (.path|endswith("/messages")))' "$sandbox_record" | grep -q .; }
begin send -t bob@sandbox.example -m x
wait_for looked
ended TERM
is "$status" 143 'SIGTERM while waiting for the history: 143'
like "$err" 'delivery unknown' 'SIGTERM while waiting for the history: delivery unknown'
finish
