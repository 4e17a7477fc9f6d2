"""The quadratic trend: covariances of a Bayesian regression on lines, parabolas and products of coordinates.

A polynomial kernel of degree two (Rasmussen and Williams 2006, eq. 4.21) in two parts with a variance each,
because a loss may be curved along every coordinate without any two of them belonging together.
"""

from __future__ import annotations

from .kernels import Floats


def sides(inputs: Floats) -> Floats:
    """Features in [0, 1] as the trend sees them, from -1 to 1."""
    return 2.0 * inputs - 1.0


def covariances(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """For variances of 1, of lines and parabolas, and of products of two coordinates, shape (n, m) each.

    Args:
        a: sides, shape (n, p).
        b: sides, shape (m, p).

    Example:
        >>> import numpy as np
        >>> [part.tolist() for part in covariances(np.array([[0.5, -1.0]]), np.array([[1.0, 0.5]]))]
        [[[0.5]], [[-0.25]]]
    """
    level, fourth = a @ b.T, (a * a) @ (b * b).T
    return level + fourth, 0.5 * (level * level - fourth)


def variances(a: Floats) -> tuple[Floats, Floats]:
    """The same of each row with itself, shape (n,) each."""
    squares = a * a
    total, fourth = squares.sum(1), (squares * squares).sum(1)
    return total + fourth, 0.5 * (total * total - fourth)
