#!/usr/bin/env bash
# Whose messages are printed: those of others, and with --outbound one's own, from the history and from the socket alike.
. "${0%/*}/../lib/tap.sh"
sandbox
for n in 1 2; do
	as alice kandy send -q -t bob@sandbox.example -m "mine $n" > /dev/null
	as bob kandy send -q -t alice@sandbox.example -m "yours $n" > /dev/null
done

run as alice kandy listen --once --since all --outbound
is "$status" 0 'listen --outbound'
json "$out" '[.direction, .parts[0].text]' '["outbound","mine 1"]
["inbound","yours 1"]
["outbound","mine 2"]
["inbound","yours 2"]' 'prints both sides of the conversation'
run as alice kandy listen --once --since all
json "$out" '[.direction, .parts[0].text]' '["inbound","yours 1"]
["inbound","yours 2"]' 'without --outbound, only messages of others are printed'

# skipped messages are acknowledged: they do not come back with --outbound later
as alice kandy send -q -t bob@sandbox.example -m 'mine 3' > /dev/null
run as alice kandy listen --once
is "$(wc -c < "$out")" 0 'only an own message: nothing is printed'
run as alice kandy listen --once --outbound
is "$(wc -c < "$out")" 0 'the cursor has moved over it'

# live: a second login of alice sends
as alice kandy listen -n 1 --events > live.jsonl 2> live.err &
tap_pids+=($!)
ok 'a listener' wait_for grep -q connected live.jsonl
listener=$!
KANDY_PASSWORD=alice-secret XDG_STATE_HOME=$scratch/elsewhere kandy login -q --username alice@sandbox.example > /dev/null
XDG_STATE_HOME=$scratch/elsewhere kandy send -q -t bob@sandbox.example -m 'from elsewhere' > /dev/null
as bob kandy send -q -t alice@sandbox.example -m 'from bob' > /dev/null
wait "$listener"
json live.jsonl 'select(.event == "message") | .parts[0].text' '"from bob"' "only the other user's message is printed"
ok 'the own message was sent' grep -q 'from elsewhere.*outbound\|outbound.*from elsewhere' "$sandbox_record"
finish
