#!/usr/bin/env bash
# kandy flush --max-age: what is too old is given up, whatever it is that keeps it from being sent, and the reason names the age.
. "${0%/*}/../lib/tap.sh"
state=$scratch/state-alice
dir=$state/kandy/default.spool
away=http://127.0.0.1:9 # nobody listens there
store() { # FROM TO: messages to users of their own, and what is stored so is six days old
	local i
	for ((i = $1; i <= $2; i++)); do printf '{"to":"sms:+1613111%04d","text":"m"}\n' "$i"; done >in
	KANDY_PROXY=$away run_in in as alice kandy send --spool --jsonl -q --retry 0
	sed -i "s/\"created\":[0-9]*/\"created\":$((($(date +%s) - 6 * 86400 - 3600) * 1000))/" "$dir"/new/*/message.json
}
young() { KANDY_PROXY=$away as alice kandy send --spool -q --retry 0 -t "$1" -m young >/dev/null; }
states() { as alice kandy spool | jq -r .state | sort | uniq -c | tr -s ' ' | paste -sd,; }

fresh_sandbox
store 1 20
young bob@sandbox.example
young sms:+16131110001
KANDY_PROXY=$away run as alice kandy flush --retry 0 -q
is "$status $(states)" '1  20 failed, 2 waiting' 'the service is away: all that is too old is given up in one run'
like "$err" '^kandy: flush: 20 of 22 messages are given up: not sent for 6 d: .*127\.0\.0\.1' 'and why, with the age'
is "$(wc -l <"$err")" 1 'with -q in one line'
is "$(as alice kandy spool | jq -r 'select(.state=="failed")|.error' | grep -c '^not sent for 6 d: .*127\.0\.0\.1')" 20 'so says each of them'
is "$(jq -c '[.event,.status]' "$out" | sort | uniq -c | tr -s ' ')" ' 20 ["error","failed"]' 'each has a line'
KANDY_PROXY=$away run as alice kandy flush --retry 0 -q
is "$status $(states)" '69  20 failed, 2 waiting' 'what is young waits on'
run as alice kandy flush -q
is "$status $(states)" '0  20 failed' 'and is sent when the service is back'

fresh_sandbox
store 1 20
run as alice kandy flush -q
is "$status $(jq -r .event "$out" | sort | uniq -c | tr -s ' ')" '0  20 sent' 'what is too old, and can be sent, is sent'

fresh_sandbox
store 1 20
young bob@sandbox.example
control '{"do":"expire-tokens","refresh":true}'
run as alice kandy flush -q
is "$status $(states)" '1  20 failed, 1 waiting' 'no login, found out by a message: all that is too old is given up'
like "$err" '20 of 21 messages are given up: not sent for 6 d: ' 'and why'
as alice kandy spool remove --all
store 1 5
young bob@sandbox.example
run as alice kandy flush -q
is "$status $(states)" '1  6 failed, 1 waiting' 'no login from the start: the same'
like "$err" "6 of 7 messages are given up: not sent for 6 d: .*kandy login" 'with what to do'
run as alice kandy flush
is "$status $(states)" '77  6 failed, 1 waiting' 'what is young waits on'
like "$err" '1 message is still waiting: .*kandy login' 'with what to do'

# what may have been sent is not said to have failed
fresh_sandbox --fault 'POST messages 1:lost'
as alice kandy send --spool -q --on-unknown fail -t bob@sandbox.example -m maybe >/dev/null
sed -i 's/"created":[0-9]*/"created":1/' "$dir"/cur/*/message.json
as alice kandy logout -q >/dev/null
run as alice kandy flush -q
is "$status $(jq -r .status "$out")" '1 unknown' 'one that is uncertain, without a login'
as alice kandy spool retry --all
is "$(states)" ' 1 uncertain' 'put back in, it is as uncertain as it was'

# a signal is no reason
fresh_sandbox --fault 'POST requests *:hang'
store 1 5
XDG_STATE_HOME=$state "$KANDY_BIN" flush -j 1 >"$out" 2>"$err" &
pid=$!
posted() { jq -c 'select(.method=="POST" and (.path|endswith("/requests")))' "$sandbox_record" | grep -q .; }
ok 'one is being sent' wait_for posted
kill "$pid"
wait "$pid"
is "$? $(as alice kandy spool | jq -r .state | sort | uniq -c | tr -s ' ' | tail -n 1)" '143  4 waiting' 'after a signal, nothing is given up that was not tried'

finish
