// The table of trials: any number of them, of which those in sight are fetched.
import { useEffect, useRef, useState } from "preact/hooks";
import { html } from "danlu/html";
import { get } from "danlu/net";
import { picked, terms, turned } from "danlu/address";
import { among, show } from "danlu/format";
import { light, useLit } from "danlu/hover";
import { Panel, Status } from "danlu/panel";
import { duration, num } from "danlu/numbers";
import { csv, named, write } from "danlu/saving";
import { Tags } from "danlu/tags";
import { shortened } from "danlu/text";
import { t } from "danlu/words";

const ROW = 28;
const PART = 200;
const TALL = 420;
const OWN = ["trial", "status", "configuration", "steps", "seconds", "cause", "code", "aside", "tags", "notes"];

export function Table({ place, seq, total, axes, goal, state, contexts = [], go, open, say }) {
  const box = useRef(null);
  const lit = useLit();
  const [top, setTop] = useState(0);
  const [parts, setParts] = useState({});
  const [cursor, setCursor] = useState(0);
  const sort = place.sort || "trial";
  const question = JSON.stringify([place.study, place.filter, sort, place.down]);
  const latest = useRef("");
  latest.current = question;
  useEffect(() => {
    setParts({});
    if (box.current) box.current.scrollTop = 0;
    setTop(0);
  }, [question]);
  const [first, last] = [Math.floor(top / ROW), Math.ceil((top + TALL) / ROW)];
  const wanted = [...new Set([Math.floor(first / PART), Math.floor(last / PART)])].filter((part) => part * PART < Math.max(1, total));
  useEffect(() => {
    for (const part of wanted) {
      const query = { study: place.study, ...terms(place.filter), sort, down: place.down || "", first: part * PART, count: PART };
      Promise.resolve(get("table", query)).then(
        (found) => latest.current === question && setParts((before) => ({ ...before, [part]: found.rows })),
        () => {}, // said by the page itself, whose own requests fail as well
      );
    }
  }, [question, seq, wanted.join()]);
  const several = Object.values(parts).some((part) => part.some((row) => row.code !== undefined)); // more than one program has run trials
  const own = (key) => ({ key, text: t(key), read: (row) => row[key] });
  const taken = [...OWN, ...axes.map((axis) => axis.name)]; // what is named like another column says which it is
  const measured = ({ name }) => { const key = taken.includes(name) ? `${name} (metric)` : name; return { key, text: key, read: (row) => num(row.metrics[name]) }; };
  const searched = ({ name }) => { const key = OWN.includes(name) ? `${name} (parameter)` : name; return { key, text: key, read: (row) => row.params[name] }; };
  const within = (name) => { const key = [...taken, ...goal.map((each) => each.name)].includes(name) ? `${name} (context)` : name; return { key: `context ${name}`, text: key, fixed: true, read: (row) => row.context?.[name] }; };
  const reason = { key: "reason", text: t("reason"), read: (row) => row.aside || row.reason || "" };
  const tagged = Object.values(parts).some((part) => part.some((row) => row.tags.length));
  const tags = { key: "tags", text: t("tags"), read: (row) => row.tags.join(", ") };
  const every = [own("trial"), own("status"), ...(tagged ? [tags] : []), ...(contexts.length ? [own("configuration"), ...contexts.map(within)] : []), ...(several ? [own("code")] : []), ...goal.map(measured), ...axes.map(searched), own("steps"), own("seconds"), reason];
  const hidden = new Set((place.hide || "").split("\u001f").filter(Boolean));
  const columns = every.filter(({ key }) => !hidden.has(key));
  const picks = picked(place);
  const seen = Object.values(parts).flat();
  const texts = new Map([...goal.map(measured), ...axes.map(searched)].map(({ key, read }) => [key, among(seen.map(read))])); // as many digits as tell the rows apart
  const rows = [];
  for (let at = first; at < Math.min(last + 1, total); at += 1) rows.push([at, parts[Math.floor(at / PART)]?.[at % PART]]);
  const header = ({ key, text, fixed }) => {
    if (fixed) return html`<th scope="col">${text}</th>`;
    const on = key === sort;
    const turn = () => go({ sort: key, down: on && !place.down ? "1" : undefined });
    return html`<th scope="col" aria-sort=${on ? (place.down ? "descending" : "ascending") : "none"}><button type="button" title=${text} onClick=${turn}>${shortened(text, 26)}${on ? (place.down ? " ▾" : " ▴") : ""}</button></th>`;
  };
  const move = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 14, PageUp: -14 }[event.key];
    if (event.target.matches("input, summary, button")) return;
    if (event.key === "Enter") {
      const row = parts[Math.floor(cursor / PART)]?.[cursor % PART];
      if (row) open(row.trial);
    } else if (step) {
      event.preventDefault();
      const to = Math.min(total - 1, Math.max(0, cursor + step));
      setCursor(to);
      const view = box.current;
      if (to * ROW < view.scrollTop) view.scrollTop = to * ROW;
      else if ((to + 2) * ROW > view.scrollTop + TALL) view.scrollTop = (to + 2) * ROW - TALL;
    }
  };
  const cell = (row, { key, read }) => {
    if (key === "trial") return html`<td><input type="checkbox" class="pick" aria-label=${`${t("compare")} ${row.trial}`} checked=${picks.includes(row.trial)} onClick=${(event) => { event.stopPropagation(); go(turned(place, row.trial)); }} /> ${row.trial}</td>`;
    if (key === "tags") return html`<td title=${row.tags.join(", ")}><${Tags} tags=${row.tags} /></td>`;
    if (key === "reason") return html`<td class="reason" title=${read(row)}>${read(row)}</td>`;
    if (key === "status") return html`<td title=${row.aside || row.reason}><${Status} name=${row.status} />${row.aside && html` <span class="tag">${t("setAside")}</span>`}</td>`;
    if (key === "code") return html`<td title=${row.other ? t("otherProgram") : ""}><code>${row.code}</code>${row.other && html` <span class="tag">${t("otherProgram")}</span>`}</td>`;
    if (key === "seconds") return html`<td>${duration(row.seconds)}</td>`;
    const value = read(row);
    if (value === undefined) return html`<td></td>`;
    const told = (texts.get(key) ?? show)(value);
    return html`<td title=${told.length > 24 ? told : ""}>${told}</td>`;
  };
  const fetched = async () => {
    const found = [];
    while (found.length < total) {
      const part = await get("table", { study: place.study, ...terms(place.filter), sort, down: place.down || "", first: found.length, count: PART });
      if (!part.rows.length) break;
      found.push(...part.rows);
    }
    return found;
  };
  const keep = async (kind) => {
    try {
      const all = await fetched();
      const name = `${named(place.study)}-trials.${kind}`;
      const value = (row, { read }) => { const each = read(row); return each === undefined || Number.isNaN(each) ? null : each; };
      if (kind === "csv") write(csv(columns.map(({ text }) => text), all.map((row) => columns.map((each) => value(row, each)))), name, "text/csv");
      else write(JSON.stringify(all.map((row) => Object.fromEntries(columns.map((each) => [each.text, value(row, each)]))), null, 1), name, "application/json");
    } catch (error) {
      say(error.message, true);
    }
  };
  const toggle = (key) => {
    const after = new Set(hidden);
    if (!after.delete(key)) after.add(key);
    go({ hide: after.size ? [...after].join("\u001f") : undefined });
  };
  const controls = html`<details class="menu"><summary>${t("columns")}${hidden.size ? ` (${columns.length} / ${every.length})` : ""}</summary><div>${every.map(({ key, text }) => html`<label key=${key} title=${text}><input type="checkbox" checked=${!hidden.has(key)} onChange=${() => toggle(key)} /> ${shortened(text, 40)}</label>`)}</div></details>
    <button type="button" class="quiet" onClick=${() => keep("csv")}>CSV</button><button type="button" class="quiet" onClick=${() => keep("json")}>JSON</button>`;
  return html`<${Panel} name="table" wide state=${state} hint=${`${total}`} controls=${controls}>
    <div class="table" ref=${box} tabindex="0" onKeyDown=${move} onScroll=${(event) => setTop(event.target.scrollTop)} style=${{ maxHeight: `${TALL}px` }}>
      <table aria-rowcount=${total}><thead><tr>${columns.map(header)}</tr></thead><tbody>
        <tr style=${{ height: `${first * ROW}px` }}></tr>
        ${rows.map(([at, row]) => html`<tr key=${at} class=${["row", at === cursor && "cursor", row && row.trial === lit && "lit", row?.aside && "aside"].filter(Boolean).join(" ")} aria-rowindex=${at + 1} onPointerEnter=${() => row && light(row.trial)} onPointerLeave=${() => light(null)} onClick=${() => row && open(row.trial)}>
          ${row ? columns.map((column) => cell(row, column)) : html`<td colspan=${columns.length}>…</td>`}</tr>`)}
        <tr style=${{ height: `${Math.max(0, total - last - 1) * ROW}px` }}></tr>
      </tbody></table>
    </div></>`;
}
