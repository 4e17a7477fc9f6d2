"""``python -m danlu.cli`` is ``danlu``."""

from .main import main

if __name__ == "__main__":
    main()
