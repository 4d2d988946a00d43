#!/usr/bin/env bash
# The delivery promises against a model of the service: the seeds that once violated one, and a number of new runs.
. "${0%/*}/../lib/tap.sh"
sim=${BUILD_DIR:-$(dirname "$(readlink -f "$KANDY_BIN")")}/tests/sim/sim

# simulate SCENARIO FIRST_SEED RUNS NAME
simulate() {
	"$sim" --seed "$2" --runs "$3" "$1" >"$out" 2>"$err"
	is "$?" 0 "$4"
	grep -E 'violation|replay' "$out" | head -n 20 | sed 's/^#*/# /'
	cases "simulated messages ($1)" "$(sed -nE 's/^# [0-9]+ runs, ([0-9]+) messages.*/\1/p' "$out")"
}

simulate send 1 "${SIM_RUNS:-600}" 'send: what is reported as sent, failed or unknown is so, for every seed'
like "$out" 'texts unchanged: [0-9]+ of [0-9]+ lost responses unknown \(0\.' 'send: fewer than 1 % of lost responses stay unknown with a consistent history'
trace() { "$sim" --verbose "$@" send | grep -v ' runs, \| lost responses '; }
trace --seed 5 --runs 2 >together
{ trace --seed 5 --runs 1; trace --seed 6 --runs 1; } >apart
ok 'a run says what happens' grep -q 'posts request' together
same together apart 'a seed alone replays the same run'
while read -r scenario seed; do
	case $scenario in '#'* | '') continue ;; esac
	simulate "$scenario" "$seed" 1 "$scenario: seed $seed, which violated a property once"
done <"$tests_dir/sim/seeds"
finish
