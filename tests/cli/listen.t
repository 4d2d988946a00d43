#!/usr/bin/env bash
# listen: lines, ends, filters, reconnects. Promises under faults are in listen-faults.t.
. "${0%/*}/../lib/tap.sh"
. "$tests_dir/lib/listener.sh"
listener_command=(timeout --foreground "$patience" "${listener_command[@]}")


sandbox
export KANDY_KEEPALIVE=60s # a busy machine must not cause a reconnect
as alice kandy whoami >/dev/null
as bob kandy whoami >/dev/null

# --- lines
listener one -n 2
send_text 'hello'
as bob kandy send -q -t alice@sandbox.example -m $'q"u\\o\tte\n\xf0\x9f\x8e\x89' >/dev/null
wait_listener
is "$listener_status" 0 '-n 2 ends with 0'
is "$(jq -c '.event, .type, .sender, .direction, .destination' one.out | head -5 | tr '\n' ' ')" \
	'"message" "chat-oneToOne" "bob@sandbox.example" "inbound" ["bob@sandbox.example"] ' 'the fields of a message'
is "$(sed -n 2p one.out | jq -r '.parts[0].text')" $'q"u\\o\tte\n\xf0\x9f\x8e\x89' 'quotes, backslashes, control characters, emoji come through'
is "$(cat one.err)" '' 'silent when all is well'
is "$(jq -r 'select(.path // "" | test("/channels$")) | .method' "$sandbox_record" | sort | uniq -c | tr -s ' ')" ' 1 POST' 'one channel was created'

# --- messages since the last run
send_text 'away 1'
send_text 'away 2'
run as alice kandy listen --once
is "$status" 0 '--once ends with 0'
json "$out" '[.parts[0].text, .backfilled]' '["away 1",true]
["away 2",true]' 'messages since the last run are backfilled, oldest first'
run as alice kandy listen --once
is "$status $(wc -c <"$out")" '0 0' 'once'
run as alice kandy listen --once --since all
is "$(wc -l <"$out")" 4 '--since all has everything again'
run as alice kandy listen --once --since none
is "$status $(wc -c <"$out")" '0 0' '--since none has nothing'
run as alice kandy listen --once --since 2020-01-01
is "$(wc -l <"$out")" 4 '--since a day that is long ago'
run as alice kandy listen --once --since 4102444800
is "$(wc -l <"$out")" 0 '--since a time to come'
run as alice kandy listen --once --since yesterday
is "$status" 64 '--since takes no other words'

# --- ends
run as alice kandy listen --idle 300ms
is "$status $(wc -c <"$out")" '124 0' '--idle without a line: 124'
run as alice kandy listen --for 300ms
is "$status" 124 '--for without a line: 124'
send_text 'something'
listener idle --since all --idle 3s
wait_listener
is "$listener_status $(grep -c something idle.out)" '0 1' '--idle after a line: 0'
for signal in INT TERM; do
	listener sig
	kill -"$signal" "$listener_pid"
	wait_listener
	is "$listener_status" "$([ "$signal" = INT ] && echo 130 || echo 143)" "SIG$signal: a clean end"
done
ok 'the socket was closed with 1000' grep -q '"code":1000' "$sandbox_record"

# --- a reader that goes away
# nothing but the closed pipe can end it: no other message comes, and no keep-alive within this test's patience
(
	KANDY_KEEPALIVE=1h as alice timeout --foreground $((2 * patience)) kandy listen --heartbeat head.beat 2>head.err
	echo $? >head.status
) | head -n 1 >head.out &
wait_for test -e head.beat
send_text 'the only line'
ok 'a closed pipe ends it without another message' wait_for test -s head.status
is "$(cat head.status)" 141 'exit status 141 after a closed pipe'
is "$(jq -r '.parts[0].text' head.out)$(cat head.err)" 'the only line' 'nothing is printed on stderr after a closed pipe'

# --- filters
listener select --select '.parts[].text? == $word' --arg word=yes --jq '{to: .sender, n: $word}' -n 1
send_text 'no'
send_text 'yes'
wait_listener
is "$listener_status $(cat select.out)" '0 {"to":"bob@sandbox.example","n":"yes"}' '--select, --jq and --arg'
send_text 'not a number'
send_text '17'
run as alice kandy listen -q --once --jq '.parts[0].text | tonumber'
is "$status $(cat "$out")" '1 17' 'a program that fails on a message: the others come, and the code is 1'
like "$err" "^kandy: listen: message '[^']+' of 'bob@sandbox.example' skipped: jq program failed" 'the skipped message is named, even with -q'
run as alice kandy listen -q --once
is "$status $(wc -c <"$out")" '0 0' 'the next run continues after the skipped message'
run as alice kandy listen --once --jq '.a +'
is "$status" 64 'a program that jq refuses: 64'
like "$err" 'jq|syntax' "the error has jq's message"
run as alice kandy listen --arg x=1
is "$status" 64 '--arg alone is a mistake'
run as alice kandy listen --arg x --jq .
is "$status" 64 '--arg without a value is a mistake'
run as alice kandy listen -n 0
is "$status $(cat "$err")" "64 kandy: listen: invalid -n '0': expected a whole number of at least 1" 'a number without an upper limit'
run as alice kandy listen operand
is "$status" 64 'operands are for --exec'

