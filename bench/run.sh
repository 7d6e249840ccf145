#!/bin/sh
# `make bench` and `make bench-peer`: run from duet's folder.
set -eu
build=$1
"$build/bench/bench"
[ "${2:-}" = peer ] || { echo "against PyTorch: make bench-peer"; exit 0; }

# Both programs alternate, so that a change in the machine's speed affects both.
echo "peer: bench/peers/hltm_torch.py, float32, one thread"
rounds=""
for round in 1 2 3 4 5; do
    ours=$("$build/bench/bench" epoch 1)
    theirs=$(/usr/bin/python3 bench/peers/hltm_torch.py --threads 1 --epochs 2 | tail -n 1)
    echo "  round $round: duet $ours s, PyTorch $theirs s per epoch"
    rounds="$rounds $(awk "BEGIN { print $theirs / $ours }")"
done
echo "$rounds" | tr ' ' '\n' | grep . | sort -n |
    awk '{ r[NR] = $1 } END { printf "duet is %.1f times as fast (median; %.1f to %.1f)\n", r[int((NR + 1) / 2)], r[1], r[NR] }'
