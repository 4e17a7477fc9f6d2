// Text that is measured before it is drawn: names are shortened in their middle, labels that would meet are left out.

// `text` in at most `width` pixels as `context` writes it; the beginning and the end of a name tell it from its like.
export function fitted(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  const letters = [...text];
  let [low, high] = [0, letters.length - 1]; // how many letters are kept
  const cut = (kept) => `${letters.slice(0, Math.ceil(kept / 2)).join("")}…${letters.slice(letters.length - Math.floor(kept / 2)).join("")}`;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (context.measureText(cut(middle)).width <= width) low = middle;
    else high = middle - 1;
  }
  return cut(low);
}

// A label of an axis: a name is shortened, a number never is, as it would be another.
export const named = (context, label, width) => (label.trim() !== "" && Number.isFinite(Number(label)) ? label : fitted(context, label, width));

// The same by letters, for text that the browser lays out.
export function shortened(text, most) {
  const letters = [...text];
  if (letters.length <= most) return text;
  return `${letters.slice(0, Math.ceil((most - 1) / 2)).join("")}…${letters.slice(letters.length - Math.floor((most - 1) / 2)).join("")}`;
}

// Of labels [{at, size, ...}] in pixels along a line, rising by `at`, those that do not meet: the first, the last, and between them what has room.
export function apart(labels, gap = 6) {
  if (labels.length < 2) return labels;
  const [first, last] = [labels[0], labels[labels.length - 1]];
  const meets = (a, b) => b.at - b.size / 2 < a.at + a.size / 2 + gap;
  const kept = [first];
  for (const each of labels.slice(1, -1)) if (!meets(kept[kept.length - 1], each) && !meets(each, last)) kept.push(each);
  if (!meets(kept[kept.length - 1], last)) kept.push(last);
  return kept;
}

// A word of a command as a shell takes it for one word.
export const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`);
