// What the page asks of its server; inside a report, of the data that came with it, which it filters and sorts itself.
import { reduced, select, sorted } from "danlu/select";

const held = document.getElementById("report");
export const still = held ? JSON.parse(held.textContent) : null;

export class Refused extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export async function get(what, query = {}, signal = undefined) {
  if (still) return stillAnswer(what, query);
  const answer = await fetch(`/api/${what}?${new URLSearchParams(query)}`, { signal });
  return opened(answer);
}

export async function steer(order) {
  const body = JSON.stringify({ op: crypto.randomUUID(), ...order });
  return opened(await fetch("/api/steer", { method: "POST", headers: { "content-type": "application/json" }, body }));
}

async function opened(answer) {
  const type = answer.headers.get("content-type") || "";
  if (!type.startsWith("application/json")) throw new Refused(await answer.text(), answer.status);
  const value = await answer.json();
  if (!answer.ok) throw new Refused(value.error, answer.status);
  return value;
}

const rows = still && new Map(still.table.rows.map((row) => [row.trial, row]));

function stillAnswer(what, query) {
  if (what === "studies") return { place: still.view.head.name, studies: [still.view.head], damage: "", actions: false };
  if (what === "trial") {
    const found = still.trials[query.trial] ?? brief(Number(query.trial));
    if (!found) throw new Refused(`trial ${query.trial} is not among those in this report.`, 404);
    return found;
  }
  if (what === "log") return { text: "", there: false };
  if (what === "insight") return { ...(still.insights[query.metric || still.view.metric] ?? {}), ready: true, stage: 5, doing: "" };
  const filter = Object.fromEntries(Object.entries(query).filter(([name]) => name.startsWith("f.")).map(([name, text]) => [name.slice(2), text]));
  const view = stillView(query.metric, query.curve, query.along);
  const chosen = Object.keys(filter).length ? select(view.sheet, rows, filter) : view.sheet.numbers;
  if (what === "view") return Object.keys(filter).length ? reduced(view, chosen) : view;
  const kept = new Set(chosen);
  const first = Number(query.first || 0);
  const count = Math.min(200, Number(query.count ?? 200));
  const found = sorted(still.table.rows.filter((row) => kept.has(row.trial)), view.sheet, query.sort || "trial", query.down === "1");
  return { ...still.table, total: found.length, first, rows: found.slice(first, first + count) };
}

// A trial that has no page of its own here: its row, and what the panels have of its curves.
function brief(number) {
  const row = rows.get(number);
  if (!row) return null;
  const lines = Object.entries(still.curves).map(([name, { lines: all }]) => [name, all.find((line) => line.trial === number)]).filter(([, line]) => line);
  const steps = [...new Set(lines.flatMap(([, line]) => line.steps))].sort((a, b) => a - b);
  const along = (line) => steps.map((step) => line.values[line.steps.indexOf(step)] ?? "NaN");
  const trial = { ...row, number, checkpoints: [], facts: {}, tags: row.tags, notes: [], files: [], aside: row.aside || "", curve: { steps, metrics: Object.fromEntries(lines.map(([name, line]) => [name, along(line)])) } };
  const best = Object.values(still.trials).find((each) => each.best)?.best ?? null;
  return { trial, best, rank: null, brief: true, trouble: { trouble: "", evidence: "" }, events: [{ at: row.ended, what: row.status, why: row.reason, who: "" }] };
}

// The panels of another metric, or of another metric's curves, drawn over something else than steps.
function stillView(metric, curve, along) {
  const view = still.views[metric || still.view.metric] ?? still.view;
  const curves = (curve && still.curves[curve]) || view.curves;
  return { ...view, curves: along && along !== "step" ? over(curves, along) : curves };
}

function over(found, x) {
  const others = still.along[x] ?? Object.fromEntries((still.curves[x.replace(/ \(metric\)$/, "")]?.lines ?? []).map((line) => [line.trial, line.values]));
  return { ...found, x, lines: found.lines.map((line) => ({ ...line, along: others[line.trial] ?? line.steps.map(() => "NaN") })) };
}

// Calls `told` whenever the study has grown; the browser connects again by itself when the server comes back.
export function follow(study, told, away) {
  if (still) return () => {};
  const source = new EventSource(`/api/stream?${new URLSearchParams({ study })}`);
  let retry = 0;
  source.onmessage = (event) => told(JSON.parse(event.data));
  source.onopen = () => away(false);
  source.onerror = () => {
    away(true);
    if (source.readyState === EventSource.CLOSED && !retry) {
      retry = setTimeout(() => (closing = follow(study, told, away)), 1000); // refused outright: try anew
    }
  };
  let closing = () => {};
  return () => {
    clearTimeout(retry);
    source.close();
    closing();
  };
}
