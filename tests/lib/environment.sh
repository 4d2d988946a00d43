# shellcheck shell=bash
# environment.sh - the caller's environment is the caller's: proxies, certificates, settings of kandy and of the tools in use stay
# outside of tests and measurements.
#
#	clean_environment NAME...   unsets everything but what each of them needs and what is named; 'TEST_*': all that begins so

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
