# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# One Makefile for everything. Sources are found by folder (no list to keep):
#
#   bpf/NAME.bpf.c           $(O)/bpf/NAME.bpf.o and its skeleton $(O)/bpf/NAME.skel.h
#   user/lib/*.c             $(O)/libppn.a          pure code
#   user/host/*.c            $(O)/libppnhost.a      files, sockets, log
#   user/kernel/*.c          $(O)/libppnkernel.a    BPF, netlink, nftables
#   user/node/*.c            $(O)/ppnd              user/node/NAME/*.c   $(O)/ppnd-NAME
#   user/admin/*.c           $(O)/ppn-admin         user/admin/NAME/*.c  $(O)/ppn-admin-NAME
#   user/cli/*.c             $(O)/ppn
#   selftests/TIER/...       $(O)/selftests/...     see selftests/README.md
#
# The same user/ sources are built three times: plain in $(O), with sanitizers in $(O)/san
# (unit tests, and the programs for `make test-net SAN=1`), for libFuzzer in $(O)/fuzz.

O      ?= build
V      ?= 0
PREFIX ?= /usr/local
# A default of make's own (cc, ar) is replaced, a choice of the caller's is not.
ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin AR),default)
AR := ar
endif
CLANG      ?= clang
LLVM_STRIP ?= llvm-strip
BPFTOOL    ?= $(firstword $(wildcard /usr/sbin/bpftool /sbin/bpftool) bpftool)
PKG_CONFIG ?= pkg-config
JOBS       ?= $(shell nproc)

ifeq ($(abspath $(O)),$(CURDIR))
$(error O=$(O): nothing is built in the source tree)
endif

.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all

ifeq ($(V),1)
Q   :=
msg  =
else
Q   := @
msg  = @printf '  %-7s %s\n' $(1) $(2)
MAKEFLAGS += --no-print-directory
endif

# ---- names --------------------------------------------------------------------------------

bindir     := $(PREFIX)/bin
sbindir    := $(PREFIX)/sbin
libexecdir := $(PREFIX)/libexec/ppn
unitdir    := $(PREFIX)/lib/systemd/system
mandir     := $(PREFIX)/share/man
sysconfdir := /etc/ppn
statedir   := /var/lib/ppn
rundir     := /run/ppn

# Without a git history (a tarball) both have a fixed value: two builds of it are alike.
VERSION    := $(or $(shell git describe --tags --dirty --match 'v[0-9]*' 2>/dev/null || \
		git describe --always --dirty 2>/dev/null | sed 's/^/0.1-g/'),0.1)
BUILD_TIME := $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null),1763856000)

# ---- flags --------------------------------------------------------------------------------

# Lazy and cached: a bare machine, which has no pkg-config yet, can still `make demo`.
pkgs_lib    := libsodium
pkgs_host   := libevent_core jansson inih libmd libseccomp libcap-ng zlib
pkgs_kernel := libbpf libxdp libelf libnl-3.0 libnl-genl-3.0 libnl-route-3.0 libnftables
pkg  = $(or $(shell $(PKG_CONFIG) $(1)),$(error development packages are missing: run scripts/setup.sh build))
once = $(eval $(1) := $(2))$($(1))
# Found as system headers: our warnings are for our code.
PKG_CFLAGS  = $(call once,PKG_CFLAGS,$(subst -I,-isystem ,$(call pkg,--cflags $(pkgs_lib) $(pkgs_host) $(pkgs_kernel))))
LIBS_lib    = $(call once,LIBS_lib,$(call pkg,--libs $(pkgs_lib)))
LIBS_host   = $(call once,LIBS_host,$(call pkg,--libs $(pkgs_host)) -lwslay -lhttp_parser)
LIBS_kernel = $(call once,LIBS_kernel,$(call pkg,--libs $(pkgs_kernel)))
LIBS_test   = $(call once,LIBS_test,$(call pkg,--libs cmocka))

WARNINGS  := -Wall -Wextra -Wshadow -Werror
PPN_DEFS  := -DPPN_SYSCONFDIR='"$(sysconfdir)"' -DPPN_STATEDIR='"$(statedir)"' \
	-DPPN_RUNDIR='"$(rundir)"' -DPPN_LIBEXECDIR='"$(libexecdir)"'
