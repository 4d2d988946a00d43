#!/usr/bin/env bash
# fetch-links: what breaks off goes on where it stopped, in the same run or in a later one, and never puts halves of two things together.
. "${0%/*}/../lib/tap.sh"
# shellcheck source=../lib/hostile.sh
. "$tests_dir/lib/hostile.sh"
hostile
wanted 1000000 >want
wanted 1000004 | tail -c +5 >other
cases=0

# fetched NAME STATUS REQUESTS LINK [OPTION...]: REQUESTS is what was asked: "0" for the whole file, else the first byte
fetched() {
	local name=$1 wanted_status=$2 requests=$3 link=$4
	shift 4
	: >"$asked"
	cases=$((cases + 1))
	part "case$cases" "${size:-null}" "$link" >line
	run_in line kandy fetch-links -D got --retry-delay 10ms "$@"
	is "$status" "$wanted_status" "$name"
	is "$(sed -n 's/^GET [^ ]* [^ ]* *[^ ]* \(-\|bytes=\([0-9]*\)-\) .*/0\2/p' "$asked" | sed 's/^0\([1-9]\)/\1/' | tr '\n' ' ')" "$requests " "$name: asked for the right bytes"
	if [ "$wanted_status" = 0 ]; then
		same "${whole:-want}" "got/case$cases" "$name: the file is whole"
		is "$(jq -r '.parts[0].sha256' "$out")" "$(sha256sum <"${whole:-want}" | cut -d' ' -f1)" "$name: and its digest is right"
	else
		ok "$name: no file" test ! -e "got/case$cases"
	fi
	is "$(find got -name '*.part*' | wc -l)" "${left:-0}" "$name: what is left over"
	rm -f got/*.part*
}

fetched 'nothing happens' 0 '0' /f/1000000/a
fetched 'one cut' 0 '0 400000' "/f/1000000/a1?cut=400000,1"
like "$asked" ' bytes=400000- "v1"$' 'with If-Range'
fetched 'three cuts' 0 '0 100000 200000 300000' "/f/1000000/a2?cut=100000,3"
left=2 fetched 'more cuts than retries' 1 '0 100000 200000 300000' "/f/1000000/a3?cut=100000,9"
json "$out" '.parts[0].error|[.kind,.retryable]' '["temporary",true]' 'it may be tried again'
fetched 'a date as validator' 0 '0 400000' "/f/1000000/a4?cut=400000,1&modified"
like "$asked" ' Sun, 22 Nov 2020 10:00:00 GMT$' 'goes into If-Range'
fetched 'no validator: the whole again' 0 '0 0' "/f/1000000/a5?cut=400000,1&none"
fetched 'a weak validator is none' 0 '0 0' "/f/1000000/a6?cut=400000,1&weak"
fetched 'a server without ranges sends the whole' 0 '0 400000' "/f/1000000/a7?cut=400000,1&norange"
fetched 'another object meanwhile' 0 '0 400000' "/f/1000000/a8?cut=400000,1&changing"
fetched 'a range from another place' 0 '0 400000 0' "/f/1000000/a9?cut=400000,1&badrange"
fetched 'a range of another object' 0 '0 400000 0' "/f/1000000/a10?cut=400000,1&badetag"
fetched 'a range that does not say from where' 0 '0 400000 0' "/f/1000000/a11?cut=400000,1&norangeheader"
fetched 'chunks without an end' 0 '0 300000' "/f/1000000/a12?cut=300000,1&chunked"
fetched 'chunks' 0 '0' "/f/1000000/a13?chunked"
size=1000000 fetched 'the size of the message is right' 0 '0' /f/1000000/a14
size=999999 fetched 'is too small' 1 '0' /f/1000000/a15
size=1000001 fetched 'is too large' 1 '0' /f/1000000/a16
size=999999 fetched 'is too small, and the server does not say' 1 '0' "/f/1000000/a17?chunked"
like "$err" 'size mismatch: the message says 999999 bytes, the server sends more' 'an excess is detected at once'
size=1000001 fetched 'is too large, and the server does not say' 1 '0' "/f/1000000/a18?chunked"
fetched 'the server promises more than it sends' 1 '0 0 0 0' "/f/1000000/a19?length=1000001&none"
fetched 'a server that fails twice' 0 '0 0 0' "/f/1000000/a20?fail=503,2"
fetched 'one that limits the rate' 0 '0 0' "/f/1000000/a21?fail=429,1"
fetched 'one that fails for ever' 1 '0 0' "/f/1000000/a22?fail=500,99" --retry 1
fetched 'a 404 is not asked again' 1 '0' "/f/1000000/a23?fail=404,99"
fetched 'a token that is refused is renewed once' 0 '0 0' "/f/1000000/a24?need=good1"
fetched 'and only once' 1 '0 0' "/f/1000000/a25?need=never"
whole=other fetched 'a range that ignores the condition, its date shows it' 0 '0 400000 0' "/f/1000000/a27?modified&cut=400000,9;other&modified=23&anyrange"
whole=other fetched 'a range of another object with a weak validator' 0 '0 400000 0' "/f/1000000/a28?cut=400000,9;other&weak&anyrange"
whole=other fetched 'a range of another object without one' 0 '0 400000 0' "/f/1000000/a29?cut=400000,9;other&none&anyrange"
whole=other fetched 'a range of an object that had a date, and now an ETag' 0 '0 400000 0' "/f/1000000/a30?modified&cut=400000,9;other&anyrange"
whole=other fetched 'the whole of another object, cut in turn' 0 '0 400000 300000' "/f/1000000/a31?cut=400000,9;other&etag=v2&cut=300000,9;other&etag=v2"
fetched 'the whole of one without a validator, cut in turn' 0 '0 400000 0' "/f/1000000/a32?cut=400000,9;other&none&cut=300000,9;etag=v1"
fetched 'a date within its second' 0 '0 0' "/f/1000000/a33?cut=400000,1&modified&second=0"
fetched 'a date, and no word on when that was said' 0 '0 0' "/f/1000000/a34?cut=400000,1&modified&second="
fetched 'a range of something shorter' 0 '0 400000 0' "/f/1000000/a35?length=1200000&cut=400000,1;etag=v1"
fetched 'the end of something shorter' 0 '0 400000 0' "/f/1000000/a36?cut=400000,1;fail=416,1&total=400000;etag=v1"
fetched 'the end of something that is not what is there' 0 '0 400000 0' "/f/1000000/a37?chunked&cut=400000,1;fail=416,1&total=1000001;etag=v1"
fetched 'a rest that is longer than it says' 1 '0 400000' "/f/1000000/a38?cut=400000,1;chunked&more=10;etag=v1"
size=1000000 fetched 'a rest of something that the message does not mean' 1 '0 300000' "/f/1000000/a39?chunked&cut=300000,1;total=1000001"
fetched 'redirects are counted anew after a cut' 0 '0 0 0 0 0 400000 400000 400000 400000 400000' "/f/1000000/a40?hops=4&cut=400000,1"
fetched 'a redirect after a cut' 0 '0 0 400000 400000' "/f/1000000/a26?hops=1&cut=400000,1"

# ---- a later run ----

# Half of the file was sent, and nothing of it is on its way any more: kandy has taken it from its socket, and begun to write.
half_there() {
	test -e go.reached && test -s "got/case$cases.part" && grep -q . "got/case$cases.part.info" &&
		awk -v port="$(printf ':%04X$' "${base##*:}")" \
			'$4 == "01" && ($2 ~ port || $3 ~ port) && $5 != "00000000:00000000" { moving = 1 } END { exit moving }' /proc/net/tcp
}
# restart NAME LINK1 LINK2 FIRST: a run that ends while LINK1 hangs, then one with LINK2 that must ask from FIRST on
restart() {
	local name=$1 first=$2 second=$3 from=$4 pid
	cases=$((cases + 1))
	part "case$cases" null "$first" >line
	kandy fetch-links -D got <line >/dev/null 2>"$err" &
	pid=$!
	wait_for half_there || diag 'half of it did not come'
	kill -"${signal:-TERM}" "$pid"
	wait "$pid" 2>/dev/null
	touch go
	part "case$cases" null "$second" >line
	: >"$asked"
	run_in line kandy fetch-links -D got
	rm go go.reached
	is "$status" 0 "$name"
	same want "got/case$cases" "$name: the file is whole"
	is "$(jq -r '.parts[0].sha256' "$out")" "$(sha256sum <want | cut -d' ' -f1)" "$name: and its digest is right"
	is "$(sed -n 's/.* bytes=\([0-9]*\)- .*/\1/p' "$asked")" "$from" "$name: asked from there"
	is "$(find got -name '*.part*' | wc -l)" "${left:-0}" "$name: what is left over"
	rm -f got/*.part*
}
restart 'ended by SIGTERM' "/f/1000000/b1?hold=$PWD/go" "/f/1000000/b1?hold=$PWD/go" 500000
signal=KILL restart 'killed' "/f/1000000/b2?hold=$PWD/go" "/f/1000000/b2?hold=$PWD/go" "$((500000 / 262144 * 262144))"
left=2 restart 'another link of the same name' "/f/1000000/b3?hold=$PWD/go" "/f/1000000/b4?hold=$PWD/go" ''

# three runs, each of which has one try: what a part begins with is never gone on with as something else
runs() { # NAME WHOLE REQUESTS LINK
	local i
	cases=$((cases + 1))
	part "case$cases" null "$4" >line
	: >"$asked"
	for i in 1 2 3; do run_in line kandy fetch-links -D got --retry 0; done
	is "$status" 0 "$1"
	same "$2" "got/case$cases" "$1: the file is whole"
	is "$(sed -n 's/^GET [^ ]* [^ ]* *[^ ]* \(-\|bytes=\([0-9]*\)-\) .*/0\2/p' "$asked" | sed 's/^0\([1-9]\)/\1/' | paste -sd' ')" "$3" "$1: what was asked for"
	is "$(find got -name '*.part*' | wc -l)" 0 "$1: nothing is left over"
}
runs 'two cuts' want '0 400000 600000' "/f/1000000/r1?cut=400000,9;cut=200000,9;etag=v1"
runs 'a part of one object, the note of another' want '0 400000 0' "/f/1000000/r2?cut=400000,9;other&none&cut=300000,9;etag=v1"
runs 'and the other way round' other '0 400000 300000' "/f/1000000/r3?cut=400000,9;other&etag=v2&cut=300000,9;other&etag=v2"

