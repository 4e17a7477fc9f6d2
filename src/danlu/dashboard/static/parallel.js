// Parallel coordinates: a line a trial; dragging along an axis selects a stretch of it, for all panels.
import { useRef, useState } from "preact/hooks";
import { html } from "danlu/html";
import { viridis } from "danlu/colors";
import { Canvas, clipped, line } from "danlu/canvas";
import { All, Nothing, Panel, ranked } from "danlu/panel";
import { ofManySizes, range, show, stretchesOf, termOf } from "danlu/numbers";
import { t } from "danlu/words";

const TOP = 26;
const BOTTOM = 20;
const HEIGHT = 280;

// The metric as one more axis, from its worst to its best.
function metricAxis(found) {
  const values = found.values.map((row) => Number(row[0] ?? NaN));
  const log = ofManySizes(values);
  const [low, high] = range(values, log, 0);
  const place = (value) => (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));
  const ticks = [0, 0.5, 1].map((at) => [at, show(Number((log ? low * (high / low) ** at : low + at * (high - low)).toPrecision(3)))]);
  return { axis: { name: found.metrics[0], kind: "float", log, low, high, ticks }, places: values.map(place) };
}

export function Parallel({ found, insight, filter, select, open, focus }) {
  const [all, setAll] = useState(false);
  const [drag, setDrag] = useState(null);
  const wrap = useRef(null);
  if (!found.numbers.length || !found.axes.length) return html`<${Panel} name="parallel" wide><${Nothing} /></>`;
  const { axis: last, places } = metricAxis(found);
  const shown = ranked(found.axes, insight, all, filter);
  const axes = [...shown.map((at) => found.axes[at]), last];
  const xOf = (at, width) => 40 + (at * (width - 110)) / Math.max(1, axes.length - 1);
  const yOf = (unit) => HEIGHT - BOTTOM - unit * (HEIGHT - TOP - BOTTOM);
  const unitOf = (y) => Math.min(1, Math.max(0, (HEIGHT - BOTTOM - y) / (HEIGHT - TOP - BOTTOM)));

  const draw = (context, width, height, colors) => {
    const order = found.numbers.map((_, i) => i).filter((i) => Number.isFinite(places[i]));
    const better = found.maximize[0] ? 1 : -1;
    order.sort((a, b) => better * (places[a] - places[b])); // the best are drawn last
    const marks = [];
    order.forEach((i, rank) => {
      const share = order.length > 1 ? rank / (order.length - 1) : 1;
      context.strokeStyle = `rgb(${viridis(0.1 + 0.8 * share).join(" ")} / ${0.1 + 0.75 * share ** 3})`;
      context.lineWidth = share > 0.98 ? 2 : 1;
      context.beginPath();
      let before = false;
      const units = [...shown.map((at) => (typeof found.units[i][at] === "number" ? found.units[i][at] : null)), Math.min(1.02, Math.max(-0.02, places[i]))];
      units.forEach((unit, at) => {
        if (unit === null) {
          before = false;
          return;
        }
        const [x, y] = [xOf(at, width), yOf(unit)];
        if (before) context.lineTo(x, y);
        else context.moveTo(x, y);
        before = true;
        if (share > 0.5) marks.push({ x, y, trial: found.numbers[i], text: `${t("trial")} ${found.numbers[i]} · ${axes[at].name}` });
      });
      context.stroke();
    });
    context.textBaseline = "middle";
    axes.forEach((axis, at) => {
      const x = xOf(at, width);
      context.strokeStyle = colors.text;
      context.lineWidth = 1;
      line(context, x, yOf(0), x, yOf(1));
      context.fillStyle = colors.text;
      context.textAlign = "center";
      context.font = "600 11px system-ui, sans-serif";
      const name = clipped(axis.name, Math.max(8, Math.floor((width / axes.length) / 7)));
      context.fillText(name, Math.max(x, context.measureText(name).width / 2), 11);
      context.font = "10px system-ui, sans-serif";
      context.textAlign = "left";
      for (const [place, label] of axis.ticks) {
        const text = clipped(label, 10);
        const y = yOf(place);
        context.fillStyle = colors.paper;
        context.globalAlpha = 0.75;
        context.fillRect(x + 3, y - 6, context.measureText(text).width + 3, 12);
        context.globalAlpha = 1;
        context.fillStyle = colors.dim;
        context.fillText(text, x + 4, y);
      }
      const brushed = drag && drag.at === at ? [[Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)]] : filter[axis.name] ? stretchesOf(axis, filter[axis.name]) : [];
      for (const [low, high] of brushed) {
        context.fillStyle = "rgb(213 94 0 / 0.35)";
        context.fillRect(x - 7, yOf(high), 14, Math.max(2, yOf(low) - yOf(high)));
      }
    });
    return drag ? [] : marks;
  };

  const down = (event) => {
    const canvas = wrap.current.querySelector("canvas");
    const box = canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const at = axes.findIndex((_, i) => Math.abs(xOf(i, box.width) - x) < 14);
    if (at < 0) return;
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
      const axis = axes[at];
      select(axis.name, Math.abs(to - from) < 0.02 ? "" : termOf(axis, Math.min(from, to), Math.max(from, to)));
    };
    addEventListener("pointermove", move);
    addEventListener("pointerup", up);
  };
  const names = html`<span class="axes">${axes.map((axis) => html`<button type="button" onClick=${() => focus(axis.name)}>${axis.name}</button>`)}</span><${All} count=${found.axes.length} all=${all} set=${setAll} />`;
  return html`<${Panel} name="parallel" wide hint=${t("brush")} controls=${names}>
    <div ref=${wrap}><${Canvas} draw=${draw} height=${HEIGHT} open=${open} onDown=${down} deps=${[found, filter, drag, shown.join()]}
      label=${`${t("parallel")}: ${found.numbers.length} ${t("trials")}, ${axes.map((axis) => axis.name).join(", ")}`} /></div>
  </>`;
}
