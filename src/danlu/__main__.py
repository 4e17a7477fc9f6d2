"""``python -m danlu`` is the command ``danlu``."""

from .cli.main import main

main()
