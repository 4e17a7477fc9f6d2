// How a person has arranged the axes of parallel coordinates: their order, which are turned over, which are left out; kept in the address.
import { html } from "danlu/html";
import { shortened } from "danlu/text";
import { t } from "danlu/words";

const SPLIT = "\u001f"; // no name has it
const listed = (text) => (text || "").split(SPLIT).filter(Boolean);
const kept = (names) => (names.length ? names.join(SPLIT) : undefined);

// The names as they are to stand; those that nobody has moved stay where they come by themselves, behind those that were.
export function arranged(names, place) {
  const order = new Map(listed(place.order).map((name, at) => [name, at]));
  const all = [...names].sort((a, b) => (order.get(a) ?? names.length + names.indexOf(a)) - (order.get(b) ?? names.length + names.indexOf(b)));
  const hidden = new Set(listed(place.off));
  const shown = all.filter((name) => !hidden.has(name));
  return { all, shown: shown.length ? shown : all, flipped: new Set(listed(place.flip)) };
}

// What to write into the address: `name` moved in front of the one that stands at `to` among those shown.
export function moved(names, place, name, to) {
  const { all, shown } = arranged(names, place);
  const others = shown.filter((each) => each !== name);
  const before = others[Math.min(others.length, Math.max(0, to))];
  const rest = all.filter((each) => each !== name);
  const at = before === undefined ? rest.length : rest.indexOf(before);
  return { order: kept([...rest.slice(0, at), name, ...rest.slice(at)]) };
}

export function turnedOver(place, name) {
  const names = listed(place.flip);
  return { flip: kept(names.includes(name) ? names.filter((each) => each !== name) : [...names, name]) };
}

export function leftOut(place, name) {
  const names = listed(place.off);
  return { off: kept(names.includes(name) ? names.filter((each) => each !== name) : [...names, name]) };
}

// The same by menu, for keyboards and fingers.
export function Arrange({ names, place, go }) {
  const { all, shown, flipped } = arranged(names, place);
  const any = place.order || place.off || place.flip;
  return html`<details class="menu"><summary>${t("axes")}${shown.length < all.length ? ` (${shown.length} / ${all.length})` : ""}</summary><div>${all.map((name) => {
    const at = shown.indexOf(name);
    return html`<span class="arrange" key=${name}><label title=${name}><input type="checkbox" checked=${at >= 0} disabled=${at >= 0 && shown.length === 1} onChange=${() => go(leftOut(place, name))} /> ${shortened(name, 32)}</label>
      <button type="button" aria-label=${`${t("earlier")}: ${name}`} disabled=${at <= 0} onClick=${() => go(moved(names, place, name, at - 1))}>←</button>
      <button type="button" aria-label=${`${t("later")}: ${name}`} disabled=${at < 0 || at === shown.length - 1} onClick=${() => go(moved(names, place, name, at + 1))}>→</button>
      <button type="button" aria-label=${`${t("flip")}: ${name}`} aria-pressed=${String(flipped.has(name))} disabled=${at < 0} onClick=${() => go(turnedOver(place, name))}>⇅</button></span>`;
  })}${any && html`<button type="button" onClick=${() => go({ order: undefined, off: undefined, flip: undefined })}>${t("asBefore")}</button>`}</div></details>`;
}
