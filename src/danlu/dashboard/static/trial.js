// One trial: its parameters beside the best, its curves, what happened to it and why, its log, checkpoints and notes.
import { useEffect, useMemo, useState } from "preact/hooks";
import { html } from "danlu/html";
import { Point, Sure } from "danlu/actions";
import { Files } from "danlu/files";
import { among, show } from "danlu/format";
import { get, steer, still } from "danlu/net";
import { duration, num, nums } from "danlu/numbers";
import { span } from "danlu/range";
import { Status } from "danlu/panel";
import { Tagging, Tags } from "danlu/tags";
import { Lines } from "danlu/uplot";
import { clock, language, t } from "danlu/words";

export function Trial({ study, number, seq, back, actions, picked, pick, say }) {
  const [found, set] = useState(null);
  const [log, setLog] = useState(null);
  const [doing, setDoing] = useState("");
  const [problem, setProblem] = useState("");
  useEffect(() => {
    let live = true;
    Promise.resolve().then(() => get("trial", { study, trial: number })).then((each) => live && (set(each), setProblem("")), (error) => live && setProblem(error.message));
    return () => (live = false);
  }, [study, number, seq]);
  useEffect(() => {
    let live = true;
    Promise.resolve().then(() => get("log", { study, trial: number })).then((each) => live && setLog(each), () => live && setLog(null));
    return () => (live = false);
  }, [study, number, seq]);
  if (problem) return html`<main class="trial"><button type="button" onClick=${back}>← ${t("back")}</button><p class="damage">${problem} ${still ? t("notHere") : ""}</p></main>`;
  if (!found) return html`<main class="trial"><p class="nothing">…</p></main>`;
  const { trial, best } = found;
  const trouble = language === "zh" && found.zh ? found.zh.trouble : found.trouble;
  const over = ["done", "stopped", "failed"].includes(trial.status);
  const names = [...new Set([...Object.keys(trial.params), ...Object.keys(best?.params || {})])];
  const ended = (what) => () => setDoing((now) => (now === what ? "" : now)); // what was begun meanwhile stays open
  return html`<main class="trial">
    <header class="head"><button type="button" onClick=${back}>← ${t("back")}</button>
      <button type="button" aria-pressed=${String(picked)} onClick=${pick}>${t(picked ? "picked" : "pickToCompare")}</button>
      <h1>${t("trial")} ${trial.number} <${Status} name=${trial.status} /></h1>
      <span>${found.rank ? `${t("rank")} ${found.rank}` : ""}</span><span>${duration(trial.seconds)}</span>
      ${actions && html`<span class="orders"><button type="button" onClick=${() => setDoing("clone")}>${t("clone")}</button>
        <button type="button" onClick=${() => setDoing("note")}>${t("note")}</button>
        ${!over && html`<button type="button" onClick=${() => setDoing("prune")}>${t("prune")}</button>`}</span>`}
    </header>
    ${doing === "clone" && html`<${Point} study=${study} start=${trial.params} done=${ended("clone")} say=${say} />`}
    ${(doing === "note" || doing === "prune") && html`<${Sure} order=${doing} done=${ended(doing)} say=${say}
      give=${(text) => steer({ study, order: doing, trial: trial.number, [doing === "note" ? "text" : "reason"]: text })} />`}
    ${!trouble.trouble && trouble.evidence && html`<p class="notice">${trouble.evidence}</p>`}
    ${trouble.trouble && html`<p class="verdict"><b>${t("diagnosis")}: ${trouble.trouble}.</b> ${trouble.evidence} ${trouble.advice} <small>${trouble.reason}</small></p>`}
    ${found.brief && html`<p class="notice">${t("briefTrial")}</p>`}
    ${trial.aside && html`<p class="notice"><b>${t("setAside")}</b>: ${trial.aside}</p>`}
    <div class="panels">
      <section class="panel"><h2>${t("params")}</h2><table><thead><tr><th></th><th>${t("thisTrial")}</th><th>${t("best")}${best ? ` (${best.number})` : ""}</th></tr></thead><tbody>
        ${names.map((name) => html`<tr class=${best && JSON.stringify(trial.params[name]) !== JSON.stringify(best.params[name]) ? "differs" : ""}><th scope="row">${name}</th>
          ${pair(trial.params[name], best?.params[name])}</tr>`)}
        ${Object.keys(trial.metrics).map((name) => html`<tr><th scope="row">${name}</th>${pair(num(trial.metrics[name]), best && name in best.metrics ? num(best.metrics[name]) : undefined)}</tr>`)}
      </tbody></table></section>
      <section class="panel"><h2>${t("eventsOf")}</h2><ol class="events">${found.events.map((event) => html`<li><b>${t(event.what)}</b> ${event.why}
        <small>${event.at ? clock(event.at) : ""} ${event.who} ${event.then ? `· ${event.then}` : ""}</small></li>`)}</ol>
        <h2>${t("tags")}</h2>${actions ? html`<${Tagging} tags=${trial.tags} say=${say} give=${(order, text) => steer({ study, order, trial: trial.number, text })} />` : html`<p><${Tags} tags=${trial.tags} /></p>`}
        <h2>${t("notes")}</h2><ul>${trial.notes.map((note) => html`<li>${note}</li>`)}</ul>
        ${Object.entries(trial.facts).map(([name, fact]) => html`<p><b>${name}</b>: ${typeof fact === "string" ? fact : JSON.stringify(fact)}</p>`)}
        ${trial.code && html`<p><b>${t("code")}</b>: <code>${trial.code}</code></p>`}
        <h2>${t("artifacts")}</h2>${trial.checkpoints.length ? html`<ul>${trial.checkpoints.map((kept) => html`<li>${t("step")} ${kept.step} <code>${kept.digest.slice(0, 12)}</code>
          ${!still && html`<a href=${`/api/checkpoint?${new URLSearchParams({ study, digest: kept.digest })}`}>${t("download")}</a>`}</li>`)}</ul>` : html`<p class="nothing">${t("noArtifacts")}</p>`}
      </section>
      ${Object.keys(trial.curve.metrics).map((name) => html`<${Metric} key=${name} name=${name} trial=${trial} best=${best} />`)}
      <${Files} study=${study} trial=${trial.number} files=${trial.files} />
      <section class="panel wide"><h2>${t("logOf")}</h2>${log?.text ? html`<pre tabindex="0">${log.text}</pre>` : html`<p class="nothing">${t("noLog")}</p>`}</section>
    </div></main>`;
}

