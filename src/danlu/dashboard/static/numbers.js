// Numbers as the server sends them (NaN and infinities are strings), times as people read them, and places on axes.
import { digits } from "danlu/format";

export const num = (value) => (typeof value === "string" ? Number(value) : value === null ? NaN : value);
export const nums = (values) => values.map(num);

export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "?";
  if (seconds < 1) return `${digits(1000 * seconds, 2)} ms`;
  if (seconds < 10) return `${digits(seconds, 2)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// Positive, and over more than one and a half orders of magnitude: the rule of analysis/effects.py.
export function ofManySizes(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (!sorted.length || sorted[0] <= 0) return false;
  const at = (share) => sorted[Math.floor(share * (sorted.length - 1))];
  return at(0.98) > 30 * at(0.02);
}

// Between a place on an axis, in [0, 1], and the value there; axes as analysis/trial_table.py describes them.
export function valueAt(axis, unit) {
  if (axis.kind === "choice") return axis.ticks[Math.min(axis.ticks.length - 1, Math.floor(unit * axis.ticks.length))][1];
  if (axis.kind === "int" && !axis.log) {
    const size = axis.high - axis.low + 1;
    return Math.min(axis.high, axis.low + Math.floor(unit * size));
  }
  const value = axis.log ? axis.low * (axis.high / axis.low) ** unit : axis.low + unit * (axis.high - axis.low);
  return axis.kind === "int" ? Math.round(value) : value;
}

export function placeOf(axis, value) {
  if (axis.kind === "int" && !axis.log) return (value - axis.low + 0.5) / (axis.high - axis.low + 1);
  return axis.log ? Math.log(value / axis.low) / Math.log(axis.high / axis.low) : (value - axis.low) / (axis.high - axis.low);
}

const short = (value) => String(Number(value.toPrecision(4)));

// A stretch of an axis, from low to high in [0, 1], as a term of a selection.
export function termOf(axis, low, high) {
  if (axis.kind === "choice") {
    return axis.ticks.filter(([place]) => place >= low && place <= high).map(([, label]) => label).join("|");
  }
  const first = low <= 0.005 ? "" : short(valueAt(axis, low));
  const last = high >= 0.995 ? "" : short(valueAt(axis, high));
  return first || last ? `${first}..${last}` : "";
}

// Where a term of a selection lies on its axis: pairs of places.
export function stretchesOf(axis, term) {
  if (axis.kind === "choice") {
    const half = 0.5 / axis.ticks.length;
    const wanted = term.split("|");
    return axis.ticks.filter(([, label]) => wanted.includes(label)).map(([place]) => [place - half, place + half]);
  }
  const clip = (place) => Math.min(1, Math.max(0, place));
  return term.split("|").map((part) => {
    const [first, last] = part.includes("..") ? part.split("..") : [part, part];
    return [first === "" ? 0 : clip(placeOf(axis, Number(first))), last === "" ? 1 : clip(placeOf(axis, Number(last)))];
  });
}
