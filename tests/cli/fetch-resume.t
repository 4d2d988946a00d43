#!/usr/bin/env bash
# fetch-links: interrupted transfers resume, in the same run or a later one, and never mix bytes of two objects.
. "${0%/*}/../lib/tap.sh"
# shellcheck source=../lib/hostile.sh
. "$tests_dir/lib/hostile.sh"
hostile
wanted 1000000 >want
wanted 1000004 | tail -c +5 >other
cases=0

# fetched NAME STATUS REQUESTS LINK [OPTION...]: REQUESTS are the resume offsets; "0" for the whole file
fetched() {
	local name=$1 wanted_status=$2 requests=$3 link=$4
	shift 4
	: >"$asked"
	cases=$((cases + 1))
	part "case$cases" "${size:-null}" "$link" >line
	run_in line kandy fetch-links -D got --retry-delay 10ms "$@"
	is "$status" "$wanted_status" "$name"
	is "$(sed -n 's/^GET [^ ]* [^ ]* *[^ ]* \(-\|bytes=\([0-9]*\)-\) .*/0\2/p' "$asked" | sed 's/^0\([1-9]\)/\1/' | tr '\n' ' ')" "$requests " "$name: the requested ranges"
	if [ "$wanted_status" = 0 ]; then
		same "${whole:-want}" "got/case$cases" "$name: the file is whole"
		is "$(jq -r '.parts[0].sha256' "$out")" "$(sha256sum <"${whole:-want}" | cut -d' ' -f1)" "$name: the digest is right"
	else
		ok "$name: no file" test ! -e "got/case$cases"
	fi
	is "$(find got -name '*.part*' | wc -l)" "${left:-0}" "$name: partial files"
	rm -f got/*.part*
}

fetched 'no interruption' 0 '0' /f/1000000/a
fetched 'one cut' 0 '0 400000' "/f/1000000/a1?cut=400000,1"
like "$asked" ' bytes=400000- "v1"$' 'a resume has If-Range'
fetched 'three cuts' 0 '0 100000 200000 300000' "/f/1000000/a2?cut=100000,3"
left=2 fetched 'more cuts than retries' 1 '0 100000 200000 300000' "/f/1000000/a3?cut=100000,9"
json "$out" '.parts[0].error|[.kind,.retryable]' '["temporary",true]' 'the error is retryable'
fetched 'a date as validator' 0 '0 400000' "/f/1000000/a4?cut=400000,1&modified"
like "$asked" ' Sun, 22 Nov 2020 10:00:00 GMT$' 'the date is sent in If-Range'
fetched 'no validator: the whole file again' 0 '0 0' "/f/1000000/a5?cut=400000,1&none"
fetched 'a weak validator: the whole file again' 0 '0 0' "/f/1000000/a6?cut=400000,1&weak"
fetched 'a server without ranges' 0 '0 400000' "/f/1000000/a7?cut=400000,1&norange"
fetched 'the object changes meanwhile' 0 '0 400000' "/f/1000000/a8?cut=400000,1&changing"
fetched 'a range at another offset' 0 '0 400000 0' "/f/1000000/a9?cut=400000,1&badrange"
fetched 'a range of another object' 0 '0 400000 0' "/f/1000000/a10?cut=400000,1&badetag"
fetched 'a 206 without Content-Range' 0 '0 400000 0' "/f/1000000/a11?cut=400000,1&norangeheader"
fetched 'chunked, interrupted' 0 '0 300000' "/f/1000000/a12?cut=300000,1&chunked"
fetched 'chunked' 0 '0' "/f/1000000/a13?chunked"
size=1000000 fetched 'the size in the message is right' 0 '0' /f/1000000/a14
size=999999 fetched 'the size in the message is too small' 1 '0' /f/1000000/a15
size=1000001 fetched 'the size in the message is too large' 1 '0' /f/1000000/a16
size=999999 fetched 'the size in the message is too small, chunked' 1 '0' "/f/1000000/a17?chunked"
like "$err" 'size mismatch: the message says 999999 bytes, the server sends more' 'an excess is detected at once'
size=1000001 fetched 'the size in the message is too large, chunked' 1 '0' "/f/1000000/a18?chunked"
fetched 'the server announces more than it sends' 1 '0 0 0 0' "/f/1000000/a19?length=1000001&none"
fetched 'two 503 responses' 0 '0 0 0' "/f/1000000/a20?fail=503,2"
fetched 'a 429 response' 0 '0 0' "/f/1000000/a21?fail=429,1"
fetched 'endless 500 responses' 1 '0 0' "/f/1000000/a22?fail=500,99" --retry 1
fetched 'a 404 is not retried' 1 '0' "/f/1000000/a23?fail=404,99"
fetched 'a refused token is renewed' 0 '0 0' "/f/1000000/a24?need=good1"
fetched 'a token is renewed only once' 1 '0 0' "/f/1000000/a25?need=never"
whole=other fetched 'a 206 that ignores If-Range, with another date' 0 '0 400000 0' "/f/1000000/a27?modified&cut=400000,9;other&modified=23&anyrange"
whole=other fetched 'a 206 of another object with a weak validator' 0 '0 400000 0' "/f/1000000/a28?cut=400000,9;other&weak&anyrange"
whole=other fetched 'a 206 of another object without a validator' 0 '0 400000 0' "/f/1000000/a29?cut=400000,9;other&none&anyrange"
whole=other fetched 'a date first, an ETag in the 206' 0 '0 400000 0' "/f/1000000/a30?modified&cut=400000,9;other&anyrange"
whole=other fetched 'another object instead, interrupted, too' 0 '0 400000 300000' "/f/1000000/a31?cut=400000,9;other&etag=v2&cut=300000,9;other&etag=v2"
fetched 'another object without a validator, interrupted, too' 0 '0 400000 0' "/f/1000000/a32?cut=400000,9;other&none&cut=300000,9;etag=v1"
fetched 'Last-Modified in the same second as Date' 0 '0 0' "/f/1000000/a33?cut=400000,1&modified&second=0"
fetched 'Last-Modified without Date' 0 '0 0' "/f/1000000/a34?cut=400000,1&modified&second="
fetched 'a 206 of a shorter object' 0 '0 400000 0' "/f/1000000/a35?length=1200000&cut=400000,1;etag=v1"
fetched 'a 416 of a shorter object' 0 '0 400000 0' "/f/1000000/a36?cut=400000,1;fail=416,1&total=400000;etag=v1"
fetched 'a 416 of a longer object' 0 '0 400000 0' "/f/1000000/a37?chunked&cut=400000,1;fail=416,1&total=1000001;etag=v1"
fetched 'a 206 with more bytes than announced' 1 '0 400000' "/f/1000000/a38?cut=400000,1;chunked&more=10;etag=v1"
size=1000000 fetched 'a 206 with another size than the message' 1 '0 300000' "/f/1000000/a39?chunked&cut=300000,1;total=1000001"
fetched 'the redirect limit restarts after an interruption' 0 '0 0 0 0 0 400000 400000 400000 400000 400000' "/f/1000000/a40?hops=4&cut=400000,1"
fetched 'a redirect after an interruption' 0 '0 0 400000 400000' "/f/1000000/a26?hops=1&cut=400000,1"
fetched 'a 203 response' 0 '0' "/f/1000000/a41?status=203"
fetched 'a 206 with the whole file' 0 '0' "/f/1000000/a42?whole206"
fetched 'a 206 with the whole file instead of a part' 0 '0 400000' "/f/1000000/a43?cut=400000,1;whole206"
fetched 'two 202 responses with Retry-After' 0 '0 0 0' "/f/1000000/a44?fail=202,2"
fetched 'endless 202 responses' 1 '0 0' "/f/1000000/a45?fail=202,99" --retry 1
like "$err" 'still preparing the file \(status 202\)' 'the error of a 202'
fetched 'a 202 without Retry-After' 1 '0' "/f/1000000/a46?status=202"
fetched 'a Content-Encoding' 1 '0' "/f/1000000/a47?encoding=gzip"
like "$err" "unexpected content coding 'gzip' of a file" 'the error names the coding'
fetched 'a Content-Encoding of an empty file' 1 '0' "/f/0/a48?encoding=br"
fetched 'the coding "identity"' 0 '0' "/f/1000000/a49?encoding=identity"

# ---- a later run ----

# Half of the file was sent, and kandy has read it from its socket and begun to write.
half_there() {
	test -e go.reached && test -s "got/case$cases.part" && grep -q . "got/case$cases.part.info" &&
		awk -v port="$(printf ':%04X$' "${base##*:}")" \
			'$4 == "01" && ($2 ~ port || $3 ~ port) && $5 != "00000000:00000000" { moving = 1 } END { exit moving }' /proc/net/tcp
}
# restart NAME LINK1 LINK2 FIRST: a run that ends while LINK1 hangs, then one with LINK2 that must resume at FIRST
restart() {
	local name=$1 first=$2 second=$3 from=$4 pid
	cases=$((cases + 1))
	part "case$cases" null "$first" >line
	kandy fetch-links -D got <line >/dev/null 2>"$err" &
	pid=$!
	wait_for half_there || diag 'half of it was not received'
	kill -"${signal:-TERM}" "$pid"
	wait "$pid" 2>/dev/null
	touch go
	part "case$cases" null "$second" >line
	: >"$asked"
	run_in line kandy fetch-links -D got
	rm go go.reached
	is "$status" 0 "$name"
	same want "got/case$cases" "$name: the file is whole"
	is "$(jq -r '.parts[0].sha256' "$out")" "$(sha256sum <want | cut -d' ' -f1)" "$name: the digest is right"
	is "$(sed -n 's/.* bytes=\([0-9]*\)- .*/\1/p' "$asked")" "$from" "$name: the resume offset"
	is "$(find got -name '*.part*' | wc -l)" "${left:-0}" "$name: partial files"
	rm -f got/*.part*
}
restart 'ended by SIGTERM' "/f/1000000/b1?hold=$PWD/go" "/f/1000000/b1?hold=$PWD/go" 500000
signal=KILL restart 'killed' "/f/1000000/b2?hold=$PWD/go" "/f/1000000/b2?hold=$PWD/go" "$((500000 / 262144 * 262144))"
left=2 restart 'another link of the same name' "/f/1000000/b3?hold=$PWD/go" "/f/1000000/b4?hold=$PWD/go" ''

# three runs with one try each: a partial file is never continued with bytes of another object
runs() { # NAME WHOLE REQUESTS LINK
	local i
	cases=$((cases + 1))
	part "case$cases" null "$4" >line
	: >"$asked"
	for i in 1 2 3; do run_in line kandy fetch-links -D got --retry 0; done
	is "$status" 0 "$1"
	same "$2" "got/case$cases" "$1: the file is whole"
	is "$(sed -n 's/^GET [^ ]* [^ ]* *[^ ]* \(-\|bytes=\([0-9]*\)-\) .*/0\2/p' "$asked" | sed 's/^0\([1-9]\)/\1/' | paste -sd' ')" "$3" "$1: the requested ranges"
	is "$(find got -name '*.part*' | wc -l)" 0 "$1: no partial file is left"
}
runs 'two cuts' want '0 400000 600000' "/f/1000000/r1?cut=400000,9;cut=200000,9;etag=v1"
runs 'a partial file of one object, resume info of another' want '0 400000 0' "/f/1000000/r2?cut=400000,9;other&none&cut=300000,9;etag=v1"
runs 'resume info of one object, a partial file of another' other '0 400000 300000' "/f/1000000/r3?cut=400000,9;other&etag=v2&cut=300000,9;other&etag=v2"

