// What is looked at lives in the address, so that a view can be kept, sent to somebody, and gone back to.
import { useCallback, useEffect, useState } from "preact/hooks";
import { still } from "danlu/net";

const PLAIN = ["study", "trial", "metric", "x", "y", "method", "sort", "down"];

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
  const [place, set] = useState(() => (still ? { filter: {}, study: still.view.head.name } : read(location.search)));
  useEffect(() => {
    const back = () => set(read(location.search));
    if (!still) addEventListener("popstate", back);
    return () => removeEventListener("popstate", back);
  }, []);
  const go = useCallback((change) => {
    set((before) => {
      const after = { ...before, ...change };
      for (const name of Object.keys(after)) if (after[name] === undefined) delete after[name];
      if (!still && write(after) !== write(before)) history.pushState(null, "", `/?${write(after)}`);
      return after;
    });
  }, []);
  return [place, go];
}
