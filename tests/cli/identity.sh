#!/bin/sh
# Results are found by what they are: not by the name of the sweep, of its folder or of a file, and
# also after another program touched them.
. tests/script.inc
export DUET_SHARE="$here"
keys="data.depth=2 network.width=2 train.epochs=1 train.samples=128 train.batch=64 measure.samples=64 measure.probe_samples=64"
sweep="$duet sweep -j 2 $keys"
names() {
    find "$1" -name '????????????????.h5' | sort
}
# Some bytes of a file in place of others, as no HDF5 program writes them.
turn() {
    printf 'XXXX' | dd of="$1" bs=1 seek=$(($(wc -c <"$1") / 2)) conv=notrunc 2>/dev/null
}

# ---- moved, renamed, extended ----
$sweep -q name=first seed=1,2 objective.tau=0.1,0.5
names results/first | xargs stat -c '%i %Y' >stamps
mkdir elsewhere && mv results/first elsewhere/first
$sweep --results elsewhere name=first seed=1,2 objective.tau=0.1,0.5 2>err
[ $? = 0 ] && grep -q "work: 4 done, 0 to do" err
check "a folder that was moved goes on" $?
mv elsewhere/first elsewhere/second
$sweep --results elsewhere name=second seed=1,2 objective.tau=0.1,0.5 2>err
[ $? = 0 ] && grep -q "work: 4 done, 0 to do" err && ! grep -q "another grid" err && grep -q "^name: second" elsewhere/second/sweep.yaml
check "a folder that was renamed goes on, and its sweep.yaml has the new name" $?
$sweep --results elsewhere name=second seed=1,2,3 objective.tau=0.1,0.5 2>err
[ $? = 0 ] && grep -q "work: 4 done, 2 to do" err && grep -q "described another grid: other values of the same keys" err
check "more values: what is done stays" $?
$sweep --results elsewhere name=second seed=1,2,3 objective.tau=0.1,0.5 optimiser.lr=0.1,0.2 2>err
[ $? = 0 ] && grep -q "work: 6 done, 6 to do" err && grep -q "swept keys are seed, objective.tau, optimiser.lr here and seed, objective.tau there" err
check "another axis: what is done stays" $?
$sweep --results elsewhere name=second seed=1,2 measure.samples=128 2>err
[ $? = 0 ] && grep -q "work: 0 done, 2 to do" err && grep -q "measure.samples is 128 here and 64 there" err &&
    grep -q "^12 other results in the folder, of another grid" err
check "another base spec: the key that differs is named, once" $(($? + $(grep -c "is 128 here" err) - 1))
"$duet" collect elsewhere/second >out
[ $? = 0 ] && grep -q "^2 points: 2 complete" out && grep -q "^12 other results in the folder, of another grid" out
check "collect says how many results are of another grid" $?
$sweep -q --results elsewhere name=second seed=1,2 objective.tau=0.1,0.5
names elsewhere/second | xargs stat -c '%i %Y' >now
[ "$(sort stamps now | uniq -d | wc -l)" = 4 ] && [ "$(names elsewhere/second | wc -l)" = 14 ]
check "through all of this no file was written again" $?

