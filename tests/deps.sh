#!/bin/sh
# The Debian packages that duet needs.  `ensure`: install what is missing, or say what to install;
# `install`: the same, asked for by hand; `peer`, `slurm`: what `make bench-peer` and `make check-slurm`
# need on top;
# `ensure-developer`, `install-developer`: and what `make fuzz`, `make lint`, `make check-sanitize`
# and `make check-valgrind` need.
set -eu

packages="gcc make pkg-config libc6-dev libgsl-dev libhdf5-dev liblapacke-dev libopenblas-pthread-dev
libxsmm-dev librandom123-dev libfyaml-dev zlib1g-dev libcmocka-dev libfaketime gnuplot-nox fonts-dejavu-core"
what=${1:-ensure}
case $what in
peer) packages="python3 python3-torch" ;;
slurm) packages="slurm-wlm munge" ;;
*-developer)
    packages="$packages clang libclang-rt-dev libomp-dev clang-tidy clang-format cppcheck valgrind"
    ;;
esac

missing=""
for package in $packages; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
if [ -z "$missing" ]; then
    case $what in install*) echo "all packages are installed" ;; esac
    exit 0
fi

as_root=""
if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        as_root="sudo -n"
    else
        as_root=none
    fi
fi
if ! command -v apt-get >/dev/null 2>&1 || [ "$as_root" = none ]; then
    echo "duet needs these Debian packages, and cannot install them without apt and root:" >&2
    echo " $missing" >&2
    echo "where they are installed in another way, use 'make' and build/duet directly" >&2
    exit 2
fi
echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Another apt at work, such as the daily upgrade of a new machine, is waited for: ten minutes at most.
tries=0
until { $as_root apt-get update -q && $as_root apt-get install -q -y --no-install-recommends $missing; } \
    >"$log" 2>&1; do
    if grep -q "Could not get lock\|Unable to lock\|is another process using it" "$log" && [ $tries -lt 300 ]; then
        [ $tries != 0 ] || echo "waiting for another apt to finish"
        tries=$((tries + 1))
        sleep 2
        continue
    fi
    tail -n 15 "$log" >&2
    echo "apt could not install the Debian packages that duet needs:$missing" >&2
    exit 2
done
