"""The torch backend computes what the ONNX backend computes, hop for hop, for longer than its ring is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sr_runtime.engine.backends.torch_cuda.backend import TorchHops, open_torch
from sr_runtime.engine.backends.torch_cuda.program import Memory
from sr_runtime.engine.bundle import Bundle, load_bundle
from sr_runtime.engine.session import Engine, Session, Step, step_together
from sr_runtime.errors import BundleError, ConfigError, DeviceError
from sr_runtime.picture import stretch
from tests.small_model import WINDOW, moving_pictures, small_bundle

HOPS = 3 * WINDOW


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


def play(session: Session, hops: int = HOPS, first: int = 0) -> np.ndarray:
    """Return the sound of pictures with gaps and a cut."""
    pictures, sound = moving_pictures(HOPS), []
    for hop in range(first, first + hops):
        frame = None if hop % 5 == 3 else pictures[hop]
        sound.append(session.step(frame, is_cut=hop == 10))
    return np.concatenate(sound)


def open_both(seed: int = 3, **settings) -> tuple[Session, Session]:
    """Return sessions of either backend."""
    engines = (Engine(small_bundle()), Engine(small_bundle(), backend="torch"))
    return tuple(engine.open_session(seed, **settings) for engine in engines)


@pytest.mark.parametrize(
    "settings", [{"nfe": 1}, {"nfe": 4, "guidance": 1.0}, {"nfe": 7, "sampler": "heun"}], ids=str
)
def test_both_backends_sound_the_same(settings):
    onnx, other = (play(session) for session in open_both(**settings))
    assert np.abs(onnx).max() > 1e-3
    assert np.allclose(onnx, other, atol=2e-4 * np.abs(onnx).max() + 1e-6)


def test_settings_can_be_turned_while_it_runs():
    onnx, other = open_both(nfe=4)
    sounds = []
    for session in (onnx, other):
        parts = [play(session, 8)]
        session.nfe, session.guidance, session.seed = 2, 5.0, 9
        sounds.append(np.concatenate([*parts, play(session, 8, first=8)]))
    assert np.allclose(*sounds, atol=5e-4 * np.abs(sounds[0]).max() + 1e-6)


def test_a_session_goes_on_in_the_other_backend():
    onnx, other = open_both()
    play(onnx, 20)
    other.load_state(onnx.state())
    assert np.allclose(play(onnx, 10, first=20), play(other, 10, first=20), atol=1e-4)
    states = onnx.state(), other.state()
    assert states[0].keys() == states[1].keys()
    for name, array in states[0].items():
        assert np.allclose(array, states[1][name], atol=2e-3), name


def test_a_reset_session_sounds_like_a_new_one():
    _, session = open_both()
    once = play(session, 12)
    session.reset()
    assert np.array_equal(once, play(session, 12))


def test_sessions_of_one_engine_do_not_hear_each_other():
    engine = Engine(small_bundle(), backend="torch")
    alone = play(engine.open_session(1), 12)
    one, two = engine.open_session(1), engine.open_session(2)
    mixed = []
    for hop in range(12):
        mixed.append(play(one, 1, first=hop))
        play(two, 1, first=hop)
    assert np.array_equal(alone, np.concatenate(mixed))


def test_sessions_computed_together_sound_as_alone_while_others_come_and_go():
    """Within rounding: with other shapes, torch may take another way through the same sum."""
    engine, pictures = Engine(small_bundle(), backend="torch"), moving_pictures(HOPS)
    options = [
        {"nfe": 4, "guidance": 3.0},
        {"nfe": 1, "guidance": 1.0},
        {"nfe": 4},
        {"nfe": 5, "sampler": "heun"},
    ]
    alone = [engine.open_session(seed, **given) for seed, given in enumerate(options)]
    shared = [engine.open_session(seed, shared=True, **given) for seed, given in enumerate(options)]
    running = [0, 1, 2, 3]
    for hop, picture in enumerate(pictures):
        if hop == 9:
            shared[0].close()
            running = [1, 2, 3]
        now = [seed for seed in running if not (seed == 2 and 12 <= hop < 15)]
        sounds = step_together([Step(shared[seed], picture, hop == 20) for seed in now])
        for seed, sound in zip(now, sounds, strict=True):
            expected = alone[seed].step(picture, hop == 20)
            assert np.allclose(sound, expected, atol=2e-4 * np.abs(expected).max() + 1e-6), (hop, seed)


def test_half_precision_stays_near():
    bundle = small_bundle()
    exact = play(Engine(bundle, backend="torch").open_session(1, nfe=1))
    engine = Engine(bundle, backend="torch")
    engine.backend = open_torch(bundle, "cpu", precision="bf16")
    rough = play(engine.open_session(1, nfe=1))
    assert np.isfinite(rough).all()
    error = np.sqrt(np.square(rough - exact).mean() / np.square(exact).mean())
    assert 0 < error < 0.2


@pytest.mark.parametrize("size", [(48, 64), (480, 640), (97, 33), (20, 30), (48, 640)])
def test_pictures_are_stretched_to_the_bit_as_everywhere(size):
    session = Engine(small_bundle(), backend="torch").open_session()
    memory: Memory = session._hops.memory
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    memory.show(0, torch.from_numpy(frame))
    assert np.array_equal(memory["image"][0].numpy(), stretch(frame, 64, 48))


class Moves(TorchDispatchMode):
    """Fails when a tensor's value is read on the host, which a CUDA graph cannot do."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        assert "local_scalar_dense" not in str(function), "a value is read on the host"
        return function(*args, **(kwargs or {}))


