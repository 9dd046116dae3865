"""Rendering real video files of every kind with the probe bundle, which clicks when the picture brightens."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from sr_runtime.cli.main import build_app
from sr_runtime.engine.session import Engine
from sr_runtime.errors import ConfigError, DataError
from sr_runtime.render import render_video
from sr_runtime.video.read import VideoReader
from sr_runtime.video.write import MovieWriter
from tests.integration.movies import make_movie


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine("probe")


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if ".part" in path.name]


def shown(path: Path) -> list[tuple[float, float]]:
    """Return (time, mean brightness) of each picture."""
    with VideoReader(path) as reader:
        return [(picture.time_s, float(picture.rgb().mean())) for picture in reader.pictures()]


def clicks_s(path: Path) -> list[float]:
    """Return when the probe clicked: jumps far above its tone."""
    with av.open(str(path)) as container:
        planes = [frame.to_ndarray() for frame in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    wave = np.concatenate(planes, axis=1)[0]
    loud = np.flatnonzero(np.abs(wave) > 0.6 * np.abs(wave).max())
    starts = loud[np.insert(np.diff(loud) > rate // 10, 0, True)]
    return [float(start / rate) for start in starts]


KINDS = {
    "h264_30.mp4": {},
    "vp9_24_with_sound.webm": {"codec": "libvpx-vp9", "fps": 24, "sound": True},
    "h264_ntsc60_odd_width.mkv": {"fps": Fraction(60000, 1001), "size": (322, 182), "sound": True},
    "h264_7.mp4": {"fps": 7, "size": (64, 48)},
    "mpeg4_25.avi": {"codec": "mpeg4", "fps": 25},
    "vp8_25.webm": {"codec": "libvpx", "fps": 25},
    "h264_25_clock_starts_late.ts": {"fps": 25, "start_s": 100.0},
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_video_gets_its_clicks_at_its_flashes(name, tmp_path, engine):
    video = make_movie(tmp_path / name, **KINDS[name])
    result = render_video(video, tmp_path / "out.mp4", engine.open_session())
    pictures = shown(result.output)
    assert len(pictures) == len(shown(video))
    steps = [
        (now_s, now > before) for (_, before), (now_s, now) in pairwise(pictures) if abs(now - before) > 60
    ]
    clicks = clicks_s(result.output)
    # A hop is 33 ms, and AAC frames blur an attack over up to 21 ms.
    for flash_s in (time_s for time_s, is_brighter in steps if is_brighter):
        assert min(abs(click - flash_s) for click in clicks) < 0.06
    for click in clicks:
        assert min(abs(click - time_s) for time_s, _ in steps) < 0.06
    assert leftovers(tmp_path) == []


def test_the_picture_is_copied_bit_for_bit_where_the_container_takes_it(tmp_path, engine):
    video = make_movie(tmp_path / "in.mkv", fps=50, size=(320, 240))
    result = render_video(video, tmp_path / "out.mp4", engine.open_session())
    assert result.picture == "copied"
    with av.open(str(video)) as before, av.open(str(result.output)) as after:
        frames = [[f.to_ndarray(format="gray") for f in c.decode(video=0)] for c in (before, after)]
    assert np.array_equal(frames[0], frames[1])


def test_a_codec_that_mp4_does_not_take_is_encoded_as_h264(tmp_path, engine):
    video = make_movie(tmp_path / "in.webm", codec="libvpx")
    result = render_video(video, tmp_path / "out.mp4", engine.open_session())
    assert result.picture == "encoded"
    with VideoReader(result.output) as reader:
        assert reader.info.codec == "h264"


def test_wav_and_flac_hold_the_sound_alone(tmp_path, engine):
    video = make_movie(tmp_path / "in.mp4")
    for suffix in ("wav", "flac"):
        result = render_video(video, tmp_path / f"out.{suffix}", engine.open_session())
        sound, rate = soundfile.read(result.output)
        assert rate == 48000
        assert sound.shape == (result.hops * 1600, 2) == (96000, 2)


def test_the_sound_file_and_the_session_agree_bit_for_bit(tmp_path, engine):
    video = make_movie(tmp_path / "in.mp4", seconds=1)
    result = render_video(video, tmp_path / "out.wav", engine.open_session(seed=5))
    again = render_video(video, tmp_path / "again.wav", engine.open_session(seed=5))
    assert result.output.read_bytes() == again.output.read_bytes()


def test_the_original_sound_can_stay_as_a_second_track(tmp_path, engine):
    video = make_movie(tmp_path / "in.mp4", sound=True)
    result = render_video(video, tmp_path / "out.mp4", engine.open_session(), keep_original_sound=True)
    with av.open(str(result.output)) as container:
        assert len(container.streams.audio) == 2


def cut_in_half(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


@pytest.mark.parametrize(
    ("name", "message"),
    [("whole.mp4", "damaged or cut off"), ("whole.mkv", "truncated"), ("whole.webm", "truncated")],
)
def test_a_truncated_video_leaves_no_output(name, message, tmp_path, engine):
    codec = "libvpx-vp9" if name.endswith("webm") else "libx264"
    video = cut_in_half(make_movie(tmp_path / name, codec=codec, seconds=6, size=(320, 240)))
    with pytest.raises(DataError, match=message):
        render_video(video, tmp_path / "out.mp4", engine.open_session())
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]


def test_a_truncated_mp4_with_its_index_in_front_is_noticed(tmp_path, engine):
    video = make_movie(tmp_path / "in.mp4", seconds=6, options={"movflags": "faststart"})
    cut_in_half(video)
    with pytest.raises(DataError, match=r"truncated|cut off"):
        render_video(video, tmp_path / "out.mp4", engine.open_session())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4"]


@pytest.mark.parametrize("content", [b"", b"just some text\n" * 100, bytes(range(256)) * 64])
def test_a_file_that_is_no_video_leaves_no_output(content, tmp_path, engine):
    video = tmp_path / "notes.mp4"
    video.write_bytes(content)
    with pytest.raises(DataError, match=r"notes\.mp4"):
        render_video(video, tmp_path / "out.mp4", engine.open_session())
    assert [path.name for path in tmp_path.iterdir()] == ["notes.mp4"]


def test_a_sound_file_is_refused_as_having_no_picture(tmp_path, engine):
    path = tmp_path / "tone.wav"
    soundfile.write(path, np.zeros((4800, 2)), 48000)
    with pytest.raises(DataError, match="no picture"):
        render_video(path, tmp_path / "out.mp4", engine.open_session())


def test_a_music_file_with_a_cover_is_refused_as_having_no_picture(tmp_path, engine):
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        container.mux(cover.encode(picture))
        container.mux(cover.encode(None))
    with pytest.raises(DataError, match="no picture"):
        render_video(path, tmp_path / "out.mp4", engine.open_session())


def test_a_picture_that_changes_its_size_midway_is_stretched_to_the_first(tmp_path):
    with MovieWriter(tmp_path / "out.mp4") as movie:
        for index, (width, height) in enumerate([(64, 48), (65, 49), (128, 96)]):
            movie.add_picture(np.zeros((height, width, 3), np.uint8), index / 30)
    with VideoReader(tmp_path / "out.mp4") as reader:
        assert (reader.info.width, reader.info.height) == (64, 48)
        assert len(list(reader.pictures())) == 3


def test_a_missing_file_is_named(tmp_path, engine):
    with pytest.raises(DataError, match=r"no such file.*nothing\.mp4"):
        render_video(tmp_path / "nothing.mp4", tmp_path / "out.mp4", engine.open_session())


def test_an_unknown_container_is_refused_before_any_work(tmp_path, engine):
    video = make_movie(tmp_path / "in.mp4", seconds=1)
    with pytest.raises(DataError, match=r"\.nonsense"):
        render_video(video, tmp_path / "out.nonsense", engine.open_session())


def test_the_video_is_never_its_own_output(tmp_path, engine):
    video = make_movie(tmp_path / "in.mp4", seconds=1)
    before = video.read_bytes()
    with pytest.raises(ConfigError, match="another file"):
        render_video(video, video, engine.open_session())
    assert video.read_bytes() == before


def test_an_older_output_survives_a_failed_rendering(tmp_path, engine):
    old = tmp_path / "out.mp4"
    old.write_bytes(b"older work")
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    with pytest.raises(DataError):
        render_video(tmp_path / "bad.mp4", old, engine.open_session())
    assert old.read_bytes() == b"older work"


def test_the_verb_writes_movie_and_figures(tmp_path):
    video = make_movie(tmp_path / "in.mp4", seconds=1)
    figures = tmp_path / "figures.json"
    done = CliRunner().invoke(
        build_app(), ["render", str(video), "--bundle", "probe", "--seed", "3", "--json", str(figures)]
    )
    assert done.exit_code == 0, done.output
    assert (tmp_path / "in.sound.mp4").stat().st_size > 1000
    found = json.loads(figures.read_text())
    assert found["hops"] == 30
    assert found["model"] == "probe"
    assert set(found) >= {"hop_ms", "after_frame_ms", "stage_ms", "misses", "device", "threads", "commit"}
