#!/bin/sh
# Sweeps on Slurm, without a real one: the script, the arguments of sbatch, the waiting for points,
# the messages when something goes wrong.  sbatch and squeue are stand-ins that run the tasks here;
# tests/slurm.sh has the real ones.
. tests/script.inc
ranges() {
    sed -n 's/^#SBATCH --array=//p' "$1"
}

# sbatch keeps its arguments and runs the tasks that TASKS names (all if it is not set) one after
# another; squeue shows them as long as they run.  With WALL, a task gets SIGUSR1 after so many
# seconds, and starts again if it asks scontrol for it; scontrol refuses with FORBID.
mkdir bin
cat >bin/sbatch <<'SH'
#!/bin/sh
[ "$1" = --version ] && echo "slurm-wlm 0" && exit
printf '%s\n' "$@" >"$FAKE/arguments"
for script; do :; done
cp "$script" "$FAKE/script"
[ -n "${REFUSE:-}" ] && printf 'sbatch: error: %s\nsbatch: error: not submitted\n' "$REFUSE" >&2 && exit 1
[ -n "${SILENT:-}" ] && echo "sbatch: Job 1 to start at once" >&2 && exit
echo "77${CLUSTER:+;$CLUSTER}"
tasks=$(sed -n 's/^#SBATCH --array=//p' "$script" | tr ',' '\n' |
    while IFS=- read -r first last; do seq "$first" "${last:-$first}"; done)
touch "$FAKE/running"
(
    for task in ${TASKS-$tasks}; do
        export SLURM_ARRAY_TASK_ID=$task SLURM_JOB_ID=9$task
        timeout -s USR1 "${WALL:-600}" sh "$script"
        while [ -e "$FAKE/requeue.9$task" ]; do
            rm "$FAKE/requeue.9$task"
            timeout -s USR1 "${WALL:-600}" sh "$script"
        done
    done >>"$FAKE/log" 2>&1
    rm "$FAKE/running"
) >/dev/null 2>&1 &
SH
cat >bin/squeue <<'SH'
#!/bin/sh
[ "$1" = --version ] && echo "slurm-wlm 0" && exit
printf '%s\n' "$*" >"$FAKE/squeue"
[ -n "${AWAY:-}" ] && [ ! -e "$FAKE/asked" ] && touch "$FAKE/asked" && echo "squeue: error: no contact" >&2 && exit 1
echo "777 RUNNING"
[ -e "$FAKE/running" ] || [ -n "${STUCK:-}" ] && echo "77 RUNNING"
exit 0
SH
cat >bin/scontrol <<'SH'
#!/bin/sh
[ -n "${FORBID:-}" ] && echo "Requested operation is presently disabled for job $2" >&2 && exit 1
echo "$@" >>"$FAKE/scontrol"
touch "$FAKE/$1.$2"
SH
chmod +x bin/sbatch bin/squeue bin/scontrol
mkdir "$dir/fake"
export FAKE="$dir/fake"
PATH="$dir/bin:$PATH"

slow="data.depth=2 network.width=2 train.samples=640 train.batch=64 measure.samples=64 measure.every=100000 train.epochs=2"
"$duet" sweep -q -j 1 $slow name=k seed=1:7:1 --results local
reference=$(bytes local/k)

# ---- the script ----
"$duet" sweep $slow name=k seed=1:7:1 --results "dry = 100% 'x'" --slurm --dry-run -- -p "a b" >script 2>err
check "--dry-run ends with code 0" $?
[ ! -e "dry = 100% 'x'" ] && grep -q "7 tasks of 1 worker of 1 thread" err && grep -q "MiB asked for each task" err &&
    grep -qx "submit: sbatch -p 'a b' job.sh" err
