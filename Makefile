# Builds libdynacomm (plugin/), the dynacomm tool (plugin/tool/), the darknet program (darknet/) and the tests.
#
#   make                      everything a user runs, into build/
#   make check                build and run every C test          (scripts/test runs this and the rest)
#   make SANITIZER=thread     the same with a sanitizer, into build-thread/ (address, undefined, thread)
#   make lint                 formatting, static analysis, and who may include whom (scripts/check-rooms)
#   make bench-quick          the strategies on emulated networks, in minutes (make bench: all of it)
#   make install PREFIX=/usr/local DESTDIR=
#   make V=1                  show the commands

VERSION     := 0.1.0
DARKNET_DIR ?= /usr/lib/darknet
PREFIX      ?= /usr/local
CC          ?= cc
CXX         ?= c++
comma       := ,
BUILD       ?= build$(if $(SANITIZER),-$(subst $(comma),-,$(SANITIZER)))

ifndef V
Q := @
say = @printf '  %-8s %s\n' '$(1)' '$(2)'
endif

PKGS      := nanomsg libxxhash libsodium libcrypto
PKGS_TOOL := libcjson libmicrohttpd libcurl
pkg_cflags = $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(1)))
pkg_libs   = $(shell pkg-config --libs $(1))

WARN      := -Wall -Wextra -Wshadow -Wconversion -Werror -Wno-format-truncation
SAN_FLAGS := $(if $(SANITIZER),-fsanitize=$(SANITIZER) -fno-omit-frame-pointer)
# -ffp-contract=off: results are compared bit for bit with the packaged library, which has no fused multiply-add.
CFLAGS    ?= -O3 -g
# Hardening (tests/integration/hardening.sh looks at the built files): overwritten return addresses and overrun buffers end
# the program, tables of addresses are read-only before main(), nothing lies at a known address, and on x86 jumps land
# only where they may. _FORTIFY_SOURCE needs an optimizer and has no place beside the sanitizers, which see more.
X86        := $(filter x86_64% i%86%,$(shell $(CC) -dumpmachine))
FORTIFY    := $(if $(SANITIZER)$(filter -O0,$(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
HARDEN     := -fstack-protector-strong $(FORTIFY) $(if $(X86),-fcf-protection)
HARDEN_LD  := -Wl,-z,relro,-z,now,-z,noexecstack
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -pthread -fPIC -fvisibility=hidden -ffp-contract=off $(WARN) $(HARDEN) $(CFLAGS) \
             $(SAN_FLAGS) \
             -DDC_VERSION_STRING='"$(VERSION)"' -Iplugin/include -MMD -MP
ALL_CXXFLAGS = -std=c++17 -Iplugin/include -pthread -fPIC -fvisibility=hidden -ffp-contract=off -Wall -Wextra -Wshadow $(HARDEN) $(CFLAGS) \
               $(SAN_FLAGS) -MMD -MP
ALL_LDFLAGS = -pthread $(LDFLAGS) $(HARDEN_LD) $(SAN_FLAGS)

# A hundred programs of the tests link the same objects: gold, where it is there, does it in a third of GNU ld's time. What is installed
# is linked by the compiler's own choice.
TEST_LD    := $(and $(X86),$(findstring GNU gold,$(if $(SANITIZER),,$(shell $(CC) -fuse-ld=gold -Wl,--version 2>/dev/null))),-fuse-ld=gold)

LIB_SRC     := $(wildcard $(addsuffix /*.c,$(addprefix plugin/,base secure model schedule codec net endpoint worker server mesh relay replay)))
TOOL_SRC    := $(wildcard plugin/tool/*.c)
DARKNET_SRC := $(filter-out darknet/kernels/%,$(wildcard darknet/*/*.c))
DARKNET_CXX := $(filter-out darknet/kernels/%,$(wildcard darknet/*/*.cpp))
KERNEL_SRC  := $(wildcard darknet/kernels/*.c)
KERNEL_CXX  := $(wildcard darknet/kernels/*.cpp)
UNIT_SRC    := $(wildcard tests/unit/test_*.c)
NUM_SRC     := $(wildcard tests/numeric/*.c)
FUZZ_SRC    := $(wildcard tests/fuzz/fuzz_*.c)
EXACT_SRC   := $(wildcard tests/exact/*.c)
# Compiled against a fork, side_fork.c is scripts/fork-vectors' business.
FORKS_SRC   := $(filter-out tests/forks/side_fork.c,$(wildcard tests/forks/*.c))
BENCH_SRC   := $(wildcard tests/bench/bench_*.c)
SIM_SRC     := $(wildcard tests/sim/*.c)
BOX_SRC     := $(wildcard scripts/netlab.d/*.c)

obj = $(patsubst %,$(BUILD)/obj/%.o,$(1))
LIB_OBJ     := $(call obj,$(LIB_SRC))
TOOL_OBJ    := $(call obj,$(TOOL_SRC))
KERNEL_OBJ  := $(call obj,$(KERNEL_SRC) $(KERNEL_CXX))
DARKNET_OBJ := $(call obj,$(DARKNET_SRC) $(DARKNET_CXX))
# Tests link everything of the front end but its main().
FRONT_OBJ   := $(filter-out $(call obj,darknet/main/main.c),$(DARKNET_OBJ))
UNIT_BIN    := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(UNIT_SRC))
NUM_BIN     := $(patsubst tests/numeric/%.c,$(BUILD)/tests/%,$(NUM_SRC))
FUZZ_BIN    := $(patsubst tests/fuzz/%.c,$(BUILD)/tests/%,$(FUZZ_SRC))
# Targets that read what the darknet program reads, and one for the page.
FUZZ_FRONT  := $(addprefix $(BUILD)/tests/fuzz_,cfg datafile labels weights)
FUZZ_TOOL   := $(BUILD)/tests/fuzz_http
EXACT_BIN   := $(BUILD)/tests/exact_net
FORKS_BIN   := $(BUILD)/tests/fork_vectors
# Processes that tests start beside the programs: a worker that lies, peers that attack.
LIAR_BIN    := $(BUILD)/tests/liar
CROWD_BIN   := $(BUILD)/tests/crowd
# Schedules of a whole run without processes (tests/sim).
SIM_BIN     := $(BUILD)/tests/simulate
BENCH_BIN   := $(patsubst tests/bench/%.c,$(BUILD)/tests/%,$(BENCH_SRC))

DARKNET_CFLAGS := -isystem $(DARKNET_DIR)/include -Idarknet -DOPENCV
DARKNET_LIBS   := -L$(DARKNET_DIR) -Wl,-rpath,$(DARKNET_DIR) -ldarknet
OPENCV_LIBS    := -lopencv_videoio -lopencv_highgui -lopencv_imgcodecs -lopencv_imgproc -lopencv_core
# Without oneDNN: make KERNEL_CFLAGS=-DDK_NO_DNNL KERNEL_LIBS=-fopenmp (our own loops then do all of it).
KERNEL_LIBS    ?= -ldnnl -fopenmp
LIB_LIBS        = $(call pkg_libs,$(PKGS)) -lm
TOOL_LIBS       = $(call pkg_libs,$(PKGS_TOOL))
# Tests link everything of the tool but its main().
TOOL_TEST_OBJ   = $(filter-out $(call obj,plugin/tool/main.c),$(TOOL_OBJ))

all: $(BUILD)/libdynacomm.so $(BUILD)/libdynacomm.a $(BUILD)/dynacomm $(BUILD)/darknet $(BUILD)/delaybox

$(BUILD)/obj/plugin/%.c.o: plugin/%.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -Iplugin $(call pkg_cflags,$(PKGS)) -c $< -o $@

# The page that dynacomm server --http serves: one file, inside the program.
PAGE := $(BUILD)/obj/plugin/tool/page.html
$(PAGE): $(addprefix plugin/tool/page.,html css js)
	@mkdir -p $(@D)
	$(Q)sed -e '/@STYLE@/{r plugin/tool/page.css' -e 'd}' -e '/@SCRIPT@/{r plugin/tool/page.js' -e 'd}' $< > $@
$(BUILD)/obj/plugin/tool/page.c.o: $(PAGE)
$(BUILD)/obj/plugin/tool/page.c.o: ALL_CFLAGS += -DDC_PAGE='"$(PAGE)"'

$(BUILD)/obj/darknet/kernels/%.c.o: darknet/kernels/%.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -O3 -fopenmp $(KERNEL_CFLAGS) $(DARKNET_CFLAGS) -c $< -o $@

$(BUILD)/obj/darknet/kernels/%.cpp.o: darknet/kernels/%.cpp Makefile
	$(call say,CXX,$<)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(ALL_CXXFLAGS) -O3 -fopenmp $(KERNEL_CFLAGS) $(DARKNET_CFLAGS) $(call pkg_cflags,opencv4) -c $< -o $@

$(BUILD)/obj/darknet/%.c.o: darknet/%.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(DARKNET_CFLAGS) -DDARKNET_DIR='"$(DARKNET_DIR)"' -c $< -o $@

$(BUILD)/obj/darknet/%.cpp.o: darknet/%.cpp Makefile
	$(call say,CXX,$<)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(ALL_CXXFLAGS) $(DARKNET_CFLAGS) $(call pkg_cflags,opencv4) -c $< -o $@

$(BUILD)/obj/tests/%.c.o: tests/%.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -fopenmp $(DARKNET_CFLAGS) -Iplugin -Itests $(call pkg_cflags,$(PKGS) cmocka) -c $< -o $@

$(BUILD)/obj/scripts/%.c.o: scripts/%.c Makefile
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

$(BUILD)/libdynacomm.a: $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/libdynacomm.so: $(LIB_OBJ) plugin/libdynacomm.map
	$(call say,LD,$@)
	$(Q)$(CC) -shared $(ALL_LDFLAGS) -Wl,-soname,libdynacomm.so.0 -Wl,--version-script=plugin/libdynacomm.map \
	    -o $@ $(LIB_OBJ) $(LIB_LIBS)

$(BUILD)/dynacomm: $(TOOL_OBJ) $(BUILD)/libdynacomm.a
	$(call say,LD,$@)
	$(Q)$(CC) -pie $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS) $(TOOL_LIBS)

# Our kernels stand before libdarknet in the link, and the executable before every library at run time: the packaged
# library's own calls reach them through the PLT.
$(BUILD)/darknet: $(DARKNET_OBJ) $(KERNEL_OBJ) $(BUILD)/libdynacomm.a
	$(call say,LD,$@)
	$(Q)$(CXX) -pie $(ALL_LDFLAGS) -o $@ $^ $(DARKNET_LIBS) $(KERNEL_LIBS) $(OPENCV_LIBS) $(LIB_LIBS)

# The network lab's wire with a delay (scripts/netlab).
$(BUILD)/delaybox: $(call obj,$(BOX_SRC))
	$(call say,LD,$@)
	$(Q)$(CC) -pie $(ALL_LDFLAGS) -o $@ $^

TEST_BIN := $(UNIT_BIN) $(NUM_BIN) $(FUZZ_BIN) $(EXACT_BIN) $(FORKS_BIN) $(BENCH_BIN) $(LIAR_BIN) $(CROWD_BIN) $(SIM_BIN) $(BUILD)/kernels-bench
$(TEST_BIN): ALL_LDFLAGS += $(TEST_LD)

$(UNIT_BIN): $(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.c.o $(TOOL_TEST_OBJ) $(BUILD)/libdynacomm.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -pie $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS) $(TOOL_LIBS) $(call pkg_libs,cmocka)

# Delays where threads wake each other.
$(BUILD)/tests/test_stress: ALL_LDFLAGS += -Wl,--wrap=dc__message_alloc,--wrap=pthread_cond_signal,--wrap=pthread_cond_broadcast

# What a listener's processor has.
$(BUILD)/tests/test_cipher_choice: ALL_LDFLAGS += -Wl,--wrap=dc__cipher_best

# Whose the other end of a unix socket is.
$(BUILD)/tests/test_shared_keys: ALL_LDFLAGS += -Wl,--wrap=dc__shared_same_user

$(NUM_BIN): $(BUILD)/tests/%: $(BUILD)/obj/tests/numeric/%.c.o $(FRONT_OBJ) $(KERNEL_OBJ) $(BUILD)/libdynacomm.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) -pie $(ALL_LDFLAGS) -o $@ $^ $(DARKNET_LIBS) $(KERNEL_LIBS) $(OPENCV_LIBS) $(LIB_LIBS) $(call pkg_libs,cmocka)

# One program that the tests/integration/exact_*.sh drive.
$(EXACT_BIN): $(call obj,$(EXACT_SRC)) $(FRONT_OBJ) $(KERNEL_OBJ) $(BUILD)/libdynacomm.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) -pie $(ALL_LDFLAGS) -o $@ $^ $(DARKNET_LIBS) $(KERNEL_LIBS) $(OPENCV_LIBS) $(LIB_LIBS)

# What a network computes, as numbers (tests/integration/forks_vectors.sh compares them with a fork's).
$(FORKS_BIN): $(call obj,$(FORKS_SRC)) $(FRONT_OBJ) $(KERNEL_OBJ) $(BUILD)/libdynacomm.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) -pie $(ALL_LDFLAGS) -o $@ $^ $(DARKNET_LIBS) $(KERNEL_LIBS) $(OPENCV_LIBS) $(LIB_LIBS)

# The whole program; what a worker says about its gradients passes through the liar.
$(LIAR_BIN): $(call obj,tests/process/liar.c) $(DARKNET_OBJ) $(KERNEL_OBJ) $(BUILD)/libdynacomm.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) -pie $(ALL_LDFLAGS) -Wl,--wrap=dc_worker_join,--wrap=dc_worker_subdivision,--wrap=dc_worker_backward_end,--wrap=dc__link_send \
	    -o $@ $^ $(DARKNET_LIBS) $(KERNEL_LIBS) $(OPENCV_LIBS) $(LIB_LIBS)

$(CROWD_BIN): $(BUILD)/obj/tests/process/crowd.c.o $(BUILD)/libdynacomm.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -pie $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

# What blocks a thread, tells the time or reaches the network is the simulation's: the library is the one that ships.
$(SIM_BIN): $(call obj,$(SIM_SRC)) $(BUILD)/libdynacomm.a tests/sim/wraps.opt
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -pie $(ALL_LDFLAGS) @tests/sim/wraps.opt -o $@ $(filter-out %.opt,$^) $(LIB_LIBS)

$(filter-out $(FUZZ_FRONT) $(FUZZ_TOOL),$(FUZZ_BIN)): $(BUILD)/tests/%: $(BUILD)/obj/tests/fuzz/%.c.o $(BUILD)/libdynacomm.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -pie $(ALL_LDFLAGS) $(FUZZ_LINK) -o $@ $^ $(LIB_LIBS)

$(FUZZ_TOOL): $(BUILD)/tests/%: $(BUILD)/obj/tests/fuzz/%.c.o $(TOOL_TEST_OBJ) $(BUILD)/libdynacomm.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -pie $(ALL_LDFLAGS) $(FUZZ_LINK) -Wl,--wrap=MHD_start_daemon -o $@ $^ $(LIB_LIBS) $(TOOL_LIBS)

# An input that would end the program ends there (tests/fuzz/fuzz_dies.h).
FUZZ_WRAP   := dk_die dk_note dk_chatter_hold dk_chatter_release dk_chatter_drop fopen fclose
$(FUZZ_FRONT): $(BUILD)/tests/%: $(BUILD)/obj/tests/fuzz/%.c.o $(FRONT_OBJ) $(KERNEL_OBJ) $(BUILD)/libdynacomm.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CXX) -pie $(ALL_LDFLAGS) $(FUZZ_LINK) $(FUZZ_WRAP:%=-Wl,--wrap=%) -o $@ $^ $(DARKNET_LIBS) $(KERNEL_LIBS) $(OPENCV_LIBS) $(LIB_LIBS)

$(BENCH_BIN): $(BUILD)/tests/%: $(BUILD)/obj/tests/bench/%.c.o $(BUILD)/libdynacomm.a
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -pie $(ALL_LDFLAGS) -o $@ $^ $(LIB_LIBS)

$(BUILD)/kernels-bench: $(BUILD)/obj/tests/bench/kernels_bench.c.o $(KERNEL_OBJ) $(call obj,darknet/replace/random.c)
	$(call say,LD,$@)
	$(Q)$(CC) -pie $(ALL_LDFLAGS) -o $@ $^ $(DARKNET_LIBS) $(KERNEL_LIBS) $(OPENCV_LIBS) -lm

tests: all $(TEST_BIN)

check: tests
	$(Q)scripts/run-tests $(BUILD)

# Seconds per training step and inference against the packaged library and PyTorch: about an hour. See the script.
bench-kernels: $(BUILD)/kernels-bench
	$(Q)scripts/bench-kernels

# Strategies on emulated edge networks (scripts/bench, scripts/bench-change): under 90 minutes; a few cells in under 4; and
# against PyTorch's DistributedDataParallel. They need what scripts/deps bench installs.
bench: all
	$(Q)scripts/bench
	$(Q)scripts/bench-change

bench-quick: all
	$(Q)scripts/bench --quick

bench-ddp: all
	$(Q)scripts/bench-ddp

# Seconds per training step and inference against the forks' programs: FORK_A=path FORK_B=path FORKS_CFG=dir.
bench-forks: all
	$(Q)scripts/bench-forks

# Accuracy against bytes, codec by codec: three seeds of a thousand rounds each take half an hour.
bench-codecs: all
	$(Q)scripts/bench-codecs

# Seconds of a real training to an accuracy, codec by codec, on links of 5 to 1000 Mbit/s up: half an hour.
bench-goal: all
	$(Q)scripts/bench-goal --goal 82

# How many GB/s the server takes in and gives out: under a minute.
bench-server: all $(BUILD)/tests/bench_gate
	$(Q)scripts/bench-server

# Rounds with one server and with several shards whose links are no wider than a worker's: a minute.
bench-shards: all
	$(Q)scripts/bench-shards

# Rounds of one server, shards, a mesh and relays in some thirty cells, beside their predictions: half an hour; and what the plan says of
# 10 to 10,000 workers: seconds.
bench-topologies: all
	$(Q)scripts/bench-topologies

bench-scale: all
	$(Q)scripts/bench-scale

# Rounds of a site behind one thin link, with a relay and without: five minutes.
bench-relay: all
	$(Q)scripts/bench-relay

# Rounds of workers that may be ahead of the slowest, without and with computation that takes longer now and then: six minutes.
bench-staleness: all
	$(Q)scripts/bench-staleness

# What the plan says of each codec on four links, beside the rounds in the network lab: ten minutes.
bench-choices: all
	$(Q)scripts/bench-choices

# What single faults cost a run, in the network lab: a quarter of an hour, most of it waiting.
bench-faults: all
	$(Q)scripts/bench-faults

# Random delays at every hand-over under the thread sanitizer: STRESS_ROUNDS= and STRESS_SEED= say how many and which.
stress:
	$(Q)$(MAKE) SANITIZER=thread build-thread/tests/test_stress
	$(Q)STRESS_ROUNDS=$${STRESS_ROUNDS:-5000} build-thread/tests/test_stress

# Eight workers and their server in the network lab, killed, stopped and cut off for half an hour: hangs, goodput, accuracy, replay. And a
# thousand kills of workers and two hundred of the server, in half an hour. See the scripts; CHURN= are their options.
churn: all
	$(Q)BUILD=$(BUILD) scripts/churn $(CHURN)

churn-long: all
	$(Q)BUILD=$(BUILD) scripts/churn-long $(CHURN)

# Five minutes of that on this machine, of a run with keys, with members that come, go and lie, and crowds that nobody invited.
churn-keys: all $(LIAR_BIN) $(CROWD_BIN)
	$(Q)CHURN_S=$${CHURN_S:-300} BUILD=$(BUILD) tests/integration/keys_churn.sh

# Seeded schedules of server and workers in one process: SEEDS=FIRST-LAST says which, JOBS= how many at a time.
simulate: $(SIM_BIN)
	$(Q)$(SIM_BIN) --jobs $${JOBS:-$$(nproc)} $${SEEDS:-1-10000}

# Every tests/fuzz/fuzz_*.c with libFuzzer under the address and undefined sanitizers, FUZZ_S seconds each, from the inputs in
# tests/fuzz/corpus: needs clang and libclang-rt-14-dev (scripts/deps fuzz).
# FUZZ_TOTAL= and others: see scripts/fuzz.
FUZZ_S     ?= 60
FUZZ_CLANG ?= clang
FUZZ_CLANGXX ?= clang++
fuzz:
	$(Q)$(MAKE) SANITIZER=address,undefined BUILD=build-fuzz CC='$(FUZZ_CLANG)' CXX='$(FUZZ_CLANGXX)' WARN= FUZZ_LINK=-fsanitize=fuzzer \
	    KERNEL_CFLAGS=-DDK_NO_DNNL KERNEL_LIBS=-fopenmp \
	    CFLAGS='-O1 -g -fsanitize=fuzzer-no-link -fno-sanitize-recover=all -DFUZZ_LIBFUZZER -DLIBFUZZER' \
	    $(patsubst tests/fuzz/%.c,build-fuzz/tests/%,$(FUZZ_SRC))
	$(Q)scripts/fuzz build-fuzz $(FUZZ_S)

# Every packaged cfg (EXACT_CFGS=DIRECTORY: every cfg there, such as a fork's) with every strategy, one worker and two:
# minutes to hours. `make check` takes a part of it.
exact-all: tests
	$(Q)EXACT_ALL=1 BUILD=$(BUILD) tests/integration/exact_packaged.sh
	$(Q)EXACT_ALL=1 EXACT_WORKERS=2 BUILD=$(BUILD) tests/integration/exact_packaged.sh

# Each cfg of the forks as its users call it: trains, validates and detects, or ends with its line. FORKS_CFG=dir; an hour.
forks-cfgs: all
	$(Q)FORKS_ALL=1 BUILD=$(BUILD) tests/integration/forks_cfgs.sh

# Every network of the forks' that was measured (FORKS_CFG: the directory of their cfgs): minutes. `make check` takes the small ones.
forks-vectors: tests
	$(Q)FORKS_ALL=1 BUILD=$(BUILD) bash tests/integration/forks_vectors.sh

# Every cfg in FORKS_CFG=DIRECTORY, the darknet forks', with every strategy by one worker: those that are refused say why.
exact-forks: tests
	$(Q)test -d '$(FORKS_CFG)' || { echo 'exact-forks: give FORKS_CFG=DIRECTORY, the cfg directory of a darknet fork' >&2; exit 1; }
	$(Q)EXACT_CFGS='$(FORKS_CFG)' BUILD=$(BUILD) tests/integration/exact_packaged.sh

# The README's pictures, from the last full run of scripts/demo-yolo.
demo-pictures:
	$(Q)test -e build/demo-yolo/report.html || { echo 'demo-pictures: run scripts/demo-yolo first' >&2; exit 1; }
	$(Q)install -D -m 644 build/demo-yolo/pages/frames.jpg docs/edge-yolo-before-after.jpg
	$(Q)install -D -m 644 build/demo-yolo/curve.png docs/edge-yolo-map.png

format:
	$(Q)clang-format -i $(shell git ls-files '*.c' '*.h' '*.cpp')

lint:
	$(Q)git ls-files '*.c' '*.h' '*.cpp' | xargs -n 50 -P $$(nproc) clang-format --dry-run -Werror && echo 'format: clean'
	$(Q)cppcheck -q -j$$(nproc) --std=c11 --error-exitcode=1 --inline-suppr --enable=warning,portability -Iplugin -Iplugin/include -Idarknet \
	    --suppress=missingIncludeSystem plugin darknet && echo 'cppcheck: clean'
	$(Q)scripts/check-rooms

# The packaged program runs the commands that ours passes on: ours must not take its place.
PACKAGED_PROGRAM ?= /usr/bin/darknet
install: all
	$(Q)if [ -e '$(PACKAGED_PROGRAM)' ] && [ '$(DESTDIR)$(PREFIX)/bin/darknet' -ef '$(PACKAGED_PROGRAM)' ]; then \
	    echo 'install: $(DESTDIR)$(PREFIX)/bin/darknet is the packaged program, to which ours passes commands on:' \
	        'take another PREFIX, such as /usr/local' >&2; exit 1; fi
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include
	install -m 755 $(BUILD)/dynacomm $(BUILD)/darknet $(DESTDIR)$(PREFIX)/bin
	install -m 644 plugin/include/*.h $(DESTDIR)$(PREFIX)/include
	install -m 644 $(BUILD)/libdynacomm.a $(DESTDIR)$(PREFIX)/lib
	install -m 755 $(BUILD)/libdynacomm.so $(DESTDIR)$(PREFIX)/lib/libdynacomm.so.0
	ln -sf libdynacomm.so.0 $(DESTDIR)$(PREFIX)/lib/libdynacomm.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' plugin/dynacomm.pc.in \
	    > $(DESTDIR)$(PREFIX)/lib/pkgconfig/dynacomm.pc

clean:
	rm -rf build build-*

.PHONY: all bench bench-choices bench-codecs bench-ddp bench-faults bench-forks bench-goal bench-kernels bench-quick bench-relay bench-scale bench-server bench-shards bench-staleness bench-topologies check churn churn-keys churn-long clean demo-pictures exact-all exact-forks forks-cfgs forks-vectors format fuzz install lint simulate stress tests
.SECONDARY:
-include $(shell find $(BUILD)/obj -type f -name '*.d' 2>/dev/null)
