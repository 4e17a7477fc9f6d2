"""Where the smaller measurements leave their tables for the report."""

import json

import stats


def keep(name, title, lines):
    """Print a table, and keep it in results/NAME.json."""
    print("\n".join([title, "", *lines]))
    path = stats.HERE / "results" / f"{name}.json"
    path.write_text(json.dumps({"title": title, "lines": lines}, indent=1, ensure_ascii=False) + "\n")
