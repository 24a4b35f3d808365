#!/bin/bash
# No success without work: a command, subcommand or flag that nobody reads ends with one line and a status; flags in the
# order and spelling of the darknet forks, and -log.
. "$(dirname "$0")/lib_front.sh"

# refused NAME WORDS ARGS... - darknet ARGS fails with one line on stderr that holds every word of WORDS (by |)
refused()
{
    local name=$1 words=$2 word status
    shift 2
    env -u DISPLAY -u WAYLAND_DISPLAY -u QT_QPA_PLATFORM "$darknet" "$@" > out 2> err < /dev/null
    status=$?
    [ "$status" -eq 1 ] || { not_ok "$name" "status $status: $(head -c 400 err)"; return; }
    [ "$(wc -l < err)" -eq 1 ] || { not_ok "$name" "not one line: $(head -c 400 err)"; return; }
    [ -s out ] && { not_ok "$name" "printed $(head -c 200 out)"; return; }
    local IFS='|'
    for word in "darknet: " $words; do
        grep -qF -- "$word" err || { not_ok "$name" "no '$word' in: $(cat err)"; return; }
    done
    ok "$name"
}

detector_data
printf 'cat\ndog\n' > names
{ echo "names = $PWD/names"; echo "valid = $PWD/d.list"; } >> d.data

refused "unknown command" "detecter|detector" detecter train d.data d.cfg
refused "unknown subcommand" "xyz|train" detector xyz d.data d.cfg
refused "unknown subcommand, few words" "xyz" detector xyz
refused "no subcommand" "train" detector
refused "flags only" "command" -gpus 0
refused "the forks' draw" "draw" detector draw d.data d.cfg x.weights x.jpg
refused "help with arguments" "x" help x
refused "a packaged command's unknown flag" "-sede" rnn train x -sede 3
refused "a packaged command without arguments" "usage|partial" partial
refused "a packaged command with one too many" "usage|ops" ops d.cfg d.cfg
refused "a packaged command's unknown subcommand" "xyz|generate" rnn xyz x
refused "a packaged command's missing file" "nowhere.cfg" ops nowhere.cfg
refused "a packaged command's number" "usage|many" speed d.cfg many
refused "imtest without a display" "imtest|display" imtest "$photos/dog.jpg"
refused "visualize without a display" "visualize|display" visualize d.cfg
sed 's/^\[maxpool\]/[maxpool]\nantialiasing=1/' d.cfg > forks.cfg
refused "a fork's cfg for the packaged program" "forks.cfg|antialiasing" ops forks.cfg
refused "-log nowhere" "-log|nowhere/output.log" detector -log nowhere/output.log train d.data d.cfg
refused "-log without a file" "-log" detector train d.data d.cfg -log
refused "-log for the packaged program" "-log" ops d.cfg -log output.log
sed -e 's/^\[yolo\]/[region]/; /^mask=/d; /^ignore_thresh/d; /^truth_thresh/d; s/^num=.*/num=2/; s/^anchors=.*/anchors=10,14, 23,27/' d.cfg > region.cfg
refused "[region] in the packaged dialect" "region.cfg line|[region]|-dialect forks" detector train d.data region.cfg
refused "a value for a flag that takes none" "-map" detector train d.data d.cfg -map=1

# hank-ai's README
"$darknet" detector -gpus 0 -verbose -log output.log -map -dont_show train d.data d.cfg -rounds 3 -seed 1 > out 2> err
check "hank-ai's order trains: status" test $? -eq 0
check "hank-ai's order trains: weights" test -s backup/d_final.weights -a -s backup/d_best.weights
check "-log has the rounds" grep -q '^3: ' output.log
check "-log has the mAP" grep -q 'mean average precision' output.log
check "-log has stderr" grep -q '^darknet: -gpus 0' output.log
check "-log has all that stdout has" test -z "$(grep -vxFf output.log out)"
"$darknet" detector train d.data d.cfg -rounds 1 -log output.log > out 2> err
check "-log starts anew" sh -c 'grep -q "^1: " output.log && ! grep -q "^2: " output.log'
"$darknet" detector train d.data nowhere.cfg -log output.log > out 2> err
check "-log has why a run ended" grep -q '^darknet: .*nowhere.cfg' output.log
"$darknet" detector train d.data d.cfg -rounds 2 -quiet -log output.log > out 2> err
check "-quiet is about the screen" sh -c 'grep -q "^2: " output.log && ! grep -q "^2: " out'
"$darknet" detector train d.data d.cfg -rounds 2 -dynacomm local:2 -log output.log > out 2> err
check "-log with workers here" test "$(grep -c '^2: ' output.log)" -eq 1

# make install keeps away from the packaged program
mkdir -p there/usr/bin
echo packaged > there/usr/bin/darknet
make -s -C "$root" BUILD="$build" install DESTDIR="$PWD/there" PREFIX=/usr PACKAGED_PROGRAM="$PWD/there/usr/bin/darknet" \
    > out 2> err
check "install in the packaged program's place" sh -c 'test $1 -ne 0 && grep -q "take another PREFIX" err' - $?
check "install: the packaged program is untouched" grep -qx packaged there/usr/bin/darknet
make -s -C "$root" BUILD="$build" install DESTDIR="$PWD/there" PREFIX=/usr/local \
    PACKAGED_PROGRAM="$PWD/there/usr/bin/darknet" > out 2> err
check "install elsewhere" test $? -eq 0 -a -x there/usr/local/bin/darknet

# spelling
"$darknet" --Dont-Show detector --iouthresh=.4 -THRESHOLD .3 --mapEpochs 1 train d.data d.cfg -map -rounds 1 > out 2> err
check "flags in other spellings" sh -c 'test $1 -eq 0 && grep -q "mAP@0.40" out && grep -q "conf_thresh = 0.30" out' - $?
finish
