#!/usr/bin/env bash
# history and a service whose pages lead nowhere, or have something in them that cannot be printed.
. "${0%/*}/../lib/tap.sh"

: >asked
node "$tests_dir/lib/pages.cjs" "$PWD/asked" >base &
tap_pids+=("$!")
wait_for test -s base || { echo 'Bail out! the service did not start'; exit 1; }
KANDY_BASE_URL=$(cat base)
export KANDY_BASE_URL KANDY_CLIENT_ID=some-client
KANDY_PASSWORD=secret-of-alice kandy login -q -u alice@pages.example >/dev/null || exit 1
history() { : >asked; run timeout "$patience" kandy history "$1@pages.example" -n "$2"; }

# what leads nowhere is an error, and before long
history circle 5
is "$status $(wc -c <"$out")" '76 0' 'two tokens in turn: 76'
like "$err" "history of 'circle@pages.example' never ends" 'the sentence says so'
ok 'after a few requests' test "$(wc -l <asked)" -lt 10
history long-circle 0
is "$status" 76 'a hundred tokens in turn: 76'
ok 'fewer than 400 requests are made' test "$(wc -l <asked)" -lt 400
history hollow 5
is "$status" 76 'ever new tokens, and never a message: 76'
ok 'after a few hundred requests' test "$(wc -l <asked)" -lt 400
history gaps 5
is "$status $(jq -r .messageId "$out" | xargs)" '0 m-9 m-7 m-5 m-3 m-1' 'an empty page does not end the history'
is "$(wc -l <asked)" 10 'only the needed pages are read'

# a message that cannot be printed
history swollen 0
is "$status" 1 'a message that is too long for a line: 1'
is "$(jq -c '[.event, .messageId]' "$out" | xargs)" '[message,m-3] [error,m-2] [message,m-1]' 'the others are printed, and an error in its place'
is "$(jq -c 'select(.event == "error") | [.command, .type, .destination, .address, .status, .timestamp, .error.kind, .error.code, .error.http, .error.retryable]' "$out")" \
	'["history","chat-oneToOne",["swollen@pages.example"],"swollen@pages.example","failed",1525895985000,"data",null,null,false]' 'the error line names the conversation'
like "$err" "message 'm-2': line longer than" 'stderr names the message'

# a message that is too large for a line, and one that is too large for an answer
history large 0
is "$status $(jq -r '.event + .messageId' "$out" | xargs)" '1 messagem-4 errorm-3 messagem-2 messagem-1' 'a message of 4 MiB: the others are there'
history monster 0
is "$status $(jq -r .messageId "$out" | xargs)" '65 m-2 m-1' 'a response that is too large: newer messages are printed'
like "$err" 'message too large \(.* 16777216 bytes\); older messages cannot be read' 'the error says why older ones are missing'
run timeout "$patience" kandy listen --once --since all
is "$status $(jq -r '.address + .messageId' "$out" | xargs -n1 | sort | xargs)" "1 $(echo {large@pages.examplem-{1,2,4},monster@pages.examplem-{1,2}})" 'listen has the same'
like "$err" "history of 'monster@pages.example' is incomplete, older messages are skipped: message too large" 'the incomplete history is reported'
: >asked
run timeout "$patience" kandy listen --once
is "$status $(wc -c <"$out") $(grep -c . "$err")" '0 0 0' 'once: the next time it is over and done with'

finish
