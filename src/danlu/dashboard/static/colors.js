// Colors that people with any color vision can tell apart (Okabe and Ito 2008); the same as plots/colors.py.
export const STATUSES = ["running", "waiting", "paused", "done", "stopped", "failed"];
export const STATUS = {
  running: "#56B4E9", waiting: "#8A8A8A", paused: "#CC79A7", done: "#0072B2", stopped: "#E69F00", failed: "#D55E00",
};
export const BEST = "#D55E00";
export const CYCLE = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"];

// Viridis by its anchors: even steps to any eye, and in gray. t from 0 to 1.
const STOPS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
export function viridis(t) {
  const at = Math.min(0.9999, Math.max(0, t)) * (STOPS.length - 1);
  const low = STOPS[Math.floor(at)];
  const high = STOPS[Math.floor(at) + 1];
  return low.map((value, i) => Math.round(value + (high[i] - value) * (at % 1)));
}

// The theme's own colors, for canvases.
export function theme() {
  const style = getComputedStyle(document.documentElement);
  const own = (name) => style.getPropertyValue(name).trim();
  return { text: own("--text"), dim: own("--dim"), line: own("--line"), paper: own("--paper") };
}
