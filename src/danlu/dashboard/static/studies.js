// The list of a store's studies.
import { useEffect, useState } from "preact/hooks";
import { link } from "danlu/campaign";
import { html } from "danlu/html";
import { get } from "danlu/net";
import { show } from "danlu/format";
import { num } from "danlu/numbers";
import { clock, t } from "danlu/words";

export function Studies({ go, say }) {
  const [found, set] = useState(null);
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
  return html`<main><h1>${t("studies")}</h1><p class="place">${found.place}</p>
    ${found.damage && html`<p class="damage" role="alert">${found.damage}</p>`}
    ${found.studies.length === 0 && !found.damage && html`<p class="nothing">${t("empty")}<br /><code>danlu run train.py:train --store ${found.place}</code></p>`}
    ${found.studies.length > 0 && html`<table class="studies"><thead><tr><th>${t("studies")}</th><th>${t("trials")}</th><th>${t("goal")}</th><th>${t("best")}</th><th>${t("state")}</th><th>${t("created")}</th><th>${t("latest")}</th></tr></thead><tbody>
      ${tree(found.studies).map((each) => html`<tr key=${each.name} class=${each.parent ? "stage" : ""}><td>${link(each.name, go)}</td>
        <td>${each.trials}</td><td>${each.goal.map((goal) => `${goal.maximize ? "↑" : "↓"} ${goal.name}`).join(", ")}</td>
        <td>${each.front ? `${t("front")}: ${each.front.count}` : each.best ? show(num(each.best.value)) : ""}</td>
        <td>${each.damage ? html`<span class="damage">${t("damaged")}</span>` : each.whole === false ? `${t("reading")}: ${each.seq}` : each.halted || States(each.states)}</td>
        <td>${clock(each.created)}</td><td>${clock(each.latest)}</td></tr>`)}
    </tbody></table>`}</main>`;
}

// Each study after the campaign that opened it, else where it was.
const tree = (studies) => {
  const names = new Set(studies.map((each) => each.name));
  return studies.filter((each) => !names.has(each.parent)).flatMap((each) => [each, ...studies.filter((other) => other.parent === each.name)]);
};

export const States = (states) => Object.entries(states).filter(([, count]) => count).map(([name, count]) => `${count} ${t(name)}`).join(" · ");
