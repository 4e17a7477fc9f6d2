// Panels whose marks are trials: history, learning curves, front, timeline, and any two columns of them.
import { useMemo } from "preact/hooks";
import { html } from "danlu/html";
import { STATUSES } from "danlu/colors";
import { Canvas, beyond, frame, mark, ring } from "danlu/canvas";
import { Choose, Panel, Scale, outside, scaleOf } from "danlu/panel";
import { among, show } from "danlu/format";
import { duration, nums } from "danlu/numbers";
import { inside, span } from "danlu/range";
import { t } from "danlu/words";

const of = (found) => (found.total > found.numbers.length ? `${found.numbers.length} / ${found.total}` : "");
const hints = (...texts) => texts.filter(Boolean).join(" · ");

// The values of a metric of the goal in the sheet, NaN where a trial has none.
export function column(sheet, metric) {
  const at = Math.max(0, sheet.metrics.indexOf(metric));
  return { values: sheet.values.map((row) => Number(row[at] ?? NaN)), maximize: Boolean(sheet.maximize[at]), name: sheet.metrics[at] ?? "" };
}

export function History({ found, sheet, state, place, picks, go, open }) {
  const values = useMemo(() => nums(found.values), [found]);
  const shown = span(values, { maximize: found.maximize, ...scaleOf(place) });
  const valueless = sheet.numbers.filter((_, i) => STATUSES[sheet.statuses[i]] === "failed" && !found.numbers.includes(sheet.numbers[i]));
  const text = among(values);
  const draw = (context, width, height, colors) => {
    const all = [...found.numbers, ...valueless];
    const last = Math.max(...all, 1);
    const first = Math.min(...all, last - 1);
    const box = frame(context, width, height, colors, { x: { low: first, high: last, whole: true }, y: shown, xLabel: t("trial"), yLabel: found.metric, missing: valueless.length ? t("noValue") : "" });
    const marks = [...box.names];
    const put = (trial, value, status, size) => {
      context.fillStyle = colors.status[status];
      const [at, way] = value === null ? [null, 0] : inside(shown, value);
      const x = box.xAt(trial);
      let y = value === null ? box.strip : box.yAt(at);
      if (way) y = beyond(context, x, box, way);
      else mark(context, x, y, status, size);
      if (picks.includes(trial)) ring(context, x, y, colors);
      marks.push({ x, y, trial, text: `${t("trial")} ${trial} · ${value === null ? t("noValue") : text(value)} · ${t(status)}` });
    };
    found.numbers.forEach((trial, i) => put(trial, values[i], STATUSES[found.statuses[i]], 2.6));
    for (const trial of valueless) put(trial, null, "failed", 3);
    const bests = nums(found.best_values);
    context.strokeStyle = colors.best;
    context.lineWidth = 2;
    context.beginPath();
    found.best_numbers.forEach((trial, i) => {
      const [x, y] = [box.xAt(trial), box.yAt(inside(shown, bests[i])[0])];
      if (i) context.lineTo(x, box.yAt(inside(shown, bests[i - 1])[0]));
      else context.moveTo(x, y);
      context.lineTo(x, y);
    });
    if (bests.length) context.lineTo(box.right, box.yAt(inside(shown, bests[bests.length - 1])[0]));
    context.stroke();
    return marks;
  };
  const present = STATUSES.filter((name, code) => found.statuses.includes(code) || (name === "failed" && valueless.length));
  return html`<${Panel} name="history" state=${state} picture hint=${hints(of(found), outside(shown))} controls=${html`<${Scale} scale=${scaleOf(place)} log=${shown.log} go=${go} />`}>
    <${Canvas} draw=${draw} height=${250} open=${open} deps=${[found, sheet, place.log, place.whole, picks.join()]} label=${`${t("history")}: ${found.metric}, ${found.total} ${t("trials")}`} />
    <${Legend} statuses=${present} line="bestSoFar" />
  </>`;
}

// What an axis of curves is called: steps by what they are, where the study says so.
export const axisOf = (found, x) => (x === "step" ? (found.unit === "step" ? t("step") : found.unit) : x === "seconds" || x === "cost" ? t(`by_${x}`) : x);