runs 'a 404 between' want '0 400000 400000' "/f/1000000/r4?cut=400000,9;error=9;etag=v1"
runs 'a 403 between' want '0 400000 400000' "/f/1000000/r5?cut=400000,9;fail=403,1;etag=v1"
runs 'a redirect to another scheme between' want '0 400000 400000' "/f/1000000/r6?cut=400000,9;to=ftp://x/;etag=v1"
runs 'a Content-Encoding between' want '0 400000 400000' "/f/1000000/r7?cut=400000,9;encoding=gzip;etag=v1"

# a full disk, as far as a limit on the size of files is one
cases=$((cases + 1))
part "case$cases" null "/f/1000000/s1" >line
(ulimit -f 600; kandy fetch-links -D got --retry 0 <line >"$out" 2>"$err")
is "$(jq -r '.parts[0].error.kind' "$out") $(stat -c %s "got/case$cases.part")" 'io 614400' 'a full disk: the partial file is kept'
: >"$asked"
run_in line kandy fetch-links -D got
is "$status $(sed -n 's/.* bytes=\([0-9]*\)- .*/\1/p' "$asked") $(find got -name '*.part*' | wc -l)" '0 614400 0' 'a full disk: a later run resumes'
same want "got/case$cases" 'a full disk: the file is whole'

