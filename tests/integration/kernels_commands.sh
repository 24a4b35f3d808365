#!/bin/bash
# Commands that use a trained network: the packaged program's results, through our kernels; mAP; profile; bad input.
. "$(dirname "$0")/lib_front.sh"
export OMP_WAIT_POLICY=passive

# close COLUMNS FILE FILE - same lines, numbers within one part in a thousand of the largest or .002
close_enough()
{
    perl -e 'my ($a, $b) = map { open my $f, "<", $_ or exit 1; [sort <$f>] } @ARGV;
        exit 1 if @$a != @$b || !@$a;
        for my $i (0 .. $#$a) {
            my @x = split /[ ,:%]+/, $a->[$i]; my @y = split /[ ,:%]+/, $b->[$i];
            exit 1 if @x != @y;
            for (0 .. $#x) {
                next if $x[$_] eq $y[$_];
                exit 1 if $x[$_] !~ /^-?[0-9.]+$/ || abs($x[$_] - $y[$_]) > .002 + .001 * abs($y[$_]);
            }
        }' "$1" "$2"
}

detector_data
printf 'dog\nbird\n' > d.names
printf '%s\n' "valid = $PWD/d.list" "names = $PWD/d.names" "results = $PWD/ours" >> d.data
sed "s|$PWD/ours|$PWD/theirs|" d.data > p.data
mkdir ours theirs
# As it was initialised, without batch norm's statistics, which a few rounds do not settle.
sed -i '/^batch_normalize/d; s/^learning_rate=.*/learning_rate=0.000001/' d.cfg
"$darknet" detector train d.data d.cfg -seed 3 -rounds 1 -quiet > /dev/null 2> err || not_ok "a network to test with" "$(tail -1 err)"
weights=backup/d.weights
[ -f $weights ] || weights=$(ls backup/*.weights | head -1)

"$darknet" detector valid d.data d.cfg "$weights" > /dev/null 2> err
check "detector valid: status" test $? -eq 0
# the packaged program reads four images at once, more than this list has: it is given the list twice
cat d.list d.list > p.list
sed -i "s|^valid = .*|valid = $PWD/p.list|" p.data
/usr/bin/darknet detector valid p.data d.cfg "$weights" > /dev/null 2>&1
for class in dog bird; do
    sort -u theirs/comp4_det_test_$class.txt > theirs/once
    check "detector valid: the packaged program's boxes, $class" close_enough ours/comp4_det_test_$class.txt theirs/once
done
check "detector valid: nothing half-written" sh -c '! ls ours/*.tmp 2> /dev/null'

"$darknet" detector test d.data d.cfg "$weights" images/dog.jpg -thresh .3 -out ours/p > ours/test 2> err
check "detector test: status" test $? -eq 0 -a -s ours/p.jpg
"$darknet" detector recall d.data d.cfg "$weights" > out 2> err
check "detector recall: three images, six objects" sh -c 'tail -1 err | grep -Eq "^ +2 +[0-9]+ +6"'

# detector map is the forks', and takes a cfg their way.
mkdir forks
"$darknet" detector valid <(sed "s|^results = .*|results = $PWD/forks|" d.data) d.cfg "$weights" -dialect forks > /dev/null 2> err
check "detector valid in the forks' dialect: other boxes" sh -c 'test $1 -eq 0 -a -s forks/comp4_det_test_dog.txt &&
    ! cmp -s forks/comp4_det_test_dog.txt ours/comp4_det_test_dog.txt' - $?
# One image whose best box is its only object: that class is found exactly.
head -1 d.list > one.list
sed "s|^valid = .*|valid = $PWD/one.list|" d.data > one.data
name=$(basename "$(cat one.list)" .jpg)
size=$(python3 - "$(cat one.list)" <<'P'
import struct, sys
data = open(sys.argv[1], "rb").read()
at = 2
while not 0xC0 <= data[at + 1] <= 0xC3:
    at += 2 + struct.unpack(">H", data[at + 2:at + 4])[0]
h, w = struct.unpack(">HH", data[at + 5:at + 9])
print(w, h)
P
)
grep "^$name " forks/comp4_det_test_dog.txt | sort -k2,2gr | awk -v size="$size" 'NR == 1 { split(size, s, " ");
    print 0, ($3 + $5 - 2) / 2 / s[1], ($4 + $6 - 2) / 2 / s[2], ($5 - $3) / s[1], ($6 - $4) / s[2] }' > "labels/$name.txt"
"$darknet" detector map one.data d.cfg "$weights" > map 2> err
check "detector map: status" test $? -eq 0
check "detector map: its one object is ranked first" grep -q '^class_id = 0, name = dog, ap = 100.00%.*TP = 1,' map
check "detector map: the mean over both classes" grep -q 'mean average precision (mAP@0.50) = 0.500000, or 50.00 %' map
"$darknet" detector map one.data d.cfg "$weights" -kernels stock > map.stock 2> err
check "detector map: the same with stock kernels" close_enough map map.stock

classifier_data
classifier_cfg
"$darknet" classifier train c.data c.cfg -seed 3 -rounds 6 -quiet > /dev/null 2> err || not_ok "a classifier to test with" "$(tail -1 err)"
weights=$(ls backup/c*.weights | head -1)
"$darknet" classifier valid c.data c.cfg "$weights" > ours/c 2> err
check "classifier valid: status" test $? -eq 0
/usr/bin/darknet classifier valid c.data c.cfg "$weights" > theirs/c 2> /dev/null
check "classifier valid: the packaged program's answers" close_enough ours/c theirs/c
image=$(head -1 train.list)
"$darknet" classifier predict c.data c.cfg "$weights" "$image" -t 3 > ours/p 2> err
/usr/bin/darknet classifier predict c.data c.cfg "$weights" "$image" -t 3 > theirs/p 2> /dev/null
check "classifier predict: the packaged program's answers" close_enough ours/p theirs/p
"$darknet" classifier predict c.data c.cfg "$weights" "$image" -t 3 -dialect forks > out 2> err
perl -ne 'printf "%5.2f%%: %s\n", 100 * $2, $1 if /^(\w+): ([0-9.]+)$/' out > forks/p
check "classifier predict in the forks' dialect: their lines" \
    sh -c 'grep -q "Predicted in [0-9.]* milli-seconds" out && test "$(wc -l < forks/p)" -eq 3'
check "classifier predict in the forks' dialect: the same answers" close_enough ours/p forks/p

"$darknet" profile d.cfg -batch 2 -steps 2 -o d.tsv > out 2> err
check "profile: table" grep -q 'gemm peak' out
check "profile: dynacomm plan reads it" sh -c '"$1" plan d.tsv --down 100mbit --up 100mbit > plan 2>&1' - "$dynacomm"
check "profile: header" sh -c 'grep -v "^#" d.tsv | head -1 | grep -q "^layer	type	bytes	fc_ms	bc_ms$"'

# bad_input NAME PATTERN ARGS... - one line that names the thing, status 1
bad_input()
{
    local name=$1 pattern=$2 status
    shift 2
    "$darknet" "$@" > out 2> err
    status=$?
    check "bad input: $name" sh -c 'test $1 -eq 1 && tail -1 err | grep -q "^darknet: .*$2"' - "$status" "$pattern"
}
bad_input "no weights" "usage" detector map d.data d.cfg
bad_input "weights missing" "nowhere.weights" detector map d.data d.cfg nowhere.weights
bad_input "threshold" "thresh" detector map d.data d.cfg "$weights" -thresh high
bad_input "no names" "names" detector valid c.data d.cfg "$(ls backup/d*.weights | head -1)"
bad_input "no such directory" "nowhere" detector valid <(sed "s|^results = .*|results = $PWD/nowhere|" d.data) d.cfg "$(ls backup/d*.weights | head -1)"
bad_input "another network's weights" "weights" classifier valid c.data c.cfg "$(ls backup/d*.weights | head -1)"
bad_input "profile without cfg" "usage" profile
bad_input "profile, batch" "batch" profile d.cfg -batch 0
finish
