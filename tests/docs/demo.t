#!/usr/bin/env bash
# The demo runs to its end. Under valgrind it stands for all commands, so what valgrind finds must fail it.
. "${0%/*}/../lib/tap.sh"

run timeout "$((4 * patience))" "$tests_dir/demo.sh"
is "$status" 0 'the demo succeeds'
is "$(grep -c '^same$' "$out")" 3 'the demo receives all three files unchanged'
like "$out" 'bob: Thanks|"text":"Thanks' 'the demo shows the reply'
unlike "$err" '^==[0-9]+==' 'valgrind reports nothing'
unlike "$err" '^kandy: ' 'the demo has neither errors nor warnings'
finish
