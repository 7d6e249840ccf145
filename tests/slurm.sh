#!/bin/sh
# A sweep on a real Slurm, which is installed and started for this test on this one machine, as the user
# who runs it: one task is killed, then the node fails, the same command submits what is left, and
# the bytes equal a local sweep's; and a point that takes longer than its job may goes on until it
# is done, where Slurm requeues and where it does not.  Takes some five minutes.  Where Slurm cannot be started the test says that it was skipped.
set -u
duet=$(realpath "${DUET:-build/duet}")
here=$(pwd)
skip() {
    echo "skipped: $1"
    exit 0
}
check() {
    if [ "$2" = 0 ]; then echo "ok $1"; else echo "FAIL $1"; fi
}
# Wait until a command succeeds, 30 s at most.
await() {
    end=$(($(date +%s) + 30))
    until "$@"; do
        [ "$(date +%s)" -lt $end ] || return 1
        sleep 0.1
    done
}
finished() {
    [ "$(find "$1" -name '*.h5' 2>/dev/null | wc -l)" -ge "$2" ]
}
# The points of a sweep, names and bytes, leases and leftovers included; slurm/ is no part of it.
bytes() {
    (cd "$1" && find . -type f ! -path './slurm/*' | LC_ALL=C sort | xargs sha256sum | sha256sum)
}

timeout 400 sh tests/deps.sh slurm >/dev/null 2>&1 || skip "slurm-wlm and munge cannot be installed here"

