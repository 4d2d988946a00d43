# kandy - one non-recursive Makefile. `make help` lists the targets.
#
#   make                builds build/kandy
#   make SAN=1 ...      builds with AddressSanitizer and UBSan, in a separate directory
#   make WERROR=1 ...   treats warnings as errors (CI; developers)
#   make V=1 ...        shows the commands
#
# CC, CFLAGS, CPPFLAGS and LDFLAGS belong to the user and come after the project's own flags. An optional config.make may
# set them too.

VERSION := 0.1.0
RELEASED := November 22, 2026

-include config.make

CC ?= cc
CFLAGS ?= -O2 -g
prefix ?= /usr/local
bindir ?= $(prefix)/bin
datarootdir ?= $(prefix)/share
mandir ?= $(datarootdir)/man
bashcompdir ?= $(datarootdir)/bash-completion/completions
zshcompdir ?= $(datarootdir)/zsh/site-functions
fishcompdir ?= $(datarootdir)/fish/vendor_completions.d

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDEXPANSION:

Q := $(if $(V),,@)
, := ,
say = $(if $(V),,@printf '  %-8s %s\n' '$(1)' '$(2)')

# ---- flavours: each compiler, with and without sanitizers, has its own directory --------------------------------------

B ?= build
COMPILER := $(notdir $(firstword $(CC)))
FLAVOUR := $(COMPILER)$(if $(SAN),-san)
O := $(B)/$(FLAVOUR)

# The coverage counters of clang's flavour are for the fuzzers, which link the same objects as the sanitized tests.
SANITIZE := -fsanitize=address$(,)undefined
SAN_CFLAGS := $(SANITIZE) -fno-sanitize-recover=undefined -fno-omit-frame-pointer \
	$(if $(findstring clang,$(COMPILER)),-fsanitize=fuzzer-no-link)

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wwrite-strings -Wundef \
	-Wpointer-arith -Wformat=2 $(if $(WERROR),-Werror)
PROJECT_CPPFLAGS := -D_GNU_SOURCE -DKANDY_VERSION='"$(VERSION)"' -DKANDY_RELEASED='"$(RELEASED)"' -I. -Ilib -I$(O)
PROJECT_CFLAGS := -std=c11 $(WARNINGS) -fno-common -fstack-protector-strong -pthread $(if $(SAN),$(SAN_CFLAGS))
PROJECT_LDFLAGS := -pthread -Wl,-z,relro,-z,now $(if $(SAN),$(SANITIZE))
LDLIBS := -ldl -lm

# The libraries are loaded at run time, when they are first needed (lib/base/dynlib.h). The build uses their headers, and
# their sonames as the names of the files to load.
LIBRARIES := libcurl libjq libwebsockets libssl libcrypto
# pkg-config is run when the first file is compiled: `make deps all` may install it before that.
LIBRARY_CFLAGS = $(eval LIBRARY_CFLAGS := $(shell pkg-config --cflags libcurl libwebsockets libssl libcrypto \
	2>/dev/null))$(LIBRARY_CFLAGS)

# `make -j deps check`: nothing else starts before `deps` has finished.
DEPS := $(filter deps,$(MAKECMDGOALS))

