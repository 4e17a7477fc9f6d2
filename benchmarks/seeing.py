"""Writes what was measured of the page and of the analyses into docs/seeing.md, from the results in this folder.

python benchmarks/page.py && python benchmarks/deep/curves.py && python benchmarks/deep/curves.py --split examination
python benchmarks/seeing.py
"""

import json
import re
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs/seeing.md"


def page():
    """The table of the page's times."""
    found = json.loads((HERE / "results/page.json").read_text("utf-8"))
    rows = [
        ("first paint, the journal being read already", f"{found['first_paint']:.2f} s", "2 s"),
        ("all panels drawn", f"{found['panels']:.2f} s", ""),
        (
            "first paint while the server still reads the journal",
            f"{found['while_reading']['first_paint']:.2f} s",
            "",
        ),
        (
            "a filter, until all panels show it: median (worst of twelve)",
            f"{found['filter']['median']:.2f} s ({found['filter']['worst']:.2f} s)",
            "0.3 s",
        ),
        ("reading the whole journal, shown meanwhile", f"{found['read_seconds']:.0f} s", ""),
        ("the server's memory", f"{found['server_mib']} MiB", ""),
        (
            "trials a second of a running study with the page open, of those without",
            f"{found['running_study']['share']:.0%}",
            "no less",
        ),
    ]
    head = f"A study of {found['trials']:,} trials with {found['events']:,} events, in headless Chromium on two shared cores (`benchmarks/page.py`):\n\n"
    return (
        head
        + "| | measured | asked |\n|---|---|---|\n"
        + "\n".join(f"| {what} | {got} | {asked} |" for what, got, asked in rows)
    )


def curves():
    """How often the rules on curves were right, and what they took for what."""
    parts = []
    for split in ("development", "examination"):
        rows = json.loads((HERE / f"deep/results/curves-{split}.json").read_text("utf-8"))
        right = sum(row["made"] == row["found"] for row in rows)
        wrong = Counter((row["made"], row["found"]) for row in rows if row["made"] != row["found"])
        told = ", ".join(f"{made} as {found} {count}" for (made, found), count in wrong.most_common())
        parts.append(f"{right} of {len(rows)} on the {split} split ({told})")
    return (
        "Rules on curves alone, on real trainings that were made to go wrong in each way (`benchmarks/deep/curves.py`; the rules were "
        "written looking at the development split): " + "; ".join(parts) + "."
    )


def main():
    text = PAGE.read_text("utf-8")
    block = f"<!-- measured: benchmarks/seeing.py -->\n{page()}\n\n{curves()}\n<!-- end -->"
    PAGE.write_text(re.sub(r"<!-- measured.*?<!-- end -->", lambda _: block, text, flags=re.DOTALL), "utf-8")


if __name__ == "__main__":
    main()
