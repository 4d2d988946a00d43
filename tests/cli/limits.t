#!/usr/bin/env bash
# The limits of what is read from files, pipes and forms: each one below it, at it, and above. Those of what is fetched are
# in fetch-limits.t, those of single functions in tests/unit/limits.c.
. "${0%/*}/../lib/tap.sh"
sandbox
export KANDY_USERNAME=alice@sandbox.example
state=$HOME/.local/state/kandy cache=$HOME/.local/state/kandy/default.json
KiB=1024 MiB=$((1024 * 1024))
cases=0

# N bytes of one character
fill() { head -c "$1" </dev/zero | tr '\0' "${2:-x}"; }
# FILE, blown up to N bytes by white space in front of its last '}'
blow_up() {
	perl -0777 -i -pe 'BEGIN { $n = shift @ARGV } s/\}\s*\z/" " x ($n - length(s{\s*\z}{}r) - 1) . "}\n"/e' "$2" "$1"
	is "$(stat -c %s "$1")" "$2" "${1##*/} has $2 bytes"
}
# around LIMIT: for each of one below, at, one above, `n` is the number and `fine` whether it has to be taken
around() {
	local limit=$1 more
	shift
	for more in -1 0 1; do
		n=$((limit + more)) fine=$((more <= 0))
		cases=$((cases + 1))
		"$@"
	done
}

# ---- secrets ----

# the wrong one, but it is sent
password_of() {
	fill "$n" >pw && chmod 600 pw
	run kandy login --password-file pw
	is "$status" "$([ $fine = 1 ] && echo 77 || echo 65)" "a password file of $n bytes"
	run_in pw kandy login --password-stdin
	is "$status" "$([ $fine = 1 ] && echo 77 || echo 65)" "a password of $n bytes on stdin"
	run kandy login --password-command 'cat pw'
	is "$status" "$([ $fine = 1 ] && echo 77 || echo 65)" "a password of $n bytes from a command"
}
around $((64 * KiB)) password_of
like "$err" 'is larger than 65536 bytes' 'the limit of a password is named'

# what counts is the form as it is sent: a '%' takes three bytes in it
form_of() {
	local rest=$((n - ${#fixed} - 3 * 65000))
	fill 65000 % >pw && chmod 600 pw
	run kandy login --password-file pw --username "$(fill $((rest / 3)) %)$(fill $((rest % 3)))"
	is "$status" "$([ $fine = 1 ] && echo 77 || echo 65)" "a login form of $n bytes"
}
fixed='client_id=PUB-sandbox&username=&password=&grant_type=password&scope=openid'
: >"$sandbox_record"
around $((256 * KiB)) form_of
like "$err" 'user name and password too long: the request would exceed' 'the limit of the login form is named'

# ---- the files of a profile ----

KANDY_PASSWORD=alice-secret kandy login -q >/dev/null
cp -p "$cache" good
cache_of() {
	cp -p good "$cache"
	blow_up "$cache" "$n"
	run kandy whoami
	is "$status" "$([ $fine = 1 ] && echo 0 || echo 77)" "a token cache of $n bytes"
	is "$(find "$state" -name '*.corrupt-*' | wc -l)" "$((1 - fine))" '... is set aside only where it is too large'
}
around $MiB cache_of
like "$err" "larger than $MiB bytes" 'the limit is named'
rm -f "$state"/*.corrupt-*
cp -p good "$cache"

cursor_of() {
	rm -f "$state"/default.cursor*
	truncate -s "$n" "$state/default.cursor" && chmod 600 "$state/default.cursor"
	run kandy listen --once --since last
	is "$status $(grep -c 'is larger' "$err")" "65 $((1 - fine))" "a cursor of $n bytes, which are none"
}
around $((256 * MiB)) cursor_of
like "$err" "default.cursor' is larger than $((256 * MiB)) bytes" 'the limit is named'
rm -f "$state"/default.cursor*

# ---- the spool ----

spool_of() {
	rm -rf "$state/default.spool"
	KANDY_PROXY=http://127.0.0.1:9 kandy send --spool -q --retry 0 -t bob@sandbox.example -m "spooled $n" >/dev/null
	blow_up "$(echo "$state"/default.spool/new/*/message.json)" "$n"
	run kandy flush
	is "$status" "$([ $fine = 1 ] && echo 0 || echo 1)" "a spooled message of $n bytes"
	is "$(grep -c "\"spooled $n\"" "$sandbox_record")" "$fine" '... is sent or not'
	is "$(find "$state/default.spool" -name message.json | wc -l)" $((1 - fine)) '... and kept where it is not'
}
around $((32 * MiB)) spool_of
rm -rf "$state/default.spool"

# the longest text of a message, in the characters that take the most room: it goes in, and comes out
fill $((4 * MiB)) '\001' >text
KANDY_PROXY=http://127.0.0.1:9 run_in text kandy send --spool -q --retry 0 -t bob@sandbox.example
is "$status" 0 'the longest text is spooled'
run kandy spool
is "$(jq '.text|length' "$out")" $((4 * MiB)) '... shown'
rm -rf "$state/default.spool"

# ---- lines of input ----

# of white space in front of the last brace
jsonl_of() {
	{ printf '{"to":"bob@sandbox.example","text":"a"'; fill $((n - 39)) ' '; printf '}\n{"to":"bob@sandbox.example","text":"b"}\n'; } >in
	is "$(head -n 1 in | wc -c)" $((n + 1)) "a line of $n bytes"
	run_in in kandy send --jsonl -N
	json "$out" '[.line,.event]' "[1,$([ $fine = 1 ] && echo '"dry-run"' || echo '"error"')]"$'\n[2,"dry-run"]' '... is an error only where it is too long, and the next one is read'
}
around $((4 * MiB)) jsonl_of
like "$err" 'line 1: .*longer than 4194304 bytes' 'the limit is named'

lines_of() {
	{ fill "$n"; printf '\nb\n'; } >in
	run_in in kandy send --lines -N -t bob@sandbox.example
	is "$(jq -c '[.line,.event]' "$out" | paste -sd' ')" "[1,$([ $fine = 1 ] && echo '"dry-run"' || echo '"error"')] [2,\"dry-run\"]" "a line of $n bytes with --lines"
}
around $((4 * MiB)) lines_of

# ---- the manifest of fetch-links ----

printf 'attached' >a.txt
KANDY_USERNAME=bob@sandbox.example as bob kandy send -q -t alice@sandbox.example -m files -a a.txt >/dev/null
kandy history bob@sandbox.example | jq -c 'select(.parts)' >message
kandy fetch-links -q -D inbox --manifest list <message >/dev/null
is "$(wc -l <list) $(ls inbox)" '1 a.txt' 'one file is fetched, and the manifest has it'
cp list one
manifest_of() {
	cp one list
	blow_up list $((n + 1)) # the newline is not part of the line
	run_in message kandy fetch-links -q -D inbox --manifest list --skip-existing
	is "$status $(find inbox -type f ! -name '.*' | wc -l)" "0 $((2 - fine))" "a line of $n bytes is known only where it is not too long"
}
around $((256 * KiB)) manifest_of

cases limits "$cases"
finish
