# compare.awk - do two Darknets compute the same? awk -f compare.awk [-v all=1] OURS.tsv FORK.tsv
# One line per difference past its tolerance, then one line that sums up; exits 1 if there was a difference. all=1:
# also how far each layer is off.
#   file    floats and checksum of the .weights file: equal
#   head    each value and the norm, relative to the output's root mean square: OUTPUT
#   boxes   as many to 1 % + 2; each of the fork's surest is here with its class, within 1 pixel and .01 of probability
#           (boxes of random weights are larger than the picture: then within a thousandth)
#   loss    of each round: LOSS, relative
#   change  of each layer's weights (w), biases and scales (b), rolling statistics (s): the correlation over all
#           layers, each weighed alike, and each layer's own, from projections
BEGIN {
    FS = "\t"
    if (!OUTPUT) OUTPUT = 1e-4
    if (!LOSS) LOSS = .005
    if (!CORRELATION) CORRELATION = .999
    if (!LAYER) LAYER = .98
    if (!PIXELS) PIXELS = 128
}
function abs(x) { return x < 0 ? -x : x }
function wrong(text) { print "  " text; bad++ }
FNR == 1 { side++ }
side == 1 && $1 == "box" { n_ours++; ours_box[n_ours] = $0; next }
side == 1 {
    key = $1 == "file" || $1 == "boxes" ? $1 : $1 == "change" ? $1 " " $2 " " $3 : $1 " " $2
    ours[key] = $0
    next
}
$1 == "file" {
    split(ours["file"], o)
    if (o[2] != $2) wrong("the .weights file has " o[2] " floats, the fork's " $2)
    else if (o[3] != $3) wrong("the .weights file has the fork's length and other content")
}
$1 == "layer" || $1 == "head" {
    if ($1 == "head") heads++
    k = ours[$1 " " $2]
    if (k == "") { wrong($1 " " $2 " is missing"); next }
    split(k, o)
    if (o[3] != $3) { wrong($1 " " $2 " has " o[3] " outputs, the fork's " $3); next }
    size = $5 > 0 ? $5 : 1e-30
    off = abs(o[5] - $5) / size
    if (all) printf "  %s %d: norm off by %.1e, sum by %.1e of the norm\n", $1, $2, off, abs(o[4] - $4) / size
    if ($1 == "layer") next
    mean = 0
    for (i = 6; i <= NF; i++) mean += $i * $i
    mean = sqrt(mean / (NF - 5)) + 1e-30
    for (i = 6; i <= NF; i++) {
        d = abs(o[i] - $i) / (abs($i) > mean ? abs($i) : mean)
        if (!(d <= off)) off = d
    }
    if (!(off <= worst_output)) worst_output = off
    if (!(off <= OUTPUT)) wrong(sprintf("head %d is off by %.1e", $2, off))
}
$1 == "boxes" {
    boxes_rows++
    split(ours["boxes"], o)
    if (abs(o[2] - $2) > .01 * $2 + 2) wrong("boxes: " o[2] ", the fork's " $2)
}
$1 == "box" {
    found = 0
    for (b = 1; b <= n_ours && !found; b++) {
        split(ours_box[b], o)
        found = o[2] == $2 && abs(o[3] - $3) <= .01
        for (i = 4; i <= 7 && found; i++) found = abs(o[i] - $i) * PIXELS <= 1 + .001 * abs($i) * PIXELS
    }
    boxes++
    if (found) kept++
}
$1 == "loss" {
    losses++
    split(ours[$1 " " $2], o)
    off = abs(o[3] - $3) / (abs($3) > 1e-9 ? abs($3) : 1e-9)
    if (!(off <= worst_loss)) worst_loss = off
    if (!(off <= LOSS)) wrong(sprintf("loss of round %d is %s, the fork's %s: off by %.2f %%", $2, o[3], $3, 100 * off))
}
$1 == "change" {
    changes++
    k = ours["change " $2 " " $3]
    if (k == "") { wrong("change of layer " $2 " " $3 " is missing"); next }
    split(k, o)
    if ($4 == 0 || o[4] == 0) {
        if ($4 + o[4] > 0) wrong("layer " $2 " " $3 " changes by " o[4] ", the fork's by " $4)
        next
    }
    ab = aa = bb = 0
    for (i = 5; i <= NF; i++) { ab += o[i] * $i; aa += o[i] * o[i]; bb += $i * $i }
    r = aa * bb > 0 ? ab / sqrt(aa * bb) : 0
    ratio = o[4] / $4
    if (all) printf "  layer %d %s: norm x %.4f, correlation %.5f\n", $2, $3, ratio, r
    sum_ab[$3] += ab / bb; sum_aa[$3] += aa / bb; sum_bb[$3] += 1
    if (!(r >= LAYER) || !(abs(ratio - 1) <= 1 - LAYER + .01))
        wrong(sprintf("layer %d %s: change x %.3f, correlation %.4f", $2, $3, ratio, r))
}
END {
    if (!heads && !boxes_rows || !losses || !changes) wrong("the fork's numbers are not whole")
    if (boxes > kept + boxes * .1) wrong("of the fork's " boxes " surest boxes only " kept + 0 " are here")
    text = sprintf("outputs %.1e, boxes %d of %d, losses %.2f %%", worst_output, kept, boxes, 100 * worst_loss)
    for (t in sum_ab) {
        r = sum_ab[t] / sqrt(sum_aa[t] * sum_bb[t])
        text = text sprintf(", %s %.5f", t, r)
        if (!(r >= CORRELATION)) wrong(sprintf("changes %s correlate by %.5f", t, r))
    }
    print (bad ? "differs: " : "same: ") text
    exit bad > 0
}
