"""Play Doom (ViZDoom with the Freedoom game data) and hand out its pictures, true sound and events.

Called by the recorder (in worker processes) and by the demo. One game per process at a time is enough; every
take gets its own configuration file, since ViZDoom remembers settings in it.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from sr_runtime.data.agent import HABITS, Action, Agent, Kind, Observation, Seen
from sr_runtime.data.alignment import TIC_HZ, Hop, Tic, hops_of_tics, tics_for_hops
from sr_runtime.data.navigation import WalkGrid
from sr_runtime.data.splits import check_recordable
from sr_runtime.data.store import Event
from sr_runtime.data.wad import Wad
from sr_runtime.errors import DataError, MissingDependency
from sr_runtime.types import Frame

logger = logging.getLogger(__name__)

LEAD_TICS = 20
"""Played but not recorded: the weapon comes up and the console's cheats take effect."""
SFX_VOLUME = 0.4
"""Below the game's limiter, so that sounds add up (at 1.0 the mix is not linear)."""
STEM_SFX_VOLUME = 0.3
"""With it, stems sum to the mix at 57.7 dB."""
CUT_UNITS = 90.0
"""A move of more than this within a tic is a warp or teleport; running is at most 17 units a tic."""

_BUTTONS = (
    "ATTACK", "USE", "SPEED", "MOVE_FORWARD", "MOVE_BACKWARD", "MOVE_LEFT", "MOVE_RIGHT", "TURN_LEFT_RIGHT_DELTA",
    *(f"SELECT_WEAPON{n}" for n in range(1, 8)),
)  # fmt: skip
_VARIABLES = (
    "POSITION_X", "POSITION_Y", "POSITION_Z", "ANGLE", "HEALTH", "ARMOR", "KILLCOUNT", "ITEMCOUNT", "SECRETCOUNT",
    "SELECTED_WEAPON", "SELECTED_WEAPON_AMMO", "HITCOUNT", "DAMAGE_TAKEN", "AMMO2", "AMMO3", "AMMO5", "AMMO6",
)  # fmt: skip
_GAIN_EVENTS = {"KILLCOUNT": "kill", "ITEMCOUNT": "item", "SECRETCOUNT": "secret", "HITCOUNT": "hit"}
_LEAD_COMMANDS = ("buddha", "give weapons", "give backpack", "give ammo", "give keys", "give health")


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
    """

    wad: str
    map: str
    kind: Kind
    seed: int
    sound_wad: Path | None = None
    sfx_volume: float = SFX_VOLUME


@dataclass
class Take:
    """A running game with the agent playing it. Use as a context manager, then iterate :meth:`tics`.

    Args:
        spec: what is played.
    """

    spec: TakeSpec
    events: list[Event] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Start the game and play its unrecorded lead."""
        self._module = load_vizdoom()
        data = Path(self._module.__file__ or "").parent
        self._folder = tempfile.TemporaryDirectory(prefix="sr-doom-")
        self._scenario = data / "scenarios" / f"{self.spec.wad}.wad"
        self._is_scenario = self._scenario.exists()
        iwad = data / ("freedoom2.wad" if self._is_scenario else f"{self.spec.wad}.wad")
        self._known_actors: set[int] = set()
        self._heights: dict[int, tuple[float, float, int]] = {}
        self._rng = np.random.default_rng(self.spec.seed)
        grid = WalkGrid(Wad(self._scenario if self._is_scenario else iwad).map(self.spec.map))
        self._agent = Agent(HABITS[self.spec.kind], grid, self._rng)
        self._game = self._start_game(iwad)
        self._agent.start()
        self._lead()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the game and remove its temporary files."""
        self._game.close()
        self._folder.cleanup()

    def tics(self, count: int) -> Iterator[Tic]:
        """Play ``count`` tics and yield each one's picture and sound; fills :attr:`events`."""
        before = _variables(self._game.get_state())
        action = Action()
        for tic in range(count):
            if tic % (8 * TIC_HZ) == 7 * TIC_HZ:
                self._game.send_game_command("give ammo")
            restarted = self._advance(action)
            state = self._game.get_state()
            now = _variables(state)
            is_cut = restarted or _distance(now, before) > CUT_UNITS
            self._log(tic, before, now, action, is_cut)
            self._log_doors(tic, state)
            before = now
            action = self._agent.act(self._observe(tic, now, state))
            yield Tic(state.screen_buffer, state.audio_buffer, is_cut)

    def _start_game(self, iwad: Path) -> Any:
        vzd = self._module
        game = vzd.DoomGame()
        game.set_doom_config_path(str(Path(self._folder.name) / "vizdoom.ini"))
        game.set_doom_game_path(str(iwad))
        if self._is_scenario:
            game.set_doom_scenario_path(str(self._scenario))
        game.set_doom_map(self.spec.map)
        game.set_doom_skill(4)
        game.set_seed(self.spec.seed % (1 << 31))
        game.set_mode(vzd.Mode.PLAYER)
        game.set_episode_timeout(0)
        game.set_window_visible(False)
        game.set_screen_resolution(vzd.ScreenResolution.RES_320X240)
        game.set_screen_format(vzd.ScreenFormat.RGB24)
        game.set_render_hud(True)
        game.set_render_screen_flashes(True)
        game.set_labels_buffer_enabled(True)
        game.set_sectors_info_enabled(True)
        game.set_audio_buffer_enabled(True)
        game.set_audio_sampling_rate(vzd.SamplingRate.SR_44100)
        game.set_audio_buffer_size(1)
        game.set_available_buttons([getattr(vzd.Button, name) for name in _BUTTONS])
        game.set_available_game_variables([getattr(vzd.GameVariable, name) for name in _VARIABLES])
        # OpenAL 1.19.1 aborts with the reverb extension; cheat messages must not appear on the picture.
        game.add_game_args(f"+snd_efx 0 +snd_sfxvolume {self.spec.sfx_volume} +con_notifytime 0")
        # A rocket at one's own feet turns the whole picture red for seconds; keep the flash, not the blindness.
        game.add_game_args("+blood_fade_scalar 0.3")
        if self.spec.kind in ("sparse", "quiet"):
            game.add_game_args("-nomonsters")
        if self.spec.sound_wad is not None:
            game.add_game_args(f"-file {self.spec.sound_wad}")
        game.init()
        return game

    def _lead(self) -> None:
        for command in _LEAD_COMMANDS:
            self._game.send_game_command(command)
        for tic in range(LEAD_TICS):
            action = Action(weapon=2 if tic == 1 else 0)
            spots = self._agent.grid.spots if self._agent.grid is not None else []
            if tic == 3 and spots and self._agent.habits.warp_every_s > 0 and not self._is_scenario:
                action.warp = spots[int(self._rng.integers(len(spots)))]
            self._advance(action)

    def _advance(self, action: Action) -> bool:
        """Play one tic; return True if the level had to be started again."""
        game = self._game
        if action.warp is not None and not self._is_scenario:
            game.send_game_command(f"warp {action.warp[0]:.0f} {action.warp[1]:.0f}")
        game.make_action(_button_values(action))
        if not game.is_episode_finished():
            return False
        game.new_episode()
        for command in _LEAD_COMMANDS:
            game.send_game_command(command)
        game.make_action(_button_values(Action(weapon=2)))
        self._known_actors.clear()
        self._heights.clear()
        return True

    def _observe(self, tic: int, now: dict[str, float], state: Any) -> Observation:
        if now["HEALTH"] < 40:
            self._game.send_game_command("give health")
        seen = []
        for label in state.labels:
            if label.object_category in ("Self", "Players") and label.object_name == "DoomPlayer" and (
                abs(label.object_position_x - now["POSITION_X"]) + abs(label.object_position_y - now["POSITION_Y"])
                < 1.0
            ):
                continue
            seen.append(
                Seen(
                    label.object_name,
                    label.object_position_x,
                    label.object_position_y,
                    label.width * label.height,
                )
            )
            if label.object_id not in self._known_actors:
                self._known_actors.add(label.object_id)
                self.events.append(Event(tic / TIC_HZ, "actor", label.object_name))
        return Observation(tic, now["POSITION_X"], now["POSITION_Y"], now["ANGLE"], now["HEALTH"], seen)

    def _log(
        self, tic: int, before: dict[str, float], now: dict[str, float], action: Action, is_cut: bool
    ) -> None:
        time_s = tic / TIC_HZ
        add = self.events.append
        if is_cut:
            add(Event(time_s, "cut"))
        if action.use:
            add(Event(time_s, "use"))
        for variable, kind in _GAIN_EVENTS.items():
            if now[variable] > before[variable]:
                add(Event(time_s, kind, value=now[variable] - before[variable]))
        if now["DAMAGE_TAKEN"] > before["DAMAGE_TAKEN"]:
            add(Event(time_s, "hurt", value=now["DAMAGE_TAKEN"] - before["DAMAGE_TAKEN"]))
        if now["SELECTED_WEAPON"] != before["SELECTED_WEAPON"]:
            add(Event(time_s, "weapon", value=now["SELECTED_WEAPON"]))
        elif now["SELECTED_WEAPON_AMMO"] < before["SELECTED_WEAPON_AMMO"]:
            add(Event(time_s, "shot", value=now["SELECTED_WEAPON"]))
        for variable in ("AMMO2", "AMMO3", "AMMO5", "AMMO6", "ARMOR", "HEALTH"):
            if now[variable] > before[variable]:
                add(Event(time_s, "gain", variable.lower(), now[variable] - before[variable]))

    def _log_doors(self, tic: int, state: Any) -> None:
        """Log when a ceiling (door) or floor (lift) begins to move."""
        for number, sector in enumerate(state.sectors):
            floor, ceiling = sector.floor_height, sector.ceiling_height
            old = self._heights.get(number)
            if old is None:
                self._heights[number] = (floor, ceiling, -100)
            elif (floor, ceiling) != old[:2]:
                if tic - old[2] > 3:
                    kind = "door" if ceiling != old[1] else "lift"
                    self.events.append(Event(tic / TIC_HZ, kind, value=float(number)))
                self._heights[number] = (floor, ceiling, tic)


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