# noted NAME ANSWER SIZE1 BYTES SIZE2: a part of a message that says SIZE1, BYTES long now, is not gone on with for one that says SIZE2
noted() {
	cases=$((cases + 1))
	part "case$cases" "$3" "/f/1000000/n$cases?$2;etag=v1" >line
	run_in line kandy fetch-links -D got --retry 0
	[ "$(stat -c %s "got/case$cases.part")" = 400000 ] || diag 'there is no part'
	truncate -s "$4" "got/case$cases.part"
	part "case$cases" "$5" "/f/1000000/n$cases?$2;etag=v1" >line
	: >"$asked"
	run_in line kandy fetch-links -D got --retry 0
	is "$(grep -c ' bytes=' "$asked") $(stat -c %s "got/case$cases.part")" "0 $4" "$1"
	rm -f got/*.part*
}
noted 'another size in the message' 'cut=400000,1' 1000000 400000 null
noted 'a part that is longer than the message says' 'chunked&cut=400000,1' 1000000 1000001 1000000
noted 'a part that is longer than the server said' 'cut=400000,1' null 1000001 null

# what a server promises takes no room on the disk
cases=$((cases + 1))
part "case$cases" null "/f/2000000000/p?cut=300000,9" >line
run_in line kandy fetch-links -D got --retry 0
is "$status $(stat -c %s "got/case$cases.part")" '1 300000' 'a part of two promised gigabytes'
ok '... has no more blocks than it needs' test "$(stat -c %b "got/case$cases.part")" -le 1000
rm -f got/*.part*

# all bytes are there, only the name is missing: 416 says so
cases=$((cases + 1))
part "case$cases" null "/f/1000000/c?hold=$PWD/go" >line
kandy fetch-links -D got <line >/dev/null 2>"$err" &
pid=$!
wait_for half_there
kill -TERM $pid
wait $pid
touch go
cp want "got/case$cases.part"
: >"$asked"
run_in line kandy fetch-links -D got
is "$status $(sed -n 's/.* bytes=\([0-9]*\)- .*/\1/p' "$asked")" '0 1000000' 'a part that is whole: nothing is sent again'
same want "got/case$cases" 'and it gets its name'
# as many bytes, but of another object
cases=$((cases + 1))
part "case$cases" null "/f/1000000/d?cut=400000,9;other&etag=v2&anyrange" >line
run_in line kandy fetch-links -D got --retry 0
cp want "got/case$cases.part"
run_in line kandy fetch-links -D got
is "$status" 0 'a part that is as long as something else'
same other "got/case$cases" 'is not taken for it'
cases 'interrupted transfers' "$cases"
finish
