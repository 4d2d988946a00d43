#!/usr/bin/env bash
# make install into an empty DESTDIR, what it installs there, and make uninstall.
. "${0%/*}/../lib/tap.sh"

dest=$scratch/dest
# MAKEFLAGS of an outer make ends with its variables (SAN=1, CFLAGS=-O2\ -g); without them, the binary would be rebuilt.
# The outer make's job server is not ours to use.
case ${MAKEFLAGS-} in
*"-- "*) make_flags="-- ${MAKEFLAGS##*-- }" ;;
*) make_flags= ;;
esac
make_kandy() { env -u MFLAGS -u MAKELEVEL MAKEFLAGS="$make_flags" make -s -C "$top_dir" "$@"; }
run make_kandy install DESTDIR="$dest" prefix=/usr
is "$status" 0 'make install'
unlike "$err" . 'says nothing on stderr'
is "$(find "$dest" -type f -perm /022)" '' 'nothing is writable for others'
is "$(cd "$dest" && find . -type f -name kandy -perm 755)" './usr/bin/kandy' 'one binary, mode 755'
same "$dest/usr/bin/kandy" "$KANDY_BIN" 'the one that was built'

export PATH=$dest/usr/bin:$PATH
for name in $("$dest/usr/bin/kandy" help --emit commands); do
	kandy help "$name" >wanted
	run "kandy-$name" --help
	same "$out" wanted "kandy-$name --help, from there"
	ok "man page of kandy-$name" mandoc -T lint -W warning "$dest/usr/share/man/man1/kandy-$name.1"
	ok "bash finds the completion of kandy-$name" test -e "$dest/usr/share/bash-completion/completions/kandy-$name"
	ok "fish finds the completion of kandy-$name" test -e "$dest/usr/share/fish/vendor_completions.d/kandy-$name.fish"
done
for name in config json; do
	ok "man page kandy-$name(5)" mandoc -T lint -W warning "$dest/usr/share/man/man5/kandy-$name.5"
done
ok 'man finds kandy(1) there' mandoc -T lint -W warning "$dest/usr/share/man/man1/kandy.1"
like "$dest/usr/share/zsh/site-functions/_kandy" '^#compdef kandy -P kandy-' 'zsh completion'

run make_kandy uninstall DESTDIR="$dest" prefix=/usr
is "$status" 0 'make uninstall'
is "$(find "$dest" ! -type d)" '' 'leaves nothing'

run make_kandy install DESTDIR="$dest" prefix=/opt/kandy mandir=/opt/man bashcompdir=/b zshcompdir=/z fishcompdir=/f
is "$(cd "$dest" && find . -name kandy.1 -o -name _kandy -o -name kandy.fish | sort | xargs)" './f/kandy.fish ./opt/man/man1/kandy.1 ./z/_kandy' \
	'directories are the packager'\''s choice'

finish
