#!/usr/bin/python3
"""summary.py OUT MODE GOAL RACE EVERY UP_MBIT - what scripts/demo-yolo measured, as OUT/summary.json, OUT/curve-EDGE.tsv and a table.

Reads OUT/map.tsv (model, round, domain, mAP in percent) and the first edge's logs. Seconds per round are the median over the
rounds that both strategies ran (from the sixth to RACE), so that both are of the same work. The target of an edge is
GOAL % of the way back from the stale model's mAP to what that model has in its own, clean domain.
"""
import json
import os
import re
import statistics
import sys

EDGES = ['night', 'rain', 'tilt']
WARM_UP = 5  # rounds until the first plans stand


def maps(out):
    """{(model, round, domain): percent}"""
    table = {}
    with open(os.path.join(out, 'map.tsv'), encoding='ascii') as f:
        for line in f:
            model, rounds, domain, percent = line.split('\t')
            table[model, int(rounds), domain] = float(percent)
    return table


def round_seconds(log, last):
    """The median duration of rounds WARM_UP + 1 to last, images waited for included."""
    loaded, seconds = 0.0, {}
    with open(log, encoding='utf-8') as f:
        for line in f:
            if line.startswith('Loaded:'):
                loaded = float(line.split()[1])
            found = re.match(r'(\d+): .* ([\d.]+) seconds,', line)
            if found:
                seconds[int(found[1])] = loaded + float(found[2])
    return statistics.median(s for n, s in seconds.items() if WARM_UP < n <= last)


def first_at(points, target):
    """The first round at which the curve has the target, or None."""
    return next((n for n, percent in points if percent >= target), None)


def curve(table, run, edge):
    """[(round, percent)], from the stale model on."""
    return [(0, table['stale', 0, edge])] + sorted((n, p) for (r, n, d), p in table.items() if r == run and d == edge)


def write_curve(out, edge, s, points, frozen):
    with open(os.path.join(out, f'curve-{edge}.tsv'), 'w', encoding='ascii') as f:
        f.write('# round mAP auto_s sequential_s frozen_mAP frozen_s clean target alone\n')
        for (n, percent), (_, cold) in zip(points, frozen):
            t = s['seconds']
            e = s['edges'][edge]
            f.write(f"{n} {percent} {n * t['auto']:.2f} {n * t['sequential']:.2f} {cold} {n * t['frozen']:.2f} "
                    f"{s['clean']} {e['target']:.2f} {e['alone'][edge]}\n")


def main(out, mode, goal, race, every, up_mbit):
    table = maps(out)
    rounds = max(n for model, n, _ in table if model == 'full')
    s = {'mode': mode, 'goal': goal, 'race': race, 'every': every, 'up_mbit': up_mbit, 'rounds': rounds, 'clean': table['stale', 0, 'clean'],
         'clean_after': table['full', rounds, 'clean'],
         'bytes': os.path.getsize(os.path.join(out, 'clean', 'folded.weights')) - 20,
         'seconds': {'auto': round_seconds(os.path.join(out, 'full', 'edge0.log'), race),
                     'sequential': round_seconds(os.path.join(out, 'race', 'edge0.log'), race),
                     'frozen': round_seconds(os.path.join(out, 'frozen', 'edge0.log'), race)},
         'edges': {}}
    for edge in EDGES:
        stale = table['stale', 0, edge]
        target = stale + goal / 100 * (s['clean'] - stale)
        s['edges'][edge] = {'stale': stale, 'full': table['full', rounds, edge], 'frozen': table['frozen', rounds, edge],
                            'alone': {d: table[f'alone-{edge}', rounds, d] for d in EDGES},
                            'recovered': 100 * (table['full', rounds, edge] - stale) / max(s['clean'] - stale, 1e-9),
                            'target': target, 'target_round': first_at(curve(table, 'full', edge), target)}
    reached = [s['edges'][e]['target_round'] for e in EDGES]
    s['target_round'] = None if None in reached else max(reached)
    for edge in EDGES:
        write_curve(out, edge, s, curve(table, 'full', edge), curve(table, 'frozen', edge))
    with open(os.path.join(out, 'summary.json'), 'w', encoding='ascii') as f:
        json.dump(s, f, indent=1)
    show(s)


def show(s):
    print(f"    clean pictures, stale model: {s['clean']:.1f} %")
    print(f"    {'edge':8} {'stale':>8} {'alone':>8} {'frozen':>8} {'all':>8} {'recovered':>10}")
    for edge, e in s['edges'].items():
        print(f"    {edge:8} {e['stale']:8.1f} {e['alone'][edge]:8.1f} {e['frozen']:8.1f} {e['full']:8.1f} {e['recovered']:8.0f} %")
    t, n = s['seconds'], s['target_round']
    print(f"    seconds per round: sequential {t['sequential']:.3f}, auto {t['auto']:.3f}, auto with a frozen backbone {t['frozen']:.3f}")
    if n is None:
        print(f"    {s['goal']} % of the loss was not won back on every edge in {s['rounds']} rounds")
    else:
        print(f"    {s['goal']} % of the loss won back on every edge after {n} rounds: sequential {n * t['sequential']:.0f} s, "
              f"auto {n * t['auto']:.0f} s")


if len(sys.argv) != 7:
    sys.exit('usage: summary.py OUT MODE GOAL RACE EVERY UP_MBIT')
main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
