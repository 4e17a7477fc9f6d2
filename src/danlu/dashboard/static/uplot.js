// uPlot in a preact component: made anew when the shape of its data changes, fed when only the data does.
import uPlot from "uplot";
import { useEffect, useRef } from "preact/hooks";
import { html } from "danlu/html";
import { theme } from "danlu/colors";

export const stepped = uPlot.paths.stepped({ align: 1 });

export function Lines({ data, series, height = 230, log = false, range = null, xLabel = "", yLabel = "", label, onPick }) {
  const ref = useRef(null);
  const plot = useRef(null);
  const shape = JSON.stringify([series.map((each) => [each.label, each.stroke, each.width]), log, range, height, xLabel, yLabel]);
  useEffect(() => {
    const make = () => {
      plot.current?.destroy();
      const { dim, line } = theme();
      const axis = { stroke: dim, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "11px system-ui, sans-serif", labelFont: "11px system-ui, sans-serif", labelSize: 18 };
      const options = {
        width: Math.max(120, ref.current.clientWidth), height, series: [{ label: xLabel }, ...series],
        scales: { x: { time: false }, y: { distr: log ? 3 : 1, ...(range ? { range } : {}) } },
        axes: [{ ...axis, label: xLabel, size: 34 }, { ...axis, label: yLabel, size: 56 }],
        cursor: { drag: { x: true, y: false } }, legend: { live: true },
      };
      plot.current = new uPlot(options, data, ref.current);
      if (onPick) plot.current.over.addEventListener("click", () => plot.current.cursor.idx !== null && onPick(plot.current.data[0][plot.current.cursor.idx]));
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
