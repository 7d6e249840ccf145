#!/bin/sh
# The machine is not as usual: little memory, few processors, closed streams, no fonts, no or an old
# gnuplot, settings of the user, odd folders, another apt at work.  One line says so, or nothing
# changes.
. tests/faults/faults.inc
export DUET_SHARE="$here"
build=$(dirname "$duet")
run="run -q tiny.yaml train.epochs=2"
# said CODE PATTERN COMMAND ...: that code, and that line alone on stderr.
said() {
    wanted=$1 pattern=$2
    shift 2
    timeout -k 2 20 "$@" >out 2>err
    code=$?
    [ $code = "$wanted" ] && [ "$(wc -l <err)" = 1 ] && grep -q -- "$pattern" err
}

# ---- memory ----
for limit in "-v 150000" "-v 300000" "-d 50000"; do
    for command in "--version" "$run" "verify NCP-3 --quick"; do
        (
            # shellcheck disable=SC2086
            ulimit $limit
            export OMP_NUM_THREADS=2
            # shellcheck disable=SC2086
            said 2 "^duet: ulimit ${limit% *} allows [0-9]* MiB of memory, and [0-9]* are needed for [12] threads*; ulimit ${limit% *} [0-9]* is enough, or use fewer threads" "$duet" $command
        )
        check "ulimit $limit, $command: one line: $(head -c 200 err)" $?
    done
done
needed=$(sed 's/.*ulimit -d \([0-9]*\) is enough.*/\1/' err)
wrong=0
for limit in $(seq 200000 40000 760000); do
    # shellcheck disable=SC2086
    (ulimit -v "$limit" && timeout -k 2 20 "$duet" $run -t 3 -o limited.h5 >out 2>err)
    case $? in
    0) [ ! -s err ] || wrong=$limit ;;
    2) [ "$(wc -l <err)" = 1 ] || wrong=$limit ;;
    *) wrong=$limit ;;
    esac
done
check "at any limit a run is complete or has one line; none hangs or crashes ($wrong)" "$wrong"
[ "$needed" -gt 50000 ] && (ulimit -d "$needed" && "$duet" --version >out 2>err)
check "the limit that is asked for is enough: $needed" $?

# ---- processors ----
group=/sys/fs/cgroup/cpu/duet_test_$$
if mkdir "$group" 2>/dev/null && echo 50000 >"$group/cpu.cfs_quota_us" 2>/dev/null; then
    (
        unset OMP_NUM_THREADS
        sh -c 'echo $$ >"$1/tasks" && exec "$2" run tiny.yaml' sh "$group" "$duet" >out 2>err
    )
    grep -q "1 thread$" err
    check "a quota of half a processor: one thread: $(head -n 1 err)" $?
else
    echo "skipped: this user may make no control group"
fi
rmdir "$group" 2>/dev/null

# ---- standard streams ----
# shellcheck disable=SC2086
"$duet" $run -o closed.h5 <&- >&- 2>&-
[ $? = 0 ] && "$duet" info closed.h5 >out
check "a run with all streams closed" $?
for command in "--version" "list data" "info closed.h5" "export closed.h5 /series/loss" "run tiny.yaml"; do
    # shellcheck disable=SC2086
    "$duet" $command >&- 2>err
    [ $? = 2 ] && [ "$(grep -c '^duet: cannot write to standard output: Bad file descriptor$' err)" = 1 ]
    check "$command without output: code 2" $?
done
"$duet" list 2>err | head -n 1 >out
[ ! -s err ] && [ -s out ]
check "a reader that closes its pipe is no error" $?

# ---- a terminal ----
"$duet" run tiny.yaml train.epochs=2 -o t.h5 >out 2>err
! grep -q "$(printf '\033\|\r')" err
check "no terminal: plain lines" $?
in_terminal() {
    TERM=$1 script -qec "stty cols $2; '$duet' run tiny.yaml train.epochs=40 train.samples=6400 network.width=8 -o t-$1.h5" /dev/null </dev/null >typed
}
if in_terminal xterm 50; then
    tr '\r' '\n' <typed | grep "$(printf '^\033\\[K.*left')" | sed "s/$(printf '\033')\\[K//g" | awk '{ if (length($0) > most) most = length($0); n++ } END { exit !(n > 3 && most <= 49 && most > 40) }'
    check "a terminal of 50 columns: the line is cut" $?
    in_terminal dumb 80 && ! grep -q "$(printf '\033')" typed && grep -q left typed
    check "TERM=dumb: no escapes" $?
