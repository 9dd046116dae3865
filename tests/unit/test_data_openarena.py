"""OpenArena's maps, takes, command lines and messages, without the game."""

from __future__ import annotations

import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from typer.testing import CliRunner

from sr_runtime.cli.main import build_app
from sr_runtime.data import openarena, openarena_demo, openarena_recorder
from sr_runtime.data.openarena import Programs, find_programs, game_command, game_environment, run_game
from sr_runtime.data.openarena_demo import play, play_commands, show_commands, shown
from sr_runtime.data.openarena_log import MARK
from sr_runtime.data.openarena_take import Take, bots_of, plan_takes, take_named, takes_of_demos
from sr_runtime.data.splits import OPENARENA_MAPS, check_recordable, split_of
from sr_runtime.data.store import ClipStore
from sr_runtime.errors import DataError, HeldOutError, MissingDependency

TRAIN = ["oa_dm1", "oa_dm2", "oa_dm3", "oa_dm4", "oa_rpg3dm2"]
TAKE = Take("train", "oa_dm3", seed=7, index=12)


def fake_game(folder: Path, script: str) -> Programs:
    """Return programs of which the game is a shell script and the screen says it is number 5."""
    programs = []
    for name, text in (("game", script), ("screen", "echo 5 >&$2; exec sleep 60")):
        path = folder / name
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        programs.append(str(path))
    return Programs(*programs)


# Splits


def test_the_maps_are_split_as_decided():
    assert [level.map.lower() for level in OPENARENA_MAPS["train"]] == TRAIN
    assert [level.map.lower() for level in OPENARENA_MAPS["validation"]] == ["oa_dm5"]
    assert {split_of("openarena", name) for name in TRAIN} == {"train"}
    assert split_of("OpenArena", "oa_dm5") == "validation"


@pytest.mark.parametrize("name", ["oa_dm6", "oa_dm7", "aggressor", "oa_ctf1", "q3dm17", "oa_dm10"])
def test_every_other_map_is_held_out(name: str):
    for split in ("train", "validation", None):
        with pytest.raises(HeldOutError, match="is held out"):
            check_recordable("openarena", name, split)
    with pytest.raises(HeldOutError):
        plan_takes("train", 1, 60, [name])
    with pytest.raises(HeldOutError):
        play(Take("train", name, 1, 0), Path("never.dm_71"))
    with pytest.raises(HeldOutError), shown(Take("train", name, 1, 0), Path("never.dm_71"), 30):
        pass
    with pytest.raises(HeldOutError):
        take_named(f"openarena-train-{name}-s1-00000")


def test_the_validation_map_is_refused_for_training():
    with pytest.raises(HeldOutError, match="--split validation"):
        plan_takes("train", 1, 60, ["oa_dm5"])
    with pytest.raises(HeldOutError, match="--split validation"):
        take_named("openarena-train-oa_dm5-s1-00000")


def test_the_command_refuses_a_held_out_map_before_it_looks_for_the_game(tmp_path: Path):
    out = tmp_path / "store"
    result = CliRunner().invoke(build_app(), ["record", "openarena", "--out", str(out), "--map", "oa_dm6"])
    assert isinstance(result.exception, HeldOutError)
    assert not out.exists()


def test_the_command_makes_clips_of_the_splits_demos_and_names_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    demos, asked = tmp_path / "demos", []
    demos.mkdir()
    for name in ("openarena-train-oa_dm1-s1-00000", "openarena-validation-oa_dm5-s1-00000"):
        (demos / f"{name}.dm_71").touch()

    def record_takes(takes: list[Take], store: ClipStore, folder: Path, workers: int) -> Iterator[tuple]:
        asked.append(([take.map for take in takes], store.root, folder, workers))
        yield takes[0], DataError("it failed")

    monkeypatch.setattr(openarena, "find_programs", lambda: Programs("game", "screen"))
    monkeypatch.setattr(openarena_recorder, "record_takes", record_takes)
    options = ["--out", str(tmp_path / "store"), "--demos", str(demos), "--workers", "3"]
    result = CliRunner().invoke(build_app(), ["record", "openarena", *options])
    assert asked == [(["oa_dm1"], tmp_path / "store", demos, 3)]
    assert isinstance(result.exception, DataError)
    assert "1 of 1 takes failed: openarena-train-oa_dm1-s1-00000" in str(result.exception)


# Takes


def test_the_maps_take_turns():
    takes = plan_takes("train", 1, 20 * 60)
    assert [take.map for take in takes] == TRAIN * 2
    assert {take.map for take in plan_takes("validation", 1, 1200)} == {"oa_dm5"}


@pytest.mark.parametrize(
    ("seconds", "clips", "hops"), [(5, [1], 150), (30, [1], 900), (31, [2], 900), (330, [4, 4, 3], 900)]
)
def test_minutes_become_whole_clips(seconds: int, clips: list[int], hops: int):
    takes = plan_takes("train", 1, seconds)
    assert [take.clips for take in takes] == clips
    assert {take.hops for take in takes} == {hops}


