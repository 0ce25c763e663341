# Signet: client certificates become accounts.
#
#   make            build the daemon and its shared drivers  (build/release)
#   make run        demonstration on loopback, then a running gateway; ONCE=1 ends after it
#   make test       build and run every test; last line "N passed, N failed"
#   make check      test, check-layers, check-format, check-rules, installcheck,
#                   test-cabi CMOCKA=system
#   make bench      measure beside Exim, Postfix, nginx, Dovecot and HAProxy, print tables;
#                   BENCH=quick for a look; bench-paste puts them into doc/performance.md
#   make deps       install the Debian packages that are missing
#   make install    to DESTDIR/PREFIX;  installcheck, uninstall
#   make deb        Debian packages, in build/deb
#   make golden     rewrite golden expectations;  format, fuzz, fuzz-run, cov, dist, clean
#
# VARIANT=release|debug|asan|tsan|cov|fuzz   V=1 shows commands   WERROR=1 for us
MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
SHELL := /bin/bash

VARIANT ?= release
B := build/$(VARIANT)
PREFIX ?= /usr/local
DESTDIR ?=
DRIVER_DIR ?= $(PREFIX)/lib/signet
DOC_DIR ?= $(PREFIX)/share/doc/signet
PKG_CONFIG ?= pkg-config
default_cxx := $(if $(filter fuzz,$(VARIANT)),clang++-14,g++)
default_cc := $(if $(filter fuzz,$(VARIANT)),clang-14,gcc)
CXX := $(if $(filter default undefined,$(origin CXX)),$(default_cxx),$(CXX))
CC := $(if $(filter default undefined,$(origin CC)),$(default_cc),$(CC))
AR := $(if $(filter default,$(origin AR)),ar,$(AR))
Q := $(if $(V),,@)
# Targets that build and then do something call make again, on all processors unless told.
submake = +@$(MAKE) --no-print-directory $(if $(filter -j%,$(MAKEFLAGS)),,-j$$(nproc))

# --- layers: folder, and what it may include -------------------------------------------
LAYERS := src/base src/engine src/crypto src/facts src/report expand drivers/host src/config src/tls \
          src/auth src/lookup src/acl src/relay src/smtp drivers/auth drivers/lookup \
          src/submit src/server src/cli
low := src/base src/engine src/crypto src/facts expand drivers/host src/config
uses.src/base :=
uses.src/engine := src/base
uses.src/crypto := src/base
uses.src/facts := src/base src/crypto
uses.src/report := src/base src/crypto src/facts
uses.expand := src/base src/crypto src/facts
uses.drivers/host := src/base src/crypto src/facts expand drivers/auth drivers/lookup
uses.src/config := src/base src/engine src/crypto src/facts expand drivers/host
uses.src/tls := $(filter-out expand drivers/host,$(low)) expand drivers/host
uses.src/auth := $(low) src/tls
uses.src/lookup := $(low) src/tls
uses.src/acl := $(low) src/tls
uses.src/relay := $(low) src/tls src/report
uses.src/smtp := $(low) src/tls src/report src/auth src/lookup src/acl src/relay
uses.drivers/auth :=
uses.drivers/lookup :=
uses.src/server := $(low) src/tls src/report src/auth src/lookup src/acl src/relay src/smtp
uses.src/submit := $(low) src/tls src/auth src/lookup src/acl src/relay src/smtp
uses.src/cli := $(uses.src/server) src/server src/submit

# --- flags --------------------------------------------------------------------------------
our_flags := -std=c++20 -I. -Idrivers/include -Wall -Wextra -Wno-missing-field-initializers \
  -fPIE -fstack-protector-strong -fstack-clash-protection -fno-plt -pthread -MMD -MP \
  -ffile-prefix-map=$(CURDIR)=.
our_cflags := -std=c11 -Idrivers/include -Wall -Wextra -fPIE -fstack-protector-strong -MMD -MP \
  -ffile-prefix-map=$(CURDIR)=.
