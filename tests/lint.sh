#!/bin/sh
# lint.sh FLAGS...: cppcheck, clang-tidy (.clang-tidy) and clang-format (.clang-format) on all sources;
# FLAGS are the compiler's.  Ends with code 1 if one of them reports something.
set -u
jobs=$(nproc)
floors="core store hltm sim analysis theorems harness paper_figs cli"
failed=0

say() {
    if [ "$2" = 0 ]; then echo "ok $1"; else echo "FAIL $1"; failed=1; fi
}

clang-format --dry-run --Werror $(find $floors tests bench -name '*.[ch]')
say clang-format $?

# Off, and why:
#   invalidPointerCast: settings are filled through a table of offsets
#   funcArgOrderDifferent: goes by names alone
#   nullPointerArithmeticRedundantCheck, arrayIndexThenCheck, arrayIndexOutOfBoundsCond, invalidFunctionArg:
#     suspect values that are checked one line later, or never come true
#   uninitvar, legacyUninitvar, ctunullpointer, autoVariables: do not follow a status to the values it
#     vouches for; clang-tidy and the sanitizers do
cppcheck --quiet --std=c11 --language=c --enable=warning,performance,portability --error-exitcode=1 \
    -j "$jobs" --inline-suppr -D_GNU_SOURCE -I. --suppress=missingIncludeSystem \
    --suppress=invalidPointerCast --suppress=funcArgOrderDifferent \
    --suppress=nullPointerArithmeticRedundantCheck --suppress=arrayIndexThenCheck \
    --suppress=arrayIndexOutOfBoundsCond --suppress=invalidFunctionArg --suppress=uninitvar \
    --suppress=legacyUninitvar --suppress=ctunullpointer --suppress=autoVariables $floors bench
say cppcheck $?

export LINT_FLAGS="$* -DDUET_VERSION=\"lint\" -DDUET_COMMIT=\"lint\""
find $floors -name '*.c' | sort | xargs -P "$jobs" -n 1 sh -c '
    [ "$1" = core/error.c ] || LINT_FLAGS="-include tests/lint.h $LINT_FLAGS"
    clang-tidy --quiet "$1" -- $LINT_FLAGS 2>/dev/null' sh
say clang-tidy $?
exit $failed