# ---- files under wrong names ----
fresh() {
    rm -rf results/m && cp -r whole results/m
}
$sweep -q name=m seed=1,2,3
cp -r results/m whole
reference=$(bytes whole)
set -- $(names whole | xargs -n 1 basename)
cp "results/m/$1" "results/m/$2"
"$duet" collect results/m >out 2>err
[ $? = 1 ] && grep -q "^3 points: 2 complete, 1 missing" out && [ "$(wc -l <err)" = 1 ] && grep -q "$2: is the result of another point" err
check "collect names a file that is a copy of another point, and does not count it" $?
"$duet" plot results/m --x seed --y loss -o plot >out 2>err
grep -q "$2: is the result of another point" err && [ "$(awk -F'\t' '$7 == 1' plot.tsv | wc -l)" = 2 ]
check "plot names it and does not draw it" $?
rm -f results/m/table.*
before=$(bytes results/m)
$sweep -n name=m seed=1,2,3 2>err
grep -q "work: 2 done, 1 to do" err && grep -q "$2: is the result of ${1%.h5}, not of the point.*run again" err && [ "$before" = "$(bytes results/m)" ]
check "--dry-run says so and moves nothing" $?
$sweep name=m seed=1,2,3 2>err
[ $? = 0 ] && grep -q "work: 2 done, 1 to do" err && cmp -s "results/m/$2.aside" "results/m/$1" && rm "results/m/$2.aside" && [ "$(bytes results/m)" = "$reference" ]
check "the sweep puts it aside and runs its point again: the bytes of before" $?
fresh
mv "results/m/$1" x && mv "results/m/$2" "results/m/$1" && mv x "results/m/$2"
$sweep name=m seed=1,2,3 2>err
[ $? = 0 ] && grep -q "work: 3 done, 0 to do" err && ! grep -q "run again" err && [ "$(bytes results/m)" = "$reference" ]
check "two files that changed names change them back, and nothing is run" $?
fresh
mv "results/m/$1" "results/m/$2"
$sweep name=m seed=1,2,3 2>err
[ $? = 0 ] && grep -q "work: 2 done, 1 to do" err && grep -q "it is now $1" err && [ "$(bytes results/m)" = "$reference" ]
check "the only copy of a point gets its own name" $?
fresh
mv "results/m/$1" "results/m/best one.h5"
"$duet" collect results/m >out 2>err
[ $? = 0 ] && grep -q "^3 points: 3 complete" out && grep -q "best one.h5: is the result of a point under another name" err &&
    [ "$(awk -F'\t' '$NF == "best one.h5"' results/m/table.tsv | wc -l)" = 1 ]
check "a file that the user renamed is found by collect" $?
$sweep name=m seed=1,2,3 2>err
[ $? = 0 ] && grep -q "work: 3 done, 0 to do" err && cmp -s "results/m/$1" "results/m/best one.h5"
check "and by the sweep, and keeps its name too" $?

# ---- files that another program touched ----
fresh
truncate -s -16 "results/m/$1" # as closing it in h5py does
truncate -s -1 "results/m/$3"
"$duet" info "results/m/$1" | grep -q "^file is  *changed since it was written, by another program; its numbers are as they were"
check "info says that a file was changed, and its numbers not" $?
"$duet" collect results/m >out 2>err
[ $? = 0 ] && grep -q "^3 points: 3 complete" out && grep -q "^2 files were changed since written" out && [ ! -s err ]
check "collect reads files that lost their checksum" $?
$sweep name=m seed=1,2,3 2>err
[ $? = 0 ] && grep -q "work: 3 done, 0 to do" err
check "the sweep does not run their points again" $?
fresh
turn "results/m/$1"
"$duet" info "results/m/$1" >out 2>err
[ $? = 2 ] && grep -q "is damaged" err
check "other bytes under an old checksum are damage" $?
"$duet" collect results/m >out 2>err
[ $? = 1 ] && grep -q "^3 points: 2 complete, 1 unreadable" out
check "collect leaves a damaged file out" $?
if python3 -c 'import h5py' 2>/dev/null; then python=python3; else python=/usr/bin/python3; fi
if $python -c 'import h5py' 2>/dev/null; then
    fresh
    cat >touch.py <<'PYTHON'
import h5py, sys
how, path = sys.argv[1:]
with h5py.File(path, "a") as file:
    if how == "note":
        file.attrs["mine"] = [1, 2, 3]
        file["series/loss"].attrs["seen"] = "yes"
        file["own"] = [1.0, 2.0]
    if how == "loss":
        file["series/loss"][-1] = 77
