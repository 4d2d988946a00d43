#!/usr/bin/env bash
# fetch-links: lines, links, names, the manifest, thumbnails, order, signals.
. "${0%/*}/../lib/tap.sh"
# shellcheck source=../lib/hostile.sh
. "$tests_dir/lib/hostile.sh"
hostile

# ---- lines in, lines out ----

wanted 100000 >want
cat >lines <<'END'
 { "event" : "typing", "n":1.10, "n":10000000000000000001 }
{"event":"message","messageId":"m1","parts":[{"type":"text","text":"hi \u00e9"},{"type":"file","name":"../a b.bin","size":100000,"x-id":"7","rawURL":"/f/100000/x","url":null}],"z":[ ]}

not json
[1]
{"event":"message","parts":[{"type":"file","name":"none"},{"type":"file","name":"gone","rawURL":"/no/such"}]}
{"last":true}
END
run_in lines kandy fetch-links -D in/box
is "$status" 1 'exit status 1 if some downloads fail'
is "$(wc -l <"$out")" 6 'one line for each line, except blank lines'
is "$(sed -n 1p "$out")" "$(sed -n 1p lines)" 'a line without attachments is unchanged'
is "$(sed -n 2p "$out")" '{"event":"message","messageId":"m1","parts":[{"type":"text","text":"hi \u00e9"},{"type":"file","name":"../a b.bin","size":100000,"x-id":"7","rawURL":"/f/100000/x","url":"file://'"$PWD"'/in/box/a%20b.bin","path":"'"$PWD"'/in/box/a b.bin","bytes":100000,"sha256":"'"$(sha256sum <want | cut -d' ' -f1)"'"}],"z":[ ]}' \
	'a file part is completed, the rest of the line is unchanged'
same want 'in/box/a b.bin' 'the file has the bytes of the server'
is "$(stat -c %a in/box)" 700 'the directory is created with mode 0700'
is "$(sed -n 3p "$out" | jq -c '[.event,.line,.status,.error.kind]')" '["error",4,"failed","data"]' 'a line that is not JSON becomes an error line'
is "$(sed -n 4p "$out" | jq -c '[.event,.line]')" '["error",5]' 'a line that is not an object becomes an error line'
is "$(sed -n 3,5p "$out" | jq -c '[.error, .parts[]?.error] | map(select(.) | keys) | unique')" "$(printf '[["code","http","kind","message","retryable"]]\n%.0s' 1 2 3)" \
	'every error has the same keys'
is "$(sed -n 5p "$out" | jq -c '[.parts[].error|.kind,.http]')" '["data",null,"refused",404]' 'failed parts have an error'
is "$(sed -n 6p "$out")" '{"last":true}' 'the next line is printed'
like "$err" "^kandy: fetch-links: line 4: invalid JSON" 'stderr names the bad line'
like "$err" "^kandy: fetch-links: cannot download 'gone': " 'stderr names the missing attachment'
is "$(ls -A in/box)" 'a b.bin' 'nothing else is in the directory'
is "$(cut -d' ' -f1,2 "$asked" | sort | tr '\n' ' ')" 'GET /f/100000/x GET /no/such ' 'there were no other requests'

# ---- operands ----

run kandy fetch-links -D ops "$base/f/10/ten%20bytes" /f/20/twenty
is "$status" 0 'links as operands: exit status'
json "$out" '[.event,.parts[0].name,.parts[0].bytes]' $'["file","ten bytes",10]\n["file","twenty",20]' 'links as operands: lines'
run kandy fetch-links -D ops /f/10/gone?error=9
is "$status" 77 'a single link that fails: exit status of the failure'
is "$(grep -c '' "$err")" 1 'the error is printed once'
run kandy fetch-links -D ops https://127.0.0.1:1/x
is "$status" 65 'a link to another host is refused'
like "$err" 'use --allow-host if you trust that host' 'the error suggests --allow-host'

# ---- existing names ----

