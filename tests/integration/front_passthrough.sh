#!/bin/bash
# Commands that are not ours reach the packaged program unchanged; ours do not.
. "$(dirname "$0")/lib_front.sh"

"$darknet" ops /usr/share/darknet/cfg/tiny.cfg > ours 2> ours.err
ours_status=$?
/usr/bin/darknet ops /usr/share/darknet/cfg/tiny.cfg > packaged 2> packaged.err
check "ops: same output" cmp ours packaged
check "ops: same messages" cmp ours.err packaged.err
check "ops: same exit status" test "$ours_status" -eq $?

cat > echo.sh <<'S'
#!/bin/sh
printf '<%s>' "$0" "$@"
exit 7
S
chmod +x echo.sh
out=$(cd / && DARKNET_PACKAGED=$work/echo.sh "$darknet" nightmare x 'a b' -thresh .3 '' -i 0)
status=$?
check "arguments and status pass through" test "$status" -eq 7
case $out in
*'<nightmare><x><a b><-thresh><.3><><-i><0>') ok "each argument as it was" ;;
*) not_ok "each argument as it was" "$out" ;;
esac
DARKNET_PACKAGED=/nowhere "$darknet" rnn train x 2> err
check "packaged program missing: status" test $? -eq 1
check "packaged program missing: remedy" grep -q '^darknet: .*rnn.*apt-get install darknet' err
DARKNET_PACKAGED=$darknet "$darknet" rnn train x 2> err
check "installed in the packaged program's place" grep -q '^darknet: .*install it elsewhere' err
DARKNET_PACKAGED=$work/echo.sh "$darknet" rnn train x -dynacomm tcp://cloud:7700 2> err > out
check "-dynacomm is not lost on the way" sh -c 'test $1 -eq 1 && grep -q "^darknet: -dynacomm" err' - $?
check "help" sh -c '"$1" help | grep -q -- -dynacomm' - "$darknet"
"$darknet" > out 2> err
check "no command: usage and status" test $? -eq 1 -a -s err

# Flags of other programs, and before the command, do not stop a run.
classifier_data
classifier_cfg
"$darknet" -i 0 classifier -dont_show train c.data c.cfg -map -gpus 0,1 -mjpeg_port 8090 -rounds 1 > out 2> err
check "flags anywhere, and those of forks" test $? -eq 0 -a -s backup/c.weights
check "a note for each" test "$(grep -c '^darknet: ' err)" -eq 3
finish
