# A thin front to Meson and ninja. Everything is set up on the way: packages by tools/setup, models
# by models/fetch.py.
#
#   make                         build into build/; the command is build/mayfly
#   make run                     the main job on a real photograph
#   make test [SANITIZE=…]       the tests; SANITIZE=address,undefined or SANITIZE=thread
#   make stress                  threads and memory of guests under stress, for a minute each
#   make test-faults [TIME=…]    calls that fail, one by one; then processes that are killed
#   make test-hardware           the monitor on an emulated processor with SVM
#   make bench                   the benchmarks
#   make bench-check             the benchmarks again: did a ratio get worse than the kept one?
#   make install [PREFIX=…] [DESTDIR=…]
#   make lint | make format      check or mend the form of the sources
#   make fuzz FUZZ=name|all [TIME=seconds]
#   make clean

BUILD    ?= build
PREFIX   ?= /usr/local
SANITIZE ?=
TIME     ?= 30
MESON    := meson
comma    := ,

# A build with sanitizers has a directory of its own: build-address-undefined, build-thread.
TEST_BUILD := $(BUILD)$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
SANITIZE_OPTIONS := $(if $(SANITIZE),-Db_sanitize=$(SANITIZE) -Db_lundef=false)

# Sanitizers make programs slow: their tests get more time.
TEST_OPTIONS := --print-errorlogs $(if $(SANITIZE),--timeout-multiplier 4)

export ASAN_OPTIONS  ?= detect_stack_use_after_return=1:strict_string_checks=1
export UBSAN_OPTIONS ?= print_stacktrace=1:halt_on_error=1
# A guest process is started by vfork(2), which ThreadSanitizer takes for a fork of this process: it
# would end tests that start a thread afterwards.
export TSAN_OPTIONS  ?= halt_on_error=1:die_after_fork=0:suppressions=$(CURDIR)/tests/thread-sanitizer.txt

SOURCES = git ls-files '*.c' '*.h'

.PHONY: all run test stress test-faults test-hardware bench bench-check install clean format lint fuzz models setup

all: setup $(BUILD)/build.ninja
	ninja -C $(BUILD)

setup:
	tools/setup build

models:
	tools/setup models

$(BUILD)/build.ninja: | setup
	$(MESON) setup --prefix=$(PREFIX) $(BUILD)

run: all models
	tools/demo $(BUILD)

# In a recipe and not as a prerequisite: the directory depends on SANITIZE.
test: setup models
	tools/setup test
	test -e $(TEST_BUILD)/build.ninja || $(MESON) setup $(SANITIZE_OPTIONS) $(TEST_BUILD)
	ninja -C $(TEST_BUILD)
	$(MESON) test -C $(TEST_BUILD) --no-rebuild $(TEST_OPTIONS)

stress: all
	$(MESON) test -C $(BUILD) --benchmark --verbose stress-kvm stress-process

test-hardware: all
	tools/setup hardware
	tests/hardware/run $(BUILD)

test-faults: all models
	for isolation in kvm process; do \
	    tests/faults/test_failing_calls.py $(BUILD)/mayfly \
	        $(BUILD)/tests/faults/libfailing_calls.so $$isolation || exit 1; \
	done
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

format:
	tools/setup lint
	$(SOURCES) | xargs clang-format -i

lint:
	tools/setup build lint
	tools/lint

fuzz:
	tools/setup build fuzz
	tools/fuzz "$(FUZZ)" "$(TIME)"

clean:
	rm -rf $(BUILD) $(BUILD)-*
