// A drawing context that writes SVG: what draws on a canvas draws on it too, so that there is one drawing code for both.

const escaped = (text) => String(text).replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, "").replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
const short = (value) => String(Math.round(100 * value) / 100);

// Of CanvasRenderingContext2D what the page uses; measures are those of a canvas. A drawing that calls anything else fails, it is not drawn wrongly.
export class SvgContext {
  constructor() {
    Object.assign(this, { fillStyle: "#000", strokeStyle: "#000", lineWidth: 1, globalAlpha: 1, font: "10px sans-serif", textAlign: "start", textBaseline: "alphabetic", imageSmoothingEnabled: true });
    this.parts = [];
    this.path = "";
    this.moves = [];
    this.dash = [];
    this.kept = [];
    this.real = document.createElement("canvas").getContext("2d");
  }

  // Colors by name or in any notation as #rrggbb with an opacity, which every program reads.
  paint(kind, style) {
    this.real.fillStyle = style;
    const [, r, g, b, alpha] = /^rgba\((\d+), (\d+), (\d+), ([\d.]+)\)$/.exec(this.real.fillStyle) || [];
    const color = r === undefined ? this.real.fillStyle : `#${[r, g, b].map((part) => Number(part).toString(16).padStart(2, "0")).join("")}`;
    const opacity = this.globalAlpha * (alpha === undefined ? 1 : Number(alpha));
    return `${kind}="${color}"${opacity < 1 ? ` ${kind}-opacity="${short(opacity)}"` : ""}`;
  }

  put(tag, attributes, inside = "") {
    const transform = this.moves.length ? ` transform="${this.moves.join(" ")}"` : "";
    this.parts.push(`<${tag} ${attributes}${transform}${inside ? `>${inside}</${tag}>` : "/>"}`);
  }

  pen() {
    return `${this.paint("stroke", this.strokeStyle)} stroke-width="${short(this.lineWidth)}"${this.dash.length ? ` stroke-dasharray="${this.dash.join(" ")}"` : ""}`;
  }

  beginPath() { this.path = ""; }
  moveTo(x, y) { this.path += `M${short(x)} ${short(y)}`; }
  lineTo(x, y) { this.path += `${this.path ? "L" : "M"}${short(x)} ${short(y)}`; }
  closePath() { this.path += "Z"; }
  rect(x, y, width, height) { this.path += `M${short(x)} ${short(y)}h${short(width)}v${short(height)}h${short(-width)}Z`; }
  arc(x, y, radius, from, to) {
    if (to - from < 2 * Math.PI) throw new Error("an arc that is no circle is not written.");
    this.path += `M${short(x + radius)} ${short(y)}a${short(radius)} ${short(radius)} 0 1 1 ${short(-2 * radius)} 0a${short(radius)} ${short(radius)} 0 1 1 ${short(2 * radius)} 0Z`;
  }
  fill() { if (this.path) this.put("path", `d="${this.path}" ${this.paint("fill", this.fillStyle)}`); }
  stroke() { if (this.path) this.put("path", `d="${this.path}" fill="none" ${this.pen()}`); }
  box(x, y, width, height) { return `x="${short(Math.min(x, x + width))}" y="${short(Math.min(y, y + height))}" width="${short(Math.abs(width))}" height="${short(Math.abs(height))}"`; }
  fillRect(...given) { this.put("rect", `${this.box(...given)} ${this.paint("fill", this.fillStyle)}`); }
  strokeRect(...given) { this.put("rect", `${this.box(...given)} fill="none" ${this.pen()}`); }
  setLineDash(dash) { this.dash = dash; }
  measureText(text) {
    this.real.font = this.font;
    return this.real.measureText(text);
  }
  fillText(text, x, y) {
    const [, weight, size, family] = /^(?:(\d+|bold) )?([\d.]+)px (.*)$/.exec(this.font) || [null, "", "11", "sans-serif"];
    const anchor = { center: "middle", right: "end", end: "end" }[this.textAlign] || "start";
    const down = { middle: 0.35, top: 0.85, hanging: 0.85 }[this.textBaseline] || 0; // of the letters' size: few programs know SVG's own word for it
    this.put("text", `x="${short(x)}" y="${short(y + down * size)}" font-family="${escaped(family)}" font-size="${size}"${weight ? ` font-weight="${weight}"` : ""} text-anchor="${anchor}" ${this.paint("fill", this.fillStyle)}`, escaped(text) || " ");
  }
  drawImage(picture, x, y, width = picture.width, height = picture.height) {
    this.put("image", `${this.box(x, y, width, height)} preserveAspectRatio="none"${this.imageSmoothingEnabled ? "" : ' style="image-rendering:pixelated"'} href="${picture.toDataURL("image/png")}"`);
  }
  save() {
    const { fillStyle, strokeStyle, lineWidth, globalAlpha, font, textAlign, textBaseline, imageSmoothingEnabled, dash } = this;
    this.kept.push([[...this.moves], { fillStyle, strokeStyle, lineWidth, globalAlpha, font, textAlign, textBaseline, imageSmoothingEnabled, dash }]);
  }
  restore() {
    const [moves, styles] = this.kept.pop();
    this.moves = moves;
    Object.assign(this, styles);
  }
  translate(x, y) { this.moves.push(`translate(${short(x)} ${short(y)})`); }
  rotate(angle) { this.moves.push(`rotate(${short((180 * angle) / Math.PI)})`); }
}

// One picture of several: each {draw(context, width, height), x, y, width, height}, on paper, under a title.
export function svg(title, pictures, { width, height, paper, text, margin, heading }) {
  const head = new SvgContext();
  Object.assign(head, { fillStyle: text, font: "600 13px system-ui, sans-serif", textBaseline: "middle" });
  head.fillText(title, margin, heading / 2);
  const all = pictures.map((each) => {
    const context = new SvgContext();
    each.draw(context, each.width, each.height);
    return `<svg x="${short(each.x)}" y="${short(each.y)}" width="${short(each.width)}" height="${short(each.height)}">${context.parts.join("\n")}</svg>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${short(width)}" height="${short(height)}" viewBox="0 0 ${short(width)} ${short(height)}"><title>${escaped(title)}</title>
<rect width="100%" height="100%" fill="${paper}"/>${head.parts.join("")}
${all.join("\n")}</svg>\n`;
}
