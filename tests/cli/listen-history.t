#!/usr/bin/env bash
# listen and a history that is slow, fails in part, or is more than can be read at once.
. "${0%/*}/../lib/tap.sh"

control() { curl -sS --max-time "$patience" --cacert "$KANDY_CACERT" -d "$1" "$KANDY_BASE_URL/sandbox/control" >"$scratch/control" 2>&1; }
text() { control "{\"do\":\"send\",\"from\":\"${2:-bob}@sandbox.example\",\"to\":\"alice@sandbox.example\",\"text\":\"$1\"}"; }
fault() { control "{\"do\":\"fault\",\"fault\":\"$1\"}"; }
listener() { # NAME OPTION...: in the background, connected
	local name=$1
	shift
	rm -f "$name.beat"
	XDG_STATE_HOME=$scratch/state-alice kandy listen --heartbeat "$name.beat" "$@" >"$name.out" 2>"$name.err" &
	listener_pid=$!
	tap_pids+=("$listener_pid")
	wait_for test -e "$name.beat"
}
stop() { kill "$listener_pid"; wait "$listener_pid"; ended_with=$?; }
texts() { jq -r '.parts[0].text' "$1" | cut -c1-20 | paste -sd,; }
got() { grep -q "\"$2\"" "$1.out"; }

sandbox
export KANDY_KEEPALIVE=60s KANDY_RETRY_DELAY=20ms
as alice kandy whoami >/dev/null

# --- nothing there is worth knowing
run as alice kandy listen --once --since all
is "$status $(wc -c <"$out")" '0 0' '--once --since all with nothing there'
text 'between'
run as alice kandy listen --once
is "$status $(texts "$out")" '0 between' 'what comes then is for the next run'

# --- groups that this user, or nobody, can have
for code in 400 403 404 501; do
	fault "GET group *:$code"
	text "with $code"
	run as alice kandy listen --once
	is "$status $(texts "$out")" "0 with $code" "groups answered with $code: chat comes all the same"
	control '{"do":"clear-faults"}'
done
fault 'GET group *:500'
text 'with 500'
run as alice kandy listen --once
is "$status $(texts "$out")" '69 with 500' 'groups that fail: chat comes, and the code says what did not'
like "$err" 'group/sessions' 'and so does a sentence'
text 'from the history'
listener groups --events
ok 'the same for a listener that stays: what the history has comes' wait_for got groups 'from the history'
ok 'which is said' wait_for grep -q 'the history cannot be read yet: .*group/sessions' groups.err
text 'live'
ok 'and what comes live does not wait for the groups' wait_for got groups live
control '{"do":"clear-faults"}'
stop
run as alice kandy listen --once
is "$status $(wc -c <"$out")" '0 0' 'nothing comes twice after that'

# --- conversations that cannot be read
text 'of carol' carol
text 'of bob'
fault 'GET messages 1:403'
run as alice kandy listen --once
is "$status $(wc -l <"$out")" '1 1' 'one conversation that is refused: the others come'
like "$err" "the history of '(bob|carol)@sandbox.example' cannot be read" 'and it is named'
control '{"do":"clear-faults"}'
run as alice kandy listen --once
is "$status $(wc -l <"$out")" '0 1' 'and comes when it can be read'

# --- a history that cannot be asked, at the end of the time
fault 'GET sessions 1+:503'
run as alice kandy listen --once --retry 0
is "$status" 69 '--once with a history that fails: 69'
control '{"do":"clear-faults"}'

# --- more than fits
fill() { head -c "$1" /dev/zero | tr '\0' "$2"; }
for i in $(seq 50); do jq -nc --arg t "$i $(fill 100000 x)" '{to:"alice@sandbox.example",text:$t}'; done |
	as bob kandy send -q --jsonl --retry 0 >/dev/null
text 'not to be missed' carol
run as alice kandy listen --once
is "$status $(wc -l <"$out")" '0 51' 'fifty messages of 100 kB, which no answer holds, and one of somebody else'
is "$(jq -r 'select(.sender == "bob@sandbox.example") | .parts[0].text' "$out" | cut -d' ' -f1 | paste -sd,)" "$(seq -s, 50)" 'in order'
for turn in 1 2 3 4; do
	run as alice timeout --foreground "$patience" kandy listen --once --since all
	is "$status $(grep -c 'xxxx' "$out")" '0 50' "into a file, which takes all at once: nothing waits for room that there is (turn $turn)"
done
run as alice kandy history bob@sandbox.example
is "$status $(wc -l <"$out")" '0 50' 'history has them, too'

jq -nc '{do:"send", from:"bob@sandbox.example", to:"alice@sandbox.example", text:"monster", attachment:[range(60000)|{}]}' >monster
post() { curl -sS --max-time "$patience" --cacert "$KANDY_CACERT" --data-binary @"$1" "$KANDY_BASE_URL/sandbox/control" >"$scratch/control" 2>&1; }
for i in $(seq 25); do post monster; done
text 'behind monsters'
run as alice kandy listen --once
is "$status $(texts "$out")" '1 behind monsters' 'messages of which no line can be made, and too many of them for one answer: what is behind them comes'
is "$(grep -c "message '[^']*' of 'bob@sandbox.example' cannot be handed on: a line of more than" "$err")" 25 'each is named'
run as alice kandy listen --once
is "$status $(wc -c <"$out")" '0 0' 'once'

# --- a slow one
kill "$sandbox_pid"
wait "$sandbox_pid" 2>/dev/null
rm -rf "$scratch/state-alice" "$scratch/state-bob"
sandbox --history-delay 600ms
as alice kandy listen --once >/dev/null
seq 120 | as bob kandy send -q -t alice@sandbox.example --lines >/dev/null
run as alice kandy listen --idle 1s
is "$status $(wc -l <"$out")" '0 120' '--idle does not end a run that is still reading the history'
finish
