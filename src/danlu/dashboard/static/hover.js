// The trial under the pointer, lit wherever it is shown.
import { useEffect, useState } from "preact/hooks";

let lit = null;
const told = new Set();

export function light(trial) {
  if (trial === lit) return;
  lit = trial;
  for (const tell of told) tell(lit);
}

export function useLit() {
  const [now, set] = useState(lit);
  useEffect(() => {
    told.add(set);
    return () => told.delete(set);
  }, []);
  return now;
}
