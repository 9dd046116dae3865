"""Two runs of OpenArena: bots play and are recorded as a demo; a demo is shown and written as a video.

Called by the recorder. Playing shows nothing and runs as fast as the machine can; showing makes a picture and
1600 samples of sound, again and again, however long each takes::

    play     bots, fixed steps of 33 ms, no picture    → demo file (0.2 MB a minute)
    show     demo, 30 pictures a second, 320 × 240      → AVI: MJPEG and 48 kHz stereo; what it printed

A picture is written one step late: the AVI's picture k+1 and samples [1600 k, 1600 (k+1)) belong together.
The AVI gives them the times (k+1)/30 s and k/30 s, so the end-of-hop rule, as for any video, pairs them.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from sr_runtime.data.openarena import GAME_FOLDER, SCREEN_SIZE, Settings, last_lines, run_game
from sr_runtime.data.openarena_log import MARK, events_by_hop, map_shown
from sr_runtime.data.openarena_take import DEMO_SUFFIX, TAKE_SECONDS, Take, bots_of
from sr_runtime.data.splits import OPENARENA, check_recordable
from sr_runtime.errors import DataError
from sr_runtime.types import HOP_HZ, SAMPLE_RATE


class Showing(NamedTuple):
    """A demo written as a video, and what the game printed meanwhile."""

    avi: Path
    log: str


BOTS = (
    *("Angelyss", "Arachna", "Assassin", "Ayumi", "Beret", "Gargoyle", "Grism", "Grunt"),
    *("Kyonshi", "Liz", "Major", "Merman", "Murielle", "Neko", "Penguin", "Rai", "Sarge"),
    *("Sergei", "Skelebot", "Sorceress", "Tanisha", "Tony"),
)
PLAYER = 1
"""Number of the bot through whose eyes is seen: the first one added; 0 is the onlooker who records."""
STEP_MS = 33
"""Game time between two snapshots of a demo: the whole milliseconds of a 30th of a second."""
LEAD_S = 6
"""Played but not recorded: the bots enter and arm themselves."""
MARGIN_S = 3
"""Recorded beyond the last clip, so that the demo does not end in it."""
VOLUME = 0.3
"""Of the mix, which the game cuts off at full scale."""
SHOW_MAX_FPS = 45
"""At most 1.5 × real time: the game drops a sound that the same thing began less than 50 ms of *real* time
ago, so that a machine gun (100 ms) would lose shots if it were shown faster."""
VOICES = (
    *("1_frag", "2_frags", "3_frags", "frags", "1_minute", "5_minute", "sudden_death", "prepare", "fight"),
    *("one", "two", "three", "takenlead", "tiedlead", "lostlead", "humiliation", "gauntlet", "denied"),
    *("excellent", "excellent_a", "impressive", "impressive_a", "accuracy", "perfect", "assist", "defense"),
    "voc_holyshit",
)
"""An announcer's words, made silent: no picture can tell them."""

WAITS_PER_FRAME = 2
"""The engine looks at its commands twice a frame, and ``wait`` counts looks."""
START_LIMIT_S = 600.0
SLOWEST = 20.0
"""Seconds per second of play, after the start, at which a run counts as hung. With ten others at each core,
start and 10 s of play took 312 s."""

_SETTINGS: Settings = {
    "com_introplayed": 1,
    "com_hunkmegs": 256,
    "cl_renderer": "opengl1",
    "r_fullscreen": 0,
    "r_mode": -1,
    "r_customwidth": SCREEN_SIZE[0],
    "r_customheight": SCREEN_SIZE[1],
    "s_useOpenAL": 0,
    "s_sdlSpeed": SAMPLE_RATE,
    "s_musicvolume": 0,
    "net_enabled": 0,
    "sv_pure": 0,
}

_PLAY_SETTINGS: Settings = {
    **_SETTINGS,
    "com_maxfps": 0,
    "sv_fps": HOP_HZ,
    "sv_maxclients": 8,
    "bot_nochat": 1,
    "fraglimit": 0,
    "timelimit": 0,
}

_SHOW_SETTINGS: Settings = {
    **_SETTINGS,
    "com_maxfps": SHOW_MAX_FPS,
    "s_volume": VOLUME,
    # Without these two the sound is up to 60 ms from its picture, and drifts.
    "s_mixahead": 0,
    "s_mixPreStep": 0,
    "cl_aviFrameRate": HOP_HZ,
    "cl_aviMotionJpeg": 1,
    "r_aviMotionJpegQuality": 95,
    # Printed, but not on the picture, which must not show the names of its own sounds.
    "cg_stats": 1,
    "cg_debugEvents": 1,
    "cl_noprint": 1,
    "con_notifytime": -1,
    "cg_draw2D": 0,
    "nextdemo": "quit",
}


