// Which trials a person wants to see, inside a report, where there is no server to ask: the language of analysis/selection.py.
import { num } from "danlu/numbers";

const HAIR = 1e-9; // what was rounded on its way is still at the end of a range

function spans(name, text) {
  return text.split("|").map((part) => {
    const [first, last] = part.includes("..") ? part.split("..") : [part, part];
    const low = first.trim() === "" ? -Infinity : Number(first);
    const high = last.trim() === "" ? Infinity : Number(last);
    if (!(low <= high) || !part) throw new Error(`a range of ${name} reads low..high, ..high or low.., with low <= high, got '${part}'.`);
    return [low, high];
  });
}

const within = (name, text) => {
  const wanted = spans(name, text);
  return (value) => wanted.some(([low, high]) => value >= low && value <= high);
};

// Whether one term holds, as a function of a trial's place in the sheet. `rows` are the table's, by trial.
function holds(sheet, rows, name, text) {
  const at = sheet.axes.findIndex((axis) => axis.name === name);
  if (at >= 0) {
    const axis = sheet.axes[at];
    if (axis.kind === "choice") {
      const labels = axis.ticks.map(([, label]) => label);
      const plain = (label) => (/^(true|false|none)$/i.test(label) ? label.toLowerCase() : label);
      const wanted = text.split("|").map((option) => (labels.includes(option) ? option : labels.find((label) => plain(label) === plain(option)) ?? option));
      const odd = wanted.find((option) => !labels.includes(option));
      if (odd !== undefined) throw new Error(`${name} has the options ${labels.join(", ")}, not '${odd}'.`);
      return (i) => typeof sheet.units[i][at] === "number" && wanted.includes(labels[Math.min(labels.length - 1, Math.floor(sheet.units[i][at] * labels.length))]);
    }
    const slack = axis.log ? null : HAIR * (axis.high - axis.low);
    const ratio = axis.log ? (axis.high / axis.low) ** HAIR : null;
    const wanted = spans(name, text);
    const value = (i) => Number(rows.get(sheet.numbers[i])?.params[name] ?? NaN);
    return (i) => typeof sheet.units[i][at] === "number" && wanted.some(([low, high]) => (axis.log ? value(i) * ratio >= low && value(i) <= high * ratio : value(i) + slack >= low && value(i) - slack <= high));
  }
  const goal = sheet.metrics.indexOf(name);
  if (goal >= 0) {
    const fits = within(name, text);
    return (i) => fits(num(sheet.values[i][goal]));
  }
  if (name === "status") {
    const names = ["running", "waiting", "paused", "done", "stopped", "failed"];
    const wanted = text.split("|");
    const odd = wanted.find((option) => !names.includes(option));
    if (odd !== undefined) throw new Error(`a trial is ${names.join(", ")}, not '${odd}'.`);
    return (i) => wanted.includes(names[sheet.statuses[i]]);
  }
  if (name === "trial") {
    const fits = within(name, text);
    return (i) => fits(sheet.numbers[i]);
  }
  if (name === "tag") {
    const wanted = text.split("|").map((each) => each.trim());
    return (i) => (rows.get(sheet.numbers[i])?.tags ?? []).some((each) => wanted.includes(each));
  }
  const known = [...sheet.axes.map((axis) => axis.name), ...sheet.metrics, "status", "trial", "tag"].join(", ");
  throw new Error(`there is nothing called '${name}' to select by. There are: ${known}.`);
}

// The numbers of the trials for which every term holds.
export function select(sheet, rows, filter) {
  const tests = Object.entries(filter).map(([name, text]) => holds(sheet, rows, name, text));
  return sheet.numbers.filter((_, i) => tests.every((test) => test(i)));
}

// Ranks from the best at 0 to the worst at 1, equal values sharing their mean, as analysis/ranks.py.
export function ranksOf(losses) {
  const sorted = losses.filter(Number.isFinite).sort((a, b) => a - b);
  const ends = new Map();
  sorted.forEach((loss, at) => ends.set(loss, [ends.get(loss)?.[0] ?? at, at]));
  return losses.map((loss) => (Number.isFinite(loss) ? (ends.get(loss)[0] + ends.get(loss)[1]) / 2 / Math.max(1, sorted.length - 1) : "NaN"));
}