# --- text for people
as alice kandy listen --once >/dev/null
send_text $'for \e[31mpeople'
run as alice kandy listen --once --format text
like "$out" '^[0-9][0-9]:[0-9][0-9] bob@sandbox.example: for \[31mpeople$' '--format text, without escape sequences'

# --- a connection that is lost comes back
listener lost --events -n 3
send_text 'before'
wait_for grep -q before lost.out
for how in drop reset; do
	control "{\"do\":\"drop-sockets\",\"how\":\"$how\"}"
	send_text "after $how"
	wait_for grep -q "after $how" lost.out
done
wait_listener
is "$(jq -r 'select(.event=="message") | .parts[0].text' lost.out | tr '\n' ' ')" 'before after drop after reset ' 'every message once after lost connections'
is "$(jq -r 'select(.event=="connection") | .status' lost.out | sort | uniq -c | tr -s ' \n' ' ')" ' 3 connected 2 disconnected 2 gap ' '--events prints connection events'

# --- both roles of connCheck
KANDY_KEEPALIVE=1s listener client -n 1
wait_for grep -q '"connCheck' "$sandbox_record"
ok 'the client asks' grep -q '"connCheck' "$sandbox_record"
control '{"do":"notify","to":"alice@sandbox.example","json":{"connCheck":{"interval":30}}}'
ok 'a connCheck is answered' wait_for grep -q 'connAck' "$sandbox_record"
send_text 'enough'
wait_listener

# --- odd things on the socket
listener odd
for json in '7' '[]' '{"newKindNotification":{"id":"x1","a":[1.10,10000000000000000001]}}' '{"chatMessageNotification":{"id":"x2"}}'; do
	control "{\"do\":\"notify\",\"to\":\"alice@sandbox.example\",\"json\":$json}"
done
control '{"do":"notify","to":"alice@sandbox.example","text":"{\"cut\":"}'
control '{"do":"sockets","fragment":3,"duplicate":1}'
send_text 'in pieces'
control '{"do":"sockets","fragment":0,"duplicate":0}'
send_text 'the last'
wait_for grep -q 'the last' odd.out
stop_listener
ok 'an unknown notification is printed, with its numbers unchanged' grep -q '"raw":{.*\[1.10,10000000000000000001\]' odd.out
is "$(jq -r 'select(.event=="message") | .parts[]?.text' odd.out | xargs)" 'in pieces the last' 'fragments are put together, and duplicates are dropped'
like odd.err 'JSON|json' 'invalid JSON is reported'

# --- two of one profile
listener first
run as alice kandy listen --once
is "$status" 75 'a second listener of the profile: 75'
like "$err" 'another listener .*process [0-9]+.*--takeover' 'the error names the process and --takeover'
run as alice kandy listen --takeover --once
is "$status" 0 '--takeover wins'
wait_listener
is "$listener_status" 143 'the first listener ends cleanly'

# A listener that was killed, and a child of it that has not let go of the lock yet
lock=$scratch/state-alice/kandy/default.listen
sh -c 'echo $$' >"$lock"
mkfifo orphan
flock "$lock" sh -c 'echo held >held; read -r line' <orphan &
exec 6>orphan
wait_for test -s held
XDG_STATE_HOME=$scratch/state-alice kandy listen --heartbeat orphaned.beat >orphaned.out 2>orphaned.err 6>&- &
listener_pid=$!
tap_pids+=("$listener_pid")
waiting() { [ "$(find /proc/[0-9]*/fd -lname "$lock" 2>/dev/null | wc -l)" -ge 3 ]; } # flock, its command, and the listener
ok 'a lock that a dead listener has left is waited for' wait_for waiting
exec 6>&-
wait_for test -e orphaned.beat
stop_listener
is "$listener_status $(cat orphaned.err)" '143 ' 'the lock is taken when it is free'

# --- nothing to begin with
run env XDG_STATE_HOME="$scratch/nobody" kandy listen --once
is "$status" 77 'exit 77 if not logged in'
run as alice kandy listen --base-url "https://$(no_such_host)" --retry 0
is "$status" 77 'a login at one service is not used for another'
rm -rf "$scratch/state-elsewhere"
run env XDG_STATE_HOME="$scratch/state-elsewhere" KANDY_PASSWORD=alice-secret \
	kandy listen --base-url "https://$(no_such_host)" --username alice@sandbox.example --retry 0
is "$status" 69 'an unknown host: 69'
like "$err" "^kandy: listen: cannot resolve host '$(no_such_host)'" 'the unknown host is named'
unlike "$sandbox_record" "$(jq -r .accessToken "$scratch/state-alice/kandy/default.json")" 'no token in the record of the sandbox'
finish