def play(take: Take, demo: Path) -> None:
    """Let bots play the take's map, and write it as a demo file.

    Raises:
        HeldOutError: the map may not be recorded for the take's split; nothing is started.
        DataError: the game failed; no file is left.
        MissingDependency: the game is not installed.
    """
    check_recordable(OPENARENA, take.map, take.split)
    with tempfile.TemporaryDirectory(prefix="sr-openarena-") as folder:
        log = run_game(Path(folder), _PLAY_SETTINGS, play_commands(take), _limit_s(TAKE_SECONDS))
        written = Path(folder) / GAME_FOLDER / "demos" / f"{take.name}{DEMO_SUFFIX}"
        if not written.exists():
            raise DataError(f"OpenArena wrote no demo of {take.map}. {last_lines(log)}")
        demo.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(written, demo.with_suffix(".unfinished"))
        demo.with_suffix(".unfinished").rename(demo)


@contextmanager
def shown(take: Take, demo: Path, hops: int) -> Iterator[Showing]:
    """Show a demo's first ``hops`` hops and yield the video; it is deleted at the end of the block.

    Raises:
        HeldOutError: the demo was played on a map that may not be recorded for the take's split.
        DataError: the game failed, the demo is shorter, or it is of another map than its name says.
        MissingDependency: the game is not installed.
    """
    check_recordable(OPENARENA, take.map, take.split)
    with tempfile.TemporaryDirectory(prefix="sr-openarena-") as folder:
        game_folder = Path(folder) / GAME_FOLDER
        (game_folder / "demos").mkdir(parents=True)
        shutil.copyfile(demo, game_folder / "demos" / f"{take.name}{DEMO_SUFFIX}")
        _silence_announcer(game_folder)
        commands = show_commands(take.name, hops)
        log = run_game(Path(folder), _SHOW_SETTINGS, commands, _limit_s(hops / HOP_HZ))
        _check_shown(take, demo, log, hops)
        yield Showing(game_folder / "videos" / f"{take.name}.avi", log)


def _check_shown(take: Take, demo: Path, log: str, hops: int) -> None:
    name, there = map_shown(log), len(events_by_hop(log))
    if name is None:
        raise DataError(f"OpenArena cannot show {demo}: it is no demo, or damaged. {last_lines(log)}")
    check_recordable(OPENARENA, name, take.split)
    if name != take.map:
        raise DataError(f"{demo} was played on {name}, its name says {take.map}: rename or delete it.")
    if there < hops:
        raise DataError(
            f"{demo} holds {there / HOP_HZ:.1f} s, expected {hops / HOP_HZ:.1f} s: delete it to play it anew."
        )


def play_commands(take: Take) -> list[str]:
    """Return the console commands that play and record a take."""
    return [
        f"devmap {take.map}",
        f"set fixedtime {STEP_MS}",
        "set r_norefresh 1",
        _wait(1),
        "team spectator",
        *(f"addbot {name} {skill} free 0" for name, skill in bots_of(take, BOTS)),
        _wait(LEAD_S / 2),
        f"follow {PLAYER}",
        _wait(LEAD_S / 2),
        f"record {take.name}",
        _wait(TAKE_SECONDS + MARGIN_S),
        "stoprecord",
        "quit",
    ]


def show_commands(name: str, hops: int) -> list[str]:
    """Return the console commands that write the first ``hops`` hops of a demo as a video."""
    return [
        # Without it, how much of the demo passes before the video starts would depend on the machine's speed.
        f"set fixedtime {STEP_MS}",
        f"demo {name}",
        "wait 10",
        "configstrings",
        f"echo {MARK}",
        f"video {name}",
        # One picture more than hops, since the AVI's first one is left out.
        f"wait {WAITS_PER_FRAME * (hops + 3)}",
        "stopvideo",
        "quit",
    ]


def _silence_announcer(game_folder: Path) -> None:
    """Put silent files where the game looks before it opens its own archives."""
    folder = game_folder / "sound" / "feedback"
    folder.mkdir(parents=True)
    for name in VOICES:
        soundfile.write(folder / f"{name}.wav", np.zeros(2205, np.int16), 22_050, subtype="PCM_16")


def _limit_s(seconds: float) -> float:
    return START_LIMIT_S + SLOWEST * seconds


def _wait(seconds: float) -> str:
    return f"wait {round(seconds * 1000 / STEP_MS) * WAITS_PER_FRAME}"
