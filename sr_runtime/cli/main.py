"""Assemble the ``sr-runtime`` command from its verbs and turn known errors into one plain message.

A verb is a module of this package with ``register(app: typer.Typer) -> None``. Heavy imports (numpy is
fine; onnxruntime, torch, av, vizdoom are not) belong inside the verb's function, so that ``--help`` is quick.
"""

from __future__ import annotations

import importlib
import logging
import sys
from typing import Annotated

import typer
from rich.console import Console

from sr_runtime.errors import SoundReactorError

VERBS = (
    "demo",
    "serve",
    "render",
    "record",
    "train",
    "export",
    "evaluate",
    "bench",
    "devices",
    "doctor",
    "replay",
)


def build_app() -> typer.Typer:
    """Return the whole command tree."""
    app = typer.Typer(
        name="sr-runtime",
        help="Generate a game's sound from its frames, live.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )

    @app.callback()
    def options(
        debug: Annotated[bool, typer.Option(help="Show tracebacks and debug logs.")] = False,
    ) -> None:
        """Generate a game's sound from its frames, live."""
        logging.basicConfig(
            level=logging.DEBUG if debug else logging.WARNING,
            format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        )
        # Its font search alone would bury everything else that --debug is asked for.
        logging.getLogger("matplotlib").setLevel(logging.WARNING)

    for verb in VERBS:
        importlib.import_module(f"sr_runtime.cli.{verb}").register(app)
    return app


def main() -> None:
    """Run the command line; known errors end with exit code 1 and one message."""
    try:
        build_app()()
    except SoundReactorError as error:
        if "--debug" in sys.argv:
            raise
        Console(stderr=True).print(f"[bold red]error:[/] {error}", highlight=False)
        sys.exit(1)
