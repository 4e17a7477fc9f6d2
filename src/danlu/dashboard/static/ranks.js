// Trials by rank: pairs of parameters in the colors of ranks, and which share of trials came to what.
import { html } from "danlu/html";
import { STATUSES } from "danlu/colors";
import { Canvas, frame, mark, ring } from "danlu/canvas";
import { among } from "danlu/format";
import { num, nums } from "danlu/numbers";
import { Panel, Scale, outside, ranked, scaleOf } from "danlu/panel";
import { inside, span } from "danlu/range";
import { column } from "danlu/trials";
import { t } from "danlu/words";

const PAIRED = 6; // of so many parameters, the most important, so many pairs are drawn

export function Rank({ found, ranks, insight, metric, state, picks, open }) {
  const places = ranked(found.axes, insight, true).slice(0, PAIRED);
  const both = ([x, y]) => found.units.some((row) => typeof row[x] === "number" && typeof row[y] === "number"); // options of one switch never meet
  const pairs = places.flatMap((y, at) => places.slice(0, at).map((x) => [x, y])).filter(both).slice(0, PAIRED);
  if (!pairs.length) return null;
  const merits = nums(ranks);
  const { values } = column(found, metric);
  const text = among(values);
  const order = found.numbers.map((_, i) => i).sort((a, b) => (Number.isFinite(merits[a]) ? -merits[a] : -2) - (Number.isFinite(merits[b]) ? -merits[b] : -2)); // the best are drawn last
  const panel = ([x, y]) => (context, width, height, colors) => {
    const box = frame(context, width, height, colors, { x: { low: -0.03, high: 1.03, places: found.axes[x].ticks }, y: { low: -0.03, high: 1.03, places: found.axes[y].ticks }, xLabel: found.axes[x].name, yLabel: found.axes[y].name });
    const marks = [...box.names];
    for (const i of order) {
      const [across, up] = [found.units[i][x], found.units[i][y]];
      if (typeof across !== "number" || typeof up !== "number") continue;
      const known = Number.isFinite(merits[i]);
      const [px, py] = [box.xAt(across), box.yAt(up)];
      context.fillStyle = known ? colors.merit(1 - merits[i]) : colors.dim;
      mark(context, px, py, known ? "done" : STATUSES[found.statuses[i]], 3);
      if (picks.includes(found.numbers[i])) ring(context, px, py, colors);
      marks.push({ x: px, y: py, trial: found.numbers[i], text: `${t("trial")} ${found.numbers[i]} · ${known ? text(values[i]) : t("noValue")}` });
    }
    return marks;
  };
  return html`<${Panel} name="ranks" wide state=${state} picture hint=${`${metric}: ${t("rankColors")}`}><div class="grid">${pairs.map((pair) =>
    html`<${Canvas} key=${pair.join()} draw=${panel(pair)} height=${190} open=${open} deps=${[found, ranks, pair.join(), picks.join()]} label=${`${t("ranks")}: ${found.axes[pair[0]].name}, ${found.axes[pair[1]].name}`} />`)}</div></>`;
}

export function Distribution({ found, state, place, go }) {
  const line = found.lines[0];
  const values = nums(line.values);
  const shown = span(values, { maximize: found.maximize, ...scaleOf(place) });
  const text = among(values);
  const draw = (context, width, height, colors) => {
    const box = frame(context, width, height, colors, { x: shown, y: { low: 0, high: 1 }, xLabel: found.metric, yLabel: t("shareOfTrials") });
    const marks = [...box.names];
    context.strokeStyle = colors.cycle[0];
    context.lineWidth = 2;
    context.beginPath();
    let before = 0;
    values.forEach((value, i) => {
      const [at, way] = inside(shown, value);
      const x = box.xAt(at);
      const y = box.yAt(num(line.shares[i]));
      if (i === 0) context.moveTo(way < 0 ? box.left : x, box.yAt(0));
      if (way <= 0) {
        context.lineTo(x, box.yAt(before));
        context.lineTo(x, y);
        before = num(line.shares[i]);
      }
      if (!way) marks.push({ x, y, text: `${text(value)}: ${(100 * line.shares[i]).toFixed(1)} %` });
    });
    if (values.length) context.lineTo(box.right, box.yAt(before));
    context.stroke();
    return marks;
  };
  return html`<${Panel} name="edf" state=${state} picture hint=${[`${line.trials} ${t("trials")}`, outside({ ...shown, above: 0, below: 0 }), shown.above ? `▶ ${shown.above} ${t("further")}` : "", shown.below ? `◀ ${shown.below} ${t("further")}` : ""].filter(Boolean).join(" · ")} controls=${html`<${Scale} scale=${scaleOf(place)} log=${shown.log} go=${go} />`}>
    <${Canvas} draw=${draw} height=${250} deps=${[found, place.log, place.whole]} label=${`${t("edf")}: ${found.metric}, ${line.trials} ${t("trials")}`} /></>`;
}
