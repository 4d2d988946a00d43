#!/usr/bin/env bash
# listen under faults: sockets dropped, tokens that run out, channels forgotten, listeners ended and killed, while messages come.
# Every message comes exactly once and in order; after SIGKILL, unacknowledged ones may come twice.
. "${0%/*}/../lib/tap.sh"

stat_of() { control '{"do":"stats"}' && jq -r ".$1" "$scratch/control"; }

# begin OPTION...: a listener in the background whose lines are appended to storm.out
begin() {
	XDG_STATE_HOME=$scratch/state-alice kandy listen --heartbeat beat "$@" >>storm.out 2>>storm.err &
	listener_pid=$!
	tap_pids+=("$listener_pid")
}
finish_listener() { # SIGNAL. Its lock is free when this returns, because it is a direct child
	kill -"$1" "$listener_pid" 2>/dev/null
	wait "$listener_pid" 2>/dev/null
	unset 'tap_pids[-1]'
}
# Errors in the texts of FILE ("LABEL CONVERSATION NUMBER ..."): missing, doubled and disordered ones of COUNT in 4 conversations
verdict() { # FILE COUNT
	jq -r 'select(.event == "message") | .parts[0].text' "$1" | awk -v count="$2" '
		{ n++; seen[$2 " " $3]++; if (seen[$2 " " $3] == 1 && $3 != last[$2] + 1) disorder++; if ($3 > last[$2]) last[$2] = $3
			if (seen[$2 " " $3] > 1) doubled++ }
		END { for (c = 1; c <= 4; c++) for (i = 1; i <= count / 4; i++) if (!seen[c " " i]) missing++
			print missing + 0 " missing " doubled + 0 " doubled " disorder + 0 " out of order" }'
}
all_there() { [ "$(wc -l <storm.out)" -ge "$1" ]; }

# storm SIGNAL COUNT RATE DROPS RESTARTS OPTION...: COUNT messages at RATE a second while everything goes wrong
storm() {
	local signal=$1 count=$2 rate=$3 least=$4 restarts=$5 step=0 options
	drops=0 forgotten=0 restarted=0
	shift 5
	options=("$@")
	rm -f storm.out storm.err beat
	begin "${options[@]}"
	wait_for test -e beat
	control "{\"do\":\"burst\",\"from\":\"bob@sandbox.example\",\"to\":\"alice@sandbox.example\",\"count\":$count,\"conversations\":4,\"size\":80,\"rate\":$rate,\"label\":\"$signal\",\"hold\":false}"
	local end=$((SECONDS + 3 * patience))
	while [ "$SECONDS" -lt "$end" ] &&
		{ [ "$(stat_of bursts)" -gt 0 ] || [ "$drops" -lt "$least" ] || [ "$restarted" -lt "$restarts" ]; }; do
		[ "$(jq -r .sockets "$scratch/control")" -gt 0 ] || { sleep 0.02; continue; }
		sleep "0.0$((RANDOM % 10))"
		step=$((step + 1))
		control "{\"do\":\"drop-sockets\",\"how\":\"$([ $((RANDOM % 2)) = 0 ] && echo drop || echo reset)\"}"
		drops=$((drops + $(jq -r .count "$scratch/control")))
		if [ $((step % 7)) = 5 ] && [ "$forgotten" -lt 5 ]; then
			control '{"do":"forget-channels"}'
			forgotten=$((forgotten + 1))
		fi
		if [ $((step % (least / 20 + 2))) = 1 ] && [ "$restarted" -lt "$restarts" ]; then
			finish_listener "$signal"
			restarted=$((restarted + 1))
			begin "${options[@]}"
		fi
	done
	wait_for all_there "$count"
	sleep 0.3 # duplicates would come now
	finish_listener TERM
	diag "$(grep -v 'reconnecting' storm.err | sort | uniq -c | sort -rn | head -n 5)"
	diag "$count messages, $drops sockets dropped, channel forgotten $forgotten times, $restarted times SIG$signal"
}

