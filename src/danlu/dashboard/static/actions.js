// Orders to a study: each asks before it is given, says its reason, and is an event in the journal.
import { useState } from "preact/hooks";
import { html } from "danlu/html";
import { steer } from "danlu/net";
import { valueAt } from "danlu/numbers";
import { t } from "danlu/words";

export function Orders({ study, halted, over: ended, axes, say }) {
  const [asking, ask] = useState("");
  const over = (what) => () => ask((now) => (now === what ? "" : now)); // what was begun meanwhile stays open
  const orders = ended ? [] : halted ? ["resume"] : ["pause", "stop"]; // what is over cannot be halted
  return html`<span class="orders">
    ${!asking ? [...orders, "enqueue", "note"].map((order) => html`<button type="button" key=${order} onClick=${() => ask(order)} title=${order === "stop" ? t("stop_help") : ""}>${t(order)}</button>`)
      : asking === "enqueue" ? html`<${Point} study=${study} start=${blank(axes)} done=${over("enqueue")} say=${say} />`
      : html`<${Sure} order=${asking} done=${over(asking)} give=${(reason) => steer({ study, order: asking, [asking === "note" ? "text" : "reason"]: reason })} say=${say} />`}
  </span>`;
}

// A point in the middle of the space, to be edited: the names need not be known by heart.
const blank = (axes) => Object.fromEntries(axes.filter((axis) => !axis.name.includes(".")).map((axis) => {
  const value = valueAt(axis, 0.5);
  const label = axis.kind === "choice" && { True: true, False: false, None: null }[value];
  if (axis.kind === "choice") return [axis.name, label !== undefined ? label : value !== "" && Number.isFinite(Number(value)) ? Number(value) : value];
  return [axis.name, Number(value.toPrecision(4))];
}));

// An order with room for its reason, given at the second press.
export function Sure({ order, give, done, say }) {
  const [text, setText] = useState("");
  const note = order === "note";
  const go = async (event) => {
    event.preventDefault();
    try {
      await give(text);
      say(t("told"));
      done();
    } catch (error) {
      say(error.message, true);
    }
  };
  return html`<form class="sure" onSubmit=${go}><b>${t(order)}</b>
    <input autofocus aria-label=${t(note ? "note" : "reason")} placeholder=${t(note ? "note" : "reason")} value=${text} onInput=${(event) => setText(event.target.value)} required=${note} />
    <button type="submit" class="go">${note ? t("send") : `${t(order)}: ${t("sure")}`}</button><button type="button" onClick=${done}>${t("cancel")}</button></form>`;
}

// A point to be tried next, as JSON that can be edited; what is left out is drawn.
export function Point({ study, start, done, say }) {
  const [text, setText] = useState(() => JSON.stringify(start, null, 1));
  const go = async (event) => {
    event.preventDefault();
    try {
      await steer({ study, order: "enqueue", point: JSON.parse(text) });
      say(t("told"));
      done();
    } catch (error) {
      say(error.message, true);
    }
  };
  return html`<form class="point" onSubmit=${go}><textarea aria-label=${t("enqueue")} rows="8" value=${text} onInput=${(event) => setText(event.target.value)}></textarea>
    <button type="submit" class="go">${t("enqueue")}</button><button type="button" onClick=${done}>${t("cancel")}</button></form>`;
}
