#!/usr/bin/env bash
# -v: a line for each request, connection and file, and nothing secret or private in it. Without it, silence.
. "${0%/*}/../lib/tap.sh"

sandbox
as alice kandy whoami >/dev/null || exit 1
as bob kandy whoami >/dev/null || exit 1
printf 'private bytes\n' >note.txt
request='https://127\.0\.0\.1:[0-9]+/cpaas/[^? ]+: 20[01] in [0-9]+ ms'

told() { # WHO COMMAND...: with -v there are requests, each on a line of its own; without it there is nothing
	local who=$1
	shift
	run_in "${input:-/dev/null}" as "$who" kandy "$@"
	is "$status $(cat "$err")" '0 ' "kandy $1 ${2-}: says nothing"
	run_in "${input:-/dev/null}" as "$who" kandy "$@" -v
	is "$status" 0 "kandy $1 ${2-} -v"
	like "$err" "^kandy: $1: (GET|POST|PUT) $request" 'tells each request'
	cat "$err" >>all
}
told alice send -t bob@sandbox.example -m 'private words' -a note.txt
like "$err" "^kandy: send: uploaded 'note\.txt'\$" 'each upload is logged'
told alice conversations
told alice history bob@sandbox.example
told bob subscribe chat sms
told bob doctor
told bob listen --once --since all
cp "$out" message
input=message told bob fetch-links -D inbox
like "$err" "^kandy: fetch-links: downloaded '$PWD/inbox/note-[0-9]\.txt', 14 bytes\$" 'each downloaded file is logged'
run as bob kandy listen -v -n 1 --since all
like "$err" '^kandy: listen: websocket: connecting to https://127' 'listen: that it connects'
like "$err" '^kandy: listen: websocket: open$' 'listen: that it is connected'
cat "$err" >>all
KANDY_BASE_URL=https://127.0.0.1:1 run kandy conversations -v -q
is "$(wc -l <"$err")" 1 '-q is stronger'
KANDY_PASSWORD=alice-secret run kandy login -v -u alice@sandbox.example --retry 0
like "$err" "^kandy: login: POST $request, on a new connection\$" 'a login'
cat "$err" >>all
KANDY_PASSWORD=alice-secret run kandy login -v -u alice@sandbox.example --retry 0 --base-url https://127.0.0.1:1
like "$err" "^kandy: login: POST https://127\.0\.0\.1:1/cpaas/auth/v1/token: cannot connect to '127\.0\.0\.1:1'" 'one that nobody answers'
cat "$err" >>all

unlike all 'private|-secret' 'no text, no bytes and no password is among it'
token=$(jq -r .accessToken "$scratch/state-bob/kandy/default.json")
ok 'there is a token' test "${#token}" -gt 100
ok 'the token is not logged' bash -c '! grep -qF -- "$0" all' "$token"
unlike all '\?' 'no query of a URL is logged'

finish
