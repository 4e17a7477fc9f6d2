"""The series of numbers in what a program printed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from ...base.failure import ProgramFailed
from ...errors import ObjectiveError
from ..printed.curve import LinePattern, PrintedCurve
from ..printed.fields import BAR, LineNumbers, LineReader, alike, step_of
from ..printed.output import OutputLine
from ..printed.pattern import GROUPED, PLAIN_NUMBER, SIGN
from ..printed.words import words_of
from ..sources.lines import COUNT, FieldSource, NamedField
from ..sources.spec import source_of
from .series import FEW, MOST_SERIES, NumberSeries, SeriesSink, judged

_NUMBER = re.compile(rf"(?<![\w.]){SIGN}(?:{GROUPED}|{PLAIN_NUMBER})(?![\w])", re.IGNORECASE)
SHORT = 60
"""Characters up to which the whole beginning of a line is taken to tell it from others."""

_COUNTER = re.compile(r"(?i)\b(?:epoch|step|iter|iteration|round)s?\b[ :=#\[(]*$")


class KnownLines:
    """Lines that were read once, as one reads them."""

    def __init__(self, lines: Sequence[OutputLine]) -> None:
        reader = LineReader()
        self.read_lines: dict[str, LineNumbers] = {}
        for line in lines:
            read = reader.read(line.text)
            self.read_lines.setdefault(line.text, read)

    def read(self, line: str) -> LineNumbers:
        """What a line says."""
        return self.read_lines[line]


def printed_series(lines: Sequence[OutputLine]) -> Iterator[NumberSeries]:
    """The series in lines."""
    known = KnownLines(lines)
    names: list[str] = []
    for read in known.read_lines.values():
        names += [name for name in read.values if not any(alike(name, each) for each in names)]
    for name in names[:MOST_SERIES]:
        said = [line for line in lines if any(alike(name, each) for each in known.read(line.text).values)]
        kinds = _kinds(line for line in said if not line.draft)
        if len(kinds) < 2:
            yield from (each._replace(head=_head(said[0].text)) for each in _field(name, lines, said, known))
            continue
        for examples in kinds:
            found = _line(name, examples, lines) or _field(name, lines, said, known)
            yield from (each._replace(head=_head(examples[0])) for each in found)


def _head(line: str) -> str:
    number = _NUMBER.search(line)
    return line[: number.start()] if number is not None else ""


def _field(
    name: str, lines: Sequence[OutputLine], said: Sequence[OutputLine], known: KnownLines
) -> list[NumberSeries]:
    """A series by its name; by another step where the plain one does not rise, or does not tell its values apart."""
    steps = dict.fromkeys(step for line in said for step in known.read(line.text).steps)
    others = sorted((step for step in steps if step != BAR), key=lambda step: step_of({step: 0}) is None)
    best: NumberSeries | None = None
    refused = ""
    for step in ["", *others, *([BAR] if BAR in steps else []), COUNT]:
        source = FieldSource(name, step)
        found = _tried(source.text, [NamedField(source, known)], lines)
        if isinstance(found, str):
            refused = refused or found
        elif best is None or (best.steps == 1 and found.steps > 1):
            best = found
        if best is not None and (best.steps > 1 or len({line.text for line in said}) < FEW):
            break
    if best is None:
        return []
    return [best._replace(doubts=(*best.doubts, refused))] if refused and best.step else [best]


def _line(name: str, examples: Sequence[str], lines: Sequence[OutputLine]) -> list[NumberSeries]:
    """A series by as much of its line as tells it from others of the same name."""
    line = examples[0]
    found = re.search(
        rf"(?i)(?<![\w./@-]){_spaced(name)}[\"']?\s*[:=│]?\s*(?P<value>{_NUMBER.pattern})", line
    )
    if found is None:
        return []
    before = line[: found.start("value")]
    starts = [at.start() for at in re.finditer(r"(?<![\w.])[A-Za-z\[*|#]", before)]
    stepped = (
        _COUNTER.search(before[: max((n.start() for n in _NUMBER.finditer(before)), default=0)]) is not None
    )
    for whole in (True, False) if stepped else (False,):
        for at in [*(start for start in starts[:1] if len(before) - start <= SHORT), *reversed(starts)]:
            spec = _holed(before[at:])
            if whole and "{step}" not in spec:
                continue
            try:
                pattern = source_of(spec).pattern()
            except ObjectiveError:
                continue
            if pattern is None or any(
                pattern.find(other.text) is not None for other in lines if not _same(other.text, line)
            ):
                continue
            told = _tried(spec, [pattern], lines)
            if not isinstance(told, str):
                return [told]
    return []


def _holed(text: str) -> str:
    """The beginning of a line as a pattern: its numbers become holes, the one after a counter the step."""
    spec, at, stepped = "", 0, False
    for number in _NUMBER.finditer(text):
        before = text[at : number.start()]
        is_step = not stepped and _COUNTER.search(text[: number.start()]) is not None
        stepped = stepped or is_step
        spec += before + ("{step}" if is_step else "{*}")
        at = number.end()
    return re.sub(r"\s+", " ", spec + text[at:]) + "{x}"


def _spaced(name: str) -> str:
    return r"[\s_]+".join(re.escape(part) for part in re.split(r"[\s_]+", name) if part)


def _same(one: str, other: str) -> bool:
    return words_of(one) == words_of(other)


def _kinds(lines: Iterable[OutputLine]) -> list[list[str]]:
    """Lines by the words that are in them."""
    kinds: dict[frozenset[str], list[str]] = {}
    for line in lines:
        kinds.setdefault(words_of(line.text), []).append(line.text)
    return list(kinds.values())


def _tried(spec: str, patterns: Sequence[LinePattern], lines: Sequence[OutputLine]) -> NumberSeries | str:
    """The series that a pattern reads in lines; why it reads none."""
    told = SeriesSink()
    curve = PrintedCurve(told, patterns, {})
    try:
        for line in lines:
            curve.read(line)
        curve.close("the program")
    except (ObjectiveError, ProgramFailed) as error:
        return str(error)
    return judged(spec, patterns[0].names[0], "output", told)
