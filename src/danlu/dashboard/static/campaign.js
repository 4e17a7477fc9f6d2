// A campaign: its stages, each a study, and what it has decided on which evidence.
import { html } from "danlu/html";
import { Nothing, Panel } from "danlu/panel";
import { among, show } from "danlu/format";
import { num } from "danlu/numbers";
import { clock, t } from "danlu/words";

export const link = (study, go) => html`<a href=${`/?${new URLSearchParams({ study })}`} onClick=${(event) => { event.preventDefault(); go({ study, filter: {} }); }}>${study}</a>`;

export function Campaign({ head, go }) {
  const settings = Object.entries(head.settings).filter(([name, value]) => name !== "stages" && value !== "" && value !== null && JSON.stringify(value) !== "{}");
  return html`<${Panel} name="stages" wide hint=${settings.map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`).join(" · ")}>
      ${head.stages.length === 0 ? html`<${Nothing} />` : html`<ol class="stages">${head.stages.map((each) => html`<li key=${each.stage}><b>${each.stage}</b> ${link(each.study, go)}</li>`)}</ol>`}
    </>
    <${Panel} name="judgments" wide>
      ${head.judgments.length === 0 ? html`<${Nothing} />` : html`<ol class="story">${head.judgments.map((each) => html`<${Told} key=${each.at} each=${each} about=${head.settings.stages?.[each.subject]} />`)}</ol>`}
    </>`;
}

// One judgment as a part of the story: the question, what was seen, what was decided and why.
function Told({ each, about }) {
  const { candidates, isolation } = each.evidence;
  const seen = pairs(each.evidence);
  return html`<li><small>${clock(each.at)}</small> <b>${each.subject}: ${each.verdict}</b> <span>${each.reason}</span>
    ${Array.isArray(about) && html`<p class="notice">${t("question")}: ${about.join(", ")}</p>`}
    ${Array.isArray(candidates) && html`<${Candidates} found=${candidates} />`}
    ${seen && html`<div class="scroll"><table class="compared"><thead><tr><th></th>${seen.rows.map((_, at) => html`<th scope="col">${t("freshSeed")} ${at + 1}</th>`)}<th>${t("mean")}</th></tr></thead><tbody>
      ${["there", "rival", "difference"].map((key, at) => html`<tr><th scope="row">${t(key)}</th>${seen.rows.map((row) => html`<td>${show(row[at])}</td>`)}<td>${show(seen.means[at])}</td></tr>`)}</tbody></table></div>
      <p class="notice">${t("pairedHow")} ${t("chance")}: ${(100 * seen.chance).toFixed(0)} %</p>`}
    ${isolation && Object.keys(isolation).length > 0 && html`<details open><summary>${t("isolation")}</summary><div class="grid">${Object.entries(isolation).map(([name, parts]) => html`<${Isolated} key=${name} name=${name} parts=${parts} />`)}</div><p class="notice">${t("isolationHow")}</p></details>`}</li>`;
}

// What was there and its rival by fresh seed, as losses, and the mean of each; null where nothing was compared.
export function pairs({ there, rival, differences, chance }) {
  if (!Array.isArray(there) || !Array.isArray(rival) || !Array.isArray(differences)) return null;
  const rows = there.map((value, at) => [num(value), num(rival[at]), num(differences[at])]);
  return { rows, chance: num(chance), means: [0, 1, 2].map((at) => mean(rows.map((row) => row[at]))) };
}

// How far along between the least and the largest of all parts each lies, in [0.04, 1], so that each has a bar.
export function lengths(parts) {
  const values = parts.map(([, value]) => num(value));
  const sound = values.filter(Number.isFinite);
  const [low, high] = [Math.min(...sound), Math.max(...sound)];
  return values.map((value) => (!Number.isFinite(value) ? null : high > low ? 0.04 + (0.96 * (value - low)) / (high - low) : 1));
}

function Isolated({ name, parts }) {
  const long = lengths(parts);
  const text = among(parts.map(([, value]) => num(value)));
  return html`<div class="bars"><b>${name}</b>${parts.map(([part, value, count], at) => html`<div class="bar" key=${part} title=${`${part}: ${text(num(value))}, ${count} ${t("trials")}`}>
    <span>${part}</span><span class="track"><i style=${{ width: `${100 * (long[at] ?? 0)}%` }}></i></span><span>${text(num(value))} <small>${count}</small></span></div>`)}</div>`;
}

const mean = (values) => values.reduce((sum, value) => sum + num(value), 0) / values.length;

const Candidates = ({ found }) => html`<div class="scroll"><table class="studies"><thead><tr><th>${t("trial")}</th><th>${t("searched")}</th><th>${t("mean")}</th><th>${t("fresh")}</th></tr></thead><tbody>
  ${found.map((each) => html`<tr key=${each.runs.join()}><td>${each.trial < 0 ? t("default") : each.trial}</td><td>${Number.isFinite(num(each.searched)) ? show(num(each.searched)) : "—"}</td><td>${show(mean(each.fresh))}</td><td>${each.fresh.map((value) => show(num(value))).join(" · ")}</td></tr>`)}</tbody></table></div>`;
