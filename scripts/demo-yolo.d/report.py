#!/usr/bin/python3
"""report.py OUT - OUT/report.html from OUT/summary.json, curve.svg, pages/*.jpg and film.webm: one page that needs no other file."""
import base64
import html
import json
import os
import string
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
WORLD = {'night': 'dark, and the sensor is noisy', 'rain': 'a wet lens, mist, streaks',
         'tilt': 'the camera hangs crooked, its colours are off'}


def data_uri(path, kind):
    with open(path, 'rb') as f:
        return f'data:{kind};base64,' + base64.b64encode(f.read()).decode()


def svg(path):
    """The drawing itself, without the header that only a file of its own needs."""
    with open(path, encoding='utf-8') as f:
        text = f.read()
    return text[text.index('<svg'):]


def cell(value, best):
    return f'<td class="{"best" if best else ""}">{value:.1f}</td>'


def table(s):
    rows = []
    for edge, e in s['edges'].items():
        values = [e['stale'], e['alone'][edge], e['frozen'], e['full']]
        rows.append(f'<tr><th>{edge}<small>{html.escape(WORLD.get(edge, ""))}</small></th><td>{s["clean"]:.1f}</td>'
                    + ''.join(cell(v, v == max(values)) for v in values) + f'<td>{e["recovered"]:.0f} %</td></tr>')
    return '\n'.join(rows)


def cross_table(s):
    edges = list(s['edges'])
    models = [(f'alone on {name}', e['alone']) for name, e in s['edges'].items()]
    models.append(('together', {name: e['full'] for name, e in s['edges'].items()}))
    best = {d: max(values[d] for _, values in models) for d in edges}
    rows = [f'<tr><th>{name}</th>' + ''.join(cell(values[d], values[d] == best[d]) for d in edges) + '</tr>'
            for name, values in models]
    return '<tr><th></th>' + ''.join(f'<th>{d}</th>' for d in edges) + '</tr>\n' + '\n'.join(rows)


def price(s):
    """The sentence about what one model for all costs."""
    most = max(e['alone'][name] - e['full'] for name, e in s['edges'].items())
    if most <= 0:
        return 'The common model beats every edge alone even at home. Away from home:'
    return f'At home a model of an edge\'s own is up to {most:.1f} points better than the common one. Away from home it is lost:'


def saved(s):
    """The sentence about time."""
    t, n = s['seconds'], s['target_round']
    per_round = (f'{t["auto"]:.2f} s a round with <b>auto</b>, {t["sequential"]:.2f} s with <b>sequential</b> '
                 f'(pull all, compute, push all), {t["sequential"] / t["auto"]:.2f} times as long')
    if n is None:
        return f'{per_round}. {s["goal"]} % of the loss was not won back on every edge in {s["rounds"]} rounds.'
    return (f'{per_round}. All three edges had won back {s["goal"]} % of their loss after {n} rounds: '
            f'<b>{n * t["auto"]:.0f} s</b> with auto, <b>{n * t["sequential"]:.0f} s</b> with sequential.')


def main(out):
    with open(os.path.join(out, 'summary.json'), encoding='ascii') as f:
        s = json.load(f)
    edges = s['edges'].values()
    pictures = '\n'.join(
        f'<h3>{edge} <small>{html.escape(WORLD.get(edge, ""))}</small></h3>'
        f'<img alt="{edge}: the first four test pictures, before and after" src="{data_uri(f"{out}/pages/frames-{edge}.jpg", "image/jpeg")}">'
        for edge in s['edges'])
    values = {
        'quick': '<p class="note">A quick run: little training, on few pictures. The full run is the one to judge by.</p>'
                 if s['mode'] != 'full' else '',
        'clean': f'{s["clean"]:.0f}', 'low': f'{min(e["stale"] for e in edges):.0f}', 'high': f'{max(e["stale"] for e in edges):.0f}',
        'after_low': f'{min(e["full"] for e in edges):.0f}', 'after_high': f'{max(e["full"] for e in edges):.0f}',
        'recovered': f'{min(e["recovered"] for e in edges):.0f}', 'rounds': s['rounds'], 'race': s['race'], 'every': s['every'],
        'up_mbit': s['up_mbit'], 'megabytes': f'{s["bytes"] / 1e6:.2f}', 'parameters': f'{s["bytes"] // 4:,}', 'saved': saved(s), 'goal': s['goal'],
        'clean_after': f'{s["clean_after"]:.1f}', 'frozen_seconds': f'{s["seconds"]["frozen"]:.2f}',
        'ratio': f'{s["seconds"]["sequential"] / s["seconds"]["auto"]:.2f}', 'table': table(s), 'cross': cross_table(s),
        'price': price(s),
        'curve': svg(f'{out}/curve.svg'), 'pictures': pictures, 'film': data_uri(f'{out}/film.webm', 'video/webm'),
    }
    with open(os.path.join(HERE, 'report.html'), encoding='utf-8') as f:
        page = string.Template(f.read()).substitute(values)
    with open(f'{out}/report.html.part', 'w', encoding='utf-8') as f:
        f.write(page)
    os.rename(f'{out}/report.html.part', f'{out}/report.html')


if len(sys.argv) != 2:
    sys.exit('usage: report.py OUT')
main(sys.argv[1])