check "--dry-run writes nothing and says what it would ask for" $?
sh -n script && [ "$(ranges script)" = 1-7 ] && grep -qx "#SBATCH --output=\"$dir/dry = 100%% 'x'/k/slurm/%A_%a.log\"" script &&
    grep -q "^#SBATCH --nodes=1 --ntasks=1 --cpus-per-task=1$" script && grep -q "^#SBATCH --mem=[0-9]*M$" script &&
    grep -q "^#SBATCH --requeue --open-mode=append --signal=B:USR1@60$" script && grep -q " --requeue --results " script &&
    grep -q "^export OMP_NUM_THREADS=1$" script && grep -q "^exec $duet sweep --shard " script
check "the script: array, log, processors, memory, program" $?
"$duet" sweep -q $slow name=k seed=1:1000:1 --slurm --dry-run 2>/dev/null | ranges /dev/stdin | grep -qx 1-64
check "64 tasks at most unless asked" $?
"$duet" sweep -q $slow name=k seed=1:1000:1 -j 40 -t 3 --limit 0.5 --slurm --dry-run >script 2>/dev/null
[ "$(ranges script)" = 1-25 ] && grep -q "cpus-per-task=120$" script && grep -q '/25" -j 40 -t 3 --limit 0.5 --quiet' script &&
    grep -q "OMP_NUM_THREADS=3" script
check "-j and -t are per task" $?

# ---- a sweep in tasks ----
"$duet" sweep $slow name=k seed=1:7:1 --results "a=b 'c'" --tasks 3 --slurm --wait -- -p "a b" --time=1 >out 2>err
code=$?
[ $code = 0 ] && [ "$(bytes "a=b 'c'/k")" = "$reference" ]
check "the tasks' points: the bytes of a local sweep (code $code)" $?
printf '%s\n' --parsable -p "a b" --time=1 "a=b 'c'/k/slurm/job.sh" | cmp -s - fake/arguments
check "the options after -- as they were given, before the script" $?
[ "$(cat out)" = 77 ] && [ "$(grep -c "point [1-7]: seed=[1-7]  finished" err)" = 7 ] &&
    [ "$(tail -n 1 err)" = "complete: 7 of 7 points are done" ] && [ "$(ranges "a=b 'c'/k/slurm/job.sh")" = 1-3 ]
check "--wait: the job on stdout, a line per point, the end of a sweep" $?
rm fake/arguments
"$duet" sweep -q $slow name=k seed=1:7:1 --results "a=b 'c'" --slurm --wait && [ ! -e fake/arguments ]
check "nothing to do: nothing is submitted" $?

# ---- tasks that are lost ----
TASKS="1 3" "$duet" sweep $slow name=k seed=1:7:1 --results lost --tasks 3 --slurm --wait >out 2>err
code=$?
[ $code = 1 ] && grep -q "job 77 has ended with 2 points neither done nor failed; lost/k/slurm has" err &&
    [ "$(tail -n 1 err)" = "incomplete: 5 of 7 points are done" ]
check "lost tasks: told, code 1 (got $code)" $?
touch -d '1 hour ago' lost/k/sweep.yaml
before=$(stat -c %Y lost/k/sweep.yaml)
"$duet" sweep -q $slow name=k seed=1:7:1 --results lost --tasks 3 --slurm >out 2>err
code=$?
await finished lost/k 7
await test ! -e fake/running
[ $code = 0 ] && [ "$(ranges lost/k/slurm/job.sh)" = 2 ] && [ "$(bytes lost/k)" = "$reference" ]
check "the same command: only the task with points to do, the same bytes" $?
[ "$(stat -c %Y lost/k/sweep.yaml)" = "$before" ]
check "tasks leave the manifest alone" $?
AWAY=1 "$duet" sweep $slow name=k seed=1:7:1 --results away --slurm --wait 2>err >out && [ -e fake/asked ] &&
    grep -q "squeue does not answer, the waiting goes on: squeue: error: no contact" err
check "squeue that fails is asked again" $?
CLUSTER=north "$duet" sweep $slow name=k seed=1:7:1 --results north --slurm 2>err >out
grep -q '`scancel -M north 77` ends it' err
check "a job of another cluster" $?
await finished north/k 7
await test ! -e fake/running

