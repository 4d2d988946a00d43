#!/usr/bin/env bash
# Every example of every command works as it is printed, typed into a shell of somebody who is logged in to the sandbox.
. "${0%/*}/../lib/tap.sh"

sandbox
printf 'the picture\n' >"$scratch/picture.png"

# what an example takes for granted: files with the secrets, a login of alice, her subscription, and bob, who writes to her
new_home() {
	rm -rf "$HOME"
	mkdir "$HOME"
	printf 'alice-secret\n' >"$HOME/.kandy-pw"
	printf 'sandbox-secret\n' >"$HOME/.kandy-secret"
	chmod 600 "$HOME/.kandy-pw" "$HOME/.kandy-secret"
	kandy login -q -u alice@sandbox.example --password-file ~/.kandy-pw >/dev/null
	printf 'bob-secret\n' | kandy login -q -p bob -u bob@sandbox.example --password-stdin >/dev/null
	kandy subscribe -q chat >/dev/null
}

# once somebody listens, bob writes a few times; silence comes after it
listened_to() { control '{"do":"stats"}' && jq -e '.sockets > 0' "$scratch/control"; }
bob_writes() {
	local text
	wait_for listened_to
	for text in 'message 1' 'message 2' 'message 3' status; do
		kandy send -q -p bob -t alice@sandbox.example -m "$text" -a "$scratch/picture.png" >/dev/null 2>&1 || return
	done
}

# the pipelines of kandy(1) have no end
kandy help --emit json | jq '[(.examples[] | .command |= sub("kandy listen (?!.*--once)"; "kandy listen --idle 2s ")), .commands[].examples[],
	.commands[].verbs[]?.examples[]]' >examples
count=$(jq length examples)
ok 'there are examples' test "$count" -gt 0
for ((i = 0; i < count; i++)); do
	example=$(jq -r --argjson i "$i" '.[$i].command' examples)
	new_home
	mkdir -p "$scratch/cwd/$i/reports"
	printf 'the report\n' | tee "$i/report.pdf" >"$i/reports/1.pdf"
	printf '#!/bin/sh\ncat >/dev/null\n' >"$i/on-message"
	chmod +x "$i/on-message"
	writer=
	case $example in
	*--once*) ;; # takes what is there, and no socket
	*'kandy listen'*) bob_writes & writer=$! ;; esac
	(cd "$i" && exec timeout "$patience" bash -o pipefail -c "$example") </dev/null >"$out" 2>"$err"
	status=$?
	[ -z "$writer" ] || wait "$writer"
	is "$status" 0 "$example"
	is "$(grep -vE '^kandy: [a-z-]+: (warning: )?(reading|ready|listening|no messages with)' "$err")" '' "no error or warning: $example"
done

finish
