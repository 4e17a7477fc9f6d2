// A panel: a heading, perhaps controls, and what it shows.
import { html } from "danlu/html";
import { t } from "danlu/words";

export function Panel({ name, wide = false, controls = null, hint = "", children }) {
  return html`<section class=${wide ? "panel wide" : "panel"} id=${`panel-${name}`} aria-labelledby=${`title-${name}`}>
    <header><h2 id=${`title-${name}`}>${t(name)}</h2>${hint && html`<small>${hint}</small>`}<span class="controls">${controls}</span></header>
    ${children}
  </section>`;
}

export const Nothing = ({ word = "none" }) => html`<p class="nothing">${t(word)}</p>`;

export function Choose({ label, value, options, onChange }) {
  return html`<label class="choose">${label} <select value=${value} onChange=${(event) => onChange(event.target.value)}>
    ${options.map((option) => html`<option value=${option} selected=${option === value}>${option}</option>`)}
  </select></label>`;
}
