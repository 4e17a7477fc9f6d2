// The selection: what it is made of, and how a term is added; the panels' own brushes write the same terms.
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "danlu/html";
import { terms } from "danlu/address";
import { STATUSES } from "danlu/colors";
import { get } from "danlu/net";
import { shortened } from "danlu/text";
import { t } from "danlu/words";

export function Filter({ study, filter, axes, goal, tags = [], selected, total, select, clear, wanted, want, say }) {
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
  const names = [...new Set([...axes.map((axis) => axis.name), ...goal.map((each) => each.name), "status", "trial", ...(tags.length ? ["tag"] : [])])];
  const chosen = name || names[0];
  const axis = axes.find((each) => each.name === chosen);
  const options = chosen === "status" ? STATUSES : chosen === "tag" && !axis ? tags : axis?.kind === "choice" ? axis.ticks.map(([, label]) => label) : [];
  const hint = options.length ? options.slice(0, 2).join("|") : t("rangeHint");
  const add = async (event) => {
    event.preventDefault();
    const term = text.trim();
    try { // a term that is refused never becomes one
      if (term) await get("table", { study, ...terms({ ...filter, [chosen]: term }), count: 0 });
    } catch (error) {
      say(error.message, true);
      return;
    }
    say("");
    select(chosen, term);
    setText("");
  };
  return html`<form class="filter" onSubmit=${add} aria-label=${t("filter")}>
    <strong>${t("filter")}</strong>
    ${Object.entries(filter).map(([each, term]) => html`<button type="button" class="chip" key=${each} title=${`${each}: ${term}`} onClick=${() => select(each, "")} aria-label=${`${t("remove")} ${each} ${term}`}>${shortened(each, 28)}: ${shortened(term, 40)} ✕</button>`)}
    <select aria-label=${t("parameters")} value=${chosen} title=${chosen} onChange=${(event) => setName(event.target.value)}>${names.map((each) => html`<option value=${each} selected=${each === chosen}>${shortened(each, 40)}</option>`)}</select>
    <input ref=${input} id="term" aria-label=${hint} placeholder=${hint} value=${text} list="options" onInput=${(event) => setText(event.target.value)} />
    <datalist id="options">${options.map((option) => html`<option value=${option}></option>`)}</datalist>
    <button type="submit">${t("add")}</button>
    ${Object.keys(filter).length > 0 && html`<button type="button" onClick=${clear}>${t("clear")}</button>`}
    <output id="selected">${selected} ${t("selected")} ${total}</output>
  </form>`;
}
