"""Rows among other rows, against comparing them one by one."""

import numpy as np
import pytest

from danlu.maths.overlap import WIDTH, keys_of


@pytest.mark.parametrize("width", [1, 3, WIDTH, WIDTH + 1, 784])
def test_shares_are_those_of_comparing_row_by_row(width):
    rng = np.random.default_rng(width)
    known, asked = (
        rng.integers(-2, 3, (60, width)).astype(float),
        rng.integers(-2, 3, (40, width)).astype(float),
    )
    asked[::4] = known[:10]
    one_by_one = np.mean([any((row == other).all() for other in known) for row in asked])
    keys = keys_of(known)
    assert keys.share(asked) == one_by_one >= 0.25
    assert keys.unique == len(np.unique(known, axis=0)) / 60


def test_pictures_are_told_by_what_differs_and_shapes_by_their_rows():
    rng = np.random.default_rng(0)
    pictures = np.zeros((300, 28, 28), np.uint8)
    pictures[:, 10:14, 10:14] = rng.integers(0, 256, (300, 4, 4))
    keys = keys_of(pictures)
    assert keys.unique == 1
    assert keys.share(pictures[:50].reshape(50, 784)) == 1
    changed = pictures[:50].copy()
    changed[:, 11, 11] ^= 1
    assert keys.share(changed) == 0


def test_what_cannot_be_compared_is_not():
    assert keys_of(["a", "b"]) is None
    assert keys_of([[1, 2], [3]]) is None
    assert keys_of(None) is None
    assert keys_of(np.zeros((0, 3))) is None
    assert keys_of([[1, 2]]).share([[1, 2, 3]]) is None
    assert keys_of([[0.0, np.nan]]).share([[-0.0, np.nan]]) == 1
