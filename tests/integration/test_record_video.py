"""Import real video files of every kind: what is seen stays beside what is heard."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from sr_runtime.cli.main import build_app
from sr_runtime.data.store import Clip, ClipStore
from sr_runtime.data.video import import_video
from sr_runtime.errors import DataError
from tests.integration.movies import make_movie

FLASHES_S = (0.5, 1.2, 1.7)


def flash_movie(
    path: Path,
    *,
    video: str = "libx264",
    audio: str = "aac",
    fps: Fraction | int = 30,
    rate: int = 48000,
    layout: str = "stereo",
    sound_from_s: float = 0.0,
    seconds: float = 2.4,
    format_: str | None = None,
) -> Path:
    """Write a movie that flashes and bursts into noise at :data:`FLASHES_S`."""
    channels = 1 if layout == "mono" else 2
    with av.open(str(path), "w", format=format_) as out:
        picture = out.add_stream(video, rate=Fraction(fps))
        picture.width, picture.height, picture.pix_fmt = 96, 64, "yuv420p"
        picture.gop_size = 10
        sound = out.add_stream(audio, rate=rate, layout=layout)
        for index in range(round(seconds * fps)):
            time_s = index / float(fps)
            bright = any(t <= time_s + 1e-6 < t + 0.2 for t in FLASHES_S)
            frame = av.VideoFrame.from_ndarray(
                np.full((64, 96, 3), 220 if bright else 30, np.uint8), format="rgb24"
            )
            frame.pts, frame.time_base = index, 1 / Fraction(fps)
            out.mux(picture.encode(frame))
        out.mux(picture.encode(None))
        wave = np.zeros(round(seconds * rate), np.float32)
        rng = np.random.default_rng(0)
        for t in FLASHES_S:
            at = round(t * rate)
            wave[at : at + rate // 10] = 0.3 * rng.standard_normal(rate // 10)
        first = round(sound_from_s * rate)
        for start in range(first, len(wave), 1024):
            chunk = np.ascontiguousarray(np.stack([wave[start : start + 1024]] * channels))
            block = av.AudioFrame.from_ndarray(chunk, format="fltp", layout=layout)
            block.sample_rate, block.pts, block.time_base = rate, start, Fraction(1, rate)
            out.mux(sound.encode(block))
        out.mux(sound.encode(None))
    return path


def seen_and_heard(clip: Clip) -> tuple[np.ndarray, np.ndarray]:
    """Return the hops at which the picture gets bright and the seconds at which sound begins."""
    bright = clip.frames()[:, 64:160, 64:160].mean(axis=(1, 2, 3)) > 120
    flashes = np.flatnonzero(bright & ~np.roll(bright, 1))
    loud = np.abs(clip.audio().astype(int)).max(axis=1) > 2500
    starts = np.flatnonzero(loud)
    starts = starts[np.diff(starts, prepend=-99999) > 9600]
    return flashes, starts / 48000


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {}),
        ("b.webm", {"video": "libvpx-vp9", "audio": "libopus"}),
        ("c.mkv", {"fps": 60, "audio": "pcm_s16le", "rate": 44100}),
        ("d.mkv", {"fps": 24, "audio": "pcm_s16le", "layout": "mono", "rate": 22050}),
        ("e.avi", {"video": "mpeg4", "audio": "pcm_s16le", "fps": 15}),
        ("f.ts", {"audio": "aac", "format_": "mpegts"}),
        ("g.mkv", {"audio": "flac", "rate": 96000, "sound_from_s": 0.4}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_flashes_and_sounds_stay_together_in_every_format(tmp_path: Path, name: str, options: dict):
    movie = flash_movie(tmp_path / name, **options)
    (clip,) = import_video(movie, ClipStore(tmp_path / "store"), "validation")
    flashes, sounds = seen_and_heard(clip)
    fps = float(options.get("fps", 30))
    assert (clip.split, clip.meta.origin) == ("validation", name)
    assert len(flashes) == len(sounds) == 3
    # MPEG-TS starts its clock two frames before the picture; picture and sound shift together.
    shift_s = 2 / 30 if name.endswith(".ts") else 0.0
    assert np.abs(sounds - shift_s - FLASHES_S).max() < 0.012  # AAC smears by up to 10 ms
    # A hop shows the newest picture at its end; a 15 fps file changes its picture up to 1/15 s late.
    late_hops = flashes - (np.array(FLASHES_S) + shift_s) * 30
    assert (late_hops >= -1.01).all()
    assert (late_hops <= 30 / fps + 0.01).all()


def test_a_long_video_becomes_clips_of_equal_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sr_runtime.data.video.CLIP_HOPS", 90)  # 3 s instead of 30 s
    movie = make_movie(tmp_path / "long.mp4", fps=5, size=(32, 32), seconds=5.4, sound=True)
    seconds: list[float] = []
    clips = import_video(movie, ClipStore(tmp_path / "store"), progress=seconds.append)
    assert [clip.hops for clip in clips] == [90, 72]
    assert seconds == [3.0, 5.4]
    assert [clip.clip_id[-5:] for clip in clips] == ["00000", "00001"]


def test_a_video_without_sound_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="no sound"):
        import_video(make_movie(tmp_path / "mute.mp4"), ClipStore(tmp_path / "store"))
    assert ClipStore(tmp_path / "store").clips() == []


def test_a_sound_without_picture_and_a_text_are_refused(tmp_path: Path):
    store = ClipStore(tmp_path / "store")
    text = tmp_path / "notes.mp4"
    text.write_text("this is no video\n" * 100)
    with pytest.raises(DataError, match="no video"):
        import_video(text, store)
    with pytest.raises(DataError, match="no such file"):
        import_video(tmp_path / "missing.mp4", store)
    with av.open(str(tmp_path / "tone.wav"), "w") as out:
        stream = out.add_stream("pcm_s16le", rate=48000, layout="stereo")
        block = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.int16), format="s16", layout="stereo")
        block.sample_rate = 48000
        out.mux(stream.encode(block))
    with pytest.raises(DataError, match="no picture"):
        import_video(tmp_path / "tone.wav", store)
    assert store.clips() == []


@pytest.mark.parametrize("name", ["cut.mkv", "cut.mp4"])
def test_a_truncated_video_leaves_nothing(tmp_path: Path, name: str):
    whole = flash_movie(tmp_path / name, seconds=4.0)
    whole.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * 0.55)])
    with pytest.raises(DataError):
        import_video(whole, ClipStore(tmp_path / "store"))
    folder = ClipStore(tmp_path / "store").folder
    assert not folder.exists() or list(folder.iterdir()) == []


def test_the_command_imports_what_it_can_and_names_the_rest(tmp_path: Path):
    good, bad = flash_movie(tmp_path / "good.mp4"), tmp_path / "bad.mp4"
    bad.write_bytes(b"nothing")
    result = CliRunner().invoke(
        build_app(), ["record", "video", str(bad), str(good), "--out", str(tmp_path / "store")]
    )
    assert result.exit_code != 0
    assert "1 of 2" in str(result.exception)
    assert len(ClipStore(tmp_path / "store").clips("train")) == 1
