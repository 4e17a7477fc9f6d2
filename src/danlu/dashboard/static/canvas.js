// Drawing on a canvas: sharp on every screen, redrawn when size, data or theme change; scales and a frame around what is measured.
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "danlu/html";
import { theme } from "danlu/colors";
import { light, useLit } from "danlu/hover";
import { labels, ticks } from "danlu/format";
import { apart, fitted, named } from "danlu/text";

export const FONT = '11px system-ui, "Noto Sans CJK SC", "PingFang SC", sans-serif';
const STRIP = 14; // pixels under a picture for trials that have no value

// A canvas that `draw(context, width, height, colors)` fills. It may return marks [{x, y, trial, text}] that can be pointed at:
// the nearest within a few pixels tells its text, and a click opens its trial; `quiet` ones cannot be pointed at. The trial that is pointed
// at on any canvas is lit on all, joined where its marks are one line (`joined`).
export function Canvas({ draw, height = 220, least = 0, label, open, deps = [], onDown, joined = false }) {
  const lit = useLit();
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
      context.font = FONT;
      marks.current = draw(context, width, height, theme()) || [];
    };
    canvas.paintOn = (context, width, height) => { // the same drawing, for a file
      context.font = FONT;
      draw(context, width, height, theme());
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
      if (mark.quiet) continue;
      const away = (mark.x - x) ** 2 + (mark.y - y) ** 2;
      if (away < distance) [best, distance] = [mark, away];
    }
    return best;
  };
  const move = (event) => {
    const mark = nearest(event);
    setTip(mark);
    light(mark?.trial ?? null);
  };
  const leave = () => {
    setTip(null);
    light(null);
  };
  const taken = useRef(false); // a press that `onDown` takes for a drag opens no trial
  const press = (event) => {
    taken.current = Boolean(onDown?.(event));
  };
  const click = (event) => {
    if (taken.current) return;
    const mark = nearest(event);
    if (mark && open && mark.trial !== undefined) open(mark.trial);
  };
  const side = tip && (tip.x < 120 ? "start" : tip.x > ref.current.clientWidth - 120 ? "end" : "");
  return html`<div class="canvas" style=${least ? { minWidth: `${least}px` } : {}}>
    <canvas ref=${ref} role="img" aria-label=${label} style=${{ height: `${height}px` }} class=${tip && open && tip.trial !== undefined ? "points" : ""}
      onPointerMove=${move} onPointerLeave=${leave} onClick=${click} onPointerDown=${press} />
    ${lit !== null && html`<${Lit} marks=${marks.current.filter((mark) => mark.trial === lit)} joined=${joined} />`}
    ${tip && html`<div class=${`tip ${side}`} style=${{ left: `${tip.x}px`, top: `${tip.y}px` }}>${tip.text}</div>`}
  </div>`;
}

const Lit = ({ marks, joined }) => marks.length > 0 && html`<svg class="lit" aria-hidden="true">${joined && html`<polyline points=${marks.map(({ x, y }) => `${x},${y}`).join(" ")} />`}
  ${(joined && marks.length > 12 ? [] : marks).map(({ x, y }) => html`<circle cx=${x} cy=${y} r="6" />`)}</svg>`;

// Halves, for a difference of any two numbers is to be a number.
export function scale(low, high, from, to, log = false) {
  const f = log ? Math.log : (v) => v / 2;
  const span = f(high) - f(low) || 1;
  return (value) => from + ((f(value) - f(low)) / span) * (to - from);
}

