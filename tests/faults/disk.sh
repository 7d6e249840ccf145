#!/bin/sh
# A full disk, a folder that becomes read-only: one error, nothing half-written, and the same command
# goes on when the cause is gone.
if [ -z "${FAULTS_MOUNTS-}" ]; then
    for how in "unshare -m" "unshare -rm"; do
        if $how sh -c 'mount -t tmpfs -o size=64k none /mnt' 2>/dev/null; then
            FAULTS_MOUNTS=1 exec $how sh "$0"
        fi
    done
    echo "skipped: this user may mount nothing, so no disk can be filled"
    exit 0
fi
. tests/faults/faults.inc
sweep="$duet sweep -q -j 2 tiny.yaml seed=1:60:1"
$sweep --results whole
reference=$(bytes whole/tiny)
disk="$dir/disk"
mkdir "$disk"
mount -t tmpfs -o size=700k none "$disk"
trap 'cd "$here"; umount "$disk"; rm -rf "$dir"' EXIT

# The files that are there equal the undisturbed sweep's.
whole_files() {
    for file in "$1"/*.h5; do cmp -s "$file" whole/tiny/"$(basename "$file")" || return 1; done
}

# ---- full ----
$sweep --results "$disk" 2>err
code=$?
there=$(count "$disk")
[ $code = 2 ] && [ "$(wc -l <err)" = 1 ] &&
    grep -q "^duet: $disk/tiny/.*: cannot write: No space left on device; $there of 60 points are done, the same command goes on$" err
check "a full disk ends the sweep with one error: $(head -c 300 err)" $?
[ "$there" -ge 5 ] && [ "$there" -lt 30 ] && whole_files "$disk/tiny"
check "what was finished is whole ($there files)" $?
[ -z "$(left "$disk")" ] && [ -z "$(find "$disk" -name '*.failed')" ]
check "a full disk leaves nothing half-written: $(left "$disk" | head -n 3)" $?
$sweep --results "$disk" 2>err
[ $? = 2 ] && [ "$(wc -l <err)" = 1 ] && [ "$(count "$disk")" -ge "$there" ] && whole_files "$disk/tiny"
check "once more on the full disk: one error" $?
dd if=/dev/zero of="$disk/ballast" bs=1k 2>/dev/null
rm -f "$disk/tiny/sweep.yaml"
dd if=/dev/zero of="$disk/ballast2" bs=1k 2>/dev/null
$sweep --results "$disk" 2>err
[ $? = 2 ] && [ "$(wc -l <err)" = 1 ] && grep -q "No space left on device" err && [ -z "$(left "$disk")" ]
check "not one byte free: one error: $(head -c 200 err)" $?
rm "$disk"/ballast*
mount -o remount,size=20m "$disk"
$sweep --results "$disk" 2>err
[ $? = 0 ] && [ ! -s err ] && [ "$(bytes "$disk/tiny")" = "$reference" ]
check "with space again the same command completes: the same bytes" $?

# ---- collect and figures of a disk that fills ----
mount -o remount,size=$(($(du -sk "$disk" | cut -f 1) + 4))k "$disk"
"$duet" collect "$disk/tiny" >out 2>err
[ $? = 2 ] && [ "$(wc -l <err)" = 1 ] && grep -q "table.h5: cannot write: No space left" err && [ -z "$(left "$disk")" ] && ! [ -e "$disk/tiny/table.h5" ]
check "collect on a full disk: one error, no table" $?

# ---- read-only ----
read_only() {
    mount -o remount,ro "$disk" 2>/dev/null
}
mount -o remount,ro "$disk"
$sweep seed=1:61:1 --results "$disk" 2>err
[ $? = 2 ] && [ "$(wc -l <err)" = 1 ] && grep -q "Read-only file system" err
check "a read-only folder: one error: $(head -c 200 err)" $?
mount -o remount,rw,size=20m "$disk"
rm -r "$disk/tiny"
$sweep --results "$disk" 2>err &
pid=$!
await finished "$disk" 3
await read_only
wait $pid
code=$?
there=$(count "$disk")
[ $code = 2 ] && [ "$(wc -l <err)" = 1 ] && grep -q "Read-only file system; $there of 60 points are done" err
check "a folder that becomes read-only ends the sweep with one error: $(head -c 200 err)" $?
mount -o remount,rw "$disk"
$sweep --results "$disk" 2>err
[ $? = 0 ] && [ "$(bytes "$disk/tiny")" = "$reference" ]
check "writable again: the same bytes, nothing left over" $?

# ---- by permission, which root ignores ----
mkdir -p closed/tiny
cp whole/tiny/sweep.yaml closed/tiny
chmod -R a-w closed
chmod a+rx . && chmod a+r tiny.yaml
as=""
if [ "$(id -u)" = 0 ]; then
    as="setpriv --reuid=65534 --regid=65534 --clear-groups"
fi
if $as "$duet" list data >/dev/null 2>&1; then
    $as $sweep --results closed 2>err
    [ $? = 2 ] && [ "$(wc -l <err)" = 1 ] && grep -q "^duet: closed/tiny/.*Permission denied" err && [ "$(find closed -type f | wc -l)" = 1 ]
    check "a folder without permission: one error: $(head -c 200 err)" $?
else
    echo "skipped: no other user here who can run the program"
fi
chmod -R u+w closed
