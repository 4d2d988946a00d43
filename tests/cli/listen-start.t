#!/usr/bin/env bash
# The first start of a listener, and others that begin anew: what is there is old, and nothing but that.
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
ok 'what comes in the second of the start is printed' wait_for listener_got first live
control '{"do":"half-open"}'
send_text 'lost by the socket'
ok 'also what the socket lost' wait_for listener_got first 'lost by the socket'
stop_listener
is "$(texts first.out)" 'live,lost by the socket,' 'each once, and nothing of what was there before'
send_text 'while away'
run as alice kandy listen --once
is "$status $(texts "$out")" '0 while away,' 'what comes after the end, still in that second, is for the next listener'
send_text 'not wanted'
run as alice kandy listen --once --since none
is "$status $(wc -c <"$out")" '0 0' '--since none begins anew'
send_text 'wanted'
run as alice kandy listen --once
is "$status $(texts "$out")" '0 wanted,' 'with what comes then'

# --- while it connects
asked() { [ "$(jq -r .path "$sandbox_record" | grep -c /websocket)" -gt "$before" ]; }
before=$(jq -r .path "$sandbox_record" | grep -c /websocket)
control '{"do":"fault","fault":"GET websocket 1:503"}'
start_listener between --since none --max-offline 60s
wait_for asked
send_text 'between'
ok 'what comes behind the look at the history, and before the socket is open, is printed' wait_for listener_got between between
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
is "$status $(wc -c <"$out")" '0 0' 'does not make news of what was there'
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
like "$err" "chmod 600 .*default.cursor" 'with what helps'
chmod 600 "$cursor"
run as alice kandy listen --once
is "$status $(texts "$out")" '0 in between,' 'and nothing was lost by that'
send_text 'gone'
echo broken >"$cursor"
run as alice kandy listen -q --once
is "$status $(wc -c <"$out")" '65 0' 'a damaged one: --once fails'
like "$err" "checkpoint is corrupt \(saved as '.*default.cursor.corrupt-[0-9]+'\).*--since TIME" 'and says what that means, -q or not'
send_text 'after that'
run as alice kandy listen -q --once
is "$status $(texts "$out")$(cat "$err")" '0 after that,' 'and the next time all is well'
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
	like "$err" 'cannot connect' 'which says what is the matter'
done
finish
