"""Bayesian optimization with nothing hidden: two hyperparameters on the unit square, step by step.

    python examples/bayesian_steps.py [FOLDER]

The loss is made up, as a network's might be: a tilted valley, with ripples along the second hyperparameter.
Nothing is known of it at first but a prior: a Gaussian process, so that any two losses are the more alike the
nearer their points are. The first trial is (0.5, 0.5). Each step fits the process to the trials so far, computes
the expected improvement on the best loss everywhere on a grid, and tries the point where it is largest. Every
step is printed; with a FOLDER, and matplotlib, it is drawn there as well. `danlu.samplers.GP` does the same in any space,
without a grid.
"""

import sys
from pathlib import Path

import numpy as np

from danlu.maths import acquisition, gp
from danlu.maths.kernels import squared_exponential

STEPS, SIDE = 15, 101
AXIS = np.linspace(0.0, 1.0, SIDE)
GRID = np.array([(x, y) for x in AXIS for y in AXIS])


def loss_at(points):
    x, y = points[..., 0], points[..., 1]
    return 0.2 + 0.6 * (x - 0.72) ** 2 + 0.9 * (y - 0.3 - 0.4 * x) ** 2 - 0.03 * np.cos(16.0 * y)


def step(points, losses):
    """What the process believes after these trials: mean, deviation and expected improvement on the grid."""
    center, spread = losses.mean(), losses.std() or 1.0
    shape = gp.Shape(groups=np.array([0, 1]))  # a lengthscale for each of the two hyperparameters
    model = gp.fit(points, (losses - center) / spread, shape, kernel=squared_exponential, evaluations=100)
    mean, variance = gp.predict(model, GRID)
    best = (losses.min() - center) / spread
    gain = acquisition.expected_improvement(mean, np.sqrt(variance), best)
    return mean * spread + center, np.sqrt(variance) * spread, gain * spread


def search(steps=STEPS, folder=None):
    points = np.array([[0.5, 0.5]])
    losses = loss_at(points)
    print("step    point tried      loss   believed before   expected gain     best")
    print(f"   0   (0.50, 0.50)  {losses[0]:8.4f}   nothing yet                   {losses[0]:8.4f}")
    for number in range(1, steps + 1):
        mean, deviation, gain = step(points, losses)
        gain[(GRID[:, None] == points).all(2).any(1)] = 0.0  # nothing is gained by trying a point twice
        chosen = int(np.argmax(gain))
        if folder:
            draw(Path(folder) / f"step_{number:02}.png", number, points, mean, deviation, gain)
        points = np.vstack([points, GRID[chosen]])
        losses = np.append(losses, loss_at(GRID[chosen]))
        believed = f"{mean[chosen]:8.4f} ± {deviation[chosen]:6.4f}"
        x, y = GRID[chosen]
        print(
            f"{number:4}   ({x:.2f}, {y:.2f})  {losses[-1]:8.4f}  {believed}   {gain[chosen]:10.5f}   {losses.min():8.4f}"
        )
    print(
        f"best {losses.min():.4f} after {len(losses)} trials; the lowest on the grid is {loss_at(GRID).min():.4f}"
    )
    return points, losses


def draw(path, number, points, mean, deviation, gain):
    """The truth, and what the process believes of it before this step."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    panels = {
        "loss (hidden)": loss_at(GRID),
        "mean": mean,
        "deviation": deviation,
        "expected improvement": gain,
    }
    figure, axes = plt.subplots(1, 4, figsize=(15, 3.8), sharey=True)
    for axis, (title, values) in zip(axes, panels.items(), strict=True):
        shown = axis.contourf(AXIS, AXIS, values.reshape(SIDE, SIDE).T, levels=20, cmap="viridis")
        figure.colorbar(shown, ax=axis)
        axis.plot(*points.T, "o", color="white", markeredgecolor="black", markersize=5)
        axis.plot(*GRID[int(np.argmax(gain))], "*", color="red", markersize=13)
        axis.set_title(title)
        axis.set_xlabel("first hyperparameter")
    axes[0].set_ylabel("second hyperparameter")
    figure.suptitle(f"step {number}: dots have been tried, the star is tried next")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=70)
    plt.close(figure)


if __name__ == "__main__":
    search(folder=sys.argv[1] if len(sys.argv) > 1 else None)
