"""What OpenArena prints becomes events, cuts and clips at the right hop."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from sr_runtime.data import openarena_recorder
from sr_runtime.data.openarena_demo import Showing
from sr_runtime.data.openarena_log import (
    MARK,
    GameEvent,
    clip_events,
    events_by_hop,
    hop_time_s,
    is_teleport,
    map_shown,
)
from sr_runtime.data.openarena_recorder import ShownHop, cuts, record_take, record_takes, shown_hops
from sr_runtime.data.openarena_take import Take
from sr_runtime.data.store import ClipStore
from sr_runtime.errors import DataError

LOG = f"""\
   0: \\sv_maxclients\\8\\mapname\\oa_dm1\\sv_hostname\\noname
ent:  2  event: 14 EV_JUMP
cg.clientFrame:4
{MARK}
cg.clientFrame:5
ent:  2  event:  1 EV_FOOTSTEP
ent:  1  event: 23 EV_FIRE_WEAPON
^3WARNING: something else
cg.clientFrame:6
cg.clientFrame:7
ent:190  event: 42 EV_PLAYER_TELEPORT_IN
ent:  1  event:  0 ZEROEVENT
ent:  1  event: 99 EV_SOMETHING_NEW
cg.clientFrame:8
ent:  3  event: 56 EV_PAIN
"""


def test_events_belong_to_the_picture_printed_after_them():
    assert events_by_hop(LOG) == [
        [],
        [GameEvent(2, "FOOTSTEP"), GameEvent(1, "FIRE_WEAPON")],
        [],
        [GameEvent(190, "PLAYER_TELEPORT_IN"), GameEvent(1, "SOMETHING_NEW")],
    ]


def test_a_log_without_the_mark_has_no_hops():
    assert events_by_hop("cg.clientFrame:5\n") == []


def test_the_map_is_told():
    assert map_shown(LOG) == "oa_dm1"
    assert map_shown("nothing") is None


def test_the_players_own_events_are_told_from_others():
    events = clip_events(events_by_hop(LOG), player=1)
    assert [(e.kind, e.name, e.value) for e in events] == [
        ("step", "footstep", 0.0),
        ("shot", "fire_weapon", 1.0),
        ("teleport", "player_teleport_in", 0.0),
        ("other", "something_new", 1.0),
    ]
    assert [int(e.time_s * 30) for e in events] == [1, 1, 3, 3]


def test_every_hops_time_leads_back_to_it():
    assert [int(hop_time_s(hop) * 30) for hop in range(3000)] == list(range(3000))
    assert max(hop_time_s(hop) - hop / 30 for hop in range(3000)) < 1.1e-6


def hop(level: int, *events: GameEvent) -> ShownHop:
    frame = np.full((224, 224, 3), level, np.uint8)
    return ShownHop(frame, np.zeros((1600, 2), np.int16), list(events))


ARRIVAL = GameEvent(190, "PLAYER_TELEPORT_IN")


def cut_hops(*hops: ShownHop) -> list[int]:
    events = cuts(list(hops))
    assert {event.kind for event in events} <= {"cut"}
    return [int(event.time_s * 30) for event in events]


def test_a_cut_is_a_new_picture_where_somebody_appears():
    assert cut_hops(hop(50), hop(55, ARRIVAL), hop(90), hop(50, ARRIVAL), hop(50)) == [3]


def test_coming_back_to_life_is_a_cut_once():
    mine, other = GameEvent(1, "DEATHx"), GameEvent(2, "DEATHx")
    assert cut_hops(hop(50), hop(50, mine), hop(54, ARRIVAL), hop(69, ARRIVAL), hop(54, ARRIVAL)) == [3]
    assert cut_hops(hop(50), hop(50, other), hop(65, ARRIVAL)) == []


def test_only_arriving_is_a_teleport():
    assert is_teleport([GameEvent(1, "PLAYER_TELEPORT_IN")])
    assert not is_teleport([GameEvent(1, "PLAYER_TELEPORT_OUT"), GameEvent(1, "PAIN")])


# The game's AVI: picture j at j/30 s, written one step late; sound chunk k from k/30 s.


FLASHES = [7, 31, 58, 85]


def write_avi(path: Path, pictures: int) -> None:
    """Write MJPEG and PCM like the game: hop k's flash in picture k+1, its burst from sample 1600 k on."""
    sound = np.zeros((pictures * 1600, 2), np.int16)
    for k in FLASHES:
        sound[k * 1600 : k * 1600 + 400] = 9000
    with av.open(str(path), "w") as out:
        picture = out.add_stream("mjpeg", rate=30)
        picture.width, picture.height, picture.pix_fmt = 320, 240, "yuvj444p"
        track = out.add_stream("pcm_s16le", rate=48000, layout="stereo")
        for number in range(pictures):
            level = 220 if number - 1 in FLASHES else 40
            frame = av.VideoFrame.from_ndarray(np.full((240, 320, 3), level, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            out.mux(picture.encode(frame))
            chunk = sound[number * 1600 : (number + 1) * 1600].reshape(1, -1)
            block = av.AudioFrame.from_ndarray(np.ascontiguousarray(chunk), format="s16", layout="stereo")
            block.sample_rate, block.pts, block.time_base = 48000, number * 1600, Fraction(1, 48000)
            out.mux(track.encode(block))
        out.mux(picture.encode(None))
        out.mux(track.encode(None))


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Showing:
    path = tmp_path_factory.mktemp("avi") / "take.avi"
    write_avi(path, pictures=94)
    lines = [MARK]
    for number in range(94):
        if number in FLASHES:
            lines.append("ent:  1  event: 23 EV_FIRE_WEAPON")
        lines.append(f"cg.clientFrame:{number + 20}")
    return Showing(path, "\n".join(lines))


def test_flash_burst_and_event_are_in_the_same_hop(movie: Showing):
    hops = list(shown_hops(movie))
    assert len(hops) == 94
    assert [k for k, hop in enumerate(hops) if hop.frame.mean() > 150] == FLASHES
    assert [k for k, hop in enumerate(hops) if np.abs(hop.sound.astype(int)).max() > 5000] == FLASHES
    assert [k for k, hop in enumerate(hops) if hop.events] == FLASHES
    for k in FLASHES:
        assert np.flatnonzero(np.abs(hops[k].sound[:, 0].astype(int)) > 5000)[0] == 0  # to the sample


@pytest.fixture
def game(movie: Showing, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace the game's two runs; return what was run."""
    runs: list[str] = []

    def play(take: Take, demo: Path) -> None:
        runs.append("play")
        demo.parent.mkdir(parents=True, exist_ok=True)
        demo.touch()

    @contextmanager
    def shown(take: Take, demo: Path, hops: int) -> Iterator[Showing]:
        runs.append(f"show {hops}")
        if take.map == "oa_dm4":
            raise DataError("the game failed")
        yield movie

    monkeypatch.setattr(openarena_recorder, "play", play)
    monkeypatch.setattr(openarena_recorder, "shown", shown)
    return runs


def test_a_take_is_cut_into_clips_and_resumed(tmp_path: Path, game: list[str]):
    store, take = ClipStore(tmp_path), Take("train", "oa_dm1", 1, 0, clips=3, hops=30)
    assert record_take(take, store, tmp_path / "demos") == take.clip_ids
    assert game == ["play", "show 90"]
    clips = store.clips("train")
    assert [clip.clip_id for clip in clips] == take.clip_ids
    assert {(clip.meta.source, clip.meta.wad, clip.meta.map, clip.hops) for clip in clips} == {
        ("openarena", "openarena", "oa_dm1", 30)
    }
    assert [[int(e.time_s * 30) for e in clip.events] for clip in clips] == [[7], [1, 28], [25]]
    assert clips[1].frame(1).mean() > 150
    assert np.abs(clips[1].audio()[1600:1700].astype(int)).max() > 5000
    assert record_take(take, store, tmp_path / "demos") == []
    shutil.rmtree(clips[1].path)
    assert record_take(take, store, tmp_path / "demos") == take.clip_ids[1:2]
    assert game[2:] == ["show 60"]  # the demo was there; nothing beyond the missing clip is shown


def test_one_failed_take_does_not_stop_the_others(tmp_path: Path, game: list[str]):
    takes = [
        Take("train", name, 1, index, 1, 30) for index, name in enumerate(["oa_dm4", "oa_dm1", "oa_dm2"])
    ]
    ended = dict(record_takes(takes, ClipStore(tmp_path), tmp_path / "demos", workers=2))
    assert str(ended[takes[0]]) == "the game failed"
    assert (ended[takes[1]], ended[takes[2]]) == (None, None)
    assert len(ClipStore(tmp_path).clips()) == 2
    assert {path.name for path in (tmp_path / "demos").iterdir()} == {f"{take.name}.dm_71" for take in takes}
    again = [take for take, _ in record_takes(takes, ClipStore(tmp_path), tmp_path / "demos", workers=1)]
    assert again == takes[:1]
