#!/usr/bin/env bash
# listen and a history that is slow, fails in part, or is more than can be read at once.
. "${0%/*}/../lib/tap.sh"
. "$tests_dir/lib/listener.sh"

fault() { control "{\"do\":\"fault\",\"fault\":\"$1\"}"; }
texts() { jq -r '.parts[0].text' "$1" | cut -c1-20 | paste -sd,; }

sandbox
export KANDY_KEEPALIVE=60s KANDY_RETRY_DELAY=20ms
as alice kandy whoami >/dev/null

# --- nothing there is worth knowing
run as alice kandy listen --once --since all
is "$status $(wc -c <"$out")" '0 0' '--once --since all with nothing there'
send_text 'between'
run as alice kandy listen --once
is "$status $(texts "$out")" '0 between' 'later messages are left to the next run'

# --- groups that the service refuses to this user or does not have
for code in 400 403 404 501; do
	fault "GET group *:$code"
	send_text "with $code"
	run as alice kandy listen --once
	is "$status $(texts "$out")" "0 with $code" "groups answered with $code: chat comes all the same"
	control '{"do":"clear-faults"}'
done
fault 'GET group *:500'
send_text 'with 500'
run as alice kandy listen --once
is "$status $(texts "$out")" '69 with 500' 'groups fail: chat is printed, and the exit status is that of the failure'
like "$err" 'group/sessions' 'the error names the list'
send_text 'from the history'
listener groups --events
ok 'a listener that stays prints what the history has' wait_for listener_got groups 'from the history'
ok 'a failed kind is a warning' wait_for grep -q 'cannot read the history: .*group/sessions' groups.err
send_text 'live'
ok 'live messages do not wait for the groups' wait_for listener_got groups live
control '{"do":"clear-faults"}'
stop_listener
run as alice kandy listen --once
is "$status $(wc -c <"$out")" '0 0' 'nothing comes twice after that'

# --- conversations that cannot be read
send_text 'of carol' carol
send_text 'of bob'
fault 'GET messages 1:403'
run as alice kandy listen --once
is "$status $(wc -l <"$out")" '1 1' 'one conversation is refused: the others are printed'
like "$err" "cannot read the history of '(bob|carol)@sandbox.example'" 'the refused conversation is named'
control '{"do":"clear-faults"}'
run as alice kandy listen --once
is "$status $(wc -l <"$out")" '0 1' 'the conversation is printed when it can be read'

# --- a history that cannot be asked, at the end of the time
fault 'GET sessions 1+:503'
run as alice kandy listen --once --retry 0
is "$status" 69 '--once with a history that fails: 69'
control '{"do":"clear-faults"}'

# --- more than fits
fill() { head -c "$1" /dev/zero | tr '\0' "$2"; }
for i in $(seq 50); do jq -nc --arg t "$i $(fill 100000 x)" '{to:"alice@sandbox.example",text:$t}'; done |
	as bob kandy send -q --jsonl --retry 0 >/dev/null
send_text 'not to be missed' carol
run as alice kandy listen --once
is "$status $(wc -l <"$out")" '0 51' 'fifty messages of 100 kB, which no answer holds, and one of somebody else'
is "$(jq -r 'select(.sender == "bob@sandbox.example") | .parts[0].text' "$out" | cut -d' ' -f1 | paste -sd,)" "$(seq -s, 50)" 'messages are in order'
for turn in 1 2 3 4; do
	run as alice timeout --foreground "$patience" kandy listen --once --since all
	is "$status $(grep -c 'xxxx' "$out")" '0 50' "all messages are written to a file at once (turn $turn)"
done
run as alice kandy history bob@sandbox.example
is "$status $(wc -l <"$out")" '0 50' 'history has them, too'

jq -nc '{do:"send", from:"bob@sandbox.example", to:"alice@sandbox.example", text:"monster", attachment:[range(60000)|{}]}' >monster
for i in $(seq 25); do control @monster; done
send_text 'behind monsters'
run as alice kandy listen --once
is "$status $(texts "$out")" '1 behind monsters' 'messages that are too large for a line: later ones are printed'
is "$(grep -c "message '[^']*' of 'bob@sandbox.example' skipped: line longer than" "$err")" 25 'each is named'
run as alice kandy listen --once
is "$status $(wc -c <"$out")" '0 0' 'once'

# --- a slow one
restart_sandbox --history-delay 600ms
as alice kandy listen --once >/dev/null
seq 120 | as bob kandy send -q -t alice@sandbox.example --lines >/dev/null
run as alice kandy listen --idle 1s
is "$status $(wc -l <"$out")" '0 120' '--idle does not end a run that is still reading the history'
finish
