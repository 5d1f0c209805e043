# X-Pro Mesh. `make help` lists what can be asked for.
MODE    ?= release
PREFIX  ?= /usr/local
DESTDIR ?=
CC      ?= gcc
CLANG   ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
BPF_OPTIMISE ?= -O2
PROXIES ?= 3
SEEDS   ?= 1..1000
SECONDS ?= 60

SANITIZE_release  :=
SANITIZE_asan     := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
SANITIZE_tsan     := -fsanitize=thread -fno-omit-frame-pointer
SANITIZE_coverage := --coverage
OPTIMISE_release  := -O2
OPTIMISE_asan     := -O1
OPTIMISE_tsan     := -O1
OPTIMISE_coverage := -O0
B        := build$(if $(filter-out release,$(MODE)),/$(MODE))
SANITIZE := $(SANITIZE_$(MODE))
OPTIMISE := $(OPTIMISE_$(MODE))
$(if $(OPTIMISE),,$(error MODE=$(MODE): one of release, asan, tsan, coverage))
JOBS    := -j$(shell nproc)
WERROR  := $(if $(CI),-Werror)

CFLAGS_ALL := -std=gnu11 -g $(OPTIMISE) $(SANITIZE) \
	-Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wvla $(WERROR) \
	-fstack-protector-strong -D_FORTIFY_SOURCE=$(if $(SANITIZE),0,2) -MMD -MP $(CFLAGS)
LDFLAGS_ALL := $(SANITIZE) -Wl,-z,relro,-z,now $(LDFLAGS)
BPF_FLAGS   := -g -target bpf -mcpu=v3 -Wall -Wextra $(WERROR) \
	-Iinclude -I/usr/include/$(shell gcc -print-multiarch) -MMD -MP

# Each folder sees only the headers it may include.
# Rooms of the core, of the daemon and of the simulator, lowest first: a file calls its own room and those below it
# (tests/unit/test_layers.sh).
ROOMS         := core count judge wire member trust spread
GOSSIPD_ROOMS := base config host table daemon control
SIM_ROOMS     := base check world experiment swarm
I_core    := -Iproto $(ROOMS:%=-Iproto/%)
I_proto    = -Iinclude $(or $(I_room),$(I_core))
below :=
$(foreach room,$(ROOMS),$(eval below += $(room)) \
	$(eval $(B)/obj/proto/$(room)/%.o: I_room := -Iproto $(below:%=-Iproto/%)))
I_daemon  := $(GOSSIPD_ROOMS:%=-Igossipd/%)
I_gossipd  = -Iinclude $(I_core) $(or $(I_room),$(I_daemon)) -I$(B)/gen
below :=
$(foreach room,$(GOSSIPD_ROOMS),$(eval below += $(room)) \
	$(eval $(B)/obj/gossipd/$(room)/%.o: I_room := $(below:%=-Igossipd/%)))
I_ctl     := -Iinclude $(I_core) -Igossipd/base -Igossipd/config -Igossipd/ctl
I_demo    := -Iinclude
I_tests   := -Iinclude $(I_core) -Itests
I_sim     := -Iinclude $(I_core) -Isim $(SIM_ROOMS:%=-Isim/%) -Igossipd/base -I$(B)/gen

LIBS_proto   := -lsodium -lmsgpackc -lm
LIBS_gossipd := -lbpf -lelf -lz -lev -lconfig -lcap-ng -lpthread
LIBS_ctl     := -ljansson -lconfig
LIBS_sim     := -ljansson -lconfig

