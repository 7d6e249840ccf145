#!/bin/sh
# The planted faults of `make mutants` fit the sources: each is found in its file exactly once.
set -u
if perl tests/mutants/run.pl --check "${BUILD:-build}"; then
    echo "ok planted_faults_fit_the_sources"
else
    echo "FAIL planted_faults_fit_the_sources"
    exit 1
fi
