// A panel: a heading, perhaps controls, and what it shows, or in which state it is.
import { useRef } from "preact/hooks";
import { html } from "danlu/html";
import { save, saveSvg } from "danlu/saving";
import { said } from "danlu/states";
import { shortened } from "danlu/text";
import { t } from "danlu/words";

// `picture` offers what the panel's canvases show as a file.
export function Panel({ name, wide = false, controls = null, hint = "", state = null, picture = false, children }) {
  const ref = useRef(null);
  const shown = !state || state.name === "ready";
  return html`<section ref=${ref} class=${wide ? "panel wide" : "panel"} id=${`panel-${name}`} aria-labelledby=${`title-${name}`} data-state=${state ? state.name : "ready"}>
    <header><h2 id=${`title-${name}`}>${t(name)}</h2>${hint && shown && html`<small class="hint">${hint}</small>`}
      <span class="controls">${shown || state.name === "calculating" ? controls : null}${picture && shown && html`<button type="button" class="quiet" onClick=${() => save(ref.current, t(name))} title=${t("asPicture")}>PNG</button><button type="button" class="quiet" onClick=${() => saveSvg(ref.current, t(name))} title=${t("asPicture")}>SVG</button>`}</span></header>
    ${shown ? children : html`<p class=${state.name === "calculating" || state.name === "reading" ? "nothing working" : "nothing"} role="status">${said(state)}</p>`}
  </section>`;
}

// A trial's status: a mark in its color, and its word in the text's own, which every eye can read.
export const Status = ({ name, count = "" }) => html`<span class="status" data-state=${name}><i style=${{ background: `var(--${name})` }} class=${`dot ${name}`}></i>${count} ${t(name)}</span>`;

export const Nothing = ({ word = "none" }) => html`<p class="nothing">${t(word)}</p>`;

// So many parameters are shown at first where there are more; the most important ones.
export const FIRST = 10;

// The parameters' places, the most important first in every panel, as many as fit unless all are wanted; what is filtered by is among them.
export function ranked(axes, insight, all, filter = {}) {
  const order = new Map((insight?.importance?.parameters || []).map((each, at) => [each.name, at]));
  const places = axes.map((axis, at) => at).sort((a, b) => (order.get(axes[a].name) ?? 1e9) - (order.get(axes[b].name) ?? 1e9) || a - b);
  return all ? places : places.filter((at, rank) => rank < FIRST || axes[at].name in filter);
}

export const All = ({ count, all, set }) => count > FIRST && html`<label><input type="checkbox" checked=${all} onChange=${(event) => set(event.target.checked)} /> ${t("all")} ${count}</label>`;

export function Choose({ label, value, options, onChange, none = "", text = (option) => option }) {
  return html`<label class="choose">${label} <select value=${value} title=${value} onChange=${(event) => onChange(event.target.value)}>
    ${none && html`<option value="" selected=${!value}>${none}</option>`}
    ${options.map((option) => html`<option value=${option} title=${option} selected=${option === value}>${shortened(text(option), 32)}</option>`)}
  </select></label>`;
}

// The two switches of every panel that draws values of a metric: they are in the address, and one for all panels.
export function Scale({ scale, log, go }) {
  return html`<label><input type="checkbox" class="log" checked=${log} onChange=${(event) => go({ log: event.target.checked ? "1" : "0" })} /> ${t("log")}</label>
    <label><input type="checkbox" class="whole" checked=${scale.whole} onChange=${(event) => go({ whole: event.target.checked ? "1" : undefined })} /> ${t("wholeRange")}</label>`;
}

// The switches as they are in the address.
export const scaleOf = (place) => ({ log: place.log === "1" ? true : place.log === "0" ? false : null, whole: place.whole === "1" });

// What lies outside of a picture, in words; '' for nothing.
export function outside({ above, below, nowhere }) {
  return [above && `▲ ${above} ${t("above")}`, below && `▼ ${below} ${t("below")}`, nowhere && `${nowhere} ${t("noLog")}`].filter(Boolean).join(" · ");
}
