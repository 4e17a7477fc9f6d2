// The learning-rate finder's sweep (deep.find_lr), where a report was given one.
import { html } from "danlu/html";
import { Canvas, beyond, frame } from "danlu/canvas";
import { show } from "danlu/format";
import { Panel } from "danlu/panel";
import { num } from "danlu/numbers";
import { inside, span } from "danlu/range";
import { t } from "danlu/words";

export function Finder({ found }) {
  const draw = (context, width, height, colors) => {
    const values = found.losses.flat().map(num);
    const shown = span(values, { log: false }); // what has diverged leaves the picture at its rim
    const x = { low: found.rates[0], high: found.rates[found.rates.length - 1], log: true };
    const box = frame(context, width, height, colors, { x, y: shown, xLabel: `${found.optimizer} lr`, yLabel: "loss" });
    context.fillStyle = "rgb(0 158 115 / 0.15)";
    context.fillRect(box.xAt(found.low), box.top, box.xAt(found.high) - box.xAt(found.low), box.bottom - box.top);
    context.strokeStyle = colors.cycle[2];
    context.beginPath();
    context.moveTo(box.xAt(found.rate), box.top);
    context.lineTo(box.xAt(found.rate), box.bottom);
    context.stroke();
    const marks = [];
    found.losses.forEach((row) => {
      context.strokeStyle = colors.cycle[0];
      context.beginPath();
      const out = [];
      let before = false;
      row.map(num).forEach((value, i) => {
        if (!Number.isFinite(value)) {
          before = false;
          return;
        }
        const [up, way] = inside(shown, value);
        const at = [box.xAt(found.rates[i]), box.yAt(up)];
        if (way) out.push([at[0], way]);
        if (before) context.lineTo(...at);
        else context.moveTo(...at);
        before = true;
        marks.push({ x: at[0], y: at[1], text: `lr ${show(found.rates[i], 3)}: ${show(value, 4)}` });
      });
      context.stroke();
      context.fillStyle = colors.cycle[0];
      for (const [across, way] of out) beyond(context, across, box, way);
    });
    return marks;
  };
  return html`<${Panel} name="finder" picture hint=${`${t("rateAdvised")}: ${show(found.rate, 3)}`}>
    <${Canvas} draw=${draw} height=${230} deps=${[found]} label=${t("finder")} /></>`;
}
