# A thin front to Meson and ninja. Everything is set up on the way: packages by tools/setup, models
# by models/fetch.py.
#
#   make                         build into build/; the command is build/mayfly
#   make run [STAY=1]            the main job on a real photograph; STAY=1: its gateway stays
#   make test [SANITIZE=…]       the tests; SANITIZE=address,undefined or SANITIZE=thread
#   make stress                  threads and memory of guests under stress, for a minute each
#   make test-faults [TIME=…]    calls that fail, one by one; then processes that are killed
#   make soak [TIME=…]           a gateway under everything at once, while parts of it are killed
#   make test-runtimes           what people bring (Node, Java, torch, ...): the answers of the host?
#   make test-containers         podman, containerd and its CRI with Mayfly as their runtime
#   make test-hardware           the monitor on an emulated processor with SVM, and a guest with a vsock
#   make bench                   the benchmarks
#   make bench-check             the benchmarks again: did a ratio get worse than the kept one?
#   make install [PREFIX=…] [DESTDIR=…]
#   make uninstall               removes what was installed last
#   make lint | make format      check or mend the form of the sources
#   make fuzz FUZZ=name|all [TIME=seconds]
#   make bench-tenants           a client of the accelerator host beside hostile ones
#   make bench-containers        a container that says hello, by Mayfly, crun and runc in turns
#   make fuzz-operators [TIME=seconds]    models of single operators, sent by a client
#   make clean

BUILD    ?= build
PREFIX   ?= /usr/local
SANITIZE ?=
TIME     ?= 30
STAY     ?=
MESON    := meson
comma    := ,

# A build with sanitizers has a directory of its own: build-address-undefined, build-thread.
TEST_BUILD := $(BUILD)$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
SANITIZE_OPTIONS := $(if $(SANITIZE),-Db_sanitize=$(SANITIZE) -Db_lundef=false)

# A time-out is for what hangs, not for a machine that has other work. Sanitizers make programs slow:
# their tests get more time, and those in which they find nothing are left out: of Python and shell, and
# with ThreadSanitizer those of commands that have one thread.
TEST_OPTIONS := --print-errorlogs --timeout-multiplier $(if $(SANITIZE),6,3) \
	$(if $(SANITIZE),--no-suite python --no-suite tools --no-suite docs) \
	$(if $(filter thread,$(SANITIZE)),--no-suite oci --no-suite trust)

export ASAN_OPTIONS  ?= detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS ?= print_stacktrace=1:halt_on_error=1
# A guest process is started by vfork(2), which ThreadSanitizer takes for a fork of this process: it
# would end tests that start a thread afterwards.
export TSAN_OPTIONS  ?= halt_on_error=1:die_after_fork=0:suppressions=$(CURDIR)/tests/thread-sanitizer.txt

SOURCES = git ls-files '*.c' '*.h'

.PHONY: all bench-tenants bench-containers fuzz-operators run test stress soak test-faults test-runtimes test-gpu test-hardware test-containers bench bench-check install uninstall clean format lint fuzz models setup

all: setup $(BUILD)/build.ninja
	ninja -C $(BUILD)

setup:
	tools/setup build

models:
	tools/setup models

$(BUILD)/build.ninja: | setup
	$(MESON) setup --prefix=$(PREFIX) $(BUILD)

run: all models
	STAY=$(STAY) tools/demo $(BUILD)

# In a recipe and not as a prerequisite: the directory depends on SANITIZE.
test: setup models
	tools/setup test
	test -e $(TEST_BUILD)/build.ninja || $(MESON) setup $(SANITIZE_OPTIONS) $(TEST_BUILD)
	ninja -C $(TEST_BUILD)
	$(MESON) test -C $(TEST_BUILD) --no-rebuild $(TEST_OPTIONS)

stress: all
	$(MESON) test -C $(BUILD) --benchmark --verbose stress-kvm stress-process

# Says so where there is no GPU, or no ONNX Runtime with CUDA (MAYFLY_ONNXRUNTIME).
test-gpu: all models
	$(MESON) test -C $(BUILD) --suite gpu --verbose

test-hardware: all models
	tools/setup hardware
	tests/hardware/run $(BUILD)

# Status 77: it cannot be done here, and the line above said why.
test-containers: all
	tools/setup containers
	tests/containers/containers.py $(BUILD) || [ $$? = 77 ]

# What it installs is beside the cache. Rows that cannot be had here are left out, with the reason.
test-runtimes: all models
	tests/runtimes/runtimes.py $(BUILD)/mayfly --keep

soak: all models
	MAYFLY_LIBDIR=$(abspath $(BUILD)) tests/gateway/soak.py $(BUILD)/mayflyd \
	    $(BUILD)/tests/gateway/gateway_deeds --time=$(TIME)
	MAYFLY_LIBDIR=$(abspath $(BUILD)) tests/gateway/soak.py $(BUILD)/mayflyd \
	    $(BUILD)/tests/gateway/gateway_deeds --time=$(TIME) --crashes

test-faults: all models
	for isolation in kvm process; do \
	    tests/faults/test_failing_calls.py $(BUILD)/mayfly \
	        $(BUILD)/tests/faults/libfailing_calls.so $$isolation || exit 1; \
	done
	MAYFLY_LIBDIR=$(abspath $(BUILD)) tests/faults/test_failing_gateway.py $(BUILD)/mayflyd \
	    $(BUILD)/tests/gateway/gateway_deeds $(BUILD)/tests/faults/libfailing_calls.so
	tests/faults/fault_run.py $(BUILD)/mayfly --time=$(TIME)

bench: all models
	tools/setup bench
	bench/run $(BUILD)

bench-check: all models
	tools/setup bench
	bench/check $(BUILD)

# The prefix may have changed since the build directory was made.
install: all
	$(MESON) configure --prefix=$(PREFIX) $(BUILD)
	DESTDIR=$(DESTDIR) $(MESON) install -C $(BUILD) --quiet

# Meson knows the files of the last installation, wherever it went.
uninstall:
	ninja -C $(BUILD) uninstall

format:
	tools/setup lint
	$(SOURCES) | xargs clang-format -i

lint:
	tools/setup build lint
	tools/lint

fuzz:
	tools/setup build fuzz
	tools/fuzz "$(FUZZ)" "$(TIME)"

bench-tenants: all models
	tests/tenants/measure.py $(BUILD)

bench-containers: all
	tools/setup containers
	tests/containers/measure.py $(BUILD)

fuzz-operators: all models
	tests/operators/run $(BUILD) $(TIME)

clean:
	rm -rf $(BUILD) $(BUILD)-*
