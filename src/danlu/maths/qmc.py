"""Low-discrepancy sequences."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BITS = 30
"""Binary digits of a point, and so 2**30 points in a sequence."""

TABLED = 1111
"""Dimensions in ``sobol.npy``, a row each: the primitive polynomial, then its first direction numbers; those of degree
up to 13 from Joe and Kuo's new-joe-kuo-6.21201 (SIAM J. Sci. Comput. 30, 2008; see ``sobol.LICENSE``)."""


def sobol(width: int, seed: int, start: int, count: int) -> NDArray[np.float64]:
    """Points ``start .. start + count - 1`` of a scrambled Sobol sequence, shape (count, width).

    Owen-type scrambling (linear matrix scramble and digital shift). The points are those of ``scipy.stats.qmc.Sobol``,
    whose import would take longer than a small study; the same seed gives the same sequence from any start.

    Example:
        >>> whole, part = sobol(3, 7, 0, 8), sobol(3, 7, 4, 4)
        >>> bool((whole[4:] == part).all())
        True
    """
    if width == 0:
        return np.zeros((count, 0))
    if width > TABLED:
        return _scipys(width, seed, start, count)
    directions, shift = _scrambled(width, seed)
    number = np.arange(start, start + count, dtype=np.uint32)
    gray = number ^ (number >> np.uint32(1))  # Antonov and Saleev, 1979: neighbors differ in one direction
    points = np.broadcast_to(shift, (count, width)).copy()
    for bit in range(int(gray.max(initial=0)).bit_length()):
        chosen = (gray >> np.uint32(bit)) & np.uint32(1)
        points ^= chosen[:, None] * directions[:, bit]
    return np.ldexp(points.astype(np.float64), -BITS)


def sobol_normal(width: int, seed: int, count: int) -> NDArray[np.float64]:
    """Standard normal quasi-random draws, shape (count, width)."""
    from scipy.special import ndtri

    points: NDArray[np.float64] = ndtri(np.clip(sobol(width, seed, 0, count), 1e-9, 1 - 1e-9))
    return points


@lru_cache(maxsize=8)
def _scrambled(width: int, seed: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Scrambled direction numbers, shape (width, BITS), and the digital shift, shape (width,)."""
    rng = np.random.default_rng(seed).spawn(1)[0]  # as scipy does
    powers = np.uint32(1) << np.arange(BITS, dtype=np.uint32)
    shift = rng.integers(0, 2, (width, BITS), dtype=np.uint32) @ powers
    lower = np.tril(rng.integers(0, 2, (width, BITS, BITS), dtype=np.uint32), -1)
    lower |= np.eye(BITS, dtype=np.uint32)
    digits = (_directions(width)[:, None, :] >> np.arange(BITS - 1, -1, -1, dtype=np.uint32)[:, None]) & 1
    mixed = (lower @ digits.astype(np.uint32)) & np.uint32(1)  # most significant digit first
    return np.einsum("dkj,k->dj", mixed, powers[::-1]).astype(np.uint32), shift


def _directions(width: int) -> NDArray[np.uint32]:
    """Direction numbers as integers of BITS digits, shape (width, BITS)."""
    table = np.load(Path(__file__).with_name("sobol.npy"))[:width].astype(np.int64)
    numbers = np.ones((width, BITS), dtype=np.int64)
    for row, (polynomial, *first) in zip(numbers[1:], table[1:].tolist(), strict=True):
        degree = polynomial.bit_length() - 1
        row[:degree] = first[:degree]
        for j in range(degree, BITS):  # Bratley and Fox, ACM TOMS 14 (1988), eq. 2
            value = int(row[j - degree])
            for k in range(1, degree + 1):
                if polynomial >> (degree - k) & 1:
                    value ^= int(row[j - k]) << k
            row[j] = value
    return (numbers << np.arange(BITS - 1, -1, -1)).astype(np.uint32)


def _scipys(width: int, seed: int, start: int, count: int) -> NDArray[np.float64]:
    """The same in more dimensions than are tabled here."""
    from scipy.stats import qmc

    engine = qmc.Sobol(width, scramble=True, rng=np.random.default_rng(seed))
    if start:
        engine.fast_forward(start)
    points: NDArray[np.float64] = engine.random(count)
    return points
