// Numbers as text, and the round ones that stand on axes: the only places of the page where either is made.

// A number to so many significant digits, without idle zeros; very large and very small ones by powers of ten.
export function digits(value, most) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e10 && most >= 6) return String(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) {
    const [mantissa, exponent] = value.toExponential(Math.min(16, most - 1)).split("e");
    return `${Number(mantissa)}e${Number(exponent)}`;
  }
  return plain(Number(value.toPrecision(Math.min(17, most))));
}

// String() writes 1e-7 and 1e21 by powers of ten already.
const plain = (value) => String(Object.is(value, -0) ? 0 : value);

// A value by itself.
export function show(value, most = 6) {
  if (Array.isArray(value)) return `(${value.map((each) => show(each, most)).join(", ")})`;
  if (value === undefined) return "—";
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False"; // as Python, the terminal and the filter write them
  return typeof value === "number" ? digits(value, most) : String(value);
}

// How values are written that stand together: with as many digits as tell them apart.
export function among(values, least = 5) {
  const distinct = [...new Set(values.filter((value) => typeof value === "number" && Number.isFinite(value)))];
  let most = Math.max(6, least);
  while (most < 17 && new Set(distinct.map((value) => digits(value, most))).size < distinct.length) most += 1;
  return (value) => show(value, most);
}

// Round values from low to high: at most `most`, whole ones where only whole ones are meant.
export function ticks(low, high, { log = false, whole = false, most = 5 } = {}) {
  if (!(high > low)) return [low];
  if (log && high / low >= 20) {
    const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
    const power = (at) => Number(`1e${at}`);
    const step = Math.max(1, Math.ceil((last - first + 1) / most));
    const found = [];
    for (let at = Math.ceil(first / step) * step; at <= last; at += step) found.push(power(at));
    if (found.length >= 3 || step > 1) return found;
    const more = [];
    for (let at = first - 1; at <= last; at += 1) for (const size of [1, 2, 5]) more.push(Number(`${size}e${at}`));
    const there = more.filter((value) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9));
    return there.length <= most + 1 ? there : found;
  }
  const raw = high / most - low / most;
  const unit = 10 ** Math.floor(Math.log10(raw));
  let step = [1, 2, 5, 10].map((size) => size * unit).find((size) => size >= raw * (1 - 1e-9)) || raw;
  if (whole) step = Math.max(1, Math.round(step));
  const found = [];
  const first = Math.ceil(low / step - 1e-9);
  for (let at = first; at <= high / step + 1e-9 && found.length <= 2 * most; at += 1) found.push(Number((at * step).toPrecision(15)));
  return found.length ? [...new Set(found)] : [low];
}

// The text of ticks that stand on one axis: each exact, none twice.
export function labels(values) {
  const size = Math.max(...values.map(Math.abs));
  const least = Math.min(...values.map(Math.abs).filter((value) => value > 0));
  const sorted = [...values].sort((a, b) => a - b);
  const gap = Math.min(...sorted.slice(1).map((value, at) => value - sorted[at]), size || 1);
  const exact = (value, text) => Math.abs(Number(text) - value) <= 1e-3 * gap;
  const one = (value) => {
    for (let most = 1; most <= 17; most += 1) {
      const text = digits(value, most);
      if (exact(value, text) || most === 17) return text;
    }
    return String(value);
  };
  if (size >= 1e7 || least < 1e-4) { // by powers of ten, all of them: 1.9e9 and 1.95e9, not 1900000000
    const by = (value) => {
      for (let places = 0; places <= 16; places += 1) {
        const [mantissa, exponent] = value.toExponential(places).split("e");
        const text = `${mantissa}e${Number(exponent)}`;
        if (exact(value, text) || places === 16) return text;
      }
      return String(value);
    };
    return values.map((value) => (value === 0 ? "0" : Math.abs(value) >= 1e-4 && Math.abs(value) < 1e4 ? one(value) : by(value)));
  }
  return values.map(one);
}