our_ldflags := -pie -pthread -Wl,-z,relro -Wl,-z,now -rdynamic
CXXFLAGS ?=
CFLAGS ?=
CPPFLAGS ?=
LDFLAGS ?=
ifdef WERROR
our_flags += -Werror
our_cflags += -Werror
endif
variant_flags.release := -O2 -g1 -D_FORTIFY_SOURCE=2 -Wframe-larger-than=4096
variant_flags.debug := -O0 -g
variant_flags.asan := -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
variant_flags.tsan := -O1 -g1 -fsanitize=thread -fno-omit-frame-pointer
variant_flags.cov := -O0 -g --coverage
variant_flags.fuzz := -O1 -g1 -fsanitize=fuzzer-no-link,address,undefined
variant_ldflags.asan := -fsanitize=address,undefined
variant_ldflags.tsan := -fsanitize=thread
variant_ldflags.cov := --coverage
variant_ldflags.fuzz := -fsanitize=address,undefined
vflags := $(variant_flags.$(VARIANT))
vldflags := $(variant_ldflags.$(VARIANT))
libs := -lgnutls -lldap -llber -lpcre2-8 -lidn2 -lcrypt -lcdb -ldb-5.3 -lmicrohttpd -ljansson -lsqlite3 -lcurl-gnutls -ledit -l:libboost_context.a -ldl
test_libs := -lgtest -lgtest_main -lgmock

# Tests are compiled without optimization in the release variant: half of the time to build
# all was theirs. They test the optimized libraries all the same.
test_flags.release := -O0 -U_FORTIFY_SOURCE
is_bench = $(filter $(B)/test/bench/%,$@)
is_test = $(filter $(B)/test/%,$(filter-out $(is_bench),$@))
compile = $(CXX) $(our_flags) $(vflags) $(if $(is_test),-Wno-frame-larger-than $(test_flags.$(VARIANT)),$(if $(is_bench),-Wno-frame-larger-than)) $(CPPFLAGS) $(CXXFLAGS)
compile_c = $(CC) $(our_cflags) $(vflags) $(if $(is_test),-Wno-frame-larger-than) $(CPPFLAGS) $(CFLAGS)
link := $(CXX) $(our_ldflags) $(vldflags) $(LDFLAGS)
flags_text := $(compile) | $(compile_c) | $(link) $(libs)
$(shell mkdir -p $(B); printf '%s' '$(subst ','\'',$(flags_text))' | cmp -s - $(B)/flags || printf '%s' '$(subst ','\'',$(flags_text))' > $(B)/flags)

# Behind the flags, which compiling depends on.
libs += -lseccomp

# --- Debian packages --------------------------------------------------------------------------
# What is missing is named by any build and installed by `make deps`, `make test` and `make run`.
# NO_DEPS=1 leaves packages to whoever builds.
packages := test/support/packages.sh
ifdef NO_DEPS
have_build :=
deps deps-style deps-bench deps-fuzz deps-deb:
else
have_build := build/deps/build
$(have_build): $(packages)
	@$(packages) check build
	@mkdir -p $(@D); touch $@
deps: build/deps/test build/peers/.complete
deps-style: build/deps/style
deps-bench: deps build/deps/bench
deps-fuzz: build/deps/fuzz
deps-deb: build/deps/deb
build/deps/test: $(packages)
	@$(packages) install build test
	@mkdir -p $(@D); touch $@ $(have_build)
build/deps/%: $(packages)
	@$(packages) install $*
	@mkdir -p $(@D); touch $@
build/peers/.complete: $(packages)
	@$(packages) peers build/peers
	@touch $@
endif
.PHONY: deps deps-style deps-bench deps-fuzz deps-deb

