# kandy - one non-recursive Makefile. `make help` lists the targets.
#
#   make                builds build/kandy
#   make SAN=1 ...      the same with AddressSanitizer and UBSan, in a directory of its own
#   make WERROR=1 ...   warnings are errors (CI; developers)
#   make V=1 ...        shows the commands
#
# CC, CFLAGS, CPPFLAGS and LDFLAGS are the user's and stand behind the project's own flags. They may also be set in an
# optional config.make.

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

# ---- flavours: objects of different compilers and flags never meet -------------------------------------------------

B ?= build
COMPILER := $(notdir $(firstword $(CC)))
FLAVOUR := $(COMPILER)$(if $(SAN),-san)$(if $(FUZZ),-fuzz)
O := $(B)/$(FLAVOUR)

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wwrite-strings -Wundef \
	-Wpointer-arith -Wformat=2 $(if $(WERROR),-Werror)
PROJECT_CPPFLAGS := -D_GNU_SOURCE -DKANDY_VERSION='"$(VERSION)"' -DKANDY_RELEASED='"$(RELEASED)"' -I. -Ilib -I$(O)
PROJECT_CFLAGS := -std=c11 $(WARNINGS) -fno-common -fstack-protector-strong -pthread \
	$(if $(SAN),-fsanitize=address$(,)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer) \
	$(if $(FUZZ),-fsanitize=fuzzer-no-link$(,)address$(,)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
PROJECT_LDFLAGS := -pthread -Wl,-z,relro,-z,now $(if $(SAN),-fsanitize=address$(,)undefined)
LDLIBS := -ldl -lm

# The libraries are opened when they are first needed (lib/base/dynlib.h): the build takes their headers, and their sonames
# for the file names.
LIBRARIES := libcurl libjq libwebsockets libssl libcrypto
# asked when the first file is compiled: with `make deps all` pkg-config may not be there before
LIBRARY_CFLAGS = $(eval LIBRARY_CFLAGS := $(shell pkg-config --cflags libcurl libwebsockets libssl libcrypto \
	2>/dev/null))$(LIBRARY_CFLAGS)

# `make -j deps check`: nothing is begun before `deps` has ended.
DEPS := $(filter deps,$(MAKECMDGOALS))

LIB_SOURCES := $(sort $(wildcard lib/*/*.c))
CMD_SOURCES := $(sort $(wildcard cmd/*.c))
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(O)/%.o)
CMD_OBJECTS := $(CMD_SOURCES:%.c=$(O)/%.o)
UNIT_SOURCES := $(sort $(wildcard tests/unit/*.c))
UNIT_TESTS := $(UNIT_SOURCES:tests/unit/%.c=$(O)/tests/unit/%)

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

$(O)/%.o: %.c $(O)/flags $(O)/sonames.h
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROJECT_CPPFLAGS) $(LIBRARY_CFLAGS) $(CPPFLAGS) $(PROJECT_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(O)/tests/unit/%: tests/unit/%.c $(O)/libkandy.a
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROJECT_CPPFLAGS) $(LIBRARY_CFLAGS) $(CPPFLAGS) $(PROJECT_CFLAGS) $(CFLAGS) -MMD -MP -MF $@.d \
		$(PROJECT_LDFLAGS) $(LDFLAGS) -o $@ $< $(O)/libkandy.a $(LDLIBS)

# Other flags mean other objects: the file changes with them, and everything depends on it.
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
	$(Q)touch $@

# ---- installation -----------------------------------------------------------------------------------------------------

INSTALL ?= install

# bash and fish look for a completion by the name of the command, so the links have theirs; zsh reads the names in the file.
.PHONY: install
install: $(B)/kandy $(MAN_PAGES)
	$(Q)$(INSTALL) -d '$(DESTDIR)$(bindir)' '$(DESTDIR)$(mandir)/man1' '$(DESTDIR)$(bashcompdir)' \
		'$(DESTDIR)$(zshcompdir)' '$(DESTDIR)$(fishcompdir)'
	$(Q)$(INSTALL) -m 755 $(B)/kandy '$(DESTDIR)$(bindir)/kandy'
	$(Q)$(INSTALL) -m 644 $(B)/man/*.1 '$(DESTDIR)$(mandir)/man1'
	$(Q)$(INSTALL) -m 644 completions/kandy.bash '$(DESTDIR)$(bashcompdir)/kandy'
	$(Q)$(INSTALL) -m 644 completions/_kandy '$(DESTDIR)$(zshcompdir)/_kandy'
	$(Q)$(INSTALL) -m 644 completions/kandy.fish '$(DESTDIR)$(fishcompdir)/kandy.fish'
	$(Q)for name in $$($(B)/kandy help --emit commands); do \
		ln -sf kandy '$(DESTDIR)$(bindir)'/kandy-$$name && \
		ln -sf kandy '$(DESTDIR)$(bashcompdir)'/kandy-$$name && \
		ln -sf kandy.fish '$(DESTDIR)$(fishcompdir)'/kandy-$$name.fish || exit 1; done

# By the names that this version installs; directories stay.
.PHONY: uninstall
uninstall: $(B)/kandy
	$(Q)for name in '' $$($(B)/kandy help --emit commands | sed 's/^/-/'); do \
		rm -f '$(DESTDIR)$(bindir)'/kandy$$name '$(DESTDIR)$(mandir)/man1'/kandy$$name.1 \
			'$(DESTDIR)$(bashcompdir)'/kandy$$name '$(DESTDIR)$(fishcompdir)'/kandy$$name.fish || exit 1; done
	$(Q)rm -f '$(DESTDIR)$(zshcompdir)/_kandy'

# What building and testing need, installed where it is missing (Debian).
.PHONY: deps
deps:
	$(Q)CC='$(CC)' .ci/deps

# ---- tests ----------------------------------------------------------------------------------------------------------

# make check            everything; TESTS='tests/cli/send.t ...' for some of it
# make check SAN=1      the same on a binary with sanitizers
# make check VALGRIND=1 command tests with every kandy but the sandbox under valgrind
# the longest first: begun last, it would run alone
LONG_TESTS := tests/fault/faults.t tests/cli/listen-faults.t
SCRIPT_TESTS := $(LONG_TESTS) $(filter-out $(LONG_TESTS),$(sort $(wildcard tests/*/*.t)))
NPM := $(B)/npm
# Those whose time limits leave room for a program that is twenty times as slow.
VALGRIND_TESTS := $(patsubst %,tests/cli/%.t,login logout whoami subscribe send fetch-links history group listen-direction)
TESTS ?= $(if $(VALGRIND),$(VALGRIND_TESTS),$(UNIT_TESTS) $(SCRIPT_TESTS))
valgrind_command := valgrind -q --error-exitcode=99 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite

