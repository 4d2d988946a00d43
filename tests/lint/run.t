#!/usr/bin/env bash
# tests/run: its counts, and its last lines for files that fail in different ways.
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
is "$status $(tail -n 1 "$out")" '0 2 passed, 0 failed' 'all tests pass: status 0 and the counts'
unlike "$out" '^failed: ' 'no failure is listed if there is none'
run "$tests_dir/run" t/good.t t/bad.t
is "$status $(tail -n 3 "$out" | sed 's/ $/ (no name)/')" '1 failed: t/bad.t: (no name)
failed: t/bad.t: b: with a colon
3 passed, 2 failed' 'failed tests are listed at the end'
like "$out" 'at bad\.t:2' 'failed tests are shown with their diagnostics'
for name in short silent; do
	run "$tests_dir/run" t/good.t "t/$name.t"
	is "$status" 1 "$name.t fails although none of its tests does"
	like <(tail -n 2 "$out" | head -n 1) "^failed: t/$name\.t: \(Wstat: " "$name.t is listed"
	like <(tail -n 1 "$out") '^[23] passed, 1 failed$' "$name.t counts as one failure"
done
TEST_TIMEOUT=1 run "$tests_dir/run" t/slow.t t/good.t
is "$status $(tail -n 1 "$out")" '1 3 passed, 1 failed' 'a file that times out counts as one failure'
like "$out" '^failed: t/slow\.t: \(Wstat: ' 'a file that times out is named'

finish
