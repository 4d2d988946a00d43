#!/usr/bin/env bash
# Killed at any moment: what is in the spool is sent once, no more and no less, and spool and token cache stay whole.
# ROUNDS=200 for the long version.
. "${0%/*}/../lib/tap.sh"
rounds=${ROUNDS:-12}
RANDOM=${SEED:-42}
sandbox
dir=$scratch/state-alice/kandy/default.spool
head -c 3000000 /dev/urandom > big
away=http://127.0.0.1:9

# killed NAME COMMAND...: SIGKILL after 0 to 90 ms; true if it was still running
killed() {
	local pid
	"$@" > "$out" 2> "$err" &
	pid=$!
	sleep "0.0$((RANDOM % 10))$((RANDOM % 10))"
	kill -9 "$pid" 2>/dev/null
	wait "$pid" 2>/dev/null
}
direct() { XDG_STATE_HOME=$scratch/state-alice exec "$KANDY_BIN" "$@"; }

# spooling: each message is there whole or not at all
as alice kandy whoami > /dev/null
for ((i = 0; i < rounds; i++)); do
	KANDY_PROXY=$away killed direct send --spool -q --retry 0 -t bob@sandbox.example -m "s$i" -a big
done
as alice kandy spool > list 2> list.err
is "$(cat list.err)" '' "spooling, killed $rounds times: no damaged message"
is "$(jq -c '.files[0].size' list | sort -u | grep -v 3000000)" '' 'each has its whole attachment'
ok 'and the spool works on' env KANDY_PROXY=$away XDG_STATE_HOME="$scratch/state-alice" kandy send --spool -q --retry 0 -t bob@sandbox.example -m last
diag "$(wc -l < list) of $rounds were spooled before the end"

# flushing: each message arrives once
for ((i = 0; i < rounds; i++)); do
	KANDY_PROXY=$away as alice kandy send --spool -q --retry 0 -t "$([ $((i % 2)) = 0 ] && echo bob || echo carol)@sandbox.example" -m "f$i" > /dev/null
done
waiting=$(as alice kandy spool | wc -l)
for ((i = 0; i < rounds; i++)); do
	killed direct flush -j 3
	grep -q uncertain <(as alice kandy spool) && uncertain=$((${uncertain:-0} + 1))
done
run as alice kandy flush -j 3
is "$status" 0 "flushing, killed $rounds times: in the end all is sent"
is "$(as alice kandy spool | wc -l)" 0 'and the spool is empty'
diag "${uncertain:-0} times something was uncertain after it"
accepted=$(jq -r 'select(.kind=="request" and .method=="POST" and .status==201 and (.path|endswith("/messages")))|.json.chatMessage.text' "$sandbox_record")
is "$(sort <<< "$accepted" | uniq -d)" '' 'no message was accepted twice'
is "$(sort -u <<< "$accepted" | wc -l)" "$waiting" 'and each of them once'
ok 'the token cache is whole' as alice kandy whoami
is "$(find "$scratch/state-alice/kandy" -name "*corrupt*")" "" 'nothing had to be set aside'
finish
