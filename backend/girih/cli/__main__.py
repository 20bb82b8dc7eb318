"""`python -m girih.cli` is `girih`, also where the program is not on the path."""

from __future__ import annotations

from girih.cli.program import main

if __name__ == "__main__":
    main()