export function Curves({ found, state, place, picks, go, open }) {
  const values = useMemo(() => found.lines.flatMap((line) => nums(line.values)), [found]);
  const shown = span(values, { maximize: found.goal === false ? null : found.maximize, ...scaleOf(place) });
  const text = among(values);
  const steps = found.x === "step";
  const draw = (context, width, height, colors) => {
    const places = found.lines.map((line) => nums(line.along));
    const known = places.flat().filter(Number.isFinite);
    const last = known.reduce((most, each) => Math.max(most, each), steps ? 1 : -Infinity);
    const first = known.reduce((least, each) => Math.min(least, each), steps ? last - 1 : Infinity);
    const x = !known.length ? { low: 0, high: 1 } : first < last ? { low: first, high: last, whole: steps } : { low: first - (Math.abs(first) || 1) / 2, high: first + (Math.abs(first) || 1) / 2 };
    const box = frame(context, width, height, colors, { x, y: shown, xLabel: axisOf(found, found.x), yLabel: found.metric });
    const marks = [...box.names];
    const told = among(known);
    found.lines.forEach((line, row) => {
      const status = STATUSES[line.status];
      const best = line.trial === found.best;
      context.strokeStyle = context.fillStyle = best ? colors.best : colors.status[status];
      context.lineWidth = best || picks.includes(line.trial) ? 2.5 : 1;
      context.beginPath();
      let end = null;
      line.steps.forEach((step, i) => {
        const value = Number(line.values[i]);
        const place = places[row][i];
        if (!Number.isFinite(value) || !Number.isFinite(place)) return;
        const [at, way] = inside(shown, value);
        const point = [box.xAt(place), box.yAt(at)];
        if (end) context.lineTo(...point);
        else context.moveTo(...point);
        end = [...point, way];
        marks.push({ x: point[0], y: point[1], trial: line.trial, text: `${t("trial")} ${line.trial} · ${axisOf(found, "step")} ${step}${steps ? "" : ` · ${axisOf(found, found.x)} ${told(place)}`} · ${text(value)} · ${t(status)}` });
      });
      context.stroke();
      if (end?.[2]) beyond(context, end[0], box, end[2]);
      else if (end && (status === "stopped" || status === "paused" || status === "failed" || line.steps.length === 1)) mark(context, end[0], end[1], status);
    });
    return marks;
  };
  const names = found.metrics.includes(found.metric) || !found.metric ? found.metrics : [found.metric, ...found.metrics];
  const controls = html`${names.length > 1 && !found.fixed && html`<${Choose} label=${t("curveOf")} value=${found.metric} options=${names} onChange=${(curve) => go({ curve })} />`}
    <${Choose} label="x" value=${found.x} options=${found.xs} text=${(x) => axisOf(found, x)} onChange=${(cx) => go({ cx: cx === "step" ? undefined : cx })} />
    <${Scale} scale=${scaleOf(place)} log=${shown.log} go=${go} />`;
  if (state.name === "ready" && !found.lines.length && !Object.keys(place.filter).length && !place.curve) return null; // nobody reports steps: there is no such panel
  const present = STATUSES.filter((_, code) => found.lines.some((line) => line.status === code));
  return html`<${Panel} name="curves" state=${state.name === "ready" && !found.lines.length ? { name: "noCurves" } : state} picture controls=${controls} hint=${hints(found.total > found.lines.length ? `${found.lines.length} / ${found.total}` : "", outside(shown))}>
    <${Canvas} joined draw=${draw} height=${250} open=${open} deps=${[found, place.log, place.whole, picks.join()]} label=${`${t("curves")}: ${found.lines.length}, ${axisOf(found, found.x)}`} />
    <${Legend} statuses=${present} line=${found.lines.some((line) => line.trial === found.best) ? "best" : ""} />
  </>`;
}

const SHAPES = { running: "■", stopped: "▼", paused: "▲", failed: "✕" };
const Legend = ({ statuses, line }) => html`<p class="legend">${line && html`<span><b style=${{ color: "var(--best)" }} aria-hidden="true">━</b> ${t(line)}</span>`}
  ${statuses.map((name) => html`<span><b style=${{ color: `var(--${name})` }} aria-hidden="true">${SHAPES[name] || "●"}</b> ${t(name)}</span>`)}</p>`;

