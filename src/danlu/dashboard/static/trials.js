// Panels whose marks are trials: history, learning curves, front, timeline.
import { useMemo } from "preact/hooks";
import { html } from "danlu/html";
import { BEST, STATUS, STATUSES } from "danlu/colors";
import { Canvas, frame, mark } from "danlu/canvas";
import { Choose, Nothing, Panel } from "danlu/panel";
import { duration, nums, ofManySizes, range, show } from "danlu/numbers";
import { Lines, stepped } from "danlu/uplot";
import { t } from "danlu/words";

export function History({ found, open }) {
  const shown = useMemo(() => {
    const values = nums(found.values);
    const log = ofManySizes(values);
    const best = [];
    let at = 0;
    for (const number of found.numbers) {
      while (at + 1 < found.best_numbers.length && found.best_numbers[at + 1] <= number) at += 1;
      best.push(found.best_numbers.length && found.best_numbers[at] <= number ? found.best_values[at] : null);
    }
    const present = STATUSES.map((name, code) => [name, code]).filter(([, code]) => found.statuses.includes(code));
    const series = present.map(([name]) => ({
      label: t(name), stroke: STATUS[name], width: 0, paths: () => null, points: { show: true, size: 5, fill: STATUS[name] },
    }));
    series.push({ label: t("bestSoFar"), stroke: BEST, width: 2, points: { show: false }, paths: stepped, spanGaps: true });
    const columns = present.map(([, code]) => values.map((value, i) => (found.statuses[i] === code ? value : null)));
    return { data: [found.numbers, ...columns, best], series, log, range: log ? null : range(values, false) };
  }, [found]);
  if (!found.numbers.length) return html`<${Panel} name="history"><${Nothing} /></>`;
  return html`<${Panel} name="history" hint=${found.total > found.numbers.length ? `${found.numbers.length} / ${found.total}` : ""}>
    <${Lines} ...${shown} xLabel=${t("trial")} yLabel=${found.metric} onPick=${open}
      label=${`${t("history")}: ${found.metric}, ${found.total} ${t("trials")}`} />
  </>`;
}

export function Curves({ found, metric, go, open }) {
  const draw = (context, width, height, colors) => {
    const values = found.lines.flatMap((line) => nums(line.values));
    const log = ofManySizes(values);
    const [low, high] = range(values, log);
    const last = Math.max(1, ...found.lines.map((line) => line.steps[line.steps.length - 1]));
    const first = Math.min(...found.lines.map((line) => line.steps[0]), last - 1);
    const box = frame(context, width, height, colors, { x: { low: first, high: last }, y: { low, high, log }, xLabel: t("step"), yLabel: found.metric });
    const marks = [];
    context.save();
    context.beginPath();
    context.rect(box.left, box.top - 4, box.right - box.left + 8, box.bottom - box.top + 4);
    context.clip();
    for (const line of found.lines) {
      const status = STATUSES[line.status];
      const best = line.trial === found.best;
      context.strokeStyle = context.fillStyle = best ? BEST : STATUS[status];
      context.globalAlpha = best ? 1 : 0.5;
      context.lineWidth = best ? 2.5 : 1;
      context.beginPath();
      let drawn = false;
      let end = null;
      line.steps.forEach((step, i) => {
        const value = Number(line.values[i]);
        if (!Number.isFinite(value) || (log && value <= 0)) return;
        end = [box.xAt(step), box.yAt(value)];
        if (drawn) context.lineTo(...end);
        else context.moveTo(...end);
        drawn = true;
        marks.push({ x: end[0], y: end[1], trial: line.trial, text: `${t("trial")} ${line.trial} · ${t("step")} ${step} · ${show(value)} · ${t(status)}` });
      });
      context.stroke();
      context.globalAlpha = 1;
      if (end && (status === "stopped" || status === "paused" || line.steps.length === 1)) mark(context, ...end, status);
    }
    context.restore();
    return marks;
  };
  const names = metric && !found.metrics.includes(metric) ? [metric, ...found.metrics] : found.metrics;
  const choose = names.length > 1 && html`<${Choose} label=${t("metric")} value=${found.metric} options=${names} onChange=${(value) => go({ metric: value })} />`;
  return html`<${Panel} name="curves" controls=${choose} hint=${found.total > found.lines.length ? `${found.lines.length} / ${found.total}` : ""}>
    ${found.lines.length ? html`<${Canvas} draw=${draw} height=${250} open=${open} deps=${[found]} label=${`${t("curves")}: ${found.lines.length}`} /><${Legend} />` : html`<${Nothing} />`}
  </>`;
}