run kandy fetch-links -D ops /f/11/twenty
json "$out" '.parts[0].path' "\"$PWD/ops/twenty-2\"" 'an existing file is not overwritten'
is "$(stat -c %s ops/twenty)" 20 'the existing file is unchanged'
run kandy fetch-links -D ops --clobber /f/12/twenty
is "$(stat -c %s ops/twenty)" 12 '--clobber overwrites a file'
{ part same 13 /f/13/x; part same 14 /f/14/x; } >two
run_in two kandy fetch-links -D ops
is "$(jq -r '.parts[0].path' "$out" | xargs -n1 basename | sort | tr '\n' ' ')" 'same same-2 ' 'two files of the same name in one run'
ln -s "$HOME/pw" ops/trap
mkdir ops/dir
run kandy fetch-links -D ops /f/5/trap /f/5/dir
is "$status $(cat "$HOME/pw")" '0 secret-of-eve' 'an existing symbolic link is not followed'
is "$(stat -c %s ops/trap-2 ops/dir-2 | tr '\n' ' ')" '5 5 ' 'a link and a directory count as existing files'

# ---- skip-existing, manifest ----

part one 1000 /f/1000/x >line
run_in line kandy fetch-links -D skip --skip-existing
json "$out" '.parts[0]|[.bytes,.skipped]' '[1000,null]' 'the first run downloads'
: >"$asked"
run_in line kandy fetch-links -D skip --skip-existing
json "$out" '.parts[0]|[.bytes,.skipped,(.sha256|length),.path]' "[1000,true,64,\"$PWD/skip/one\"]" 'the second run skips'
is "$(cat "$asked")" '' 'there was no request'
sed 's/m-one/m-two/' line >other
run_in other kandy fetch-links -D skip --skip-existing
json "$out" '.parts[0]|[.skipped,.path]' "[null,\"$PWD/skip/one-2\"]" 'the same link in another message is downloaded'
rm skip/one
run_in line kandy fetch-links -D skip --skip-existing
json "$out" '.parts[0]|[.skipped,.path]' "[null,\"$PWD/skip/one\"]" 'a deleted file is downloaded again'
printf '{"messageId":"m-one","rawURL":"/f/1000/x","path":"%s/SKIP/list2","bytes":1000,"sha256":"0"}\n' "$PWD" >skip/.kandy-fetched.jsonl
head -c 1000 /dev/zero >skip/list2
run_in line kandy fetch-links -D skip --skip-existing
json "$out" '.parts[0].skipped' null 'a manifest entry outside the directory is ignored'
rm skip/list2
part one 999 /f/1000/x | sed 's/999/1001/' >longer
run_in longer kandy fetch-links -D skip --skip-existing
json "$out" '.parts[0]|[.skipped,.error.kind]' '[null,"protocol"]' 'an entry with another size is ignored'
chmod 620 skip/.kandy-fetched.jsonl
run_in line kandy fetch-links -D skip --skip-existing
is "$status" 78 'a manifest writable by others is refused'
like "$err" "manifest '.kandy-fetched.jsonl' is writable by others \(mode 0620\); run 'chmod go-w" 'the error says how to fix the mode'
chmod 600 skip/.kandy-fetched.jsonl
if [ "$(id -u)" = 0 ]; then
	chown 65534 skip/.kandy-fetched.jsonl
	run_in line kandy fetch-links -D skip --skip-existing
	is "$status" 78 'a manifest of another user is refused'
	like "$err" "manifest '.kandy-fetched.jsonl' belongs to another user" 'the error names the reason'
	chown 0 skip/.kandy-fetched.jsonl
	chown 65534 skip/one-3
fi
run_in line kandy fetch-links -D skip --skip-existing
json "$out" '.parts[0]|[.skipped,.path]' "$([ "$(id -u)" = 0 ] && echo "[null,\"$PWD/skip/one-4\"]" || echo "[true,\"$PWD/skip/one-3\"]")" 'a file of another user is not skipped'
rm -f skip/one-[34]
run_in line kandy fetch-links -D skip --manifest list
is "$(jq -c '[.event,.messageId,.rawURL,.bytes,(.path|sub(".*/";"")),(.sha256|length)]' list)" '["fetched","m-one","/f/1000/x",1000,"one-3",64]' 'the manifest has a line for each file'
is "$(stat -c %a list)" 600 'the manifest has mode 0600'
run kandy fetch-links --clobber --skip-existing x
is "$status" 64 '--clobber with --skip-existing is refused'

# ---- thumbnails ----

