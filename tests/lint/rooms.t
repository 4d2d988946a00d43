#!/usr/bin/env bash
# The rooms of lib/: includes, gates, names, calls; and rules for every file.
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
		"other rooms do not include the inner header of lib/$room"
done
is "$(grep -lE '^#\s*include "cmd/' lib/*/*.[ch])" '' 'lib/ does not know cmd/'

# ---- gates: what other rooms see of a room ------------------------------------------------------------------------------

# Other rooms include ROOM/ROOM.h or what it includes. Headers with a user of their own, which all others need not see:
# jq programs, and the terminal's width.
more=' json/filter.h cli/term.h '
for room in http ws json crypto cli client send listen fetch sandbox; do
	public=" $room/$room.h $(sed -nE "s|^#\s*include \"($room/[^\"]*)\".*|\1|p" "lib/$room/$room.h" | grep -v -- '-int\.h$' | xargs) "
	wrong=
	while IFS=: read -r file line; do
		header=${line#*\"}
		header=${header%%\"*}
		case "$public$more" in *" $header "*) ;; *) wrong+="$file: $header"$'\n' ;; esac
	done < <(grep -HE "^#\s*include \"$room/" lib/*/*.[ch] cmd/*.[ch] | grep -v "^lib/$room/")
	is "$wrong" '' "lib/$room: other rooms include its gate only"
done

# ---- names --------------------------------------------------------------------------------------------------------------

is "$(grep -hoE '^(struct|enum|union) [a-z_0-9]+ \{' lib/*/*.[ch] cmd/*.[ch] | sort | uniq -d)" '' 'a tag is defined once in the tree'

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
like "$scratch/symbols" '^base/buf\.o memcpy$' 'the objects are found'
is "$(calls 'curl_.*|lws_.*|jv_.*|jq_.*|EVP_.*|SSL_.*|X509_.*|OPENSSL_.*|CRYPTO_.*|RAND_.*')" '' \
	'foreign libraries are called through dynlib.h'
is "$(calls 'strcpy|strcat|stpcpy|sprintf|vsprintf|strtok|gets|system|popen|tmpnam|mktemp|setlocale|rand|srand|signal')" '' \
	'lib/ calls no function that is unsafe or global'
# child processes end in these files
is "$(calls 'exit|_exit|quick_exit|_Exit' | grep -vE "^listen/(exec\.o _exit|worker\.o exit)$")" '' 'lib/ does not end the program'
is "$(calls 'printf|vprintf|puts|putchar|stdout')" '' 'lib/ does not print'
is "$(calls 'fprintf|vfprintf|fputs|fputc|perror|stderr|dprintf|vdprintf' | grep -v '^base/err\.o ')" '' \
	'lib/ talks through log.h (BUG() alone does not)'
# http_proxy and similar variables are read as curl reads them.
is "$(calls 'getenv|secure_getenv|environ|setenv|putenv' | grep -vE '^(cli/.*|http/proxy\.o) ')" '' \
	'lib/ does not read the environment, except cli and the proxy variables'
is "$(calls 'malloc|calloc|realloc|reallocarray|strdup|strndup|asprintf|vasprintf' | grep -v '^base/mem\.o ')" '' \
	'memory comes from mem.h'
is "$(calls 'abort' | grep -vE '^base/(err|mem)\.o ')" '' 'lib/ aborts through BUG() alone'

# Exported functions begin with the name of their file or room. Exceptions: the allocators' customary names; jobs and requests
# of the listener, which its machine and worker own.
customary='^(base/mem: x[a-z_0]+|listen/machine: job_[a-z_]+|listen/worker_msg: worker_request_[a-z_]+)$'
nm -A -g --defined-only "${object_files[@]}" |
	sed -nE 's|^.*/lib/([a-z]+)/([a-z0-9_-]+)\.o:[0-9a-f]+ ([TDBRC]) (.*)|\1 \2 \3 \4|p' >"$scratch/defined"
is "$(awk '$3 == "T" { file = $2; gsub("-", "_", file); if (index($4, file) != 1 && index($4, $1) != 1) print $1 "/" $2 ": " $4 }' \
	"$scratch/defined" | grep -vE "$customary")" '' 'exported functions begin with the name of their file or room'

# files that call each other, in a circle or directly: "room/file room/file ..." for each such group
circles() { # DEFINED UNDEFINED
	perl -e '
		my ($defined, $undefined) = @ARGV; my (%home, %calls, %seen);
		open my $d, "<", $defined or die; while (<$d>) { my ($room, $file, undef, $name) = split; $home{$name} = "$room/$file" }
		open my $u, "<", $undefined or die;
		while (<$u>) { my ($from, $name) = split; $from =~ s/\.o$//; my $to = $home{$name}; $calls{$from}{$to} = 1 if $to && $to ne $from }
		sub reach { my %r; my @next = shift; while (@next) { my $f = pop @next; $r{$_}++ or push @next, $_ for keys %{$calls{$f}} } \%r }
		my %reach = map { $_ => reach($_) } keys %calls;
		for my $f (sort keys %calls) {
			next if $seen{$f} || !$reach{$f}{$f};
			my @group = grep { $reach{$_}{$f} && $reach{$f}{$_} } sort keys %calls;
			$seen{$_} = 1 for @group;
			print "@group\n" }' "$@"
}
printf '%s\n' 'a one T f' 'a two T g' 'b three T h' >"$scratch/d"
printf '%s\n' 'a/one.o g' 'a/two.o h' 'b/three.o f' 'b/three.o memcpy' >"$scratch/u"
is "$(circles "$scratch/d" "$scratch/u")" 'a/one a/two b/three' 'a circle of files is found'
circles "$scratch/defined" "$scratch/symbols" >"$scratch/circles"
is "$(awk '{ room = $1; sub("/.*", "", room); for (i = 2; i <= NF; i++) if (index($i, room "/") != 1) { print; next } }' "$scratch/circles")" '' \
	'files of different rooms do not call each other in a circle'
[ ! -s "$scratch/circles" ] || diag "circles within a room:"$'\n'"$(<"$scratch/circles")"

wanted='libc\.so\.6|libm\.so\.6|libdl\.so\.2|libpthread\.so\.0|ld-linux.*'
case $objects in *-san) wanted+='|libasan.*|libubsan.*|libgcc_s.*|libstdc.*|librt.*' ;; esac
is "$(readelf -d "$KANDY_BIN" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p' | grep -vxE "$wanted")" '' 'the binary is linked to libc alone'

# ---- headers --------------------------------------------------------------------------------------------------------------

for compiler in gcc clang; do
	wrong=
	for header in cmd/*.h lib/*/*.h; do
		printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
			$compiler -std=c11 -Wall -Wextra -Wpedantic -Werror -D_GNU_SOURCE -I. -Ilib -I"$objects" -fsyntax-only -x c - 2>/dev/null ||
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

# The files that git has, whatever user owns the directory; without git, those in the directory
git -c safe.directory="$top_dir" ls-files >"$scratch/files" 2>/dev/null || find . \( -path ./build -o -path ./.git \) -prune -o -type f -print | sed 's|^\./||' >"$scratch/files"
sed -i '\|^tests/fuzz/seeds/|d' "$scratch/files" # arbitrary bytes
ok 'the files are found' grep -qx Makefile "$scratch/files"
is "$(while read -r file; do [ ! -s "$file" ] || [ -z "$(tail -c 1 "$file")" ] || echo "$file"; done <"$scratch/files")" '' \
	'every file ends with a newline'
xargs grep -IlE '[[:blank:]]+$' <"$scratch/files" >"$scratch/found"
is "$(grep -v 'package-lock' "$scratch/found")" '' 'no white space at the end of a line'
pattern='(^|[^a-zA-Z}])/(work|root|home)/[a-z]'
xargs grep -InE "$pattern" <"$scratch/files" >"$scratch/found"
is "$(grep -vE '^tests/lint/rooms\.t:|^tests/unit/cli\.c:.*/home/config' "$scratch/found")" '' 'no path of a machine'
mark='TO''DO|FIX''ME|XX''X'
is "$(xargs grep -InwE "$mark" <"$scratch/files")" '' 'no mark of unfinished work'
# Strings are not split, so that they can be searched for.
is "$(grep -E '\.[ch]$' "$scratch/files" | xargs awk '{ gsub(/\t/, "        ") } length > 120 && !/"/ { print FILENAME ":" FNR }')" '' \
	'no line is longer than 120 columns, but for a string'
is "$(sed 's|/.*||' "$scratch/files" | sort -u | grep -v '^\.' | grep -vxE 'Makefile|README\.md|LICENSE|cmd|lib|completions|tests|build|config\.make' | xargs)" '' \
	'the top level has no other entries'

finish
