"""Sessions on a virtual clock: real reception, scheduler, probe bundle; see tests/virtual_runtime.py."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from sr_bridge import media
from sr_bridge.media import DEGRADED, DISCONTINUITY, FADE_IN, REPEATED_FRAME, FrameHeader, FrameMessage
from sr_bridge.messages import Bye, Control, Error, Status, Welcome, encode

from sr_runtime.engine import Engine
from sr_runtime.engine.hop import Computed, Due
from sr_runtime.engine.probe import find_clicks, read_hops
from sr_runtime.server import scheduler
from sr_runtime.server.capture import CaptureFolder
from sr_runtime.server.lockstep import total_samples
from sr_runtime.server.pictures import decode
from sr_runtime.server.replaying import captured_sessions, replay
from tests.small_model import small_bundle
from tests.virtual_runtime import HOP_NS, RecordingSink, VirtualRuntime


@pytest.fixture(scope="module")
def engine() -> Engine:
    engine = Engine("probe")
    engine.warm_up()
    return engine


@pytest.fixture
def runtime(engine: Engine) -> VirtualRuntime:
    return VirtualRuntime(engine)


def hop_numbers(sound: Any) -> list[int]:
    return [number for _, number in read_hops(sound)]


# -- live ---------------------------------------------------------------------------------------------


def test_frames_in_numbered_tones_out_with_no_hop_missing(runtime: VirtualRuntime) -> None:
    player = runtime.connect()
    for _ in range(40):
        player.frame()
        runtime.beat()
    # The first hop is faded in, which the reader takes for damaged; all others are there, in order.
    assert hop_numbers(player.sound) in (list(range(40)), list(range(1, 40)))
    assert [message.header.hop for message in player.sounds] == list(range(40))
    assert [message.header.seq for message in player.sounds] == list(range(1, 41))
    assert player.sounds[0].header.flags == FADE_IN
    assert {message.header.flags for message in player.sounds[1:]} == {0}
    assert player.errors == []


def test_nothing_is_heard_before_the_first_frame(runtime: VirtualRuntime) -> None:
    player = runtime.connect()
    runtime.beat(5)
    assert player.sounds == []
    assert player.status.state == "waiting"


def test_a_stalled_source_keeps_playing_its_last_frame(runtime: VirtualRuntime) -> None:
    player = runtime.connect()
    player.frame()
    runtime.beat(10)
    assert [message.header.seq for message in player.sounds] == [1] * 10
    assert [bool(message.header.flags & REPEATED_FRAME) for message in player.sounds] == [False] + [True] * 9
    assert player.status.hops_repeated == 9


def test_of_several_new_frames_the_newest_is_used_and_the_drops_are_counted(runtime: VirtualRuntime) -> None:
    player = runtime.connect()
    for _ in range(10):
        player.frame()
        player.frame()
        player.frame()
        runtime.beat()
    assert [message.header.seq for message in player.sounds] == list(range(3, 31, 3))
    status = player.status
    assert (status.frames_received, status.frames_used, status.frames_dropped) == (30, 10, 20)


def test_a_flash_clicks_once_in_the_hop_that_saw_it(runtime: VirtualRuntime) -> None:
    player = runtime.connect()
    for index in range(30):
        player.frame(level=255 if index >= 17 else 0)
        runtime.beat()
    (click,) = find_clicks(player.sound)
    assert click // 1600 == 17


@pytest.mark.parametrize("frames_after_the_cut", [1, 3])
def test_a_scene_cut_is_no_flash_even_if_its_own_frame_was_dropped(
    runtime: VirtualRuntime, frames_after_the_cut: int
) -> None:
    player = runtime.connect()
    for _ in range(10):
        player.frame(level=0)
        runtime.beat()
    player.frame(level=255, flags=DISCONTINUITY)
    for _ in range(frames_after_the_cut - 1):
        player.frame(level=255)
    runtime.beat()
    for _ in range(10):
        player.frame(level=255)
        runtime.beat()
    assert list(find_clicks(player.sound)) == []


def test_frame_age_and_capture_time_come_back_with_the_sound(runtime: VirtualRuntime) -> None:
    player = runtime.connect()
    for _ in range(5):
        runtime.stall(0.4)
        player.frame(capture_ns=runtime.now_ns + 10**15)  # a clock with another origin
        runtime.beat()
    assert player.sounds[-1].header.capture_ns > 10**15
    ages = [message.header.age_us for message in player.sounds]
    assert all(0 <= age <= 34_000 for age in ages), ages


def test_after_a_stall_hops_are_skipped_and_the_sound_fades_in(runtime: VirtualRuntime) -> None:
    player = runtime.connect()
    player.frame()
    runtime.beat(5)
    runtime.stall(4.2)
    player.frame()
    runtime.beat(5)
    heads = [message.header for message in player.sounds]
    assert len(heads) == 10  # never caught up
    assert [head.hop for head in heads] == [0, 1, 2, 3, 4, 8, 9, 10, 11, 12]
    assert [bool(head.flags & FADE_IN) for head in heads] == [True] + 4 * [False] + [True] + 4 * [False]
    assert player.status.hops_skipped == 3
    assert np.abs(player.sounds[5].audio[:10]).max() < 1e-3


def test_a_late_hop_is_marked_degraded(runtime: VirtualRuntime) -> None:
    player = runtime.connect()
    player.frame()
    runtime.beat()
    runtime.beat(late_ns=HOP_NS * 2 // 3)
    assert [bool(message.header.flags & DEGRADED) for message in player.sounds] == [False, True]
    assert player.status.degraded


def test_pause_is_silent_and_resumes_with_a_fade_in(runtime: VirtualRuntime) -> None:
    player = runtime.connect()
    player.frame()
    runtime.beat(3)
    player.control(pause=True)
    runtime.beat(10)
    assert len(player.sounds) == 3
    assert player.status.state == "paused"
    player.control(pause=False)
    runtime.beat(2)
    assert [message.header.flags & FADE_IN for message in player.sounds[3:]] == [FADE_IN, 0]
    assert [message.header.hop for message in player.sounds[3:]] == [13, 14]


def test_ten_seconds_without_a_frame_cost_no_computing_until_the_next_frame(engine: Engine) -> None:
    runtime = VirtualRuntime(engine, idle_after_s=1.0)
    player = runtime.connect()
    player.frame()
    runtime.beat(60)
    assert 30 <= len(player.sounds) <= 31
    assert player.status.state == "idle"
    player.frame()
    runtime.beat()
    assert player.sounds[-1].header.flags == FADE_IN
    assert player.status.state == "running"


def test_reset_starts_the_numbers_again(runtime: VirtualRuntime) -> None:
    player = runtime.connect()
    for _ in range(10):
        player.frame()
        runtime.beat()
    player.control(reset=True)
    player.sounds.clear()
    for _ in range(10):
        player.frame()
        runtime.beat()
    assert hop_numbers(player.sound)[-9:] == list(range(1, 10))
    assert [message.header.hop for message in player.sounds] == list(range(10, 20))


def test_settings_change_while_it_runs_and_status_tells_them(runtime: VirtualRuntime) -> None:
    player = runtime.connect(seed=3)
    player.frame()
    runtime.beat()
    player.control(guidance=2.5, nfe=2, gain=0.5, mute=True, seed=9, play="both")
    status = player.only(Status)[-1]
    assert (status.guidance, status.nfe, status.gain, status.mute, status.seed, status.play) == (
        2.5, 2, 0.5, True, 9, "both",
    )  # fmt: skip


def test_a_value_that_the_bundle_does_not_allow_is_refused_and_the_session_goes_on(
    runtime: VirtualRuntime,
) -> None:
    player = runtime.connect()
    player.control(nfe=50)
    player.frame()
    runtime.beat(2)
    (error,) = player.only(Error)
    assert error.code == "bad_header" and not error.fatal
    assert "nfe" in error.got
    assert len(player.sounds) == 2


def test_int16_sound_is_the_same_sound(runtime: VirtualRuntime) -> None:
    floats, integers = runtime.connect("a"), runtime.connect("b", audio="int16")
    for _ in range(5):
        floats.frame()
        integers.frame()
        runtime.beat()
    np.testing.assert_allclose(integers.sound, floats.sound, rtol=0, atol=0.51 / 32767)


# -- pictures -----------------------------------------------------------------------------------------


def test_bottom_up_and_alpha_and_jpeg_give_the_same_picture() -> None:
    rng = np.random.default_rng(5)
    picture = np.kron(rng.integers(0, 256, (4, 5, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    alpha = np.concatenate([picture, np.full((32, 40, 1), 7, np.uint8)], axis=2)

    def message(kind: int, body: bytes, flags: int = 0) -> FrameMessage:
        return FrameMessage(FrameHeader(kind, flags, 1, 1, 0, 40, 32, len(body)), memoryview(body))

    np.testing.assert_array_equal(decode(message(media.RGB8, picture.tobytes())), picture)
    np.testing.assert_array_equal(
        decode(message(media.RGBA8, alpha[::-1].tobytes(), media.BOTTOM_UP)), picture
    )
    jpeg = simplejpeg.encode_jpeg(picture, quality=98, colorsubsampling="444")
    assert np.abs(decode(message(media.JPEG, jpeg)).astype(int) - picture).mean() < 3
    flipped = simplejpeg.encode_jpeg(np.ascontiguousarray(picture[::-1]), quality=98, colorsubsampling="444")
    assert np.abs(decode(message(media.JPEG, flipped, media.BOTTOM_UP)).astype(int) - picture).mean() < 3


def huge_jpeg() -> bytes:
    """Return a JPEG of 64x64 whose header declares 20000x20000 pixels: 1.2 GB when decoded."""
    small = simplejpeg.encode_jpeg(np.zeros((64, 64, 3), np.uint8))
    start = small.index(b"\xff\xc0") + 5
    return small[:start] + (20_000).to_bytes(2, "big") * 2 + small[start + 4 :]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (huge_jpeg(), "frame_too_large"),
        (b"no jpeg at all", "unsupported_format"),
        (simplejpeg.encode_jpeg(np.zeros((48, 64, 3), np.uint8)), "bad_size"),
        (simplejpeg.encode_jpeg(np.zeros((64, 64, 3), np.uint8))[:200], "unsupported_format"),
    ],
)
def test_a_broken_jpeg_is_refused_and_the_last_frame_goes_on(
    runtime: VirtualRuntime, body: bytes, code: str
) -> None:
    player = runtime.connect()
    player.frame()
    runtime.beat()
    head = FrameHeader(media.JPEG, 0, player.session, 2, runtime.now_ns, 64, 64, len(body))
    player.send(head.pack() + body)
    runtime.beat(2)
    (error,) = player.only(Error)
    assert (error.code, error.seq, error.fatal) == (code, 2, False)
    assert [message.header.seq for message in player.sounds] == [1, 1, 1]
    assert player.status.frames_rejected == {code: 1}


# -- several sessions ---------------------------------------------------------------------------------


def test_two_sessions_are_mixed_each_with_its_gain(engine: Engine) -> None:
    def mix(*gains: float) -> Any:
        sink = RecordingSink()
        runtime = VirtualRuntime(engine, sink)
        players = [runtime.connect(str(i), play="runtime") for i in range(len(gains))]
        for player, gain in zip(players, gains, strict=True):
            player.control(gain=gain)
        for _ in range(15):
            for player in players:
                player.frame()
            runtime.beat()
        assert all(player.sounds == [] for player in players)  # the runtime plays, nothing goes back
        return np.concatenate(sink.hops)[8000:]

    alone, both = mix(1.0), mix(1.0, 0.5)
    assert np.abs(alone).max() > 0.05
    np.testing.assert_allclose(both, 1.5 * alone, atol=2e-3)


def test_mute_is_for_the_runtimes_output_only(engine: Engine) -> None:
    sink = RecordingSink()
    runtime = VirtualRuntime(engine, sink)
    player = runtime.connect(play="both")
    player.control(mute=True)
    for _ in range(15):
        player.frame()
        runtime.beat()
    assert np.abs(np.concatenate(sink.hops)[8000:]).max() < 1e-3
    assert np.abs(player.sound).max() > 0.05


def test_the_output_pauses_when_nobody_plays_and_keeps_the_beats_numbers(engine: Engine) -> None:
    sink = RecordingSink()
    runtime = VirtualRuntime(engine, sink)
    player = runtime.connect(play="runtime")
    player.frame()
    runtime.beat(3)
    player.send(encode(Bye(player.session)))
    runtime.beat(10)
    assert sink.beats == [0, 1, 2, 3]  # three hops and the fade-out
    assert sink.pauses == 1


def test_a_failing_session_ends_alone(runtime: VirtualRuntime, monkeypatch: pytest.MonkeyPatch) -> None:
    good, bad = runtime.connect("good"), runtime.connect("bad")
    for player in (good, bad):
        player.frame()
    runtime.beat()

    def fail(message: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(runtime.scheduler._live[bad.session].stream, "step", fail)
    runtime.beat(5)
    assert len(good.sounds) == 6 and good.errors == []
    assert len(bad.sounds) == 1
    (error,) = bad.only(Error)
    assert (error.code, error.fatal) == ("internal", True)
    assert len(runtime.reception.sessions) == 1


def test_a_session_that_breaks_the_common_computing_ends_alone(
    runtime: VirtualRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = runtime.connect("good"), runtime.connect("bad")
    for player in (good, bad):
        player.frame()
    runtime.beat()
    culprit = runtime.scheduler._live[bad.session].stream._session
    compute = culprit._hops.compute

    def fail(due: Sequence[Due]) -> list[Computed]:
        if any(d.member is culprit._member for d in due):
            raise RuntimeError("a bug")
        return compute(due)

    monkeypatch.setattr(culprit._hops, "compute", fail)
    runtime.beat(5)
    assert len(good.sounds) == 6 and good.errors == []
    assert len(bad.sounds) == 1 and bad.errors == ["internal"]


def test_a_beat_that_failed_on_the_way_is_heard_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(small_bundle())
    crowd, single = VirtualRuntime(engine), VirtualRuntime(engine)
    players = [crowd.connect(f"player {seed}", seed=seed) for seed in range(3)]
    alone = single.connect(seed=1)
    failures = iter([False] * 4 + [True] + [False] * 99)
    hops = crowd.scheduler._live[players[0].session].stream._session._hops
    decode_sound = hops._decoder.decode

    def fail(*args: Any) -> Any:
        if next(failures):
            raise RuntimeError("a bug")
        return decode_sound(*args)

    monkeypatch.setattr(hops._decoder, "decode", fail)
    for hop in range(10):
        for player in (*players, alone):
            player.frame(level=10 * hop)
        crowd.beat()
        with monkeypatch.context() as undisturbed:
            undisturbed.setattr(hops._decoder, "decode", decode_sound)
            single.beat()
    assert all(player.errors == [] for player in players)
    assert np.array_equal(players[1].sound, alone.sound)


def test_sessions_of_a_crowd_sound_as_alone_and_a_leaving_one_disturbs_nobody(engine: Engine) -> None:
    crowd, single = VirtualRuntime(engine), VirtualRuntime(engine)
    players = [crowd.connect(f"player {seed}", seed=seed) for seed in range(3)]
    alone = single.connect(seed=1)
    for hop in range(8):
        if hop == 4:
            players[0].send(encode(Bye(players[0].session)))
        for player in (*players[hop >= 4 :], alone):
            player.frame(level=10 * hop)
        crowd.beat()
        single.beat()
    assert np.array_equal(players[1].sound, alone.sound)
    assert len(players[0].sounds) == 4
    assert not np.array_equal(players[1].sound, players[2].sound)


def test_joining_and_leaving_click_nowhere_and_cost_nobody_a_hop(engine: Engine) -> None:
    sink = RecordingSink()
    runtime = VirtualRuntime(engine, sink, idle_after_s=60.0)
    players, everyone = [], []
    for beat in range(60):
        if beat % 5 == 0 and beat < 30:
            players.append(runtime.connect(f"player {beat}", play="both"))
            everyone.append(players[-1])
        if beat in (12, 20, 31, 44):
            leaving = players.pop(beat % len(players))
            leaving.send(encode(Bye(leaving.session)))
        for player in players:
            player.frame()
        runtime.beat()
    for player in everyone:
        numbers = [number for _, number in read_hops(player.sound)]
        assert numbers == list(range(len(player.sounds)))
        assert not find_clicks(player.sound)
    assert not find_clicks(np.concatenate(sink.hops))


class SlowBeats:
    """A stopwatch for a machine whose beats take as long as the test says."""

    ms = 50.0

    def lap(self) -> float:
        return self.ms


def test_too_little_time_lowers_everybodys_quality_says_so_and_climbs_back(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "Stopwatch", SlowBeats)
    runtime = VirtualRuntime(engine, idle_after_s=60.0)
    one, other = runtime.connect("one"), runtime.connect("other")
    for player in (one, other):
        player.control(nfe=4, guidance=3.0)
        player.frame()
    seen = []
    for _ in range(20):
        runtime.beat()
        seen.append((one.status.nfe, one.status.guidance, one.status.degraded))
    assert list(dict.fromkeys(seen)) == [(4, 3.0, False), (2, 3.0, True), (1, 3.0, True), (1, 1.0, True)]
    assert (other.status.nfe, other.status.guidance) == (1, 1.0)
    assert runtime.connect("third").errors == ["server_busy"]
    monkeypatch.setattr(SlowBeats, "ms", 5.0)
    runtime.beat(1000)
    assert (one.status.nfe, one.status.guidance, one.status.degraded) == (4, 3.0, False)
    assert runtime.connect("fourth").errors == []
    assert len(one.sounds) == len(other.sounds) == 1020


def test_a_replay_goes_without_what_the_session_went_without(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(scheduler, "Stopwatch", SlowBeats)
    capture = CaptureFolder(tmp_path, engine.bundle)
    runtime = VirtualRuntime(engine, open_tape=capture.open_tape)
    player = runtime.connect()
    for hop in range(25):
        player.frame(level=8 * hop)
        if hop == 12:
            player.control(guidance=3.0, nfe=4)
        runtime.beat()
    assert player.status.degraded
    runtime.scheduler.close()
    (folder,) = captured_sessions(tmp_path)
    assert replay(folder, engine).differing_hops == 0


def test_a_replay_gets_back_what_the_session_got_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(scheduler, "Stopwatch", SlowBeats)
    engine = Engine(small_bundle())
    capture = CaptureFolder(tmp_path, engine.bundle)
    runtime = VirtualRuntime(engine, open_tape=capture.open_tape, idle_after_s=60.0)
    player = runtime.connect()
    player.control(guidance=3.0, nfe=4)
    for hop in range(25):
        player.frame(level=8 * hop)
        runtime.beat()
    assert player.status.degraded
    monkeypatch.setattr(SlowBeats, "ms", 5.0)
    for hop in range(1000):
        player.frame(level=hop % 250)
        runtime.beat()
    assert not player.status.degraded
    runtime.scheduler.close()
    (folder,) = captured_sessions(tmp_path)
    assert replay(folder, engine).differing_hops == 0


def test_whoever_comes_after_an_overload_has_the_machine_to_itself(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "Stopwatch", SlowBeats)
    runtime = VirtualRuntime(engine)
    late = runtime.connect("late")
    late.control(nfe=4, guidance=3.0)
    for _ in range(70):
        late.frame()
        runtime.beat()
    assert runtime.connect("refused").errors == ["server_busy"]
    late.send(encode(Bye(late.session)))
    runtime.beat(2)
    first, second = runtime.connect("first"), runtime.connect("second")
    first.control(nfe=4, guidance=3.0)
    assert (first.errors, second.errors) == ([], [])
    assert (first.status.nfe, first.status.guidance) == (4, 3.0)


def test_a_session_without_a_tape_leaves_no_place_behind(engine: Engine) -> None:
    def full_disk(command: object) -> None:
        raise OSError("no space left on device")

    runtime = VirtualRuntime(engine, open_tape=full_disk)
    before = [len(hops._members) for hops in engine._shared]
    assert runtime.connect().errors == ["internal"]
    assert [len(hops._members) for hops in engine._shared] in (before, [*before, 0])


def test_a_failing_output_stops_no_session(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = RecordingSink()

    def fail(*args: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(sink, "write", fail)
    runtime = VirtualRuntime(engine, sink)
    player = runtime.connect(play="both")
    player.frame()
    runtime.beat(5)
    assert len(player.sounds) == 5


def test_one_session_too_many_is_told_so(engine: Engine) -> None:
    runtime = VirtualRuntime(engine, max_live_sessions=2)
    runtime.connect("a")
    runtime.connect("b")
    third = runtime.connect("c")
    assert third.only(Welcome) == []
    assert third.errors == ["server_busy"]
    assert len(runtime.reception.sessions) == 2


def test_welcome_says_what_the_runtime_is_and_wants(engine: Engine) -> None:
    welcome = VirtualRuntime(engine, RecordingSink()).connect().only(Welcome)[0]
    assert (welcome.picture_width, welcome.picture_height) == (32, 32)
    assert (welcome.sample_rate, welcome.hop_samples, welcome.bundle) == (48_000, 1600, "probe")
    assert welcome.latency_ms == 83.0
    assert "runtime_audio" in welcome.capabilities


def test_without_an_output_play_runtime_is_answered_with_a_notice(runtime: VirtualRuntime) -> None:
    welcome = runtime.connect(play="runtime").only(Welcome)[0]
    assert "plays no sound" in welcome.notice
    assert "runtime_audio" not in welcome.capabilities


# -- lockstep -----------------------------------------------------------------------------------------


def run_lockstep(runtime: VirtualRuntime, fps: float, steps: int, name: str = "sim", **hello: Any) -> Any:
    player = runtime.connect(name, mode="lockstep", fps=fps, **hello)
    for step in range(1, steps + 1):
        player.frame(level=255 if step > steps // 2 else 0, step=step)
        runtime.work()
    return player


@pytest.mark.parametrize("fps", [20.0, 24.0, 35.0, 60.0, 120.0])
def test_lockstep_gives_exactly_the_samples_of_each_step(runtime: VirtualRuntime, fps: float) -> None:
    steps = int(fps)
    player = run_lockstep(runtime, fps, steps)
    totals = np.cumsum([len(message.audio) for message in player.sounds])
    assert totals.tolist() == [total_samples(step, fps) for step in range(1, steps + 1)]
    assert totals[-1] == 48_000
    assert [message.header.seq for message in player.sounds] == list(range(1, steps + 1))
    assert hop_numbers(player.sound) == list(range(30))
    (click,) = find_clicks(player.sound)
    first_bright_hop = next(
        k
        for k in range(30)
        if sum(total_samples(i, fps) <= 1600 * k for i in range(1, steps + 1)) >= steps // 2
    )
    assert click // 1600 == first_bright_hop


def test_lockstep_sound_is_reproducible_and_does_not_depend_on_its_neighbours(engine: Engine) -> None:
    first = run_lockstep(VirtualRuntime(engine), 35.0, 35, seed=7)
    runtime = VirtualRuntime(engine)
    other = runtime.connect("live")
    other.frame(200)
    runtime.beat(3)
    second = run_lockstep(runtime, 35.0, 35, seed=7)
    np.testing.assert_array_equal(first.sound, second.sound)


def test_lockstep_reset_starts_again_with_the_same_sound(runtime: VirtualRuntime) -> None:
    player = run_lockstep(runtime, 24.0, 24)
    before = player.sound
    player.sounds.clear()
    player.control(reset=True)
    for step in range(1, 25):
        player.frame(level=255 if step > 12 else 0, step=step)
        runtime.work()
    np.testing.assert_array_equal(player.sound, before)


def test_a_lockstep_reset_waits_for_the_steps_before_it(runtime: VirtualRuntime) -> None:
    player = runtime.connect(mode="lockstep", fps=30.0)
    player.frame(step=1)
    player.frame(step=2)
    player.send(encode(Control(player.session, reset=True)))
    player.frame(step=1)
    runtime.work()
    assert [(message.header.seq, message.header.hop) for message in player.sounds] == [(1, 0), (2, 1), (3, 0)]


def test_a_wrong_lockstep_step_is_refused_and_the_right_one_still_works(runtime: VirtualRuntime) -> None:
    player = runtime.connect(mode="lockstep", fps=30.0)
    for step in (1, 3, 0, 2):
        player.frame(step=step)
        runtime.work()
    assert [error.got for error in player.only(Error)] == ["3", "0"]
    assert [message.header.seq for message in player.sounds] == [1, 4]


def test_lockstep_waits_for_live_hops_but_is_never_starved(engine: Engine) -> None:
    runtime = VirtualRuntime(engine)
    live = runtime.connect("live")
    live.frame()
    simulator = runtime.connect("sim", mode="lockstep", fps=30.0)
    runtime.beat()
    simulator.frame(step=1)
    while (command := runtime.inbox.get(0)) is not None:
        runtime.scheduler.handle(command)
    assert not runtime.scheduler.spend_spare_time(spare_ms=0.0)
    for _ in range(3):
        beat = runtime.clock.take(runtime.clock.next_ns)
        assert beat is not None
        runtime.scheduler.tick(beat, runtime.now_ns)
    assert runtime.scheduler.spend_spare_time(spare_ms=0.0)


# -- capture and replay -------------------------------------------------------------------------------


def test_a_captured_session_replays_to_the_same_sound(engine: Engine, tmp_path: Path) -> None:
    folder = CaptureFolder(tmp_path / "capture", engine.bundle)
    runtime = VirtualRuntime(engine, open_tape=folder.open_tape)
    live = runtime.connect("live", seed=5)
    for index in range(20):
        if index % 3:
            live.frame(level=index * 10)
        if index == 8:
            live.control(guidance=2.0, nfe=2)
        if index == 12:
            live.control(reset=True)
        runtime.beat()
    run_lockstep(runtime, 35.0, 20)
    runtime.scheduler.close()

    sessions = captured_sessions(tmp_path / "capture")
    results = [replay(session, engine) for session in sessions]
    assert [result.differing_hops for result in results] == [0, 0]
    assert results[0].hops == 19 and results[0].is_same_bundle
    assert not any("token" in (session / "session.json").read_text() for session in sessions)


def test_a_capture_cut_short_by_a_kill_replays_up_to_there(engine: Engine, tmp_path: Path) -> None:
    folder = CaptureFolder(tmp_path, engine.bundle)
    runtime = VirtualRuntime(engine, open_tape=folder.open_tape)
    player = runtime.connect()
    for _ in range(5):
        player.frame()
        runtime.beat()
    runtime.scheduler.close()
    (session,) = captured_sessions(tmp_path)
    operations = session / "operations.bin"
    operations.write_bytes(operations.read_bytes()[:-10])
    result = replay(session, engine)
    assert (result.hops, result.differing_hops) == (4, 0)
