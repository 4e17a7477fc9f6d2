// Parallel coordinates: a line a trial; dragging along an axis selects a stretch of it, for all panels.
import { useRef, useState } from "preact/hooks";
import { html } from "danlu/html";
import { Arrange, arranged, moved, turnedOver } from "danlu/axes";
import { STATUSES } from "danlu/colors";
import { Canvas, FONT, beyond, line, mark } from "danlu/canvas";
import { labels, ticks } from "danlu/format";
import { All, Panel, outside, ranked, scaleOf } from "danlu/panel";
import { stretchesOf, termOf } from "danlu/numbers";
import { inside, span } from "danlu/range";
import { apart, fitted, named } from "danlu/text";
import { column } from "danlu/trials";
import { t } from "danlu/words";

const TOP = 26;
const BOTTOM = 34; // the axes end above the place of what is not set
const HEIGHT = 290;
const LEAST = 66; // pixels from axis to axis: where there are more than fit, the panel is scrolled

// A metric as one more axis, over the values that are shown of it.
function metricAxis(found, name, scale) {
  const { values, maximize } = column(found, name);
  const shown = span(values, { maximize, ...scale, edge: 0.02 });
  const f = shown.log ? Math.log : (value) => value / 2;
  const place = (value) => (f(value) - f(shown.low)) / (f(shown.high) - f(shown.low));
  const marks = shown.empty ? [] : ticks(shown.low, shown.high, { log: shown.log, most: 5 });
  const texts = shown.empty ? [] : labels(marks);
  const axis = { name, kind: "float", log: shown.log, low: shown.low, high: shown.high, ticks: marks.map((value, at) => [place(value), texts[at]]) };
  const places = values.map((value) => (Number.isFinite(value) ? place(inside(shown, value)[0]) : null));
  return { axis, values, maximize, shown, places, ways: values.map((value) => (Number.isFinite(value) ? inside(shown, value)[1] : 0)) };
}

