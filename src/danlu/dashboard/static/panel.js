// A panel: a heading, perhaps controls, and what it shows.
import { STATUS } from "danlu/colors";
import { html } from "danlu/html";
import { t } from "danlu/words";

export function Panel({ name, wide = false, controls = null, hint = "", children }) {
  return html`<section class=${wide ? "panel wide" : "panel"} id=${`panel-${name}`} aria-labelledby=${`title-${name}`}>
    <header><h2 id=${`title-${name}`}>${t(name)}</h2>${hint && html`<small>${hint}</small>`}<span class="controls">${controls}</span></header>
    ${children}
  </section>`;
}

// A trial's status: a mark in its color, and its word in the text's own, which every eye can read.
export const Status = ({ name, count = "" }) => html`<span class="status" data-state=${name}><i style=${{ background: STATUS[name] }} class=${`dot ${name}`}></i>${count} ${t(name)}</span>`;

export const Nothing = ({ word = "none" }) => html`<p class="nothing">${t(word)}</p>`;

// So many parameters are shown at first where there are more; the most important ones.
export const FIRST = 10;

// The parameters' places, the most important first, as many as fit unless all are wanted; what is filtered by is among them.
export function ranked(axes, insight, all, filter = {}) {
  const order = new Map((insight?.importance?.parameters || []).map((each, at) => [each.name, at]));
  const places = axes.map((axis, at) => at).sort((a, b) => (order.get(axes[a].name) ?? 1e9) - (order.get(axes[b].name) ?? 1e9) || a - b);
  if (all || places.length <= FIRST) return axes.length <= FIRST ? axes.map((_, at) => at) : places;
  return places.filter((at, rank) => rank < FIRST || axes[at].name in filter);
}

export const All = ({ count, all, set }) => count > FIRST && html`<label><input type="checkbox" checked=${all} onChange=${(event) => set(event.target.checked)} /> ${t("all")} ${count}</label>`;

export function Choose({ label, value, options, onChange }) {
  return html`<label class="choose">${label} <select value=${value} onChange=${(event) => onChange(event.target.value)}>
    ${options.map((option) => html`<option value=${option} selected=${option === value}>${option}</option>`)}
  </select></label>`;
}