// Several goals: the trials that no other beats, by any two of the goals, and as a table.
export function Front({ found, head, state, place, picks, go, open }) {
  if (found.metrics.length < 2) return null;
  const x = found.metrics.includes(place.fx) ? place.fx : found.metrics[0];
  const y = found.metrics.includes(place.fy) && place.fy !== x ? place.fy : found.metrics.find((name) => name !== x);
  const [across, up] = [column(found, x), column(found, y)];
  const [wide, tall] = [across, up].map((each) => span(each.values, { maximize: each.maximize, whole: place.whole === "1", log: null }));
  const best = new Set(found.front);
  const arrow = (each) => `${each.name} ${each.maximize ? "↑" : "↓"}`;
  const draw = (context, width, height, colors) => {
    const box = frame(context, width, height, colors, { x: wide, y: tall, xLabel: arrow(across), yLabel: arrow(up) });
    const marks = [...box.names];
    const order = found.numbers.map((_, i) => i).sort((a, b) => best.has(found.numbers[a]) - best.has(found.numbers[b]));
    for (const i of order) {
      const trial = found.numbers[i];
      if (!Number.isFinite(across.values[i]) || !Number.isFinite(up.values[i])) continue;
      const top = best.has(trial);
      const status = STATUSES[found.statuses[i]];
      const [[vx, wx], [vy, wy]] = [inside(wide, across.values[i]), inside(tall, up.values[i])];
      context.fillStyle = top ? colors.best : colors.status[status];
      const [px, py] = [box.xAt(vx), box.yAt(vy)];
      if (wy) beyond(context, px, box, wy);
      else mark(context, px, py, top ? "done" : wx ? "stopped" : status, top ? 4.5 : 2.5);
      if (picks.includes(trial)) ring(context, px, py, colors);
      marks.push({ x: px, y: py, trial, text: `${t("trial")} ${trial} · ${show(across.values[i])}, ${show(up.values[i])}` });
    }
    return marks;
  };
  const pair = found.metrics.length > 2 && html`<${Choose} label="x" value=${x} options=${found.metrics} onChange=${(fx) => go({ fx, fy: fx === y ? x : y })} />
    <${Choose} label="y" value=${y} options=${found.metrics} onChange=${(fy) => go({ fy, fx: fy === x ? y : x })} />`;
  const rows = found.numbers.map((trial, i) => [trial, nums(found.values[i])]).filter(([trial]) => best.has(trial)).sort((a, b) => a[1][found.metrics.indexOf(x)] - b[1][found.metrics.indexOf(x)]);
  const texts = found.metrics.map((_, at) => among(rows.map(([, values]) => values[at])));
  const volume = head.front?.volume;
  return html`<${Panel} name="front" state=${state} picture controls=${pair} hint=${hints(`${head.front?.count ?? found.front.length} ${t("trials")}`, volume ? `${t("volume")} ${volume.toFixed(3)}` : "", outside({ above: wide.above + tall.above, below: wide.below + tall.below }))}>
    <${Canvas} draw=${draw} height=${250} open=${open} deps=${[found, x, y, place.whole, picks.join()]} label=${`${t("front")}: ${found.front.length}`} />
    <details><summary>${t("frontTable")}</summary><div class="scroll"><table class="fronted"><thead><tr><th>${t("trial")}</th>${found.metrics.map((name, at) => html`<th>${name} ${found.maximize[at] ? "↑" : "↓"}</th>`)}</tr></thead><tbody>
      ${rows.map(([trial, values]) => html`<tr><td><button type="button" class="link" onClick=${() => open(trial)}>${trial}</button></td>${values.map((value, at) => html`<td>${texts[at](value)}</td>`)}</tr>`)}</tbody></table></div>
      ${volume ? html`<p class="notice">${t("volumeHow")}</p>` : null}</details></>`;
}

