#!/usr/bin/env bash
# A profile whose login changes while requests are in flight; file size limits; FIFOs in place of files.
. "${0%/*}/../lib/tap.sh"
sandbox
export KANDY_RETRY=0

login() { KANDY_PASSWORD=$1-secret kandy login -q --username "$1@sandbox.example"; }
restart_sandbox --fault 'PUT channelLifetime 1+:slow/100'
login alice >/dev/null
round() { # NAME COMMAND...: until the deadline; a line for each death by signal
	local name=$1 exit
	shift
	while [ "$SECONDS" -lt "$deadline" ]; do
		"$@" >/dev/null 2>&1
		exit=$?
		[ "$exit" -lt 128 ] || echo "$name: $exit"
	done
}
deadline=$((SECONDS + 5))
for _ in 1 2; do
	round subscribe kandy subscribe chat sms receipts --username alice@sandbox.example &
	round subscribe kandy subscribe chat receipts &
	round login login alice &
	round login login bob &
	round logout kandy logout &
	round 'subscribe with a password' env KANDY_PASSWORD=alice-secret kandy subscribe chat receipts --username alice@sandbox.example &
	round unsubscribe kandy unsubscribe &
done >deaths
wait_jobs
is "$(sort deaths | uniq -c)" '' 'no death by signal while logins change'

# another login while the channel is renewed
restart_sandbox --fault 'PUT channelLifetime 1+:slow/1500'
login alice >/dev/null
kandy subscribe chat >/dev/null
kandy subscribe chat receipts >/dev/null 2>changed &
subscriber=$!
wait_for grep -q channelLifetime "$sandbox_record"
login bob >/dev/null
wait "$subscriber"
is "$?" 75 'subscribe while another user logs in'
like changed 'the login of this profile has changed; try again' 'the changed login is named as the reason'

# the session without an address, as another version may leave it
restart_sandbox
login alice >/dev/null
session=$HOME/.local/state/kandy/default.json
jq -c 'del(.address)' "$session" >stripped && cat stripped >"$session"
run kandy group leave nothing
ok 'leaving a group without an address is no death by signal' [ "$status" -lt 128 ]

# a file size limit
(ulimit -f 0; exec kandy --help >limited) 2>&1 | cat >"$err"
is "${PIPESTATUS[0]}" 74 'a file size limit on stdout'
like "$err" 'File too large' 'a file size limit is named as the reason'

# FIFOs
mkfifo fifo
mkdir -p "$HOME/.config/kandy"
mkfifo "$HOME/.config/kandy/config"
run timeout 10 kandy whoami
rm "$HOME/.config/kandy/config"
is "$status" 78 'a FIFO as configuration file'
like "$err" "cannot read '.*/config': it is a FIFO; give a regular file" 'a FIFO as configuration file is named as the reason'
run_in <(echo '{"to":"bob@sandbox.example","text":"x"}') timeout 10 kandy send --jsonl --failed fifo
is "$status" 73 'a FIFO without a reader as --failed file'
like "$err" "cannot open 'fifo': it is a FIFO that no process reads" 'a FIFO without a reader is named as the reason'
run kandy login --username bob@sandbox.example --password-file <(echo bob-secret)
is "$status" 0 'a password from a process substitution'
finish
