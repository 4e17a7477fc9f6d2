// In which state a panel is, and how that is said: one rule and one wording for all of them.
import { show } from "danlu/format";
import { t } from "danlu/words";

// `view` is the server's quick answer, null before the first. `values`: how many trials with a value the panel needs. `work`: for what needs
// a model, how far its calculation has come, with `there` once the panel's own part is.
export function stateOf(view, { values = 0, work = undefined } = {}) {
  if (!view) return { name: "reading" };
  if (!view.head.trials) return { name: view.whole || view.damage ? "noTrials" : "reading" };
  if (!view.selected) return { name: "filtered", total: view.head.trials };
  if (values && !view.measured) {
    if (view.failed === view.selected) return { name: "allFailed", failed: view.failed };
    return view.live ? { name: "awaited", live: view.live } : { name: "valueless", failed: view.failed };
  }
  if (view.measured < values) return { name: "tooFew", measured: view.measured, values };
  if (work !== undefined && !work?.there) {
    if (work?.few >= 0) return { name: "tooFew", measured: work.few, values };
    return { name: "calculating", doing: work?.doing || "queued", stage: work?.stage ?? 0, trials: view.measured };
  }
  return { name: "ready" };
}

const PARTS = 5; // of a calculation: diagnosis, importance, model, effects, surface

const fill = (word, numbers) => t(word).replace(/\{(\w+)\}/g, (_, name) => show(numbers[name]));

export function said(state) {
  if (state.name === "calculating") return `${fill("calculatingOf", state)} ${t(`doing_${state.doing}`)}${state.doing === "reading" || state.doing === "queued" ? "" : ` (${Math.min(PARTS, state.stage)} / ${PARTS})`}`;
  return fill(state.name, state);
}

// What needs a model, with the sentences that the server has in the page's language; a part that is not there yet stays away.
export function spoken(found, language) {
  if (language !== "zh" || !found?.zh) return found;
  const parts = Object.entries(found.zh).filter(([name]) => name in found);
  const noticed = (name, words) => (name === "importance" || name === "effects" ? { ...found[name], notice: words } : words);
  return { ...found, ...Object.fromEntries(parts.map(([name, words]) => [name, noticed(name, words)])) };
}