# orphan NAME LINK: the partial file of a killed run, and its resume info, are used again
orphan() {
	run_in line kandy fetch-links -D got
	is "$status $(cd got && echo "case$cases"*)" "0 case$cases" "$1"
	same want "got/case$cases" "$1: the file is whole"
}
cases=$((cases + 1))
part "case$cases" null "/f/1000000/o1" >line
: >"got/case$cases.part"
orphan 'killed before the resume info was written'
cases=$((cases + 1))
part "case$cases" null "/f/1000000/o2" >line
echo bytes >"got/case$cases.part"
printf '{"link":' >"got/case$cases.part.info"
orphan 'killed while the resume info was written'
cases=$((cases + 1))
part "case$cases" null "/f/1000000/o3?none&hold=$PWD/go" >line
kandy fetch-links -D got <line >/dev/null 2>&1 &
pid=$!
wait_for half_there || diag 'half of it was not received'
kill -KILL "$pid"
wait "$pid" 2>/dev/null
touch go
orphan 'killed, without a validator'
rm go go.reached
cases=$((cases + 1))
part "case$cases" null "/f/1000000/o4" >line
echo "someone's" >"got/case$cases.part"
run_in line kandy fetch-links -D got
is "$status $(cat "got/case$cases.part")" "0 someone's" 'a file with bytes, and without resume info, may be of another program: it stays'
rm -f got/*.part*

# not_resumed NAME RESPONSE SIZE1 BYTES SIZE2: a partial file of BYTES from a message with SIZE1 is not resumed for one with SIZE2
not_resumed() {
	cases=$((cases + 1))
	part "case$cases" "$3" "/f/1000000/n$cases?$2;etag=v1" >line
	run_in line kandy fetch-links -D got --retry 0
	[ "$(stat -c %s "got/case$cases.part")" = 400000 ] || diag 'there is no partial file'
	truncate -s "$4" "got/case$cases.part"
	part "case$cases" "$5" "/f/1000000/n$cases?$2;etag=v1" >line
	: >"$asked"
	run_in line kandy fetch-links -D got --retry 0
	is "$(grep -c ' bytes=' "$asked") $(stat -c %s "got/case$cases.part")" "0 $4" "$1"
	rm -f got/*.part*
}
not_resumed 'another size in the message' 'cut=400000,1' 1000000 400000 null
not_resumed 'a partial file longer than the size in the message' 'chunked&cut=400000,1' 1000000 1000001 1000000
not_resumed 'a partial file longer than the length from the server' 'cut=400000,1' null 1000001 null

# announced bytes take no disk space
cases=$((cases + 1))
part "case$cases" null "/f/2000000000/p?cut=300000,9" >line
run_in line kandy fetch-links -D got --retry 0
is "$status $(stat -c %s "got/case$cases.part")" '1 300000' 'an interrupted transfer of 2 GB'
ok 'a partial file has only the blocks that it needs' test "$(stat -c %b "got/case$cases.part")" -le 1000
rm -f got/*.part*

# the partial file is complete: 416
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
is "$status $(sed -n 's/.* bytes=\([0-9]*\)- .*/\1/p' "$asked")" '0 1000000' 'a complete partial file: no bytes are sent again'
same want "got/case$cases" 'a complete partial file gets its final name'
# the same length, but another object
cases=$((cases + 1))
part "case$cases" null "/f/1000000/d?cut=400000,9;other&etag=v2&anyrange" >line
run_in line kandy fetch-links -D got --retry 0
cp want "got/case$cases.part"
run_in line kandy fetch-links -D got
is "$status" 0 'a complete partial file of another object'
same other "got/case$cases" 'the right object is downloaded'
cases 'interrupted transfers' "$cases"
finish
