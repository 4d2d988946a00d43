#!/usr/bin/env bash
# Help: where it goes, what it exits with, how it looks, for `kandy` and for every command.
. "${0%/*}/../lib/tap.sh"

run kandy
is "$status" 64 'kandy alone is a usage error'
is "$(wc -c <"$out")" 0 'kandy alone prints nothing on stdout'
like "$err" '^usage: kandy .*COMMAND' 'kandy alone prints the first screen on stderr'
cp "$err" overview

for call in 'help' '--help' '-h'; do
	run kandy $call
	is "$status" 0 "kandy $call"
	same "$out" overview "kandy $call prints the first screen"
	is "$(wc -c <"$err")" 0 "kandy $call says nothing else"
done

kandy help --emit json >listing
ok 'the listing is JSON' jq -e '.commands | length > 0' listing
for name in $(jq -r '.commands[].name' listing); do
	run kandy help "$name"
	is "$status" 0 "kandy help $name"
	like "$out" "^usage: kandy $name( |\$)" "kandy help $name: usage"
	like "$out" '^Examples:' "kandy help $name: examples"
	like "$out" '^Exit status: 0 success' "kandy help $name: exit status"
	cp "$out" wanted
	case $name in send | listen) lines=58 ;; *) lines=48 ;; esac
	ok "kandy help $name has at most $lines lines" test "$(wc -l <wanted)" -le "$lines"
	run kandy "$name" --help
	is "$status $(wc -c <"$err")" '0 0' "kandy $name --help"
	same "$out" wanted "kandy $name --help is the same"
	run kandy "$name" -h --bogus too many operands
	same "$out" wanted "kandy $name -h, whatever follows"
	run kandy "$name" --help --all
	is "$status" 0 "kandy $name --help --all"
	while read -r option; do
		grep -qE -- "^  (-.,|   ) --$option( |\$)" "$out" || missing+="--$option "
	done < <(jq -r --arg c "$name" '.commands[] | select(.name == $c) | .options[] | select(.option) | .name' listing)
	is "${missing-}" '' "kandy $name --help --all shows every option"
	missing=
	cp "$out" wanted
	run kandy help "$name" --all
	same "$out" wanted "kandy help $name --all is the same"
	is "$(kandy help --emit commands | grep -cx "$name")" 1 "$name is among the names"
	[ "$name" = help ] || like overview "^  (.* )?$name   " "$name is on the first screen"
done

# rows that nobody would understand
is "$(jq -r '.commands[] | .name as $c | .options[] | select((.help // "") | length < 4) | "\($c) \(.name)"' listing)" '' \
	'every option has help'
is "$(jq -r '.commands[] | .name as $c | .options[] | select(.help | test("^[A-Z][a-z]|[.]$")) | "\($c) \(.name)"' listing)" '' \
	'help of an option is a sentence in lower case without a full stop'
is "$(jq -r '.commands[] | select(.summary | test("^[A-Z][a-z]|[.]$")) | .name' listing)" '' \
	'so is the summary of a command'
is "$(jq -r '.commands[] | .name as $c | .options | group_by(.name)[] | select(length > 1) | "\($c) \(.[0].name)"' listing)" '' \
	'no command has two rows of one name'
is "$(jq -r '.commands[] | .name as $c | .options | map(select(.letter)) | group_by(.letter)[] | select(length > 1) |
	"\($c) \(.[0].letter)"' listing)" '' 'no command has two rows of one letter'
is "$(jq -r '[.commands[].options[] | select(.letter) | {name, letter}] | unique | group_by(.letter)[] | select(length > 1) |
	map(.name) | join(" ")' listing)" '' 'a letter means the same in every command'
is "$(jq -r '.commands[].options[] | select(.option and .letter == null and (.name | length < 2)) | .name' listing)" '' \
	'no long name of one letter'
is "$(jq -r '.commands[].options[] | select(.environment and (.environment | test("^(KANDY_|TMPDIR$)") | not)) | .environment' listing)" '' \
	'variables begin with KANDY_'
