#!/usr/bin/env bash
# The first start of a listener, and starts without a checkpoint: existing messages are old, all later ones are new.
. "${0%/*}/../lib/tap.sh"
. "$tests_dir/lib/listener.sh"


sandbox
export KANDY_KEEPALIVE=300ms
as alice kandy whoami >/dev/null

# --- one second that does not end: the service's times are seconds
control "{\"do\":\"message-time\",\"at\":$(date +%s)500}"
for i in 1 2 3; do send_text "before $i"; done
listener first
send_text 'live'
ok 'a message in the second of the start is printed' wait_for listener_got first live
control '{"do":"half-open"}'
send_text 'lost by the socket'
ok 'a message that the socket has lost is printed' wait_for listener_got first 'lost by the socket'
stop_listener
is "$(texts first.out)" 'live,lost by the socket,' 'each once, and no earlier message'
send_text 'while away'
run as alice kandy listen --once
is "$status $(texts "$out")" '0 while away,' 'a message in the second of the end is printed by the next listener'
send_text 'not wanted'
run as alice kandy listen --once --since none
is "$status $(wc -c <"$out")" '0 0' '--since none prints no earlier message'
send_text 'wanted'
run as alice kandy listen --once
is "$status $(texts "$out")" '0 wanted,' 'only later messages are printed'

# --- while it connects
asked() { [ "$(jq -r .path "$sandbox_record" | grep -c /websocket)" -gt "$before" ]; }
before=$(jq -r .path "$sandbox_record" | grep -c /websocket)
control '{"do":"fault","fault":"GET websocket 1:503"}'
start_listener between --since none --max-offline 60s
wait_for asked
send_text 'between'
ok 'a message between the baseline and the connect is printed' wait_for listener_got between between
is "$(texts between.out)" 'between,' 'once, and nothing else'
stop_listener
control '{"do":"clear-faults"}'

# --- a start that fails changes nothing
rm -f "$scratch/state-alice/kandy/default.cursor"
control '{"do":"fault","fault":"GET sessions *:401"}'
run as alice kandy listen --once
is "$status" 77 'a first start that fails'
control '{"do":"clear-faults"}'
run as alice kandy listen --once
is "$status $(wc -c <"$out")" '0 0' 'earlier messages do not become new'
send_text 'news'
control '{"do":"fault","fault":"GET sessions *:401"}'
run as alice kandy listen --once --since none
is "$status" 77 'a failure with --since none'
control '{"do":"clear-faults"}'
run as alice kandy listen --once
is "$status $(texts "$out")" '0 news,' 'does not make the listener forget where it was'

# --- a cursor that cannot be believed
cursor=$scratch/state-alice/kandy/default.cursor
as alice kandy listen --once >/dev/null
send_text 'in between'
chmod 666 "$cursor"
run as alice kandy listen --once
is "$status $(wc -c <"$out")" '78 0' 'a cursor that others may write is refused'
like "$err" "chmod 600 .*default.cursor" 'the error says how to fix the mode'
chmod 600 "$cursor"
run as alice kandy listen --once
is "$status $(texts "$out")" '0 in between,' 'no message was lost'
send_text 'gone'
echo broken >"$cursor"
run as alice kandy listen -q --once
is "$status $(wc -c <"$out")" '65 0' 'a damaged one: --once fails'
like "$err" "checkpoint is corrupt \(saved as '.*default.cursor.corrupt-[0-9]+'\).*--since TIME" 'the error explains it, even with -q'
send_text 'after that'
run as alice kandy listen -q --once
is "$status $(texts "$out")$(cat "$err")" '0 after that,' 'the next run works as usual'
echo broken >"$cursor"
listener damaged -q
stop_listener
like damaged.err 'checkpoint is corrupt' 'a listener that goes on says it, too'

# --- a service that is not there, with all in the cache but a cursor
rm -f "$cursor"
cp "$KANDY_CACERT" ca.pem
export KANDY_CACERT=ca.pem
kill "$sandbox_pid"
wait "$sandbox_pid" 2>/dev/null
for options in '' --once "--for $((2 * patience))s" "--idle $((2 * patience))s"; do
	run as alice timeout --foreground "$patience" kandy listen $options --retry 1 --retry-delay 10ms
	is "$status $(wc -l <"$err")" '69 1' "a service that is not there: 69, and a word of it (listen $options)"
	like "$err" 'cannot connect' 'the error names the reason'
done
finish