# ---- failed and diverged points ----
endless="data.depth=2 network.width=2 train.samples=64 train.batch=64 measure.samples=64 measure.every=1000000"
STUCK=1 timeout 60 "$duet" sweep -q --limit 2 $endless name=late train.epochs=1000000,2 --slurm --wait >out 2>err
code=$?
[ $code = 1 ] && grep -q "point 1: train.epochs=1000000: failed: took longer than the limit of 2 s" err &&
    tail -n 1 err | grep -q "^    duet run data.depth=2 .*name=late train.epochs=1000000$"
check "a failed point ends the waiting and is listed with its command, code 1 (got $code)" $?
# The old failure is not this job's, whose task does not get so far.
TASKS="" "$duet" sweep -q $endless name=late train.epochs=1000000,2 --slurm --wait >out 2>err
[ $? = 1 ] && ! grep -q "failed: took" err && grep -q "1 point neither done nor failed" err
check "an old failure is not taken for a new one" $?
wild="train.epochs=2 objective.name=simple network.normalize=false train.samples=12800 measure.samples=640"
"$duet" sweep -q $wild name=wild optimiser.lr=1e6,1e-3 --slurm --wait >out
check "only diverged points: code 3" $(($? != 3))

# ---- an interrupt ----
slower="data.depth=2 network.width=2 train.samples=6400 train.batch=64 measure.samples=64 measure.every=100000 train.epochs=40"
"$duet" sweep $slower name=k seed=1:6:1 --results stop --tasks 2 --slurm --wait >out 2>err &
pid=$!
await finished stop/k 1
kill -INT $pid
wait $pid
code=$?
[ $code = 130 ] && tail -n 1 err | grep -q 'interrupted; [0-9] of 6 points are done, job 77 goes on; `scancel 77` ends it, --wait=77 waits'
check "Ctrl-C: code 130 (got $code), and how to end or join the job" $?
rm fake/arguments
"$duet" sweep $slower name=k seed=1:6:1 --results stop --slurm --wait=77 >out 2>err && finished stop/k 6 && [ ! -e fake/arguments ]
check "--wait=JOB waits and submits nothing" $?

# ---- points that take longer than a task may ----
longer="data.depth=2 network.width=3 train.samples=64000 train.batch=16 measure.samples=64 measure.every=1000"
"$duet" sweep -q -j 2 $longer name=k train.epochs=240,1 --results long
: >fake/log
WALL=1 timeout 100 "$duet" sweep $longer name=k train.epochs=240,1 --results wall --tasks 1 --slurm --wait >out 2>err
code=$?
[ $code = 0 ] && [ "$(bytes wall/k)" = "$(bytes long/k)" ] && [ "$(cat out)" = 77 ]
check "tasks whose time ends are requeued, until all points are done: the same bytes (code $code)" $?
times=$(grep -c . fake/scontrol)
[ "$times" -ge 2 ] && [ "$(grep -c "goes on from step" fake/log)" -ge 2 ] && grep -qx "requeue 91" fake/scontrol &&
    [ "$(grep -c "^this task is requeued, and goes on from there$" fake/log)" = "$times" ]
check "they go on from their checkpoints: $times times" $?
: >fake/log
FORBID=1 WALL=1 timeout 100 "$duet" sweep $longer name=k train.epochs=240,1 --results forbid --tasks 1 --slurm --wait >out 2>err
code=$?
[ $code = 0 ] && [ "$(bytes forbid/k)" = "$(bytes long/k)" ] && [ "$(grep -cx 77 out)" -ge 2 ] &&
    tail -n 1 err | grep -q "^complete: 2 of 2 points are done$"
check "where Slurm does not requeue, the waiting submits what is left: $(grep -c . out) jobs, the same bytes (code $code)" $?
grep -q "^duet: interrupted; 0 of 2 points are done, 1 is saved in checkpoints, the same command goes on$" fake/log &&
    grep -q "^duet: Slurm does not requeue this task: Requested operation is presently disabled.*; .duet sweep --slurm --wait. submits" fake/log