LIB_SOURCES := $(sort $(wildcard lib/*/*.c))
CMD_SOURCES := $(sort $(wildcard cmd/*.c))
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(O)/%.o)
CMD_OBJECTS := $(CMD_SOURCES:%.c=$(O)/%.o)
UNIT_SOURCES := $(sort $(wildcard tests/unit/*.c))
UNIT_TESTS := $(UNIT_SOURCES:tests/unit/%.c=$(O)/tests/unit/%)
SIM := $(O)/tests/sim/sim

.PHONY: all
all: $(B)/kandy

# `build/kandy` is the binary of the flavour that was built last.
$(B)/kandy: $(O)/kandy FORCE
	$(Q)cmp -s $< $@ || { cp $< $@.new && mv -f $@.new $@; }
.PHONY: FORCE
FORCE:

$(O)/kandy: $(CMD_OBJECTS) $(O)/libkandy.a
	$(call say,LD,$@)
	$(Q)$(CC) $(PROJECT_LDFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(O)/libkandy.a: $(LIB_OBJECTS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(O)/%.o: %.c $(O)/flags $(O)/sonames.h | $(O)/dynlib_calls.h
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROJECT_CPPFLAGS) $(LIBRARY_CFLAGS) $(CPPFLAGS) $(PROJECT_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(O)/tests/unit/%: tests/unit/%.c $(O)/libkandy.a
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROJECT_CPPFLAGS) $(LIBRARY_CFLAGS) $(CPPFLAGS) $(PROJECT_CFLAGS) $(CFLAGS) -MMD -MP -MF $@.d \
		$(PROJECT_LDFLAGS) $(LDFLAGS) -o $@ $< $(O)/libkandy.a $(LDLIBS)

# Every object depends on this file, which changes when the flags change.
FLAGS_NOW := $(CC) $(PROJECT_CPPFLAGS) $(CPPFLAGS) $(PROJECT_CFLAGS) $(CFLAGS) $(PROJECT_LDFLAGS) $(LDFLAGS)
$(O)/flags: FORCE | $(DEPS)
	$(Q)mkdir -p $(@D)
	$(Q)printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' > $@

$(O)/sonames.h: Makefile | $(DEPS)
	$(Q)mkdir -p $(@D)
	$(Q)for library in $(LIBRARIES); do \
		file=$$($(CC) -print-file-name=$$library.so); \
		soname=$$(readelf -d "$$file" 2>/dev/null | sed -n 's/.*SONAME.*\[\(.*\)\].*/\1/p'); \
		if [ -z "$$soname" ]; then \
			echo "kandy: $$library is missing (its headers and .so): run 'make deps'" >&2; exit 1; \
		fi; \
		printf '#define SONAME_%s "%s"\n' "$$(echo $${library#lib} | tr a-z A-Z)" "$$soname"; \
	done > $@

# The functions in the X(name) lists are called through pointers (lib/base/dynlib.h).
DYNLIB_CALLS := $(shell grep -l DYNLIB_SLOT lib/*/*.[ch])
$(O)/dynlib_calls.h: $(DYNLIB_CALLS) Makefile
	$(Q)mkdir -p $(@D)
	$(Q)sed -n 's/\bX(\([A-Za-z0-9_]*\))/\n#define \1 DYNLIB_TABLE.p_\1\n/gp' $(DYNLIB_CALLS) | \
		grep '^#define .*\.p_' | sort -u > $@

-include $(shell find $(O) -name '*.d' 2>/dev/null)

# ---- generated from the option rows -----------------------------------------------------------------------------------

MAN_PAGES := $(B)/man/.written

.PHONY: man
man: $(MAN_PAGES)
$(MAN_PAGES): $(B)/kandy
	$(call say,MAN,$(@D))
	$(Q)rm -rf $(@D) && mkdir -p $(@D)
	$(Q)$(B)/kandy help --emit man > $(@D)/kandy.1
	$(Q)for name in $$($(B)/kandy help --emit commands); do \
		$(B)/kandy help --emit man $$name > $(@D)/kandy-$$name.1 || exit 1; done
	$(Q)for name in config json; do $(B)/kandy help --emit man-$$name > $(@D)/kandy-$$name.5 || exit 1; done
	$(Q)touch $@

# ---- installation -----------------------------------------------------------------------------------------------------

INSTALL ?= install

# bash and fish find a completion by the command's name, so each link needs one; zsh reads the names inside its file.
.PHONY: install
install: $(B)/kandy $(MAN_PAGES)
	$(Q)$(INSTALL) -d '$(DESTDIR)$(bindir)' '$(DESTDIR)$(mandir)/man1' '$(DESTDIR)$(mandir)/man5' '$(DESTDIR)$(bashcompdir)' \
		'$(DESTDIR)$(zshcompdir)' '$(DESTDIR)$(fishcompdir)'
	$(Q)$(INSTALL) -m 755 $(B)/kandy '$(DESTDIR)$(bindir)/kandy'
	$(Q)$(INSTALL) -m 644 $(B)/man/*.1 '$(DESTDIR)$(mandir)/man1'
	$(Q)$(INSTALL) -m 644 $(B)/man/*.5 '$(DESTDIR)$(mandir)/man5'
	$(Q)$(INSTALL) -m 644 completions/kandy.bash '$(DESTDIR)$(bashcompdir)/kandy'
	$(Q)$(INSTALL) -m 644 completions/_kandy '$(DESTDIR)$(zshcompdir)/_kandy'
	$(Q)$(INSTALL) -m 644 completions/kandy.fish '$(DESTDIR)$(fishcompdir)/kandy.fish'
	$(Q)for name in $$($(B)/kandy help --emit commands); do \
		ln -sf kandy '$(DESTDIR)$(bindir)'/kandy-$$name && \
		ln -sf kandy '$(DESTDIR)$(bashcompdir)'/kandy-$$name && \
		ln -sf kandy.fish '$(DESTDIR)$(fishcompdir)'/kandy-$$name.fish || exit 1; done

# Removes the files that this version installs; directories stay.
.PHONY: uninstall
uninstall: $(B)/kandy
	$(Q)for name in '' $$($(B)/kandy help --emit commands | sed 's/^/-/'); do \
		rm -f '$(DESTDIR)$(bindir)'/kandy$$name '$(DESTDIR)$(mandir)/man1'/kandy$$name.1 \
			'$(DESTDIR)$(bashcompdir)'/kandy$$name '$(DESTDIR)$(fishcompdir)'/kandy$$name.fish || exit 1; done
	$(Q)rm -f '$(DESTDIR)$(zshcompdir)/_kandy' '$(DESTDIR)$(mandir)/man5'/kandy-config.5 \
		'$(DESTDIR)$(mandir)/man5'/kandy-json.5

# Installs missing packages for building and testing (Debian).
.PHONY: deps
deps:
	$(Q)CC='$(CC)' .ci/deps

# ---- tests ----------------------------------------------------------------------------------------------------------

# make check            runs all tests; TESTS='tests/cli/send.t ...' runs some of them (tests/README.md)
# make check SAN=1      runs those that can find something in a binary with sanitizers
# make check VALGRIND=1 runs unit tests and the demo under valgrind, which sees uninitialised reads; sanitizers see the rest

# The longest first: if one of them started last, it would run alone.
LONG_TESTS := $(patsubst %,tests/%.t,fault/faults cli/listen-faults cli/listen-alive cli/fetch-limits cli/spool \
	docs/examples cli/listen-pressure cli/sandbox-faults)
SCRIPT_TESTS := $(LONG_TESTS) $(filter-out $(LONG_TESTS),$(sort $(wildcard tests/*/*.t)))
# Tests of sources and generated texts say nothing about the binary's memory.
SAN_TESTS := $(filter-out tests/lint/%.t $(patsubst %,tests/docs/%.t,completions install man readme),$(SCRIPT_TESTS))
# What clang's sanitizers cannot see, reads of uninitialised memory: in decoders and codecs,
# and once in each command that talks to the service.
VALGRIND_UNITS := $(patsubst %,$(O)/tests/unit/%,address buf json lines link message notification range session str url utf8 \
	ws-frame ws-handshake)
