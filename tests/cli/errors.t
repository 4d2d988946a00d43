#!/usr/bin/env bash
# The "error" of a line has the same keys, whoever writes it.
. "${0%/*}/../lib/tap.sh"

sandbox
as alice kandy whoami >/dev/null || exit 1
as bob kandy whoami >/dev/null || exit 1

shape() { # FILE FILTER NAME
	is "$(jq -c "$2 | select(. != null) | [keys, (map_values(type) | .kind, .http, .message, .retryable)]" "$1" | sort -u)" \
		'[["code","http","kind","message","retryable"],"string","null","string","boolean"]' "$3"
}
printf '{\n' | as alice kandy send --jsonl >errors 2>/dev/null
shape errors .error 'send, of a line'
as alice kandy send --spool --retry 0 --proxy http://127.0.0.1:1 -t bob@sandbox.example -m x >errors 2>/dev/null
shape errors .error 'send, of what was spooled'
as alice kandy flush --retry 0 --max-age 1ms --proxy http://127.0.0.1:1 >errors 2>/dev/null
shape errors .error 'flush'
printf '{\n{"parts":[{"type":"file","name":"x","rawURL":"ftp://x/y"}]}\n' | as alice kandy fetch-links >errors 2>/dev/null
shape errors '.error, .parts[]?.error' 'fetch-links, of a line and of a file'
as alice kandy send -t bob@sandbox.example -m x >/dev/null
as bob kandy listen --since all --once --exec-retries 0 --dead-letter errors.exec --exec sh -- -c 'exit 3' >/dev/null 2>&1
shape errors.exec .error 'listen, of what a command gave up'
is "$(jq -c '.error | [.kind, .code, .message]' errors.exec)" '["exit",3,"exit status 3"]' 'the error has the exit status of the command'

finish