echo '{"parts":[{"type":"file","name":"p.png","rawURL":"/f/10/p","thumbnailURL":"/f/5/t"},{"type":"file","name":"q.png","rawURL":"/f/11/q","thumbnailURL":null},{"type":"file","name":"r.png","rawURL":"/f/12/r","thumbnailURL":"/no"}]}' >line
run_in line kandy fetch-links -D thumb
is "$status $(ls thumb | tr '\n' ' ')" '0 p.png q.png r.png ' 'thumbnails are not downloaded by default'
run_in line kandy fetch-links -D thumb --clobber --thumbnails
is "$status $(ls thumb | tr '\n' ' ')" '1 p-thumbnail.png p.png q.png r.png ' '--thumbnails downloads them'
json "$out" '.parts[]|[.bytes,.thumbnail.bytes,(.thumbnail.path//""|sub(".*/";"")),.thumbnail.error.http]' \
	$'[10,5,"p-thumbnail.png",null]\n[11,null,"",null]\n[12,null,"",404]' 'the part has the result of the thumbnail'

# ---- order and streaming ----

{ part slow 100000 "/f/100000/s?hold=$PWD/go"; part quick 10 /f/10/q; echo '{"n":1}'; } >lines
kandy fetch-links -D order -j 4 <lines >ordered 2>"$err" &
pid=$!
ok 'a quick download does not wait for a slow one' wait_for test -e order/quick
is "$(cat ordered)" '' 'the line of the quick download waits'
touch go
wait $pid
is "$? $(jq -c '.parts[0].name?,.n?' ordered | tr '\n' ' ')" '0 "slow" null "quick" null null 1 ' 'lines are printed in input order'
rm go
kandy fetch-links -D order2 -j 4 --unordered <lines >unordered 2>"$err" &
pid=$!
ok '--unordered prints complete lines at once' wait_for grep -q '"n":1' unordered
unlike unordered slow '--unordered: the slow line is not printed yet'
touch go
wait $pid
is "$(wc -l <unordered)" 3 '--unordered: the slow line is printed last'

mkfifo feed
kandy fetch-links -D stream <feed >streamed 2>"$err" &
pid=$!
exec 7>feed
echo '{"n":1}' >&7
ok 'a line is printed while stdin stays open' wait_for grep -q '"n":1' streamed
part s1 10 /f/10/x >&7
ok 'a file is downloaded while stdin stays open' wait_for grep -q '"bytes":10' streamed
printf '{"n":' >&7
{ echo '2}'; part s2 20 /f/20/x; } >&7
ok 'a line that is written in two pieces' wait_for grep -q '"n":2' streamed
ok 'another file is downloaded while stdin stays open' wait_for grep -q '"bytes":20' streamed
exec 7>&-
wait $pid
is $? 0 'end of stdin ends the run'

yes '{"a":"b"}' | head -n 50000 >many
run_in many kandy fetch-links -D many.d
same many "$out" 'many lines are printed'
{ head -c 3000 </dev/zero | tr '\0' '['; echo; } >deep
run_in deep kandy fetch-links -D many.d
is "$status" 1 'deeply nested JSON is an error'

# ---- signals and pipes ----

{ part never 100000 "/f/100000/n?hold=$PWD/nothing"; part late 10 /f/10/late; echo '{"n":3}'; } >lines
kandy fetch-links -D ended -j 1 <lines >printed 2>"$err" &
pid=$!
ok 'a transfer hangs' wait_for test -e ended/never.part
kill -TERM $pid
wait $pid
is $? 143 'SIGTERM ends it'
is "$(jq -c '[.parts[0].name?,.parts[0].error.kind?,.n?]' printed | tr '\n' ' ')" '["never","interrupted",null] ["late","interrupted",null] [null,null,3] ' \
	'lines that were read are printed with an error'
{ part x 10 /f/10/x; yes '{"n":1}' | head -n 100000; } >lines
kandy fetch-links -D pipe <lines 2>"$err" | head -n 1 >/dev/null
is "${PIPESTATUS[0]}" 141 'a closed pipe ends the run'
is "$(cat "$err")" '' 'a closed pipe causes no message'

# ---- errors ----

touch file
run kandy fetch-links -D file/x /f/1/a
is "$status" 73 'a directory that cannot be created'
run_in lines env XDG_STATE_HOME="$PWD/none" kandy fetch-links -D nologin
is "$status" 77 'not logged in'
is "$(cat "$out")" '' 'not logged in: no output'
run kandy fetch-links --allow-host http://x/ y
is "$status" 64 'an invalid --allow-host'
kandy fetch-links --help --all | tr -s ' \n' ' ' >help
like help 'the exit status is 1.*single LINK operand, the exit status is that of the failure' 'the help explains the exit status'

finish
