"""Where the tests and the project are."""

from pathlib import Path

TESTS = Path(__file__).parent
ROOT = TESTS.parent
FOLDERS = [str(TESTS), *sorted({str(path.parent) for path in TESTS.glob("*/test_*.py")})]
"""What a program needs on its path to import what tests share, and a test itself."""
