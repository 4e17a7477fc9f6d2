// Files of a trial: pictures and text are shown, everything is there to download. What a file is, the server says by its bytes.
import { useState } from "preact/hooks";
import { html } from "danlu/html";
import { get, still } from "danlu/net";
import { t } from "danlu/words";

const PICTURE = /\.(png|jpe?g|gif|webp)$/i;
const TEXT = /\.(txt|log|csv|tsv|jsonl?|md|ya?ml|toml|ini|py|html?|svg|xml)$/i;

export const sized = (size) => (size < 1024 ? `${size} B` : size < 1 << 20 ? `${(size / 1024).toFixed(1)} KiB` : `${(size / (1 << 20)).toFixed(1)} MiB`);

export function Files({ study, trial, files }) {
  if (!files.length) return null;
  const address = (name, show) => `/api/file?${new URLSearchParams({ study, trial, name, ...(show ? { show } : {}) })}`;
  return html`<section class="panel wide" id="files"><h2>${t("files")}</h2>${still && html`<p class="notice">${t("filesElsewhere")}</p>`}
    <div class="files">${files.map(({ name, size, digest }) => html`<figure key=${digest}>
      ${!still && PICTURE.test(name) && html`<${Picture} key=${digest} source=${address(name, "picture")} name=${name} />`}
      <figcaption><span title=${name}>${name}</span> <small>${sized(size)}</small> ${!still && html`<a href=${address(name)} download>${t("download")}</a>`}</figcaption>
      ${!still && TEXT.test(name) && html`<${Text} query=${{ study, trial, name, show: "text" }} />`}</figure>`)}</div></section>`;
}

function Picture({ source, name }) {
  const [broken, set] = useState(false);
  return broken ? html`<p class="notice">${t("noPicture")}</p>` : html`<img src=${source} alt=${name} loading="lazy" onError=${() => set(true)} />`;
}

function Text({ query }) {
  const [found, set] = useState(null);
  const look = (event) => event.target.open && !found && get("file", query).then(set, (error) => set({ text: error.message }));
  return html`<details onToggle=${look}><summary>${t("showText")}</summary>${found && html`<pre tabindex="0">${found.text}</pre>${found.more && html`<p class="notice">${t("moreText")}</p>`}`}</details>`;
}
