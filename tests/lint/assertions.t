#!/usr/bin/env bash
# Names of assertions: a name is shown alone when the assertion fails, so it must not continue the one before.
. "${0%/*}/../lib/tap.sh"
cd "$top_dir" || exit 1

# continued FILE...: "FILE:LINE: NAME" of each assertion whose name begins with "and", "with" or "nor". In shell tests
# the name is the first argument of `ok` and the last one of the others; in units, the last one of tap_*().
continued() {
	perl -0777 -ne '
		sub found { my ($at, $name) = @_; printf "%s:%d: %s\n", $ARGV, 1 + (substr($_, 0, $at) =~ tr/\n//), $name }
		my $leaning = qr/(?:and|with|nor)\b/i;
		if ($ARGV =~ /\.c$/) {
			while (/\btap_(?:ok|str|int)\(/g) {
				my $at = pos;
				/\G[^;]*?"((?:[^"\\]|\\.)*)"\s*\);/gcs or next;
				my $name = $1;
				found($at, $name) if $name =~ /^\s*$leaning/;
				pos = $at;
			}
		} else {
			(my $joined = $_) =~ s/\\\n\t*/ \x01/g;
			my $line = 1;
			for my $text (split /\n/, $joined) {
				my $name;
				if ($text =~ /^\s*ok (["\x27])(.*?)\1/) { $name = $2 }
				elsif ($text =~ /^\s*(?:is|like|unlike|same|json|arrives|refused|offers)\b.*?(["\x27])([^"\x27]*)\1(?:\s*\|\|.*|\s*;.*)?\s*$/) { $name = $2 }
				print "$ARGV:$line: $name\n" if defined $name && $name =~ /^\s*$leaning/;
				$line += 1 + ($text =~ tr/\x01//);
			}
		}' "$@"
}

# the check itself
cat >"$scratch/planted.t" <<'END'
is "$status" 0 'and it works'
like "$out" 'and' \
	"with a name on the next line"
ok 'nor this one' test -e "$out"
is "$status" 'and a value' 'the status is right'
ok 'android is a word' true
END
cat >"$scratch/planted.c" <<'END'
tap_int(f("and a value"), 0, "the value is right");
tap_str(g(),
	"x", "with a name on the next line");
END
is "$(continued "$scratch/planted.t" "$scratch/planted.c" | sed 's/.*planted//')" '.t:1: and it works
.t:2: with a name on the next line
.t:4: nor this one
.c:2: with a name on the next line' 'the check finds planted names and no others'

# the names planted above do not count
continued tests/*/*.t tests/unit/*.c | grep -v "^tests/lint/assertions" >"$scratch/found"
diag "$(head -n 40 "$scratch/found")"
ok "assertions say what they assert ($(wc -l <"$scratch/found") do not)" test ! -s "$scratch/found"
finish
