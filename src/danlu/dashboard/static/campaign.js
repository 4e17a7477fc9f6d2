// A campaign: its stages, each a study, and what it has decided on which evidence.
import { html } from "danlu/html";
import { Nothing, Panel } from "danlu/panel";
import { show } from "danlu/format";
import { num } from "danlu/numbers";
import { clock, t } from "danlu/words";

export const link = (study, go) => html`<a href=${`/?${new URLSearchParams({ study })}`} onClick=${(event) => { event.preventDefault(); go({ study, filter: {} }); }}>${study}</a>`;

export function Campaign({ head, go }) {
  const settings = Object.entries(head.settings).filter(([, value]) => value !== "" && value !== null && JSON.stringify(value) !== "{}");
  return html`<${Panel} name="stages" wide hint=${settings.map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`).join(" · ")}>
      ${head.stages.length === 0 ? html`<${Nothing} />` : html`<ol class="stages">${head.stages.map((each) => html`<li key=${each.stage}><b>${each.stage}</b> ${link(each.study, go)}</li>`)}</ol>`}
    </>
    <${Panel} name="judgments" wide>
      ${head.judgments.length === 0 ? html`<${Nothing} />` : html`<ul class="findings">${[...head.judgments].reverse().map((each) => html`<li key=${each.at}>
        <small>${clock(each.at)}</small> <b>${each.subject}: ${each.verdict}</b> <span>${each.reason}</span>
        ${Array.isArray(each.evidence.candidates) && html`<${Candidates} found=${each.evidence.candidates} />`}</li>`)}</ul>`}
    </>`;
}

const mean = (values) => values.reduce((sum, value) => sum + num(value), 0) / values.length;

const Candidates = ({ found }) => html`<table class="studies"><thead><tr><th>${t("trial")}</th><th>${t("searched")}</th><th>${t("mean")}</th><th>${t("fresh")}</th></tr></thead><tbody>
  ${found.map((each) => html`<tr key=${each.runs.join()}><td>${each.trial < 0 ? t("default") : each.trial}</td><td>${show(num(each.searched))}</td><td>${show(mean(each.fresh))}</td><td>${each.fresh.map((value) => show(num(value))).join(" · ")}</td></tr>`)}</tbody></table>`;
