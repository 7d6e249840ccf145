#!/bin/sh
# valgrind.sh DUET: short runs of every reading and writing command under valgrind.  Ends with code 1
# at an error or a definite leak that tests/valgrind.supp does not know.
set -u
duet=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
export OPENBLAS_NUM_THREADS=1

check() {
    name=$1
    shift
    valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite \
        --show-leak-kinds=definite --suppressions=tests/valgrind.supp "$duet" "$@" \
        >"$dir/out" 2>"$dir/err"
    if [ $? = 0 ]; then
        echo "ok $name"
    else
        echo "FAIL $name"
        tail -n 40 "$dir/err"
        failed=1
    fi
}

small="train.epochs=1 train.samples=256 train.batch=64 measure.samples=256"
check "run of a tree" run -q -t 1 data.depth=2 network.width=3 $small -o "$dir/tree.h5"
check "run of an mlp, two threads" run -q -t 2 data.depth=3 network.kind=mlp network.layers='[4, 2]' \
    objective.name=ntxent optimiser.name=adam $small -o "$dir/mlp.h5"
check "run of a flow" run -q -t 1 specs/byol-flow.yaml train.end=1 train.points=2 -o "$dir/flow.h5"
check info info "$dir/tree.h5"
check export export "$dir/tree.h5" series/best_correlation
check "crosscheck of a tree" crosscheck tests/reference/tree_shallow.h5
check list list objectives
exit $failed
