'use strict';
/* Asks /status once a second and draws it. Text from the server only ever becomes textContent. */
const POLL_MS = 1000, ANSWER_MS = 4000, SVG = 'http://www.w3.org/2000/svg';
const $ = id => document.getElementById(id);
let seen = null, seenAt = 0, gone = false, log = true, whose = 0, drawn = '', asking = false, answers = 0;

/* ---- words for numbers ---- */
const known = x => typeof x === 'number' && isFinite(x);
const or = (x, words) => known(x) ? words(x) : '–';
const digits = (x, n = 3) => x === 0 ? '0' : Math.abs(x) >= 10 ** n ? Math.round(x).toLocaleString('en') : Number(x.toPrecision(n)).toString();
const count = x => x.toLocaleString('en');
function bytes(n) {
  for (const [size, unit] of [[1e12, 'TB'], [1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB']])
    if (n >= size) return digits(n / size) + ' ' + unit;
  return n + ' B';
}
const rate = Bps => Bps > 0 ? (Bps * 8 >= 1e9 ? digits(Bps * 8e-9) + ' Gbit/s' : digits(Bps * 8e-6) + ' Mbit/s') : '–';
const short = s => s >= 1 ? digits(s) + ' s' : s >= 1e-3 ? digits(s * 1e3) + ' ms' : s > 0 ? digits(s * 1e6) + ' µs' : '–';
function long(s) {
  if (s < 60) return Math.round(s) + ' s';
  const two = n => String(Math.floor(n)).padStart(2, '0');
  if (s >= 48 * 3600) return digits(s / 86400) + ' days';
  return s < 3600 ? Math.floor(s / 60) + ':' + two(s % 60) + ' min' : Math.floor(s / 3600) + ':' + two(s % 3600 / 60) + ' h';
}
const percent = x => digits(x * 100, x < 0.1 ? 2 : 3) + ' %';

/* ---- elements ---- */
function el(name, attributes = {}, ...children) {
  const e = attributes.svg ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (key !== 'svg') e.setAttribute(key, value);
  e.append(...children);
  return e;
}
const draw = (name, attributes, ...children) => el(name, { svg: true, ...attributes }, ...children);
function set(id, text) { if ($(id).textContent !== text) $(id).textContent = text; }

/* ---- curves ---- */
function ticks(least, most, about) {
  const rough = (most - least) / about || 1, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find(f => f * power >= rough), all = [];
  for (let x = Math.ceil(least / step - 1e-9) * step; x <= most + step * 1e-9; x += step) all.push(Math.abs(x) < step / 1e6 ? 0 : x);
  return all;
}
function logTicks(least, most) {
  const all = [];
  for (let e = Math.floor(Math.log10(least)); e <= Math.ceil(Math.log10(most)); e++)
    for (const f of most / least > 100 ? [1] : [1, 2, 5]) all.push(f * 10 ** e);
  const inside = all.filter(x => x >= least * 0.999 && x <= most * 1.001);
  return inside.length > 1 ? inside : ticks(least, most, 4);
}

/* points: [round, elapsed, mean, least, most]. A curve of the mean, a band over the workers. */
function chart(box, points, { logarithmic, low, high, words }) {
  if (points.length === 0) {
    box.replaceChildren(el('p', { class: 'quiet' }, 'No report has arrived yet.'));
    return;
  }
  const width = Math.max(280, box.clientWidth), height = 250, left = 52, right = 12, top = 8, bottom = 26;
  const x0 = points[0][0], x1 = Math.max(points.at(-1)[0], x0 + 1);
  let y0 = Math.min(...points.map(p => p[3])), y1 = Math.max(...points.map(p => p[4]));
  logarithmic = logarithmic && y0 > 0;
  const room = logarithmic ? (y1 / y0) ** 0.04 : (y1 - y0) * 0.04; /* so that the curve does not lie on the axis */
  [y0, y1] = logarithmic ? [y0 / room, y1 * room] : [y0 - room, y1 + room];
  if (low !== undefined) y0 = low;
  if (high !== undefined) y1 = high;
  if (y1 <= y0) [y0, y1] = logarithmic ? [y0 / 1.2, y1 * 1.2] : [y0 - Math.abs(y0 || 1) / 5, y1 + Math.abs(y1 || 1) / 5];
  const f = logarithmic ? Math.log : v => v;
  const x = v => left + (v - x0) / (x1 - x0) * (width - left - right);
  const y = v => top + (f(y1) - f(v)) / (f(y1) - f(y0)) * (height - top - bottom);
  const svg = draw('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img' });
  for (const v of logarithmic ? logTicks(y0, y1) : ticks(y0, y1, 5))
    svg.append(draw('line', { class: 'grid', x1: left, x2: width - right, y1: y(v), y2: y(v) }),
      draw('text', { x: left - 7, y: y(v) + 4, 'text-anchor': 'end' }, digits(v)));
  for (const v of ticks(x0, x1, width / 110))
    svg.append(draw('text', { x: x(v), y: height - 7, 'text-anchor': 'middle' }, count(v)));
  const at = (p, k) => x(p[0]).toFixed(1) + ',' + y(p[k]).toFixed(1);
  svg.append(draw('polygon', { class: 'band', points: points.map(p => at(p, 4)).join(' ') + ' ' + points.toReversed().map(p => at(p, 3)).join(' ') }),
    draw('polyline', { class: 'curve', 'data-points': points.length, points: points.map(p => at(p, 2)).join(' ') }));
  if (points.length < 30) for (const p of points) svg.append(draw('circle', { class: 'dot', cx: x(p[0]), cy: y(p[2]), r: 2.6 }));
  const hair = draw('g', {});
  svg.append(hair);
  svg.onpointermove = e => {
    const round = x0 + (e.offsetX * width / box.clientWidth - left) / (width - left - right) * (x1 - x0);
    const p = points.reduce((a, b) => Math.abs(b[0] - round) < Math.abs(a[0] - round) ? b : a);
    const right_half = x(p[0]) > width / 2;
    hair.replaceChildren(draw('line', { class: 'hair', x1: x(p[0]), x2: x(p[0]), y1: top, y2: height - bottom }),
      draw('circle', { class: 'dot', cx: x(p[0]), cy: y(p[2]), r: 4 }),
      draw('text', { x: x(p[0]) + (right_half ? -8 : 8), y: top + 12, 'text-anchor': right_half ? 'end' : 'start' },
        `round ${count(p[0])}: ${words(p[2])}` + (p[4] > p[3] ? ` (${words(p[3])} to ${words(p[4])})` : '') + `, after ${long(p[1])}`));
  };
  svg.onpointerleave = () => hair.replaceChildren();
  box.replaceChildren(svg);
}

/* ---- the parts of the page ---- */
function notices(s) {
  const all = [], say = (kind, text) => all.push(el('p', { class: 'notice ' + kind }, text));
  const ago = long((Date.now() - seenAt) / 1000);
  if (s && s.insecure) say('bad', 'Insecure: whoever reaches the server can take part, read the model and change it; nothing is encrypted.');
  if (!s) say('bad', 'The server does not answer.');
  else if (s.state === 'finished') say('good', `The run is finished: ${count(s.round)} rounds in ${long(s.elapsed_s)}.` + (gone ? ' The server has ended; these are its last figures.' : ''));
  else if (s.state === 'failed') say('bad', `The run has ended: ${s.line}.` + (gone ? ' The server has ended; these are its last figures.' : ''));
  else if (gone) say('bad', `The server has not answered for ${ago}: it has ended, or the connection is cut. The figures are the last ones received.`);
  if (s && s.state === 'training' && !gone) {
    const part = s.workers.filter(w => ['training', 'lost'].includes(w.state)), lost = part.filter(w => w.state === 'lost');
    const least = Math.min(...part.map(w => w.round)), late = part.filter(w => w.round === least);
    lost.forEach(w => say('warn', `Waiting for worker ${called(w)}, lost ${long(w.lost_s)} ago, ${long(w.wait_left_s)} left.`));
    if (s.workers_here + lost.length < s.workers_least)
      say('warn', `Waiting for workers: ${s.workers_here} of at least ${s.workers_least} are here.`);
    part.forEach(w => { if (silent(w)) say('warn', `Worker ${called(w)} has sent no heartbeat for ${long(w.silent_s)}.`); });
    if (s.stalled_s > Math.max(5, 5 * s.round_s))
      say('warn', `Round ${count(s.round + 1)} has not been completed for ${long(s.stalled_s)}` +
        (late.length < part.length ? `: worker ${late.map(called).join(', ')} has sent nothing of it yet.` : ': all workers are at it.'));
    const by = s.held_up_by;
    if (by)
      say('', `Worker ${called(by)} holds up the others by ${short(by.seconds)} a round` +
        (by.own_s > 0 ? `: its ${by.cause} takes ${short(by.own_s)}, the others' ${short(by.others_s)}.` : '.'));
    if (s.loss_curve.points.length) part.forEach(w => { if (w.reported_s >= 0 && w.loss === null) say('bad', `Worker ${called(w)}'s loss is not a number any more.`); });
  }
  if (s && s.state === 'waiting' && !gone) {
    const here = s.workers.filter(w => w.state !== 'awaited').length;
    say('', `Waiting for ${s.workers.length - here} of ${s.workers.length} workers to join.`);
  }
  $('notices').replaceChildren(...all);
}

function tiles(s) {
  const sum = name => s.workers.reduce((a, w) => a + w[name], 0), maps = s.map_curve.points;
  const end = s.last_round ? `of ${count(s.last_round)}` : 'of all workers together';
  const all = [
    ['round', count(s.round), end + (s.saved_round ? `, saved ${count(s.saved_round)}` : '')],
    ['elapsed', long(s.elapsed_s), known(s.eta_s) ? `about ${long(s.eta_s)} to go` : s.state === 'finished' ? 'finished' : 'end not known'],
    ['a round takes', short(s.round_s), (s.local_steps > 1 || s.local_steps_auto ? `${s.local_steps} local step${s.local_steps === 1 ? '' : 's'}${s.local_steps_auto ? ' (auto)' : ''}, ` : '') + (s.rate ? `learning rate ${digits(s.rate)}` : ' ')],
    ['throughput', digits(sum('images_per_s')) + ' /s', 'images, all workers'],
    ['loss', or(s.loss, digits), 'mean of the workers'],
    ...(maps.length ? [['mAP', percent(maps.at(-1)[2]), `at round ${count(maps.at(-1)[0])}`]] : []),
    ['up', bytes(sum('up_bytes')), `${bytes(s.trained_bytes)} a round and worker`],
    ['down', bytes(sum('down_bytes')), `${s.layers} layers`]];
  $('tiles').replaceChildren(...all.map(([name, value, note]) => el('div', { class: 'tile' }, el('small', {}, name), el('b', { id: name === 'round' ? 'round' : 'tile-' + name.replaceAll(' ', '-') }, value), el('small', {}, note))));
  $('progress').hidden = !s.last_round;
  $('progress').firstElementChild.style.width = (s.last_round ? Math.min(100, 100 * s.round / s.last_round) : 0) + '%';
}

const called = w => w.name || String(w.rank);
const silent = w => w.state === 'training' && w.silent_s > 3; /* a heartbeat is due every second */
const columns = [
  ['worker', w => {
    const state = silent(w) ? 'silent' : w.state, since = silent(w) ? w.silent_s : w.since_s;
    return [el('span', { class: 'light ' + state, title: 'id ' + w.id }), (w.name ? `${w.rank} · ${w.name} · ${state}` : `${w.rank} · ${state}`) + (state === 'awaited' ? '' : ` for ${long(since)}`)];
  }],
  ['lost', w => w.losses ? count(w.losses) + '×' : '–'],
  ['round', w => count(w.round)],
  ['loss', w => or(w.loss, digits)],
  ['images/s', w => w.images_per_s > 0 ? digits(w.images_per_s) : '–'],
  ['of a round', w => {
    if (!known(w.wait_share)) return '–';
    const part = (kind, share) => el('i', { class: kind, style: `width:${Math.min(100, 100 * share)}%` });
    return [el('span', { class: 'share' }, part('compute', w.compute_s / w.round_s), part('wait', w.wait_share)), percent(w.wait_share) + ' waiting'];
  }],
  ['measured / predicted', w => w.round_s > 0 ? short(w.round_s) + ' / ' + short(w.predicted_s) : '–'],
  ['strategy', w => w.plans ? w.strategy : '–'],
  ['link up / down', w => rate(w.up_Bps) + ' / ' + rate(w.down_Bps)],
  ['rtt', w => short(w.rtt_s)],
  ['sent / received', w => bytes(w.up_bytes) + ' / ' + bytes(w.down_bytes)]];

function workers(s) {
  const table = $('workers');
  table.tHead.replaceChildren(el('tr', {}, ...columns.map(([name]) => el('th', {}, name))));
  table.tBodies[0].replaceChildren(...s.workers.map(w => el('tr', {}, ...columns.map(([name, cell]) => {
    const content = cell(w);
    return el('td', { 'data-of': name }, ...(Array.isArray(content) ? content : [content]));
  }))));
  const many = (n, one, more) => `${count(n)} ${n === 1 ? one : more}`;
  set('roster', `${s.workers_here} of ${s.workers_wanted} here; ${many(s.joins, 'join', 'joins')}, ${many(s.losses, 'loss', 'losses')}, ` +
    `${many(s.rejoins, 'return', 'returns')}, ${s.drops} dropped, ${many(s.restarts, 'restart of the server', 'restarts of the server')}, ` +
    `${many(s.rounds_held_up, 'round', 'rounds')} held up`);
  const select = $('whose'), ranks = s.workers.map(w => w.rank);
  if (select.dataset.ranks !== ranks.join()) {
    select.replaceChildren(...ranks.map(rank => el('option', { value: rank }, String(rank))));
    select.dataset.ranks = ranks.join();
    if (ranks.includes(whose)) select.value = whose; else whose = Number(select.value);
  }
}

/* The chart is a document with its own style: it lives in a shadow tree. */
const dark = '@media (prefers-color-scheme: dark){svg>rect:first-of-type{fill:transparent}text{fill:#e6e9ee}.tick{fill:#98a2b0}.lane{fill:#2a3038}.grid{stroke:#323841}.end{stroke:#e6e9ee}}svg{width:100%;height:auto;display:block}';
async function gantt(s) {
  const w = s.workers.find(w => w.rank === whose), want = `${whose}:${w ? w.plans : 0}`;
  if (!w || !w.plans) { set('plan-now', ''); return; }
  set('plan-now', `${w.strategy}${w.asked === 'auto' ? ' (picked by auto)' : ''}: ` +
    (w.strategy === 'duplex' ? `slices of ${bytes(w.slice_bytes)}` : `${w.pull_segments} pull and ${w.push_segments} push segments`) +
    `, predicted ${short(w.predicted_s)}, measured ${short(w.round_s)}, floor ${short(w.floor_s)}`);
  if (want === drawn) return;
  const answer = await fetch(`/plan.svg?worker=${whose}`, { signal: AbortSignal.timeout(ANSWER_MS) });
  if (!answer.ok) return;
  const chart_ = new DOMParser().parseFromString(await answer.text(), 'image/svg+xml').documentElement;
  const host = el('div', { 'data-bars': chart_.querySelectorAll('rect>title').length });
  host.attachShadow({ mode: 'open' }).append(document.importNode(chart_, true), el('style', {}, dark));
  $('gantt').replaceChildren(host);
  drawn = want;
}

function show(s) {
  set('model', s.model || 'no model yet');
  set('state', gone && s.state !== 'finished' ? 'gone' : s.state);
  $('state').className = 'pill ' + $('state').textContent;
  set('clock', `${s.workers_here} worker${s.workers_here === 1 ? '' : 's'}, ${s.images_per_round} images each a round`);
  document.title = `${s.model ? s.model + ' · ' : ''}${s.state === 'training' ? 'round ' + count(s.round) : s.state} · DynaComm`;
  document.body.classList.toggle('stale', gone && s.state !== 'finished');
  tiles(s);
  chart($('loss'), s.loss_curve.points, { logarithmic: log, words: digits });
  $('map-card').hidden = s.map_curve.points.length === 0;
  if (!$('map-card').hidden) chart($('map'), s.map_curve.points, { low: 0, high: 1, words: percent });
  set('loss-now', s.loss_curve.points.length ? 'mean of the workers; the band is from the least to the most' : '');
  workers(s);
  const list = s.events.toReversed();
  if ($('events').childElementCount !== list.length || $('events').firstElementChild.textContent !== list[0])
    $('events').replaceChildren(...list.map(line => el('li', {}, line)));
  set('version', 'dynacomm ' + s.version);
}

async function ask() {
  if (asking) return;
  asking = true;
  try {
    const answer = await fetch('/status', { cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS) });
    if (!answer.ok) throw new Error(answer.status);
    seen = await answer.json();
    seenAt = Date.now();
    gone = false;
    document.body.dataset.answers = ++answers;
    gantt(seen).catch(() => {}); /* the next answer tries again */
  } catch (e) {
    gone = true;
  }
  asking = false;
  if (seen) show(seen);
  notices(seen);
}

$('scale').onclick = () => { log = !log; set('scale', log ? 'log' : 'linear'); if (seen) show(seen); };
$('whose').onchange = e => { whose = Number(e.target.value); drawn = ''; ask(); };
addEventListener('resize', () => seen && show(seen));
ask();
setInterval(ask, POLL_MS);
