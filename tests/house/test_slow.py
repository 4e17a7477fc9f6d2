"""The list of what is left to ``make fault`` because it takes long names tests that there are."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LISTED = (ROOT / "tests/slow.txt").read_text("utf-8").splitlines()


def test_each_is_a_test_and_named_once():
    gone = []
    for each in LISTED:
        file, _, name = each.partition("::")
        words = name.partition("[")[0].split("::")
        source = path.read_text("utf-8") if (path := ROOT / file).is_file() else ""
        if not re.search(
            rf"^(def {re.escape(words[0])}\(|(class )?{re.escape(words[0])}\b)", source, re.MULTILINE
        ):
            gone.append(each)
    assert gone == []
    assert sorted(set(LISTED)) == LISTED


def test_it_is_a_small_part_and_no_room_is_left_to_it_alone():
    tests = {
        path: path.read_text("utf-8").count("\ndef test_") for path in (ROOT / "tests").rglob("test_*.py")
    }
    assert len({each.partition("[")[0] for each in LISTED}) < sum(tests.values()) / 6
    for path, count in tests.items():
        slow = {
            each.partition("[")[0]
            for each in LISTED
            if each.startswith(f"{path.relative_to(ROOT).as_posix()}::")
        }
        assert len(slow) < max(count, 2), path
