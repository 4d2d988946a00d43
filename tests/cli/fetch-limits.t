#!/usr/bin/env bash
# fetch-links: each limit, tested below, at and above its value. Size and depth of lines: tests/unit/attachment.c.
. "${0%/*}/../lib/tap.sh"
# shellcheck source=../lib/hostile.sh
. "$tests_dir/lib/hostile.sh"
hostile
cases=0

# limit NAME STATUS LINK [OPTION...]
limit() {
	local name=$1 wanted=$2 link=$3
	shift 3
	cases=$((cases + 1))
	run kandy fetch-links -D "got$cases" --retry 0 "$@" "$link"
	is "$status" "$wanted" "$name"
	if [ "$wanted" != 0 ]; then
		is "$(ls -A "got$cases")" '' "$name: no file is left"
	fi
}

limit 'a file below --max-filesize' 0 /f/999/a --max-filesize 1000
limit 'a file at --max-filesize' 0 /f/1000/a --max-filesize 1000
limit 'a file above --max-filesize' 65 /f/1001/a --max-filesize 1000
like "$err" '1000 bytes \(--max-filesize\)' 'the limit is named'
limit '--max-filesize 0' 0 /f/1001/a --max-filesize 0
limit 'chunked, below --max-filesize' 0 '/f/999/a?chunked' --max-filesize 1000
limit 'chunked, at --max-filesize' 0 '/f/1000/a?chunked' --max-filesize 1000
limit 'chunked, above --max-filesize' 65 '/f/1001/a?chunked' --max-filesize 1000
limit 'a false Content-Length above the limit' 65 '/f/10/a?length=9223372036854775807' --max-filesize 1000
limit 'a Content-Length beyond 64 bits is ignored' 0 '/f/10/a?length=99999999999999999999999'
part big 1001 /f/1001/a >line
: >"$asked"
run_in line kandy fetch-links -D gotbig --max-filesize 1000
is "$status $(cat "$asked")" '1 ' 'a size in the message above the limit causes no request'

for total in 2999 3000 3001; do
	{ part a 1000 /f/1000/a; part b 1000 /f/1000/b; part c 1000 /f/1000/c; } >lines
	run_in lines kandy fetch-links -D "total$total" --max-total $total
	cases=$((cases + 1))
	is "$status $(find "total$total" -type f | wc -l)" "$([ $total -lt 3000 ] && echo 1 2 || echo 0 3)" "--max-total $total for three files of 1000"
done
{ part a null '/f/1000/a?chunked'; part b null '/f/1000/b?chunked'; part c 10 /f/10/c; } >lines
run_in lines kandy fetch-links -D totalc -j 1 --max-total 1500
is "$(jq -c '.parts[0].bytes' "$out" | tr '\n' ' ')" '1000 null 10 ' 'rejected bytes do not count against --max-total'

{ part a 1000 /f/1000/a; part b null '/f/300/b?length=400&none'; part c 500 /f/500/c; } >lines
run_in lines kandy fetch-links -D totald -j 1 --retry 0 --max-total 1500
is "$(jq -c '.parts[0].bytes' "$out" | tr '\n' ' ')" '1000 null 500 ' 'announced but missing bytes do not count against --max-total'

for hops in 4 5 6; do
	limit "$hops redirects" "$([ $hops -le 5 ] && echo 0 || echo 76)" "/f/10/h?hops=$hops"
done
size=$(curl -s -o /dev/null -w '%{size_header}' "$base/f/10/h?headers=60000&fill=1")
for bytes in 65535 65536 65537; do
	limit "$bytes bytes of headers" "$([ $bytes -le 65536 ] && echo 0 || echo 76)" "/f/10/h?headers=60000&fill=$((1 + bytes - size))"
done
like "$err" 'response headers exceed 64 KiB' 'the limit is named'
limit 'one line of 150000 bytes' 76 '/f/10/h?fill=150000'
like "$err" 'response headers exceed 64 KiB' 'a long header line has the same limit'
limit 'an endless coded body that decodes to nothing' 76 '/f/10/h?coding=gzip,chunked' --max-time 60s
like "$err" 'unexpected transfer coding' 'a transfer coding is refused at once'
for bytes in 262143 262144 262145; do
	limit "an error with $bytes bytes" "$([ $bytes -le 262144 ] && echo 77 || echo 76)" "/f/10/h?error=$bytes"
