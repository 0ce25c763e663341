# Signet: client certificates become accounts.
#
#   make            build the daemon and its shared drivers  (build/release)
#   make run        demonstration on loopback, then a running gateway; ONCE=1 ends after it
#   make test       build and run every test; last line "N passed, N failed"
#   make check      test, check-layers, check-format
#   make bench      measure beside Exim, print ratios
#   make deps       install the Debian packages that are missing
#   make install    to DESTDIR/PREFIX;  installcheck, uninstall
#   make golden     rewrite golden expectations;  fuzz, fuzz-run, cov, dist, clean
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
PKG_CONFIG ?= pkg-config
CXX := $(if $(filter default,$(origin CXX)),g++,$(CXX))
CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
AR := $(if $(filter default,$(origin AR)),ar,$(AR))
Q := $(if $(V),,@)

# --- layers: folder, and what it may include -------------------------------------------
LAYERS := src/base src/engine src/crypto src/facts expand drivers/host src/config src/tls \
          src/auth src/lookup src/acl src/relay src/smtp drivers/auth drivers/lookup \
          src/server src/cli
low := src/base src/engine src/crypto src/facts expand drivers/host src/config
uses.src/base :=
uses.src/engine := src/base
uses.src/crypto := src/base
uses.src/facts := src/base src/crypto
uses.expand := src/base src/crypto src/facts
uses.drivers/host := src/base src/crypto src/facts expand drivers/auth drivers/lookup
uses.src/config := src/base src/engine src/crypto src/facts expand drivers/host
uses.src/tls := $(filter-out expand drivers/host,$(low)) expand drivers/host
uses.src/auth := $(low) src/tls
uses.src/lookup := $(low) src/tls
uses.src/acl := $(low) src/tls
uses.src/relay := $(low) src/tls
uses.src/smtp := $(low) src/tls src/auth src/lookup src/acl src/relay
uses.drivers/auth :=
uses.drivers/lookup :=
uses.src/server := $(low) src/tls src/auth src/lookup src/acl src/relay src/smtp
uses.src/cli := $(uses.src/server) src/server

# --- flags --------------------------------------------------------------------------------
our_flags := -std=c++20 -I. -Idrivers/include -Wall -Wextra -Wno-missing-field-initializers \
  -fPIE -fstack-protector-strong -fstack-clash-protection -fno-plt -pthread -MMD -MP \
  -ffile-prefix-map=$(CURDIR)=. -Wframe-larger-than=4096
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
variant_flags.release := -O2 -g1 -D_FORTIFY_SOURCE=2
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
libs := -lgnutls -lldap -llber -lpcre2-8 -l:libboost_context.a -ldl
test_libs := -lgtest -lgtest_main -lgmock

compile := $(CXX) $(our_flags) $(vflags) $(CPPFLAGS) $(CXXFLAGS)
compile_c := $(CC) $(our_cflags) $(vflags) $(CPPFLAGS) $(CFLAGS)
link := $(CXX) $(our_ldflags) $(vldflags) $(LDFLAGS)
flags_text := $(compile) | $(compile_c) | $(link) $(libs)
$(shell mkdir -p $(B); printf '%s' '$(subst ','\'',$(flags_text))' | cmp -s - $(B)/flags || printf '%s' '$(subst ','\'',$(flags_text))' > $(B)/flags)

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

$(B)/%.o: %.cc $(B)/flags
	@mkdir -p $(@D)
	@$(if $(V),,echo "  CXX $<")
	$(Q)$(compile) -c -o $@ $<
$(B)/%.o: %.c $(B)/flags
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
support_objects := $(patsubst %.cc,$(B)/%.o,$(wildcard test/support/*.cc))
$(B)/lib/libsupport.a: $(support_objects)
	@mkdir -p $(@D)
	$(Q)rm -f $@; $(AR) rcD $@ $^
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

test-programs: $(test_programs)
# unit-LAYER, e.g. `make unit-expand`: build and run one layer's tests.
$(foreach l,$(LAYERS),$(eval unit-$(subst /,_,$(l)): $(B)/test/$(subst /,_,$(l))_test ; $$<))

clean:
	rm -rf build
help:
	@sed -n '1,/^MAKEFLAGS/{/^#/p}' Makefile
.PHONY: all test-programs clean help

-include $(shell find $(B) -name '*.d' 2>/dev/null)
