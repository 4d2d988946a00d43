#!/usr/bin/env bash
# --jq and --select as a user meets them: what debug, input and a failing program do, and that nobody's words get onto stderr.
. "${0%/*}/../lib/tap.sh"

sandbox
as alice kandy whoami >/dev/null || exit 1
as bob kandy send -q -t alice@sandbox.example -m 'my PIN is 1234' >/dev/null || exit 1
id=$(as alice kandy history bob@sandbox.example | jq -r .messageId)

# what fresh memory happens to hold must not matter
listen() { MALLOC_PERTURB_=85 as alice kandy listen --since all --once "$@"; }
run listen --trace trace --jq 'debug | .parts[0].text'
is "$status $(cat "$out")" '0 "my PIN is 1234"' 'debug passes its value on'
like "$err" '^kandy: listen: jq debug: \{"event":"message",.*my PIN is 1234' 'debug shows its value on stderr'
ok 'there is a trace' test -s trace
unlike trace 'my PIN' 'which does not have it'
run listen -q --jq 'debug | .parts[0].text'
is "$(cat "$out" "$err")" '"my PIN is 1234"' '-q: the value of debug is not shown'
run listen --jq '[inputs]'
is "$status $(cat "$out" "$err")" '0 []' 'there is no other input'
run listen -v --jq '.parts[0].text | tonumber'
like "$err" "jq program failed on message '$id'; " 'a program that fails: on which message'
unlike "$err" 'PIN|1234' 'but not what is in it'
run listen -v --select 'error(.parts[0].text)'
like "$err" "jq program failed on message '$id'; " 'the same of --select'
unlike "$err" 'PIN|1234' 'whatever it is that is raised'

# a second program would take the place of the first without a word
for option in jq select exec; do
	run kandy listen --$option . --$option .
	is "$status $(cat "$err")" "64 kandy: listen: option '--$option' was given twice" "--$option twice"
done

finish