VALGRIND_TESTS := $(VALGRIND_UNITS) tests/docs/demo.t
TESTS ?= $(if $(VALGRIND),$(VALGRIND_TESTS),$(UNIT_TESTS) $(if $(SAN),$(SAN_TESTS),$(SCRIPT_TESTS)))
valgrind_command := valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite

# Only these need packages from the npm registry.
NPM := $(B)/npm
NPM_TESTS := tests/interop/vendor.t tests/cli/listen-wire.t

.PHONY: check
check: $(B)/kandy $(filter $(UNIT_TESTS),$(TESTS)) $(if $(filter tests/sim/%,$(TESTS)),$(SIM)) $(if $(filter $(NPM_TESTS),$(TESTS)),$(NPM)/installed)
	$(Q)KANDY_BIN='$(abspath $(O))/kandy' INTEROP_MODULES='$(abspath $(NPM))/node_modules' BUILD_DIR='$(abspath $(O))' \
	$(if $(VALGRIND),KANDY_WRAP='$(valgrind_command)') \
	$(if $(SAN),ASAN_OPTIONS=detect_leaks=1:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1) \
	TEST_LOG='$(O)/tap' tests/run $(TESTS)

# The vendor's client and a WebSocket library, pinned by tests/interop/package-lock.json.
$(NPM)/installed: tests/interop/package.json tests/interop/package-lock.json | $(DEPS)
	$(call say,NPM,$(NPM))
	$(Q)mkdir -p $(NPM)
	$(Q)cp tests/interop/package.json tests/interop/package-lock.json tests/interop/.npmrc $(NPM)/
	$(Q)cd $(NPM) && npm ci --loglevel=error
	$(Q)touch $@

