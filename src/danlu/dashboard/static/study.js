// One study: a line on how it stands, the selection, and all panels; fetched anew when it has grown.
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { html } from "danlu/html";
import { Orders } from "danlu/actions";
import { picked, terms, turned } from "danlu/address";
import { Campaign, link } from "danlu/campaign";
import { Compare } from "danlu/compare";
import { Filter } from "danlu/filter";
import { Finder } from "danlu/finder";
import { follow, get, still } from "danlu/net";
import { among, show } from "danlu/format";
import { duration, num, nums } from "danlu/numbers";
import { Effects, Errors, Findings, Importance, Slices, Surface } from "danlu/parameters";
import { Choose, Status } from "danlu/panel";
import { Parallel } from "danlu/parallel";
import { Distribution, Rank } from "danlu/ranks";
import { Views } from "danlu/saved";
import { Table } from "danlu/table";
import { Tags } from "danlu/tags";
import { Trial } from "danlu/trial";
import { spoken, stateOf } from "danlu/states";
import { Curves, Front, History, Scatter, Timeline } from "danlu/trials";
import { language, t } from "danlu/words";

const PAUSE = 1000; // milliseconds between two fetches of what a running study has grown by
const CALM = 4000; // and of what needs a model
const SETTLED = 250; // a selection that stays so long is worth a model

// Fetches `what` whenever `query` changes, at once, and whenever `seq` has grown, once in a while; one request at a time.
function useAnswer(what, query, seq, pause, say, refused) {
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
        if (state.complained) say(""); // what others complain of is theirs to take back
        state.complained = false;
      },
      (error) => {
        if (about !== newest.current.key) return;
        say(error.message, true);
        state.complained = error.status !== 400;
        if (error.status === 400) refused();
      },
    ).finally(() => {
      state.busy = false;
      if (newest.current.key !== about) ask();
      else if (state.again) setTimeout(() => state.again && ask(), pause);
    });
  }, []);
  useEffect(() => {
    ask();
  }, [key]);
  useEffect(() => {
    if (seq === null) return undefined;
    const wait = Math.max(0, pause - (performance.now() - asked.current.at));
    const timer = setTimeout(ask, wait);
    return () => clearTimeout(timer);
  }, [seq]);
  return [answer?.found ?? null, answer !== null && answer.query !== key];
}

// What needs a model, part by part: asked for again until all of it is there, and when the study has grown.
function useInsight(query, seq, say) {
  const [answer, set] = useState(null); // {key, found}: the newest of this question, also one that is not whole
  const key = JSON.stringify(query);
  const state = useRef({ at: 0, seq: null, run: 0 });
  useEffect(() => {
    if (seq === null && !still) return undefined;
    const known = state.current;
    if (known.key === key && known.busy) return undefined; // it sees what has come meanwhile when it is done
    let timer = 0;
    const again = known.key === key;
    const begin = async () => {
      const run = (known.run += 1);
      Object.assign(known, { key, busy: true, at: performance.now() });
      let have = 0;
      for (;;) {
        let found;
        try {
          found = await get("insight", { ...query, have });
        } catch (error) {
          if (known.run === run) {
            known.busy = false;
            if (error.status !== 400) say(error.message, true); // what is refused is said where the panels are asked for
          }
          return;
        }
        if (known.run !== run) return;
        if (found.ready || !again) set({ key, found }); // what is shown stays until all of the new is there
        if (found.ready) break;
        if (found.stage <= have) await new Promise((done) => setTimeout(done, SETTLED));
        have = found.stage;
      }
      known.busy = false;
    };
    timer = setTimeout(begin, again ? Math.max(0, CALM - (performance.now() - known.at)) : answer ? SETTLED : 0);
    return () => {
      clearTimeout(timer);
    };
  }, [key, seq, answer?.found.ready]);
  useEffect(() => () => { state.current.run += 1; }, []);
  return answer?.key === key ? answer.found : null;
}

