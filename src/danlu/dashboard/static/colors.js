// Colors that people with any color vision can tell apart (Okabe and Ito 2008, as plots/colors.py), shifted for each theme until every
// mark has 3:1 to the paper it is drawn on (WCAG 2.2, 1.4.11). style.css has them; canvases read them from there.
export const STATUSES = ["running", "waiting", "paused", "done", "stopped", "failed"];

// Viridis by its anchors: even steps to any eye, and in gray. t from 0 to 1.
const STOPS = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
export function viridis(t) {
  const at = Math.min(0.9999, Math.max(0, t)) * (STOPS.length - 1);
  const low = STOPS[Math.floor(at)];
  const high = STOPS[Math.floor(at) + 1];
  return low.map((value, i) => Math.round(value + (high[i] - value) * (at % 1)));
}

// The part of viridis that can be seen on this paper, from the worst at 0 to the best at 1, which stands out most.
export const merit = (share, dark) => viridis(dark ? 0.4 + 0.6 * share : 0.58 * (1 - share));

// The theme's own colors, for canvases.
export function theme() {
  const style = getComputedStyle(document.documentElement);
  const own = (name) => style.getPropertyValue(name).trim();
  const dark = document.documentElement.dataset.theme === "dark";
  return {
    text: own("--text"), dim: own("--dim"), line: own("--line"), paper: own("--paper"), best: own("--best"), dark,
    status: Object.fromEntries(STATUSES.map((name) => [name, own(`--${name}`)])),
    cycle: [1, 2, 3, 4, 5, 6].map((at) => own(`--c${at}`)),
    merit: (share) => `rgb(${merit(share, dark).join(" ")})`,
  };
}
