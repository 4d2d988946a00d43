# bash completion for kandy. Written by `make completions` from the option rows; do not edit.

_kandy_command() # COMMAND: what it takes, in the variables of _kandy
{
	case $1 in
	'')
		operands='login logout whoami subscribe unsubscribe send flush spool listen fetch-links history conversations typing read delete group sandbox doctor help version'
		;;
	login)
		options='--base-url --cacert --proxy --timeout --connect-timeout --retry --retry-delay --retry-max-time --client-id -u --username --password-file --password-command --client-secret-file --client-secret-command -p --profile --trace'
		flags='-k --insecure --project --password-stdin -q --quiet -v --verbose --trace-text -h --help -V --version'
		files='--cacert --password-file --client-secret-file --trace'
		commands='--password-command --client-secret-command'
		profiles='-p --profile'
		operands=''
		;;
	logout)
		options='--base-url --cacert --proxy --timeout --connect-timeout --retry --retry-delay --retry-max-time --client-id -u --username --password-file --password-command --client-secret-file --client-secret-command -p --profile --trace'
		flags='-k --insecure --project --password-stdin -q --quiet -v --verbose --trace-text -h --help -V --version'
		files='--cacert --password-file --client-secret-file --trace'
		commands='--password-command --client-secret-command'
		profiles='-p --profile'
		operands=''
		;;
	whoami)
		options='--base-url --cacert --proxy --timeout --connect-timeout --retry --retry-delay --retry-max-time --client-id -u --username --password-file --password-command --client-secret-file --client-secret-command -p --profile --trace'
		flags='-k --insecure --project --password-stdin -q --quiet -v --verbose --trace-text -h --help -V --version'
		files='--cacert --password-file --client-secret-file --trace'
		commands='--password-command --client-secret-command'
		profiles='-p --profile'
		operands=''
		;;
	subscribe)
		options='--lifetime --conn-check --base-url --cacert --proxy --timeout --connect-timeout --retry --retry-delay --retry-max-time --client-id -u --username --password-file --password-command --client-secret-file --client-secret-command -p --profile --trace'
		flags='-l --list -k --insecure --project --password-stdin -q --quiet -v --verbose --trace-text -h --help -V --version'
		files='--cacert --password-file --client-secret-file --trace'
		commands='--password-command --client-secret-command'
		profiles='-p --profile'
		operands='chat sms receipts'
		;;
	unsubscribe)
		options='--base-url --cacert --proxy --timeout --connect-timeout --retry --retry-delay --retry-max-time --client-id -u --username --password-file --password-command --client-secret-file --client-secret-command -p --profile --trace'
		flags='-k --insecure --project --password-stdin -q --quiet -v --verbose --trace-text -h --help -V --version'
		files='--cacert --password-file --client-secret-file --trace'
		commands='--password-command --client-secret-command'
		profiles='-p --profile'
		operands='chat sms receipts'
		;;
	send)
		options='-t --to -m --message -a --attach --name --mime-type --type -j --jobs --failed --on-unknown --look-again --base-url --cacert --proxy --timeout --connect-timeout --retry --retry-delay --retry-max-time --client-id -u --username --password-file --password-command --client-secret-file --client-secret-command -p --profile --trace'
		flags='-E --skip-empty --lines --jsonl --unordered --fail-fast --spool -N --dry-run -k --insecure --project --password-stdin -q --quiet -v --verbose --trace-text -h --help -V --version'
		files='-a --attach --failed --cacert --password-file --client-secret-file --trace'
		commands='--password-command --client-secret-command'
		profiles='-p --profile'
		operands=''
		;;
	flush)
		options='-j --jobs --max-age --look-again --base-url --cacert --proxy --timeout --connect-timeout --retry --retry-delay --retry-max-time --client-id -u --username --password-file --password-command --client-secret-file --client-secret-command -p --profile --trace'
		flags='-k --insecure --project --password-stdin -q --quiet -v --verbose --trace-text -h --help -V --version'
		files='--cacert --password-file --client-secret-file --trace'
		commands='--password-command --client-secret-command'
		profiles='-p --profile'
		operands=''
		;;
	spool)
		options='-p --profile --trace'
		flags='-A --all -q --quiet -v --verbose --trace-text -h --help -V --version'
		files='--trace'
		profiles='-p --profile'
		operands='list remove retry'
		;;
	listen)
		options='-n --count --for --idle --since --select --jq --arg --format --exec -j --jobs --exec-retries --dead-letter --keepalive --max-offline --heartbeat --base-url --cacert --proxy --timeout --connect-timeout --retry --retry-delay --retry-max-time --client-id -u --username --password-file --password-command --client-secret-file --client-secret-command -p --profile --trace'
		flags='--once --events --outbound --exec-shell --takeover -k --insecure --project --password-stdin -q --quiet -v --verbose --trace-text -h --help -V --version'
		files='--dead-letter --heartbeat --cacert --password-file --client-secret-file --trace'
		commands='--exec --password-command --client-secret-command'
		profiles='-p --profile'
		operands=''
		;;
	fetch-links)
		options='-D --output-dir -j --jobs --manifest --allow-host --max-filesize --max-total --max-time --speed-limit --speed-time --base-url --cacert --proxy --timeout --connect-timeout --retry --retry-delay --retry-max-time --client-id -u --username --password-file --password-command --client-secret-file --client-secret-command -p --profile --trace'
		flags='--unordered --thumbnails --clobber --skip-existing -k --insecure --project --password-stdin -q --quiet -v --verbose --trace-text -h --help -V --version'
		files='--manifest --cacert --password-file --client-secret-file --trace'
		dirs='-D --output-dir'
		commands='--password-command --client-secret-command'
		profiles='-p --profile'
		operands=''
		;;
	history)
		options='-n --count --since --format --base-url --cacert --proxy --timeout --connect-timeout --retry --retry-delay --retry-max-time --client-id -u --username --password-file --password-command --client-secret-file --client-secret-command -p --profile --trace'
		flags='-k --insecure --project --password-stdin -q --quiet -v --verbose --trace-text -h --help -V --version'
		files='--cacert --password-file --client-secret-file --trace'
		commands='--password-command --client-secret-command'
		profiles='-p --profile'
		operands=''
		;;
	conversations)
		options='--type --format --base-url --cacert --proxy --timeout --connect-timeout --retry --retry-delay --retry-max-time --client-id -u --username --password-file --password-command --client-secret-file --client-secret-command -p --profile --trace'
		flags='-k --insecure --project --password-stdin -q --quiet -v --verbose --trace-text -h --help -V --version'
		files='--cacert --password-file --client-secret-file --trace'
		commands='--password-command --client-secret-command'
		profiles='-p --profile'
		operands=''
		;;
	typing)
		options='--base-url --cacert --proxy --timeout --connect-timeout --retry --retry-delay --retry-max-time --client-id -u --username --password-file --password-command --client-secret-file --client-secret-command -p --profile --trace'
		flags='--stop -k --insecure --project --password-stdin -q --quiet -v --verbose --trace-text -h --help -V --version'
		files='--cacert --password-file --client-secret-file --trace'
		commands='--password-command --client-secret-command'
		profiles='-p --profile'
		operands=''
		;;
	read)
		options='--base-url --cacert --proxy --timeout --connect-timeout --retry --retry-delay --retry-max-time --client-id -u --username --password-file --password-command --client-secret-file --client-secret-command -p --profile --trace'
		flags='-k --insecure --project --password-stdin -q --quiet -v --verbose --trace-text -h --help -V --version'
		files='--cacert --password-file --client-secret-file --trace'
		commands='--password-command --client-secret-command'
		profiles='-p --profile'
		operands=''
		;;
	delete)
		options='--base-url --cacert --proxy --timeout --connect-timeout --retry --retry-delay --retry-max-time --client-id -u --username --password-file --password-command --client-secret-file --client-secret-command -p --profile --trace'
		flags='--all -k --insecure --project --password-stdin -q --quiet -v --verbose --trace-text -h --help -V --version'
		files='--cacert --password-file --client-secret-file --trace'
		commands='--password-command --client-secret-command'
		profiles='-p --profile'
		operands=''
		;;
	group)
		options='--name --subject --image --format --base-url --cacert --proxy --timeout --connect-timeout --retry --retry-delay --retry-max-time --client-id -u --username --password-file --password-command --client-secret-file --client-secret-command -p --profile --trace'
		flags='--admin -k --insecure --project --password-stdin -q --quiet -v --verbose --trace-text -h --help -V --version'
		files='--cacert --password-file --client-secret-file --trace'
		commands='--password-command --client-secret-command'
		profiles='-p --profile'
		operands='list create show invite remove join leave delete'
		;;
	sandbox)
		options='--listen --port --record --user --token-life --refresh-life --token-size --channel-max-life --keep-per-conversation --keep-messages --keep-bytes --attachment-bytes --queue-bytes --last-message-time --next --fault --history-delay --history-grows --drop-sockets-every --drop-sockets --check-interval --cert-days --cert-host -p --profile --trace'
		flags='--no-tls --milliseconds --relative-links --no-range --silent-expiry -q --quiet -v --verbose --trace-text -h --help -V --version'
		files='--record --trace'
		profiles='-p --profile'
		operands=':wrapped'
		;;
	doctor)
		options='--format --base-url --cacert --proxy --timeout --connect-timeout --retry --retry-delay --retry-max-time --client-id -u --username --password-file --password-command --client-secret-file --client-secret-command -p --profile --trace'
		flags='-k --insecure --project --password-stdin -q --quiet -v --verbose --trace-text -h --help -V --version'
		files='--cacert --password-file --client-secret-file --trace'
		commands='--password-command --client-secret-command'
		profiles='-p --profile'
		operands=''
		;;
	help)
		options='-p --profile --trace'
		flags='--all -q --quiet -v --verbose --trace-text -h --help -V --version'
		files='--trace'
		profiles='-p --profile'
		operands='login logout whoami subscribe unsubscribe send flush spool listen fetch-links history conversations typing read delete group sandbox doctor help version'
		;;
	version)
		options='--format -p --profile --trace'
		flags='-q --quiet -v --verbose --trace-text -h --help -V --version'
		files='--trace'
		profiles='-p --profile'
		operands=''
		;;
	esac
}

