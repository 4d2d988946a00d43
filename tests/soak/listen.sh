#!/usr/bin/env bash
# A listener for ten minutes (SOAK=SECONDS) under load and faults: messages without end, sockets that are dropped, tokens that run out,
# channels that are forgotten. Each message must come once and in order, and its memory must be a flat line, which is drawn into
# build/soak/memory.svg. `make soak` runs it; `make check` does not.
. "${0%/*}/../lib/tap.sh"

seconds=${SOAK:-600} rate=${SOAK_RATE:-400}
count=$((seconds * rate / 4 * 4))
plot=$top_dir/build/soak

# draw TSV: seconds and kilobytes, as an SVG
draw() {
	awk '{ x[NR] = $1; y[NR] = $2; if ($2 > top) top = $2 } END {
		w = 900; h = 300; top = top * 1.25; last = x[NR] > 0 ? x[NR] : 1
		printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-70 -20 %d %d\" font-family=\"sans-serif\" font-size=\"12\">\n", w + 90, h + 60
		print "<rect x=\"-70\" y=\"-20\" width=\"100%\" height=\"100%\" fill=\"white\"/>"
		for (i = 0; i <= 4; i++) printf "<line x1=\"0\" x2=\"%d\" y1=\"%d\" y2=\"%d\" stroke=\"#ddd\"/><text x=\"-8\" y=\"%d\" text-anchor=\"end\">%.1f MiB</text>\n", w, h - i * h / 4, h - i * h / 4, h - i * h / 4 + 4, top * i / 4 / 1024
		for (i = 0; i <= 4; i++) printf "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%d s</text>\n", w * i / 4, h + 18, last * i / 4
		printf "<polyline fill=\"none\" stroke=\"#06c\" stroke-width=\"1.5\" points=\""
		for (i = 1; i <= NR; i++) printf "%.1f,%.1f ", x[i] * w / last, h - y[i] * h / top
		print "\"/>\n<text x=\"0\" y=\"-6\">resident memory of kandy listen</text>\n</svg>" }' "$1"
}

sandbox --token-life 20s --keep-per-conversation 20000
export KANDY_KEEPALIVE=2s KANDY_PASSWORD=alice-secret
as alice kandy whoami >/dev/null
XDG_STATE_HOME=$scratch/state-alice timeout --foreground $((seconds + 120)) "$KANDY_BIN" listen --heartbeat beat >all 2>listen.err &
listener_pid=$!
wait_for test -e beat
kandy_pid=$(pgrep -P "$listener_pid")
control "{\"do\":\"burst\",\"from\":\"bob@sandbox.example\",\"to\":\"alice@sandbox.example\",\"count\":$count,\"conversations\":4,\"size\":200,\"rate\":$rate,\"label\":\"S\",\"hold\":false}"
begin=$SECONDS
: >memory.tsv
while [ $((SECONDS - begin)) -lt "$seconds" ]; do
	echo "$((SECONDS - begin)) $(awk '/VmRSS/ { print $2 }' "/proc/$kandy_pid/status")" >>memory.tsv
	case $((RANDOM % 20)) in
	0 | 1) control '{"do":"drop-sockets"}' ;;
	2) control '{"do":"drop-sockets","how":"reset"}' ;;
	3) control '{"do":"forget-channels"}' ;;
	4) control '{"do":"half-open"}' ;;
	5) control '{"do":"expire-tokens"}' ;;
	esac
	sleep 1
done
all_there() { [ "$(wc -l <all)" -ge "$count" ]; }
wait_for all_there
is "$(jq -r '.parts[0].text' all | awk '{ if ($3 != last[$2] + 1) disorder++; last[$2] = $3 } END { print NR, disorder + 0 }')" "$count 0" \
	"$count messages in $seconds s, each once, in order"
mkdir -p "$plot"
cp memory.tsv "$plot/memory.tsv"
draw memory.tsv >"$plot/memory.svg"
# the mean of the second quarter beside that of the last one
growth=$(awk '{ y[NR] = $2 } END { q = int(NR / 4); for (i = q; i < 2 * q; i++) a += y[i]; for (i = 3 * q; i < 4 * q; i++) b += y[i]
	printf "%d", q ? (b - a) * 100 / a : 0 }' memory.tsv)
diag "memory: $(sort -n -k2 memory.tsv | tail -n 1 | cut -d' ' -f2) kB at most, drawn in build/soak/memory.svg"
ok "and a flat memory line ($growth % growth)" test "$growth" -le 5
kill "$listener_pid"
wait "$listener_pid"
is $? 143 'a clean end'
finish
