// Tags: words on a trial or a study, each of which can be taken off where the page may write.
import { useState } from "preact/hooks";
import { html } from "danlu/html";
import { t } from "danlu/words";

export const Tags = ({ tags, off = null }) => tags.map((tag) => html`<span class="tagged" key=${tag}>${tag}${off && html` <button type="button" class="quiet" aria-label=${`${t("remove")} ${tag}`} onClick=${() => off(tag)}>✕</button>`}</span>`);

// The tags of a trial or a study, and a field for one more.
export function Tagging({ tags, give, say }) {
  const [text, setText] = useState("");
  const tell = async (order, tag) => {
    try {
      await give(order, tag);
      say(t("told"));
    } catch (error) {
      say(error.message, true);
    }
  };
  const add = async (event) => {
    event.preventDefault();
    await tell("tag", text);
    setText("");
  };
  return html`<form class="sure" onSubmit=${add}><${Tags} tags=${tags} off=${(tag) => tell("untag", tag)} />
    <input aria-label=${t("newTag")} placeholder=${t("newTag")} value=${text} onInput=${(event) => setText(event.target.value)} required maxlength="60" /><button type="submit">${t("add")}</button></form>`;
}