# ---- a cluster of one node ----
PATH=$PATH:/usr/sbin:/sbin
dir=$(mktemp -d)
export SLURM_CONF="$dir/slurm.conf"
# All processes started here, tasks included, have this SLURM_CONF in their environment.
stop() {
    for process in /proc/[0-9]*; do
        pid=${process#/proc/}
        [ "$pid" = $$ ] || ! tr '\0' '\n' 2>/dev/null <"$process/environ" | grep -qx "SLURM_CONF=$SLURM_CONF" ||
            kill -9 "$pid" 2>/dev/null
    done
    rm -rf "$dir"
}
trap stop EXIT
trap 'exit 1' HUP INT TERM

host=$(hostname -s) || skip "the host has no name"
is_used() {
    grep -qi ":$(printf '%04X' "$1") " /proc/net/tcp /proc/net/tcp6 2>/dev/null
}
port=$((20000 + $$ % 10000))
while is_used $port || is_used $((port + 1)); do port=$((port + 2)); done
mkdir "$dir/state" "$dir/spool"
head -c 1024 /dev/urandom >"$dir/munge.key"
chmod 755 "$dir" # munge: its socket is for all
chmod 400 "$dir/munge.key"
# Four processors, even where there are fewer: the tasks must run side by side.
cat >"$SLURM_CONF" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
AuthType=auth/munge
AuthInfo=socket=$dir/munge.sock
CredType=cred/munge
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0
ReturnToService=2
JobRequeue=0
KillWait=5
NodeName=$host NodeAddr=127.0.0.1 CPUs=4 RealMemory=1024 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
start() {
    timeout 20 "$@" >>"$dir/start" 2>&1 || skip "$1 does not start: $(tail -n 1 "$dir/start")"
}
start munged --key-file="$dir/munge.key" --socket="$dir/munge.sock" --pid-file="$dir/munged.pid" \
    --log-file="$dir/munged.log" --seed-file="$dir/munge.seed" --num-threads=2
start slurmctld
start slurmd
idle() {
    [ "$(timeout 2 sinfo --noheader --format=%T 2>/dev/null)" = idle ]
}
await idle || skip "the node does not come up: $(grep -hi "error\|fatal" "$dir/slurmd.log" "$dir/slurmctld.log" | tail -n 1)"
queued() {
    timeout 5 squeue --noheader --array --format='%F_%K %T' 2>/dev/null
}
is_gone() {
    list=$(queued) && ! echo "$list" | grep -q "^$1"
}
# The process that runs task $2 of job $1, from the leases of the points in folder $3.
process_of() {
    for lease in "$3"/.*.lease; do
        pid=$(cut -d ' ' -f 4 "$lease" 2>/dev/null)
        [ -z "$pid" ] || tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" |
            grep -cx "SLURM_ARRAY_JOB_ID=$1\|SLURM_ARRAY_TASK_ID=$2" | grep -qx 2 && echo "$pid" && return
    done
}

# ---- killed in the middle ----
cd "$dir" || exit 1
slow="name=k data.depth=2 network.width=2 train.samples=6400 train.batch=64 train.epochs=150 measure.samples=64
measure.every=100000 seed=1:24:1 objective.tau=0.1,0.5"
timeout 100 "$duet" sweep -q -j 1 $slow --results local
reference=$(bytes local/k)
shared="100% 'shared' folder"
job=$(timeout 20 "$duet" sweep $slow --results "$shared" --tasks 4 --slurm -- --partition=all \
    --comment="two words" 2>err)
[ -n "$job" ] && timeout 5 scontrol show job "${job}_1" | grep -q 'Comment=two words'
check "submitted: job $job, with the options for sbatch" $?
await finished "$shared/k" 4
# Hold each task in the middle of a point: Slurm takes seconds to see that one is gone, and the
# others would end meanwhile.
held() {
    process=$(process_of "$job" "$1" "$shared/k")
    [ -n "$process" ] && kill -STOP "$process"
}
processes=""
for task in 1 2 3 4; do
    await held $task && processes="$processes $process"
done
set -- $processes
[ $# = 4 ] && ! finished "$shared/k" 48 && kill -9 "$2" && await is_gone "${job}_2 "
check "task 2 was killed in the middle, the others are held there (processes$processes)" $?
timeout 5 scontrol update NodeName="$host" State=DOWN Reason=test
again=""
requeued() {
    again=$(queued | sed -n "s/^${job}_\([134]\) PENDING.*/\1/p" | head -n 1)
    [ -n "$again" ]
}
await requeued
! finished "$shared/k" 48
check "the node failed in the middle: $(find "$shared/k" -name '*.h5' | wc -l) of 48 points are done" $?
timeout 5 scontrol update NodeName="$host" State=RESUME 2>/dev/null
await idle

# ---- submitted again ----
timeout 100 "$duet" sweep $slow --results "$shared" --tasks 4 --slurm --wait >again 2>err
code=$?
[ $code = 0 ] && [ "$(tail -n 1 err)" = "complete: 48 of 48 points are done" ] && [ "$(cat again)" != "$job" ]
check "the same command submits the rest and waits for it (code $code)" $?
await is_gone "$(cat again)_"
[ "$(bytes "$shared/k")" = "$reference" ]
check "the bytes of a local sweep, nothing left over" $?
# Slurm starts the tasks of a failed node again by itself, after two minutes unless asked earlier.
timeout 5 scontrol update JobId="$job" StartTime=now >/dev/null 2>&1
await is_gone "${job}_"
log="$shared/k/slurm/${job}_$again.log"
grep -q "DUE TO NODE FAILURE" "$log" && grep -q "work: 12 done, 0 to do" "$log" &&
    [ "$(tail -n 1 "$log")" = "complete: 12 of 12 points are done" ]
check "task $again, started again after the failure of its node, finds its points done: $(tail -n 1 "$log")" $?
[ "$(bytes "$shared/k")" = "$reference" ]
check "and changes nothing" $?

# ---- failures ----
timeout 60 "$duet" sweep -q $slow --results failing --tasks 2 --limit 0.001 seed=1 --slurm --wait >out 2>err
code=$?
[ $code = 1 ] && [ "$(grep -c '^duet: point [12]: .* failed: took longer' err)" = 2 ] &&
    [ "$(grep -c '^    duet run .* seed=1 objective.tau=0' err)" = 2 ]
check "failed points are listed with their commands, code 1 (got $code)" $?
timeout 60 "$duet" sweep -q $slow --results refused --slurm -- --partition=nosuch >out 2>err
code=$?
[ $code = 2 ] && grep -q "^duet: sbatch refused the job: sbatch: error: invalid partition specified: nosuch" err
check "sbatch refuses: its words, code 2 (got $code)" $?

# ---- a point that takes longer than its wall time ----
# A minute is the shortest wall time; Slurm sends the signal up to half a minute earlier than asked, so
# that a task works for about half a minute and the point takes three of them.
base="name=wall data.depth=2 network.width=2 train.samples=64000 train.batch=16 measure.samples=64 measure.every=100000"
# Processor time in ms, whatever else the machine does.
took=$(sh -c '"$@"; times' sh "$duet" run -q -t 1 $base train.epochs=200 -o short.h5 |
    awk 'END {split($1, t, "[ms]"); printf "%d", 1000 * (60 * t[1] + t[2])}')
long=$((200 * 90000 / took)) some=$((200 * 50000 / took))
options="--partition=all --time=1 --signal=B:USR1@10"
timeout 580 "$duet" sweep $base train.epochs=$long,1 --results requeued --tasks 1 --slurm --wait -- $options >requeued.out 2>requeued.err &
first=$!
timeout 580 "$duet" sweep $base train.epochs=$some,1 --results submitted --tasks 1 --slurm --wait -- $options --no-requeue \
    >submitted.out 2>submitted.err &
second=$!
# Slurm would start a requeued task two minutes later; but within a second it revokes its credential.
while kill -0 $first 2>/dev/null; do
    sleep 1
    queued | grep -q "^$(cat requeued.out)_1 PENDING" || continue
    sleep 3
    timeout 5 scontrol update JobId="$(cat requeued.out)" StartTime=now >/dev/null 2>&1
done
wait $first
code=$?
[ $code = 0 ] && tail -n 1 requeued.err | grep -q "^complete: 2 of 2 points are done$" && [ "$(grep -c . requeued.out)" = 1 ]
check "a point longer than its wall time is done in one job, which is requeued (code $code): $(tail -n 1 requeued.err)" $?
times=$(cat requeued/wall/slurm/*.log | grep -c "goes on from step")
[ "$times" -ge 2 ]
check "it went on $times times" $?
wait $second
code=$?
jobs=$(grep -c . submitted.out)
[ $code = 0 ] && [ "$jobs" -ge 2 ] && grep -q "^duet: Slurm does not requeue this task: " submitted/wall/slurm/*.log
check "where Slurm refuses, what is left is submitted again: $jobs jobs (code $code)" $?
"$duet" sweep -q -j 2 $base train.epochs=$long,$some,1 --results undisturbed
same=0
for file in requeued/wall/*.h5 submitted/wall/*.h5; do
    cmp -s "$file" undisturbed/wall/"$(basename "$file")" || same=1
done
check "the bytes of an undisturbed sweep" $same
[ -z "$(find requeued submitted -name '*.checkpoint' -o -name '.*' -type f)" ]
check "nothing is left over" $?
cd "$here" || exit 1