is "$(jq -r '.commands[].options[] | select(.environment and .environment != "TMPDIR" and .environment != "KANDY_" + (.name | ascii_upcase | gsub("-"; "_"))) |
	"\(.name) \(.environment)"' listing)" '' 'and go on with the name of the option'
is "$(jq -r '.commands[].options[] | select(.config and .environment == null) | .name' listing)" '' 'what a file may say, a variable may, too'
is "$(jq -r '[.commands[] | .name as $c | .options[] | select(.environment) | {name, what: del(.name)}] | unique | group_by(.name)[] |
	select(length > 1) | .[0].name' listing)" '' 'a setting is the same in every command that has it'
is "$(jq -r '.commands[].options[] | select(.secret and (.option or .default)) | .name' listing)" '' \
	'no secret is an option or has a default'
is "$(jq -r '.commands[] | select(.examples | length == 0) | .name' listing)" '' 'every command has examples'
is "$(jq -r '[.commands[].name] as $all | .commands[] | .name as $c | .seeAlso[] | select(IN($all[]) | not) | "\($c): \(.)"' listing)" '' \
	'every command that is pointed to exists'

# wrapping
# except synopsis and examples, which are there to be copied
for width in 40 60 69 80 132; do
	for name in version send sandbox; do
		COLUMNS=$width run kandy help $name
		is "$(awk -v w=$width '/^Examples:/ { exit } !/^usage: / && length > w' "$out")" '' "help $name: no line is wider than $width columns"
	done
	COLUMNS=$width run kandy help
	is "$(awk -v w=$width '!/^usage: / && !/^  kandy / && length > w' "$out")" '' "help: no line is wider than $width columns"
done
COLUMNS=40 run kandy help version
like "$out" '^      --format FORMAT$' 'a narrow terminal has the option on a line'
like "$out" '^        output format: json, text' 'a narrow terminal has the description of an option on the next line'
COLUMNS=200 run kandy help version
ok 'a wide terminal is made use of' awk 'length > 100 { found = 1 } END { exit !found }' "$out"

# the version
version=$(jq -r .version listing)
for call in '-V' '--version' 'version -V' 'help --version'; do
	run kandy $call
	is "$status $(cat "$out")" "0 kandy $version" "kandy $call"
done
run kandy -vV
like "$out" "^kandy $version\$" 'kandy -vV: the version'
like "$out" '^libcurl [0-9]+\.' 'kandy -vV: the versions of the libraries'
run kandy version
json "$out" '[.event, .version, (.libraries | length)]' "[\"version\",\"$version\",4]" 'kandy version is a line of JSON'
run kandy version --format text
like "$out" '^OpenSSL [0-9]+\.' 'kandy version --format text'

# one binary, many names
ln -s "$KANDY_BIN" "$scratch/bin/kandy-version"
ln -s "$KANDY_BIN" "$scratch/bin/kandy-nonsense"
run kandy-version --format text
like "$out" "^kandy $version\$" 'kandy-version is kandy version'
run kandy-nonsense --version
is "$status $(cat "$out")" "0 kandy $version" 'a name that is no command is kandy'

# help works whatever is wrong with the files
mkdir -p "$HOME/.config/kandy"
echo 'nonsense' >"$HOME/.config/kandy/config"
run kandy help version
is "$status" 0 'help with a broken configuration'
run kandy version
is "$status" 0 'version with a broken configuration'
run env -u HOME -u XDG_STATE_HOME kandy help
is "$status" 0 'help without a home'

# profiles, for completion
printf 'jobs-never = 1\n' >"$HOME/.config/kandy/config"
run kandy help --emit profiles
is "$status $(cat "$out")" '0 ' 'no profiles from a file that cannot be understood'
printf '[reports]\n[night]\n' >"$HOME/.config/kandy/config"
mkdir -p "$HOME/.local/state/kandy" && touch "$HOME/.local/state/kandy/work.json" "$HOME/.local/state/kandy/work.lock"
run kandy help --emit profiles
is "$(sort "$out" | xargs)" 'night reports work' 'profiles: sections and token caches'

finish
