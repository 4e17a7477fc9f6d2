"""The objective whose journals are the golden files of release 0.1.0, in every kind of ending."""

import danlu
from danlu import Choice, Float, Int, Switch

SPACE = {
    "lr": Float(1e-5, 1e-1, log=True, prior=1e-3),
    "丹": Choice([None, True, 1, 1.0, "text", (1, (2.5, None))]),
    "opt": Switch(
        sgd={"momentum": Float(0, 1, step=0.25)}, adam={"nested": Switch(a={"n": Int(1, 2**53 + 1)}, b={})}
    ),
    "fixed": 12,
}


def train(trial):
    memory = {"step": 0}
    for step in range(trial.restore(memory) + 1, 5):
        memory["step"] = step
        trial.save(step, memory)
        if trial.number == 1 and step == 2:
            raise ValueError("on purpose")
        loss = {2: float("nan"), 3: float("inf")}.get(trial.number, trial["lr"] * step)
        trial.report(step, loss=loss, other=-0.0)
    trial.log(note="丹炉", numbers=[1, 2.5, None])


if __name__ == "__main__":
    import json
    import shutil
    from pathlib import Path

    folder = Path(__file__).parent / "golden"
    store = danlu.stores.SqliteStore(folder / "v1.db")
    result = danlu.tune(train, SPACE, minimize="loss", limits=["other <= 1"], trials=6, store=store, name="golden",
                        seed=11, enqueue=[{"opt": "adam", "nested": "a", "n": 2**53 + 1}])  # fmt: skip
    said = [[t.number, t.status.name, t.params, t.metrics, t.curve.steps, t.cause] for t in result.trials]
    (folder / "v1.json").write_text(json.dumps(said, indent=1))
    store.file.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    with (folder / "v1.jsonl").open("w", encoding="utf-8") as file:
        from danlu.stores.jsonlines import dump

        file.writelines(dump("golden", danlu.stores.SqliteStore(folder / "v1.db").journal("golden").read(0)))
    for extra in ("v1.db-wal", "v1.db-shm"):
        (folder / extra).unlink(missing_ok=True)
    shutil.rmtree(folder / "v1.db.blobs")
