"""Sentences of analyses in every language: the same keys, the same values, and each is used."""

import re
from pathlib import Path
from string import Formatter

import pytest

import danlu
from danlu import Float
from danlu.analysis import chinese, english
from danlu.analysis.diagnosis import diagnose_study
from danlu.analysis.findings import findings
from danlu.analysis.importance import importance
from danlu.analysis.phrases import Phrase, spoken
from danlu.errors import SettingError

ROOM = Path(english.__file__).parent
LANGUAGES = {"english": english.SENTENCES, "chinese": chinese.SENTENCES}


def holes(sentence):
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def test_every_sentence_is_there_in_every_language_with_the_same_values():
    ours, theirs = english.SENTENCES, chinese.SENTENCES
    assert {key for key in ours if key[0] != "@"} == {key for key in theirs if key[0] != "@"}
    for key, sentence in ours.items():
        assert holes(sentence) == holes(theirs[key]), key
    for key, sentence in theirs.items():
        assert re.search(r"[\u4e00-\u9fff]", sentence), key
        assert key[0] == "@" or sentence.endswith("。"), key


def test_every_sentence_is_said_somewhere():
    """By its key, or by a key that is put together: ``advice.{trouble}``, ``edge.{side}``."""
    code = "".join(
        path.read_text(encoding="utf-8") for path in ROOM.glob("*.py") if path.stem not in LANGUAGES
    )
    made = [
        re.sub(r"\\\{[^}]*\\\}", r"[\\w.]+", re.escape(key))
        for key in re.findall(r'f"([@\w.{}]+\.[\w.{}]*)"', code)
    ]
    causes = {f"@{each.value}" for each in danlu.journal.events.Cause} | {"@failed"}
    for key in set(english.SENTENCES) | set(chinese.SENTENCES):
        assert f'"{key}"' in code or key in causes or any(re.fullmatch(each, key) for each in made), key


def failing(trial):
    if trial["x"] > 0.5:
        raise ValueError(f"no file {trial['x']}")
    for step in range(1, 8):
        trial.report(step, loss=trial["x"] + 1 / step)


@pytest.fixture(scope="module")
def study():
    return danlu.tune(
        failing,
        {"x": Float(0, 1)},
        minimize="loss",
        trials=20,
        sampler="quasirandom",
        scheduler="none",
        seed=0,
    )


def test_what_is_found_is_said_in_chinese_with_the_same_figures(study):
    told = [*findings(study.history), *diagnose_study(study.history, 2), importance(study.history)]
    assert any(getattr(each, "kind", "") == "failing" for each in told)
    for each in told:
        other = spoken(each, "zh")
        assert spoken(other, "en") == each
        for name in each.phrases:
            one, two = getattr(each, name), getattr(other, name)
            assert not re.search(r"[\u4e00-\u9fff]", one)
            assert not one or re.search(r"[\u4e00-\u9fff]", two)
            values = [
                value for phrase in each.phrases[name] for value in phrase.values.values() if value in one
            ]
            assert all(value in two for value in values if value in str(two) or not value.startswith("@"))


def test_a_language_that_is_not_there_is_refused():
    with pytest.raises(SettingError, match="en, zh, not in 'fr'"):
        Phrase("few.reason").said("fr")


def test_one_is_not_many():
    one = {"trials": "1", "parameters": "1", "wanted": "10"}
    assert str(Phrase("few.text", one)) == "1 trial has a result, and the space has 1 parameter."
    assert str(Phrase("few.text", one | {"trials": "3"})).startswith("3 trials have")


def test_the_page_gets_both_languages(study):
    from danlu.dashboard.views import detail, insight

    found = insight(study.history, {})
    for name in ("findings", "troubles"):
        assert found["zh"][name] == [spoken(each, "zh") for each in found[name]]
    assert found["zh"]["importance"] == spoken(found["importance"], "zh").notice
    assert found["findings"]
    one = detail(study.history, study.best.number)
    assert one["zh"]["trouble"] == spoken(one["trouble"], "zh")
    few = insight(study.history, {"trial": "0..2"})
    assert few["findings"]
