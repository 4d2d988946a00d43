# shellcheck shell=bash
# environment.sh - removes the caller's proxies, certificates, and settings of kandy and other tools from the environment of tests
# and benchmarks.
#
#	clean_environment NAME...   unsets all variables except the common ones and those named; 'TEST_*' is a pattern

clean_environment() {
	local name keep

	keep=$(IFS='|' && echo "@(PATH|TMPDIR|LD_LIBRARY_PATH|CC|MAKEFLAGS|SHELLOPTS|BASHOPTS|KANDY_BIN|INTEROP_MODULES|$*)")
	for name in $(compgen -e); do
		# shellcheck disable=SC2053 # a pattern it is
		[[ $name == $keep ]] || unset "$name"
	done
	export LC_ALL=C.UTF-8 TZ=UTC TERM=dumb SHELL=/bin/bash
	umask 022
}
