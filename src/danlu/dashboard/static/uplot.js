// uPlot in a preact component: made anew when the shape of its data changes, fed when only the data does.
import uPlot from "uplot";
import { useEffect, useRef } from "preact/hooks";
import { html } from "danlu/html";
import { FONT, frame } from "danlu/canvas";
import { theme } from "danlu/colors";
import { labels, show, ticks } from "danlu/format";

// What is shown now, for a file: uPlot's own code draws on canvases alone.
function written(context, width, height, { data, scales }, { log, whole, xLabel, yLabel, series }) {
  context.font = FONT;
  const box = frame(context, width, height, theme(), { x: { low: scales.x.min, high: scales.x.max, whole }, y: { low: scales.y.min, high: scales.y.max, log }, xLabel, yLabel });
  series.forEach((each, at) => {
    context.strokeStyle = each.stroke;
    context.lineWidth = each.width;
    context.setLineDash(each.dash || []);
    context.beginPath();
    let begun = false;
    data[0].forEach((x, i) => {
      const y = data[at + 1][i];
      if (y === null || y === undefined || x < scales.x.min || x > scales.x.max) return;
      if (begun) context.lineTo(box.xAt(x), box.yAt(y));
      else context.moveTo(box.xAt(x), box.yAt(y));
      begun = true;
    });
    context.stroke();
    context.setLineDash([]);
    context.fillStyle = each.stroke;
    context.textAlign = "right";
    context.textBaseline = "top";
    context.fillText(each.label, box.right - 4, box.top + 2 + 13 * at);
  });
}

export function Lines({ data, series, height = 230, log = false, range = null, xLabel = "", yLabel = "", whole = true, label }) {
  const ref = useRef(null);
  const plot = useRef(null);
  const shape = JSON.stringify([series.map((each) => [each.label, each.color, each.width]), log, range, height, xLabel, yLabel, whole]);
  useEffect(() => {
    const make = () => {
      plot.current?.destroy();
      const colors = theme();
      const { dim, line } = colors;
      const paint = (each) => (typeof each.color === "number" ? { ...each, stroke: each.color < 0 ? colors.best : colors.cycle[each.color % 6] } : each);
      // a canvas of uPlot's own has no say in its ticks: they are those of the other panels
      const splits = (most, whole, logs) => (self, at, low, high) => (Number.isFinite(low) ? ticks(low, high, { log: logs, whole, most }) : []);
      const told = (self, value) => (value === null || value === undefined ? "—" : show(value));
      const values = (self, marks) => labels(marks.length ? marks : [0]);
      const axis = { filter: (self, marks) => marks, stroke: dim, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "11px system-ui, sans-serif", labelFont: "11px system-ui, sans-serif", labelSize: 18 };
      const options = {
        width: Math.max(120, ref.current.clientWidth), height, series: [{ label: xLabel, value: told }, ...series.map(paint).map((each) => ({ ...each, value: told }))],
        scales: { x: { time: false }, y: { distr: log ? 3 : 1, ...(range ? { range } : {}) } },
        axes: [{ ...axis, label: xLabel, size: 34, splits: splits(6, whole, false), values }, { ...axis, label: yLabel, size: 64, splits: splits(5, false, log), values }],
        cursor: { drag: { x: true, y: false } }, legend: { live: true },
      };
      plot.current = new uPlot(options, data, ref.current);
      plot.current.ctx.canvas.paintOn = (context, wide, tall) => written(context, wide, tall, plot.current, { log, whole, xLabel, yLabel, series: series.map(paint) });
    };
    make();
    const observer = new ResizeObserver(() => ref.current && plot.current?.setSize({ width: Math.max(120, ref.current.clientWidth), height }));
    observer.observe(ref.current);
    document.addEventListener("danlu-theme", make);
    return () => {
      observer.disconnect();
      document.removeEventListener("danlu-theme", make);
      plot.current.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(data), [data]);
  return html`<div class="lines" ref=${ref} role="img" aria-label=${label}></div>`;
}
