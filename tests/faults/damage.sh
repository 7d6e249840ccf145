#!/bin/sh
# Result files that were damaged or truncated are named, and their points are run again; sound ones
# stay.
. tests/faults/faults.inc
sweep="$duet sweep -j 2 tiny.yaml seed=1:24:1"
$sweep -q --results whole
reference=$(bytes whole/tiny)
cp -r whole hurt
file=$(find whole -name '*.h5' | head -n 1)
size=$(wc -c <"$file")
[ "$(tail -c 15 "$file")" = "crc32 $(head -c -16 "$file" | gzip -c | tail -c 8 | head -c 4 | od -An -tx4 --endian=little | tr -d ' ')" ]
check "the checksum is the CRC-32 of gzip" $?

# ---- every kind of damage; of a checksum alone nothing is lost, see tests/cli/identity.sh ----
# Turn one bit of a file.
turn() {
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    printf "\\$(printf %o $((byte ^ $3)))" | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}
number=0
: >names
for file in $(find hurt -name '*.h5' | sort | head -n 20); do
    case $number in
    15) truncate -s 0 "$file" ;;
    16) truncate -s $((size / 2)) "$file" ;;
    17) truncate -s -17 "$file" ;;
    18) truncate -s -500 "$file" ;;
    19) echo "no HDF5" >"$file" ;;
    *) turn "$file" $((number * (size - 5) / 14)) $((1 << number % 8)) ;;
    esac
    echo "$file" >>names
    number=$((number + 1))
done
find hurt -name '*.h5' | sort | tail -n +21 | xargs stat -c '%n %i %Y' >sound
"$duet" collect hurt/tiny >out 2>err
[ $? = 1 ] && grep -q "^24 points: 4 complete, 20 unreadable" out && [ "$(wc -l <err)" = 20 ]
check "collect names all of them, code 1" $?
rm hurt/tiny/table.*
wrong=0
while read -r file; do
    "$duet" info "$file" >out 2>err
    [ $? = 2 ] && [ "$(wc -l <err)" = 1 ] && grep -q "^duet: $file: " err || wrong=$((wrong + 1))
done <names
check "info refuses each of them with one line, code 2 ($wrong)" $wrong
$sweep --results hurt -n 2>err
grep -q "work: 4 done, 20 to do" err && [ "$(bytes hurt/tiny)" != "$reference" ]
check "--dry-run counts them and leaves them" $?
$sweep --results hurt 2>err
[ $? = 0 ] && [ "$(bytes hurt/tiny)" = "$reference" ]
check "the sweep runs their points again: the bytes of an undisturbed sweep" $?
while read -r file; do
    grep -q "^duet: $file: .*; its point is run again$" err || echo "$file"
done <names >unnamed
[ ! -s unnamed ] && [ "$(grep -c 'its point is run again$' err)" = 20 ] && [ "$(grep -c 'point [0-9]*: .* loss' err)" = 20 ]
check "the sweep names each of them, and runs no other" $?
xargs stat -c '%n %i %Y' <<LIST | cmp -s - sound
$(cut -d ' ' -f 1 sound)
LIST
check "sound files stay as they are" $?
$sweep --results hurt 2>err
grep -q "work: 24 done, 0 to do" err && ! grep -q damaged err
check "then nothing is left to do" $?

# ---- two sweeps at once on damaged files, one killed ----
for file in $(find hurt -name '*.h5'); do turn "$file" 20000 4; done
$sweep -q -j 1 --results hurt 2>/dev/null &
first=$!
$sweep -q -j 1 --results hurt 2>/dev/null &
second=$!
await leased hurt/tiny 1
sleep 0.05
kill -9 $first
wait $first 2>/dev/null
wait $second
[ $? = 0 ] && [ "$(bytes hurt/tiny)" = "$reference" ]
check "two sweeps on damaged files, one killed: the same bytes" $?

# ---- a point that fails keeps its damaged file ----
slow="$duet sweep -q -j 1 tiny.yaml name=slow train.samples=6400 train.epochs=500 measure.every=1000 seed=1,2"
$slow --results whole
cp -r whole/slow hurt
file=$(find hurt/slow -name '*.h5' | head -n 1)
turn "$file" 20000 4
$slow --results hurt --limit 0.1 2>err
[ $? = 1 ] && grep -q "^duet: $file: .*its point is run again" err && ! "$duet" info "$file" >out 2>&1
check "a damaged file whose point fails is no result" $?
$slow --results hurt 2>err
[ $? = 0 ] && [ "$(bytes hurt/slow)" = "$(bytes whole/slow)" ]
check "and is made again by the next sweep" $?
