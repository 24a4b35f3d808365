#!/usr/bin/python3
"""claims.py SUMMARY.json - holds what scripts/demo-yolo measured against what it claims; one line and exit status 1 if it fails.

A full run claims that the new domains cost the stale model at least 25 points on every edge, that retraining together wins at
least 80 % of that back on every edge, and that the common model does better on the other edges' domains than one that an edge
trained alone. A quick run claims that at least 50 % is won back on every edge, a brief one that retraining together gains points
there; all, that auto is no slower than sequential.
"""
import json
import statistics
import sys

LOSS, RECOVERED, RECOVERED_QUICK, GAIN = 25, 80, 50, 5
NOISE = 1.02


def claims(s):
    """[(what is claimed, whether it holds)]"""
    found = []
    for name, e in s['edges'].items():
        others = [d for d in s['edges'] if d != name]
        alone = statistics.mean(e['alone'][d] for d in others)
        common = statistics.mean(s['edges'][d]['full'] for d in others)
        if s['mode'] == 'full':
            found += [(f"{name}: stale {e['stale']:.1f} % is {LOSS} points under the clean {s['clean']:.1f} %",
                       e['stale'] <= s['clean'] - LOSS),
                      (f"{name}: together wins back {e['recovered']:.0f} %, at least {RECOVERED} %", e['recovered'] >= RECOVERED),
                      (f"{name}: on the others' domains together {common:.1f} % beats alone {alone:.1f} %", common > alone)]
        elif s['mode'] == 'quick':
            found.append((f"{name}: together wins back {e['recovered']:.0f} %, at least {RECOVERED_QUICK} %",
                          e['recovered'] >= RECOVERED_QUICK))
        else:
            found.append((f"{name}: together {e['full']:.1f} % is {GAIN} points over stale {e['stale']:.1f} %",
                          e['full'] >= e['stale'] + GAIN))
    t = s['seconds']
    found.append((f"auto's {t['auto']:.3f} s per round are no more than sequential's {t['sequential']:.3f}",
                  t['auto'] <= NOISE * t['sequential']))
    return found


with open(sys.argv[1], encoding='ascii') as file:
    all_claims = claims(json.load(file))
for text, holds in all_claims:
    print(f"    {'holds' if holds else 'FAILS'}  {text}")
failed = [text for text, holds in all_claims if not holds]
if failed:
    sys.exit(f'demo-yolo: {len(failed)} of {len(all_claims)} claims fail: {"; ".join(failed)}')
