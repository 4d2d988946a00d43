#!/usr/bin/env bash
# kandy flush --max-age: old messages that cannot be delivered fail, whatever the reason, and the error has their age.
. "${0%/*}/../lib/tap.sh"
state=$scratch/state-alice
dir=$state/kandy/default.spool
away=http://127.0.0.1:9 # nobody listens there
store() { # FROM TO: messages to different users, six days old
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
is "$status $(states)" '1  20 failed, 2 waiting' 'service away: all old messages fail in one run'
like "$err" '^kandy: flush: 20 of 22 messages failed: not delivered for 6 d: .*127\.0\.0\.1' 'service away: the error has the age'
is "$(wc -l <"$err")" 1 'service away, -q: one line'
is "$(as alice kandy spool | jq -r 'select(.state=="failed")|.error' | grep -c '^not delivered for 6 d: .*127\.0\.0\.1')" 20 'service away: each message has the error with its age'
is "$(jq -c '[.event,.status]' "$out" | sort | uniq -c | tr -s ' ')" ' 20 ["error","failed"]' 'service away: each failed message has a line'
KANDY_PROXY=$away run as alice kandy flush --retry 0 -q
is "$status $(states)" '69  20 failed, 2 waiting' 'service away: young messages stay queued'
run as alice kandy flush -q
is "$status $(states)" '0  20 failed' 'service back: young messages are sent'

fresh_sandbox
store 1 20
run as alice kandy flush -q
is "$status $(jq -r .event "$out" | sort | uniq -c | tr -s ' ')" '0  20 sent' 'old messages that can be sent are sent'

fresh_sandbox
store 1 20
young bob@sandbox.example
control '{"do":"expire-tokens","refresh":true}'
run as alice kandy flush -q
is "$status $(states)" '1  20 failed, 1 waiting' 'login lost during the run: all old messages fail'
like "$err" '20 of 21 messages failed: not delivered for 6 d: ' 'login lost during the run: the error has the age'
as alice kandy spool remove --all
store 1 5
young bob@sandbox.example
run as alice kandy flush -q
is "$status $(states)" '1  6 failed, 1 waiting' 'no login from the start: all old messages fail'
like "$err" "6 of 7 messages failed: not delivered for 6 d: .*kandy login" 'no login from the start: the error names the command'
run as alice kandy flush
is "$status $(states)" '77  6 failed, 1 waiting' 'no login: young messages stay queued'
like "$err" '1 message is still queued: .*kandy login' 'no login: the error names the command'

# a message that may have been sent is unknown, not failed
fresh_sandbox --fault 'POST messages 1:lost'
as alice kandy send --spool -q --on-unknown fail -t bob@sandbox.example -m maybe >/dev/null
sed -i 's/"created":[0-9]*/"created":1/' "$dir"/cur/*/message.json
as alice kandy logout -q >/dev/null
run as alice kandy flush -q
is "$status $(jq -r .status "$out")" '1 unknown' 'an uncertain message without a login: unknown'
as alice kandy spool retry --all
is "$(states)" ' 1 uncertain' 'spool retry keeps the state uncertain'

# a signal does not fail messages
fresh_sandbox --fault 'POST requests *:hang'
store 1 5
XDG_STATE_HOME=$state "$KANDY_BIN" flush -j 1 >"$out" 2>"$err" &
pid=$!
posted() { jq -c 'select(.method=="POST" and (.path|endswith("/requests")))' "$sandbox_record" | grep -q .; }
ok 'a message is in flight' wait_for posted
kill "$pid"
wait "$pid"
is "$? $(as alice kandy spool | jq -r .state | sort | uniq -c | tr -s ' ' | tail -n 1)" '143  4 waiting' 'after a signal, untried messages stay queued'

finish
