#!/usr/bin/env bash
# The rooms of lib/: who includes whom, who may call what, and what every file must be like.
. "${0%/*}/../lib/tap.sh"
cd "$top_dir" || exit 1
objects=${BUILD_DIR:-$(dirname "$(readlink -f "$KANDY_BIN")")}

# ---- which room includes which -------------------------------------------------------------------------------------

declare -A may=(
	[base]='base'
	[json]='base json'
	[crypto]='base crypto'
	[cli]='base cli'
	[store]='base json crypto cli store'
	[http]='base json crypto cli http'
	[ws]='base json crypto cli ws'
	[wire]='base json crypto store http wire'
	[client]='base json crypto cli store http wire client'
	[send]='base json crypto cli store http wire client send'
	[listen]='base json crypto cli store http ws wire client listen'
	[fetch]='base json crypto cli store http wire client fetch'
	[sandbox]='base json crypto sandbox'
)
for dir in lib/*/; do
	room=$(basename "$dir")
	ok "lib/$room is a known room" test -n "${may[$room]-}"
	wrong=
	while IFS=: read -r file line; do
		other=${line#*\"}
		other=${other%%/*}
		case " ${may[$room]-} " in *" $other "*) ;; *) wrong+="$file: $line"$'\n' ;; esac
	done < <(grep -HE '^#\s*include "[a-z]+/' "$dir"*.[ch])
	is "$wrong" '' "lib/$room includes only rooms below it"
	is "$(grep -HE '^#\s*include "[a-z]+/[a-z_]+-int\.h"' lib/*/*.[ch] cmd/*.[ch] | grep "\"$room/" | grep -v "^lib/$room/")" '' \
		"nobody else includes the inner header of lib/$room"
done
is "$(grep -lE '^#\s*include "cmd/' lib/*/*.[ch])" '' 'lib/ does not know cmd/'

# ---- gates: a foreign library's header is included in its room alone --------------------------------------------------

gate() { # NAME PATTERN ROOM...
	local name=$1 pattern=$2
	shift 2
	is "$(grep -lE "^#\s*include <($pattern)" lib/*/*.[ch] cmd/*.[ch] | grep -vE "^lib/($(IFS='|'; echo "$*"))/")" '' \
		"$name: only $*"
}
gate 'libcurl' 'curl/' http
gate 'libwebsockets' 'libwebsockets\.h' sandbox
gate 'libjq' 'jq\.h|jv\.h' json
gate 'OpenSSL' 'openssl/' crypto

# ---- what objects call -------------------------------------------------------------------------------------------------

# Objects of files that were renamed may still be there.
object_files=()
for source in lib/*/*.c; do object_files+=("$objects/${source%.c}.o"); done
# Every undefined symbol of lib/ as "room/file.o symbol", with the plain name of fortified ones
nm -A -u "${object_files[@]}" |
	sed -nE "s|^.*/lib/([a-z]+/[a-z0-9_-]+\.o): +U ([^@]*).*|\1 \2|p" |
	sed -E 's/ __([a-z]+)_chk$/ \1/' >"$scratch/symbols"
calls() { grep -E " ($1)\$" "$scratch/symbols"; } # REGEX
like "$scratch/symbols" '^base/buf\.o memcpy$' 'there are objects to look at'
is "$(calls 'curl_.*|lws_.*|jv_.*|jq_.*|EVP_.*|SSL_.*|X509_.*|OPENSSL_.*|CRYPTO_.*|RAND_.*')" '' \
	'the libraries are called through what dynlib.h has looked up'
is "$(calls 'strcpy|strcat|stpcpy|sprintf|vsprintf|strtok|gets|system|popen|tmpnam|mktemp|setlocale|rand|srand|signal')" '' \
	'no function that is better not called'
# child processes end in these files
is "$(calls 'exit|_exit|quick_exit|_Exit' | grep -vE "^listen/(exec\.o _exit|worker\.o exit)$")" '' 'lib/ does not end the program'
is "$(calls 'printf|vprintf|puts|putchar|stdout')" '' 'lib/ does not print'
is "$(calls 'fprintf|vfprintf|fputs|fputc|perror|stderr|dprintf|vdprintf' | grep -v '^base/err\.o ')" '' \
	'lib/ talks through log.h (BUG() alone does not)'