export function Study({ place, go, actions, say, wanted, want }) {
  const { study, filter, metric, curve } = place;
  const [tick, setTick] = useState(null);
  const [away, setAway] = useState(false);
  useEffect(() => follow(study, setTick, setAway), [study]);
  const seq = tick ? `${tick.seq} ${tick.whole} ${tick.damage}` : null;
  const shared = { study, ...terms(filter), ...(metric ? { metric } : {}) };
  const refused = useCallback(() => Object.keys(filter).length && go({ filter: {} }), [filter]); // a term that makes no sense does not stay
  const [view, pending] = useAnswer("view", { ...shared, ...(curve ? { curve } : {}), ...(place.cx ? { along: place.cx } : {}) }, seq, PAUSE, say, refused);
  const insight = spoken(useInsight({ ...shared, x: place.x || "", y: place.y || "", method: place.method || "" }, seq, say), language);
  const select = useCallback((name, text) => {
    const after = { ...filter };
    if (text) after[name] = text;
    else delete after[name];
    go({ filter: after });
  }, [filter]);
  const open = useCallback((trial) => go({ trial: String(trial) }), []);
  useEffect(() => {
    document.title = place.trial === undefined ? `${study} · danlu` : `${t("trial")} ${place.trial} · ${study} · danlu`;
    return () => (document.title = "danlu");
  }, [study, place.trial]);
  const ranking = useRef({});
  if (!view) return html`<main><p class="nothing">${t("reading")}…</p></main>`;
  const { head } = view;
  const picks = picked(place);
  if (place.trial !== undefined) {
    const number = Number(place.trial);
    return html`<${Trial} study=${study} number=${place.trial} seq=${tick?.seq} back=${() => go({ trial: undefined })} actions=${actions} picked=${picks.includes(number)} pick=${() => go(turned(place, number))} say=${say} />`;
  }
  const ranks = ranking.current; // parameters stay where they are, whatever is filtered: as they were ranked first
  if (insight?.importance && !ranks[`${study} ${view.metric}`]) ranks[`${study} ${view.metric}`] = { importance: insight.importance };
  const order = ranks[`${study} ${view.metric}`] ?? null;
  const several = head.goal.length > 1;
  const here = { place, picks, go, open };
  const model = (part) => stateOf(view, { values: 4, work: insight === null ? null : { ...insight, there: part in insight } });
  const simple = stateOf(view);
  const valued = stateOf(view, { values: 1 });
  const wrong = html`<${Errors} found=${view.errors} trace=${view.trace} selected=${view.selected} open=${open} select=${select} />`;
  const chief = view.failed > 0 && 2 * view.failed >= view.selected; // what most trials failed of is the first thing to read
  const all = !Object.keys(filter).length;
  return html`<main class=${pending ? "pending" : ""} data-seq=${head.seq}>
    <a class="skip" href="#panels">${t("skip")}</a>
    <${Head} views=${html`<${Views} place=${place} go=${go} say=${say} />`} head=${head} axes=${view.axes} actions=${actions && !head.campaign} say=${say} />
    ${away && html`<p class="damage" role="alert">${t("away")}</p>`}
    ${view.damage && html`<p class="damage" role="alert"><b>${t("damaged")}.</b> ${view.damage} ${t("soundBefore")}</p>`}
    ${!view.whole && !view.damage && !still && html`<p class="notice" role="status">${t("reading")}: ${head.seq} ${t("events")}</p>`}
    ${still && still.missing > 0 && html`<p class="notice" role="status">${still.table.rows.length} / ${head.trials} ${t("inReport")}</p>`}
    ${!head.campaign && several && html`<p class="goals"><${Choose} label=${t("panelsAbout")} value=${view.metric} options=${head.goal.map((each) => each.name)} onChange=${(to) => go({ metric: to, curve: undefined })} /></p>`}
    ${!head.campaign && html`<${Filter} study=${study} filter=${filter} axes=${view.axes} goal=${head.goal} tags=${head.trial_tags} selected=${view.selected} total=${still ? still.table.rows.length : head.trials} select=${select} clear=${() => go({ filter: {} })} wanted=${wanted} want=${want} say=${say} />`}
    ${head.parent && html`<p class="place">${t("partOf")} ${link(head.parent, go)}</p>`}
    ${still && !all && html`<p class="notice" role="status">${t("modelsOfAll")}</p>`}
    ${head.campaign ? html`<div class="panels" id="panels"><${Campaign} head=${head} go=${go} /><${Findings} insight=${insight} state=${model("findings")} decisions=${view.decisions} open=${open} /></div>` : html`<div class="panels" id="panels">
      ${chief && wrong}
      <${Compare} study=${study} seq=${tick?.seq} along=${view.curves} ...${here} />
      <${Curves} found=${view.curves} state=${simple} ...${here} />
      <${History} found=${view.progress} sheet=${view.sheet} state=${valued} ...${here} />
      <${Importance} insight=${insight} state=${model("importance")} method=${place.method || insight?.importance?.method || ""} go=${go} />
      <${Parallel} found=${view.sheet} insight=${order} metric=${view.metric} filter=${filter} state=${simple} select=${select} focus=${(name) => want({ name })} ...${here} />
      <${Findings} insight=${insight} state=${model("findings")} metric=${view.metric} several=${several} decisions=${view.decisions} open=${open} />
      ${!chief && wrong}
      <${Surface} insight=${insight} axes=${view.axes} state=${model("surface")} go=${go} />
      <${Front} found=${view.sheet} head=${head} state=${valued} ...${here} />
      <${Timeline} found=${view.timeline} state=${simple} open=${open} />
      <${Scatter} found=${view.sheet} metric=${view.metric} state=${valued} ...${here} />
      ${still?.finder && html`<${Finder} found=${still.finder} />`}
      <${Effects} insight=${insight} order=${order} state=${model("effects")} />
      <${Distribution} found=${view.edf} state=${valued} ...${here} />
      <${Rank} found=${view.sheet} ranks=${view.ranks} insight=${order} metric=${view.metric} state=${valued} ...${here} />
      <${Slices} found=${view.sheet} insight=${order} metric=${view.metric} state=${simple} ...${here} />
      <${Table} place=${place} seq=${head.seq} total=${view.selected} axes=${view.axes} goal=${head.goal} state=${simple} contexts=${head.contexts} go=${go} open=${open} say=${say} />
    </div>`}</main>`;
}