# --- libraries ------------------------------------------------------------------------------
libname = $(B)/lib/lib$(subst /,_,$(1)).a
define layer_rules
sources.$(1) := $$(wildcard $(1)/*.cc)
objects.$(1) := $$(patsubst %.cc,$(B)/%.o,$$(sources.$(1)))
$(call libname,$(1)): $$(objects.$(1))
	@mkdir -p $$(@D)
	$$(Q)rm -f $$@; $(AR) rcD $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer_rules,$(l))))

# A layer's libraries: itself and, transitively, what it uses.
closure = $(sort $(1) $(foreach u,$(uses.$(1)),$(if $(filter $(u),$(2)),,$(call closure,$(u),$(2) $(1)))))
layer_libs = $(foreach l,$(filter $(call closure,$(1),),$(LAYERS)),$(call libname,$(l)))
all_libs := $(foreach l,$(LAYERS),$(call libname,$(l)))

$(B)/%.o: %.cc $(B)/flags | $(have_build)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  CXX $<")
	$(Q)$(compile) -c -o $@ $<
$(B)/%.o: %.c $(B)/flags | $(have_build)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  CC  $<")
	$(Q)$(compile_c) -c -o $@ $<

all: $(B)/signet
$(B)/signet: $(B)/src/main.o $(all_libs)
	@$(if $(V),,echo "  LD  $@")
	$(Q)$(link) -o $@ $< -Wl,--start-group $(all_libs) -Wl,--end-group $(libs)

# --- tests ----------------------------------------------------------------------------------
# One test program per layer, from test/<layer>/*_test.cc, linked with only that layer's
# libraries and test/support.
support_programs := make_certificates
support_objects := $(patsubst %.cc,$(B)/%.o,\
  $(filter-out $(support_programs:%=test/support/%.cc),$(wildcard test/support/*.cc)))
$(B)/lib/libsupport.a: $(support_objects)
	@mkdir -p $(@D)
	$(Q)rm -f $@; $(AR) rcD $@ $^
$(support_programs:%=$(B)/test/support/%): %: %.o $(B)/lib/libsupport.a
	@$(if $(V),,echo "  LD  $@")
	$(Q)$(link) -o $@ $< $(B)/lib/libsupport.a -lgnutls
test_programs :=
define test_rules
test_objects.$(1) := $$(patsubst %.cc,$(B)/%.o,$$(wildcard test/$(1)/*_test.cc))
ifneq ($$(test_objects.$(1)),)
test_programs += $(B)/test/$(subst /,_,$(1))_test
$(B)/test/$(subst /,_,$(1))_test: $$(test_objects.$(1)) $(B)/lib/libsupport.a $(call layer_libs,$(1))
	@$$(if $$(V),,echo "  LD  $$@")
	$$(Q)$$(link) -o $$@ $$(test_objects.$(1)) -Wl,--start-group $(B)/lib/libsupport.a $(call layer_libs,$(1)) -Wl,--end-group $$(test_libs) $$(libs)
endif
endef
$(foreach l,$(LAYERS),$(eval $(call test_rules,$(l))))

# System tests run the daemon beside real peers: one program per file.
system_programs := $(patsubst %.cc,$(B)/%,$(wildcard test/system/*_test.cc))
$(system_programs): $(B)/test/system/%: $(B)/test/system/%.o $(B)/lib/libsupport.a $(all_libs) | $(B)/signet $(support_programs:%=$(B)/test/support/%)
	@$(if $(V),,echo "  LD  $@")
	$(Q)$(link) -o $@ $< -Wl,--start-group $(B)/lib/libsupport.a $(all_libs) -Wl,--end-group $(test_libs) $(libs)

# C tests of the driver ABI. CMOCKA=system builds them against the installed libcmocka, beside the
# others. Sources there that are no tests are linked into each.
CMOCKA ?= ours
cabi := $(B)/test/cabi$(if $(filter system,$(CMOCKA)),-system)
cabi_programs := $(patsubst test/cabi/%.c,$(cabi)/%,$(wildcard test/cabi/*_test.c))
cabi_helpers := $(patsubst test/cabi/%.c,$(cabi)/%.o,$(filter-out %_test.c,$(wildcard test/cabi/*.c)))
driver_libs := $(foreach l,drivers/auth drivers/lookup,$(call libname,$(l)))
$(cabi)/%.o: our_cflags += -I. $(if $(filter system,$(CMOCKA)),,-Itest/support/cmocka)
$(cabi)/%.o: test/cabi/%.c $(B)/flags | $(have_build)
	@mkdir -p $(@D)
	@$(if $(V),,echo "  CC  $<")
	$(Q)$(compile_c) -c -o $@ $<
$(cabi_programs): $(cabi)/%: $(cabi)/%.o $(cabi_helpers) $(driver_libs)
	@$(if $(V),,echo "  LD  $@")
	$(Q)$(link) -o $@ $< $(cabi_helpers) -Wl,--start-group $(driver_libs) -Wl,--end-group $(if $(filter system,$(CMOCKA)),-lcmocka) $(libs)

test-programs: $(test_programs) $(cabi_programs) $(system_programs)
# unit-LAYER, e.g. `make unit-expand`: build and run one layer's tests.
$(foreach l,$(LAYERS),$(eval unit-$(subst /,_,$(l)): $(B)/test/$(subst /,_,$(l))_test ; $$<))
# system-NAME, e.g. `make system-relay`.
system-%: $(B)/test/system/%_test $(B)/signet ; SIGNET_VARIANT=$(VARIANT) $<

run_tests := SIGNET_VARIANT=$(VARIANT) test/support/run_tests.sh $(B)/test/log
# A Debian for the packages to be installed in, once; without it that test says so.
build/fresh-debian/complete: test/support/fresh_debian.sh
	-@$< $(@D)
test: deps build/fresh-debian/complete
	$(submake) all test-programs
	@$(run_tests) $(cabi_programs) $(test_programs) $(system_programs)
test-cabi: deps
	$(submake) $(cabi_programs)
	@SIGNET_VARIANT=$(VARIANT) test/support/run_tests.sh $(B)/test/log-cabi $(cabi_programs)

# --- checks ---------------------------------------------------------------------------------
# Third-party headers, and the only sources that may include them.
third_party.boost/ := src/engine/coroutine.cc
third_party.gnutls/ := src/crypto/%.cc src/tls/%.cc drivers/auth/hash.cc
third_party.ldap.h := drivers/lookup/ldap%.cc
third_party.lber.h := drivers/lookup/ldap%.cc
third_party.openldap.h := drivers/lookup/ldap%.cc
third_party.pcre2.h := expand/regex.cc
third_party.db.h := drivers/lookup/dbm.cc
third_party.cdb.h := drivers/lookup/cdb.cc
third_party.jansson.h := drivers/lookup/json.cc src/report/%.cc src/server/control%.cc src/cli/%.cc
third_party.sqlite3.h := drivers/lookup/sqlite.cc
third_party.curl/ := drivers/lookup/http.cc
third_party.idn2.h := expand/alabel.cc
third_party.crypt.h := src/crypto/password.cc
third_party.histedit.h := src/cli/line_reader.cc
third_party.seccomp.h := src/server/sandbox.cc
third_party.microhttpd.h := src/server/metrics_listener.cc

check:
	$(submake) test
	$(submake) -k check-layers check-format check-rules installcheck
	$(submake) test-cabi CMOCKA=system
check-layers:
	@{ $(foreach l,$(LAYERS),echo "layer $(l) $(uses.$(l))";) \
	   $(foreach v,$(filter third_party.%,$(.VARIABLES)),echo "header $(v:third_party.%=%) $($(v))";) } \
	 | test/support/check_layers.sh
check-format: deps-style
	@git ls-files -- '*.cc' '*.h' '*.c' | xargs -r -P $$(nproc) -n 10 clang-format-14 --dry-run -Werror 2>&1 \
	 | sed -n 's/^\([^:]*\):[0-9:]* error: .*/\1: not formatted (clang-format-14 -i)/p' | sort -u | { ! grep .; }
check-rules:
	@test/support/check_rules.sh doc/security.md
	@test/support/check_limits.sh src/base/limits.h test/support/limits.txt
.PHONY: test test-cabi check check-layers check-format check-rules

# Rewrites what golden files expect from what the program says now; then read the diff.
golden: deps
	$(submake) $(test_programs)
	@for p in $(test_programs); do SIGNET_GOLDEN=rewrite $$p --gtest_filter='*olden*' >/dev/null || true; done
	@git status --short -- test

# Coverage by line, per file, worst first.
cov: deps
	$(submake) VARIANT=cov all test-programs
	@find build/cov -name '*.gcda' -delete
	-+@$(MAKE) --no-print-directory VARIANT=cov test | tail -n 1
	@test/support/coverage.sh build/cov $(LAYERS)

# --- fuzzing: one program per test/fuzz/NAME.cc, always in the fuzz variant -----------------------
FUZZ_SECONDS ?= 30
fuzz_programs := $(patsubst %.cc,build/fuzz/%,$(wildcard test/fuzz/*.cc))
ifeq ($(VARIANT),fuzz)
$(fuzz_programs): build/fuzz/test/fuzz/%: build/fuzz/test/fuzz/%.o $(B)/lib/libsupport.a $(all_libs)
	@$(if $(V),,echo "  LD  $@")
	$(Q)$(link) -fsanitize=fuzzer -o $@ $< -Wl,--start-group $(B)/lib/libsupport.a $(all_libs) -Wl,--end-group $(libs)
fuzz-programs: $(fuzz_programs)
endif
fuzz: deps-fuzz
	$(submake) VARIANT=fuzz fuzz-programs
fuzz-run: fuzz
	@for p in $(fuzz_programs); do test/support/fuzz_one.sh $$p $(FUZZ_SECONDS) || exit 1; done
# Of each target: seconds of CPU time and inputs, of all runs until now.
fuzz-report:
	@awk '{ s[$$2] += $$3; n[$$2] += $$4; f[$$2] += $$5 == "failed" } \
	  END { for (t in s) printf "%-20s %8.0f s %14d inputs%s\n", t, s[t], n[t], f[t] ? "  failed: " f[t] : "" }' \
	  build/fuzz/work/ledger | sort
.PHONY: golden cov fuzz fuzz-run fuzz-report fuzz-programs

# --- demonstration and timings ----------------------------------------------------------------
run: deps
	$(submake) all $(B)/test/support/make_certificates
	@SIGNET_VARIANT=$(VARIANT) ONCE=$(ONCE) test/demo/run.sh
.PHONY: run

# One program per test/bench/X_bench.cc; other sources there are the load generator.
# The libraries stand before what supports tests: of an inline function that both hold, the
# linker takes the first, and that of libsupport is not optimized.
bench_programs := $(patsubst %.cc,$(B)/%,$(wildcard test/bench/*_bench.cc))
bench_helpers := $(patsubst %.cc,$(B)/%.o,$(filter-out %_bench.cc,$(wildcard test/bench/*.cc)))
$(bench_programs): $(B)/test/bench/%: $(B)/test/bench/%.o $(bench_helpers) $(B)/lib/libsupport.a $(all_libs)
	@$(if $(V),,echo "  LD  $@")
	$(Q)$(link) -o $@ $< $(bench_helpers) -Wl,--start-group $(all_libs) $(B)/lib/libsupport.a -Wl,--end-group $(libs) -lssl -lcrypto
# In the order of the manual; others behind.
bench_order := sessions held
bench_order += $(filter-out $(bench_order),$(patsubst test/bench/%_bench.cc,%,$(wildcard test/bench/*_bench.cc)))
bench: deps-bench
	$(submake) all $(bench_programs)
	@SIGNET_VARIANT=$(VARIANT) test/bench/run.sh $(foreach n,$(bench_order),$(B)/test/bench/$(n)_bench)
# Puts the tables of the last `make bench` into the manual.
bench-paste:
	@test/bench/run.sh paste
.PHONY: bench bench-paste

# --- install --------------------------------------------------------------------------------
# Each file once, by where it goes below DESTDIR: install makes what uninstall removes.
# NO_BUILD=1 installs the program that is there.
manual_pages := $(wildcard doc/*.[578])
manual := $(filter-out $(manual_pages),$(shell find doc -type f -not -name '.*' | LC_ALL=C sort))
# Where bash, zsh and fish look for what completes command lines.
completions := bash-completion/completions/signet zsh/site-functions/_signet fish/vendor_completions.d/signet.fish
put := install -D -m 644
installed.program := $(PREFIX)/sbin/signet
installed.headers := $(patsubst drivers/include/%,$(PREFIX)/include/%,$(wildcard drivers/include/signet/*.h))
installed.pkgconfig := $(PREFIX)/lib/pkgconfig/signet.pc
installed.manual_pages := $(foreach m,$(manual_pages),$(PREFIX)/share/man/man$(subst .,,$(suffix $(m)))/$(notdir $(m)))
installed.completions := $(completions:%=$(PREFIX)/share/%)
installed.units := $(patsubst doc/deploy/systemd/%,$(PREFIX)/lib/systemd/system/%,$(wildcard doc/deploy/systemd/*))
installed.system := $(PREFIX)/lib/sysctl.d/30-signet.conf $(PREFIX)/lib/tmpfiles.d/signet.conf
installed.manual := $(patsubst doc/%,$(DOC_DIR)/%,$(manual))
installed := $(foreach v,$(filter installed.%,$(.VARIABLES)),$($(v)))
install: $(if $(NO_BUILD),,all)
	@install -d $(DESTDIR)$(DRIVER_DIR)
	@install -D -m 755 $(B)/signet $(DESTDIR)$(installed.program)
	@$(foreach h,$(installed.headers),$(put) drivers/include/signet/$(notdir $(h)) $(DESTDIR)$(h) &&) true
	@install -d $(DESTDIR)$(dir $(installed.pkgconfig))
	@printf '%s\n' 'prefix=$(PREFIX)' 'driverdir=$(DRIVER_DIR)' '' 'Name: signet' \
	  'Description: drivers for the Signet mail submission gateway' 'Version: 1' 'Cflags: -I$${prefix}/include' \
	  > $(DESTDIR)$(installed.pkgconfig)
	@$(foreach m,$(installed.manual_pages),$(put) doc/$(notdir $(m)) $(DESTDIR)$(m) &&) true
	@install -d $(dir $(installed.completions:%=$(DESTDIR)%))
	@$(foreach c,$(completions),$(B)/signet completion $(firstword $(subst -, ,$(subst /, ,$(c)))) > $(DESTDIR)$(PREFIX)/share/$(c) &&) true
	@install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	@$(foreach u,$(installed.units),sed 's|/usr/sbin/signet|$(installed.program)|' doc/deploy/systemd/$(notdir $(u)) > $(DESTDIR)$(u) && chmod 644 $(DESTDIR)$(u) &&) true
	@$(put) doc/deploy/sysctl.conf $(DESTDIR)$(PREFIX)/lib/sysctl.d/30-signet.conf
	@$(put) doc/deploy/tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/signet.conf
	@$(foreach m,$(manual),$(put) $(m) $(DESTDIR)$(DOC_DIR)/$(m:doc/%=%) &&) true
	@echo "installed below $(DESTDIR)$(PREFIX)"
# Directories that others use too stay.
uninstall:
	@rm -f $(installed:%=$(DESTDIR)%)
	@for d in $(PREFIX)/include/signet $(DRIVER_DIR) $(DOC_DIR); do \
	  [ ! -d "$(DESTDIR)$$d" ] || find "$(DESTDIR)$$d" -depth -type d -empty -delete; done
# Installs under build/, then builds drivers from the installed header alone and uses them.
installcheck: $(B)/test/support/make_certificates
	+@$(MAKE) --no-print-directory install DESTDIR= PREFIX=$(CURDIR)/$(B)/installed DRIVER_DIR=$(CURDIR)/$(B)/installed/lib/signet >/dev/null
	@test/support/installcheck.sh $(CURDIR)/$(B)/installed $(CURDIR)/$(B)/test/support/make_certificates
format: deps-style
	@git ls-files -- '*.cc' '*.h' '*.c' | xargs -r -P $$(nproc) -n 10 clang-format-14 -i
.PHONY: format
# Debian packages: build/deb/*.deb. What is packaged is the program of build/release, in a copy of
# the tree; debian/rules builds it by itself where nobody names one. Nothing but the program's
# octets and the time of the last commit gets into them.
deb: deps-deb
	$(submake) all
	@doc/deploy/debian/make-packages build/deb $(CURDIR)/$(B)/signet
dist:
	@mkdir -p build
	git archive --prefix=signet/ -o build/signet.tar.gz HEAD
	@echo build/signet.tar.gz
.PHONY: install uninstall installcheck deb dist

clean:
	rm -rf build
help:
	@sed -n '1,/^MAKEFLAGS/{/^#/p}' Makefile
.PHONY: all test-programs clean help

-include $(shell find $(B) -name '*.d' -type f 2>/dev/null)