def addresses(memory: Memory) -> list[int]:
    """Of every tensor of the sessions' memory."""
    parts = [part.values() if isinstance(part, dict) else [part] for part in vars(memory).values()]
    return [each.data_ptr() for part in parts for each in part if isinstance(each, torch.Tensor)]


def test_nothing_within_a_hop_moves_or_asks_the_host():
    session = Engine(small_bundle(), backend="torch").open_session(nfe=4)
    play(session, 2)
    hop = session._hops
    places = addresses(hop.memory)
    assert len(places) > 10
    with torch.inference_mode(), Moves():
        hop.program(1).prepare()
        hop.program(1).finish("consistency", session.settings.sigmas)
        hop.program(1).look()
    assert addresses(hop.memory) == places


def test_a_pass_in_which_nobody_has_a_hop_due_leaves_no_trace():
    """So a graph can be warmed up in the midst of everything."""
    engine = Engine(small_bundle(), backend="torch")
    session, undisturbed = engine.open_session(1, guidance=2.0), engine.open_session(1, guidance=2.0)
    for hop in range(HOPS):
        memory, program = session._hops.memory, session._hops.program(1)
        memory.is_due.zero_()
        with torch.inference_mode():
            program.prepare()
            program.look()
            program.finish("consistency", session.settings.sigmas)
        assert np.array_equal(play(session, 1, hop), play(undisturbed, 1, hop)), hop


def test_sessions_one_after_the_other_run_what_was_recorded_once(monkeypatch):
    recorded = []
    record = TorchHops.recorded
    monkeypatch.setattr(TorchHops, "recorded", lambda *args: recorded.append(1) or record(*args))
    engine, counts, sounds = Engine(small_bundle(), backend="torch"), [], []
    for _ in range(3):
        session = engine.open_session(seed=2)
        sounds.append(play(session, 12))
        session.close()
        counts.append(len(recorded))
    assert counts[0] == counts[1] == counts[2] > 0
    assert np.array_equal(sounds[0], sounds[1])
    assert np.array_equal(sounds[0], sounds[2])


def test_pictures_that_are_read_only_are_taken(recwarn):
    session = Engine(small_bundle(), backend="torch").open_session()
    picture = np.frombuffer(bytes(48 * 64 * 3), np.uint8).reshape(48, 64, 3)
    assert session.step(picture).shape == (1600, 2)
    assert not [warning for warning in recwarn if "writable" in str(warning.message)]


def test_a_bundle_without_networks_says_how_to_get_them():
    with pytest.raises(BundleError, match="export it with --torch"):
        Engine("probe", backend="torch")


def test_damaged_networks_are_found(tmp_path):
    import shutil

    shutil.copytree(small_bundle().path, tmp_path / "bundle")
    weights = tmp_path / "bundle" / "torch" / "backbone.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(BundleError, match="is damaged"):
        load_bundle(tmp_path / "bundle")


def test_unknown_backends_devices_and_precisions_are_named():
    bundle: Bundle = small_bundle()
    with pytest.raises(ConfigError, match="expected one of onnx, torch, got 'jax'"):
        Engine(bundle, backend="jax")
    with pytest.raises(ConfigError, match="knows cpu, cuda, auto, got 'tensorrt'"):
        Engine(bundle, "tensorrt", backend="torch")
    with pytest.raises(ConfigError, match="expected one of fp32, bf16, got 'int4'"):
        open_torch(bundle, precision="int4")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError, match="sees no CUDA device"):
            Engine(bundle, "cuda", backend="torch")


def test_graphs_belong_to_the_other_backend():
    with pytest.raises(ConfigError, match="only the backend onnx runs graphs"):
        Engine(small_bundle(), backend="torch").graph("vision")


def test_a_broken_hop_is_silent_and_forgotten():
    session = Engine(small_bundle(), backend="torch").open_session()
    play(session, 3)
    state = session.state()
    session.load_state({**state, "k_0": np.full_like(state["k_0"], np.nan)})
    sound = play(session, 1, first=4)
    assert np.isfinite(sound).all()
    assert session.counters.resets_after_nan == 1
    assert np.abs(play(session, 4, first=5)).max() > 0
