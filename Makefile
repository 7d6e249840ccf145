# duet
#
#   make          build/duet and build/libduet.a
#   make demo     the main job: install missing packages, build, train, draw, verify --quick
#   make check    all tests (the same set-up first);  make check-slurm: a sweep on a real Slurm
#   make verify   all claims of the theory (make expected: write what they are expected to say)
#   make check-slow: over several seeds, with many kill -9
#   make bench    speed, as ratios measured in one run;  make bench-peer: against PyTorch too
#   make figures  all figures
#   make mutants  plant faults, one at a time, and see whether a test notices each
#   make numbers  the numbers of docs/, measured again (hours)
#   make fuzz, check-sanitize, check-valgrind, lint: search for bugs (make deps-developer first)
#   make deps     install the Debian packages that duet needs
#   make install  PREFIX=/usr/local
#
# Variables: ARCH=native (any -march= value), BUILD=build, PREFIX, CC, CFLAGS, SEEDS, KILLS, POINTS
# and RUN_KILLS (of check-slow), MUTANTS (words of the faults to plant), FUZZ_SECONDS (of each
# target), V=1 (show commands).

BUILD ?= build
PREFIX ?= /usr/local
ARCH ?= native
CFLAGS ?= -O3 -g
CC := $(if $(filter default,$(origin CC)),gcc,$(CC))
WARNINGS = -Wall -Wextra -Wshadow -Wconversion

VERSION := 0.1.0
COMMIT := $(shell git describe --always --dirty --abbrev=12 --exclude '*' 2>/dev/null || echo unknown)

# gsl's own CBLAS must not come before OpenBLAS: link libgsl without it.
PACKAGES = gsl hdf5 lapacke openblas libxsmm libfyaml zlib
COMPILE = $(CC) -std=c17 -D_GNU_SOURCE -I. $(shell pkg-config --cflags $(PACKAGES)) \
	-march=$(ARCH) -fopenmp -ffp-contract=fast -fno-math-errno $(WARNINGS) $(CFLAGS)
LIBS = $(shell pkg-config --libs-only-L hdf5 openblas) -lhdf5_hl -lhdf5 -lgsl -llapacke -lxsmm \
	-lopenblas -lfyaml -lz -lpthread -ldl -lm

# `make V=1` shows the commands.
ifneq ($(V),1)
Q_COMPILE = @echo "  compile  $<";
Q_LINK = @echo "  link     $@";
endif

