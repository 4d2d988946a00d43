#!/usr/bin/env bash
# The command line of every command, as its rows say: what is wrong is refused with 64, one line, and the option's name.
. "${0%/*}/../lib/tap.sh"

kandy help --emit json >listing

run kandy versio
is "$status" 64 'a command that does not exist'
is "$(cat "$err")" "kandy: unknown command 'versio'; did you mean 'version'?" 'the nearest one is named'
run kandy xyzzy
is "$(cat "$err")" "kandy: unknown command 'xyzzy'; 'kandy help' lists the commands" 'or the way to all of them'
run kandy help versio
is "$status $(cat "$err")" "64 kandy: help: unknown command 'versio'; did you mean 'version'?" 'the same from help'
run kandy --bogus
is "$status" 64 'an unknown option without a command'
is "$(cat "$err")" "kandy: unknown global option '--bogus'; command options go after the command" 'the error names the place of command options'
run kandy -t bob@sandbox.example send -m hi
is "$status $(cat "$err")" "64 kandy: unknown global option '-t'; command options go after the command" 'a command option before the command'
run kandy --trase x version
is "$status $(cat "$err")" "64 kandy: unknown option '--trase'; did you mean '--trace'?" 'a common one that is misspelt'

# common options may stand before the command
run kandy version --format text
cp "$out" wanted
for call in '-q' '-p work' '-qpwork' '-v --profile=work --trace trace' '--'; do
	run kandy $call version --format text
	same "$out" wanted "kandy $call version"
done
ok 'the options count' test -e trace
run kandy -p nobody whoami -q
json "$out" .profile '"nobody"' 'the profile does'
run kandy -p nobody whoami -p somebody
json "$out" .profile '"somebody"' '-p after the command overrules -p before it'
run kandy --help send
kandy send --help >wanted
same "$out" wanted 'kandy --help send is kandy send --help'
run kandy -q versio
is "$status $(cat "$err")" "64 kandy: unknown command 'versio'; did you mean 'version'?" 'a command that does not exist behind them'
run kandy -q
is "$status" 64 'options without a command'
like "$err" '^usage: kandy \[-p PROFILE\] COMMAND' 'options without a command print the first screen'

# what a wrapped command takes is its own
run kandy sandbox --no-tls sh -c 'echo "$0 $1 $2"; exit 7' --no-tls -- -v
is "$status $(cat "$out")" '7 --no-tls -- -v' 'sandbox: its options end where the command begins'
run kandy sandbox --no-tls -- sh -c 'echo "$0"' -x
is "$status $(cat "$out")" '0 -x' 'or at --'
run kandy sandbox --bogus sh
is "$status" 64 'before that, they are its own'
run kandy version --format yaml
is "$(cat "$err")" "kandy: version: invalid --format 'yaml': expected json or text" 'the whole sentence'
run kandy version $'--b\e[31mad\nline'
is "$status $(wc -l <"$err")" '64 1' 'control characters of an option do not reach the terminal'
unlike "$err" $'\e' 'not the escape either'

# refused ARGUMENT... -- OPTION: 64, nothing on stdout, one line that names the option. Every option comes here, so
# nothing but kandy is started for it.
refused() {
	local arguments=() option said
	while [ "$1" != -- ]; do arguments+=("$1"); shift; done
	option=$2
	${KANDY_WRAP-} "$KANDY_BIN" "${arguments[@]}" </dev/null >"$out" 2>"$err"
	status=$?
	said=$(<"$err")
	if [ "$status" != 64 ] || [ -s "$out" ] || [[ $said == *$'\n'* ]] ||
		[[ $said != *"'$option'"* && $said != *": invalid $option"[' ':]* ]]; then
		bad+=("${arguments[*]}: $status $said")
	fi
	[[ $said != *swordfish* ]] || bad+=("${arguments[*]} shows the value")
	tried=$((tried + 1))
}

# A row that several commands share is tried with the first of them. Under valgrind, which takes a second for each, so is a kind.
declare -A seen
is_new() { # KIND NAME: 0 the first time
	local key=$1.$2
	[ -z "${KANDY_WRAP-}" ] || key=$1
	[ -z "${seen[$key]-}" ] && seen[$key]=1
}

# every option of every command: COMMAND OPTION KIND MIN MAX, "-" where there is none
jq -r '.commands[] | .name as $c | ([$c, "-"], (.options[] | select(.option or .secret) |
	[$c, .name, .kind, .min // "-", .max // "-", .secret // false, .option // false])) | map(tostring) | join(" ")' listing >rows
name=
report() { [ -z "$name" ] || is "$(printf '%s\n' "${bad[@]}")" '' "$name: $tried command lines are refused"; }
while read -r command option kind min max secret takes_option; do
	if [ "$option" = - ]; then # the next command begins
		report
		name=$command bad=() tried=0
		refused "$name" --bogus-option -- --bogus-option
		continue
	fi
	if [ "$takes_option" = true ] && is_new "$kind" "$option"; then
		case $kind in
		flag | count | help | version) refused "$name" "--$option=x" -- "--$option" ;;
		*) refused "$name" "--$option" -- "--$option" ;; # nothing follows
		esac
		case $kind in
		integer | duration | size) refused "$name" "--$option=12parsecs" -- "--$option" ;;
		choice) refused "$name" "--$option=no-such-choice" -- "--$option" ;;
		esac
	fi
	if [ "$takes_option $kind" = 'true integer' ] && [ "$min" != - ] && is_new range "$option"; then
		[ "$max" = - ] || refused "$name" "--$option=$((max + 1))" -- "--$option"
		[ "$min" -le 0 ] || refused "$name" "--$option=$((min - 1))" -- "--$option"
	fi
	if [ "$secret" = true ] && is_new secret "$option"; then
		refused "$name" "--$option=swordfish" -- "--$option"
	fi
done <rows
report
is "$(jq -r '[.commands[].options[].kind] | unique | length' listing) $(jq '[.commands[].options[].secret] | any' listing)" '10 true' \
	'every kind of option was among them'

finish
