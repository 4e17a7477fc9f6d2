// The selection: what it is made of, and how a term is added; the panels' own brushes write the same terms.
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "danlu/html";
import { STATUSES } from "danlu/colors";
import { t } from "danlu/words";

export function Filter({ filter, axes, goal, selected, total, select, clear, wanted, want }) {
  const [name, setName] = useState("");
  const [text, setText] = useState("");
  const input = useRef(null);
  useEffect(() => {
    if (!wanted) return;
    setName(wanted.name || "");
    setText(filter[wanted.name] || "");
    input.current?.focus();
    want(null); // once: the next time this is shown, nobody has asked for it
  }, [wanted]);
  const names = [...axes.map((axis) => axis.name), ...goal.map((each) => each.name), "status", "trial"];
  const chosen = name || names[0];
  const axis = axes.find((each) => each.name === chosen);
  const options = chosen === "status" ? STATUSES : axis?.kind === "choice" ? axis.ticks.map(([, label]) => label) : [];
  const add = (event) => {
    event.preventDefault();
    select(chosen, text.trim());
    setText("");
  };
  return html`<form class="filter" onSubmit=${add} aria-label=${t("filter")}>
    <strong>${t("filter")}</strong>
    ${Object.entries(filter).map(([each, term]) => html`<button type="button" class="chip" key=${each} onClick=${() => select(each, "")} aria-label=${`${t("remove")} ${each} ${term}`}>${each}: ${term} ✕</button>`)}
    <select aria-label=${t("parameters")} value=${chosen} onChange=${(event) => setName(event.target.value)}>${names.map((each) => html`<option value=${each} selected=${each === chosen}>${each}</option>`)}</select>
    <input ref=${input} id="term" aria-label=${t("rangeHint")} placeholder=${t("rangeHint")} value=${text} list="options" onInput=${(event) => setText(event.target.value)} />
    <datalist id="options">${options.map((option) => html`<option value=${option}></option>`)}</datalist>
    <button type="submit">${t("add")}</button>
    ${Object.keys(filter).length > 0 && html`<button type="button" onClick=${clear}>${t("clear")}</button>`}
    <output id="selected">${selected} ${t("selected")} ${total}</output>
  </form>`;
}
