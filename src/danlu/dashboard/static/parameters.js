// Panels whose axes are parameters: importance, slices, effects, response surface; and what was found.
import { useState } from "preact/hooks";
import { html } from "danlu/html";
import { STATUSES, viridis } from "danlu/colors";
import { Canvas, beyond, frame, mark, ring } from "danlu/canvas";
import { among, labels } from "danlu/format";
import { All, Choose, FIRST, Panel, Scale, outside, ranked, scaleOf } from "danlu/panel";
import { still } from "danlu/net";
import { num, nums, ofManySizes } from "danlu/numbers";
import { inside, span } from "danlu/range";
import { shortened } from "danlu/text";
import { said } from "danlu/states";
import { column } from "danlu/trials";
import { t, time } from "danlu/words";

const METHODS = ["permutation", "fanova", "ped-anova"]; // the first is what the server answers by where nobody chooses

export function Importance({ insight, method, state, go }) {
  const [all, setAll] = useState(false);
  const found = insight?.importance;
  const controls = html`${still ? html`<small>${t("method")}: ${found?.method ?? method}</small>` : html`<${Choose} label=${t("method")} value=${method} options=${METHODS} onChange=${(value) => go({ method: value })} />`}
    <${All} count=${found?.parameters.length || 0} all=${all} set=${setAll} />`;
  const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
  return html`<${Panel} name="importance" state=${state} controls=${controls} hint=${found?.metric ?? ""}>
    ${state.name === "ready" && html`<div class="bars" role="table" aria-label=${t("importance")}>${found.parameters.slice(0, all ? undefined : FIRST).map((each) => html`<div class="bar" role="row">
      <span role="cell" title=${each.name}>${shortened(each.name, 34)}</span>
      <span role="cell" class="track" title=${`${percent(each.low)} – ${percent(each.high)}`}><i style=${{ width: `${100 * each.share}%` }}></i><b style=${{ left: `${100 * each.low}%`, width: `${100 * Math.max(0, each.high - each.low)}%` }}></b></span>
      <span role="cell">${percent(each.share)}</span></div>`)}
      ${found.pairs.slice(0, 3).map((pair) => html`<div class="bar pair" role="row"><span role="cell" title=${pair.names.join(" × ")}>${pair.names.map((name) => shortened(name, 18)).join(" × ")}</span>
        <span role="cell" class="track"><i style=${{ width: `${100 * pair.share}%` }}></i></span><span role="cell">${percent(pair.share)}</span></div>`)}
    </div>${found.notice && html`<p class="notice">${found.notice}</p>`}`}
  </>`;
}

export function Slices({ found, insight, metric, state, place, picks, go, open }) {
  const [all, setAll] = useState(false);
  const { values: y, maximize } = column(found, metric);
  const shown = span(y, { maximize, ...scaleOf(place) });
  const valueless = y.some((value) => !Number.isFinite(value));
  const text = among(y);
  const newest = found.numbers[found.numbers.length - 1] || 1;
  const panel = (axis, at) => (context, width, height, colors) => {
    const box = frame(context, width, height, colors, { x: { low: -0.03, high: 1.03, places: axis.ticks }, y: shown, xLabel: axis.name, missing: valueless ? t("noValue") : "" });
    const marks = [...box.names];
    found.numbers.forEach((trial, i) => {
      const unit = found.units[i][at];
      if (typeof unit !== "number") return;
      const status = STATUSES[found.statuses[i]];
      const known = Number.isFinite(y[i]);
      const [value, way] = known ? inside(shown, y[i]) : [null, 0];
      const x = box.xAt(unit);
      let up = known ? box.yAt(value) : box.strip;
      context.fillStyle = colors.status[status];
      if (way) up = beyond(context, x, box, way);
      else mark(context, x, up, status, 1.8 + (1.6 * trial) / newest); // later trials are larger
      if (picks.includes(trial)) ring(context, x, up, colors);
      marks.push({ x, y: up, trial, text: `${t("trial")} ${trial} · ${known ? text(y[i]) : t("noValue")}` });
    });
    return marks;
  };
  return html`<${Panel} name="slices" wide state=${state} picture hint=${[metric, outside(shown)].filter(Boolean).join(" · ")} controls=${html`<${All} count=${found.axes.length} all=${all} set=${setAll} /><${Scale} scale=${scaleOf(place)} log=${shown.log} go=${go} />`}><div class="grid">${ranked(found.axes, insight, all).map((at) => [found.axes[at], at]).map(([axis, at]) =>
    html`<${Canvas} key=${axis.name} draw=${panel(axis, at)} height=${180} open=${open} deps=${[found, metric, place.log, place.whole, picks.join()]} label=${`${t("slices")}: ${axis.name}`} />`)}</div></>`;
}