PPN_VERSION_DEFS := -DPPN_VERSION='"$(VERSION)"' -DPPN_BUILD_TIME=$(BUILD_TIME)
USER_CPPFLAGS = -D_GNU_SOURCE -Iinclude -Iuser $(PPN_DEFS) $(PKG_CFLAGS) $(CPPFLAGS)
USER_CFLAGS   = -std=gnu11 -g $(WARNINGS) -Wmissing-prototypes -Wstrict-prototypes -fPIE \
	-fstack-protector-strong -ffile-prefix-map=$(CURDIR)=. -MMD -MP $(CFLAGS)
USER_LDFLAGS  = -pie -Wl,--as-needed -Wl,-z,relro -Wl,-z,now -Wl,--gc-sections $(LDFLAGS)
# Tests find their vectors and seeds wherever they are started.
TEST_CPPFLAGS = -Iselftests -DPPN_VECTORS='"$(CURDIR)/selftests/unit/vectors"'

# Small: what is hot runs in the kernel or in libsodium. What no program calls is not linked; without
# unwind tables nothing is lost that -g does not have.
PLAIN_CFLAGS := -Os -D_FORTIFY_SOURCE=2 -ffunction-sections -fdata-sections \
	-fno-asynchronous-unwind-tables
SANITIZE     := -fsanitize=address,undefined -fno-sanitize-recover=all
SAN_CFLAGS   := -O1 -fno-omit-frame-pointer $(SANITIZE)
FUZZ_CFLAGS  := -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link $(SANITIZE) \
	-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION

BPF_ARCH := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/; s/ppc64le/powerpc/; s/riscv64/riscv/')
# The host's own header folders, last, and its own word size: no gcc-multilib is needed for
# <asm/types.h>, nor for the libc headers that some of linux/ draws in.
BPF_SYS_INCLUDES = $(call once,BPF_SYS_INCLUDES,$(shell $(CLANG) -v -E - </dev/null 2>&1 | \
	sed -n '/<...> search starts here:/,/End of search list./{ s| \(/.*\)|-idirafter \1|p }'))
# Line numbers without columns: bpftool shows the source line all the same.
BPF_CFLAGS = -target bpf -mcpu=v3 -g -gno-column-info -O2 $(WARNINGS) -D__TARGET_ARCH_$(BPF_ARCH) -D__$(shell uname -m)__ \
	-Iinclude -Ibpf $(BPF_SYS_INCLUDES)

# ---- what there is ------------------------------------------------------------------------

