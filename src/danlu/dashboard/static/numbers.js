// Numbers as the server sends them (NaN and infinities are strings), and as people read them.
export const num = (value) => (typeof value === "string" ? Number(value) : value === null ? NaN : value);
export const nums = (values) => values.map(num);

export function show(value) {
  if (Array.isArray(value)) return `(${value.map(show).join(", ")})`;
  if (typeof value !== "number") return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e7) return String(value);
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e6) ? value.toExponential(2) : String(Number(value.toPrecision(5)));
}

export function duration(seconds) {
  if (!Number.isFinite(seconds)) return "?";
  if (seconds < 60) return `${seconds < 10 ? seconds.toPrecision(2) : Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

export const clock = (at) => (at ? new Date(at * 1000).toLocaleString() : "");

// Positive, and over more than one and a half orders of magnitude: the rule of analysis/effects.py.
export function ofManySizes(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (!sorted.length || sorted[0] <= 0) return false;
  const at = (share) => sorted[Math.floor(share * (sorted.length - 1))];
  return at(0.98) > 30 * at(0.02);
}

// The range to show: everything, unless a few extremes would flatten the rest.
export function range(values, log, edge = 0.06) {
  const sorted = values.filter((v) => Number.isFinite(v) && (!log || v > 0)).sort((a, b) => a - b);
  if (!sorted.length) return [0, 1];
  let [low, high] = [sorted[0], sorted[sorted.length - 1]];
  const at = (share) => sorted[Math.round(share * (sorted.length - 1))];
  if (log && high > 1000 * at(0.98)) high = 10 * at(0.98); // what has diverged leaves the picture
  if (!log && high - low > 5 * (at(0.98) - at(0.02)) && at(0.98) > at(0.02)) [low, high] = [at(0.02), at(0.98)];
  if (low === high) return log ? [low / 2, high * 2] : [low - 0.5, high + 0.5];
  const margin = edge * (high - low);
  return log ? [low / (1 + 2 * edge), high * (1 + 2 * edge)] : [low - margin, high + margin];
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
  const [first, last] = term.includes("..") ? term.split("..") : [term, term];
  const clip = (place) => Math.min(1, Math.max(0, place));
  const low = first === "" ? 0 : clip(placeOf(axis, Number(first)));
  const high = last === "" ? 1 : clip(placeOf(axis, Number(last)));
  return [[low, high]];
}