PYTHON
    for how in close note loss; do
        shift_to=$1
        $python touch.py $how "results/m/$1"
        set -- "$2" "$3" "$shift_to"
    done
    "$duet" collect results/m >out 2>err
    [ $? = 1 ] && grep -q "^3 points: 3 complete" out && grep -q "^2 files were changed since written" out &&
        [ "$(wc -l <err)" = 1 ] && grep -q "$3: changed since it was written; its numbers are not" err
    check "h5py may close a file, and add to it; a changed number is found" $?
    "$duet" export "results/m/$3" /series/loss >out 2>err
    [ $? = 0 ] && grep -q 77 out && grep -q "changed since it was written" err
    check "export reads a changed file and says so" $?
    "$duet" crosscheck "results/m/$3" >out 2>err
    [ $? = 2 ] && grep -q "changed since it was written" err
    check "crosscheck says so too" $?
    "$duet" figure -q learning --quick -o learning.pdf >out
    drawn=$(find results/learning -name '*.h5')
    $python touch.py loss "$drawn"
    "$duet" figure learning --from "$drawn" -o other.pdf >out 2>err
    grep -q "$drawn: changed since it was written" err && [ -s other.pdf ]
    check "a figure of a changed file says so" $?
    $sweep name=m seed=1,2,3 2>err
    [ $? = 0 ] && grep -q "work: 2 done, 1 to do" err && grep -q "$3: changed since .* it is kept as $3.aside" err &&
        cmp -s "results/m/$3" "whole/$3"
    check "the sweep keeps the changed file aside and runs its point again" $?
    $python - "results/m/$3" <<'PYTHON'
import h5py, sys
with h5py.File(sys.argv[1]) as file:
    texts = [value for name, value in file.attrs.items() if name not in ("seed", "digest")]
    texts += [file["series/loss"].attrs[name] for name in ("long_name", "units")]
    assert all(isinstance(text, str) for text in texts), texts
    assert file["series/epoch"].dtype.kind == "i" and file["level"].dtype.kind == "i"
    assert file["series/loss"].dtype.kind == "f"
PYTHON
    check "in h5py texts are str, and epochs and indices are integers" $?
else
    echo "skipped: no h5py (python3-h5py)"
fi

