// Files that the page makes itself: a panel's pictures, and tables as text.
import { theme } from "danlu/colors";

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export const named = (text) => text.replace(/[^\p{L}\p{N}._-]+/gu, "-").slice(0, 80);

// All canvases of a panel as they stand beside each other, on paper, under a title.
export function picture(panel, title) {
  const ratio = window.devicePixelRatio || 1;
  const canvases = [...panel.querySelectorAll("canvas")];
  const boxes = canvases.map((each) => each.getBoundingClientRect());
  const [left, top] = [Math.min(...boxes.map((box) => box.left)), Math.min(...boxes.map((box) => box.top))];
  const [right, bottom] = [Math.max(...boxes.map((box) => box.right)), Math.max(...boxes.map((box) => box.bottom))];
  const [margin, heading] = [12, 28];
  const whole = document.createElement("canvas");
  whole.width = Math.round((right - left + 2 * margin) * ratio);
  whole.height = Math.round((bottom - top + margin + heading) * ratio);
  const context = whole.getContext("2d");
  const { paper, text } = theme();
  context.fillStyle = paper;
  context.fillRect(0, 0, whole.width, whole.height);
  context.scale(ratio, ratio);
  context.fillStyle = text;
  context.font = "600 13px system-ui, sans-serif";
  context.textBaseline = "middle";
  context.fillText(title, margin, heading / 2);
  canvases.forEach((each, at) => context.drawImage(each, boxes[at].left - left + margin, boxes[at].top - top + heading, boxes[at].width, boxes[at].height));
  return whole;
}

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