// Which share of the values is not above each, as analysis/edf.py.
export function distribution(all) {
  const known = all.filter(Number.isFinite).sort((a, b) => a - b);
  const values = [...new Set(known)];
  const counts = new Map();
  known.forEach((value, at) => counts.set(value, at + 1));
  return { values, shares: values.map((value) => counts.get(value) / known.length), trials: known.length };
}

// What the panels are drawn from, of these trials alone.
export function reduced(view, chosen) {
  const kept = new Set(chosen);
  const rows = (found, names) => {
    const places = found.numbers.map((trial, i) => (kept.has(trial) ? i : -1)).filter((i) => i >= 0);
    return { ...found, ...Object.fromEntries(names.map((name) => [name, places.map((i) => found[name][i])])), total: places.length };
  };
  const sheet = rows(view.sheet, ["numbers", "statuses", "units", "values"]);
  const at = Math.max(0, sheet.metrics.indexOf(view.metric));
  const progress = rows(view.progress, ["numbers", "values", "statuses"]);
  let best = NaN;
  const bests = progress.numbers.map((trial, i) => [trial, num(progress.values[i])]).filter(([, value]) => {
    const better = Number.isNaN(best) || (progress.maximize ? value > best : value < best);
    if (better) best = value;
    return better;
  });
  const losses = sheet.values.map((row) => Number(row[at] ?? NaN) * (sheet.maximize[at] ? -1 : 1));
  const lines = view.curves.lines.filter((line) => kept.has(line.trial));
  return {
    ...view, ranks: ranksOf(losses), edf: { ...view.edf, lines: [{ ...view.edf.lines[0], ...distribution(progress.values.map(num)) }] }, selected: kept.size, sheet: { ...sheet, front: sheet.front.filter((trial) => kept.has(trial)) },
    measured: sheet.values.filter((row) => Number.isFinite(Number(row[at] ?? NaN))).length,
    failed: sheet.statuses.filter((status) => status === 5).length, live: sheet.statuses.filter((status) => status < 3).length,
    errors: view.errors.map((each) => { const trials = each.trials.filter((trial) => kept.has(trial)); return { ...each, trials, count: trials.length }; }).filter((each) => each.count),
    progress: { ...progress, best_numbers: bests.map(([trial]) => trial), best_values: bests.map(([, value]) => value) },
    curves: { ...view.curves, lines, total: lines.length }, timeline: rows(view.timeline, ["numbers", "statuses", "starts", "ends", "lanes"]),
  };
}

// The rows of the table as the server would sort them: what is not known comes last, either way.
export function sorted(rows, sheet, sort, down) {
  const place = new Map(sheet.numbers.map((trial, i) => [trial, i]));
  const axis = sheet.axes.findIndex((each) => each.name === sort.replace(/ \(parameter\)$/, ""));
  const goal = sheet.metrics.indexOf(sort.replace(/ \(metric\)$/, ""));
  const own = { trial: (row) => row.trial, steps: (row) => row.steps, seconds: (row) => num(row.seconds), configuration: (row) => row.configuration, reason: (row) => row.reason || null, tags: (row) => (row.tags.length ? row.tags.join() : null), code: (row) => row.code };
  const statuses = ["running", "waiting", "paused", "done", "stopped", "failed"];
  const isMetric = goal >= 0 && (axis < 0 || sort.endsWith(" (metric)"));
  const read = own[sort] ?? (sort === "status" ? (row) => statuses.indexOf(row.status)
    : isMetric ? (row) => num(sheet.values[place.get(row.trial)]?.[goal] ?? null)
    : (row) => sheet.units[place.get(row.trial)]?.[axis] ?? null);
  const missing = (value) => value === null || value === undefined || Number.isNaN(value) || value === "NaN";
  return rows.map((row, at) => [read(row), at, row]).sort(([a, i], [b, j]) => {
    if (missing(a) || missing(b)) return missing(a) - missing(b) || i - j;
    return (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1) || i - j;
  }).map(([, , row]) => row);
}
