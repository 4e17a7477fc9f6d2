// Views that a person has given a name: the address holds all of a view, so a name and an address are all that is kept, in this browser.
import { useState } from "preact/hooks";
import { html } from "danlu/html";
import { read, write } from "danlu/address";
import { still } from "danlu/net";
import { t } from "danlu/words";

const PLACE = "danlu-views";

// Of one study, by name; what is there and cannot be read is nobody's view.
export function viewsOf(study) {
  try {
    const found = JSON.parse(localStorage.getItem(PLACE) || "{}")[study];
    return found && typeof found === "object" ? found : {};
  } catch {
    return {};
  }
}

// Keeps a view under a name, or forgets it where there is none; whether the browser could.
export function keep(study, name, place) {
  const after = { ...viewsOf(study) };
  if (place) after[name] = write(place);
  else delete after[name];
  try {
    let all = {};
    try {
      all = JSON.parse(localStorage.getItem(PLACE) || "{}") || {};
    } catch {
      all = {}; // broken by somebody else: begun anew
    }
    localStorage.setItem(PLACE, JSON.stringify({ ...all, [study]: after }));
    return true;
  } catch {
    return false; // a file opened from disk, or a frame, may have no storage
  }
}

// What has to change from one view to another: all that the other does not name is taken back.
export function change(place, text) {
  const to = read(text);
  return { ...Object.fromEntries(Object.keys(place).map((name) => [name, undefined])), ...to, study: place.study };
}

export function Views({ place, go, say }) {
  const [, look] = useState(0);
  const [name, setName] = useState("");
  const views = viewsOf(place.study);
  const store = (event) => {
    event.preventDefault();
    if (!name.trim()) return;
    if (keep(place.study, name.trim(), place)) setName("");
    else say(t("noStorage"), true);
  };
  const copy = () => navigator.clipboard.writeText(location.href).then(() => say(t("copied_link")), () => say(location.href));
  return html`<details class="menu views"><summary>${t("views")}${Object.keys(views).length ? ` (${Object.keys(views).length})` : ""}</summary><div>
    ${Object.entries(views).map(([each, text]) => html`<span class="arrange" key=${each}><button type="button" class="link" onClick=${() => go(change(place, text))}>${each}</button>
      <button type="button" class="quiet" aria-label=${`${t("remove")} ${each}`} onClick=${() => { keep(place.study, each, null); look((count) => count + 1); }}>✕</button></span>`)}
    <form onSubmit=${store}><input aria-label=${t("viewName")} placeholder=${t("viewName")} value=${name} onInput=${(event) => setName(event.target.value)} /><button type="submit">${t("keepView")}</button></form>
    ${!still && html`<button type="button" onClick=${copy}>${t("copyLink")}</button>`}</div></details>`;
}
