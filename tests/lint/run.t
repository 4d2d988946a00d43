#!/usr/bin/env bash
# tests/run: what it counts, and what its last lines say of files that fail in one way or another.
. "${0%/*}/../lib/tap.sh"

mkdir t
script() { # NAME: the body is stdin
	{ echo '#!/bin/sh'; cat; } >"$1"
	chmod +x "$1"
}
script t/good.t <<<'echo "ok 1 - a"; echo "ok 2"; echo 1..2'
script t/bad.t <<<'echo "ok 1 - a"; echo "not ok 2 - b: with a colon"; echo "# at bad.t:2"; echo "not ok 3"; echo 1..3; exit 1'
script t/short.t <<<'echo 1..2; echo "ok 1 - a"'
script t/silent.t <<<':'
script t/slow.t <<<'echo "ok 1 - a"; exec sleep 60'

run "$tests_dir/run" t/good.t
is "$status $(tail -n 1 "$out")" '0 2 passed, 0 failed' 'all is well'
unlike "$out" '^failed: ' 'nothing else is named'
run "$tests_dir/run" t/good.t t/bad.t
is "$status $(tail -n 3 "$out" | sed 's/ $/ (no name)/')" '1 failed: t/bad.t: (no name)
failed: t/bad.t: b: with a colon
3 passed, 2 failed' 'failed tests are named at the end'
like "$out" 'at bad\.t:2' 'and shown with what they said before that'
for name in short silent; do
	run "$tests_dir/run" t/good.t "t/$name.t"
	is "$status" 1 "$name.t: no test of it has failed, and it has"
	like <(tail -n 2 "$out" | head -n 1) "^failed: t/$name\.t: \(Wstat: " 'its name is there'
	like <(tail -n 1 "$out") '^[23] passed, 1 failed$' 'it counts'
done
TEST_TIMEOUT=1 run "$tests_dir/run" t/slow.t t/good.t
is "$status $(tail -n 1 "$out")" '1 3 passed, 1 failed' 'a file that does not end is ended'
like "$out" '^failed: t/slow\.t: \(Wstat: ' 'and named'

finish
