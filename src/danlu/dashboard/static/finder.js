// The learning-rate finder's sweep (deep.find_lr), where a report was given one.
import { html } from "danlu/html";
import { CYCLE } from "danlu/colors";
import { Canvas, frame } from "danlu/canvas";
import { Panel } from "danlu/panel";
import { num, range } from "danlu/numbers";
import { t } from "danlu/words";

export function Finder({ found }) {
  const draw = (context, width, height, colors) => {
    const values = found.losses.flat().map(num);
    const [low, high] = range(values, false);
    const x = { low: found.rates[0], high: found.rates[found.rates.length - 1], log: true };
    const box = frame(context, width, height, colors, { x, y: { low, high }, xLabel: `${found.optimizer} lr`, yLabel: "loss" });
    context.fillStyle = "rgb(0 158 115 / 0.15)";
    context.fillRect(box.xAt(found.low), box.top, box.xAt(found.high) - box.xAt(found.low), box.bottom - box.top);
    context.strokeStyle = CYCLE[2];
    context.beginPath();
    context.moveTo(box.xAt(found.rate), box.top);
    context.lineTo(box.xAt(found.rate), box.bottom);
    context.stroke();
    const marks = [];
    found.losses.forEach((row) => {
      context.strokeStyle = CYCLE[0];
      context.beginPath();
      let before = false;
      row.map(num).forEach((value, i) => {
        if (!Number.isFinite(value)) {
          before = false;
          return;
        }
        const at = [box.xAt(found.rates[i]), box.yAt(Math.min(value, high))];
        if (before) context.lineTo(...at);
        else context.moveTo(...at);
        before = true;
        marks.push({ x: at[0], y: at[1], text: `lr ${found.rates[i].toPrecision(3)}: ${value.toPrecision(4)}` });
      });
      context.stroke();
    });
    return marks;
  };
  return html`<${Panel} name="finder" hint=${`${t("rateAdvised")}: ${found.rate.toPrecision(2)}`}>
    <${Canvas} draw=${draw} height=${230} deps=${[found]} label=${t("finder")} /></>`;
}
