// One study: a line on how it stands, the selection, and all panels; fetched anew when it has grown.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { html } from "danlu/html";
import { Orders } from "danlu/actions";
import { terms } from "danlu/address";
import { Campaign, link } from "danlu/campaign";
import { Filter } from "danlu/filter";
import { Finder } from "danlu/finder";
import { follow, get, still } from "danlu/net";
import { duration, num, show } from "danlu/numbers";
import { Effects, Findings, Importance, Slices, Surface } from "danlu/parameters";
import { Status } from "danlu/panel";
import { Parallel } from "danlu/parallel";
import { Table } from "danlu/table";
import { Trial } from "danlu/trial";
import { Curves, Front, History, Timeline } from "danlu/trials";
import { language, t } from "danlu/words";

const PAUSE = 1000; // milliseconds between two fetches of what a running study has grown by
const CALM = 4000; // and of what needs a model
const SETTLED = 250; // a selection that stays so long is worth a model

// Fetches `what` whenever `query` changes, at once, and whenever `seq` has grown, once in a while; one request at a time.
function useAnswer(what, query, seq, pause, say, delay = 0) {
  const [answer, set] = useState(null);
  const asked = useRef({ key: "", at: 0, busy: false, again: null });
  const key = JSON.stringify(query);
  const newest = useRef();
  newest.current = { query, key };
  const ask = useCallback(() => {
    const state = asked.current;
    if (state.busy) {
      state.again = state.again || 1;
      return;
    }
    const { query: now, key: about } = newest.current;
    Object.assign(state, { busy: true, again: null, key: about, at: performance.now() });
    Promise.resolve().then(() => get(what, now)).then(
      (found) => {
        if (about === newest.current.key) set({ found, query: about });
        say("");
      },
      (error) => about === newest.current.key && say(error.message, true),
    ).finally(() => {
      state.busy = false;
      if (newest.current.key !== about) ask();
      else if (state.again) setTimeout(() => state.again && ask(), pause);
    });
  }, []);
  useEffect(() => {
    const timer = setTimeout(ask, answer ? delay : 0);
    return () => clearTimeout(timer);
  }, [key]);
  useEffect(() => {
    if (seq === null) return undefined;
    const wait = Math.max(0, pause - (performance.now() - asked.current.at));
    const timer = setTimeout(ask, wait);
    return () => clearTimeout(timer);
  }, [seq]);
  return [answer?.found ?? null, answer !== null && answer.query !== key];
}

// The same answer with what the server says in the page's language, where it has said it.
function spoken(found) {
  if (language !== "zh" || !found?.zh) return found;
  const { importance, effects, ...lists } = found.zh;
  const noticed = (of, notice) => of && { ...of, notice };
  return { ...found, ...lists, importance: noticed(found.importance, importance), effects: noticed(found.effects, effects) };
}

