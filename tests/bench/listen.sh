#!/usr/bin/env bash
# listen.sh - notifications over TLS, compared with a Node script that uses `ws` and a libwebsockets client that only counts.
. "${0%/*}/../lib/bench.sh"
certificates
export INTEROP_MODULES
count=${BENCH_COUNT:-100000}
rounds=${BENCH_ROUNDS:-3}
declare -A values
echo some-password >"$scratch/password" && chmod 600 "$scratch/password"

# blaster NAME ARGUMENT...: starts a blaster, logs in and subscribes; sets $port and $blasted (the file with its times)
blaster() {
	blasted=$scratch/blaster.$1
	shift
	"$TOOLS/blaster" "$scratch/tls/cert.pem" "$scratch/tls/key.pem" "$@" >"$blasted" 2>&1 </dev/null &
	server_pids+=($!)
	wait_for 10 grep -q . "$blasted" || fail 'the blaster does not start'
	port=$(head -n 1 "$blasted")
	rm -rf "$XDG_STATE_HOME"
	"$KANDY" login -q --base-url "https://localhost:$port" --cacert "$ca" --client-id bench -u alice@bench.example \
		--password-file "$scratch/password" >/dev/null || fail 'cannot log in to the blaster'
	"$KANDY" subscribe -q --cacert "$ca" chat >/dev/null || fail 'cannot subscribe'
}

blasts() { [ "$(grep -c '' "$blasted")" -ge "$1" ]; }

# once NAME COMMAND...: runs it once; adds messages per second, CPU and memory to the values of NAME
once() {
	local name=$1 before used
	shift
	before=$(grep -c '' "$blasted")
	"$TOOLS/usage" "$scratch/usage" "$@" >/dev/null 2>"$scratch/once.err" || fail "$name: $(tail -n 2 "$scratch/once.err")"
	wait_for 10 blasts "$((before + 1))" || fail "$name: the blaster did not see its end"
	read -ra used <"$scratch/usage"
	values[$name.rate]+="$(calc "$count*1e6/$(tail -n 1 "$blasted")" %.0f) "
	values[$name.cpu]+="$(calc "${used[1]}*1000/$count" %.2f) "
	values[$name.rss]+="${used[2]} "
}
median() { tr ' ' '\n' <<<"${values[$1]}" | grep . | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

compare() { # WHAT LIMIT
	local i
	values=()
	for ((i = 0; i < rounds; i++)); do
		once kandy "$KANDY" listen -q --cacert "$ca" --since none -n "$count"
		once node node "$bench_dir/tools/listen.cjs" "$port" "$ca" "$count"
		once count "$TOOLS/count" "$port" "$ca" "$count"
	done
	heading "$count notifications, $1"
	row 'Node, ws + parse + stringify, messages a second' "$(median kandy.rate)" "$(median node.rate)" \
		"$(calc "$(median kandy.rate)/$(median node.rate)")" ">=$2"
	row 'libwebsockets, counting, messages a second' "$(median kandy.rate)" "$(median count.rate)" \
		"$(calc "$(median kandy.rate)/$(median count.rate)")"
	row 'libwebsockets, counting, CPU us a message' "$(median kandy.cpu)" "$(median count.cpu)" \
		"$(calc "$(median kandy.cpu)/$(median count.cpu)")" '<=1.5'
	row 'Node, CPU us a message' "$(median kandy.cpu)" "$(median node.cpu)" "$(calc "$(median kandy.cpu)/$(median node.cpu)")"
	row 'memory of the listener at its peak, MiB (Node)' "$(calc "$(median kandy.rss)/1024" %.1f)" "$(calc "$(median node.rss)/1024" %.1f)" \
		"$(calc "$(median kandy.rss)/1024" %.1f)" '<10'
}

blaster many "$count" 24
compare '24 a write' 2.5
values=()
for ((i = 0; i < 3; i++)); do
	once plain "$KANDY" listen -q --cacert "$ca" --since none -n "$count"
	once filter "$KANDY" listen -q --cacert "$ca" --since none -n "$count" --jq .sender
	once text "$KANDY" listen -q --cacert "$ca" --since none -n "$count" --format text
done
heading "$count notifications, 24 a write" 'with it' without
row '--jq .sender, messages a second' "$(median filter.rate)" "$(median plain.rate)" "$(calc "$(median filter.rate)/$(median plain.rate)")"
row '--format text, messages a second' "$(median text.rate)" "$(median plain.rate)" "$(calc "$(median text.rate)/$(median plain.rate)")"
blaster single "$count" 1
compare 'one a write' 1.7
# The request process of the listener (lib/listen/worker.h) runs only when needed: memory with it and without it.
blaster idle 1000 24
"$KANDY" listen -q --cacert "$ca" --since none --heartbeat "$scratch/beat" >"$scratch/lines" 2>/dev/null &
listener=$!
server_pids+=("$listener")
all_there() { [ "$(wc -l <"$scratch/lines")" -ge 1000 ]; }
wait_for 60 all_there || fail 'the lines do not come'
child=$(pgrep -P "$listener") || fail 'there is no second process'
both=$(awk '/^VmRSS/ { sum += $2 } END { print sum }' "/proc/$listener/status" "/proc/$child/status") # counts shared pages twice
childless() { ! pgrep -P "$listener"; }
wait_for 60 childless || fail 'the second process does not end'
alone=$(awk '/^VmRSS/ { print $2 }' "/proc/$listener/status")
kill "$listener"
heading 'Memory of a listener, MiB' 'it alone' 'two processes'
row 'resident: no requests; both, with requests' "$(calc "$alone/1024" %.1f)" "$(calc "$both/1024" %.1f)" \
	"$(calc "$alone/1024" %.1f)" '<10'
blaster slow 1000 1 2000
"$KANDY" listen -q --cacert "$ca" --since none -n 1000 | "$TOOLS/latency" >"$scratch/latency" || fail 'no latency'
read -r middle late <"$scratch/latency"
heading '1000 notifications, one each 2 ms' kandy 99%
row "from the server's write to the line, ms" "$middle" "$late" "$middle" '<1'