const Legend = () => html`<p class="legend">${[[BEST, "━", "best"], [STATUS.done, "━", "done"], [STATUS.stopped, "▼", "endedEarly"], [STATUS.running, "━", "running"]].map(
  ([color, shape, word]) => html`<span><b style=${{ color: color }} aria-hidden="true">${shape}</b> ${t(word)}</span>`)}</p>`;

export function Front({ found, open }) {
  if (found.metrics.length < 2) return null;
  const draw = (context, width, height, colors) => {
    const x = found.values.map((row) => Number(row[0] ?? NaN));
    const y = found.values.map((row) => Number(row[1] ?? NaN));
    const [xl, xh] = range(x, false);
    const [yl, yh] = range(y, false);
    const box = frame(context, width, height, colors, { x: { low: xl, high: xh }, y: { low: yl, high: yh }, xLabel: arrow(found, 0), yLabel: arrow(found, 1) });
    const best = new Set(found.front);
    const marks = [];
    found.numbers.forEach((trial, i) => {
      if (!Number.isFinite(x[i]) || !Number.isFinite(y[i])) return;
      const top = best.has(trial);
      context.fillStyle = top ? BEST : STATUS[STATUSES[found.statuses[i]]];
      context.globalAlpha = top ? 1 : 0.45;
      mark(context, box.xAt(x[i]), box.yAt(y[i]), top ? "done" : STATUSES[found.statuses[i]], top ? 4.5 : 3);
      marks.push({ x: box.xAt(x[i]), y: box.yAt(y[i]), trial, text: `${t("trial")} ${trial} · ${show(x[i])}, ${show(y[i])}` });
    });
    context.globalAlpha = 1;
    return marks;
  };
  return html`<${Panel} name="front"><${Canvas} draw=${draw} height=${250} open=${open} deps=${[found]} label=${`${t("front")}: ${found.front.length}`} /></>`;
}

const arrow = (found, at) => `${found.metrics[at]} ${found.maximize[at] ? "↑" : "↓"}`;

export function Timeline({ found, open }) {
  const lanes = found.workers.length;
  const height = Math.min(320, 44 + 16 * Math.max(2, lanes));
  const draw = (context, width, tall, colors) => {
    const first = Math.min(...found.starts);
    const last = Math.max(...found.ends, first + 1e-6);
    const box = frame(context, width, tall, colors, { x: { low: first, high: last }, y: { low: 0, high: Math.max(1, lanes), ticks: [] }, xLabel: t("seconds"), yLabel: t("workers") });
    const deep = (box.bottom - box.top) / Math.max(1, lanes);
    return found.numbers.map((trial, i) => {
      const [a, b] = [box.xAt(found.starts[i]), box.xAt(found.ends[i])];
      const top = box.top + deep * found.lanes[i];
      const status = STATUSES[found.statuses[i]];
      context.fillStyle = STATUS[status];
      context.fillRect(a, top + 1, Math.max(1, b - a - 0.5), Math.max(1, deep - 2));
      const text = `${t("trial")} ${trial} · ${t(status)} · ${duration(found.ends[i] - found.starts[i])} · ${found.workers[found.lanes[i]]}`;
      return { x: (a + b) / 2, y: top + deep / 2, trial, text };
    });
  };
  return html`<${Panel} name="timeline" hint=${found.total > found.numbers.length ? `${found.numbers.length} / ${found.total}` : ""}>
    ${found.numbers.length ? html`<${Canvas} draw=${draw} height=${height} open=${open} deps=${[found]} label=${`${t("timeline")}: ${lanes}`} />` : html`<${Nothing} />`}
  </>`;
}