export function Study({ place, go, actions, say, wanted, want }) {
  const { study, filter, metric } = place;
  const [tick, setTick] = useState(null);
  const [away, setAway] = useState(false);
  useEffect(() => follow(study, setTick, setAway), [study]);
  const seq = tick ? `${tick.seq} ${tick.whole} ${tick.damage}` : null;
  const shared = { study, ...terms(filter), ...(metric ? { metric } : {}) };
  const [view, pending] = useAnswer("view", shared, seq, PAUSE, say);
  const [found, thinking] = useAnswer("insight", { ...shared, x: place.x || "", y: place.y || "", method: place.method || "" }, seq, CALM, say, SETTLED);
  const insight = spoken(found);
  const select = useCallback((name, text) => {
    const after = { ...filter };
    if (text) after[name] = text;
    else delete after[name];
    go({ filter: after });
  }, [filter]);
  const open = useCallback((trial) => go({ trial: String(trial) }), []);
  if (!view) return html`<main><p class="nothing">${t("reading")}…</p></main>`;
  const { head } = view;
  if (place.trial !== undefined) {
    return html`<${Trial} study=${study} number=${place.trial} seq=${tick?.seq} back=${() => go({ trial: undefined })} actions=${actions} say=${say} />`;
  }
  return html`<main class=${pending ? "pending" : ""} data-seq=${head.seq}>
    <a class="skip" href="#panels">${t("skip")}</a>
    <${Head} head=${head} actions=${actions && !head.campaign} say=${say} />
    ${away && html`<p class="damage" role="alert">${t("away")}</p>`}
    ${view.damage && html`<p class="damage" role="alert"><b>${t("damaged")}.</b> ${view.damage} ${t("soundBefore")}</p>`}
    ${!view.whole && !view.damage && !still && html`<p class="notice" role="status">${t("reading")}: ${head.seq} ${t("events")}</p>`}
    ${!still && !head.campaign && html`<${Filter} filter=${filter} axes=${view.axes} goal=${head.goal} selected=${view.selected} total=${head.trials} select=${select} clear=${() => go({ filter: {} })} wanted=${wanted} want=${want} />`}
    ${head.parent && html`<p class="place">${t("partOf")} ${link(head.parent, go)}</p>`}
    ${head.campaign ? html`<div class="panels" id="panels"><${Campaign} head=${head} go=${go} /><${Findings} insight=${insight} decisions=${view.decisions} open=${open} /></div>` : html`<div class=${thinking ? "panels thinking" : "panels"} id="panels">
      <${Curves} found=${view.curves} metric=${metric} go=${go} open=${open} />
      <${History} found=${view.progress} open=${open} />
      <${Importance} insight=${insight} method=${place.method || insight?.importance?.method || ""} go=${go} />
      <${Parallel} found=${view.sheet} insight=${insight} filter=${filter} select=${still ? () => {} : select} open=${open} focus=${(name) => want({ name })} />
      <${Findings} insight=${insight} decisions=${view.decisions} open=${open} />
      <${Surface} insight=${insight} axes=${view.axes} go=${go} />
      <${Front} found=${view.sheet} open=${open} />
      <${Timeline} found=${view.timeline} open=${open} />
      ${still?.finder && html`<${Finder} found=${still.finder} />`}
      <${Effects} insight=${insight} />
      <${Slices} found=${view.sheet} insight=${insight} open=${open} />
      <${Table} place=${place} seq=${head.seq} total=${still ? still.table.rows.length : view.selected} axes=${view.axes} goal=${head.goal} contexts=${head.contexts} go=${go} open=${open} />
    </div>`}</main>`;
}

function Head({ head, actions, say }) {
  const { budget, spent, savings } = head;
  const counting = head.trials - head.aside; // what was set aside is over, and off the budget
  const { pace } = head;
  const shares = [
    budget.trials && `${counting} / ${budget.trials} ${t("trials")}`,
    budget.seconds && `${duration(spent.seconds)} / ${duration(budget.seconds)}`,
    budget.steps && `${spent.steps} / ${budget.steps} ${t("steps")}`,
    budget.cost && `${show(spent.cost)} / ${show(budget.cost)}`,
  ].filter(Boolean);
  if (head.campaign) return html`<header class="head"><h1>${head.name}</h1><span>${t("campaign")} ${head.campaign}</span></header>`;
  return html`<header class="head"><h1>${head.name}</h1>
    <span class="best"><b id="best">${head.best ? show(num(head.best.value)) : "—"}</b> ${head.goal.map((goal) => `${goal.name} ${goal.maximize ? "↑" : "↓"}`).join(", ")}${head.best ? ` · ${t("trial")} ${head.best.number}` : ""}</span>
    <span class="states">${Object.entries(head.states).filter(([, count]) => count).map(([name, count]) => html`<${Status} name=${name} count=${count} /> `)}</span>
    <span>${shares.join(" · ") || `${counting} ${t("trials")}`}${head.aside ? ` · ${head.aside} ${t("setAside")}` : ""}</span>
    <span>${pace.unit ? `${pace.number}/${t(pace.unit)}` : ""}${pace.left > 0 ? ` · ${duration(pace.left)} ${t("left")}` : ""}</span>
    ${savings.saved > 0 && html`<span>${(100 * savings.saved).toFixed(0)} % ${t("saved")}</span>`}
    ${head.queued > 0 && html`<span>${head.queued} ${t("queued")}</span>`}
    ${head.halted && html`<b class="halted" role="status">${head.halted}</b>`}
    ${actions && html`<${Orders} study=${head.name} halted=${head.halted} say=${say} />`}
  </header>`;
}