export function Parallel({ found, insight, metric, filter, state, place, picks, select, open, focus, go }) {
  const [all, setAll] = useState(false);
  const [drag, setDrag] = useState(null);
  const [carried, setCarried] = useState(null);
  const wrap = useRef(null);
  if (state.name !== "ready" || !found.axes.length) return html`<${Panel} name="parallel" wide state=${state} />`;
  const goals = [...found.metrics.filter((name) => name !== metric), metric].filter(Boolean).map((name) => metricAxis(found, name, scaleOf(place)));
  const main = goals[goals.length - 1];
  const shown = ranked(found.axes, insight, all, filter);
  const searched = new Set(found.axes.map((axis) => axis.name));
  const unit = (i, at) => (typeof found.units[i][at] === "number" ? found.units[i][at] : null);
  const every = new Map([
    ...shown.map((at) => [found.axes[at].name, { axis: found.axes[at], place: (i) => unit(i, at) }]),
    ...goals.map((each) => [searched.has(each.axis.name) ? `${each.axis.name} (metric)` : each.axis.name, { axis: each.axis, place: (i) => each.places[i], goal: each }]),
  ]);
  const keys = [...every.keys()];
  const { shown: order, flipped } = arranged(keys, place);
  const columns = order.map((key) => every.get(key));
  const axes = columns.map(({ axis }, at) => (flipped.has(order[at]) ? { ...axis, ticks: axis.ticks.map(([tick, label]) => [1 - tick, label]) } : axis));
  const turn = (at, value) => (value !== null && flipped.has(order[at]) ? 1 - value : value); // also back
  const mainAt = columns.findIndex((each) => each.goal === main);
  const least = 90 + LEAST * (axes.length - 1);
  const xOf = (at, width) => 46 + (at * (width - 116)) / Math.max(1, axes.length - 1);
  const yOf = (unit) => (unit === null ? HEIGHT - 10 : HEIGHT - BOTTOM - unit * (HEIGHT - TOP - BOTTOM));
  const unitOf = (y) => Math.min(1, Math.max(0, (HEIGHT - BOTTOM - y) / (HEIGHT - TOP - BOTTOM)));
  const absent = found.numbers.some((_, i) => columns.some((each) => each.place(i) === null));

  const draw = (context, width, height, colors) => {
    const better = main.maximize ? 1 : -1;
    const value = (i) => (Number.isFinite(main.values[i]) ? better * main.values[i] : -Infinity);
    const ranking = found.numbers.map((_, i) => i).sort((a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : 0)); // the best are drawn last
    const marks = [];
    const rim = { top: yOf(1), bottom: yOf(0) };
    ranking.forEach((i, rank) => {
      const share = ranking.length > 1 ? rank / (ranking.length - 1) : 1;
      const trial = found.numbers[i];
      const status = STATUSES[found.statuses[i]];
      const known = Number.isFinite(main.values[i]);
      context.strokeStyle = context.fillStyle = picks.includes(trial) ? colors.text : known ? colors.merit(share) : colors.status[status];
      context.lineWidth = picks.includes(trial) ? 3 : share > 0.98 ? 2 : share > 0.5 ? 1 : 0.75;
      context.beginPath();
      columns.forEach((each, at) => {
        const [x, y] = [xOf(at, width), yOf(turn(at, each.place(i)))];
        if (at) context.lineTo(x, y);
        else context.moveTo(x, y);
        marks.push({ x, y, trial, quiet: share <= 0.5 && known, text: `${t("trial")} ${trial} · ${axes[at].name}` });
      });
      context.stroke();
      columns.forEach(({ goal }, at) => {
        if (goal?.ways[i]) beyond(context, xOf(at, width), rim, flipped.has(order[at]) ? -goal.ways[i] : goal.ways[i]);
      });
      if (!known) mark(context, xOf(mainAt < 0 ? axes.length - 1 : mainAt, width), yOf(null), status, 3);
    });
    context.textBaseline = "middle";
    if (absent) {
      context.font = FONT;
      context.fillStyle = colors.dim;
      context.textAlign = "left";
      context.fillText(fitted(context, t("notSet"), 42), 0, yOf(null));
    }
    const gap = axes.length > 1 ? xOf(1, width) - xOf(0, width) : width - 40;
    axes.forEach((axis, at) => {
      const x = xOf(at, width);
      context.strokeStyle = colors.text;
      context.lineWidth = 1;
      line(context, x, yOf(0), x, yOf(1));
      context.fillStyle = colors.text;
      context.textAlign = "center";
      context.font = `600 ${FONT}`;
      const name = fitted(context, axis.name, gap - 6);
      const half = context.measureText(name).width / 2;
      const middle = Math.min(width - half - 1, Math.max(x, half + 1));
      context.fillText(name, middle, 9);
      marks.push({ x: middle, y: 9, text: axis.name });
      context.font = FONT;
      context.textAlign = "left";
      const texts = axis.ticks.map(([unit, label]) => ({ at: -yOf(unit), size: 11, label }));
      for (const { at: up, label } of apart(texts.sort((a, b) => a.at - b.at), 2)) {
        const text = named(context, label, at === axes.length - 1 ? width - x - 6 : gap - 10);
        context.fillStyle = colors.paper;
        context.globalAlpha = 0.8;
        context.fillRect(x + 3, -up - 6, context.measureText(text).width + 3, 12);
        context.globalAlpha = 1;
        context.fillStyle = colors.dim;
        context.fillText(text, x + 4, -up);
        if (text !== label) marks.push({ x: x + 20, y: -up, text: label });
      }
      const stretches = () => stretchesOf(columns[at].axis, filter[axis.name]).map(([low, high]) => (flipped.has(order[at]) ? [1 - high, 1 - low] : [low, high]));
      const brushed = drag && drag.at === at ? [[Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)]] : filter[axis.name] ? stretches() : [];
      for (const [low, high] of brushed) {
        context.strokeStyle = context.fillStyle = colors.best;
        context.lineWidth = 2;
        context.globalAlpha = 0.25;
        context.fillRect(x - 7, yOf(high), 14, Math.max(2, yOf(low) - yOf(high)));
        context.globalAlpha = 1;
        context.strokeRect(x - 7, yOf(high), 14, Math.max(2, yOf(low) - yOf(high)));
      }
    });
    if (carried) {
      context.fillStyle = colors.best;
      context.textAlign = "center";
      context.font = `600 ${FONT}`;
      context.fillText(fitted(context, carried.name, 160), Math.min(width - 40, Math.max(40, carried.x)), 20);
      line(context, carried.x, TOP, carried.x, yOf(0));
    }
    return drag || carried ? [] : marks;
  };

  // A name that is dragged takes its axis along; one that is only pressed turns it over.
  const carry = (event, at, box) => {
    event.preventDefault();
    const start = event.clientX;
    let away = 0;
    const move = (to) => {
      away = Math.max(away, Math.abs(to.clientX - start));
      if (away > 6) setCarried({ name: axes[at].name, x: to.clientX - box.left });
    };
    const up = (to) => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", up);
      setCarried(null);
      if (away <= 6) go(turnedOver(place, order[at]));
      else go(moved(keys, place, order[at], order.filter((key, other) => other !== at && xOf(other, box.width) < to.clientX - box.left).length));
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", up);
    return true;
  };
  const down = (event) => {
    const canvas = wrap.current.querySelector("canvas");
    const box = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    if (y < 18) {
      const gap = axes.length > 1 ? xOf(1, box.width) - xOf(0, box.width) : box.width;
      const named = axes.findIndex((_, i) => Math.abs(xOf(i, box.width) - x) < gap / 2);
      return named < 0 ? false : carry(event, named, box);
    }
    const at = axes.findIndex((_, i) => Math.abs(xOf(i, box.width) - x) < 14);
    if (at < 0) return false;
    event.preventDefault();
    const from = unitOf(y);
    let to = from;
    setDrag({ at, from, to });
    const move = (moved) => {
      to = unitOf(moved.clientY - box.top);
      setDrag({ at, from, to });
    };
    const up = () => {
      removeEventListener("pointermove", move);
      removeEventListener("pointerup", up);
      setDrag(null);
      const { axis } = columns[at];
      const ends = [turn(at, from), turn(at, to)];
      select(axis.name, Math.abs(to - from) < 0.02 ? "" : termOf(axis, Math.min(...ends), Math.max(...ends)));
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", up);
    return true;
  };
  const names = html`<span class="axes">${axes.length <= 12 && axes.map((axis) => html`<button type="button" title=${axis.name} onClick=${() => focus(axis.name)}>${axis.name}</button>`)}</span><${Arrange} names=${keys} place=${place} go=${go} /><${All} count=${found.axes.length} all=${all} set=${setAll} />`;
  const hint = [t("brush"), outside(goals.reduce((sum, { shown: each }) => ({ above: sum.above + each.above, below: sum.below + each.below, nowhere: sum.nowhere + each.nowhere }), { above: 0, below: 0, nowhere: 0 }))].filter(Boolean).join(" · ");
  return html`<${Panel} name="parallel" wide state=${state} picture hint=${hint} controls=${names}>
    <div class="scroll" ref=${wrap}><${Canvas} joined draw=${draw} height=${HEIGHT} least=${least} open=${open} onDown=${down} deps=${[found, filter, drag, carried, order.join(), [...flipped].join(), metric, place.log, place.whole, picks.join()]}
      label=${`${t("parallel")}: ${found.numbers.length} ${t("trials")}, ${axes.map((axis) => axis.name).join(", ")}`} /></div>
  </>`;
}
