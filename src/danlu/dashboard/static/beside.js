// Two to six studies beside each other: how each came along, what they came to, in what they differ.
import { useEffect, useMemo, useState } from "preact/hooks";
import uPlot from "uplot";
import { html } from "danlu/html";
import { link } from "danlu/campaign";
import { among } from "danlu/format";
import { get } from "danlu/net";
import { duration, num, nums } from "danlu/numbers";
import { Panel } from "danlu/panel";
import { span } from "danlu/range";
import { Lines } from "danlu/uplot";
import { t } from "danlu/words";

export function Beside({ names, go, say }) {
  const [found, set] = useState(null);
  useEffect(() => {
    let live = true;
    let timer = 0;
    const look = async () => {
      try {
        const each = await get("beside", names.map((name) => ["study", name]));
        if (!live) return;
        set(each.beside);
        say("");
        timer = setTimeout(look, each.whole ? 4000 : 400);
      } catch (error) {
        if (live) say(error.message, true);
      }
    };
    look();
    return () => {
      live = false;
      clearTimeout(timer);
    };
  }, [names.join()]);
  const back = html`<button type="button" onClick=${() => go({ side: undefined })}>← ${t("back")}</button>`;
  if (!found) return html`<main><p>${back}</p><p class="nothing">…</p></main>`;
  const { studies } = found;
  const text = among(studies.map((each) => num(each.best)).filter(Number.isFinite));
  const rows = [
    ["best", studies.map((each) => (each.best === null ? "—" : `${text(num(each.best))} · ${t("trial")} ${each.best_trial}`))],
    ["goal", studies.map((each) => each.goal)], ["trials", studies.map((each) => each.trials)],
    ["state", studies.map((each) => Object.entries(each.states).map(([name, count]) => `${count} ${t(name)}`).join(" · "))],
    ["took", studies.map((each) => duration(each.seconds))],
  ];
  const differs = (values) => new Set(values).size > 1;
  const table = (id, all) => html`<div class="scroll"><table class="compared" id=${id}><thead><tr><th></th>${studies.map((each) => html`<th scope="col">${link(each.name, go)}</th>`)}</tr></thead><tbody>
    ${all.map(([label, values]) => html`<tr class=${differs(values) ? "differs" : ""}><th scope="row" title=${label}>${label}</th>${values.map((value) => html`<td>${value === "" ? "—" : value}</td>`)}</tr>`)}</tbody></table></div>`;
  return html`<main><header class="head">${back}<h1>${t("compare")}</h1></header>
    <div class="panels"><${Panel} name="beside" wide>${table("beside", rows.map(([word, values]) => [t(word), values]))}</>
    ${found.metric ? html`<${Bests} found=${found} along="numbers" xLabel=${t("trial")} /><${Bests} found=${found} along="times" xLabel=${t("seconds")} />` : html`<p class="notice">${t("otherGoals")}</p>`}
    <${Panel} name="spaces" wide hint=${found.differing.length ? "" : t("sameSpace")}>${table("spaces", Object.entries(found.space))}</></div></main>`;
}

const DASHES = [undefined, [8, 4], [3, 3]]; // one line below another is still seen

// The best so far of each study, over its trials or over time; a step holds until the next.
function Bests({ found, along, xLabel }) {
  const lines = useMemo(() => {
    const ends = found.studies.map((each) => (along === "numbers" ? each.trials - 1 : num(each.seconds)));
    const marks = [...new Set([...found.studies.flatMap((each) => nums(each[along])), ...ends])].filter(Number.isFinite).sort((a, b) => a - b);
    const data = found.studies.map((each, which) => {
      const [at, values] = [nums(each[along]), nums(each.values)];
      return marks.map((mark) => {
        const last = at.filter((place) => place <= mark).length - 1;
        return last < 0 || mark > Math.max(ends[which], at[at.length - 1]) ? null : values[last];
      });
    });
    const { log } = span(data.flat().filter((value) => value !== null), { maximize: found.maximize });
    return { data: [marks, ...data], log, series: found.studies.map((each, at) => ({ label: each.name, color: at, dash: DASHES[at % 3], width: 2, paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } })) };
  }, [found]);
  return html`<${Panel} name=${along === "numbers" ? "bestByTrial" : "bestByTime"} picture hint=${`${found.metric} ${found.maximize ? "↑" : "↓"}`}>
    <${Lines} ...${lines} xLabel=${xLabel} yLabel=${found.metric} height=${260} label=${`${t("bestSoFar")}: ${found.metric}, ${xLabel}`} /></>`;
}