def test_more_minutes_only_append_clips():
    def names(seconds: int) -> list[str]:
        return [clip_id for take in plan_takes("train", 3, seconds) for clip_id in take.clip_ids]

    assert names(1500)[: len(names(330))] == names(330)


def test_nothing_to_record_is_an_error():
    with pytest.raises(DataError, match="0 s"):
        plan_takes("train", 1, 0)


def test_a_demos_name_tells_its_take():
    assert TAKE.name == "openarena-train-oa_dm3-s7-00012"
    assert take_named(TAKE.name) == TAKE


def test_demos_are_found_by_split_and_strange_names_are_refused(tmp_path: Path):
    for name in ("openarena-train-oa_dm1-s1-00000", "openarena-validation-oa_dm5-s1-00000"):
        (tmp_path / f"{name}.dm_71").touch()
    assert [take.map for take in takes_of_demos(tmp_path, "validation")] == ["oa_dm5"]
    (tmp_path / "mine.dm_71").touch()
    with pytest.raises(DataError, match=r"mine\.dm_71 is no demo of this recorder"):
        takes_of_demos(tmp_path, "train")


def test_a_folder_without_demos_is_an_error(tmp_path: Path):
    with pytest.raises(DataError, match="no train demos"):
        takes_of_demos(tmp_path, "train")


def test_bots_follow_from_seed_and_index():
    names = openarena_demo.BOTS
    takes = plan_takes("train", 1, 3600)
    assert [bots_of(take, names) for take in takes] == [bots_of(take, names) for take in takes]
    for bots in (bots_of(take, names) for take in takes):
        assert 4 <= len(bots) <= 6
        assert len({name for name, _ in bots}) == len(bots)
        assert {skill for _, skill in bots} <= {2, 3, 4, 5}
    assert len({bots_of(take, names)[0] for take in takes}) > 5


# Command lines


def test_the_engine_gets_few_arguments_and_the_rest_in_files():
    command = game_command(Programs("/usr/games/openarena", "Xvfb"), Path("/tmp/home"), 90)
    assert command[:5] == ["timeout", "--foreground", "-k", "5", "90"]
    assert sum(word.startswith("+") for word in command) + 7 <= 32  # Debian's own wrapper adds 7
    assert command[-2:] == ["+exec", "take.cfg"]


