"""What an installation asks for: ranges for others, exact versions for this project's own environment."""

import re
import tomllib

from places import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
EXTRAS = {name: lines for name, lines in PROJECT["optional-dependencies"].items() if name != "dev"}


def name(line):
    return re.match(r"[A-Za-z0-9._-]+", line)[0].lower().replace("_", "-")


def test_nobody_with_another_version_is_kept_from_installing():
    asked = [
        *PROJECT["dependencies"],
        *(line for lines in PROJECT["optional-dependencies"].values() for line in lines),
    ]
    assert [line for line in asked if re.search(r"==|~=|===", line)] == []
    users = [*PROJECT["dependencies"], *(line for lines in EXTRAS.values() for line in lines)]
    assert [line for line in users if "<" in line] == []  # no upper bounds either


def test_the_projects_own_environment_is_exact():
    pinned = {}
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        package, _, version = line.partition("==")
        assert version, line
        pinned[name(package)] = version
    for line in [
        *PROJECT["dependencies"],
        *(line for lines in PROJECT["optional-dependencies"].values() for line in lines),
    ]:
        if not line.startswith("danlu["):
            assert name(line) in pinned, line


def test_the_demo_asks_for_what_it_imports_and_no_more():
    def resolved(extra):
        for line in PROJECT["optional-dependencies"][extra]:
            inner = re.match(r"danlu\[(.+)\]", line)
            yield from (
                (each for part in inner[1].split(",") for each in resolved(part)) if inner else [name(line)]
            )

    assert sorted(set(resolved("demo"))) == ["cloudpickle", "pandas", "pillow", "scikit-learn", "torch"]
    assert "ray" in set(resolved("dev"))