lib_src    := $(wildcard user/lib/*.c)
host_src   := $(wildcard user/host/*.c)
kernel_src := $(wildcard user/kernel/*.c)

# program_src NAME: its sources; a folder below node/ or admin/ is a worker of its own.
src_ppnd      := $(wildcard user/node/*.c)
src_ppn-admin := $(wildcard user/admin/*.c)
src_ppn       := $(wildcard user/cli/*.c)
workers := $(sort $(foreach d,$(wildcard user/node/*/*.c user/admin/*/*.c),$(patsubst %/,%,$(dir $(d)))))
worker_name = $(patsubst user/admin/%,ppn-admin-%,$(patsubst user/node/%,ppnd-%,$(1)))
$(foreach w,$(workers),$(eval src_$(call worker_name,$(w)) := $(wildcard $(w)/*.c)))
worker_programs := $(foreach w,$(workers),$(call worker_name,$(w)))
programs := $(foreach p,ppnd ppn-admin ppn $(worker_programs),$(if $(src_$(p)),$(p)))
# Strangers' bytes and the command line have no business with kernel state.
kernel_programs := ppnd ppn-admin

user_src := $(lib_src) $(host_src) $(kernel_src) $(foreach p,$(programs),$(src_$(p)))
bpf_src  := $(wildcard bpf/*.bpf.c)
skeletons := $(bpf_src:%.bpf.c=$(O)/%.skel.h)

unit_src  := $(wildcard selftests/unit/*.c)
fuzz_src  := $(wildcard selftests/fuzz/fuzz_*.c)
# Every other folder of selftests/ holds plain programs that may use the kernel.
tier_dirs := $(filter-out selftests/unit selftests/fuzz,$(patsubst %/,%,$(wildcard selftests/*/)))
tier_bpf_src   := $(wildcard $(tier_dirs:%=%/*.bpf.c))
tier_src       := $(filter-out $(tier_bpf_src),$(wildcard $(tier_dirs:%=%/*.c)))
tier_skeletons := $(tier_bpf_src:%.bpf.c=$(O)/%.skel.h)

# ---- BPF ----------------------------------------------------------------------------------

# DWARF and the labels of jumps go (they would end up inside ppnd); BTF and names of functions stay.
BPF_STRIP = -g --remove-section=.rel.BTF --remove-section=.rel.BTF.ext --remove-section=.llvm_addrsig \
	--wildcard --strip-symbol='LBB*'
$(O)/%.bpf.o: %.bpf.c $(O)/bpf.flags
	$(call msg,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c -o $@ $<
	$(Q)$(LLVM_STRIP) $(BPF_STRIP) $@

$(O)/%.skel.h: $(O)/%.bpf.o
	$(call msg,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< > $@

# ---- user space, once per variant ---------------------------------------------------------

# $(call objs,VARIANT FOLDER,SOURCES)
objs = $(2:%.c=$(1)/obj/%.o)
# What a program links from a variant: its archives, from the outermost to the purest.
archives        = $(1)/libppnhost.a $(1)/libppn.a
archives_kernel = $(1)/libppnkernel.a $(archives)
libs            = $(LIBS_host) $(LIBS_lib)
libs_kernel     = $(LIBS_kernel) $(libs)

# $(call variant,FOLDER,COMPILER VARIABLE,FLAGS VARIABLE)
define variant
$(1)/obj/%.o: %.c $(O)/user.flags
	$$(call msg,CC,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$$($(2)) $$(USER_CPPFLAGS) $$(USER_CFLAGS) $$($(3)) $$(obj_flags) -c -o $$@ $$<

$(1)/libppn.a: $(call objs,$(1),$(lib_src))
$(1)/libppnhost.a: $(call objs,$(1),$(host_src))
$(1)/libppnkernel.a: $(call objs,$(1),$(kernel_src))
$(1)/%.a:
	$$(call msg,AR,$$@)
	$$(Q)mkdir -p $$(@D) && rm -f $$@
	$$(Q)$$(AR) rcsD $$@ $$^

# Skeletons are named by -MMD from the second build on; the first must find them made.
$(call objs,$(1),$(kernel_src)): obj_flags = -I$(O)/bpf
$(call objs,$(1),$(kernel_src)): | $(skeletons)
endef
$(eval $(call variant,$(O),CC,PLAIN_CFLAGS))
$(eval $(call variant,$(O)/san,CC,SAN_CFLAGS))
$(eval $(call variant,$(O)/fuzz,CLANG,FUZZ_CFLAGS))

# $(call program,VARIANT FOLDER,NAME,FLAGS VARIABLE)
define program
$(1)/$(2): $(call objs,$(1),$(src_$(2))) $(call archives$(if $(filter $(2),$(kernel_programs)),_kernel),$(1))
	$$(call msg,LINK,$$@)
	$$(Q)$$(CC) $$(USER_CFLAGS) $$($(3)) $$(USER_LDFLAGS) -o $$@ $$^ \
		$$(libs$(if $(filter $(2),$(kernel_programs)),_kernel))
endef
$(foreach p,$(programs),$(eval $(call program,$(O),$(p),PLAIN_CFLAGS)))
$(foreach p,$(programs),$(eval $(call program,$(O)/san,$(p),SAN_CFLAGS)))

# Only the sources that say the version are compiled anew at each commit.
versioned := $(if $(user_src),$(shell grep -lE 'PPN_(VERSION|BUILD_TIME)' $(user_src)))
$(foreach v,$(O) $(O)/san $(O)/fuzz,$(eval \
	$(call objs,$(v),$(versioned)): obj_flags += $$(PPN_VERSION_DEFS)))
$(foreach v,$(O) $(O)/san $(O)/fuzz,$(eval $(call objs,$(v),$(versioned)): $(O)/version.flags))

# A changed compiler, flag or version makes what it touches anew.
$(O)/user.flags: export STAMP = $(CC) $(USER_CPPFLAGS) $(USER_CFLAGS) $(PLAIN_CFLAGS) $(SAN_CFLAGS) $(FUZZ_CFLAGS)
$(O)/bpf.flags: export STAMP = $(CLANG) $(BPF_CFLAGS) $(BPF_STRIP)
$(O)/version.flags: export STAMP = $(PPN_VERSION_DEFS)
$(O)/%.flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' "$$STAMP" | cmp -s - $@ || { \
		test ! -e $@ || printf '  %-7s %s\n' FLAGS '$@ changed'; \
		printf '%s\n' "$$STAMP" > $@; }
FORCE:

# ---- test programs ------------------------------------------------------------------------

# Unit tests and their helper programs are sanitized throughout.
unit_tests   := $(patsubst selftests/unit/%.c,$(O)/selftests/unit/%,$(filter selftests/unit/test_%.c,$(unit_src)))
unit_helpers := $(patsubst selftests/unit/%.c,$(O)/selftests/%,$(filter-out selftests/unit/test_%.c,$(unit_src)))
$(call objs,$(O)/san,$(unit_src)): obj_flags = $(TEST_CPPFLAGS)

link_unit = $(Q)$(CC) $(USER_CFLAGS) $(SAN_CFLAGS) $(USER_LDFLAGS) -o $@ $^ $(libs) $(LIBS_test)
$(unit_tests): $(O)/selftests/unit/%: $(O)/san/obj/selftests/unit/%.o $(call archives,$(O)/san)
	$(call msg,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(link_unit)
$(unit_helpers): $(O)/selftests/%: $(O)/san/obj/selftests/unit/%.o $(call archives,$(O)/san)
	$(call msg,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(link_unit)

# selftests/bpf: test_*.c are programs, the other sources are linked into each of them.
# In the other folders (net, bench, ...) every source is a program.
bpf_tests      := $(patsubst %.c,$(O)/%,$(filter selftests/bpf/test_%.c,$(tier_src)))
bpf_test_objs  := $(call objs,$(O),$(filter-out selftests/bpf/test_%.c,$(filter selftests/bpf/%.c,$(tier_src))))
tier_programs  := $(patsubst %.c,$(O)/%,$(filter-out selftests/bpf/%.c,$(tier_src)))
$(call objs,$(O),$(tier_src)): obj_flags = $(TEST_CPPFLAGS) -I$(O)/bpf -I$(@D:$(O)/obj/%=$(O)/%)
$(call objs,$(O),$(tier_src)): | $(skeletons) $(tier_skeletons)

$(bpf_tests): $(bpf_test_objs)
$(bpf_tests) $(tier_programs): $(O)/%: $(O)/obj/%.o $(call archives_kernel,$(O))
	$(call msg,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(USER_CFLAGS) $(PLAIN_CFLAGS) $(USER_LDFLAGS) -o $@ \
		$(filter %.o,$^) $(filter %.a,$^) $(libs_kernel) $(LIBS_test)

fuzz_programs := $(patsubst selftests/fuzz/%.c,$(O)/selftests/fuzz/%,$(fuzz_src))
# LLVMFuzzerTestOneInput has no prototype of its own.
$(call objs,$(O)/fuzz,$(fuzz_src)): obj_flags = $(TEST_CPPFLAGS) -Wno-missing-prototypes
$(fuzz_programs): $(O)/selftests/fuzz/%: $(O)/fuzz/obj/selftests/fuzz/%.o $(call archives,$(O)/fuzz)
	$(call msg,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(USER_CFLAGS) $(FUZZ_CFLAGS) -fsanitize=fuzzer $(USER_LDFLAGS) -o $@ $^ $(libs)

test_programs := $(unit_tests) $(unit_helpers) $(bpf_tests) $(tier_programs)

-include $(shell test -d $(O) && find $(O) -path $(O)/deb -prune -o -type f -name '*.d' -print)

# ---- targets ------------------------------------------------------------------------------

TIERS := unit bpf net boot
.PHONY: all bpf san tests fuzzers demo test $(TIERS:%=test-%) test-vm vm-matrix fuzz bench soak \
	check format bpf-flags setup install uninstall deb clean help FORCE

all: bpf $(programs:%=$(O)/%)
bpf: $(skeletons)
# The link makes $(O)/san look like $(O) to the tests.
san: $(programs:%=$(O)/san/%)
	@mkdir -p $(O)/san && ln -sfn ../selftests $(O)/san/selftests
tests: $(test_programs) $(tier_skeletons)
fuzzers: $(fuzz_programs)

# All cores for the build inside `make demo` and `make test`, unless the caller chose.
submake = $(MAKE) $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS))
export PPN_BUILD = $(abspath $(O)$(if $(SAN),/san))
export TESTS

demo:
	@scripts/setup.sh build test
	@$(submake) all
	@scripts/demo.sh

# What the last tiers boot is fetched while the first ones run, and no longer than they do.
FETCH = vm/fetch.sh bookworm || echo "vm: no kernel could be fetched, its tier will try again"; \
	selftests/boot/fetch.sh || echo "boot: no roots could be made, its tests are skipped"
test:
	@scripts/setup.sh build test vm boot deb
	@setsid sh -c '$(FETCH)' & fetch=$$!; trap 'kill -- -$$fetch 2>/dev/null; exit 130' INT TERM; \
	$(submake) all tests fuzzers && \
		ANALYZER=shallow FUZZ_SECONDS=$(or $(FUZZ_SECONDS),10) selftests/run check unit fuzz bpf net boot vm; \
		rc=$$?; kill -- -$$fetch 2>/dev/null; exit $$rc

$(TIERS:%=test-%): test-%: all tests $(if $(SAN),san)
	@selftests/run $*

test-vm: all tests
	@selftests/run vm

vm-matrix: all tests
	@selftests/run vm-matrix

fuzz: fuzzers
	@FUZZ_SECONDS=$(or $(FUZZ_SECONDS),60) selftests/run fuzz

# The tests that read PPN_SOAK do more rounds; fuzzing is long.
soak: all tests fuzzers
	@PPN_SOAK=1 FUZZ_SECONDS=$(or $(FUZZ_SECONDS),1200) selftests/run fuzz bpf net boot

bench:
	@scripts/setup.sh build test bench
	@$(submake) all tests
	@selftests/bench/run.sh

check:
	@selftests/run check

format:
	git ls-files -z '*.c' '*.h' | xargs -0r clang-format -i

# For scripts/check.sh.
bpf-flags:
	@echo $(BPF_CFLAGS)

# For clang-tidy, cppcheck and editors (clangd --compile-commands-dir=build).
COMPILE_COMMANDS = jq -R --arg dir '$(CURDIR)' --arg cmd "$$CMD" \
	'{directory: $$dir, file: ., command: ($$cmd + " -c " + .)}'
$(O)/compile_commands.json: export USER_CMD = clang $(USER_CPPFLAGS) $(PPN_VERSION_DEFS) $(TEST_CPPFLAGS) \
	-I$(O)/bpf $(tier_dirs:%=-I$(O)/%) $(filter-out -MMD -MP,$(USER_CFLAGS)) $(PLAIN_CFLAGS)
$(O)/compile_commands.json: export FUZZ_CMD = $(USER_CMD) -Wno-missing-prototypes
$(O)/compile_commands.json: export BPF_CMD = clang $(BPF_CFLAGS)
$(O)/compile_commands.json: $(skeletons) $(tier_skeletons) FORCE
	@mkdir -p $(@D)
	@{ CMD="$$USER_CMD"; printf '%s\n' $(user_src) $(unit_src) $(tier_src) | sed '/^$$/d' | $(COMPILE_COMMANDS); \
	   CMD="$$FUZZ_CMD"; printf '%s\n' $(fuzz_src) | sed '/^$$/d' | $(COMPILE_COMMANDS); \
	   CMD="$$BPF_CMD"; printf '%s\n' $(bpf_src) $(tier_bpf_src) | sed '/^$$/d' | $(COMPILE_COMMANDS); } | jq -s . > $@

# ---- install ------------------------------------------------------------------------------

sbin_programs := $(filter ppnd,$(programs))
bin_programs  := $(filter ppn ppn-admin,$(programs))
units := $(wildcard $(foreach s,service socket target path timer,user/*/*.$(s)))
man8  := $(wildcard user/*/*.8)
man5  := $(wildcard user/*/*.5)
man1  := $(wildcard user/*/*.1)
SUBSTITUTE = sed -e 's|@bindir@|$(bindir)|g' -e 's|@sbindir@|$(sbindir)|g' -e 's|@libexecdir@|$(libexecdir)|g' \
	-e 's|@sysconfdir@|$(sysconfdir)|g' -e 's|@statedir@|$(statedir)|g' -e 's|@rundir@|$(rundir)|g'

# $(call install_files,MODE,FOLDER,FILES)
install_files = $(if $(strip $(3)),install -d -m 755 $(DESTDIR)$(2) && install -m $(1) $(3) $(DESTDIR)$(2))

# Installs, enables and starts nothing.
install: all
	$(call install_files,755,$(sbindir),$(sbin_programs:%=$(O)/%))
	$(call install_files,755,$(bindir),$(bin_programs:%=$(O)/%))
	$(call install_files,755,$(libexecdir),$(worker_programs:%=$(O)/%))
	$(call install_files,644,$(mandir)/man1,$(man1))
	$(call install_files,644,$(mandir)/man5,$(man5))
	$(call install_files,644,$(mandir)/man8,$(man8))
	install -d -m 755 $(DESTDIR)$(sysconfdir)
	$(if $(units),install -d -m 755 $(DESTDIR)$(unitdir))
	$(foreach u,$(units),$(SUBSTITUTE) $(u) > $(DESTDIR)$(unitdir)/$(notdir $(u)) && \
		chmod 644 $(DESTDIR)$(unitdir)/$(notdir $(u)) &&) :

uninstall:
	rm -f $(sbin_programs:%=$(DESTDIR)$(sbindir)/%) $(bin_programs:%=$(DESTDIR)$(bindir)/%) \
		$(worker_programs:%=$(DESTDIR)$(libexecdir)/%) \
		$(foreach s,1 5 8,$(patsubst %,$(DESTDIR)$(mandir)/man$(s)/%,$(notdir $(man$(s))))) \
		$(patsubst %,$(DESTDIR)$(unitdir)/%,$(notdir $(units)))
	for d in $(DESTDIR)$(libexecdir) $(DESTDIR)$(sysconfdir); do \
		test ! -d $$d || rmdir --ignore-fail-on-non-empty $$d; done

# Two packages in $(O)/deb/out.
deb:
	@scripts/setup.sh build deb
	@scripts/deb.sh $(O)/deb/out

setup:
	scripts/setup.sh build test

# What was made is spelt out: O may be a folder that holds other things too.
clean:
	rm -rf $(addprefix $(O)/,obj bpf san deb fuzz selftests check libppn.a libppnhost.a libppnkernel.a \
		user.flags bpf.flags version.flags compile_commands.json bench.json bench-drop.svg \
		bench-flat.svg $(programs))
	test ! -d $(O) || rmdir --ignore-fail-on-non-empty $(O)

help:
	@sed -n 's/^#> //p' $(firstword $(MAKEFILE_LIST))

#> make                 the programs and BPF objects, in build/ (O=DIR elsewhere, V=1 shows commands)
#> make demo            the whole story on this machine (root; installs Debian packages it needs)
#> make test            everything below but vm-matrix, soak and bench; ends with one count line
#> make deb             Debian packages of the node and of the seat, in build/deb/out/
#> make check           format, clang-tidy, cppcheck, shellcheck, headers, house rules (TIDY=changed: faster)
#> make format          clang-format over all sources
#> make test-unit       sanitized unit tests; also test-bpf, test-net (root); TESTS='glob' selects
#> make test-net SAN=1  the same with the programs built with ASan and UBSan
#> make fuzz            each fuzz target for FUZZ_SECONDS=60
#> make test-vm         tests that need the kernel's WireGuard, on Debian's 6.1 in a VM
#> make vm-matrix       all net tests on 6.1, 6.12 and the newest kernel
#> make bench           measures, against peers (root); writes build/bench.json and build/bench-*.svg
#> make soak            long fuzzing, and all rounds of the BPF, net and boot tests (hours)
#> make install         PREFIX=/usr/local DESTDIR=; uninstall takes it back
#> make clean
