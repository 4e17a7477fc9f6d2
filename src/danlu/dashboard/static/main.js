// The page: which study, which trial, which language and theme; keys; what went wrong, said once.
import { render } from "preact";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { html } from "danlu/html";
import { useAddress } from "danlu/address";
import { get, still } from "danlu/net";
import { Beside } from "danlu/beside";
import { Studies } from "danlu/studies";
import { Study } from "danlu/study";
import { language, setLanguage, t } from "danlu/words";

const stored = (name, value) => {
  try {
    if (value === undefined) return localStorage.getItem(name);
    localStorage.setItem(name, value);
  } catch {
    return null; // a file opened from disk may have no storage
  }
  return value;
};

function useTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const [theme, set] = useState(stored("danlu-theme") || (system.matches ? "dark" : "light"));
  useEffect(() => {
    const printed = matchMedia("print");
    const wear = () => {
      document.documentElement.dataset.theme = printed.matches ? "light" : theme; // paper is white
      document.dispatchEvent(new Event("danlu-theme"));
    };
    wear();
    printed.addEventListener("change", wear);
    return () => printed.removeEventListener("change", wear);
  }, [theme]);
  return [theme, (to) => set(stored("danlu-theme", to) || to)];
}

function Page() {
  const [place, go] = useAddress();
  const now = useRef(place);
  now.current = place; // what a key means depends on what is shown, not on what was when it was listened for
  const [theme, setTheme] = useTheme();
  const [, setTongue] = useState(language);
  const [said, set] = useState(null);
  const [actions, setActions] = useState(false);
  const [wanted, want] = useState(null);
  const [help, setHelp] = useState(false);
  const say = useCallback((text, bad = false) => set((before) => (text ? { text, bad } : before?.bad ? null : before)), []);
  useEffect(() => {
    Promise.resolve().then(() => get("studies")).then((found) => {
      setActions(found.actions);
      if (!place.study && found.studies.length === 1) go({ study: found.studies[0].name });
    }, (error) => say(error.message, true));
  }, []);
  useEffect(() => {
    if (!said || said.bad) return undefined;
    const timer = setTimeout(() => set(null), 4000);
    return () => clearTimeout(timer);
  }, [said]);
  useEffect(() => {
    const press = (event) => {
      if (event.key === "Escape") {
        document.activeElement?.blur?.();
        setHelp(false);
        if (now.current.trial !== undefined) go({ trial: undefined });
        return;
      }
      if (event.target.matches("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "/") {
        event.preventDefault();
        want({});
      } else if (event.key === "t") document.querySelector(".table")?.focus();
      else if (event.key === "?") setHelp((before) => !before);
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
  const tongue = () => {
    setLanguage(language === "en" ? "zh" : "en");
    setTongue(language);
    document.dispatchEvent(new Event("danlu-theme"));
  };
  return html`<nav><a href="/" onClick=${(event) => { event.preventDefault(); if (!still) go({ study: undefined, trial: undefined, metric: undefined, curve: undefined, x: undefined, y: undefined, pick: undefined, sort: undefined, hide: undefined, cx: undefined, order: undefined, off: undefined, flip: undefined, side: undefined, filter: {} }); }}>丹 danlu</a>
      <span class="keys">${help ? t("keys") : ""}</span>
      <button type="button" onClick=${() => setTheme(theme === "dark" ? "light" : "dark")}>${t(theme === "dark" ? "light" : "dark")}</button>
      <button type="button" onClick=${tongue}>${t("language")}</button></nav>
    ${said && html`<p class=${said.bad ? "said damage" : "said"} role="alert">${said.text}</p>`}
    ${place.study ? html`<${Study} key=${`${place.study} ${language}`} place=${place} go=${go} actions=${actions} say=${say} wanted=${wanted} want=${want} />` : place.side ? html`<${Beside} key=${`${place.side} ${language}`} names=${place.side.split("\u001f")} go=${go} say=${say} />` : html`<${Studies} go=${go} say=${say} actions=${actions} />`}`;
}

render(html`<${Page} />`, document.getElementById("app"));