done
long=$(head -c 8100 </dev/zero | tr '\0' x)
while [ ${#long} -lt $((8191 - ${#base} - 8)) ]; do long+=x; done
limit 'a URL below its limit' 0 "$base/f/10/${long%x}?n"
limit 'a URL at its limit' 0 "$base/f/10/${long}?n"
limit 'a URL above its limit' 65 "$base/f/10/${long}x?nn"

for parts in 999 1000 1001; do
	perl -e 'my $n = shift; print q({"parts":[), join(",", map { qq({"type":"file","name":"$_"}) } 1 .. $n), "]}\n"' $parts >line
	run_in line kandy fetch-links -D parts
	cases=$((cases + 1))
	is "$(jq '[.parts[]|select(.error.message|startswith("more than 1000"))]|length' "$out")" "$([ $parts -gt 1000 ] && echo 1 || echo 0)" "$parts parts in a line"
done

perl -e 'print q({"parts":[), join(",", (q({"type":"file","name":"n","rawURL":"/f/1/n"})) x 1000), "]}\n"' >line
run_in line kandy fetch-links -D thousand --clobber -j 8
is "$status $(jq '[.parts[]|select(.bytes==1)]|length' "$out")" '0 1000' 'a thousand parts are downloaded'

# memory does not grow with the number of waiting parts
parts_lines() { perl -e 'my $line = q({"parts":[) . join(",", (q({"type":"file"})) x 1000) . "]}\n"; print $line for 1 .. shift' "$1"; }
peak() { # kilobytes, once all lines are answered
	mkfifo pipe
	# AddressSanitizer keeps what was freed, up to a limit that a run like this one does not reach
	ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=0:thread_local_quarantine_size_kb=0 \
		"$KANDY_BIN" fetch-links -q -D parts <pipe >results 2>/dev/null &
	pid=$!
	exec 8>pipe
	parts_lines "$1" >&8
	wait_for answered "$1" || diag "only $(wc -l <results) of $1 lines were answered" >&2
	sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$pid/status"
	exec 8>&-
	wait "$pid"
	rm pipe
}
answered() { [ "$(wc -l <results)" -ge "$1" ]; }
small=$(peak 20) large=$(peak 200)
diag "memory: $small kB for 20 lines of 1000 parts, $large kB for 200"
ok 'memory does not grow with the number of parts' test "$large" -lt $((small + 4096))

limit 'a transfer above --speed-limit' 0 '/f/300000/s?drip=6000,100' --speed-limit 2k --speed-time 4s
limit 'a transfer below --speed-limit' 75 '/f/60000/s?drip=100,100' --speed-limit 2k --speed-time 1s
like "$err" 'slower than 2048 bytes/s' 'the limit is named'
limit 'a transfer without any data' 75 "/f/10/s?hold=$PWD/never" --speed-time 1s
# responses that are not the file have the normal timeouts; each of these would take minutes
began=$SECONDS
limit 'an error below the speed limit' 77 '/f/10/s?error=250000&drip=100,100' --speed-limit 2k --speed-time 1s
limit 'an error longer than --timeout' 77 '/f/10/s?error=250000&drip=100,100' --speed-limit 0 --timeout 1s
limit 'a redirect below the speed limit' 75 '/f/10/s?hops=1&drip=1,20000' --speed-limit 2k --speed-time 1s
like "$err" 'response from .* incomplete after 1 s' 'the timeout is named'
limit 'a redirect longer than --timeout' 75 '/f/10/s?hops=1&drip=1,20000' --speed-limit 0 --timeout 1s
limit 'a slow redirect within the limits' 0 '/f/10/s?hops=1&drip=3,10' --speed-limit 2k --speed-time 1s
ok 'all of them ended early' test $((SECONDS - began)) -lt 100
limit 'a transfer within --max-time' 0 '/f/6000/s?drip=3000,100' --max-time 100s
limit 'a transfer beyond --max-time' 75 '/f/60000/s?drip=100,100' --max-time 1s

# the reader skips the rest of a line after 16 MiB and continues with the next line
{ printf '{"a":"'; head -c $((16 * 1024 * 1024 - 8)) </dev/zero | tr '\0' x; echo '"}'
printf '{"a":"'; head -c $((16 * 1024 * 1024 - 7)) </dev/zero | tr '\0' x; echo '"}'; echo '{"n":1}'; } >lines
run_in lines kandy fetch-links -D lines.d
is "$status $(wc -c <"$out" | tr -d ' ')" "1 $((16 * 1024 * 1024 + 1 + $(sed -n 2p "$out" | wc -c) + 8))" 'a line at the limit is printed, one above it is not'
json <(sed -n 2,3p "$out") '[.event,.line,.n]' $'["error",2,null]\n[null,null,1]' 'a line above the limit is an error, the next line is printed'
cases=$((cases + 3))
cases limits "$cases"
finish