def test_the_game_runs_without_desktop_and_sound_card(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    monkeypatch.setenv("DISPLAY", ":0")
    environment = game_environment(Path("/tmp/home"), ":7")
    assert (environment["DISPLAY"], environment["HOME"]) == (":7", "/tmp/home")
    assert environment["SDL_AUDIODRIVER"] == "dummy"
    assert environment["LIBGL_ALWAYS_SOFTWARE"] == "1"
    assert "WAYLAND_DISPLAY" not in environment


def test_a_take_is_played_to_its_end_and_seen_through_its_first_bot():
    commands = play_commands(TAKE)
    assert commands[0] == "devmap oa_dm3"
    assert commands[-2:] == ["stoprecord", "quit"]
    bots = [command for command in commands if command.startswith("addbot")]
    assert bots[0] == "addbot {} {} free 0".format(*bots_of(TAKE, openarena_demo.BOTS)[0])
    recorded = commands[commands.index(f"record {TAKE.name}") + 1]
    looks = int(recorded.removeprefix("wait "))
    assert looks / 2 * 0.033 >= 4 * 30 + 2  # two looks a frame of 33 ms
    assert commands.index("follow 1") < commands.index(f"record {TAKE.name}")


def test_showing_marks_the_first_picture_and_writes_a_few_more_than_asked_for():
    commands = show_commands(TAKE.name, 900)
    assert commands.index(f"echo {MARK}") == commands.index(f"video {TAKE.name}") - 1
    assert commands.index("configstrings") < commands.index(f"echo {MARK}")
    assert int(commands[-3].removeprefix("wait ")) >= 2 * 901
    assert commands[-2:] == ["stopvideo", "quit"]
    assert commands[0] == "set fixedtime 33"  # the same start on every machine


def test_no_event_is_written_on_the_picture_and_the_sound_has_no_head_start():
    settings = openarena_demo._SHOW_SETTINGS
    assert settings["cl_noprint"] == 1
    assert settings["con_notifytime"] == -1
    assert settings["cg_draw2D"] == 0
    assert settings["s_mixahead"] == settings["s_mixPreStep"] == 0
    assert (settings["cl_aviFrameRate"], settings["s_sdlSpeed"], settings["s_useOpenAL"]) == (30, 48000, 0)
    assert 30 <= settings["com_maxfps"] <= 60  # the game drops sounds 50 ms of real time apart


def test_the_announcer_is_made_silent(tmp_path: Path):
    openarena_demo._silence_announcer(tmp_path)
    for name in ("takenlead", "excellent", "1_frag"):
        sound, _ = soundfile.read(tmp_path / "sound" / "feedback" / f"{name}.wav")
        assert len(sound) > 0
        assert not sound.any()


# Running


def test_missing_programs_name_their_packages(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(openarena.shutil, "which", lambda name, path: None)
    with pytest.raises(MissingDependency, match=r"openarena and Xvfb cannot be found.*apt-get install.*xvfb"):
        find_programs()


def test_games_are_found_where_debian_puts_them(monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []

    def which(name: str, path: str) -> str:
        asked.append(path)
        return f"/somewhere/{name}"

    monkeypatch.setattr(openarena.shutil, "which", which)
    assert find_programs() == ("/somewhere/openarena", "/somewhere/Xvfb")
    assert all(path.endswith(":/usr/games") for path in asked)


def test_a_run_gets_its_settings_and_returns_what_was_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    script = 'echo "on $DISPLAY"; cat "$3/baseoa/autoexec.cfg" "$3/baseoa/take.cfg"; echo "[$*]" >&2'
    monkeypatch.setattr(openarena, "find_programs", lambda: fake_game(tmp_path, script))
    log = run_game(tmp_path / "home", {"s_volume": 0.3, "nextdemo": "quit"}, ["demo a", "quit"], 20)
    assert log.splitlines()[:5] == ["on :5", 'set s_volume "0.3"', 'set nextdemo "quit"', "demo a", "quit"]
    assert "+exec take.cfg" in log


def test_a_run_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        openarena, "find_programs", lambda: fake_game(tmp_path, "echo loading; exec sleep 60")
    )
    with pytest.raises(DataError, match=r"did not end within 1 s.*loading"):
        run_game(tmp_path / "home", {}, ["quit"], 1)


def test_a_run_that_fails_tells_the_games_last_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(openarena, "find_programs", lambda: fake_game(tmp_path, "echo no such map; exit 3"))
    with pytest.raises(DataError, match=r"ended with code 3.*no such map"):
        run_game(tmp_path / "home", {}, ["quit"], 20)


def test_a_screen_that_does_not_start_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    programs = fake_game(tmp_path, "true")
    Path(programs.screen).write_text("#!/bin/bash\nexit 1\n")
    monkeypatch.setattr(openarena, "find_programs", lambda: programs)
    with pytest.raises(DataError, match="Xvfb -displayfd 1"):
        run_game(tmp_path / "home", {}, ["quit"], 20)


def configstrings(name: str, pictures: int) -> str:
    shown_lines = "".join(f"cg.clientFrame:{n}\n" for n in range(pictures))
    return f"   0: \\g_gametype\\0\\mapname\\{name}\\fraglimit\\0\n{MARK}\n{shown_lines}"


@pytest.mark.parametrize(
    ("log", "error", "message"),
    [
        (configstrings("oa_dm6", 99), HeldOutError, "held out"),
        (configstrings("oa_dm5", 99), HeldOutError, "--split validation"),
        (configstrings("oa_dm1", 99), DataError, "was played on oa_dm1, its name says oa_dm3"),
        (configstrings("oa_dm3", 40), DataError, r"holds 1\.3 s, expected 2\.0 s"),
        ("Error: not a demo", DataError, "it is no demo, or damaged.*not a demo"),
    ],
)
def test_a_demo_that_is_not_what_its_name_says_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: str, error: type[DataError], message: str
):
    demo = tmp_path / "any.dm_71"
    demo.touch()
    monkeypatch.setattr(openarena_demo, "run_game", lambda *args: log)
    with pytest.raises(error, match=message), shown(TAKE, demo, 60):
        pass


def test_a_game_that_wrote_no_demo_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(openarena_demo, "run_game", lambda *args: "could not load map\n")
    with pytest.raises(DataError, match=r"wrote no demo of oa_dm3.*could not load map"):
        play(TAKE, tmp_path / "demos" / "take.dm_71")
    assert not (tmp_path / "demos").exists()


def test_a_played_demo_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def run(home: Path, *args: object) -> str:
        folder = home / "baseoa" / "demos"
        folder.mkdir(parents=True)
        (folder / f"{TAKE.name}.dm_71").write_bytes(b"demo")
        return ""

    monkeypatch.setattr(openarena_demo, "run_game", run)
    play(TAKE, tmp_path / "demos" / "take.dm_71")
    assert [path.name for path in (tmp_path / "demos").iterdir()] == ["take.dm_71"]


def test_what_is_missing_is_told_from_the_store(tmp_path: Path):
    assert TAKE.missing(ClipStore(tmp_path)) == [0, 1, 2, 3]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_finished_run_leaves_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(openarena, "find_programs", lambda: fake_game(tmp_path, "true"))
    run_game(tmp_path / "home", {}, ["quit"], 20)
    here = str(tmp_path)
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert here not in process.read_text()
        except OSError:
            continue
