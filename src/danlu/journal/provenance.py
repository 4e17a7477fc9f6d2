"""What was run: the code, the files, versions, the machine; and what differs between one run of a study and the next.

A study that is resumed with other code mixes the results of two programs. So every session writes into the journal
what it runs, and compares it with what ran before. Code is kept as hashes of its syntax (comments and layout do not count) and
as text, for the difference to be shown.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

SHOWN = 24
"""Lines of a difference that are shown."""


class Provenance(msgspec.Struct, frozen=True, gc=False):
    """What one session of a study runs.

    Attributes:
        objective: how it is named.
        parts: what the objective is made of: functions and classes it refers to by their hashes, plain values as
            ``= value``. Hashes of bytecode begin with the Python that made it, and say nothing about another's.
        files: the user's own files that are loaded, by the hashes of their syntax.
        sources: the text of the parts, up to 64 KiB in all; left out where an earlier session has the same.
        command: the command line, secrets masked.
        folder: the working folder.
        git: the commit, with ``+`` where files differ from it; '' outside a repository.
        versions: of danlu, Python and the libraries that are loaded.
        machine: its name, platform, processors and, where CUDA is in use, GPUs.
        data: hashes of data that danlu itself has loaded.
    """

    objective: str = ""
    parts: dict[str, str] = {}
    files: dict[str, str] = {}
    sources: dict[str, str] = {}
    command: tuple[str, ...] = ()
    folder: str = ""
    git: str = ""
    versions: dict[str, str] = {}
    machine: dict[str, str] = {}
    data: dict[str, str] = {}

    @property
    def code(self) -> str:
        """Eight digits that stand for the code and the data; '' when nothing is known of either."""
        known = sorted(
            {**self.parts, **{f"data {name}": digest for name, digest in self.data.items()}}.items()
        )
        return digest_of(repr(known))[:8] if known else ""


class Change(msgspec.Struct, frozen=True):
    """What differs between two sessions.

    Attributes:
        code: parts of the objective or data that changed, a phrase each; these make results of another program.
        near: files that changed although nothing that the objective refers to did.
        versions: of libraries and Python, where they differ.
        diff: the lines of the code that differ, at most ``SHOWN``.
    """

    code: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    diff: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.code or self.near or self.versions)


def compare(old: Provenance, new: Provenance, sources: Mapping[str, str] | None = None) -> Change:
    """What changed from one session to another; ``sources`` are the old one's texts where an earlier session keeps them.

    Example:
        >>> old = Provenance(parts={"train": "aa11", "EPOCHS": "= 5"})
        >>> compare(old, Provenance(parts={"train": "aa11", "EPOCHS": "= 9"})).code
        ('EPOCHS was 5, is 9',)
    """
    texts = old.sources or sources or {}
    code = [*_changed(old.parts, new.parts), *_changed(_named(old.data), _named(new.data))]
    files = [name for name in old.files if new.files.get(name, old.files[name]) != old.files[name]]
    near = (
        [] if code else [f"{name} changed, but nothing in it that the objective refers to" for name in files]
    )
    versions = [
        f"{name} was {version}, is {new.versions[name]}"
        for name, version in old.versions.items()
        if new.versions.get(name, version) != version
    ]
    return Change(
        tuple(code), tuple(near), tuple(versions), tuple(_diff(texts, new.sources, old.parts, new.parts))
    )


def digest_of(text: str) -> str:
    """Sixteen hexadecimal digits that stand for a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def masked(command: Iterable[str]) -> tuple[str, ...]:
    """A command line without what may be secret: passwords in URLs, tokens, keys.

    Example:
        >>> masked(["run", "--store", "postgresql://me:pw@host/db", "--api-key", "abc", "--token=xyz", "--lr=1"])
        ('run', '--store', 'postgresql://me:***@host/db', '--api-key', '***', '--token=***', '--lr=1')
    """
    found: list[str] = []
    hide = False
    for word in command:
        plain = re.sub(r"(://[^/\s:@]*):[^/\s@]*@", r"\1:***@", word)
        plain = re.sub(rf"(?i)([?&;]?[\w.-]*(?:{_PRIVATE})[\w.-]*=).+", r"\1***", plain)
        plain = re.sub(r"\b(hf_|sk-|ghp_|gho_|github_pat_|glpat-|xox[bp]-|AKIA)[\w-]{8,}", r"\1***", plain)
        found.append("***" if hide and not word.startswith("-") else plain)
        hide = bool(re.fullmatch(rf"(?i)--?[\w.-]*(?:{_PRIVATE})[\w.-]*", word))
    return tuple(found)


_PRIVATE = "passw(?:or)?d|passphrase|secret|token|credential|auth|(?:api|access|private)[-_.]?key"
"""Words in the names of options whose values nobody else should read."""


def _named(data: Mapping[str, str]) -> dict[str, str]:
    return {f"the data {name}": digest for name, digest in data.items()}


def _changed(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    phrases = []
    for name in dict.fromkeys((*old, *new)):
        was, now = old.get(name), new.get(name)
        if was == now or _silent(was, now):
            continue
        if was is None:
            phrases.append(f"{name} is new")
        elif now is None:
            phrases.append(f"{name} is gone")
        elif was.startswith("= ") and now.startswith("= "):
            phrases.append(f"{name} was {was[2:]}, is {now[2:]}")
        else:
            phrases.append(f"{name} changed")
    return phrases


def _silent(was: str | None, now: str | None) -> bool:
    """Whether two hashes say nothing about each other: bytecode of two Pythons."""
    one, other = (
        str(each).partition(":")[0] if each and ":" in each and not each.startswith("=") else ""
        for each in (was, now)
    )
    return bool(one or other) and one != other and was is not None and now is not None


def _diff(
    old: Mapping[str, str], new: Mapping[str, str], before: Mapping[str, str], after: Mapping[str, str]
) -> Sequence[str]:
    lines: list[str] = []
    for name in dict.fromkeys((*old, *new)):
        if before.get(name) == after.get(name) or not (name in old and name in new):
            continue
        texts = (old[name].splitlines(), new[name].splitlines())
        lines += [
            line
            for line in difflib.unified_diff(*texts, lineterm="", n=1)
            if not line.startswith(("---", "+++"))
        ]
    return lines if len(lines) <= SHOWN else [*lines[:SHOWN], f"... {len(lines) - SHOWN} lines more"]
