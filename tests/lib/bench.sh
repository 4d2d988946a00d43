# shellcheck shell=bash
# bench.sh - functions for the benchmarks in tests/bench: a scratch directory, servers, medians, the table.
#
# Each row of a table is a ratio of two programs, measured in turn on the same machine; absolute numbers depend on the machine.
# Servers run on loopback, because a real network adds the same to both sides.
#
#	rounds ROUNDS RUNS NAME COMMAND [NAME COMMAND]...   measures the commands in turn, RUNS runs each a round, so that a
#	                        busy moment hits all of them; then ${ms[NAME]} is the median of the wall time. $prepare, if set, is
#	                        run before each, and does not count
#	instructions NAME COMMAND...    ${instructions[NAME]}: what it executes in user space, by callgrind; stdin from $input, if set
#	row WHAT OURS OTHERS RATIO LIMIT        a line of the table; LIMIT is "<=1.2" or ">=0.85", or "" where nothing was promised

set -u
bench_dir=$(cd "$(dirname "$0")" && pwd)
lib_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top_dir=${lib_dir%/*/*}
KANDY=${KANDY_BIN:-$top_dir/build/kandy}
TOOLS=${BENCH_TOOLS:?run it by: make bench}
. "$lib_dir/environment.sh"
clean_environment 'BENCH_*'
scratch=$(mktemp -d "${TMPDIR:-/tmp}/kandy-bench.XXXXXX")
export HOME=$scratch/home XDG_STATE_HOME=$scratch/state
mkdir -p "$HOME" "$scratch/servers"
declare -A ms instructions
server_pids=()
missed=0

cleanup() {
	local pid
	for pid in "${server_pids[@]}"; do kill "$pid" 2>/dev/null; done
	for pid in "${server_pids[@]}"; do wait "$pid" 2>/dev/null; done
	rm -rf "$scratch" ${shm:+"$shm"}
	[ "$missed" -eq 0 ] || printf '(%d below what was asked for)\n' "$missed"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

fail() {
	printf 'bench: %s\n' "$*" >&2
	exit 1
}
wait_for() {
	local end=$((SECONDS + $1)); shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}

# Creates a CA and a certificate for the servers; also the system's certificates with that CA, as one
# file and as a hashed directory.
certificates() {
	local dir=$scratch/tls
	mkdir -p "$dir/hashed"
	{
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=kandy bench authority' \
			-keyout "$dir/ca.key" -out "$dir/ca.pem"
		openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
			-keyout "$dir/key.pem" -out "$dir/csr.pem"
		openssl x509 -req -days 2 -in "$dir/csr.pem" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial \
			-extfile <(echo 'subjectAltName=DNS:localhost,IP:127.0.0.1') -out "$dir/cert.pem"
		cat /etc/ssl/certs/ca-certificates.crt "$dir/ca.pem" >"$dir/bundle.pem"
		cp -L /etc/ssl/certs/*.pem "$dir/hashed/"
		cp "$dir/ca.pem" "$dir/hashed/kandy-bench.pem"
		openssl rehash "$dir/hashed"
	} >"$dir/log" 2>&1
	[ -s "$dir/cert.pem" ] || fail "no certificates: $(tail -n 3 "$dir/log")"
	ca=$dir/ca.pem bundle=$dir/bundle.pem hashed=$dir/hashed
}

rounds() {
	local rounds=$1 runs=$2 round i names=() commands=()
	shift 2
	while [ $# -gt 1 ]; do
		names+=("$1") commands+=("$2")
		: >"$scratch/times.$1"
		shift 2
	done
	for ((round = 0; round < rounds; round++)); do
		for i in "${!names[@]}"; do
			hyperfine -N --warmup $((round == 0)) --runs "$runs" --style none ${prepare:+--prepare "$prepare"} \
				--export-json "$scratch/hyperfine.json" "${commands[i]}" >/dev/null 2>"$scratch/hyperfine.err" ||
				fail "cannot measure: ${commands[i]}: $(tail -n 3 "$scratch/hyperfine.err")"
			jq -r '.results[0].times[]' "$scratch/hyperfine.json" >>"$scratch/times.${names[i]}"
		done
	done
	for i in "${names[@]}"; do
		ms[$i]=$(sort -g "$scratch/times.$i" | awk '{ t[NR] = $1 } END { printf "%.3f", 1000 * (NR % 2 ? t[(NR + 1) / 2] : (t[NR / 2] + t[NR / 2 + 1]) / 2) }')
	done
}

instructions() {
	local name=$1
	shift
	instructions[$name]=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1 >/dev/null <"${input:-/dev/null}" |
		awk '/Collected/ { print $4 }')
}

calc() { awk "BEGIN { printf \"${2:-%.2f}\", $1 }"; }

heading() { printf '\n%-50s %14s %14s %7s  %s\n' "$1" "${2:-kandy}" "${3:-beside it}" ratio 'asked for'; }
row() {
	local mark=
	if [ -n "${5:-}" ]; then
		if awk "BEGIN { exit !($4 $5) }"; then mark=ok; else mark=MISSED missed=$((missed + 1)); fi
	fi
	printf '%-50s %14s %14s %7s  %s\n' "$1" "$2" "$3" "$4" "${5:-}${mark:+ $mark}"
}
