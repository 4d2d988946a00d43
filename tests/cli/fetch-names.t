#!/usr/bin/env bash
# fetch-links: whatever a message calls its attachment, the file is in the directory, under a sane name, and nothing else is touched.
. "${0%/*}/../lib/tap.sh"
# shellcheck source=../lib/hostile.sh
. "$tests_dir/lib/hostile.sh"
hostile

# A name a line, as a JSON string; made by perl, since no file of ours should have to hold such bytes.
perl -CO -e '
	my @names = (
		"../evil", "../../evil", "../../../../../../../../tmp/kandy-evil", "/tmp/kandy-evil", "//tmp//kandy-evil", "..", ".", "/", "",
		"a/../../evil", "..\\\\..\\\\evil", "C:\\\\evil", "C:evil", "\\\\\\\\host\\\\share", "evil/", "../", "sub/evil",
		"~/evil", "~root", "-rf", "--output=evil", "-", "--", ".evil", "..evil", ".ssh/authorized_keys", ".kandy-fetched.jsonl",
		"\\u0000", "a\\u0000b", "a\\u0000/../../evil", "\\u0000../evil", "a\\nb", "a\\rb", "a\\tb", "\\u001b[2Jevil", "\\u001b]0;evil\\u0007",
		"\\u0085evil", "\\u009b31mevil", "\\u202egnp.exe", "evil\\u202etxt.exe", "\\u2066evil\\u2069", "\\u200fevil", "\\u2028evil", "\\ufeffevil",
		"\\ud800evil", "\\udfffevil", "\\ud83d\\ude00", "\\uffff", "CON", "nul.txt", "com1", "LPT1.x", "aux ", "a:b", "a|b", "a*b?", "<evil>", "\\\"evil\\\"",
		"evil.", "evil ", " evil", "evil...", ". .", "%2e%2e%2fevil", "%00", "\$(touch evil)", "`touch evil`", "; touch evil", "& touch evil",
		"evil.part", "evil.part.info", "x.png.part", "planted", "planted-dir", "planted-fifo", "planted-dangling", "same", "same", "same", "SAME",
		"a" x 255, "a" x 256, "a" x 5000, ("a" x 250) . ".tar.gz", "\x{e9}" x 127, "\x{e9}" x 128, "\x{20ac}" x 85, "\x{20ac}" x 86, "\x{1f600}" x 63,
		"\x{1f600}" x 64, ("\x{e9}" x 200) . ".jpeg", "x." . "y" x 300, "." x 300, "/" x 300, "../" x 300 . "evil", "-" x 300, " " x 300,
		"e\x{301}vil", "\x{430}\x{431}", "\x{2024}\x{2024}/evil", "\x{ff0e}\x{ff0e}\x{ff0f}evil", "\x{2215}evil", "nul\\u0000", "con\\u202e",
	);
	my $n = 0;
	printf qq({"event":"message","messageId":"m%d","parts":[{"type":"file","name":"%s","size":%d,"rawURL":"/f/%d/n%d"}]}\n), ++$n, $_, $n, $n, $n for @names;
' >lines
count=$(wc -l <lines)

mkdir -p top/deep/inbox
cd top/deep/inbox || exit 1
echo precious >../precious
ln -s ../precious planted
ln -s ../precious planted.part
ln -s ../precious planted.part.info
ln -s ../not-there planted-dangling
mkdir planted-dir planted-dir.part
mkfifo planted-fifo planted-fifo.part
echo mine >same
echo mine >x.png.part
cd ../../.. || exit 1
find "$scratch" /tmp/kandy-evil -not -path '*/asked*' 2>/dev/null | sort >before

run_in lines kandy fetch-links -D top/deep/inbox -j 8
is "$status" 0 'every one is fetched'
is "$(wc -l <"$out")" "$count" 'and has its line'
find "$scratch" /tmp/kandy-evil 2>/dev/null | sort | comm -13 before - | grep -v -e /asked -e '\.asked' -e "^$scratch/out$" -e "^$scratch/err$" -e '/before$' -e '/new$' >new
is "$(grep -cv "^$PWD/top/deep/inbox/" new)" 0 'nothing new is anywhere but in the directory'
is "$(grep -c "^$PWD/top/deep/inbox/[^/]*$" new)" "$count" 'where each has a file of its own'
is "$(cat top/deep/precious top/deep/inbox/same top/deep/inbox/x.png.part | tr '\n' ' ')" 'precious mine mine ' 'what was there is as it was'
ok 'links, directories and FIFOs that waited are still there' test -h top/deep/inbox/planted -a -h top/deep/inbox/planted-dangling -a -d top/deep/inbox/planted-dir -a -p top/deep/inbox/planted-fifo
ok 'nothing came where a link pointed' test ! -e top/deep/not-there

jq -r '.parts[0]|"\(.size) \(.bytes)"' "$out" | awk '$1 != $2' >unequal
is "$(cat unequal)" '' 'each line tells of its own file'
bad=0
while IFS= read -r line; do
	path=$(jq -r '.parts[0].path' <<<"$line")
	bytes=$(jq -r '.parts[0].bytes' <<<"$line")
	url=$(jq -r '.parts[0].url' <<<"$line")
	[ "$(stat -c '%s %F' "$path")" = "$bytes regular file" ] || [ "$bytes" = 0 ] || { bad=$((bad + 1)); diag "path: $path"; }
	[ "$(perl -pe 's/%([0-9A-F]{2})/chr hex $1/ge' <<<"${url#file://}")" = "$path" ] || { bad=$((bad + 1)); diag "url: $url"; }
done < <(head -n 200 "$out")
is "$bad" 0 'path and url of each line lead to it'
ls -A top/deep/inbox >names
LC_ALL=C grep -q '[[:cntrl:]]' names
is $? 1 'no name has a control character'
grep -qE '^[-.~ ]|[. ]$' names
is $? 1 'none begins with a dot, a dash, a tilde or a space, or ends with a dot or a space'
perl -CS -ne 'print "# $_" and $bad = 1 if /[\x{80}-\x{9f}\x{200e}\x{200f}\x{2028}-\x{202e}\x{2066}-\x{2069}\x{feff}]/; END { exit $bad }' <names
is $? 0 'or has a bidirectional override, a line separator or the like'
is "$(LC_ALL=C awk 'length > 255' names)" '' 'or is longer than 255 bytes'
iconv -f UTF-8 -t UTF-8 names >/dev/null
is $? 0 'all are valid UTF-8'
# a manifest that is none
mkdir special
mkfifo special/.kandy-fetched.jsonl
run timeout 60 kandy fetch-links -D special --skip-existing /f/10/a
is "$status" 73 'a FIFO in the place of the manifest is refused'
like "$err" "manifest '.kandy-fetched.jsonl' is not a regular file" 'the error says that it is not a regular file'
rm special/.kandy-fetched.jsonl
echo mine >precious
ln -s ../precious special/.kandy-fetched.jsonl
run kandy fetch-links -D special --skip-existing /f/10/a
is "$status $(cat precious)" '73 mine' 'and so is a link'
cases names "$count"

# the same again, with --clobber: what was planted is still not followed
run_in lines kandy fetch-links -D top/deep/inbox -j 8 --clobber
is "$status" 1 'with --clobber, a directory in the way is an error'
is "$(jq -r '.parts[0].error.message // empty' "$out" | wc -l)" 1 'of that file alone'
is "$(cat top/deep/precious)" precious 'a link is replaced, not followed'
ok 'and is a file now' test -f top/deep/inbox/planted -a ! -h top/deep/inbox/planted
finish