// Who is best, where one metric says so; between which values the best lie where several do.
function Best({ head }) {
  if (head.front) {
    return html`<span class="best"><b id="best">${head.front.count}</b> ${t("onFront")}: ${head.goal.map((goal, at) => {
      const ends = head.front.ends[at] && nums(head.front.ends[at]);
      const text = ends && among(ends);
      return `${goal.name} ${goal.maximize ? "↑" : "↓"}${ends ? ` ${text(ends[0])} – ${text(ends[1])}` : ""}`;
    }).join(" · ")}</span>`;
  }
  return html`<span class="best"><b id="best">${head.best ? show(num(head.best.value)) : "—"}</b> ${head.goal.map((goal) => `${goal.name} ${goal.maximize ? "↑" : "↓"}`).join(", ")}${head.best ? ` · ${t("trial")} ${head.best.number}` : ""}</span>`;
}

function Head({ head, views, axes, actions, say }) {
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
    <${Best} head=${head} />
    <span class="states">${Object.entries(head.states).filter(([, count]) => count).map(([name, count]) => html`<${Status} name=${name} count=${count} /> `)}</span>
    <span>${shares.join(" · ") || `${counting} ${t("trials")}`}${head.aside ? ` · ${head.aside} ${t("setAside")}` : ""}</span>
    <span>${pace.unit ? `${pace.number}/${t(pace.unit)}` : ""}${pace.left > 0 ? ` · ${duration(pace.left)} ${t("left")}` : ""}</span>
    ${savings.saved > 0 && html`<span>${(100 * savings.saved).toFixed(0)} % ${t("saved")}</span>`}
    ${head.queued > 0 && html`<span>${head.queued} ${t("queued")}</span>`}
    ${head.halted && html`<b class="halted" role="status">${head.halted}</b>`}
    ${head.tags.length > 0 && html`<${Tags} tags=${head.tags} />`}
    ${views}
    ${actions && html`<${Orders} study=${head.name} halted=${head.halted} over=${finished(head)} axes=${axes} say=${say} />`}
  </header>`;
}

// Whether a study has used up its budget of trials and none of them runs: it cannot be paused any more.
function finished({ budget, states, aside }) {
  const live = states.running + states.waiting + states.paused;
  const over = states.done + states.stopped + states.failed - aside;
  return Boolean(budget.trials) && over >= budget.trials && live === 0;
}