export function Effects({ insight, order, state }) {
  const [shown, setAll] = useState(false);
  const found = insight?.effects;
  if (state.name !== "ready") return html`<${Panel} name="effects" wide state=${state} />`;
  const all = found.effects.flatMap((effect) => [...nums(effect.low), ...nums(effect.high)]);
  const panel = (effect) => (context, width, height, colors) => {
    const values = [...nums(effect.low), ...nums(effect.high)];
    const range = span(found.log ? all : values, { log: found.log, whole: true }); // bands are a model's: nothing of them is wild
    const box = frame(context, width, height, colors, { x: { low: -0.03, high: 1.03, places: effect.axis.ticks }, y: range, xLabel: effect.axis.name });
    context.strokeStyle = context.fillStyle = colors.cycle[0];
    const at = (i, part) => [box.xAt(effect.units[i]), box.yAt(num(part[i]))];
    const text = among(nums(effect.mean));
    const marks = effect.units.map((_, i) => ({ x: at(i, effect.mean)[0], y: at(i, effect.mean)[1], text: `${text(num(effect.mean[i]))} (${text(num(effect.low[i]))} – ${text(num(effect.high[i]))})` }));
    if (effect.axis.kind === "choice") {
      effect.units.forEach((_, i) => {
        mark(context, ...at(i, effect.mean), "done", 4);
        context.lineWidth = 1.5;
        context.beginPath();
        context.moveTo(...at(i, effect.low));
        context.lineTo(...at(i, effect.high));
        context.stroke();
      });
      return [...box.names, ...marks];
    }
    const along = (part) => {
      context.beginPath();
      effect.units.forEach((_, i) => (i ? context.lineTo(...at(i, part)) : context.moveTo(...at(i, part))));
    };
    context.globalAlpha = 0.15;
    along(effect.high);
    for (let i = effect.units.length - 1; i >= 0; i -= 1) context.lineTo(...at(i, effect.low));
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 0.75; // the band's edges can be seen where its shade cannot
    for (const part of [effect.low, effect.high]) {
      along(part);
      context.stroke();
    }
    context.lineWidth = 2;
    along(effect.mean);
    context.stroke();
    return [...box.names, ...marks];
  };
  return html`<${Panel} name="effects" wide state=${state} picture hint=${found.metric} controls=${html`<${All} count=${found.effects.length} all=${shown} set=${setAll} />`}><div class="grid">${ranked(found.effects.map((effect) => effect.axis), order, shown).map((at) => found.effects[at]).map((effect) =>
    html`<${Canvas} key=${effect.axis.name} draw=${panel(effect)} height=${170} deps=${[found]} label=${`${t("effects")}: ${effect.axis.name}`} />`)}</div>
    ${found.notice && html`<p class="notice">${found.notice}</p>`}</>`;
}