// Two values side by side, with the digits that tell them apart.
const pair = (own, best) => {
  const text = among([own, best]);
  return [own, best].map((value) => html`<td>${value === undefined ? "—" : text(value)}</td>`);
};

// A metric's curve over the steps, and the best trial's beside it.
function Metric({ name, trial, best }) {
  const shown = useMemo(() => {
    const other = best && best.number !== trial.number ? best.curve : { steps: [], metrics: {} };
    const steps = [...new Set([...trial.curve.steps, ...other.steps])].sort((a, b) => a - b);
    const along = (curve) => {
      const at = new Map(curve.steps.map((step, i) => [step, num((curve.metrics[name] || [])[i] ?? null)]));
      return steps.map((step) => (Number.isFinite(at.get(step)) ? at.get(step) : null));
    };
    const data = [steps, along(trial.curve)];
    const series = [{ label: `${t("trial")} ${trial.number}`, color: 0, width: 2, spanGaps: true, points: { show: steps.length < 40 } }];
    if (other.steps.length && name in other.metrics) {
      data.push(along(other));
      series.push({ label: `${t("best")} (${best.number})`, color: -1, width: 1, dash: [5, 4], spanGaps: true, points: { show: false } });
    }
    return { data, series, log: span(data.slice(1).flat().filter((v) => v !== null), { maximize: null }).log };
  }, [name, trial, best]);
  const odd = nums(trial.curve.metrics[name]).filter((value) => !Number.isFinite(value)).length;
  return html`<section class="panel"><h2>${name}</h2><${Lines} ...${shown} xLabel=${t("step")} label=${`${name}, ${t("trial")} ${trial.number}`} />${odd > 0 && html`<p class="notice">${odd} × NaN/∞</p>`}</section>`;
}
