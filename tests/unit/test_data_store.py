"""The clip store: what goes in comes out, and nothing half-written is ever seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sr_runtime.data.store import ClipMeta, ClipStore, Event
from sr_runtime.errors import DataError


def meta(clip_id: str = "a", split: str = "train") -> ClipMeta:
    return ClipMeta(clip_id=clip_id, split=split, source="vizdoom", kind="dense", width=32, height=16)


def picture(level: int) -> np.ndarray:
    return np.full((16, 32, 3), level, np.uint8)


def sound(hops: int) -> np.ndarray:
    return np.random.default_rng(0).integers(-9000, 9000, (hops * 1600, 2)).astype(np.int16)


def write(store: ClipStore, clip: ClipMeta, hops: int = 3):
    with store.writer(clip) as writer:
        for k in range(hops):
            writer.add_frame(picture(60 * k))
        writer.add_stem("weapon", sound(hops) // 2)
        events = [Event(0.05, "shot", value=2.0), Event(1 / 15, "cut")]
        return writer.finish(sound(hops), events, np.array([0.0123456789]))


def test_a_clip_reads_back_as_written(tmp_path: Path):
    store = ClipStore(tmp_path)
    write(store, meta())
    clip = store.clip("a")
    assert (clip.audio() == sound(3)).all()
    assert (clip.stem("weapon") == sound(3) // 2).all()
    assert clip.frames().shape == (3, 16, 32, 3)
    for k in range(3):
        assert np.abs(clip.frame(k).astype(int) - 60 * k).max() <= 2
        assert (clip.frames()[k] == clip.frame(k)).all()
    assert clip.events[0] == Event(0.05, "shot", value=2.0)
    assert clip.cuts == [2]
    assert clip.click_onsets_s.tolist() == [0.012346]


def test_clips_are_found_by_split_and_sorted(tmp_path: Path):
    store = ClipStore(tmp_path)
    for name, split in (("b", "train"), ("a", "validation"), ("c", "train")):
        write(store, meta(name, split))
    assert [clip.clip_id for clip in store.clips("train")] == ["b", "c"]
    assert [clip.clip_id for clip in store.clips()] == ["a", "b", "c"]
    assert "b" in store
    with pytest.raises(DataError, match="train, validation"):
        store.clips("test")


def test_an_error_while_writing_leaves_nothing(tmp_path: Path):
    store = ClipStore(tmp_path)
    with pytest.raises(KeyError), store.writer(meta()) as writer:
        writer.add_frame(picture(1))
        raise KeyError("the game crashed")
    assert store.clips() == []
    assert list(store.folder.iterdir()) == []


def test_a_clip_is_invisible_until_it_is_finished(tmp_path: Path):
    store = ClipStore(tmp_path)
    with store.writer(meta()) as writer:
        writer.add_frame(picture(1))
        assert store.clips() == []
        writer.finish(sound(1), [])
        assert len(store.clips()) == 1


def test_sound_of_another_length_is_refused(tmp_path: Path):
    store = ClipStore(tmp_path)
    with pytest.raises(DataError, match=r"\(1600, 2\)"), store.writer(meta()) as writer:
        writer.add_frame(picture(1))
        writer.finish(sound(2), [])
    assert store.clips() == []


def test_pictures_of_another_size_are_refused(tmp_path: Path):
    with pytest.raises(DataError, match="16, 32"), ClipStore(tmp_path).writer(meta()) as writer:
        writer.add_frame(np.zeros((32, 16, 3), np.uint8))


def test_a_damaged_json_names_the_clips_folder(tmp_path: Path):
    store = ClipStore(tmp_path)
    clip = write(store, meta())
    (clip.path / "clip.json").write_text('{"clip_id": 3}')
    with pytest.raises(DataError, match="delete its folder"):
        store.clips()


def test_a_missing_stem_says_how_to_record_it(tmp_path: Path):
    clip = write(ClipStore(tmp_path), meta())
    with pytest.raises(DataError, match="--ground-truth stems"):
        clip.stem("door")


def test_an_empty_store_has_no_clips(tmp_path: Path):
    assert ClipStore(tmp_path / "nowhere").clips() == []
    with pytest.raises(DataError, match="no clip"):
        ClipStore(tmp_path).clip("x")


def test_writing_a_clip_again_replaces_it(tmp_path: Path):
    store = ClipStore(tmp_path)
    write(store, meta())
    write(store, meta(), hops=2)
    assert [clip.hops for clip in store.clips()] == [2]