def play(map_name: str, seed: int, seconds: float, kind: Kind = "dense", wad: str = "") -> Iterator[Hop]:
    """Play a map live and yield its hops, 30 per second of play, as fast as they are taken.

    Args:
        map_name: such as ``MAP25`` or ``E3M8``.
        seed: of the game and of the agent.
        seconds: how long.
        kind: how it is played.
        wad: ``freedoom1``, ``freedoom2`` or a scenario; chosen by the map's name if empty.

    Yields:
        ``(frame uint8 (240, 320, 3), sound int16 (1600, 2) at 48 kHz, is_cut)``.

    Raises:
        HeldOutError: the map is held out.
    """
    wad = wad or ("freedoom1" if map_name.upper().startswith("E") else "freedoom2")
    check_recordable(wad, map_name)
    hops = round(seconds * 30)
    with Take(TakeSpec(wad, map_name.upper(), kind, seed)) as take:
        yield from hops_of_tics(take.tics(tics_for_hops(hops)))


def _variables(state: Any) -> dict[str, float]:
    return dict(zip(_VARIABLES, (float(v) for v in state.game_variables), strict=True))


def _distance(now: dict[str, float], then: dict[str, float]) -> float:
    return abs(now["POSITION_X"] - then["POSITION_X"]) + abs(now["POSITION_Y"] - then["POSITION_Y"])


def _button_values(action: Action) -> list[float]:
    weapons = [float(action.weapon == n) for n in range(1, 8)]
    moves = [action.forward, action.backward, action.strafe < 0, action.strafe > 0]
    flags = [float(action.attack), float(action.use), 1.0, *(float(m) for m in moves)]
    return [*flags, action.turn, *weapons]
