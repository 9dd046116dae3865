"""Entry point of ``python -m sr_runtime``: the same command line as ``sr-runtime``."""

from __future__ import annotations

from sr_runtime.cli import main

if __name__ == "__main__":
    main()
