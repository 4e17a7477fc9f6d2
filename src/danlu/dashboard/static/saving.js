// Files that the page makes itself: a panel's pictures, and tables as text.
import { theme } from "danlu/colors";
import { svg } from "danlu/svg";

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export const named = (text) => text.replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 80);

// Where the canvases of a panel stand beside each other, under a title.
function placed(panel) {
  const canvases = [...panel.querySelectorAll("canvas")];
  const boxes = canvases.map((each) => each.getBoundingClientRect());
  const [left, top] = [Math.min(...boxes.map((box) => box.left)), Math.min(...boxes.map((box) => box.top))];
  const [right, bottom] = [Math.max(...boxes.map((box) => box.right)), Math.max(...boxes.map((box) => box.bottom))];
  const [margin, heading] = [12, 28];
  return { canvases, places: boxes.map((box) => ({ x: box.left - left + margin, y: box.top - top + heading, width: box.width, height: box.height })), margin, heading, width: right - left + 2 * margin, height: bottom - top + margin + heading };
}

// All canvases of a panel, on paper.
export function picture(panel, title) {
  const ratio = window.devicePixelRatio || 1;
  const { canvases, places, margin, heading, width, height } = placed(panel);
  const whole = document.createElement("canvas");
  whole.width = Math.round(width * ratio);
  whole.height = Math.round(height * ratio);
  const context = whole.getContext("2d");
  const { paper, text } = theme();
  context.fillStyle = paper;
  context.fillRect(0, 0, whole.width, whole.height);
  context.scale(ratio, ratio);
  context.fillStyle = text;
  context.font = "600 13px system-ui, sans-serif";
  context.textBaseline = "middle";
  context.fillText(title, margin, heading / 2);
  canvases.forEach((each, at) => context.drawImage(each, places[at].x, places[at].y, places[at].width, places[at].height));
  return whole;
}

// The same as lines and letters, drawn by the code that draws the canvases.
export function drawing(panel, title) {
  const { canvases, places, ...size } = placed(panel);
  return svg(title, canvases.map((each, at) => ({ ...places[at], draw: each.paintOn })), { ...size, ...theme() });
}

export const saveSvg = (panel, title) => write(drawing(panel, title), `${named(title)}.svg`, "image/svg+xml");

export const save = (panel, title) => picture(panel, title).toBlob((blob) => download(blob, `${named(title)}.png`), "image/png");

export const write = (text, name, type) => download(new Blob([text], { type }), name);

// RFC 4180, with what a spreadsheet would take for a formula made text.
export function csv(heads, rows) {
  const cell = (value) => {
    if (value === null || value === undefined) return "";
    const text = typeof value === "object" ? JSON.stringify(value) : typeof value === "boolean" ? (value ? "True" : "False") : String(value);
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) && !Number.isFinite(Number(text)) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return `${[heads, ...rows].map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
}