.PHONY: check
check: $(B)/kandy $(UNIT_TESTS) $(NPM)/installed
	$(Q)KANDY_BIN='$(abspath $(O))/kandy' INTEROP_MODULES='$(abspath $(NPM))/node_modules' BUILD_DIR='$(abspath $(O))' \
	$(if $(VALGRIND),KANDY_WRAP='$(valgrind_command)') \
	$(if $(SAN),ASAN_OPTIONS=detect_leaks=1:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1) \
	TEST_LOG='$(O)/tap' tests/run $(TESTS)

# The vendor's client and a WebSocket for it, pinned by tests/interop/package-lock.json.
$(NPM)/installed: tests/interop/package.json tests/interop/package-lock.json | $(DEPS)
	$(call say,NPM,$(NPM))
	$(Q)mkdir -p $(NPM)
	$(Q)cp tests/interop/package.json tests/interop/package-lock.json tests/interop/.npmrc $(NPM)/
	$(Q)cd $(NPM) && npm ci --loglevel=error
	$(Q)touch $@

# make fuzz TIME=60     runs each of tests/fuzz/*.c for so many seconds (FUZZERS='json url' for some); needs clang
# make fuzz RUNS=10000000    until each was executed so often, with what earlier calls did; build/fuzz/executions has it
TIME ?= 60
RUNS ?= 0
FUZZERS ?= $(patsubst tests/fuzz/%.c,%,$(sort $(wildcard tests/fuzz/*.c)))

.PHONY: fuzz fuzzers
fuzz:
	$(Q)$(MAKE) --no-print-directory FUZZ=1 CC=clang fuzzers
	$(Q)tests/fuzz/run $(TIME) $(RUNS) $(B)/fuzz $(FUZZERS:%=$(B)/clang-fuzz/tests/fuzz/%)
fuzzers: $(FUZZERS:%=$(O)/tests/fuzz/%)

# json.c compares with libjq
$(O)/tests/fuzz/%: tests/fuzz/%.c $(O)/libkandy.a
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROJECT_CPPFLAGS) $(LIBRARY_CFLAGS) $(CPPFLAGS) $(PROJECT_CFLAGS) $(CFLAGS) -MMD -MP -MF $@.d \
		-fsanitize=fuzzer$(,)address$(,)undefined $(LDFLAGS) -o $@ $< $(O)/libkandy.a $(LDLIBS) -ljq

# make bench            runs each of tests/bench/*.c and tests/bench/*.sh (BENCHES='json' for some)
BENCHES ?= $(patsubst tests/bench/%,%,$(basename $(sort $(wildcard tests/bench/*.c tests/bench/*.sh))))
BENCH_FILES := $(foreach name,$(BENCHES),$(if $(wildcard tests/bench/$(name).sh),tests/bench/$(name).sh,$(O)/tests/bench/$(name)))
BENCH_TOOLS := $(patsubst tests/%.c,$(O)/tests/%,$(wildcard tests/bench/tools/*.c))

.PHONY: bench
bench: $(B)/kandy $(filter $(O)/%,$(BENCH_FILES)) $(BENCH_TOOLS) $(NPM)/installed
	$(Q)CC='$(CC)' .ci/deps bench
	$(Q)for file in $(BENCH_FILES); do KANDY_BIN='$(abspath $(O))/kandy' BENCH_TOOLS='$(abspath $(O))/tests/bench/tools' \
		INTEROP_MODULES='$(abspath $(NPM))/node_modules' $$file || exit 1; done

SOAK ?= 600
.PHONY: soak
soak: $(B)/kandy
	$(Q)SOAK=$(SOAK) tests/soak/listen.sh

# what the scripts measure against: programs on the bare libraries
$(O)/tests/bench/tools/%: tests/bench/tools/%.c $(O)/flags
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -D_GNU_SOURCE $(LIBRARY_CFLAGS) $(CPPFLAGS) $(filter-out -Wpedantic -Wundef -Werror,$(PROJECT_CFLAGS)) \
		$(CFLAGS) -MMD -MP -MF $@.d -o $@ $< -lcurl -lwebsockets -lssl -lcrypto

# json.c compares with libjq
$(O)/tests/bench/%: tests/bench/%.c $(O)/libkandy.a
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(PROJECT_CPPFLAGS) $(LIBRARY_CFLAGS) $(CPPFLAGS) $(PROJECT_CFLAGS) $(CFLAGS) -MMD -MP -MF $@.d \
		$(PROJECT_LDFLAGS) $(LDFLAGS) -o $@ $< $(O)/libkandy.a $(LDLIBS) -ljq

.PHONY: demo
demo: $(B)/kandy
	$(Q)tests/demo.sh

# ---- the look of the code ---------------------------------------------------------------------------------------------

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
# SC2034, SC2154: variables that come from, or go to, the helpers that a test reads; SC2217: sleep holds a pipe open
lint-shell:
	$(call say,LINT,shellcheck)
	$(Q)shellcheck -S warning -e SC2034,SC2154,SC2217 -x -P SCRIPTDIR $(SHELL_FILES)
lint-cppcheck:
	$(call say,LINT,cppcheck)
	$(Q)cppcheck -q -j 2 --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 \
		--suppress=missingInclude --suppress=internalAstError -D_GNU_SOURCE -I. -Ilib $(CMD_SOURCES) $(LIB_SOURCES)
lint-tidy: $(O)/sonames.h
	$(call say,LINT,clang-tidy)
	$(Q)printf '%s\n' $(CMD_SOURCES) $(LIB_SOURCES) | xargs -P 2 -n 8 sh -c 'clang-tidy --quiet "$$@" -- \
		$(subst ','\'',$(PROJECT_CPPFLAGS)) $(LIBRARY_CFLAGS) -std=c11 2>/dev/null' clang-tidy

.PHONY: clean
clean:
	$(Q)rm -rf $(B)

.PHONY: help
help:
	@printf '%s\n' \
		'make                 build/kandy' \
		'make deps            install what building and testing need, where it is missing' \
		'make demo            two users exchange texts and files on the sandbox' \
		'make check           all tests; TESTS="tests/cli/send.t ..." for some; SAN=1, VALGRIND=1' \
		'make install         to prefix=/usr/local, below DESTDIR; make uninstall takes it away' \
		'make man             build/man/*.1' \
		'make lint            clang-format, shellcheck, cppcheck, clang-tidy; make format applies the first' \
		'make bench           how fast it is, beside what is in use for the same' \
		'make soak            a listener for SOAK=600 seconds under faults, its memory drawn into build/soak/' \
		'make fuzz            TIME=60 seconds, or RUNS=10000000 executions, for each reader of bytes from outside' \
		'make clean           take build/ away' \
		'' \
		'CC, CFLAGS, CPPFLAGS, LDFLAGS are yours (also in config.make). SAN=1: sanitizers. WERROR=1: warnings are' \
		'errors. V=1: show the commands.'
