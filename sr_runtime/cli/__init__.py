"""The command line: one file per verb, each thin (parses, calls, prints). Entry point: :func:`main`."""

from sr_runtime.cli.main import main

__all__ = ["main"]