sandbox --token-life 4s
export KANDY_KEEPALIVE=1s
export KANDY_PASSWORD=alice-secret # a listener that is killed while it renews its token has to log in again
as alice kandy whoami >/dev/null
: >"$scratch/control"

storm TERM 20000 600 50 10
is "$(verdict storm.out 20000)" '0 missing 0 doubled 0 out of order' '20,000 messages under faults and restarts: each once, in order'
ok "after 50 drops ($drops), 5 forgotten channels ($forgotten), 10 restarts ($restarted)" \
	test "$((drops >= 50)) $forgotten $restarted" = '1 5 10'
diag "$(sort storm.err | uniq -c | sort -rn | head -n 5)"

forget_the_past() { as alice kandy listen --once --since none; } # existing messages are not part of the next storm
forget_the_past
storm KILL 4000 800 0 5
result=$(verdict storm.out 4000)
like <(echo "$result") '^0 missing [0-9]+ doubled 0 out' "the same with SIGKILL: nothing is missing ($result)"
ok 'only messages of an unacknowledged burst come twice' \
	test "$(echo "$result" | cut -d' ' -f3)" -le $((restarted * 400))

# --- by a command that fails at random
cat >taker <<'EOS'
#!/bin/bash
case $((RANDOM % 10)) in
0) exit 75 ;;
1 | 2) exit 1 ;;
3) kill -SEGV $$ ;;
esac
[ "$KANDY_EVENT $KANDY_SENDER" = "message $KANDY_DESTINATION" ] || exit 1
read -r line && [[ $line == *"$KANDY_TEXT"* ]] || exit 1
(flock 9; echo "$line" >>taken) 9>>taken.lock
EOS
chmod +x taker
touch taken dead
forget_the_past
arrived() { [ $(($(wc -l <taken) + $(wc -l <dead))) -ge 400 ]; }
all_there() { arrived; }
storm TERM 400 60 0 3 --exec ./taker -j 4 --retry-delay 20ms --exec-retries 1 --dead-letter dead
# Errors in the order of FILE: even if messages are missing, the rest must ascend
ascending() { # FILE [first: only the first of two copies counts]
	jq -r '.parts[0].text' "$1" | awk -v first="${2-}" '
		first && seen[$2 " " $3]++ { next }
		{ if ($3 <= last[$2]) disorder++; last[$2] = $3 } END { print disorder + 0 }'
}
is "$(ascending taken)" 0 'acknowledged messages are in order'
jq -c .message dead >>taken
is "$(verdict taken 400 | cut -d, -f1 | cut -d' ' -f1-4)" '0 missing 0 doubled' \
	"each message was taken once, or is among the dead letters ($(wc -l <dead) of 400)"
is "$(jq -r 'select(.event=="error") | .command + (.attempts|tostring)' dead | sort -u)" 'exec2' 'the dead letters have the command and the attempts'
ok 'there are dead letters' test -s dead

# --- the same with SIGKILL, and a filter that leaves two of three out: they need no command, and must not hide those that do
cat >taker <<'EOS'
#!/bin/bash
case $((RANDOM % 8)) in
0 | 1) exit 75 ;;
2) exit 1 ;;
esac
read -r line && (flock 9; echo "$line" >>taken) 9>>taken.lock
EOS
forget_the_past
: >taken
all_there() { [ "$(jq -r .messageId taken | sort -u | wc -l)" -ge 200 ]; }
storm KILL 600 60 0 4 --exec ./taker -j 4 --retry-delay 200ms --exec-retries 1000 \
	--select '.parts[0].text | split(" ")[2] | tonumber % 3 == 0'
is "$(jq -r '.parts[0].text | split(" ") | "\(.[1]) \(.[2])"' taken | sort -u | wc -l)" 200 'killed again and again: each message that passes was taken'
is "$(ascending taken first)" 0 'messages are in order'
finish