check "and the task says so" $?
FORBID=1 WALL=0.7 "$duet" sweep $longer name=k train.epochs=240,1 --results alone --tasks 1 --slurm >out 2>err
await test ! -e fake/running
WALL="" "$duet" sweep $longer name=k train.epochs=240,1 --results alone --tasks 1 --slurm --wait >out 2>err
[ $? = 0 ] && grep -q "^work: 0 done, 2 to do, 1 of them from checkpoint, " err && [ "$(bytes alone/k)" = "$(bytes long/k)" ]
check "where nobody waits, the same command goes on" $?
: >fake/scontrol
WALL=0.7 timeout 60 "$duet" sweep $longer train.checkpoint=0 name=k train.epochs=120,130 --results none --tasks 1 --slurm --wait >out 2>err
[ $? = 1 ] && [ ! -s fake/scontrol ] && grep -q "2 points neither done nor failed;" err
check "a task that saved nothing is not requeued for ever" $?

# ---- a sweep that grows while tasks of the smaller one start ----
"$duet" sweep -q $slow name=k seed=1:10000:1 --shard 1/10000 --results grown
sed 's/1:10000:1/1:10001:1/' grown/k/sweep.yaml >grown.yaml
"$duet" sweep -q --shard 2/10000 --results grown grown/k/sweep.yaml &
pid=$!
sleep 0.3
mv grown.yaml grown/k/sweep.yaml
wait $pid
grep -q "1:10001:1" grown/k/sweep.yaml && finished grown/k 2
check "a task does not undo a newer manifest" $?

# ---- bad input: one line, code 2, nothing run ----
rm -rf results
expect() {
    name=$1 pattern=$2
    shift 2
    "$@" >out 2>err
    code=$?
    [ $code = 2 ] && head -n 1 err | grep -q -- "$pattern" && [ "$(grep -c . err)" -le 2 ] && [ ! -e results ]
    check "$name: $(head -c 300 err | head -n 1)" $?
}
sweep="$duet sweep -q $slow name=k seed=1,2"
expect "--shard and --slurm" "the tasks of Slurm are the shards; give --tasks" $sweep --slurm --shard 1/2
expect "--wait without --slurm" "--wait is for a job of Slurm; give --slurm" $sweep --wait
expect "--tasks without --slurm" "--tasks is for a job of Slurm" $sweep --tasks 3
expect "--requeue outside of Slurm" "--requeue is for a task of Slurm" $sweep --requeue
expect "-- without --slurm" "what follows -- are options for sbatch; give --slurm" $sweep -- -p short
expect "--tasks 0" "--tasks is '0'; give a number from 1" $sweep --slurm --tasks 0
expect "--wait=JOB of no number" "--wait is 'last'; give the number of a job" $sweep --slurm --wait=last
expect "--wait=JOB and --dry-run" "submits nothing; leave --dry-run out" $sweep --slurm --wait=3 -n
expect "a folder that Slurm cannot name" "Slurm takes no backslash" $sweep --slurm --dry-run --results 'back\slash'
expect "no sbatch" "^duet: sbatch: there is no such command; --slurm needs the commands of Slurm on the PATH" \
    env PATH="$dir/none" $sweep --slurm
export REFUSE="invalid partition specified: nosuch"
"$duet" sweep -q $slow name=k seed=1,2 --slurm --wait -- -p nosuch >out 2>err
code=$?
[ $code = 2 ] && grep -qx "duet: sbatch refused the job: sbatch: error: $REFUSE; sbatch: error: not submitted" err && [ "$(wc -l <err)" = 1 ]
check "sbatch refuses: its words, code 2 (got $code)" $?
REFUSE=""
SILENT=1 "$duet" sweep -q $slow name=k seed=1,2 --slurm -- --test-only >out 2>err
[ $? = 2 ] && grep -q "^duet: sbatch named no job; it said: sbatch: Job 1 to start" err
check "sbatch that submits nothing" $?
cd "$here" || exit 1
