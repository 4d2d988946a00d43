#!/usr/bin/env bash
# Wording: help, man pages, messages, comments and documents are plain technical English, without the phrases below.
. "${0%/*}/../lib/tap.sh"
cd "$top_dir" || exit 1

# One Perl pattern a line; case does not matter.
phrases='
\bwhoever\b
\bnobody\b(?!@)
\banew\b
\bbegun\b
\b(?:is|was|are|were|be) said\b
\bpass(?:es|ed|ing)? over\b
\bgiven up\b
\bhanded on\b
\bset aside\b
\b(?:put|puts|putting) off\b
\blooked at\b
\bbehind it\b
\bbefore it\b(?= [.,;:)])
\ball in all\b
\bthat there (?:is|are|was|were)\b
(?<!there )\bis no (?!longer\b|more\b|later\b|earlier\b)
(?<!there )\bis none\b
\bwhat (?:is|was|has)\b
'
# exceptions: correct English that a pattern finds, each as it stands in its line
exceptions='
what is missing
'

# said FILE...: "FILE:LINE: TEXT" of the comments and string literals in C sources, and of the lines of other files. A comment's
# lines are joined, so that a phrase is found across them.
said() {
	perl -0777 -ne '
		sub say_it { my ($at, $text) = @_; my $line = 1 + (substr($_, 0, $at) =~ tr/\n//);
			$text =~ s/\s*\n[\s*]*/ /g; print "$ARGV:$line: $text\n" }
		if ($ARGV =~ /\.[ch]$/) {
			while (m{/\*(.*?)\*/|"((?:[^"\\\n]|\\.)*)"|\x27(?:[^\x27\\]|\\.)+\x27|//([^\n]*)}gs) {
				my $text = $1 // $2 // $3 // next;
				say_it($-[0], $text);
			}
		} else {
			my $line = 0;
			print "$ARGV:" . ++$line . ": $_\n" for split /\n/;
		}' "$@"
}
# banned <TEXT: its lines that have a phrase, with the phrase in front
banned() {
	PHRASES=$phrases EXCEPTIONS=$exceptions perl -ne '
		BEGIN { $any = join "|", map { "(?:$_)" } grep { length } split /\n/, $ENV{PHRASES};
			$but = join "|", map { quotemeta } grep { length } split /\n/, $ENV{EXCEPTIONS} }
		(my $text = $_) =~ s/$but//gi;
		print "[$&] $_" if $text =~ /$any/i'
}

# the check itself
cat >"$scratch/planted.c" <<'END'
/* This is done anew,
 * and there is no doubt about it. Whoever reads it installs what is missing. */
puts("'x' is no number"); /* fine */
char c = '"'; /* looked
 * at */
int is_anew; /* fine */
END
is "$(said "$scratch/planted.c" | banned | sed -E 's/\] .*planted/] planted/; s/: .*//')" '[anew] planted.c:1
[is no ] planted.c:3
[looked at] planted.c:4' 'the check finds planted phrases and no others'
is "$(printf '%s\n' 'x: there is no file' 'x: a renewal' 'x: that is no longer so' | banned)" '' 'the check finds nothing in correct English'
while read -r phrase; do
	plain=$(sed -E 's/\\b|\(\?<![^)]*\)|\(\?[!=].*$//g; s/\(\?:([^|)]*)[^)]*\)\??/\1/g' <<<"$phrase")
	case $phrase in *'(?= '*) plain+=' .' ;; esac
	echo "x: $plain" | banned | grep -q . || missed+="$plain, "
done < <(grep . <<<"$phrases")
is "${missed-}" '' 'the check finds each of its phrases'

# ---- texts of the program ----

{
	kandy help
	for name in $(kandy help --emit commands); do kandy help "$name"; done
} 2>&1 | sed 's/^/help: /' >"$scratch/help"
{
	kandy help --emit man
	for name in $(kandy help --emit commands); do kandy help --emit man "$name"; done
} | sed 's/^/man: /' >"$scratch/man"
said cmd/*.[ch] lib/*/*.[ch] >"$scratch/sources"
mapfile -t documents < <(find README.md lib tests/README.md .github -name '*.md' 2>/dev/null | sort)
said "${documents[@]}" >"$scratch/documents"

# checked NAME FILE
checked() {
	local found
	banned <"$2" >"$scratch/found"
	found=$(wc -l <"$scratch/found")
	diag "$(head -n 60 "$scratch/found" | cut -c 1-200)"
	ok "$1: no banned phrase ($found found)" test "$found" -eq 0
}
checked 'help' "$scratch/help"
checked 'man pages' "$scratch/man"
checked 'comments and messages' "$scratch/sources"
checked 'documents' "$scratch/documents"
finish
