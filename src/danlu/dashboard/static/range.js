// What part of the values a panel shows: one rule for all of them. The good end is always in the picture; what lies so far out at the
// other that it would flatten the rest is left at the rim, where it is marked and counted.
import { ofManySizes } from "danlu/numbers";

const FAR = 6; // interquartile ranges beyond the median: far out (Tukey 1977 calls 3 beyond the quartile so)
const GAP = 3; // what is that many times further from the best than all before it is another group
const WORTH = 3; // to leave out what would make the picture less than three times as tall wins nothing
const FLAT = 20; // beside a group so many times further off, nobody tells the good ones apart

const quantile = (sorted, share) => {
  const at = share * (sorted.length - 1);
  const low = sorted[Math.floor(at)];
  return low + (at % 1) * (sorted[Math.ceil(at)] - low);
};

// How far up `sorted` (rising, without repetitions; its first the good end, where one `isGood`) is shown.
function reach(sorted, isGood) {
  const [best, worst] = [sorted[0], sorted[sorted.length - 1]];
  if (sorted.length < 4) return worst;
  const fence = (core) => {
    const room = FAR * (quantile(core, 0.75) - quantile(core, 0.25));
    const middle = quantile(core, 0.5);
    const limit = worst - middle <= 2 * room ? worst : middle + room;
    let at = sorted.length - 1;
    while (sorted[at] > limit) at -= 1;
    return at;
  };
  let at = fence(sorted);
  for (let core = sorted.slice(0, Math.ceil(sorted.length / 2)); core.length >= 4; core = core.slice(0, Math.ceil(core.length / 2))) {
    const end = fence(core); // most may be far out, and the fence with them: judged by the better half, it must stand before a gap
    const tall = sorted[end] - best;
    if (end < at && tall > 0 && sorted[end + 1] - best >= GAP * tall && sorted[at] - best >= FLAT * tall) at = end;
  }
  return isGood && WORTH * (sorted[at] - best) >= worst - best ? worst : sorted[at];
}

// The values without those far out, as a straight axis would show them: a few wild ones are no reason for a logarithm.
function near(values, maximize) {
  const rising = [...new Set(values.map((value) => value / 4))].sort((a, b) => a - b);
  if (!rising.length) return values;
  const high = maximize === true ? Infinity : 4 * reach(rising, maximize === false);
  const low = maximize === false ? -Infinity : -4 * reach(rising.map((value) => -value).reverse(), maximize === true);
  return values.filter((value) => value >= low && value <= high);
}

// The stretch of values that is shown. `maximize` says which end is good; null for neither, so that both may be left out.
// `log` is true, false, or null to choose; `whole` shows everything. Returned: low and high with a margin, log, how many are above and
// below them, how many have no place on a logarithmic axis, and whether there was anything.
export function span(values, { maximize = false, log = null, whole = false, edge = 0.06 } = {}) {
  const finite = values.filter(Number.isFinite);
  const logs = log === null ? ofManySizes(near(finite, maximize)) : log && finite.some((value) => value > 0);
  const placed = logs ? finite.filter((value) => value > 0) : finite;
  const nowhere = finite.length - placed.length;
  if (!placed.length) return { low: 0, high: 1, log: false, above: 0, below: 0, nowhere, empty: true };
  const f = logs ? Math.log : (value) => value / 4; // quarters: a difference of any two numbers is a number
  const back = logs ? Math.exp : (value) => 4 * value;
  const rising = [...new Set(placed.map(f))].sort((a, b) => a - b);
  let [low, high] = [rising[0], rising[rising.length - 1]];
  if (!whole && maximize !== true) high = reach(rising, maximize === false);
  if (!whole && maximize !== false) low = -reach(rising.map((value) => -value).reverse(), maximize === true);
  if (low === high) {
    const pad = logs ? Math.log(2) : Math.abs(low) / 10 || 0.125;
    [low, high] = [low - pad, high + pad];
  } else {
    const margin = edge * (high - low);
    [low, high] = [low - margin, high + margin];
  }
  const within = placed.map(f);
  const clip = (value) => Math.min(Number.MAX_VALUE, Math.max(logs ? Number.MIN_VALUE : -Number.MAX_VALUE, value));
  return {
    low: clip(back(low)), high: clip(back(high)), log: Boolean(logs), nowhere, empty: false,
    above: within.filter((value) => value > high).length, below: within.filter((value) => value < low).length,
  };
}

// Where a value is drawn: itself, or the rim that it lies beyond (-1 below, 1 above; a logarithm that is none is below all).
export function inside(shown, value) {
  if (shown.log && value <= 0) return [shown.low, -1];
  if (value > shown.high) return [shown.high, 1];
  if (value < shown.low) return [shown.low, -1];
  return [value, 0];
}
