"""Data that is there without a download: digits, words of Python's own library, and generated tables.

For examples, tests and benchmarks. What is generated says how.
"""

from __future__ import annotations

import ast
import re
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from .data import Data
from .recipes import image, recommend, tabular, text

TOPICS = {
    "asynchronous": ("asyncio",),
    "mail": ("email", "mailbox", "smtplib", "imaplib", "poplib"),
    "imports": ("importlib", "pkgutil", "zipimport", "runpy", "modulefinder"),
    "logging": ("logging",),
    "testing": ("unittest", "doctest", "pdb", "bdb"),
    "web": ("http", "urllib", "wsgiref", "xmlrpc", "socketserver", "ssl"),
    "markup": ("xml", "html"),
    "processes": ("multiprocessing", "concurrent", "threading", "subprocess"),
}


def digits(seed: int = 0) -> Data:
    """1,797 handwritten digits of 8 by 8 pixels in ten classes (``sklearn.datasets.load_digits``).

    Example:
        >>> digits()
        Data(train 1077, valid 360, test 360; x (1, 8, 8); 10 classes)
    """
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return image.prepare(x.reshape(-1, 8, 8), y, seed=seed)


def docstrings(seed: int = 0) -> Data:
    """Documentation strings of Python's standard library in eight topics, without the words that name them.

    How many there are depends on the version of Python: about 2,200.

    Example:
        >>> docstrings().outputs
        8
    """
    texts, labels = documented()
    return text.prepare(texts, labels, seed=seed)


def documented() -> tuple[list[str], list[str]]:
    """The texts of ``docstrings`` and the name of each one's topic."""
    home = Path(sysconfig.get_paths()["stdlib"])
    banned = {word for names in TOPICS.values() for word in names} | set(TOPICS)
    found: dict[str, str] = {}
    for topic, names in TOPICS.items():
        for name in names:
            files = sorted((home / name).rglob("*.py")) or [home / f"{name}.py"]
            for words in (words for file in files if file.is_file() for words in _strings(file)):
                kept = [word for word in words if word not in banned]
                if len(kept) >= 5:
                    found.setdefault(" ".join(kept), topic)
    return list(found), list(found.values())


def _strings(file: Path) -> Iterator[list[str]]:
    if "test" in file.parts or "tests" in file.parts:
        return
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            yield re.findall(r"[a-z0-9]+", (ast.get_docstring(node) or "").lower())


def ratings(seed: int = 0, *, users: int = 400, items: int = 300, rank: int = 6, each: int = 25) -> Data:
    """Which items users took, generated: taste of some rank, popularity, and chance.

    Users and items have normal factors (taste) and items a Zipf popularity (exponent 0.8); each user takes
    ``each`` different items with odds exp(2 taste) times popularity.

    Example:
        >>> ratings().sizes
        (400, 300)
    """
    numbers = np.random.default_rng(7)  # the world; the seed only splits it
    taste = numbers.normal(size=(users, rank)) @ numbers.normal(size=(rank, items)) / np.sqrt(rank)
    popular = numbers.permutation(np.log(np.arange(1, items + 1) ** -0.8))
    wish = (
        2 * taste + popular + numbers.gumbel(size=(users, items))
    )  # the Gumbel trick: draws without repeats
    chosen = np.argsort(-wish, axis=1)[:, :each]
    pairs = np.stack([np.repeat(np.arange(users), each), chosen.ravel()], 1)
    return recommend.prepare(pairs, users=users, items=items, seed=seed)


def friedman(seed: int = 0, *, rows: int = 1500) -> Data:
    """Friedman's first regression problem with noise 1 (``sklearn.datasets.make_friedman1``), ten columns.

    Example:
        >>> friedman().kind
        'values'
    """
    from sklearn.datasets import make_friedman1

    x, y = make_friedman1(rows, noise=1.0, random_state=7)
    return tabular.prepare(x, y, seed=seed)


def breast_cancer(seed: int = 0) -> Data:
    """569 tumours in two classes by thirty measurements (``sklearn.datasets.load_breast_cancer``).

    Example:
        >>> breast_cancer().outputs
        2
    """
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    return tabular.prepare(x, y, seed=seed)


DATASETS: dict[str, tuple[str, Callable[..., Data]]] = {
    "digits": ("image", digits),
    "docstrings": ("text", docstrings),
    "ratings": ("recommend", ratings),
    "friedman": ("tabular", friedman),
    "breast_cancer": ("tabular", breast_cancer),
}
"""By name: the recipe they are for, and what makes them."""
