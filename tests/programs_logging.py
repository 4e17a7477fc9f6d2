"""Ten styles in which training programs tell their metrics, each as the text of a function ``log(epochs, curve, folder)``.

``curve(epoch)`` is a pair of a training loss and a validation loss, epochs are 1 to ``epochs``; ``folder`` is where files go. ``STYLES`` has for each
its name, the text, which is indented by nothing and imports what it needs, and the ``--metric`` that reads it, relative to ``folder``. The metric
is minimized in all of them, and its curve is ``expected(lr, epochs)`` where ``curve`` is ``CURVE`` for this ``lr``.
"""

from typing import NamedTuple


class Style(NamedTuple):
    """A style of logging: the text of ``log``, what reads it, the name of the metric, and its first step."""

    text: str
    metric: str
    name: str
    first: int = 1


CURVE = """
def curve(epoch):
    return 9.0 / epoch, round((lr - 0.3) ** 2 + 1.0 / epoch, 4)
"""
"""Has ``lr`` from around it."""


def expected(lr, epochs):
    """The validation loss of each epoch."""
    return [round((lr - 0.3) ** 2 + 1.0 / epoch, 4) for epoch in range(1, epochs + 1)]


STYLES = {
    "epoch lines": Style(
        """
def log(epochs, curve, folder):
    print("Loading data: 60000 images in 10 classes")
    for epoch in range(1, epochs + 1):
        train, val = curve(epoch)
        print(f"Epoch {epoch}/{epochs} | train loss {train:.4f} | val loss: {val:.4f} | 12.3s", flush=True)
    print(f"Training took {epochs * 12.3:.1f} seconds")
""",
        "val loss",
        "val_loss",
    ),
    "key=value": Style(
        """
def log(epochs, curve, folder):
    print("device=cpu seed=1")
    for epoch in range(1, epochs + 1):
        train, val = curve(epoch)
        print(f"epoch={epoch} lr=1.000e-01 train_loss={train:.4f} val_loss={val:.4f}", flush=True)
""",
        "val_loss",
        "val_loss",
    ),
    "logging": Style(
        """
def log(epochs, curve, folder):
    import logging
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO, force=True)
    logger = logging.getLogger("trainer")
    logger.info("training for %d epochs", epochs)
    for epoch in range(1, epochs + 1):
        train, val = curve(epoch)
        for batch in range(2):
            logger.info("epoch %d batch %d train loss: %.4f", epoch, batch, train + batch)
        logger.info("epoch %d val loss: %.4f", epoch, val)
""",
        "val loss",
        "val_loss",
    ),
    "tqdm": Style(
        """
def log(epochs, curve, folder):
    from tqdm import tqdm
    for epoch in range(1, epochs + 1):
        train, val = curve(epoch)
        with tqdm(total=5, desc=f"Epoch {epoch}", mininterval=0) as bar:
            for batch in range(5):
                bar.set_postfix(train_loss=f"{train + 4 - batch:.4f}", **({"val_loss": f"{val:.4f}"} if batch == 4 else {}))
                bar.update(1)
""",
        "val_loss",
        "val_loss",
    ),
    "keras": Style(
        """
def log(epochs, curve, folder):
    import sys
    sys.stdout.reconfigure(errors="replace")  # as Keras does where its bar cannot be written
    for epoch in range(1, epochs + 1):
        train, val = curve(epoch)
        print(f"Epoch {epoch}/{epochs}")
        for batch in range(1, 4):
            bar = "\\u2501" * (5 * batch) + " " * (15 - 5 * batch)
            print(f"\\r\\033[1m{batch}/3\\033[0m \\033[32m{bar}\\033[0m \\033[1m0s\\033[0m 3ms/step - loss: {train + 3 - batch:.4f}", end="", flush=True)
        print(f"\\r\\033[1m3/3\\033[0m \\033[32m{bar}\\033[0m \\033[1m0s\\033[0m 3ms/step - loss: {train:.4f} - val_loss: {val:.4f}", flush=True)
""",
        "val_loss",
        "val_loss",
    ),
    "hugging face": Style(
        """
def log(epochs, curve, folder):
    for epoch in range(1, epochs + 1):
        train, val = curve(epoch)
        print({"loss": train + 1, "grad_norm": 1.25, "learning_rate": 5e-05, "epoch": epoch - 0.5}, flush=True)
        print({"eval_loss": val, "eval_runtime": 0.25, "eval_samples_per_second": 64.0, "epoch": float(epoch)}, flush=True)
    print({"train_runtime": 3.5, "train_loss": train, "epoch": float(epochs)})
""",
        "eval_loss",
        "eval_loss",
    ),
    "json lines": Style(
        """
def log(epochs, curve, folder):
    import json
    for epoch in range(1, epochs + 1):
        train, val = curve(epoch)
        print(json.dumps({"event": "epoch", "epoch": epoch, "train": {"loss": train}, "val": {"loss": val}}), flush=True)
""",
        "val.loss",
        "val.loss",
    ),
    "csv": Style(
        """
def log(epochs, curve, folder):
    import csv, os
    with open(os.path.join(folder, "log.csv"), "w", newline="") as file:
        writer = csv.DictWriter(file, ["epoch", "train_loss", "val_loss"])
        writer.writeheader()
        for epoch in range(1, epochs + 1):
            train, val = curve(epoch)
            writer.writerow({"epoch": epoch, "train_loss": train})
            writer.writerow({"epoch": epoch, "val_loss": val})
            file.flush()
    print("done")
""",
        "csv:log.csv:val_loss",
        "val_loss",
    ),
    "tensorboard": Style(
        """
def log(epochs, curve, folder):
    import os
    from tensorboard.compat.proto import event_pb2, summary_pb2
    from tensorboard.summary.writer.event_file_writer import EventFileWriter
    writer = EventFileWriter(os.path.join(folder, "logs"))
    for epoch in range(1, epochs + 1):
        train, val = curve(epoch)
        for tag, value in (("loss/train", train), ("loss/val", val)):
            told = summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=tag, simple_value=value)])
            writer.add_event(event_pb2.Event(step=epoch, summary=told))
        writer.flush()
    writer.close()
""",
        "tensorboard:logs:loss/val",
        "loss/val",
    ),
    "number in a file": Style(
        """
def log(epochs, curve, folder):
    import json, os
    for epoch in range(1, epochs + 1):
        train, val = curve(epoch)
    with open(os.path.join(folder, "result.json"), "w") as file:
        json.dump({"val_loss": val, "epochs": epochs}, file)
""",
        "file:result.json:val_loss",
        "val_loss",
    ),
}
