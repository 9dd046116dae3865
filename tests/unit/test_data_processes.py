"""A process that dies costs the call it made and nothing else; each works in a folder of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sr_runtime.data.processes import WorkerDied, call_each
from sr_runtime.data.recorder import ATTEMPTS, ClipJob, plan_clips, record_clips
from sr_runtime.errors import DataError


def leave_mark(path: Path) -> None:
    with path.open("a") as file:
        file.write(f"{Path.cwd()}\n")


def marks(path: Path) -> list[str]:
    return path.read_text().splitlines()


def die_where_named_so(path: Path) -> None:
    leave_mark(path)
    if path.name == "dies":
        os._exit(3)
    if path.name == "dies-once" and len(marks(path)) == 1:
        os.kill(os.getpid(), signal.SIGTERM)
    if path.name == "fails":
        raise DataError("asked to fail")


def test_a_process_that_dies_costs_its_own_call_only(tmp_path: Path):
    paths = [tmp_path / name for name in ("dies", "a", "dies-once", "fails", "b")]
    errors = dict(call_each(die_where_named_so, paths, workers=2, attempts=2))
    assert {path.name: type(error) for path, error in errors.items()} == {
        "dies": WorkerDied,
        "a": type(None),
        "dies-once": type(None),
        "fails": DataError,
        "b": type(None),
    }
    assert "exit code 3" in str(errors[paths[0]])
    assert [len(marks(path)) for path in paths] == [2, 1, 2, 1, 1]


def test_each_call_has_a_temporary_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    paths = [tmp_path / "a", tmp_path / "b"]
    assert [error for _, error in call_each(leave_mark, paths, workers=1, attempts=1)] == [None, None]
    folders = {folder for path in paths for folder in marks(path)}
    assert len(folders) == 2
    assert str(tmp_path) not in folders
    assert not any(Path(folder).exists() for folder in folders)


def die_and_leave_a_game(path: Path) -> None:
    game = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], close_fds=False)
    path.write_text(str(game.pid))
    os._exit(3)


@pytest.mark.skipif(os.name == "nt", reason="no pipes are inherited there")
def test_a_death_is_seen_although_a_game_outlives_it(tmp_path: Path):
    start, path = time.monotonic(), tmp_path / "pid"
    ((_, error),) = call_each(die_and_leave_a_game, [path], workers=1, attempts=1)
    os.kill(int(path.read_text()), signal.SIGKILL)
    assert isinstance(error, WorkerDied)
    assert time.monotonic() - start < 30


def test_who_stops_asking_leaves_no_process_behind(tmp_path: Path):
    paths = [tmp_path / name for name in "abcd"]
    calls = call_each(leave_mark, paths, workers=2, attempts=1)
    next(calls)
    calls.close()
    assert not multiprocessing.active_children()
    assert not (tmp_path / "d").exists()


def record_or_die(job: ClipJob) -> None:
    if job.clip_id.endswith("0"):
        os._exit(3)
    leave_mark(job.store / job.clip_id)


def test_a_clip_that_kills_its_process_is_reported_and_the_others_are_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    jobs = plan_clips(Path("store"), "train", seed=1, seconds=90, kind="dense")
    Path("store").mkdir()
    errors = dict(record_clips(jobs, workers=2, record=record_or_die))
    assert set(errors) == set(jobs)
    assert [str(errors[job] or "") for job in jobs[1:]] == ["", ""]
    assert f"attempt {ATTEMPTS} of {ATTEMPTS}" in str(errors[jobs[0]])
    assert sorted(path.name for path in Path("store").iterdir()) == [job.clip_id for job in jobs[1:]]