# http_proxy and its kin are HTTP's own, and read as curl reads them
is "$(calls 'getenv|secure_getenv|environ|setenv|putenv' | grep -vE '^(cli/.*|http/proxy\.o) ')" '' \
	'lib/ does not look at the environment (cli and the proxy variables excepted)'
is "$(calls 'malloc|calloc|realloc|reallocarray|strdup|strndup|asprintf|vasprintf' | grep -v '^base/mem\.o ')" '' \
	'memory comes from mem.h'
is "$(calls 'abort' | grep -vE '^base/(err|mem)\.o ')" '' 'lib/ aborts through BUG() alone'

wanted='libc\.so\.6|libm\.so\.6|libdl\.so\.2|libpthread\.so\.0|ld-linux.*'
case $objects in *-san) wanted+='|libasan.*|libubsan.*|libgcc_s.*|libstdc.*|librt.*' ;; esac
is "$(readelf -d "$KANDY_BIN" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | grep -vxE "$wanted")" '' 'the binary is linked to libc alone'

# ---- headers --------------------------------------------------------------------------------------------------------------

for compiler in gcc clang; do
	wrong=
	for header in cmd/*.h lib/*/*.h; do
		printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
			$compiler -std=c11 -Wall -Wextra -Wpedantic -Werror -D_GNU_SOURCE -I. -Ilib -fsyntax-only -x c - 2>/dev/null ||
			wrong+="$header "
	done
	is "$wrong" '' "$compiler: every header compiles alone, and twice"
done
wrong=
for source in cmd/*.c lib/*/*.c; do
	[ -e "${source%.c}.h" ] || continue
	first=$(sed -n 's/^#include "\(.*\)"/\1/p' "$source" | head -n 1)
	case $first in
	"$(sed 's/\.c$/.h/; s/^lib\///' <<<"$source")" | */*-int.h) ;; # an inner header includes the public one
	*) wrong+="$source " ;;
	esac
done
is "$wrong" '' 'every source includes its own header first'

# ---- files ------------------------------------------------------------------------------------------------------------------

# what git knows, whoever owns the directory; without git what is there
git -c safe.directory="$top_dir" ls-files >"$scratch/files" 2>/dev/null || find . \( -path ./build -o -path ./.git \) -prune -o -type f -print | sed 's|^\./||' >"$scratch/files"
sed -i '\|^tests/fuzz/seeds/|d' "$scratch/files" # bytes as they may come from outside
ok 'there are files to look at' grep -qx Makefile "$scratch/files"
is "$(while read -r file; do [ ! -s "$file" ] || [ -z "$(tail -c 1 "$file")" ] || echo "$file"; done <"$scratch/files")" '' \
	'every file ends with a newline'
xargs grep -IlE '[[:blank:]]+$' <"$scratch/files" >"$scratch/found"
is "$(grep -v 'package-lock' "$scratch/found")" '' 'no white space at the end of a line'
pattern='(^|[^a-zA-Z}])/(work|root|home)/[a-z]'
xargs grep -InE "$pattern" <"$scratch/files" >"$scratch/found"
is "$(grep -vE '^tests/lint/rooms\.t:|^tests/unit/cli\.c:.*/home/config' "$scratch/found")" '' 'no path of a machine'
mark='TO''DO|FIX''ME|XX''X'
is "$(xargs grep -InwE "$mark" <"$scratch/files")" '' 'nothing is left for later'
# a string stands in one piece, so that it can be searched for
is "$(grep -E '\.[ch]$' "$scratch/files" | xargs awk '{ gsub(/\t/, "        ") } length > 120 && !/"/ { print FILENAME ":" FNR }')" '' \
	'no line is longer than 120 columns, but for a string'
is "$(sed 's|/.*||' "$scratch/files" | sort -u | grep -v '^\.' | grep -vxE 'Makefile|README\.md|LICENSE|cmd|lib|completions|tests|build|config\.make' | xargs)" '' \
	'the top level is as small as it should be'

finish
