#!/usr/bin/env bash
# Many processes at once, and many messages in one.
. "${0%/*}/../lib/tap.sh"
processes=${PROCESSES:-200}
sandbox
cache=$scratch/state-alice/kandy/default.json
token_requests() { jq -c 'select(.kind=="request" and (.path|endswith("/token")))' "$sandbox_record" | wc -l; }
expire() { jq -c '.expires=(now-10)*1000|.expires|=floor' "$cache" > cache.new && chmod 600 cache.new && mv cache.new "$cache"; }

as alice kandy whoami > /dev/null
expire
for ((i = 0; i < processes; i++)); do
	XDG_STATE_HOME=$scratch/state-alice kandy send -t bob@sandbox.example -m "m$i" > "out.$i" 2> "err.$i" || echo "$i" >> failures &
	pids[i]=$!
done
wait "${pids[@]}"
is "$(cat failures 2>/dev/null)" '' "$processes processes at once with an expired token: all send"
is "$(cat err.*)" '' 'nothing on stderr'
is "$(jq -r .messageId out.* | sort -u | wc -l)" "$processes" 'each process has sent its own message'
is "$(token_requests)" 2 'one login before, and one renewal'
ok 'the cache is whole' jq -e .accessToken "$cache"

# a process that is killed during a renewal does not block the others
restart_sandbox --fault 'POST token 2:hang'
as alice kandy whoami > /dev/null
expire
XDG_STATE_HOME=$scratch/state-alice "$KANDY_BIN" send -t bob@sandbox.example -m hangs > /dev/null 2>&1 &
pid=$!
ok 'a renewal is under way' wait_for grep -q '"fault":"hang"' "$sandbox_record"
# the server has given that process a new refresh token, which died with it: a password must help
KANDY_PASSWORD=alice-secret XDG_STATE_HOME=$scratch/state-alice kandy send -t bob@sandbox.example -m waits > waits 2>&1 &
waiting=$!
kill -9 "$pid"
wait "$pid" 2>/dev/null
wait "$waiting"
is "$? $(jq -r .event waits)" '0 sent' 'if the renewing process is killed, the next one renews and sends'

# memory does not grow with the input
lines() { seq "$1" | sed 's/.*/{"to":"user&@nowhere.example","text":"text of message number &","ref":&}/'; }
answered() { [ "$(wc -l < results)" -ge "$1" ]; }
peak() { # kilobytes, once all lines are answered; every address is refused, which is the way that holds the most
	mkfifo lines
	# AddressSanitizer keeps what was freed, up to a limit that a run like this one does not reach
	ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=0:thread_local_quarantine_size_kb=0 \
		XDG_STATE_HOME=$scratch/state-alice "$KANDY_BIN" send --jsonl -j 8 < lines > results 2> /dev/null &
	pid=$!
	exec 8> lines
	lines "$1" >&8
	wait_for answered "$1" || diag "only $(wc -l < results) of $1 lines were answered" >&2
	sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status"
	exec 8>&-
	wait "$pid"
	rm lines
}
small=$(peak 1500)
large=$(peak 6000)
diag "memory: $small kB for 1500 lines, $large kB for 6000"
ok 'four times the lines, no more memory' test "$large" -lt $((small + 1024))
finish
