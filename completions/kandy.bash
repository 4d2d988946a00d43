# bash completion for kandy: the program itself names the candidates (lib/cli/complete.c has the format).

_kandy()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prefix='' line word
	COMPREPLY=()
	if [ "$cur" = '=' ]; then # '=' is among COMP_WORDBREAKS: "--format=te" is three words
		cur=''
	elif [[ $cur == --*=* ]]; then
		prefix=${cur%%=*}= cur=${cur#*=}
	fi
	while IFS= read -r line; do
		case $line in
		:file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
		:dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
		:command) mapfile -t COMPREPLY < <(compgen -c -- "$cur") ;;
		:host) mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur") ;;
		:wrapped*)
			if declare -F _command_offset >/dev/null; then
				_command_offset "${line#* }"
			else
				compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			fi
			;;
		*)
			word=${line%%$'\t'*}
			[[ $word != "$cur"* ]] || COMPREPLY+=("$word")
			;;
		esac
	done < <(kandy help --emit complete -- "${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null)
	if [ -n "$prefix" ] && [[ $COMP_WORDBREAKS != *=* ]]; then
		COMPREPLY=("${COMPREPLY[@]/#/$prefix}")
	fi
}

# shellcheck disable=SC2046
complete -F _kandy kandy $(kandy help --emit commands 2>/dev/null | sed 's/^/kandy-/')
