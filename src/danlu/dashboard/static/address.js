// What is looked at lives in the address, so that a view can be kept, sent to somebody, and gone back to.
import { useCallback, useEffect, useState } from "preact/hooks";
import { still } from "danlu/net";

const PLAIN = ["study", "trial", "metric", "curve", "x", "y", "method", "sort", "down", "log", "whole", "fx", "fy", "sx", "sy", "sc", "pick", "hide", "cx", "order", "off", "flip", "side"];
const here = () => (still ? location.hash.slice(1) : location.search); // a file has no address of its own but what follows its #

export function read(search) {
  const query = new URLSearchParams(search);
  const found = { filter: {} };
  for (const name of PLAIN) if (query.get(name)) found[name] = query.get(name);
  for (const [name, text] of query) if (name.startsWith("f.")) found.filter[name.slice(2)] = text;
  return found;
}

export function write(place) {
  const query = new URLSearchParams();
  for (const name of PLAIN) if (place[name] !== undefined && place[name] !== "") query.set(name, place[name]);
  for (const [name, text] of Object.entries(place.filter || {})) query.set(`f.${name}`, text);
  return String(query);
}

// The selection as the server takes it.
export const terms = (filter) => Object.fromEntries(Object.entries(filter).map(([name, text]) => [`f.${name}`, text]));

export function useAddress() {
  const at = () => (still ? { study: still.view.head.name, ...read(here()) } : read(here()));
  const [place, set] = useState(at);
  useEffect(() => {
    const back = () => set(at());
    addEventListener(still ? "hashchange" : "popstate", back);
    return () => removeEventListener(still ? "hashchange" : "popstate", back);
  }, []);
  const go = useCallback((change) => {
    set((before) => {
      const after = { ...before, ...change };
      for (const name of Object.keys(after)) if (after[name] === undefined) delete after[name];
      if (write(after) !== write(before)) {
        if (still) location.hash = write(after);
        else history.pushState(null, "", `/?${write(after)}`);
      }
      return after;
    });
  }, []);
  return [place, go];
}

// The trials that were picked to be compared.
export const picked = (place) => (place.pick || "").split(",").filter(Boolean).map(Number).filter(Number.isInteger);

export function turned(place, trial) {
  const before = picked(place);
  const after = before.includes(trial) ? before.filter((each) => each !== trial) : [...before, trial];
  return { pick: after.length ? after.join(",") : undefined };
}