export function Surface({ insight, axes, state, go }) {
  const [uncertain, setUncertain] = useState(false);
  const found = insight?.surface;
  if (axes.length < 2) return null;
  const names = axes.map((axis) => axis.name);
  const turn = (x, y) => html`<${Choose} label="x" value=${x} options=${names} onChange=${(to) => go({ x: to, y: y === to ? x : y })} />
    <${Choose} label="y" value=${y} options=${names} onChange=${(to) => go({ y: to, x: x === to ? y : x })} />`;
  if (state.name !== "ready" || !found) return html`<${Panel} name="surface" state=${state}><p class="nothing">${insight?.refusal || t("none")}</p></>`;
  const draw = (context, width, height, colors) => {
    const shown = uncertain ? found.deviation : found.mean;
    const flat = shown.flat().map(Number);
    const log = !uncertain && ofManySizes(flat);
    const [low, high] = [Math.min(...flat), Math.max(...flat)];
    const f = log ? Math.log : (v) => v;
    const good = (value) => {
      const share = (f(value) - f(low)) / (f(high) - f(low) || 1);
      return uncertain ? share : found.maximize ? share : 1 - share;
    };
    const ends = labels([low, high].map((value) => Number(value.toPrecision(4))));
    const wide = Math.floor(width - 24 - Math.max(...ends.map((each) => context.measureText(each).width))); // room for the scale of colors
    const box = frame(context, wide, height, colors, { x: { low: 0, high: 1, places: found.x.ticks }, y: { low: 0, high: 1, places: found.y.ticks }, xLabel: found.x.name, yLabel: found.y.name });
    const [columns, rows] = [found.x_units.length, found.y_units.length];
    const small = document.createElement("canvas");
    [small.width, small.height] = [columns, rows];
    const picture = small.getContext("2d").createImageData(columns, rows);
    shown.forEach((row, j) => row.forEach((value, i) => {
      const color = uncertain ? [1, 1, 1].map(() => Math.round(235 - 190 * good(Number(value)))) : viridis(good(Number(value)));
      picture.data.set([...color, 255], 4 * ((rows - 1 - j) * columns + i));
    }));
    small.getContext("2d").putImageData(picture, 0, 0);
    context.imageSmoothingEnabled = found.x.kind !== "choice" && found.y.kind !== "choice";
    context.drawImage(small, box.left, box.top, box.right - box.left, box.bottom - box.top);
    context.textBaseline = "middle";
    const text = among(nums(found.values));
    context.strokeStyle = "#000";
    context.fillStyle = "#fff";
    context.lineWidth = 0.7;
    const marks = found.points.map(([x, y], i) => {
      context.beginPath();
      context.arc(box.xAt(x), box.yAt(y), 2.5, 0, 7);
      context.fill();
      context.stroke();
      return { x: box.xAt(x), y: box.yAt(y), text: text(num(found.values[i])) };
    });
    for (let i = 0; i < 50; i += 1) {
      context.fillStyle = uncertain ? `rgb(${[1, 1, 1].map(() => Math.round(235 - 190 * (i / 49))).join(" ")})` : `rgb(${viridis(found.maximize ? i / 49 : 1 - i / 49).join(" ")})`;
      context.fillRect(wide + 4, box.bottom - ((i + 1) / 50) * (box.bottom - box.top), 10, (box.bottom - box.top) / 50 + 0.6);
    }
    context.fillStyle = colors.dim;
    context.textAlign = "left";
    context.fillText(ends[1], wide + 17, box.top + 5);
    context.fillText(ends[0], wide + 17, box.bottom - 5);
    return [...box.names, ...marks];
  };
  const controls = html`${still ? "" : turn(found.x.name, found.y.name)}
    <label><input type="checkbox" checked=${uncertain} onChange=${(event) => setUncertain(event.target.checked)} /> ${t("uncertainty")}</label>`;
  return html`<${Panel} name="surface" state=${state} picture controls=${controls} hint=${found.metric ?? ""}>
    <${Canvas} draw=${draw} height=${260} deps=${[found, uncertain]} label=${`${t("surface")}: ${found.x.name}, ${found.y.name}`} />
  </>`;
}

export function Findings({ insight, decisions, metric = "", several = false, state, open }) {
  const found = insight?.findings || [];
  const troubles = (insight?.troubles || []).filter((each) => each.trouble);
  const told = insight?.findings === undefined ? state : { name: "ready" }; // some findings need no trial with a value
  return html`<${Panel} name="findings" hint=${several ? `${t("about")} ${metric}` : ""}>
    ${told.name !== "ready" ? html`<p class="nothing working" role="status">${said(told)}</p>` : found.length ? html`<ul class="findings">${found.map((each) => html`<li><b>${each.text}</b> ${each.remedy} <small>${each.reason}</small></li>`)}</ul>` : html`<p class="nothing">${t("noFindings")}</p>`}
    ${several && told.name === "ready" && html`<p class="notice">${t("oneGoal")}</p>`}
    ${troubles.length > 0 && html`<details><summary>${t("diagnosis")}</summary><ul class="findings">${troubles.map((each) => html`<li>
      <button type="button" class="link" onClick=${() => open(each.trial)}>${t("trial")} ${each.trial}</button>: <b>${each.trouble}</b>. ${each.evidence} ${each.advice}</li>`)}</ul></details>`}
    ${decisions.length > 0 && html`<details><summary>${t("decisions")} (${decisions.length})</summary><ul class="findings">
      ${[...decisions].reverse().map((each) => html`<li><small>${time(each.at)}</small> ${each.text}</li>`)}</ul></details>`}
  </>`;
}

// What trials failed of, the commonest first; the trials of each open their own page, with log and traceback.
export function Errors({ found, trace, selected, open, select }) {
  const count = found.reduce((sum, each) => sum + each.count, 0);
  if (!count) return null;
  return html`<${Panel} name="errors" wide=${count === selected} hint=${`${count} / ${selected} ${t("trials")}`} controls=${html`<button type="button" onClick=${() => select("status", "failed")}>${t("whereFailed")}</button>`}>
    <ol class="errors">${found.map((each) => html`<li><b>${each.count} ×</b> <code>${each.text}</code> <small>${each.cause}</small><br />
      ${t("trial")} ${each.trials.slice(0, 8).map((trial) => html`<button type="button" class="link" key=${trial} onClick=${() => open(trial)}>${trial}</button> `)}${each.count > 8 ? "…" : ""}</li>`)}</ol>
    ${trace && html`<details><summary>${t("traceback")}</summary><pre tabindex="0">${trace}</pre></details>`}</>`;
}