PROTO_SRC   := $(wildcard proto/*.c proto/*/*.c)
PROTO_OBJ   := $(patsubst %.c,$(B)/obj/%.o,$(PROTO_SRC))
GOSSIPD_SRC := $(wildcard gossipd/*.c $(GOSSIPD_ROOMS:%=gossipd/%/*.c))
GOSSIPD_OBJ := $(patsubst %.c,$(B)/obj/%.o,$(GOSSIPD_SRC))
TABLE_BASE  := $(addprefix $(B)/obj/gossipd/base/,egress_filters.o heavy.o owner.o quota.o)
TABLE_OBJ   := $(filter $(B)/obj/gossipd/table/% $(TABLE_BASE),$(GOSSIPD_OBJ))
CTL_OBJ     := $(patsubst %.c,$(B)/obj/%.o,$(wildcard gossipd/ctl/*.c))
SIM_OBJ     := $(patsubst %.c,$(B)/obj/%.o,$(wildcard sim/*.c sim/*/*.c))
ORACLE_OBJ  := $(patsubst %.c,$(B)/obj/%.o,$(filter-out tests/oracle/test_%.c,$(wildcard tests/oracle/*.c)))
WORLD_OBJ   := $(patsubst %,$(B)/obj/tests/%.o,mesh_world counters truths)
UNIT        := $(patsubst %.c,$(B)/%,$(wildcard tests/unit/test_*.c tests/oracle/test_*.c))
DAEMON_UNIT := $(patsubst %.c,$(B)/%,$(wildcard tests/gossipd/test_*.c))
XDP_TESTS   := $(patsubst %.c,$(B)/%,$(wildcard tests/xdp/test_*.c))
E2E_TOOLS   := $(B)/tests/relay/relay $(B)/tests/relay/flood $(B)/tests/relay/liar \
	$(B)/tests/host/failing.so \
	$(B)/tests/host/clocks.so $(B)/tests/host/fixed.so $(B)/tests/e2e/packets \
	$(if $(SANITIZE),,$(B)/tests/host/gossipd-recorded)
BENCHES     := $(patsubst %.c,$(B)/%,$(wildcard tests/bench/bench_*.c))
BENCH_BPF   := $(patsubst tests/bench/%.bpf.c,$(B)/gen/%.skel.h,$(wildcard tests/bench/*.bpf.c))
FUZZERS     := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
DEMO_TOOLS  := $(patsubst scripts/demo/%.c,$(B)/demo/%,$(wildcard scripts/demo/*.c))
SKELETON    := $(B)/gen/xpro.skel.h
PROGRAMS    := $(B)/bin/gossipd $(B)/bin/gossipctl

.PHONY: all man deps check test demo bench fuzz soak test-extra sim experiments install install-files dist deb clean \
	help format lint tidy \
	coverage binaries check-binaries unit-binaries test-binaries fuzz-binaries FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: deps ## build everything; programs land in build/bin/
	@$(MAKE) --no-print-directory $(JOBS) binaries

binaries: $(PROGRAMS) $(DEMO_TOOLS) $(B)/bin/xpro-sim

deps:
	@scripts/dependencies.sh build

# ---- flags: what is compiled depends on a file that holds them, which is written anew only when they are others ----

FLAGS_c     := $(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL)
FLAGS_clang := $(CLANG) $(BPF_OPTIMISE) $(BPF_FLAGS)

define FLAGS_COMPARE
ifneq ($$(file <$(B)/flags/$(1)),$$(FLAGS_$(1)))
$(B)/flags/$(1): FORCE
endif
endef
$(foreach kind,c clang,$(eval $(call FLAGS_COMPARE,$(kind))))

$(B)/flags/%:
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(FLAGS_$*))' >$@
FORCE:

# ---- core library, daemon, control program ----

$(B)/libxpro.a: $(PROTO_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/obj/proto/%.o: proto/%.c $(B)/flags/c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(I_proto) -c $< -o $@

$(B)/obj/gossipd/ctl/%.o: gossipd/ctl/%.c $(B)/flags/c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(I_ctl) -c $< -o $@

$(B)/obj/gossipd/%.o: gossipd/%.c $(B)/flags/c | $(SKELETON)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(I_gossipd) -c $< -o $@

$(B)/obj/tests/%.o: tests/%.c $(B)/flags/c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(I_tests) -c $< -o $@

# What changes the core passes through gossipd/trace.c.
comma := ,
GOSSIPD_WRAPPED := node_init node_greet node_observe node_observe_answers node_observe_contacts node_remember \
	node_tick node_turn node_set_policy node_set_load node_leave node_slept node_command node_restore \
	node_receive node_poll node_next_change node_refresh node_close

$(B)/bin/gossipd: $(GOSSIPD_OBJ) $(B)/libxpro.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $(addprefix -Wl$(comma)--wrap=,$(GOSSIPD_WRAPPED)) $^ $(LIBS_gossipd) $(LIBS_proto) -o $@

# What both programs share: the two lowest rooms.
COMMON_OBJ := $(filter $(B)/obj/gossipd/base/% $(B)/obj/gossipd/config/%,$(GOSSIPD_OBJ))

$(B)/bin/gossipctl: $(CTL_OBJ) $(COMMON_OBJ) $(B)/libxpro.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $^ $(LIBS_ctl) $(LIBS_proto) -lbpf -lelf -lz -o $@

# ---- simulator: the core's very objects ----

# Signatures, joins and frames pass through crypto.c, check.c and trace_core.c.
SIM_WRAPPED := crypto_sign_detached crypto_sign_verify_detached crypto_aead_xchacha20poly1305_ietf_encrypt \
	crypto_aead_xchacha20poly1305_ietf_decrypt crypto_scalarmult crypto_sign_ed25519_pk_to_curve25519 \
	crypto_sign_ed25519_sk_to_curve25519 crypto_core_ed25519_is_valid_point crypto_generichash \
	crypto_generichash_init crypto_generichash_update crypto_generichash_final ledger_join origin_note store_put

$(B)/gen/commit.h: FORCE
	@mkdir -p $(@D)
	@echo "#define SOURCE_COMMIT \"$$(git rev-parse --short HEAD 2>/dev/null || echo unknown)\"" >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(B)/obj/sim/%.o: sim/%.c $(B)/flags/c | $(B)/gen/commit.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(I_sim) -c $< -o $@

# The daemon's look at numbers in settings, since scenarios are read by the same library.
SETTINGS_OBJ := $(B)/obj/sim/base/numbers.o
$(B)/obj/sim/base/numbers.o: gossipd/config/numbers.c
$(SETTINGS_OBJ):
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(I_sim) -c $< -o $@

$(B)/bin/xpro-sim: $(SIM_OBJ) $(SETTINGS_OBJ) $(B)/libxpro.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $(addprefix -Wl$(comma)--wrap=,$(SIM_WRAPPED)) $^ $(LIBS_sim) $(LIBS_proto) -o $@

# ---- XDP program ----

$(B)/gen/xpro.bpf.o: xdp/xpro.bpf.c $(B)/flags/clang
	@mkdir -p $(@D)
	$(CLANG) $(BPF_OPTIMISE) $(BPF_FLAGS) -Wno-unused-function -c $< -o $@

$(SKELETON): $(B)/gen/xpro.bpf.o
	$(BPFTOOL) gen skeleton $< name xpro > $@

# ---- demo tools ----

$(B)/demo/%: scripts/demo/%.c $(B)/flags/c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(I_demo) $< $(LDFLAGS_ALL) -ljansson -lbpf -lm -o $@

# ---- tests ----

$(B)/tests/unit/%: $(B)/obj/tests/unit/%.o $(WORLD_OBJ) $(B)/libxpro.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $^ -lcmocka $(LIBS_proto) -o $@

$(B)/tests/oracle/%: $(B)/obj/tests/oracle/%.o $(ORACLE_OBJ) $(WORLD_OBJ) $(B)/libxpro.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $^ -lcmocka $(LIBS_proto) -o $@

# The simulator's members and its kernel.
$(B)/obj/tests/oracle/test_spoofed.o: I_tests := $(I_sim)
$(B)/tests/oracle/test_spoofed: $(B)/obj/tests/oracle/test_spoofed.o $(filter-out $(B)/obj/sim/main.o,$(SIM_OBJ)) \
		$(SETTINGS_OBJ) $(B)/libxpro.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $(addprefix -Wl$(comma)--wrap=,$(SIM_WRAPPED)) $^ -lcmocka $(LIBS_sim) $(LIBS_proto) -o $@

# Parts of gossipctl that have tests of their own.
CTL_TESTED := $(addprefix gossipd/ctl/,bundle.c config_edit.c learning.c suggestion.c tar.c)

# An archive: a test links the parts it calls, and may stand in for the table.
$(B)/libgossipd.a: $(filter-out $(B)/obj/gossipd/main.o $(B)/obj/gossipd/table/%,$(GOSSIPD_OBJ)) \
		$(CTL_TESTED:%.c=$(B)/obj/%.o)
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/obj/tests/gossipd/%.o: I_tests += $(I_daemon) -Igossipd/ctl
$(B)/tests/gossipd/%: $(B)/obj/tests/gossipd/%.o $(B)/libgossipd.a $(B)/libxpro.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $^ -lcmocka -lev -lconfig -lcap-ng $(LIBS_proto) -o $@

$(B)/obj/tests/xdp/%.o $(B)/obj/tests/bench/%.o: I_tests += $(I_daemon) -I$(B)/gen
$(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/xdp/*.c)): | $(SKELETON)
$(B)/tests/xdp/%: $(B)/obj/tests/xdp/%.o $(TABLE_OBJ) $(B)/libxpro.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $^ -lcmocka -lbpf -lelf -lz -lpthread $(LIBS_proto) -o $@

$(B)/tests/e2e/%: tests/e2e/%.c $(B)/flags/c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $< $(LDFLAGS_ALL) -o $@

$(B)/gen/%.bpf.o: tests/bench/%.bpf.c $(B)/flags/clang
	@mkdir -p $(@D)
	$(CLANG) -O2 $(BPF_FLAGS) -Wno-unused-parameter -c $< -o $@

$(BENCH_BPF): $(B)/gen/%.skel.h: $(B)/gen/%.bpf.o
	$(BPFTOOL) gen skeleton $< name $* > $@

$(B)/obj/tests/bench/%.o: I_tests += -DBENCH_TRIPLET='"$(shell gcc -print-multiarch)"'
$(patsubst %.c,$(B)/obj/%.o,$(wildcard tests/bench/*.c)): | $(SKELETON) $(BENCH_BPF)
$(B)/tests/bench/%: $(B)/obj/tests/bench/%.o $(TABLE_OBJ) $(B)/libxpro.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $^ -lbpf -lelf -lz -lpthread -lhiredis -ljansson $(LIBS_proto) -o $@

# What end-to-end tests put between and under real daemons.
$(B)/tests/relay/%: tests/relay/%.c $(B)/flags/c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $< $(LDFLAGS_ALL) -lev -o $@

# It speaks as a member: with the core, and with the daemon's look at its own configuration.
$(B)/obj/tests/relay/liar.o: I_tests += $(I_daemon)
$(B)/tests/relay/liar: $(B)/obj/tests/relay/liar.o $(B)/libgossipd.a $(B)/libxpro.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $^ -lev -lconfig -lcap-ng $(LIBS_proto) -o $@

$(B)/tests/host/%.so: tests/host/%.c $(B)/flags/c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -g -O2 -Wall -Wextra -Wshadow -MMD -MP -fPIC -shared $< -ldl -o $@

# A gossipd that writes down what it makes durable, lets out and stores into the table, in order. The table's files are
# compiled so that each of their stores is seen (recorder_stores.c).
RECORDED_OBJ := $(patsubst $(B)/obj/%,$(B)/obj/recorded/%,$(filter $(B)/obj/gossipd/table/%,$(GOSSIPD_OBJ)))
$(B)/obj/recorded/gossipd/%.o: gossipd/%.c | $(SKELETON)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -U_FORTIFY_SOURCE -fno-builtin $(I_gossipd) -fsanitize=thread -c $< -o $@

$(B)/obj/recorded/tests/%.o: tests/%.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -U_FORTIFY_SOURCE $(I_tests) -c $< -o $@

$(B)/tests/host/gossipd-recorded: $(RECORDED_OBJ) $(filter-out $(B)/obj/gossipd/table/%,$(GOSSIPD_OBJ)) \
		$(B)/obj/recorded/tests/host/recorder.o $(B)/obj/recorded/tests/host/recorder_stores.o $(B)/libxpro.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $(addprefix -Wl$(comma)--wrap=,$(GOSSIPD_WRAPPED) memcpy memset) $^ \
		$(LIBS_gossipd) $(LIBS_proto) -ldl -o $@

# A minute or two together, of simulated traffic by the hour.
SPOOFED := $(B)/tests/oracle/test_spoofed
LONG := $(addprefix $(B)/tests/oracle/test_,evidence fairness verdicts)
QUICK := $(filter-out $(LONG) $(SPOOFED),$(UNIT))

check-binaries: $(QUICK)
unit-binaries: $(UNIT) $(DAEMON_UNIT)
test-binaries: $(UNIT) $(DAEMON_UNIT) $(XDP_TESTS) $(E2E_TOOLS)

check: ## unit and property tests: seconds, no root, no clang, no BPF
	@scripts/dependencies.sh check
	@$(MAKE) --no-print-directory $(JOBS) check-binaries
	@tests/run.sh --together $(addprefix tests/unit/test_,purity.sh layers.sh owners.sh steps.sh) $(QUICK)

# What needs nothing but a processor runs side by side, the longest first.
asan = $(patsubst build/%,build/asan/%,$(1))
PURE := scripts/lint.sh tests/sim/test_sim.sh $(SPOOFED) $(call asan,$(LONG)) $(LONG) \
	$(call asan,$(QUICK) $(DAEMON_UNIT)) $(QUICK) $(DAEMON_UNIT) \
	$(addprefix tests/unit/test_,purity.sh layers.sh owners.sh steps.sh dead.sh)
# What measures the machine's own speed, or loads every processor, has the machine for itself.
XDP_ALONE := $(addprefix $(B)/tests/xdp/test_,race table)
MEASURING := $(XDP_ALONE) $(call asan,$(XDP_ALONE)) tests/fuzz/test_fuzz.sh tests/e2e/test_full_tables.sh
# What measures the rates of a mesh, or times in it, has a processor for itself: the longest first.
E2E_RATES := $(patsubst %,tests/e2e/test_%.sh,lies limits invented_keys floods many neighbour demo conditions scans)
# The rest needs the kernel, and much of it waits: more side by side, the longest first.
E2E_LONG  := $(patsubst %,tests/e2e/test_%.sh,start_faults cloned clocks upgrade network sides trust)
XDP_BESIDE := $(filter-out $(XDP_ALONE),$(XDP_TESTS))
KERNEL    := $(E2E_LONG) $(call asan,$(XDP_BESIDE)) $(XDP_BESIDE) \
	$(filter-out $(E2E_LONG) $(E2E_RATES) $(MEASURING),$(sort $(wildcard tests/e2e/test_*.sh)))

test: ## every test, what make lint checks, and each fuzz target for ten seconds (root, on a kernel with XDP)
	@scripts/dependencies.sh test
	@$(MAKE) --no-print-directory $(JOBS) binaries test-binaries
	@$(MAKE) --no-print-directory $(JOBS) MODE=asan test-binaries
	@$(MAKE) --no-print-directory $(JOBS) fuzz-binaries
	@$(MAKE) --no-print-directory man
	@tests/run.sh --together $(PURE) --alone $(MEASURING) --together $(E2E_RATES) --waiting $(KERNEL)

coverage: ## lines and branches that unit tests reach, per folder
	@scripts/dependencies.sh build
	@$(MAKE) --no-print-directory $(JOBS) MODE=coverage unit-binaries
	@find build/coverage -name '*.gcda' -delete
	@tests/run.sh $(patsubst build/%,build/coverage/%,$(UNIT) $(DAEMON_UNIT)); status=$$?; \
		scripts/coverage.py build/coverage/obj; exit $$status

demo: ## the main job between network namespaces (PROXIES=5, KEEP=1)
	@scripts/dependencies.sh demo
	@$(MAKE) --no-print-directory $(JOBS) binaries
	@PROXIES=$(PROXIES) KEEP=$(KEEP) scripts/demo/demo.sh

bench: ## speed as ratios against xdp-filter, hashlimit, nft and Redis; also build/bench.jsonl
	@scripts/dependencies.sh bench
	@$(MAKE) --no-print-directory $(JOBS) binaries $(BENCHES) \
		$(B)/tests/bench/probe_convergence $(B)/tests/relay/flood
	@tests/bench/run.sh $(BENCHES) "tests/bench/convergence.sh $(B)/tests/bench/probe_convergence" \
		"tests/bench/flood.sh $(B)/tests/bench/probe_convergence $(B)/tests/relay/flood"

# libFuzzer needs its instrumentation in every object. Archives: a target links the parts it calls, and may stand in for
# the table.
FUZZ_CFLAGS := -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -MMD -MP
FUZZ_CORE   := $(patsubst %.c,$(B)/fuzz/obj/%.o,$(PROTO_SRC))
FUZZ_DAEMON := $(patsubst %.c,$(B)/fuzz/obj/%.o,$(filter-out gossipd/main.c gossipd/table/%,$(GOSSIPD_SRC)) \
	$(CTL_TESTED))

$(B)/fuzz/obj/%.o: %.c $(B)/flags/clang
	@mkdir -p $(@D)
	$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link -Iinclude $(I_core) $(I_daemon) -Igossipd/ctl -c $< -o $@

$(B)/fuzz/core.a: $(FUZZ_CORE)
$(B)/fuzz/daemon.a: $(FUZZ_DAEMON)
$(B)/fuzz/core.a $(B)/fuzz/daemon.a:
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/fuzz/control $(B)/fuzz/bundle: $(B)/fuzz/daemon.a
$(B)/fuzz/control $(B)/fuzz/bundle: LIBS_proto += -lev -lconfig -lcap-ng
$(B)/fuzz/control $(B)/fuzz/bundle: I_tests += $(I_daemon) -Igossipd/ctl
$(B)/fuzz/%: tests/fuzz/fuzz_%.c $(B)/fuzz/core.a
	@mkdir -p $@.found
	$(CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer $(I_tests) $< \
		$(filter %daemon.a,$^) $(filter %core.a,$^) $(LIBS_proto) -o $@

fuzz-binaries: $(FUZZERS:%=$(B)/fuzz/%)

fuzz: ## fuzz every target from its corpus (SECONDS=60 each); what is found stays in build/fuzz/
	@scripts/dependencies.sh fuzz
	@$(MAKE) --no-print-directory $(JOBS) fuzz-binaries
	@set -e; for target in $(FUZZERS); do \
		echo "fuzz: $$target for $(SECONDS) s"; \
		length=1500; [ $$target != bundle ] || length=8192; \
		$(B)/fuzz/$$target -max_len=$$length -max_total_time=$(SECONDS) -print_final_stats=1 \
			-artifact_prefix=$(B)/fuzz/ $(B)/fuzz/$$target.found tests/fuzz/$$target; \
	done

# Tests in which threads share the table, built with ThreadSanitizer.
soak: ## for hours: random runs (SEEDS), fuzzing (SECONDS each), ThreadSanitizer, clang-tidy in depth (root)
	@$(MAKE) --no-print-directory sim SEEDS=$(SEEDS)
	@$(MAKE) --no-print-directory fuzz SECONDS=$(SECONDS)
	@$(MAKE) --no-print-directory test-extra PART=race
	@$(MAKE) --no-print-directory tidy TIDY_STEPS=225000
	@$(MAKE) --no-print-directory $(SPOOFED)
	@$(SPOOFED) all

test-extra: ## what make test leaves out: PART=clang, cross (machines), race (threads), export, packages, peer
	@[ -x "tests/extra/$(PART).sh" ] || { \
		echo "make test-extra PART=NAME; there are:" \
			"$(patsubst tests/extra/%.sh,%,$(wildcard tests/extra/*.sh))" >&2; \
		exit 2; }
	@scripts/dependencies.sh "extra-$(PART)"
	@tests/run.sh "tests/extra/$(PART).sh"

sim: ## random runs of the simulator (SEEDS=1..1000)
	@scripts/dependencies.sh sim
	@$(MAKE) --no-print-directory $(JOBS) $(B)/bin/xpro-sim
	@$(B)/bin/xpro-sim swarm --seeds $(SEEDS) --jobs $(shell nproc)

experiments: ## what the mesh does against the paper's master and the bounds: build/experiments/report.html
	@scripts/dependencies.sh experiments
	@$(MAKE) --no-print-directory $(JOBS) $(B)/bin/xpro-sim
	@$(B)/bin/xpro-sim experiment all --jobs $(shell nproc) --output $(B)/experiments

clean: ## remove build/
	rm -rf build

# What the pages say of commands, options and settings comes from the programs themselves.
man: binaries
	@scripts/man.sh $(B)/bin $(B)/man

SHARE := $(DESTDIR)$(PREFIX)/share
install: all man ## install programs, man pages, systemd unit and completion below DESTDIR and PREFIX
	@$(MAKE) --no-print-directory install-files

# Of what is built already, without a look at what else is installed: for packages.
install-files:
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/systemd/system \
		$(SHARE)/man/man1 $(SHARE)/man/man5 $(SHARE)/man/man8 $(SHARE)/bash-completion/completions \
		$(SHARE)/zsh/site-functions $(SHARE)/xpro-mesh/monitoring
	install -m 0755 $(B)/bin/gossipd $(DESTDIR)$(PREFIX)/sbin/gossipd
	install -m 0755 $(B)/bin/gossipctl $(B)/bin/xpro-sim $(DESTDIR)$(PREFIX)/bin/
	install -m 0644 $(B)/man/*.1 $(SHARE)/man/man1/
	install -m 0644 $(B)/man/*.5 $(SHARE)/man/man5/
	install -m 0644 $(B)/man/*.8 $(SHARE)/man/man8/
	install -m 0644 scripts/completion/gossipctl $(SHARE)/bash-completion/completions/gossipctl
	install -m 0644 scripts/completion/_gossipctl $(SHARE)/zsh/site-functions/_gossipctl
	install -m 0644 scripts/monitoring/xpro.rules.yml scripts/monitoring/xpro-dashboard.json \
		$(SHARE)/xpro-mesh/monitoring/
	sed 's|@PREFIX@|$(PREFIX)|g' scripts/gossipd@.service.in \
		>$(DESTDIR)$(PREFIX)/lib/systemd/system/gossipd@.service

# What git knows, as it stands in the tree. One tree makes one tarball, byte by byte.
VERSION := $(shell sed -n 's/^.define XPRO_VERSION "\(.*\)"/\1/p' gossipd/main.c)
DIST    := $(B)/xpro-mesh-$(VERSION).tar.xz
dist: ## the sources as one file: build/xpro-mesh-VERSION.tar.xz
	@mkdir -p $(B)
	@git ls-files -z | tar --null --verbatim-files-from -T - --transform 's,^,xpro-mesh-$(VERSION)/,' --sort=name \
		--mtime=@$$(git log -1 --format=%ct) --owner=0 --group=0 --numeric-owner -cJf $(DIST)
	@echo $(DIST)

deb: dist ## Debian packages of gossipd, gossipctl and xpro-sim: build/deb/
	@scripts/dependencies.sh deb
	@scripts/deb.sh $(DIST) $(B)/deb

lint: ## format, lengths, clang-tidy, shellcheck, manual pages, words per sentence, references of documents
	@scripts/dependencies.sh lint
	@$(MAKE) --no-print-directory $(JOBS) binaries
	@$(MAKE) --no-print-directory man
	@scripts/lint.sh

tidy: ## clang-tidy alone; in depth: TIDY_STEPS=225000
	@scripts/dependencies.sh lint
	@$(MAKE) --no-print-directory $(JOBS) $(SKELETON) $(B)/gen/commit.h
	@scripts/lint.sh tidy

format: ## rewrite the sources with clang-format; line breaks and tables stay
	@scripts/dependencies.sh lint
	@scripts/format.py

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

-include $(shell find $(B) -name '*.d' 2>/dev/null)
