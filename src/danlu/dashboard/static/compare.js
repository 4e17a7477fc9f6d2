// Trials that were picked, side by side: what of their parameters differs, what they came to, their curves on one picture.
import { useEffect, useMemo, useState } from "preact/hooks";
import { html } from "danlu/html";
import { turned } from "danlu/address";
import { among } from "danlu/format";
import { get } from "danlu/net";
import { num, nums, duration } from "danlu/numbers";
import { Choose, Panel, Status } from "danlu/panel";
import { span } from "danlu/range";
import { axisOf } from "danlu/trials";
import { Lines } from "danlu/uplot";
import { t } from "danlu/words";

export const MOST = 8; // columns that a screen holds, and lines that eyes tell apart

export function Compare({ study, place, picks, seq, along, go, open }) {
  const [found, set] = useState({});
  const shown = picks.slice(0, MOST);
  useEffect(() => {
    let live = true;
    Promise.all(shown.map((trial) => Promise.resolve().then(() => get("trial", { study, trial })).then((each) => each.trial, (error) => ({ number: trial, refused: error.message })))).then((all) => live && set(Object.fromEntries(all.map((each) => [each.number, each]))));
    return () => (live = false);
  }, [study, shown.join(), seq]);
  const trials = shown.map((trial) => found[trial]).filter(Boolean);
  const sound = trials.filter((trial) => !trial.refused);
  const [wanted, want] = useState("");
  const curves = [...new Set(sound.flatMap((trial) => Object.keys(trial.curve.metrics)))];
  const name = curves.includes(wanted) ? wanted : curves.includes(place.metric) ? place.metric : curves[0];
  const { x } = along;
  const lines = useMemo(() => {
    if (!name) return null;
    const with_ = sound.filter((trial) => trial.curve.steps.length);
    const along = (trial) => (x === "step" ? trial.curve.steps : nums(trial.taken?.[x] ?? trial.curve.metrics[x.replace(/ \(metric\)$/, "")] ?? []));
    const steps = [...new Set(with_.flatMap(along))].filter(Number.isFinite).sort((a, b) => a - b);
    const data = with_.map((trial) => {
      const at = new Map(along(trial).map((place, i) => [place, num((trial.curve.metrics[name] || [])[i] ?? null)]));
      return steps.map((step) => (Number.isFinite(at.get(step)) ? at.get(step) : null));
    });
    const { log } = span(data.flat().filter((value) => value !== null), { maximize: null });
    return { data: [steps, ...data], log, series: with_.map((trial, at) => ({ label: `${t("trial")} ${trial.number}`, color: at, dash: at >= 6 ? [5, 4] : undefined, width: 2, spanGaps: true, points: { show: steps.length < 40 } })) };
  }, [found, shown.join(), name, x]);
  if (!picks.length) return null;
  const row = (label, values, differs, text = among(values)) => html`<tr class=${differs ? "differs" : ""}><th scope="row" title=${label}>${label}</th>${values.map((value) => html`<td>${value === undefined ? "—" : text(value)}</td>`)}</tr>`;
  const apart = (values) => new Set(values.map((value) => JSON.stringify(value))).size > 1;
  const params = [...new Set(sound.flatMap((trial) => Object.keys(trial.params)))];
  const metrics = [...new Set(sound.flatMap((trial) => Object.keys(trial.metrics)))];
  const controls = html`${curves.length > 1 && html`<${Choose} label=${t("curveOf")} value=${name} options=${curves} onChange=${want} />`}
    <button type="button" onClick=${() => go({ pick: undefined })}>${t("clearPicks")}</button>`;
  return html`<${Panel} name="compare" wide controls=${controls} picture=${Boolean(name)} hint=${picks.length > MOST ? `${MOST} / ${picks.length}` : ""}>
    <div class="scroll"><table class="compared"><thead><tr><th></th>${sound.map((trial) => html`<th scope="col"><button type="button" class="link" onClick=${() => open(trial.number)}>${trial.number}</button> <${Status} name=${trial.status} />
      <button type="button" class="quiet" aria-label=${`${t("remove")} ${trial.number}`} onClick=${() => go(turned(place, trial.number))}>✕</button></th>`)}</tr></thead><tbody>
      ${metrics.map((each) => row(each, sound.map((trial) => (each in trial.metrics ? num(trial.metrics[each]) : undefined)), false))}
      ${params.map((each) => { const values = sound.map((trial) => trial.params[each]); return row(each, values, apart(values)); })}
      ${row(t("seconds"), sound.map((trial) => trial.seconds), false, duration)}
    </tbody></table></div>
    ${trials.filter((trial) => trial.refused).map((trial) => html`<p class="notice">${trial.refused}</p>`)}
    ${lines && html`<${Lines} ...${lines} xLabel=${axisOf(along, x)} whole=${x === "step"} yLabel=${name} height=${260} label=${`${t("compare")}: ${name}`} />`}</>`;
}
