// Drawing on a canvas: sharp on every screen, redrawn when size, data or theme change; scales, ticks and a frame.
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "danlu/html";
import { theme } from "danlu/colors";
import { show } from "danlu/numbers";

// A canvas that `draw(context, width, height, colors)` fills. It may return marks [{x, y, trial, text}] that can be pointed at:
// the nearest within a few pixels tells its text, and a click opens its trial.
export function Canvas({ draw, height = 220, label, open, deps = [], onDown }) {
  const ref = useRef(null);
  const marks = useRef([]);
  const [tip, setTip] = useState(null);
  useEffect(() => {
    const canvas = ref.current;
    const paint = () => {
      const width = canvas.clientWidth;
      if (!width) return;
      const ratio = window.devicePixelRatio || 1;
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
      const context = canvas.getContext("2d");
      context.scale(ratio, ratio);
      context.font = "11px system-ui, sans-serif";
      marks.current = draw(context, width, height, theme()) || [];
    };
    paint();
    const observer = new ResizeObserver(paint);
    observer.observe(canvas);
    document.addEventListener("danlu-theme", paint);
    return () => {
      observer.disconnect();
      document.removeEventListener("danlu-theme", paint);
    };
  }, [height, ...deps]);
  const nearest = (event) => {
    const box = ref.current.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let [best, distance] = [null, 144];
    for (const mark of marks.current) {
      const away = (mark.x - x) ** 2 + (mark.y - y) ** 2;
      if (away < distance) [best, distance] = [mark, away];
    }
    return best;
  };
  const move = (event) => setTip(nearest(event));
  const click = (event) => {
    const mark = nearest(event);
    if (mark && open && mark.trial !== undefined) open(mark.trial);
  };
  return html`<div class="canvas">
    <canvas ref=${ref} role="img" aria-label=${label} style=${{ height: `${height}px` }} class=${tip && open ? "points" : ""}
      onPointerMove=${move} onPointerLeave=${() => setTip(null)} onClick=${click} onPointerDown=${onDown} />
    ${tip && html`<div class="tip" style=${{ left: `${tip.x}px`, top: `${tip.y}px` }}>${tip.text}</div>`}
  </div>`;
}

export function scale(low, high, from, to, log = false) {
  const f = log ? Math.log : (v) => v;
  const span = f(high) - f(low) || 1;
  return (value) => from + ((f(value) - f(low)) / span) * (to - from);
}

// Round values to stand on an axis.
export function ticks(low, high, log = false, most = 5) {
  if (log) {
    const first = Math.ceil(Math.log10(low));
    const last = Math.floor(Math.log10(high));
    if (last - first >= 1) {
      const step = Math.max(1, Math.ceil((last - first) / most));
      return Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => 10 ** (first + i * step));
    }
  }
  const raw = (high - low) / most || 1;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((size) => size * unit).find((size) => size >= raw);
  const found = [];
  for (let at = Math.ceil(low / step); at * step <= high; at += 1) found.push(at * step);
  return found;
}

// Draws both axes around a box and returns the box: left, right, top, bottom in pixels.
export function frame(context, width, height, colors, { x, y, xLabel = "", yLabel = "" }) {
  const box = { left: 58, right: width - 10, top: 8, bottom: height - (xLabel ? 32 : 20) };
  context.strokeStyle = colors.line;
  context.fillStyle = colors.dim;
  context.lineWidth = 1;
  const yAt = scale(y.low, y.high, box.bottom, box.top, y.log);
  const xAt = scale(x.low, x.high, box.left, box.right, x.log);
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const value of y.ticks || ticks(y.low, y.high, y.log)) {
    const at = yAt(value);
    line(context, box.left, at, box.right, at);
    context.fillText(show(Number(value.toPrecision(6))), box.left - 5, at);
  }
  context.textAlign = "center";
  context.textBaseline = "top";
  const places = x.places || ticks(x.low, x.high, x.log).map((value) => [value, show(Number(value.toPrecision(6)))]);
  for (const [value, label] of places) {
    const wide = context.measureText(label).width / 2;
    const at = xAt(value);
    context.fillText(clipped(label, 14), Math.min(width - wide - 2, Math.max(wide + 2, at)), box.bottom + 5);
    line(context, at, box.bottom, at, box.bottom + 3);
  }
  line(context, box.left, box.bottom, box.right, box.bottom);
  context.fillText(xLabel, (box.left + box.right) / 2, height - 13);
  if (yLabel) {
    context.save();
    context.translate(9, (box.top + box.bottom) / 2);
    context.rotate(-Math.PI / 2);
    context.textBaseline = "middle";
    context.fillText(clipped(yLabel, 24), 0, 0);
    context.restore();
  }
  return { ...box, xAt, yAt };
}

export const clipped = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

export function line(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

// A trial's mark: its status by shape as well as by color.
export function mark(context, x, y, status, size = 3) {
  context.beginPath();
  if (status === "failed") {
    context.moveTo(x - size, y - size);
    context.lineTo(x + size, y + size);
    context.moveTo(x + size, y - size);
    context.lineTo(x - size, y + size);
    context.strokeStyle = context.fillStyle;
    context.stroke();
    return;
  }
  if (status === "stopped" || status === "paused") {
    const down = status === "stopped" ? size : -size;
    context.moveTo(x - size, y - down);
    context.lineTo(x + size, y - down);
    context.lineTo(x, y + down);
    context.closePath();
  } else if (status === "running") context.rect(x - size, y - size, 2 * size, 2 * size);
  else context.arc(x, y, size, 0, 7);
  context.fill();
}
