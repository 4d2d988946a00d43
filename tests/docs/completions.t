#!/usr/bin/env bash
# Completions: what is committed is what the rows give, and bash, zsh and fish are asked for real.
. "${0%/*}/../lib/tap.sh"

for file in kandy.bash _kandy kandy.fish; do cp "$top_dir/completions/$file" .; done
ok 'bash reads its file' bash -n kandy.bash
ok 'zsh reads its file' zsh -n _kandy
ok 'fish reads its file' fish --no-execute kandy.fish

mkdir -p files/attachments "$HOME/.config/kandy"
touch files/picture.png
printf '[night-shift]\n' >"$HOME/.config/kandy/config"

# Each shell_SHELL LINE prints the words that the shell offers at the end of LINE, sorted.
shell_bash() {
	bash --norc -c '
		. ./kandy.bash
		read -ra COMP_WORDS <<<"$1"
		case $1 in *" ") COMP_WORDS+=("") ;; esac
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		$(complete -p "${COMP_WORDS[0]}" | sed "s/.*-F \([^ ]*\).*/\1/") "${COMP_WORDS[0]}"
		printf "%s\n" "${COMPREPLY[@]}"' bash "$1"
}

mkdir -p zdot
cat >zdot/.zshrc <<'E2'
fpath=($COMPLETIONS $fpath)
autoload -Uz compinit && compinit -u -D
compadd() { # writes down what would be offered
	local -a hits
	if (( ${@[(I)-(O|A|D)]} )); then builtin compadd "$@"; return; fi
	builtin compadd -A hits "$@"
	print -rl -- $hits >>$CAPTURE
	builtin compadd "$@"
}
zle -C capture complete-word _main_complete
zle-line-init() {
	BUFFER=$PROBE CURSOR=$#PROBE
	zle capture
	BUFFER=exit
	zle .accept-line
}
zle -N zle-line-init
E2
shell_zsh() {
	: >captured
	TERM=dumb COMPLETIONS=$PWD CAPTURE=$PWD/captured PROBE=$1 ZDOTDIR=$PWD/zdot script -qec 'zsh -i' /dev/null </dev/null >/dev/null
	sed 's/^--[a-z-]*=//' captured
}

shell_fish() {
	fish --private -c 'source kandy.fish; complete -C $argv[1]' -- "$1" | cut -f 1 | sed 's/^--[a-z-]*=\(.\)/\1/'
}

# offers LINE WANTED NAME: all three shells offer just these words; "*WORD" in WANTED: this one among others
offers() {
	local shell got
	for shell in bash zsh fish; do
		got=$("shell_$shell" "$1" | sed 's/ *$//; s|.*/\(.\)|\1|; s|/$||' | grep . | sort -u | xargs)
		case $2 in
		\**) case " $got " in *" ${2#\*} "*) got=$2 ;; esac ;;
		esac
		is "$got" "$2" "$shell: $3"
	done
}

names=$(kandy help --emit commands | sort | xargs)
offers 'kandy v' version 'a command'
offers 'kandy help ' "$names" 'the commands behind help'
offers 'kandy version --for' --format 'an option'
offers 'kandy version --format ' 'json text' 'the words of a choice'
offers 'kandy version --format t' text 'one of them'
offers 'kandy version --format=t' text 'the same behind ='
offers 'kandy-version --for' --format 'an option, called as kandy-version'
offers 'kandy version --trace files/p' picture.png 'a file'
offers 'kandy fetch-links -D files/' attachments 'a directory, and no file'
offers 'kandy listen --exec fals' false 'a command'
offers 'kandy send -a files/p' picture.png 'a file for a list'
offers 'kandy sandbox fals' false 'a command as the first operand'
offers 'kandy sandbox --no-tls --port 0 fals' false 'behind options, too'
offers 'kandy sandbox cat files/p' picture.png 'then what the command itself takes'
offers 'kandy sandbox --no-tls --port 0 -- cat files/p' picture.png 'behind options, too'
offers 'kandy version -p n' night-shift 'a profile'
offers 'kandy version --profile n' night-shift 'a profile for the long option'
for shell in bash zsh fish; do
	got=$("shell_$shell" 'kandy ' | sort -u)
	is "$(comm -23 <(kandy help --emit commands | sort) <(printf '%s\n' "$got"))" '' "$shell: all commands"
done

# Every option of every command, and every verb. One line of fish or zsh costs 100 times as much as one of the program,
# which all three ask.
while read -r name option; do
	kandy help --emit complete -- kandy "$name" "--$option" | grep -q "^--$option	." || missing+="$name --$option "
done < <(kandy help --emit json | jq -r '.commands[] | .name as $c | .options[] | select(.option) | "\($c) \(.name)"')
is "${missing-}" '' 'every option of every command is a candidate, with its description'
missing=
while read -r name verb; do
	kandy help --emit complete -- kandy "$name" '' | grep -q "^$verb	." || missing+="$name $verb "
	kandy help --emit complete -- kandy help "$name" '' | grep -q "^$verb	." || missing+="help $name $verb "
done < <(kandy help --emit json | jq -r '.commands[] | .name as $c | .verbs[]? | "\($c) \(.name)"')
is "$missing" '' 'every verb is a candidate'
is "$(kandy help --emit complete -- kandy -p x -q --trace f send --jso | grep -c ^--jsonl)" 1 'common options may precede the command'
is "$(kandy help --emit complete -- kandy nonsense --)" '' 'no candidates for a command that does not exist'
is "$(kandy help --emit complete -- kandy version --format = '' | cut -f 1 | xargs)" 'json text' 'a word "=" as bash passes it'
is "$(kandy help --emit complete -- kandy version --base-url)" "$(kandy help --emit complete -- kandy version -)" \
	'the shell selects among the options'
is "$(kandy help --emit complete -- kandy send -- -)" '' 'no options after "--"'

finish
