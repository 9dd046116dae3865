"""Start ViZDoom with the settings that recordings need: picture, sound, buttons and variables.

Called by :mod:`sr_runtime.data.vizdoom`. The only importer of the vizdoom package.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from sr_runtime.data.agent import Action, Kind
from sr_runtime.errors import DataError, MissingDependency

SFX_VOLUME = 0.4
"""Below the game's limiter, so that sounds add up (at 1.0 the mix is not linear)."""
STEM_SFX_VOLUME = 0.3
"""With it, stems sum to the mix at 57 dB and better."""

SKILL = 4
_BUTTONS = (
    "ATTACK", "USE", "SPEED", "MOVE_FORWARD", "MOVE_BACKWARD", "MOVE_LEFT", "MOVE_RIGHT",
    "TURN_LEFT_RIGHT_DELTA", *(f"SELECT_WEAPON{n}" for n in range(1, 8)),
)  # fmt: skip
_VARIABLES = (
    "POSITION_X", "POSITION_Y", "POSITION_Z", "ANGLE", "HEALTH", "ARMOR", "KILLCOUNT", "ITEMCOUNT",
    "SECRETCOUNT", "SELECTED_WEAPON", "SELECTED_WEAPON_AMMO", "HITCOUNT", "DAMAGE_TAKEN",
    "AMMO2", "AMMO3", "AMMO5", "AMMO6",
)  # fmt: skip
_EQUIPMENT = ("give weapons", "give backpack", "give ammo", "give keys", "give health")

Variables = dict[str, float]
"""The game's variables by name, at one tic."""


@dataclass(frozen=True)
class TakeSpec:
    """Everything that decides a take: the same spec gives the same pictures, sound and events.

    Attributes:
        wad: game data or scenario, a file name of the vizdoom package without suffix.
        map: lump name such as ``MAP05`` or ``E1M3``.
        kind: how it is played.
        seed: of the game and of the agent.
        sound_wad: a sound-replacing PWAD for ground truth passes.
        sfx_volume: the game's ``snd_sfxvolume``.
        log_doors: whether the events tell doors and lifts, which takes most of the time on large maps (300
            tics of MAP25: 1.4 s instead of 0.1 s); the game stays the same.
    """

    wad: str
    map: str
    kind: Kind
    seed: int
    sound_wad: Path | None = None
    sfx_volume: float = SFX_VOLUME
    log_doors: bool = True


def load_vizdoom() -> ModuleType:
    """Return the vizdoom module.

    Raises:
        MissingDependency: it, or OpenAL which it needs, is not installed.
    """
    try:
        import vizdoom
    except ImportError as error:
        raise MissingDependency(
            f"ViZDoom cannot be loaded ({error}). Install it: pip install 'sr-runtime[games]', "
            "and on Debian: apt-get install libopenal1."
        ) from error
    module: ModuleType = vizdoom
    return module


def scenario_path(wad: str) -> Path | None:
    """Return the file of a ViZDoom scenario, or None if ``wad`` is game data."""
    path = _package_folder() / "scenarios" / f"{wad}.wad"
    return path if path.exists() else None


def game_data(wad: str) -> Path:
    """Return the game data file that holds the sounds of ``wad`` (Freedoom 2 for scenarios).

    Raises:
        DataError: there is no such game data or scenario in the vizdoom package.
    """
    folder = _package_folder()
    path = folder / ("freedoom2.wad" if scenario_path(wad) else f"{wad}.wad")
    if not path.exists():
        raise DataError(f"no game data {wad!r} in {folder}: expected freedoom1, freedoom2 or a scenario.")
    return path


def start_game(spec: TakeSpec, folder: Path) -> Any:
    """Start a game and return the ``DoomGame``.

    Args:
        spec: what is played.
        folder: for the configuration file; a fresh one per game, since ViZDoom remembers settings in it.
    """
    vzd = load_vizdoom()
    game = vzd.DoomGame()
    game.set_doom_config_path(str(folder / "vizdoom.ini"))
    game.set_doom_game_path(str(game_data(spec.wad)))
    scenario = scenario_path(spec.wad)
    if scenario is not None:
        game.set_doom_scenario_path(str(scenario))
    game.set_doom_map(spec.map)
    game.set_doom_skill(SKILL)
    game.set_seed(spec.seed % (1 << 31))
    game.set_mode(vzd.Mode.PLAYER)
    game.set_episode_timeout(0)
    _set_senses(game, vzd)
    game.set_sectors_info_enabled(spec.log_doors)
    game.add_game_args(" ".join(_arguments(spec)))
    game.init()
    return game


def _set_senses(game: Any, vzd: ModuleType) -> None:
    game.set_window_visible(False)
    game.set_screen_resolution(vzd.ScreenResolution.RES_320X240)
    game.set_screen_format(vzd.ScreenFormat.RGB24)
    game.set_render_hud(True)
    game.set_render_screen_flashes(True)
    game.set_labels_buffer_enabled(True)
    game.set_audio_buffer_enabled(True)
    game.set_audio_sampling_rate(vzd.SamplingRate.SR_44100)
    game.set_audio_buffer_size(1)
    game.set_available_buttons([getattr(vzd.Button, name) for name in _BUTTONS])
    game.set_available_game_variables([getattr(vzd.GameVariable, name) for name in _VARIABLES])


def _arguments(spec: TakeSpec) -> list[str]:
    # OpenAL 1.19.1 aborts with the reverb extension; cheat messages must not appear on the picture.
    arguments = ["+snd_efx 0", f"+snd_sfxvolume {spec.sfx_volume}", "+con_notifytime 0"]
    if spec.kind in ("sparse", "quiet"):
        arguments.append("-nomonsters")
    if spec.sound_wad is not None:
        arguments.append(f"-file {spec.sound_wad}")
    return arguments


def equip(game: Any, seed: int) -> None:
    """Give the player all weapons, keys and a long life.

    Two takes in three are played invulnerable; in the third one pain is heard, and turns the picture red.
    """
    for command in ("god" if seed % 3 else "buddha", *_EQUIPMENT):
        game.send_game_command(command)


def button_values(action: Action) -> list[float]:
    """Return what :meth:`DoomGame.make_action` takes, in the order of the buttons."""
    moves = (action.forward, action.backward, action.strafe < 0, action.strafe > 0)
    flags = (action.attack, action.use, True, *moves)
    weapons = (action.weapon == n for n in range(1, 8))
    return [*(float(f) for f in flags), action.turn, *(float(w) for w in weapons)]


def variables(state: Any) -> Variables:
    """Return the game's variables of a state by name."""
    return dict(zip(_VARIABLES, (float(v) for v in state.game_variables), strict=True))


def _package_folder() -> Path:
    return Path(load_vizdoom().__file__ or "").parent
