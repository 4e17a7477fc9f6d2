// Panels whose axes are parameters: importance, slices, effects, response surface; and what was found.
import { useState } from "preact/hooks";
import { html } from "danlu/html";
import { CYCLE, STATUS, STATUSES, viridis } from "danlu/colors";
import { Canvas, frame, mark } from "danlu/canvas";
import { All, Choose, FIRST, Nothing, Panel, ranked } from "danlu/panel";
import { num, nums, ofManySizes, range, show } from "danlu/numbers";
import { t } from "danlu/words";

const METHODS = ["permutation", "fanova", "ped-anova"]; // the first is what the server answers by where nobody chooses

export function Importance({ insight, method, go }) {
  const [all, setAll] = useState(false);
  const controls = html`<${Choose} label=${t("method")} value=${method} options=${METHODS} onChange=${(value) => go({ method: value })} />
    <${All} count=${insight?.importance?.parameters.length || 0} all=${all} set=${setAll} />`;
  const found = insight?.importance;
  if (!found) return html`<${Panel} name="importance"><${Nothing} word=${insight ? "few" : "none"} /></>`;
  const percent = (share) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
  return html`<${Panel} name="importance" controls=${controls}>
    <div class="bars" role="table" aria-label=${t("importance")}>${found.parameters.slice(0, all ? undefined : FIRST).map((each) => html`<div class="bar" role="row">
      <span role="cell" title=${each.name}>${each.name}</span>
      <span role="cell" class="track"><i style=${{ width: `${100 * each.share}%` }}></i><b style=${{ left: `${100 * each.low}%`, width: `${100 * Math.max(0, each.high - each.low)}%` }}></b></span>
      <span role="cell">${percent(each.share)}</span></div>`)}
      ${found.pairs.slice(0, 3).map((pair) => html`<div class="bar pair" role="row"><span role="cell">${pair.names.join(" × ")}</span>
        <span role="cell" class="track"><i style=${{ width: `${100 * pair.share}%` }}></i></span><span role="cell">${percent(pair.share)}</span></div>`)}
    </div>${found.notice && html`<p class="notice">${found.notice}</p>`}
  </>`;
}

export function Slices({ found, insight, open }) {
  const [all, setAll] = useState(false);
  const y = found.values.map((row) => Number(row[0] ?? NaN));
  const log = ofManySizes(y);
  const [low, high] = range(y, log);
  const newest = found.numbers[found.numbers.length - 1] || 1;
  const panel = (axis, at) => (context, width, height, colors) => {
    const box = frame(context, width, height, colors, { x: { low: -0.03, high: 1.03, places: fewer(axis.ticks, width) }, y: { low, high, log }, xLabel: axis.name });
    const marks = [];
    found.numbers.forEach((trial, i) => {
      const unit = found.units[i][at];
      if (typeof unit !== "number" || !Number.isFinite(y[i]) || y[i] > high) return;
      const status = STATUSES[found.statuses[i]];
      context.fillStyle = STATUS[status];
      context.globalAlpha = 0.25 + (0.65 * trial) / newest; // later trials are darker
      mark(context, box.xAt(unit), box.yAt(y[i]), status, 2.5);
      marks.push({ x: box.xAt(unit), y: box.yAt(y[i]), trial, text: `${t("trial")} ${trial} · ${show(y[i])}` });
    });
    context.globalAlpha = 1;
    return marks;
  };
  return html`<${Panel} name="slices" wide controls=${html`<${All} count=${found.axes.length} all=${all} set=${setAll} />`}>${found.numbers.length ? html`<div class="grid">${ranked(found.axes, insight, all).map((at) => [found.axes[at], at]).map(([axis, at]) =>
    html`<${Canvas} key=${axis.name} draw=${panel(axis, at)} height=${170} open=${open} deps=${[found]} label=${`${t("slices")}: ${axis.name}`} />`)}</div>` : html`<${Nothing} />`}</>`;
}

export function Effects({ insight }) {
  const [shown, setAll] = useState(false);
  const found = insight?.effects;
  if (!found) return html`<${Panel} name="effects" wide><${Nothing} word=${insight ? "few" : "none"} /></>`;
  const all = found.effects.flatMap((effect) => [...nums(effect.low), ...nums(effect.high)]);
  const panel = (effect) => (context, width, height, colors) => {
    const values = [...nums(effect.low), ...nums(effect.high)];
    const [low, high] = range(found.log ? all : values, found.log);
    const box = frame(context, width, height, colors, { x: { low: -0.03, high: 1.03, places: fewer(effect.axis.ticks, width) }, y: { low, high, log: found.log }, xLabel: effect.axis.name });
    context.strokeStyle = context.fillStyle = CYCLE[0];
    const at = (i, column) => [box.xAt(effect.units[i]), box.yAt(num(column[i]))];
    if (effect.axis.kind === "choice") {
      effect.units.forEach((_, i) => {
        mark(context, ...at(i, effect.mean), "done", 4);
        context.lineWidth = 1.5;
        context.beginPath();
        context.moveTo(...at(i, effect.low));
        context.lineTo(...at(i, effect.high));
        context.stroke();
      });
      return [];
    }
    context.globalAlpha = 0.2;
    context.beginPath();
    effect.units.forEach((_, i) => (i ? context.lineTo(...at(i, effect.high)) : context.moveTo(...at(i, effect.high))));
    for (let i = effect.units.length - 1; i >= 0; i -= 1) context.lineTo(...at(i, effect.low));
    context.fill();
    context.globalAlpha = 1;
    context.lineWidth = 2;
    context.beginPath();
    effect.units.forEach((_, i) => (i ? context.lineTo(...at(i, effect.mean)) : context.moveTo(...at(i, effect.mean))));
    context.stroke();
    return [];
  };
  return html`<${Panel} name="effects" wide controls=${html`<${All} count=${found.effects.length} all=${shown} set=${setAll} />`}><div class="grid">${found.effects.slice(0, shown ? undefined : FIRST).map((effect) =>
    html`<${Canvas} key=${effect.axis.name} draw=${panel(effect)} height=${160} deps=${[found]} label=${`${t("effects")}: ${effect.axis.name}`} />`)}</div>
    ${found.notice && html`<p class="notice">${found.notice}</p>`}</>`;
}

