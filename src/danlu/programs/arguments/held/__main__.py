"""Runs a program until it parses its arguments, says what they are, and tries command lines on its parser; and no further.

This folder is run as it is by the program's own Python: ``python held JSON``, where JSON holds the target, whether it is a module, its
fixed arguments, whether it parses in stages, and two pipes. The first answer is the list of flags; each further question is a
command line, each answer its values or the parser's complaint.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any

NAME = "danlu_held"
HOOKS = {
    "click": "clicks", "absl": "absls", "fire": "signatures", "tyro": "signatures", "jsonargparse": "jsonargparses", "hydra": "hydras",
}  # fmt: skip


def part(name: str) -> Any:
    """A module of this folder, under a name that no program has."""
    if NAME not in sys.modules:
        here = Path(__file__).parent
        spec = importlib.util.spec_from_file_location(
            NAME, here / "__init__.py", submodule_search_locations=[str(here)]
        )
        assert spec is not None
        assert spec.loader is not None
        sys.modules[NAME] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[NAME])
    return importlib.import_module(f"{NAME}.{name}")


def main() -> None:
    told = json.loads(sys.argv[1])
    target = told["target"]
    sys.path.pop(0)  # this folder
    sys.path.insert(0, os.getcwd() if told["module"] else str(Path(target).absolute().parent))
    reader = part("reader").Reader(told)
    for name in dict.fromkeys(["argparses", *(HOOKS[each] for each in told["libraries"] if each in HOOKS)]):
        part(name).hook(reader)
    sys.argv = [target, *reader.fixed]
    sys.dont_write_bytecode = True
    sys.addaudithook(reader.watch)
    try:
        if told["module"]:
            runpy.run_module(target, run_name="__main__", alter_sys=True)
        else:
            runpy.run_path(target, run_name="__main__")
    except BaseException as error:  # whatever the program leaves with is told
        if isinstance(error, SystemExit) and error.code in {0, None}:
            reader.refuse("it ended without reading arguments")
        reader.refuse(f"it ended with {type(error).__name__}: {error}")
    reader.refuse("it ran to its end without reading arguments")


if __name__ == "__main__":
    main()