else
    echo "skipped: there is no command \`script\`"
fi

# ---- pictures: the user's settings, fonts, gnuplot ----
"$duet" sweep -q -j 2 tiny.yaml seed=1,2 objective.tau=0.1,0.2
plot="$duet plot -q results/tiny --x objective.tau --y loss"
$plot -o plain.png
mkdir home nofonts
echo "set logscale y; set title 'mine'" >home/.gnuplot
cp home/.gnuplot .gnuplot
HOME=$dir/home $plot -o mine.png && cmp -s plain.png mine.png
check "a .gnuplot of the user changes nothing" $?
rm .gnuplot
LC_ALL=de_DE.UTF-8 $plot -o other.png && cmp -s plain.png other.png
check "another language changes nothing" $?
# shellcheck disable=SC2086
(unset HOME TMPDIR && $plot -o other.png && cmp -s plain.png other.png && TMPDIR=/nowhere "$duet" $run -o other.h5 && cmp -s closed.h5 other.h5)
check "no HOME, no TMPDIR, or one that is missing" $?
FONTCONFIG_FILE=$dir/nofonts said 2 "^duet: there are no fonts" $plot -o text.png && [ ! -e text.png ]
check "no fonts: $(cat err)" $?
PATH=/nowhere "$duet" plot -q results/tiny --x objective.tau --y loss -o text.png 2>err
grep -q "^duet: gnuplot is not installed" err && [ ! -e text.png ]
check "no gnuplot: $(cat err)" $?
mkdir old
printf '#!/bin/sh\necho gnuplot 4.6 patchlevel 6\n' >old/gnuplot
chmod +x old/gnuplot
PATH="$dir/old:$PATH" said 2 "^duet: gnuplot 4.6 patchlevel 6 is too old; 5.4 or later" $plot -o text.png
check "an old gnuplot: $(cat err)" $?

# ---- make ----
cd "$here" || exit 1
touched() {
    stat -c %y "$dir/objects/core/text.o"
}
object() {
    make -s BUILD="$dir/objects" COMMIT=test CFLAGS=-O0 "$@" "$dir/objects/core/text.o" >/dev/null
}
object && first=$(touched) && object && second=$(touched) && object ARCH=x86-64-v2 && third=$(touched)
[ "$first" = "$second" ] && [ "$second" != "$third" ]
check "make: other flags build again, the same do not" $?
to="$dir/de st/it's \"here\""
make -s -o all BUILD="$build" install DESTDIR="$dir/de st" PREFIX="/it's \"here\"" >/dev/null
check "make install into a folder with spaces and quotes" $?
cd "$dir" || exit 1
(unset DUET_SHARE && "$to/bin/duet" figure ncp_fixed_points --quick -q >out 2>err) && [ -s paper_figs/out/ncp_fixed_points.png ]
check "duet runs and draws from there: $(head -c 200 err)" $?

# ---- another apt at work ----
mkdir fake
cat >fake/apt-get <<'SH'
#!/bin/sh
echo "$1" >>"$FAKE/calls"
if [ "$(wc -l <"$FAKE/calls")" -lt 3 ]; then
    echo "E: Could not get lock /var/lib/$1/lock. It is held by process 1 (apt-get)" >&2
    exit 100
fi
[ -z "${BROKEN-}" ] || { echo "E: no such package" >&2 && exit 100; }
SH
printf '#!/bin/sh\nexit 1\n' >fake/dpkg-query
printf '#!/bin/sh\necho 0\n' >fake/id
printf '#!/bin/sh\n' >fake/sleep
chmod +x fake/*
deps() {
    (cd "$here" && env FAKE="$dir/fake" PATH="$dir/fake:$PATH" "$@" sh tests/deps.sh ensure)
}
deps >out 2>err && [ ! -s err ] && [ "$(grep -c "waiting for another apt" out)" = 1 ] && [ "$(tail -n 1 fake/calls)" = install ]
check "apt that is locked is waited for" $?
deps BROKEN=1 >out 2>err
[ $? = 2 ] && grep -q "could not install" err
check "another error of apt is an error" $?