export function Surface({ insight, axes, go }) {
  const [uncertain, setUncertain] = useState(false);
  const found = insight?.surface;
  if (axes.length < 2) return null;
  if (!found) return html`<${Panel} name="surface"><p class="nothing">${insight?.refusal || t(insight ? "few" : "none")}</p></>`;
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
    const wide = width - 64; // room for the scale of colors
    const box = frame(context, wide, height, colors, { x: { low: 0, high: 1, places: fewer(found.x.ticks, wide) }, y: { low: 0, high: 1, ticks: [] }, xLabel: found.x.name, yLabel: found.y.name });
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
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.fillStyle = colors.dim;
    for (const [place, label] of found.y.ticks) context.fillText(label.slice(0, 8), box.left - 4, box.yAt(place));
    context.strokeStyle = "#000";
    context.fillStyle = "#fff";
    context.lineWidth = 0.7;
    const marks = found.points.map(([x, y], i) => {
      context.beginPath();
      context.arc(box.xAt(x), box.yAt(y), 2.5, 0, 7);
      context.fill();
      context.stroke();
      return { x: box.xAt(x), y: box.yAt(y), text: show(num(found.values[i])) };
    });
    for (let i = 0; i < 50; i += 1) {
      context.fillStyle = uncertain ? `rgb(${[1, 1, 1].map(() => Math.round(235 - 190 * (i / 49))).join(" ")})` : `rgb(${viridis(found.maximize ? i / 49 : 1 - i / 49).join(" ")})`;
      context.fillRect(wide + 4, box.bottom - ((i + 1) / 50) * (box.bottom - box.top), 10, (box.bottom - box.top) / 50 + 0.6);
    }
    context.fillStyle = colors.dim;
    context.textAlign = "left";
    context.fillText(show(Number(high.toPrecision(3))), wide + 17, box.top + 5);
    context.fillText(show(Number(low.toPrecision(3))), wide + 17, box.bottom - 5);
    return marks;
  };
  const names = axes.map((axis) => axis.name);
  const controls = html`<${Choose} label="x" value=${found.x.name} options=${names} onChange=${(x) => go({ x, y: found.y.name === x ? found.x.name : found.y.name })} />
    <${Choose} label="y" value=${found.y.name} options=${names} onChange=${(y) => go({ y, x: found.x.name === y ? found.y.name : found.x.name })} />
    <label><input type="checkbox" checked=${uncertain} onChange=${(event) => setUncertain(event.target.checked)} /> ${t("uncertainty")}</label>`;
  return html`<${Panel} name="surface" controls=${controls}>
    <${Canvas} draw=${draw} height=${260} deps=${[found, uncertain]} label=${`${t("surface")}: ${found.x.name}, ${found.y.name}`} />
  </>`;
}

export function Findings({ insight, decisions, open }) {
  const found = insight?.findings || [];
  const troubles = (insight?.troubles || []).filter((each) => each.trouble);
  return html`<${Panel} name="findings">
    ${found.length ? html`<ul class="findings">${found.map((each) => html`<li><b>${each.text}</b> ${each.remedy} <small>${each.reason}</small></li>`)}</ul>` : html`<p class="nothing">${t("noFindings")}</p>`}
    ${troubles.length > 0 && html`<details><summary>${t("diagnosis")}</summary><ul class="findings">${troubles.map((each) => html`<li>
      <button type="button" class="link" onClick=${() => open(each.trial)}>${t("trial")} ${each.trial}</button>: <b>${each.trouble}</b>. ${each.evidence} ${each.advice}</li>`)}</ul></details>`}
    ${decisions.length > 0 && html`<details><summary>${t("decisions")} (${decisions.length})</summary><ul class="findings">
      ${[...decisions].reverse().map((each) => html`<li><small>${new Date(each.at * 1000).toLocaleTimeString()}</small> ${each.text}</li>`)}</ul></details>`}
  </>`;
}

// As many of the ticks as fit side by side.
function fewer(ticks, width) {
  const room = Math.max(2, Math.floor(width / 52));
  if (ticks.length <= room) return ticks;
  const every = Math.ceil(ticks.length / room);
  return ticks.filter((_, i) => i % every === 0);
}