// Draws both axes around a box and returns the box: left, right, top, bottom in pixels, with `names` to point at where a name was
// shortened. An axis is {low, high, log, whole, places: [[value, label], ...]}; `missing` is what stands at a strip under the
// picture (`strip` its height) for trials without a value.
export function frame(context, width, height, colors, { x, y, xLabel = "", yLabel = "", missing = "" }) {
  const names = [];
  context.font = FONT;
  const rows = y.places || (y.empty ? [] : paired(ticks(y.low, y.high, { ...y, most: Math.max(2, Math.floor(height / 30)) })));
  const most = 0.4 * width;
  const texts = rows.map(([value, label]) => [value, named(context, label, most), label]);
  const wide = Math.max(18, missing ? Math.min(most, context.measureText(missing).width) : 0, ...texts.map(([, text]) => context.measureText(text).width));
  const box = { left: Math.ceil(wide + (yLabel ? 26 : 10)), right: width - 12, top: 10, bottom: height - (xLabel ? 34 : 20) - (missing ? STRIP : 0) };
  box.strip = missing ? box.bottom + STRIP / 2 + 1 : null;
  const floor = box.bottom + (missing ? STRIP : 0);
  context.strokeStyle = colors.line;
  context.fillStyle = colors.dim;
  context.lineWidth = 1;
  const yAt = scale(y.low, y.high, box.bottom, box.top, y.log);
  const xAt = scale(x.low, x.high, box.left, box.right, x.log);
  context.textAlign = "right";
  context.textBaseline = "middle";
  const up = apart(texts.map(([value, text, label]) => ({ at: -yAt(value), size: 10, value, text, label })).sort((a, b) => a.at - b.at), 1);
  for (const { value, text, label } of up) {
    const at = yAt(value);
    line(context, box.left, at, box.right, at);
    context.fillText(text, box.left - 5, at);
    if (text !== label) names.push({ x: box.left - 8, y: at, text: label });
  }
  if (missing) {
    context.fillText(fitted(context, missing, most), box.left - 5, box.strip);
    context.setLineDash([2, 3]);
    line(context, box.left, box.bottom, box.right, box.bottom);
    context.setLineDash([]);
  }
  context.textAlign = "center";
  context.textBaseline = "top";
  const columns = x.places || paired(ticks(x.low, x.high, { ...x, most: Math.max(2, Math.floor((box.right - box.left) / 60)) }));
  const room = Math.max(26, (box.right - box.left) / columns.length - 4);
  const along = columns.map(([value, label]) => {
    const text = named(context, label, room);
    const size = context.measureText(text).width;
    return { value, label, text, size, at: Math.min(width - size / 2 - 1, Math.max(size / 2 + 1, xAt(value))) };
  }).sort((a, b) => a.at - b.at);
  for (const { value, label, text, at } of apart(along)) {
    context.fillText(text, at, floor + 5);
    line(context, xAt(value), floor, xAt(value), floor + 3);
    if (text !== label) names.push({ x: at, y: floor + 9, text: label });
  }
  line(context, box.left, floor, box.right, floor);
  if (xLabel) {
    const text = fitted(context, xLabel, box.right - box.left);
    context.fillText(text, (box.left + box.right) / 2, height - 13);
    if (text !== xLabel) names.push({ x: (box.left + box.right) / 2, y: height - 8, text: xLabel });
  }
  if (yLabel) {
    context.save();
    context.translate(8, (box.top + box.bottom) / 2);
    context.rotate(-Math.PI / 2);
    context.textBaseline = "middle";
    const text = fitted(context, yLabel, floor - box.top);
    context.fillText(text, 0, 0);
    context.restore();
    if (text !== yLabel) names.push({ x: 8, y: (box.top + box.bottom) / 2, text: yLabel });
  }
  return { ...box, xAt, yAt, names };
}

const paired = (values) => {
  const texts = labels(values);
  return values.map((value, at) => [value, texts[at]]);
};

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
    context.lineWidth = 1.5;
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

// At the rim, what lies beyond it: an arrowhead that points there, 1 up and -1 down.
export function beyond(context, x, box, way) {
  const [tip, foot] = way > 0 ? [box.top - 7, box.top] : [box.bottom - 1, box.bottom - 8];
  context.beginPath();
  context.moveTo(x, tip);
  context.lineTo(x - 4, foot);
  context.lineTo(x + 4, foot);
  context.closePath();
  context.fill();
  return (tip + foot) / 2;
}

// A ring around a trial that was picked to be compared.
export function ring(context, x, y, colors) {
  context.beginPath();
  context.arc(x, y, 6, 0, 7);
  context.strokeStyle = colors.text;
  context.lineWidth = 1.5;
  context.stroke();
}
