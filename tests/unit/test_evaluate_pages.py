"""The pages of an evaluation: pieces to listen to, a blind test that names nothing, all of it in one file."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
import soundfile

from sr_runtime.evaluate.clips import EvaluationClip
from sr_runtime.evaluate.evaluation import Example
from sr_runtime.evaluate.excerpts import all_excerpts, cut
from sr_runtime.evaluate.html_pages import html_of, trials
from tests.unit.game_sounds import write_clip

PAGES = Path(__file__).parents[2] / "sr_runtime" / "evaluate" / "pages"
SYSTEMS = ("real", "model", "other_clip", "retrieval", "vae")


def example(root: Path, name: str, hops: int = 720) -> Example:
    flashes = [5, 300, 310, 320, 700, 950]
    clip = write_clip(root, name, "sparse", [flash for flash in flashes if flash < hops], hops=hops)
    true = EvaluationClip(0, clip, True)
    sounds = {system: true.true_audio * gain for gain, system in enumerate(SYSTEMS)}
    sounds["real"] = true.true_audio
    return Example(true, sounds)


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> list[Example]:
    root = tmp_path_factory.mktemp("store")
    return [example(root, f"clip-{number}") for number in range(2)]


def content(uri: str) -> bytes:
    return base64.b64decode(uri.partition("base64,")[2])


def test_pieces_are_the_loudest_of_each_third(examples):
    pieces = cut(examples[0])
    assert [piece.hops for piece in pieces] == [240] * 3
    starts = [piece.start_s for piece in pieces]
    assert starts == [0.0, 8.0, 16.0], "24 s hold three pieces of 8 s and no more"


def test_piece_of_a_longer_clip_moves_to_where_the_sound_is(tmp_path: Path):
    long = example(tmp_path, "long", hops=1080)  # 36 s, three thirds of 12 s
    third = cut(long)[2]
    assert 24.0 <= third.start_s <= 28.0
    assert third.start_s <= 950 / 30 < third.start_s + 8, "the burst at 31.7 s is in it"


def test_short_clip_is_one_piece(tmp_path: Path):
    pieces = cut(example(tmp_path, "short", hops=90))
    assert [(piece.start_s, piece.hops) for piece in pieces] == [(0.0, 90)]


def test_piece_has_its_own_sound_unaltered(examples):
    piece = cut(examples[0])[1]
    heard, rate = soundfile.read(io.BytesIO(content(piece.sound("real"))), dtype="float32")
    true = examples[0].clip.true_audio[8 * 48_000 : 16 * 48_000]
    assert rate == 48_000
    assert np.abs(heard - true).max() < 2 / 32768


def test_sheet_holds_every_picture_in_its_place(examples):
    sheet = cut(examples[0])[1].sheet()
    pixels = simplejpeg.decode_jpeg(content(sheet.uri))
    assert (sheet.count, sheet.columns) == (240, 16)
    assert pixels.shape == (15 * sheet.tile, 16 * sheet.tile, 3)
    brightness = [
        pixels[k // 16 * sheet.tile :, k % 16 * sheet.tile :][10:100, 10:100].mean() for k in range(240)
    ]
    white = np.flatnonzero(np.array(brightness) > 128)
    # Flashes of 3 hops at 300, 310 and 320; the piece begins at hop 240.
    assert white.tolist() == [*range(60, 63), *range(70, 73), *range(80, 83)]


def test_every_piece_is_one_trial_and_opponents_take_turns(examples):
    asked = trials(all_excerpts(examples))
    pairs = [tuple(sound["system"] for sound in trial["sounds"]) for trial in asked]
    assert len(asked) == 6
    assert {first for first, _ in pairs} == {"model"}
    assert [second for _, second in pairs] == ["real", "retrieval", "vae", "other_clip", "real", "retrieval"]
    assert len({(trial["clip"], trial["start_s"]) for trial in asked}) == 6


def test_trials_do_without_what_is_not_there(examples):
    bare = [Example(e.clip, {name: e.sounds[name] for name in ("real", "model")}) for e in examples]
    assert {trial["sounds"][1]["system"] for trial in trials(all_excerpts(bare))} == {"real"}


def test_markdown_becomes_a_table_and_nothing_is_markup_by_accident():
    page = html_of("# A `b`\n\n| a<b | c |\n| --- | --- |\n| **1** | 2 |\n\none\ntwo")
    assert "<h1>A <code>b</code></h1>" in page
    assert "<tr><th>a&lt;b</th><th>c</th></tr>" in page
    assert "<td><b>1</b></td>" in page
    assert page.endswith("<p>one two</p>")


def test_listening_page_shows_no_name():
    shown = re.sub(r"<script>.*?</script>", "", (PAGES / "listening.html").read_text(), flags=re.DOTALL)
    for name in ("model", "generated", "real", "retrieval", "VAE"):
        assert not re.search(rf"\b{name}\b", shown, re.IGNORECASE)


def test_pages_ask_nothing_of_the_network():
    for page in PAGES.iterdir():
        assert not re.search(r"https?://|fetch\(|XMLHttpRequest|import\(", page.read_text()), page.name


def run_script(body: str) -> str:
    """Run the listening page's script in node, with just enough of a browser around it."""
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    script = re.search(r"<script>(.*)</script>", (PAGES / "listening.html").read_text(), re.DOTALL)
    trial = {"clip": "c", "start_s": 1.5, "sheet": {}, "sounds": [{"system": "model"}, {"system": "real"}]}
    text = script[1].replace("$player", "").replace("$trials", json.dumps([trial, trial]))
    done = subprocess.run(
        ["node", "-e", BROWSER + text.replace("$test", "t1") + body], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


BROWSER = """
const elements = {}, stored = {};
let chosen = {fits: "a", sounds: "same"};
const document = {
  getElementById: (id) => elements[id] ||= {value: "", hidden: false},
  querySelectorAll: () => [],
  querySelector: (query) => ({value: chosen[/name=(\\w+)/.exec(query)[1]]}),
};
const localStorage = {
  getItem: (key) => stored[key] || null,
  setItem: (key, value) => { stored[key] = value; },
};
class Player { add(name, uri, onTime) { (this.told ||= {})[name] = onTime; } play() {} stop() {} }
"""


def test_answer_is_saved_under_the_system_that_was_heard():
    shown = run_script(
        """
        state = {order: [1, 0], swap: [1, 0], ratings: [], rater: ""}; show();
        console.log(find("next").disabled);
        player.told.a("a", 1); player.told.b("b", 1);
        console.log(find("next").disabled);
        find("play-a").onclick(); rate(); chosen.fits = "b"; rate();
        find("rater").value = 'Ann "B", C';
        console.log(csv());
        """
    ).split("\n", 2)
    assert shown[:2] == ["true", "false"], "an answer counts only after both were heard"
    head, first, second, *_ = shown[2].splitlines()
    columns = head.split(",")
    assert columns[0] == "rater" and first.startswith('"Ann ""B"", C",')
    one, two = (
        dict(zip(columns[2:], re.findall(r'"([^"]*)"', row)[-10:], strict=True)) for row in (first, second)
    )
    assert (one["trial"], one["a"], one["b"], one["fits"], one["sounds"]) == (
        "1",
        "real",
        "model",
        "real",
        "same",
    )
    assert (two["trial"], two["a"], two["b"], two["fits"]) == ("0", "model", "real", "real")
    assert (one["plays_a"], one["plays_b"], one["test"], one["start_s"]) == ("1", "0", "t1", "1.5")


def test_ratings_outlive_the_page():
    shown = run_script(
        """
        player.told.a("a", 1); player.told.b("b", 1); rate();
        console.log(load().ratings.length, JSON.stringify(load().order) === JSON.stringify(state.order));
        """
    )
    assert shown.split() == ["1", "true"]