FLOORS = core store hltm sim analysis theorems harness paper_figs cli
SOURCES := $(sort $(shell find $(FLOORS) -name '*.c'))
MAIN := $(BUILD)/cli/main.o $(BUILD)/cli/start.o
OBJECTS := $(filter-out $(MAIN),$(SOURCES:%.c=$(BUILD)/%.o))
LIBRARY := $(BUILD)/libduet.a
PROGRAM := $(BUILD)/duet
FUZZERS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
TESTS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/*/test_*.c)))
FUZZ_KIT := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/fuzz/kit/*.c)))
KIT := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/kit/*.c)))

.PHONY: all demo check check-slurm verify expected check-slow bench bench-peer figures numbers deps install clean format \
	deps-developer mutants fuzz fuzzers check-sanitize check-valgrind lint tests
all: $(PROGRAM)

$(PROGRAM): $(MAIN) $(LIBRARY)
	$(Q_LINK)$(COMPILE) -o $@ $^ $(LIBS)

$(LIBRARY): $(OBJECTS)
	@rm -f $@
	$(Q_LINK)ar rcs $@ $^

# Objects that contain the version are rebuilt when it changes.
VERSIONED = $(addprefix $(BUILD)/,core/build.o harness/verify/report.o \
	paper_figs/figure.o cli/main.o)
$(VERSIONED): DEFINES = -DDUET_VERSION='"$(VERSION)"' -DDUET_COMMIT='"$(COMMIT)"'
$(VERSIONED): $(BUILD)/version

$(BUILD)/version: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION) $(COMMIT)' | cmp -s - $@ || echo '$(VERSION) $(COMMIT)' > $@
.PHONY: FORCE

# All objects are rebuilt when the compiler or its flags change.
FLAGS = $(subst ','\'',$(COMPILE) $(LIBS))
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(FLAGS)' | cmp -s - $@ || printf '%s\n' '$(FLAGS)' > $@

$(BUILD)/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(Q_COMPILE)$(COMPILE) $(DEFINES) -MMD -MP -c -o $@ $<

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(BUILD)/tests/kit.a $(LIBRARY)
	$(Q_LINK)$(COMPILE) -o $@ $^ $(LIBS) -lcmocka

$(BUILD)/tests/kit.a: $(KIT)
	@rm -f $@
	$(Q_LINK)ar rcs $@ $^

$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(BUILD)/tests/fuzz/kit.a $(LIBRARY)
	$(Q_LINK)$(COMPILE) -fsanitize=fuzzer -o $@ $^ $(LIBS)

$(BUILD)/tests/fuzz/kit.a: $(FUZZ_KIT)
	@rm -f $@
	$(Q_LINK)ar rcs $@ $^

$(BUILD)/bench/%: $(BUILD)/bench/%.o $(LIBRARY)
	$(Q_LINK)$(COMPILE) -o $@ $^ $(LIBS)

-include $(SOURCES:%.c=$(BUILD)/%.d) $(patsubst %,%.d,$(TESTS)) $(KIT:.o=.d) $(BUILD)/bench/bench.d \
	$(patsubst %,%.d,$(FUZZERS)) $(FUZZ_KIT:.o=.d)
.SECONDARY:

# ---- set-up ----

deps:
	@sh tests/deps.sh install

# Called first by demo and check, as a separate make: a fresh machine has no pkg-config yet.
.PHONY: ready
ready:
	@sh tests/deps.sh ensure

# ---- the jobs ----

demo: ready
	$(MAKE) all
	$(PROGRAM) figure learning
	$(PROGRAM) verify --quick

check: ready
	$(MAKE) all $(TESTS)
	@sh tests/run.sh $(BUILD)

# Installs Slurm and starts it only for the test; says so where it cannot.
check-slurm: ready
	$(MAKE) all
	@sh tests/run.sh $(BUILD) tests/slurm.sh

verify: ready
	$(MAKE) all
	$(PROGRAM) verify --expect theorems/expected.tsv

# Verdicts, effects and thresholds as they are now.  Commit a change with its reason.
expected: ready
	$(MAKE) all
	$(PROGRAM) verify --quick --write-expected theorems/expected-quick.tsv
	$(PROGRAM) verify --report docs/theorems.md --write-expected theorems/expected.tsv

SEEDS ?= 1 2 3 4 5
KILLS ?= 1000
POINTS ?= 1000
RUN_KILLS ?= 200
check-slow: ready
	$(MAKE) all
	for seed in $(SEEDS); do $(PROGRAM) verify --seed $$seed \
		$$([ $$seed = 1 ] && echo --expect theorems/expected.tsv) || exit 1; done
	@KILLS=$(KILLS) POINTS=$(POINTS) sh tests/run.sh $(BUILD) tests/faults/kills.sh
	@KILLS=$(RUN_KILLS) sh tests/run.sh $(BUILD) tests/faults/run_kills.sh
	$(MAKE) mutants

bench: ready
	$(MAKE) $(BUILD)/bench/bench all
	@sh bench/run.sh $(BUILD)

bench-peer: ready
	@sh tests/deps.sh peer
	$(MAKE) $(BUILD)/bench/bench all
	@sh bench/run.sh $(BUILD) peer

figures: ready
	$(MAKE) all
	$(PROGRAM) figure all
	@sh docs/numbers/measure.sh $(PROGRAM) sc_levels # done, so that its table is copied
	@sh tests/cli/numbers.sh --refresh

# NUMBERS: some of the tables, such as ncp-13
numbers: ready
	$(MAKE) all
	@sh docs/numbers/measure.sh $(PROGRAM) $(NUMBERS)
	@sh tests/cli/numbers.sh --refresh

# ---- search for bugs ----

# Faults whose file or description has one of the words in MUTANTS; by default all.
mutants: ready
	@perl tests/mutants/run.pl $(BUILD) $(MUTANTS)

deps-developer:
	@sh tests/deps.sh install-developer

SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ_SECONDS ?= 60
FUZZ_MAKE = $(MAKE) BUILD=$(BUILD)/fuzz CC=clang \
	CFLAGS='-O1 -g $(SANITIZE) -fsanitize=fuzzer-no-link -Wno-pass-failed'

fuzz:
	@sh tests/deps.sh ensure-developer
	$(FUZZ_MAKE) fuzzers
	@sh tests/fuzz/run.sh $(BUILD)/fuzz $(FUZZ_SECONDS)

fuzzers: $(FUZZERS)

# Not run under the sanitizers: tests that work for long in code that other tests cover, and tests
# that preload a clock, limit an address space, or crash on purpose.
SANITIZE_NOT = $(addprefix %/,test_agreement test_planted figures.sh clock.sh workers.sh machine.sh)
SANITIZE_TESTS = $(filter-out $(SANITIZE_NOT),$(TESTS:$(BUILD)/%=$(BUILD)/sanitize/%))
SANITIZE_SCRIPTS = $(filter-out $(SANITIZE_NOT),$(wildcard tests/cli/*.sh tests/faults/*.sh))

check-sanitize:
	@sh tests/deps.sh ensure-developer
	$(MAKE) BUILD=$(BUILD)/sanitize CFLAGS='-O1 -g $(SANITIZE)' all $(SANITIZE_TESTS)
	@ASAN_OPTIONS=allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
		sh tests/run.sh $(BUILD)/sanitize $(SANITIZE_TESTS) $(SANITIZE_SCRIPTS)

# valgrind does not support AVX-512.
check-valgrind:
	@sh tests/deps.sh ensure-developer
	$(MAKE) BUILD=$(BUILD)/valgrind ARCH=x86-64-v3 CFLAGS='-O2 -g' all
	@sh tests/valgrind.sh $(BUILD)/valgrind/duet

# Both compilers without warnings, then the static checkers.
lint:
	@sh tests/deps.sh ensure-developer
	$(MAKE) BUILD=$(BUILD)/gcc CC=gcc CFLAGS='-O3 -g -Werror' all tests
	$(MAKE) BUILD=$(BUILD)/clang CC=clang CFLAGS='-O3 -g -Werror -Wmissing-variable-declarations' \
		all tests fuzzers
	@sh tests/lint.sh $(filter-out $(WARNINGS) $(CFLAGS),$(wordlist 2,99,$(COMPILE)))

tests: $(TESTS)

# The folders may have names with spaces and quotes.
install: all
	@to='$(subst ','\'',$(DESTDIR)$(PREFIX))'; \
	echo "  install  $$to"; \
	install -D -m 755 $(PROGRAM) "$$to/bin/duet" && \
	install -D -m 644 docs/duet.1 "$$to/share/man/man1/duet.1" || exit 1; \
	for f in plots/*.gp paper_figs/*/*.gp paper_figs/*/*.yaml specs/*.yaml; do \
		install -D -m 644 $$f "$$to/share/duet/$$f" || exit 1; done

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf $(BUILD)
