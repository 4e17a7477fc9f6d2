// The list of a store's studies.
import { useEffect, useState } from "preact/hooks";
import { link } from "danlu/campaign";
import { html } from "danlu/html";
import { get, steer } from "danlu/net";
import { show } from "danlu/format";
import { num } from "danlu/numbers";
import { Tags } from "danlu/tags";
import { quoted } from "danlu/text";
import { clock, t } from "danlu/words";

const ARCHIVED = "archived"; // the tag of a study that is left out of the list
const MOST = 6; // studies that a picture holds

export function Studies({ go, say, actions = false }) {
  const [found, set] = useState(null);
  const [text, setText] = useState("");
  const [old, setOld] = useState(false);
  const [sort, setSort] = useState({ key: "", down: false });
  const [picks, setPicks] = useState([]);
  useEffect(() => {
    let live = true;
    let timer = 0;
    const look = async () => {
      let wait = 2000;
      try {
        const each = await get("studies");
        if (live) set(each);
        if (live) say("");
        if (each.studies.some((study) => study.whole === false)) wait = 300;
      } catch (error) {
        if (live) say(error.message, true);
      }
      if (live) timer = setTimeout(look, wait);
    };
    look();
    return () => {
      live = false;
      clearTimeout(timer);
    };
  }, []);
  if (!found) return html`<main><p class="nothing">…</p></main>`;
  const archived = found.studies.filter(isArchived).length;
  const wanted = text.trim().toLowerCase();
  const shown = found.studies.filter((each) => (old || !isArchived(each)) && (!wanted || [each.name, each.parent, ...each.tags].some((word) => word.toLowerCase().includes(wanted))));
  const turn = (name) => setPicks((before) => (before.includes(name) ? before.filter((each) => each !== name) : before.length < MOST ? [...before, name] : before));
  const tell = async (each) => {
    try {
      await steer({ study: each.name, order: isArchived(each) ? "untag" : "tag", text: ARCHIVED });
      set(await get("studies"));
    } catch (error) {
      say(error.message, true);
    }
  };
  const head = (key, word) => html`<th scope="col" aria-sort=${sort.key !== key ? "none" : sort.down ? "descending" : "ascending"}><button type="button" class="link" onClick=${() => setSort({ key, down: sort.key === key && !sort.down })}>${t(word)}${sort.key === key ? (sort.down ? " ▾" : " ▴") : ""}</button></th>`;
  const row = (each) => html`<tr key=${each.name} class=${each.parent ? "stage" : ""}><td>${each.campaign ? "" : html`<input type="checkbox" aria-label=${`${t("compare")} ${each.name}`} checked=${picks.includes(each.name)} onChange=${() => turn(each.name)} />`}${link(each.name, go)}${each.tags.length > 0 && html` <${Tags} tags=${each.tags} />`}</td>
        <td>${each.trials}</td><td>${each.goal.map((goal) => `${goal.maximize ? "↑" : "↓"} ${goal.name}`).join(", ")}</td>
        <td>${each.front ? `${t("front")}: ${each.front.count}` : each.best ? show(num(each.best.value)) : ""}</td>
        <td>${each.damage ? html`<span class="damage">${t("damaged")}</span>` : each.whole === false ? `${t("reading")}: ${each.seq}` : each.halted || States(each.states)}</td>
        <td>${clock(each.created)}</td><td>${clock(each.latest)}</td>
        ${actions && html`<td><button type="button" class="quiet" onClick=${() => tell(each)}>${t(isArchived(each) ? "unarchive" : "archive")}</button></td>`}</tr>`;
  return html`<main><h1>${t("studies")}</h1><p class="place">${found.place}</p>
    ${found.damage && html`<p class="damage" role="alert">${found.damage}</p>`}
    ${found.studies.length === 0 && !found.damage && html`<p class="nothing">${t("empty")}<br /><code>danlu run train.py:train --store ${quoted(found.place)}</code></p>`}
    ${found.studies.length > 0 && html`<p class="sure"><input type="search" aria-label=${t("findStudy")} placeholder=${t("findStudy")} value=${text} onInput=${(event) => setText(event.target.value)} />
      <button type="button" disabled=${picks.length < 2} onClick=${() => go({ side: picks.join("\u001f") })}>${t("compare")} (${picks.length} / ${MOST})</button>
      ${archived > 0 && html`<button type="button" aria-pressed=${String(old)} onClick=${() => setOld(!old)}>${t("archivedToo")} (${archived})</button>`}</p>
    <div class="scroll"><table class="studies"><thead><tr>${head("name", "studies")}${head("trials", "trials")}<th>${t("goal")}</th>${head("best", "best")}<th>${t("state")}</th>${head("created", "created")}${head("latest", "latest")}${actions && html`<th></th>`}</tr></thead><tbody>
      ${grouped(ordered(shown, sort)).map(({ name, studies }) => html`${name && html`<tr class="group" key=${`group ${name}`}><th scope="rowgroup" colspan="8">${name}</th></tr>`}${tree(studies).map(row)}`)}
    </tbody></table></div>
    ${shown.length === 0 && html`<p class="nothing">${t("none")}</p>`}`}</main>`;
}

const isArchived = (each) => each.tags.includes(ARCHIVED);

const KEYS = { name: (each) => each.name, trials: (each) => each.trials, best: (each) => (each.best && !each.front ? num(each.best.value) : null), created: (each) => each.created, latest: (each) => each.latest };

// Studies as a person wants them; what is not known comes last, either way.
export function ordered(studies, { key, down }) {
  if (!key) return studies;
  const read = KEYS[key];
  const missing = (value) => value === null || value === undefined || Number.isNaN(value);
  return [...studies].sort((one, other) => {
    const [a, b] = [read(one), read(other)];
    if (missing(a) || missing(b)) return missing(a) - missing(b);
    return (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1);
  });
}

// Studies whose names differ in a number at their end alone stand together, under what they share.
export function grouped(studies) {
  const prefix = (each) => (each.parent ? "" : each.name.replace(/[-_. ]?\d+$/, ""));
  const counts = new Map();
  for (const each of studies) counts.set(prefix(each), (counts.get(prefix(each)) ?? 0) + 1);
  const groups = new Map();
  for (const each of studies) {
    const name = each.parent || each.campaign || counts.get(prefix(each)) < 2 ? "" : prefix(each);
    groups.set(name, [...(groups.get(name) ?? []), each]);
  }
  const alone = groups.get("") ?? [];
  return [...(alone.length ? [{ name: "", studies: alone }] : []), ...[...groups].filter(([name]) => name).map(([name, all]) => ({ name, studies: all }))];
}

// Each study after the campaign that opened it, else where it was.
const tree = (studies) => {
  const names = new Set(studies.map((each) => each.name));
  return studies.filter((each) => !names.has(each.parent)).flatMap((each) => [each, ...studies.filter((other) => other.parent === each.name)]);
};

export const States = (states) => Object.entries(states).filter(([, count]) => count).map(([name, count]) => `${count} ${t(name)}`).join(" · ");
