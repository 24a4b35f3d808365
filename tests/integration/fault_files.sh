#!/bin/bash
# Files in other people's reach: temporary names that were laid out beforehand, what a killed server left, pipes where
# files should be, and two servers on one backup directory.
. "$(dirname "$0")/lib_fault.sh"
classifier_data
classifier_cfg max_batches=0

what="links at names that could be guessed"
mkdir store backup
echo precious > elsewhere
for name in c.backup c.state c_final.weights; do
    for pid in $(seq $$ $(($$ + 60))); do ln -s "$PWD/elsewhere" "store/$name.$pid.tmp"; done
    ln -s "$PWD/elsewhere" "store/$name.tmp"
done
ln -s "$PWD/elsewhere" backup/c_last.weights.tmp
server --workers 2 --backup store --backup-every 2 --timeout 3
worker 0 -rounds 4
worker 1 -rounds 4
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 1" "${worker_pid[1]}" 0
ended server "$server_pid" 0
check "$what: nobody's file was written" test "$(cat elsewhere)" = precious
check "$what: the weights are a file" test -f store/c_final.weights -a ! -L store/c_final.weights
check "$what: nothing half-written stays" test -z "$(find store backup -name '*.tmp' -type f)"
check "$what: the lock is gone" test ! -e store/.dynacomm.lock

what="a link at the name itself"
rm -rf store backup
mkdir store
ln -s "$PWD/elsewhere" store/c.state
server --workers 2 --backup store --fresh --timeout 3
worker 0 -rounds 2
worker 1 -rounds 2
ended server "$server_pid" 0
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 1" "${worker_pid[1]}" 0
check "$what: it is replaced, not followed" test "$(cat elsewhere)" = precious -a ! -L store/c.state

what="two servers on one backup directory"
rm -rf store backup
server --workers 2 --backup store --timeout 3
"$dynacomm" server --listen "ipc://$work/other" --workers 2 --backup store > second.out 2> second.err
check "$what: the second refuses" test $? -eq 1
said second.err "dynacomm server:" "another server (process $server_pid) works in the backup directory store|(--backup)"
check "$what: one line" test "$(cat second.out second.err | wc -l)" -eq 1

what="what a killed server left"
kill -KILL "$server_pid"
wait "$server_pid" 2> /dev/null
echo half > store/c.state.0123456789abcdef.tmp
echo mine > store/notes.tmp
server --workers 2 --backup store --timeout 3
check "$what: half a file is swept" test ! -e store/c.state.0123456789abcdef.tmp
check "$what: other files stay" test -e store/notes.tmp
kill "$server_pid"
wait "$server_pid"

what="half a file of a run alone"
mkdir -p backup
echo half > backup/c.backup.0123456789abcdef.tmp
"$darknet" classifier train c.data c.cfg -seed 3 -rounds 1 > out 2> err
check "$what: is swept" test $? -eq 0 -a ! -e backup/c.backup.0123456789abcdef.tmp

# refused NAME WORDS COMMAND... - ends with status 1 and one line with the words; a pipe without a writer must not hold it up
refused()
{
    local name=$1 words=$2 status
    shift 2
    "$@" > out 2> err
    status=$?
    check "$name: refused" test "$status" -eq 1
    check "$name: says '$words'" grep -qF -- "$words" err
}
mkfifo pipe.cfg pipe.data pipe.list pipe.weights pipe.tsv pictures/9999_cat.pgm
refused "cfg" "pipe.cfg: it is a pipe" "$darknet" classifier train c.data pipe.cfg
refused "data file" "pipe.data: it is a pipe" "$darknet" classifier train pipe.data c.cfg
refused "weights" "pipe.weights: it is a pipe" "$darknet" classifier train c.data c.cfg pipe.weights
refused "a device" "/dev/zero: it is a pipe or a device" "$darknet" classifier train c.data /dev/zero
sed "s,^train.*,train = $PWD/pipe.list," c.data > list.data
refused "list" "pipe.list: it is a pipe" "$darknet" classifier train list.data c.cfg
echo "$PWD/pictures/9999_cat.pgm" > one.list
sed "s,^train.*,train = $PWD/one.list," c.data > image.data
refused "image" "9999_cat.pgm: it is not a file" "$darknet" classifier train image.data c.cfg
refused "profile" "pipe.tsv: it is a pipe" "$dynacomm" plan pipe.tsv --down 1mbit --up 1mbit
refused "hosts" "pipe.tsv: it is a pipe" "$dynacomm" launch --hosts pipe.tsv -- true
refused "trace" "pipe.tsv: it is a pipe" "$dynacomm" trace pipe.tsv --svg round.svg
detector_data
rm labels/dog.txt && mkfifo labels/dog.txt
refused "label file" "labels/dog.txt: it is a pipe" "$darknet" detector train d.data d.cfg
"$dynacomm" plan <(cat "$root/tests/bench/profiles/resnet50.tsv") --down 1mbit --up 1mbit > out 2> err
check "a shell's <(command) is read" test $? -eq 0
rm -rf store && mkdir store && mkfifo store/c.state
server --workers 1 --backup store --timeout 3
"$darknet" classifier train c.data c.cfg -dynacomm "$url" -rounds 1 > out 2> err
check "a state: refused" test $? -eq 1
check "a state: says so" grep -q "store/c.state: it is a pipe" err
kill "$server_pid"
wait "$server_pid"
finish
