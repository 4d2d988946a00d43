#!/usr/bin/env bash
# send over networks that fail before the request is sent; results, memory, and progress of batches and large files.
. "${0%/*}/../lib/tap.sh"
posts() { jq -r 'select(.kind=="request" and .method=="POST" and (.path|endswith("/messages")))|"\(.json.chatMessage.text)"' "$sandbox_record"; }

sandbox
port=${KANDY_BASE_URL##*:}
# flaky WANTED: a proxy to the sandbox that resets so many connections; sets $way and $log
flaky() {
	log=$scratch/flaky.$RANDOM
	node "$tests_dir/lib/flaky.cjs" "$port" "$1" "$log" >"$log.port" 2>"$log.err" </dev/null &
	tap_pids+=($!)
	wait_for grep -q . "$log.port" || { echo "Bail out! it did not start"; show "$log.err"; exit 1; }
	way=https://127.0.0.1:$(cat "$log.port")
}
for when in accept handshake; do
	flaky "2 $when"
	rm -rf "$scratch/state-alice"
	KANDY_PASSWORD=alice-secret run as alice kandy login -q --username alice@sandbox.example --base-url "$way" --retry-delay 10ms
	is "$status $(paste -sd, "$log")" '0 reset,reset,led on' "reset at $when: a login is tried again"
	flaky "2 $when"
	KANDY_PASSWORD=alice-secret as alice kandy login -q --username alice@sandbox.example --base-url "$way" --retry-delay 10ms >"$out"
	flaky "2 $when"
	# the session belongs to the first proxy; only the base URL differs
	jq -c --arg url "$way" '.baseUrl=$url' "$scratch/state-alice/kandy/default.json" >session && cat session >"$scratch/state-alice/kandy/default.json"
	run as alice kandy send --base-url "$way" -t bob@sandbox.example -m "after $when" --retry-delay 10ms
	is "$status $(paste -sd, "$log")" '0 reset,reset,led on' 'a message is retried after a reset'
	json "$out" '[.status,.attempts]' '["Sent",3]' 'the attempts are counted'
	is "$(posts | grep -c "after $when")" 1 'the message is sent once'
done

# an unreachable service
flaky '0 accept'
rm -rf "$scratch/state-alice"
KANDY_PASSWORD=alice-secret as alice kandy login -q --username alice@sandbox.example --base-url "$way" >"$out"
kill "${tap_pids[-1]}"; wait "${tap_pids[-1]}" 2>/dev/null
XDG_STATE_HOME=$scratch/state-alice kandy send --base-url "$way" -t bob@sandbox.example -m late --retry 1000 --retry-delay 50ms -v >"$out" 2>"$err" &
pid=$!
ok 'an unreachable service is retried' wait_for grep -q 'retrying' "$err"
node -e 'const net=require("net"); net.createServer(s=>{const o=net.connect(+process.argv[1],"127.0.0.1"); o.on("error",()=>s.destroy()); s.on("error",()=>o.destroy()); s.pipe(o); o.pipe(s)}).listen(+process.argv[2],"127.0.0.1")' "$port" "${way##*:}" </dev/null &
tap_pids+=($!)
wait "$pid"
is "$? $(posts | grep -c late)" '0 1' 'the message is sent once the service is reachable'

# ---- --unordered ----

restart_sandbox --fault 'POST messages 1:slow/2000'
printf '{"to":"%s@sandbox.example","text":"x"}\n' bob carol >in
run_in in as alice kandy send --jsonl -j 2 --unordered
is "$status $(jq -r .line "$out" | paste -sd' ')" '0 2 1' '--unordered: results in order of arrival'
run_in in as alice kandy send --jsonl -j 2
is "$status $(jq -r .line "$out" | paste -sd' ')" '0 1 2' 'without --unordered: results in input order'

# ---- a large file ----

# peak SIZE: peak memory in kilobytes while a file of that size is sent; the response to the message is delayed meanwhile
uploads() { jq -c 'select(.path|endswith("/objects")?)' "$sandbox_record" | wc -l; }
uploaded() { [ "$(uploads)" -gt "$before" ]; }
peak() {
	before=$(uploads)
	rm -f large
	truncate -s "$1" large
	# limits the freed memory that a sanitizer keeps
	ASAN_OPTIONS=${ASAN_OPTIONS-}:quarantine_size_mb=1 XDG_STATE_HOME=$scratch/state-alice \
		"$KANDY_BIN" send -t bob@sandbox.example -m large -a large >"$out" 2>"$err" &
	pid=$!
	wait_for uploaded || diag 'it was not uploaded' >&2
	sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status"
	kill "$pid"
	wait "$pid"
}
fresh_sandbox --fault 'POST messages *:hang'
small=$(peak 1M) large=$(peak 96M)
diag "memory: $small kB for 1 MiB, $large kB for 96 MiB"
ok 'the memory does not depend on the size of the file' test "$large" -lt $((small + 4096))
is "$(jq -r 'select(.path|endswith("/objects")?)|.parts[1].bytes' "$sandbox_record" | paste -sd' ')" '1048576 100663296' 'large files are uploaded completely'

# the time of the upload is not limited, that of the response is
fresh_sandbox --fault 'POST objects *:stall/100'
run as alice kandy send -t bob@sandbox.example -m small -a in --retry 0 --timeout 1s
is "$status" 75 'an incomplete response to an upload: 75'
like "$err" "response from '127.0.0.1:[0-9]+' incomplete after 1 s" 'the error names the time limit'
is "$(jq -c 'select(.path|endswith("/messages")?)' "$sandbox_record")" '' 'the message is not sent after a failed upload'

# ---- cron ----

restart_sandbox

run as alice kandy send -q -t bob@sandbox.example -m report
is "$status$(cat "$err")" 0 '-q: silent on success'
KANDY_PROXY=http://127.0.0.1:9 run as alice kandy send -q -t bob@sandbox.example -m report --retry 1 --retry-delay 1ms
is "$status $(wc -l <"$err")" '69 1' '-q: one line on failure'

# ---- a terminal ----

fresh_sandbox --fault 'POST messages 3:404,4-12:slow/600,13:slow/2500,14+:slow/600'
for i in {1..6}; do echo "{\"to\":\"bob@sandbox.example\",\"text\":\"$i\"}"; done >in
TERM=xterm XDG_STATE_HOME=$scratch/state-alice timeout "$patience" script -qefc 'kandy send --jsonl -j 1 --retry 0 <in >results' screen </dev/null >/dev/null 2>&1
like screen '[0-9]+ sent, [0-9]+ failed, [0-9.]+/s, [0-9]+:[0-9][0-9] to go' 'a batch shows its progress'
is "$(wc -l <results)" 6 'the results are not on the terminal'
TERM=xterm XDG_STATE_HOME=$scratch/state-alice timeout "$patience" script -qefc \
	'stty cols 12; kandy send --jsonl -j 1 --retry 0 <in >results; stty size >size' screen </dev/null >/dev/null 2>&1
is "$(cut -d' ' -f 2 size)" 12 'the terminal is narrow'
tr '\r' '\n' <screen | grep -o '[0-9]* sent.*' | sed 's/\x1b\[K//g' >shown
ok 'a narrow terminal shows the progress' test -s shown
is "$(awk 'length > 11' shown)" '' 'the progress line fits a narrow terminal'
TERM=xterm XDG_STATE_HOME=$scratch/state-alice timeout "$patience" script -qefc \
	'kandy send -t bob@sandbox.example -m slowly >results' screen </dev/null >/dev/null 2>&1
unlike screen ' sent, ' 'a single message has no progress line'
XDG_STATE_HOME=$scratch/state-alice timeout "$patience" script -qefc 'kandy send -q --jsonl -j 1 --retry 0 <in >results' screen </dev/null >/dev/null 2>&1
unlike screen 'to go' '-q: no progress line'
finish