_kandy()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local command=${1##*/} options='' flags='' files='' dirs='' commands='' profiles='' operands=''
	local kind='' attached=''
	local index first
	COMPREPLY=()
	case $command in
	kandy-*) command=${command#kandy-} index=0 ;;
	*) command=${COMP_WORDS[1]} index=1 ;;
	esac
	if [ "$cur" = '=' ]; then
		cur=''
	elif [ "$prev" = '=' ]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	elif [[ $cur == --*=* ]]; then
		prev=${cur%%=*} cur=${cur#*=} attached=$prev=
	fi
	if [ "$COMP_CWORD" -le "$index" ]; then
		_kandy_command ''
		mapfile -t COMPREPLY < <(compgen -W "$operands --help --version" -- "$cur")
		return
	fi
	_kandy_command "$command"
	if [ "$operands" = ':wrapped' ]; then # what stands behind the command is for its own completion
		for ((first = index + 1; first < COMP_CWORD; first++)); do
			[[ ${COMP_WORDS[first]} == -* ]] || break
			[[ " $options " == *" ${COMP_WORDS[first]} "* ]] || continue
			[ "${COMP_WORDS[first + 1]}" != '=' ] || first=$((first + 1))
			first=$((first + 1))
		done
		if [ "$first" -lt "$COMP_CWORD" ]; then
			if declare -F _command_offset >/dev/null; then
				_command_offset "$first"
			else
				compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			fi
			return
		fi
	fi
	case " $flags " in *" $prev "*) prev='' ;; esac
	if [ -n "$prev" ] && [[ " $options " == *" $prev "* ]]; then
		kind=value
		case " $files " in *" $prev "*) kind='file' ;; esac
		case " $dirs " in *" $prev "*) kind='dir' ;; esac
		case " $commands " in *" $prev "*) kind='command' ;; esac
		case " $profiles " in *" $prev "*) kind='profile' ;; esac
	elif [[ $cur == -* ]]; then
		kind=option
	else
		kind=operand
	fi
	case $kind in
	option) mapfile -t COMPREPLY < <(compgen -W "$options $flags" -- "$cur") ;;
	file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
	command) mapfile -t COMPREPLY < <(compgen -c -- "$cur") ;;
	profile) mapfile -t COMPREPLY < <(compgen -W "$(kandy help --emit profiles 2>/dev/null)" -- "$cur") ;;
	value) mapfile -t COMPREPLY < <(compgen -W "$(_kandy_choices "$command" "$prev")" -- "$cur") ;;
	operand)
		case $operands in
		:file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
		:dir) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
		:wrapped) mapfile -t COMPREPLY < <(compgen -c -- "$cur") ;;
		*) mapfile -t COMPREPLY < <(compgen -W "$operands" -- "$cur") ;;
		esac
		;;
	esac
	if [ -n "$attached" ] && [[ $COMP_WORDBREAKS != *=* ]]; then
		COMPREPLY=("${COMPREPLY[@]/#/$attached}")
	fi
}

_kandy_choices() # COMMAND OPTION: the words that it takes
{
	case "$1 $2" in
	'subscribe --conn-check') echo 'client server' ;;
	'send --type') echo 'chat im group sms chat-oneToOne chat-group' ;;
	'send --on-unknown') echo 'check resend fail' ;;
	'listen --format') echo 'json text' ;;
	'history --format') echo 'json text' ;;
	'conversations --type') echo 'chat im group sms chat-oneToOne chat-group' ;;
	'conversations --format') echo 'json text' ;;
	'group --format') echo 'json text' ;;
	'sandbox --listen') echo '127.0.0.1 ::1' ;;
	'sandbox --last-message-time') echo 'from until' ;;
	'sandbox --next') echo 'message offset' ;;
	'doctor --format') echo 'json text' ;;
	'version --format') echo 'json text' ;;
	esac
}

complete -F _kandy kandy kandy-login kandy-logout kandy-whoami kandy-subscribe kandy-unsubscribe kandy-send kandy-flush kandy-spool kandy-listen kandy-fetch-links kandy-history kandy-conversations kandy-typing kandy-read kandy-delete kandy-group kandy-sandbox kandy-doctor kandy-help kandy-version