# make fuzz TIME=60          runs each of tests/fuzz/*.c for so many seconds (FUZZERS='json url' for some); needs clang
# make fuzz RUNS=10000000    runs each until it was executed so often, earlier runs included; build/fuzz/executions has the
#                            numbers
TIME ?= 60
RUNS ?= 0
FUZZERS ?= $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/*.c)))

.PHONY: fuzz fuzzers
fuzz:
	$(Q)$(MAKE) --no-print-directory SAN=1 CC=clang fuzzers
	$(Q)tests/fuzz/run $(TIME) $(RUNS) $(B)/fuzz $(FUZZERS:%=$(B)/clang-san/tests/fuzz/%)
fuzzers: $(FUZZERS:%=$(O)/tests/fuzz/%)

# libjq: json.c compares with it
$(O)/tests/fuzz/%: tests/fuzz/%.c $(O)/libkandy.a
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROJECT_CPPFLAGS) $(LIBRARY_CFLAGS) $(CPPFLAGS) $(PROJECT_CFLAGS) $(CFLAGS) -MMD -MP -MF $@.d \
		-fsanitize=fuzzer $(PROJECT_LDFLAGS) $(LDFLAGS) -o $@ $< $(O)/libkandy.a $(LDLIBS) -ljq

# make bench            runs each of tests/bench/*.c and tests/bench/*.sh (BENCHES='json' for some)
BENCHES ?= $(patsubst tests/bench/%,%,$(basename $(sort $(wildcard tests/bench/*.c tests/bench/*.sh))))
BENCH_FILES := $(foreach name,$(BENCHES),$(if $(wildcard tests/bench/$(name).sh),tests/bench/$(name).sh,$(O)/tests/bench/$(name)))
BENCH_TOOLS := $(patsubst tests/%.c,$(O)/tests/%,$(wildcard tests/bench/tools/*.c))

.PHONY: bench
bench: $(B)/kandy $(filter $(O)/%,$(BENCH_FILES)) $(BENCH_TOOLS) $(NPM)/installed
	$(Q)CC='$(CC)' .ci/deps bench
	$(Q)for file in $(BENCH_FILES); do KANDY_BIN='$(abspath $(O))/kandy' BENCH_TOOLS='$(abspath $(O))/tests/bench/tools' \
		INTEROP_MODULES='$(abspath $(NPM))/node_modules' $$file || exit 1; done

# make sim TIME=60      simulates delivery for so many seconds, with new seeds each time; build/sim/state has the last one.
# SIM_ARGS='--seed 7 --runs 1 --verbose send' replays a run.
SIM_ARGS ?= --time $(TIME) --state $(B)/sim/state

.PHONY: sim
sim: $(SIM)
	$(Q)mkdir -p $(B)/sim
	$(Q)$(SIM) $(SIM_ARGS)

# Its world.c stands in for clock.c and random.c of lib/base.
$(SIM): $(patsubst %.c,$(O)/%.o,$(sort $(wildcard tests/sim/*.c))) $(O)/libkandy.a
	$(call say,LD,$@)
	$(Q)$(CC) $(PROJECT_LDFLAGS) $(LDFLAGS) -o $@ $^ $(LDLIBS)

SOAK ?= 600
.PHONY: soak
soak: $(B)/kandy
	$(Q)SOAK=$(SOAK) tests/soak/listen.sh

# Programs on the bare libraries, for comparison
$(O)/tests/bench/tools/%: tests/bench/tools/%.c $(O)/flags
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE $(LIBRARY_CFLAGS) $(CPPFLAGS) $(filter-out -Wpedantic -Wundef -Werror,$(PROJECT_CFLAGS)) \
		$(CFLAGS) -MMD -MP -MF $@.d -o $@ $< -lcurl -lwebsockets -lssl -lcrypto

# libjq: json.c compares with it
$(O)/tests/bench/%: tests/bench/%.c $(O)/libkandy.a
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROJECT_CPPFLAGS) $(LIBRARY_CFLAGS) $(CPPFLAGS) $(PROJECT_CFLAGS) $(CFLAGS) -MMD -MP -MF $@.d \
		$(PROJECT_LDFLAGS) $(LDFLAGS) -o $@ $< $(O)/libkandy.a $(LDLIBS) -ljq

.PHONY: demo
demo: $(B)/kandy
	$(Q)PATH='$(abspath $(B))':"$$PATH" tests/demo.sh

# ---- lint -------------------------------------------------------------------------------------------------------------

C_FILES := $(sort $(wildcard cmd/*.[ch] lib/*/*.[ch] tests/*/*.[ch]))
SHELL_FILES := $(sort $(shell grep -lE '^\#!/(bin/sh|usr/bin/env bash)' .ci/* tests/*.sh tests/run tests/*/*.t 2>/dev/null)) \
	$(sort $(wildcard tests/*/*.sh)) completions/kandy.bash

.PHONY: format
format:
	$(Q)clang-format -i $(C_FILES)

.PHONY: lint lint-format lint-tidy lint-cppcheck lint-shell
lint: lint-format lint-shell lint-cppcheck lint-tidy
lint-format:
	$(call say,LINT,clang-format)
	$(Q)clang-format --dry-run -Werror $(C_FILES)
# SC2034, SC2154: variables that the sourced helpers set or read; SC2217: sleep holds a pipe open
lint-shell:
	$(call say,LINT,shellcheck)
	$(Q)shellcheck -S warning -e SC2034,SC2154,SC2217 -x -P SCRIPTDIR $(SHELL_FILES)
lint-cppcheck:
	$(call say,LINT,cppcheck)
	$(Q)cppcheck -q -j 2 --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 \
		--suppress=missingInclude --suppress=internalAstError -D_GNU_SOURCE -I. -Ilib $(CMD_SOURCES) $(LIB_SOURCES)
lint-tidy: $(O)/sonames.h $(O)/dynlib_calls.h
	$(call say,LINT,clang-tidy)
	$(Q)printf '%s\n' $(CMD_SOURCES) $(LIB_SOURCES) | xargs -P 2 -n 8 sh -c 'clang-tidy --quiet "$$@" -- \
		$(subst ','\'',$(PROJECT_CPPFLAGS)) $(LIBRARY_CFLAGS) -std=c11 2>/dev/null' clang-tidy

.PHONY: clean
clean:
	$(Q)rm -rf $(B)

.PHONY: help
help:
	@printf '%s\n' \
		'make                 build build/kandy' \
		'make deps            install missing packages for building and testing (Debian)' \
		'make demo            run a demo: two users exchange texts and files on the sandbox' \
		'make check           run all tests; TESTS="tests/cli/send.t ..." for some; SAN=1, VALGRIND=1' \
		'make install         install to prefix=/usr/local, below DESTDIR' \
		'make uninstall       remove what make install installed' \
		'make man             generate the man pages in build/man/' \
		'make lint            run clang-format, shellcheck, cppcheck and clang-tidy' \
		'make format          apply clang-format' \
		'make bench           measure kandy against other clients' \
		'make sim             TIME=60 seconds of simulated delivery, with seeds that have not run before' \
		'make soak            run a listener for SOAK=600 seconds under faults; plot its memory in build/soak/' \
		'make fuzz            fuzz each parser for TIME=60 seconds, or RUNS=10000000 executions' \
		'make clean           remove build/' \
		'' \
		'CC, CFLAGS, CPPFLAGS and LDFLAGS are honoured (also from config.make). SAN=1: build with sanitizers.' \
		'WERROR=1: treat warnings as errors. V=1: show the commands.'