# ---- builds ----
fresh
OPENBLAS_CORETYPE=Nehalem $sweep name=m seed=1:4:1 2>err
[ $? = 0 ] && grep -q "^duet: 3 of 3 results are of another build than this duet: openblas is .* Nehalem here" err
check "a sweep says that its folder has results of another build" $?
"$duet" collect results/m >out
grep -q "^1 of 4 results are of another build than the others: openblas is .* here and .* Nehalem there" out
check "collect says that builds are mixed" $?
[ "$(OPENBLAS_CORETYPE=Nehalem "$duet" info "$(ls -t results/m/*.h5 | grep -v table | head -n 1)" | grep -cE '^(instructions|compiler|openblas|libxsmm|gsl|hdf5|libc) +[^ ]')" = 7 ]
check "a file names instruction set, compiler and libraries" $?

# ---- data of files ----
cp whole/"$1" rows.h5
data="$duet sweep -q name=rows data.source=file data.path=rows.h5 data.dataset=/series/best_correlation network.kind=mlp train.epochs=1 train.samples=128 train.batch=64 measure.samples=64 measure.probe_samples=64"
$data seed=1,2
mkdir data && cp rows.h5 data/copy.h5
$data data.path=data/copy.h5 seed=1,2 2>err
[ $? = 0 ] && [ "$(names results/rows | wc -l)" = 2 ]
check "data that were moved are the same data" $?
cp whole/"$2" rows.h5
$data seed=1,2
[ $? = 0 ] && [ "$(names results/rows | wc -l)" = 4 ]
check "other data under the same path are other points" $?

# ---- an older duet's names ----
rm -rf results/old && mkdir results/old
cp "$here"/tests/cli/named_by_an_older_duet.h5 results/old/d2b057ddba5e1c9c.h5
$sweep name=old seed=1,2 2>err
[ $? = 0 ] && grep -q "^1 other result in the folder" err && grep -q "1 of them .*named by the rule of an older duet" err && [ -f results/old/d2b057ddba5e1c9c.h5 ]
check "a result that an older duet named is said to be there" $?

# ---- tables ----
$sweep -q name=t seed=9007199254740992,9007199254740993 'data.polarity=[0.7,1],[0.5,1]' objective.name=infonce,ntxent
"$duet" collect -q results/t -o table_of_t && [ -f table_of_t.h5 ] && [ -f table_of_t.tsv ] && [ ! -f results/t/table.h5 ]
check "collect -o writes elsewhere" $?
"$duet" collect -q results/t -o only.tsv --over seed && [ -f only.tsv ] && [ -f only_over_seed.tsv ] && [ ! -f only.h5 ] && [ ! -f only_over_seed.h5 ]
check "and only one kind of file where its name ends so" $?
cut -f 6- table_of_t.tsv | grep -o '[0-9a-f]*\.h5$' | sort >listed
names results/t | xargs -n 1 basename | cmp -s - listed
check "a column names the file of each point" $?
[ "$(cut -f 2 table_of_t.tsv | sort -u | grep -c '^900719925474099[23]$')" = 2 ]
check "large seeds keep all digits" $?
"$duet" plot results/t --x objective.name --y loss --at seed=9007199254740993 --at 'data.polarity=[0.70,1]' -o chosen >out 2>err
[ $? = 0 ] && [ "$(wc -l <chosen.tsv)" = 3 ] && [ "$(awk -F'\t' 'NR > 1 && $8 != 1' chosen.tsv | wc -l)" = 0 ]
check "--at chooses a large seed exactly, and a list by its values" $?
if $python -c 'import h5py' 2>/dev/null; then
    $python - table_of_t.h5 <<'PYTHON'
import h5py, sys
with h5py.File(sys.argv[1]) as file:
    assert list(file["key/seed"][:4:2]) == [9007199254740992] * 2 and file["key/seed"][-1] == 9007199254740993
    for name in ("point", "status", "key/seed", "key/objective.name"):
        assert file[name].dtype.kind == "i", name
    words = file["key/objective.name"]
    assert list(words.attrs["flag_values"]) == [0, 1] and words.attrs["flag_meanings"] == "infonce ntxent"
    assert words.attrs["flag_values"].dtype == words.dtype
    status = file["status"]
    assert status.attrs["flag_meanings"].split()[status[0]] == "complete"
    assert file["key/data.polarity"].attrs["flag_meanings"] == "[0.7,_1] [0.5,_1]"
    assert file["file"].asstr()[0].endswith(".h5")
PYTHON
    check "in h5py seeds are integers, and words have flag_values and flag_meanings" $?
fi
if $python -c 'import xarray, netCDF4' 2>/dev/null; then
    $python - table_of_t.h5 "whole/$1" <<'PYTHON'
import sys, xarray
table = xarray.open_dataset(sys.argv[1])
assert list(table.point.values) == list(range(1, 9)) and "status" in table and "file" in table
run = xarray.open_dataset(sys.argv[2], group="series")
assert "epoch" in run.loss.coords and run.epoch.dtype.kind == "i"
PYTHON
    check "xarray opens tables and runs" $?
fi

# ---- a folder that takes no files ----
$sweep -q name=sealed seed=1,2
cp -r results/sealed kept
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null && chmod -R a+rX "$dir" && chmod -R a-w results/sealed; then
    as="setpriv --reuid=65534 --regid=65534 --clear-groups"
else
    chmod -R a-w results/sealed
    as=""
fi
if $as test -r results/sealed/sweep.yaml; then
    $as $sweep name=sealed seed=1,2 2>err
    [ $? = 0 ] && grep -q "complete: 2 of 2 points" err
    check "a finished sweep in a read-only folder is complete" $?
    $as $sweep -q name=sealed seed=1,2,3 2>err
    [ $? = 2 ] && [ "$(wc -l <err)" = 1 ] && [ "$(bytes results/sealed)" = "$(bytes kept)" ]
    check "one with points to do is one error" $?
else
    echo "skipped: no user other than root can read here"
fi
chmod -R u+w results/sealed
