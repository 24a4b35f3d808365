#!/bin/bash
# demo_yolo.sh - scripts/demo-yolo --brief: edges over the lab retrain a real detector and gain; the page, pictures and film are whole.
# Runs alone: it uses the lab, and both cores.
demo=demo-yolo
. "$(dirname "${BASH_SOURCE[0]}")/lib_demo.sh"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

check "an unknown option: one line" refused --fast --fast
check "a seed that is none: one line" refused "'many'" --seed many
check "a seed left out: one line" refused --seed --seed
check "a directory that Darknet would misread: one line" refused "--out takes" --quick --out "$out/my demo"
mkdir "$out/mine" && touch "$out/mine/holiday.png"
check "a directory with other things: one line" refused "did not make" --quick --out "$out/mine"
check "which are still there" test -e "$out/mine/holiday.png"
check "what was refused has written nothing" test ! -e "$out/my demo"

if ! "$root/scripts/netlab" --name "demo-yolo-probe-$$" run --edges 1 -- true > "$log.lab" 2>&1; then
    check "without a lab: one line" refused "no emulated network" --quick --out "$out/run"
    echo "skip demo-yolo: the run: no emulated network here: $(tail -n 1 "$log.lab")"
    exit "$failures"
fi
check "ends well, its own claims hold" run_demo --brief --out "$out/run"
check "the strategies' weights are compared" grep -q 'same weights as auto, bit for bit' "$log"
check "claims about three edges and the time" test "$(grep -c '^ *holds ' "$log")" -eq 4
check "no lab is left" test -z "$("$root/scripts/netlab" list | grep '^demo-yolo-[0-9]')"

# What was measured: every model on every edge, numbers that are percentages, and a page that says them.
cat > "$out/page.py" <<'PY'
import html.parser, json, re, sys
out = sys.argv[1]
summary = json.load(open(out + '/summary.json'))
text = open(out + '/report.html', encoding='utf-8').read()
open_tags = []


class Page(html.parser.HTMLParser):
    """Complains about anything that is fetched from elsewhere, and about tags left open."""
    alone = {'meta', 'img', 'br', 'link', 'path', 'use', 'circle', 'rect', 'stop'}

    def handle_starttag(self, tag, attributes):
        for key, value in attributes:
            assert key not in ('src', 'data', 'poster') or value.startswith('data:'), (tag, key, value[:60])
            assert 'href' not in key or value.startswith('#'), (tag, key, value[:60])
        assert tag not in ('script', 'link', 'iframe'), tag
        if tag not in self.alone:
            open_tags.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.alone:
            assert open_tags.pop() == tag, tag


Page().feed(text)
assert not open_tags, open_tags
assert not re.search(r'url\(\s*["\']?(?!#|data:)|@import|\$[a-z_]', text)
assert text.count('<svg') == 1 and text.count('data:image/jpeg') == 3 and text.count('data:video/webm') == 1
for edge in summary['edges'].values():
    for number in [edge['stale'], edge['full'], edge['frozen'], *edge['alone'].values()]:
        assert 0 <= number <= 100 and f'>{number:.1f}<' in text, number
PY
check "the page needs no other file and says what was measured" /usr/bin/python3 "$out/page.py" "$out/run"

cat > "$out/pictures.py" <<'PY'
import sys
import cv2
import numpy as np
out = sys.argv[1]
for name in ('frames', 'frames-night', 'frames-rain', 'frames-tilt', 'curve'):
    picture = cv2.imread(f'{out}/{name}.png')
    assert picture is not None and min(picture.shape[:2]) > 200 and np.std(picture) > 5, name
for name in ('film.avi', 'film.webm'):
    film, frames = cv2.VideoCapture(f'{out}/{name}'), []
    while len(frames) < 100:
        whole, frame = film.read()
        if not whole:
            break
        frames.append(frame.astype(int))
    assert len(frames) == 12 and frames[0].shape[1] > 1000, (name, len(frames))
    assert np.abs(frames[0] - frames[-1]).mean() > 2, f'{name} stands still'
assert open(f'{out}/curve.svg', encoding='utf-8').read().rstrip().endswith('</svg>')
PY
check "pictures and films open and show something" /usr/bin/python3 "$out/pictures.py" "$out/run"
finish