export function Timeline({ found, state, open }) {
  const lanes = found.workers.length;
  const height = Math.min(320, 44 + 16 * Math.max(2, lanes));
  const draw = (context, width, tall, colors) => {
    const first = Math.min(...found.starts);
    const last = Math.max(...found.ends, first + 1e-6);
    const box = frame(context, width, tall, colors, { x: { low: first, high: last }, y: { low: 0, high: Math.max(1, lanes), places: [] }, xLabel: t("seconds") });
    const deep = (box.bottom - box.top) / Math.max(1, lanes);
    return found.numbers.map((trial, i) => {
      const [a, b] = [box.xAt(found.starts[i]), box.xAt(found.ends[i])];
      const top = box.top + deep * found.lanes[i];
      const status = STATUSES[found.statuses[i]];
      context.fillStyle = colors.status[status];
      context.fillRect(a, top + 1, Math.max(1, b - a - 0.5), Math.max(1, deep - 2));
      const text = `${t("trial")} ${trial} · ${t(status)} · ${duration(found.ends[i] - found.starts[i])} · ${found.workers[found.lanes[i]]}`;
      return { x: (a + b) / 2, y: top + deep / 2, trial, text };
    });
  };
  return html`<${Panel} name="timeline" state=${state} picture hint=${hints(of(found), `${t("workers")}: ${lanes}`)}>
    ${found.numbers.length > 0 && html`<${Canvas} draw=${draw} height=${height} open=${open} deps=${[found]} label=${`${t("timeline")}: ${lanes}`} />`}
  </>`;
}

// Any two columns against each other, colored by a third.
export function Scatter({ found, metric, state, place, picks, go, open }) {
  const names = [...found.metrics, ...found.axes.map((axis) => axis.name).filter((name) => !found.metrics.includes(name) && name !== "trial"), "trial"];
  const pick = (wanted, otherwise) => (names.includes(wanted) ? wanted : otherwise);
  const x = pick(place.sx, found.axes[0]?.name ?? "trial");
  const y = pick(place.sy, metric || names[0]);
  const z = pick(place.sc, "");
  const read = (name) => {
    if (found.metrics.includes(name)) {
      const { values, maximize } = column(found, name);
      const shown = span(values, { maximize, ...scaleOf(place) });
      return { values, axis: shown, inside: (value) => inside(shown, value), text: among(values), good: maximize ? 1 : -1, out: shown };
    }
    const at = name === "trial" ? -1 : found.axes.findIndex((axis) => axis.name === name);
    if (at < 0) return { values: found.numbers, axis: { low: 0, high: Math.max(1, ...found.numbers), whole: true }, inside: (value) => [value, 0], text: show, good: 1, out: {} };
    const units = found.units.map((row) => (typeof row[at] === "number" ? row[at] : NaN));
    return { values: units, axis: { low: -0.03, high: 1.03, places: found.axes[at].ticks }, inside: (value) => [value, 0], text: () => "", good: 1, out: {} };
  };
  const [across, up] = [read(x), read(y)];
  const hue = z ? read(z) : null;
  const ranks = hue && new Map([...new Set(hue.values.filter(Number.isFinite))].sort((a, b) => hue.good * (a - b)).map((value, at, all) => [value, all.length > 1 ? at / (all.length - 1) : 1]));
  const draw = (context, width, height, colors) => {
    const box = frame(context, width, height, colors, { x: across.axis, y: up.axis, xLabel: x, yLabel: y });
    const marks = [...box.names];
    found.numbers.forEach((trial, i) => {
      if (!Number.isFinite(across.values[i]) || !Number.isFinite(up.values[i])) return;
      const [[vx], [vy, way]] = [across.inside(across.values[i]), up.inside(up.values[i])];
      const status = STATUSES[found.statuses[i]];
      context.fillStyle = hue && ranks.has(hue.values[i]) ? colors.merit(ranks.get(hue.values[i])) : hue ? colors.dim : colors.status[status];
      const [px, py] = [box.xAt(vx), box.yAt(vy)];
      if (way) beyond(context, px, box, way);
      else mark(context, px, py, status, 3);
      if (picks.includes(trial)) ring(context, px, py, colors);
      marks.push({ x: px, y: py, trial, text: [`${t("trial")} ${trial}`, across.text(across.values[i]), up.text(up.values[i])].filter(Boolean).join(" · ") });
    });
    return marks;
  };
  const controls = html`<${Choose} label="x" value=${x} options=${names} onChange=${(sx) => go({ sx })} /><${Choose} label="y" value=${y} options=${names} onChange=${(sy) => go({ sy })} />
    <${Choose} label=${t("color")} value=${z} options=${names} none=${t("status")} onChange=${(sc) => go({ sc: sc || undefined })} />`;
  return html`<${Panel} name="scatter" state=${state} picture controls=${controls} hint=${hints(of(found), outside(up.out))}>
    <${Canvas} draw=${draw} height=${250} open=${open} deps=${[found, x, y, z, place.log, place.whole, picks.join()]} label=${`${t("scatter")}: ${x}, ${y}`} /></>`;
}
