"""Run OpenArena as a separate program, on a screen of its own that nobody sees, until it ends by itself.

Called by :mod:`sr_runtime.data.openarena_demo`. The game is GPL: the user installs it, it is started and its
output read; nothing of it is linked, imported or shipped. Mesa's software renderer draws its window inside an
Xvfb server that lives as long as the run.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple

from sr_runtime.errors import DataError, MissingDependency

GAME_FOLDER = "baseoa"
"""Where the game keeps its files below its home folder."""
SCREEN_SIZE = (320, 240)
_SCREEN_STARTS_S = 120.0
"""Milliseconds on an idle machine; on an overloaded one at low priority more than 30 s were seen."""
_KILL_AFTER_S = 5
_TIMED_OUT = (124, 137)
"""Exit codes of coreutils' timeout: the limit was reached; and it had to kill."""
_GAMES = "/usr/games"
"""Debian puts games here, which is not on every user's PATH (root's, for one)."""


Settings = Mapping[str, str | int | float]
"""Console variables by name."""


class Programs(NamedTuple):
    """The two programs that a run needs."""

    game: str
    screen: str


def find_programs() -> Programs:
    """Return the paths of OpenArena and Xvfb.

    Raises:
        MissingDependency: one of them is not installed.
    """
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), _GAMES])
    found = {name: shutil.which(name, path=search) for name in ("openarena", "Xvfb")}
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise MissingDependency(
            f"{' and '.join(missing)} cannot be found. Install them; on Debian: "
            "apt-get install --no-install-recommends openarena xvfb (410 MB to download)."
        )
    return Programs(str(found["openarena"]), str(found["Xvfb"]))


def run_game(home: Path, settings: Settings, commands: Sequence[str], limit_s: float) -> str:
    """Run the game with its own settings and commands, and return what it printed.

    Args:
        home: an empty folder, or one with the files that the commands need; the game writes below it.
        settings: console variables, set before picture and sound start.
        commands: console commands, run after the start; the last must lead to ``quit``.
        limit_s: seconds after which the run is ended; the game can hang for ever.

    Raises:
        DataError: the game did not end within the limit, or failed; the message has its last lines.
        MissingDependency: the game or the screen is not installed.
    """
    programs = find_programs()
    folder = home / GAME_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "autoexec.cfg").write_text("".join(f'set {k} "{v}"\n' for k, v in settings.items()))
    (folder / "take.cfg").write_text("".join(f"{command}\n" for command in commands))
    log = home / "console.log"
    with _screen(programs, limit_s) as display, log.open("wb") as out:
        code = _run(game_command(programs, home, limit_s), game_environment(home, display), out)
    text = log.read_text("utf-8", errors="replace")
    if code != 0:
        what = f"did not end within {limit_s:.0f} s" if code in _TIMED_OUT else f"ended with code {code}"
        raise DataError(f"OpenArena {what}. {last_lines(text)}")
    return text


def game_command(programs: Programs, home: Path, limit_s: float) -> list[str]:
    """Return the command line of a run. The engine takes 32 ``+`` commands at most; the rest is in files."""
    return [
        *_limited(limit_s),
        programs.game,
        *("+set", "fs_homepath", str(home)),
        *("+set", "ttycon", "0"),
        *("+exec", "take.cfg"),
    ]


def game_environment(home: Path, display: str) -> dict[str, str]:
    """Return the environment of a run: one core's software rendering, no sound card, no desktop."""
    keep = {name: value for name, value in os.environ.items() if not name.startswith(("WAYLAND", "XDG_"))}
    return keep | {
        "HOME": str(home),
        "DISPLAY": display,
        "SDL_VIDEODRIVER": "x11",
        "SDL_AUDIODRIVER": "dummy",
        "LIBGL_ALWAYS_SOFTWARE": "1",
        "GALLIUM_DRIVER": "llvmpipe",
        "LP_NUM_THREADS": "1",
    }


def last_lines(log: str, count: int = 5) -> str:
    """Return the last printed lines as one, for an error message."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return f"Its last lines: {' | '.join(lines[-count:])}" if lines else "It printed nothing."


def _limited(limit_s: float) -> list[str]:
    """Return the prefix that ends a program even if this process is killed first; Ctrl-C still reaches it."""
    return ["timeout", "--foreground", "-k", str(_KILL_AFTER_S), f"{limit_s:.0f}"]


def _run(command: list[str], environment: dict[str, str], out: IO[bytes]) -> int:
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.STDOUT,
    ) as game:
        try:
            return game.wait()
        except BaseException:
            game.terminate()
            raise


@contextmanager
def _screen(programs: Programs, limit_s: float) -> Iterator[str]:
    """Start an X server that draws into memory, and yield its name such as ``:3``."""
    reading, writing = os.pipe()
    width, height = SCREEN_SIZE
    command = [
        *_limited(limit_s + 2 * _KILL_AFTER_S),
        *(programs.screen, "-displayfd", str(writing), "-nolisten", "tcp"),
        *("-screen", "0", f"{width}x{height}x24"),
    ]
    quiet = subprocess.DEVNULL
    with (
        os.fdopen(reading) as answer,
        subprocess.Popen(command, pass_fds=[writing], stdin=quiet, stdout=quiet, stderr=quiet) as server,
    ):
        os.close(writing)
        try:
            ready, _, _ = select.select([answer], [], [], _SCREEN_STARTS_S)
            number = answer.readline().strip() if ready else ""
            if not number:
                raise DataError(
                    f"{programs.screen} did not start within {_SCREEN_STARTS_S:.0f} s; "
                    "try it by itself: Xvfb -displayfd 1"
                )
            yield f":{number}"
        finally:
            server.terminate()
