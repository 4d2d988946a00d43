#!/usr/bin/env bash
# Killed at any moment: a spooled message is sent exactly once, and spool and token cache stay intact.
# ROUNDS=200 for the long version.
. "${0%/*}/../lib/tap.sh"
rounds=${ROUNDS:-12}
export KANDY_SETTLE_TIME=300ms
RANDOM=${SEED:-42}
sandbox
dir=$scratch/state-alice/kandy/default.spool
head -c 3000000 /dev/urandom > big
away=http://127.0.0.1:9

# killed COMMAND...: SIGKILL after less than 100 ms; 137 if it was still running then
killed() {
	local pid
	"$@" > "$out" 2> "$err" &
	pid=$!
	sleep "0.0$((RANDOM % 10))$((RANDOM % 10))"
	kill -9 "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
}
# with a password: a renewal that was killed may have used up the refresh token
direct() { KANDY_USERNAME=alice@sandbox.example KANDY_PASSWORD=alice-secret XDG_STATE_HOME=$scratch/state-alice exec "$KANDY_BIN" "$@"; }

# spooling: each message is complete or absent
as alice kandy whoami > /dev/null
for ((i = 0; i < rounds; i++)); do
	KANDY_PROXY=$away killed direct send --spool -q --retry 0 -t bob@sandbox.example -m "s$i" -a big
done
as alice kandy spool > list 2> list.err
is "$(cat list.err)" '' "spooling, killed $rounds times: no corrupt message"
is "$(jq -c '.files[0].size' list | sort -u | grep -v 3000000)" '' 'killed while spooling: each attachment is complete'
ok 'killed while spooling: the spool works' env KANDY_PROXY=$away XDG_STATE_HOME="$scratch/state-alice" kandy send --spool -q --retry 0 -t bob@sandbox.example -m last
diag "$(wc -l < list) of $rounds were spooled before the end"

# flushing: each message arrives once. Many have the same text, some have a file, and the token expires in between
waiting() { as alice kandy spool | jq -r '"\(.to) \(.text) \(.files | length)"'; }
lines() {
	jq -nc --argjson i "$1" 'range(3) | {to: (["bob","carol"][($i + .) % 2] + "@sandbox.example"), text: "f\(if . == 0 then "" else $i end)"} +
		if . == 1 then {files: ["some.txt"]} else {} end'
}
echo some >some.txt
waiting >all
during=0 uncertain=0
for ((i = 0; i < rounds; i++)); do
	lines "$i" | KANDY_PROXY=$away as alice kandy send --spool -q --retry 0 --jsonl >spooled
	lines "$i" | jq -r '"\(.to) \(.text) \(.files // [] | length)"' >>all
	[ $((i % 5)) != 4 ] || control '{"do":"expire-tokens"}'
	killed direct flush -j 3
	[ $? != 137 ] || during=$((during + 1))
	! grep -q '"state":"uncertain"' <(as alice kandy spool) || uncertain=$((uncertain + 1))
done
run as alice env KANDY_USERNAME=alice@sandbox.example KANDY_PASSWORD=alice-secret kandy flush -j 3
is "$status" 0 "flushing, killed $rounds times: all is sent in the end"
is "$(as alice kandy spool | wc -l)" 0 'killed while flushing: the spool is empty'
ok 'flush was killed while it worked' [ "$during" -gt 0 ]
diag "$during times before its end, $uncertain times with something uncertain after it"
jq -r 'select(.kind=="request" and .method=="POST" and .status==201 and (.path|endswith("/messages")))|
	"\(.path|split("/")[-3]) \(.json.chatMessage.text) \(.json.chatMessage.attachment//[]|length)"' "$sandbox_record" >accepted
is "$(diff <(sort all) <(sort accepted))" '' 'killed while flushing: each message was accepted once'
ok 'the token cache is intact' as alice kandy whoami
is "$(find "$scratch/state-alice/kandy" -name "*corrupt*")" "" 'no file is corrupt'
finish
