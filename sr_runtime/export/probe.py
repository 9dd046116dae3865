"""Build the ``probe`` bundle: a model made by hand that tells where every hop and every flash ends up.

The same graphs, state and sampling as a trained bundle, but each does something that can be predicted:

    vision       token = [brightness, change of brightness, 0, 0]
    transformer  one real attention layer; hidden = [token's first half, attention's first half]
    condition    modulation = [brightness, change]
    head         latent = [change, brightness, noise of standard deviation 0.5, 0 …]
    decoder      counts its hops, sounds the number as tones, clicks once when |change| > 0.25

``sr_runtime.engine.probe`` reads the sound back. Run ``python -m sr_runtime.export.probe`` to rebuild it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from sr_runtime.engine.bundle import (
    SHIPPED_BUNDLES,
    ImageSpec,
    SamplingSpec,
    StateSpec,
    TransformerSpec,
)
from sr_runtime.engine.probe import (
    BASE,
    BRIGHTNESS_STEP,
    DIGIT_HZ,
    DIGITS,
    REFRACTORY_HOPS,
    TONE_LEVEL,
    click_wave,
    tone_envelope,
    tone_frequencies,
)
from sr_runtime.export.writer import session_state, write_bundle
from sr_runtime.types import HOP_SAMPLES, SAMPLE_RATE

OPSET: Final = 20
IMAGE: Final = ImageSpec(width=32, height=32, first_difference="zero")
TRANSFORMER: Final = TransformerSpec(layers=1, width=4, kv_heads=1, head_size=4, window=16)
LATENT: Final = 64
_TYPES: Final = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "uint8": TensorProto.UINT8}

Port = tuple[str, tuple[int, ...], str]


class GraphBuilder:
    """Collects nodes and constants of a small graph."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, value: Any, dtype: str = "float32") -> str:
        """Add a constant and return its name."""
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value, dtype=dtype), name))
        return name

    def node(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """Add a node of one output and return that output's name."""
        output = name or f"n{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def pick(self, tensor: str, start: int, stop: int, axis: int = -1) -> str:
        """Add a slice of one axis."""
        bounds = (self.constant([start], "int64"), self.constant([stop], "int64"))
        return self.node("Slice", tensor, *bounds, self.constant([axis], "int64"))

    def shape(self, tensor: str, *shape: int, name: str = "") -> str:
        """Add a reshape."""
        return self.node("Reshape", tensor, self.constant(shape, "int64"), name=name)

    def model(self, inputs: list[Port], outputs: list[Port]) -> onnx.ModelProto:
        """Return the finished, checked model."""
        graph = helper.make_graph(
            self._nodes, "probe", [_port(p) for p in inputs], [_port(p) for p in outputs], self._constants
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
        onnx.checker.check_model(model, full_check=True)
        return model


def _port(port: Port) -> onnx.ValueInfoProto:
    """Return a tensor of any number of rows; ``shape`` is that of one."""
    name, shape, dtype = port
    return helper.make_tensor_value_info(name, _TYPES[dtype], ("rows", *shape))


def vision_graph() -> onnx.ModelProto:
    """Return image, prev_grid → grid (the mean brightness, 0–1), token."""
    g = GraphBuilder()
    pixels = g.node("Cast", "image", to=TensorProto.FLOAT)
    mean = g.node("ReduceMean", pixels, g.constant([1, 2, 3], "int64"), keepdims=1)
    g.node("Div", mean, g.constant(255.0), name="grid")
    change = g.node("Sub", "grid", "prev_grid")
    nothing = g.node("Mul", change, g.constant(0.0))
    values = g.node("Concat", "grid", change, nothing, nothing, axis=3)
    g.shape(values, -1, 1, 4, name="token")
    image: Port = ("image", (IMAGE.height, IMAGE.width, 3), "uint8")
    grid: tuple[tuple[int, ...], str] = ((1, 1, 1), "float32")
    return g.model([image, ("prev_grid", *grid)], [("grid", *grid), ("token", (1, 4), "float32")])


def transformer_graph() -> onnx.ModelProto:
    """Return one attention layer over the ring and the token itself."""
    g = GraphBuilder()
    rotated = g.shape(_rotate(g, "tokens"), -1, 1, 1, 4, name="k_new_0")
    value = g.shape("tokens", -1, 1, 1, 4, name="v_new_0")
    past = g.node("MatMul", rotated, g.node("Transpose", "k_0", perm=[0, 1, 3, 2]))
    past = g.node("Add", past, g.shape("mask", -1, 1, 1, TRANSFORMER.window))
    own = g.node("ReduceSum", g.node("Mul", rotated, rotated), g.constant([-1], "int64"), keepdims=1)
    weights = g.node("Softmax", g.node("Concat", past, own, axis=3), axis=3)
    window = TRANSFORMER.window
    seen = g.node("MatMul", g.pick(weights, 0, window), "v_0")
    itself = g.node("Mul", g.pick(weights, window, window + 1), value)
    attention = g.shape(g.node("Add", seen, itself), -1, 1, 4)
    g.node("Concat", g.pick("tokens", 0, 2), g.pick(attention, 0, 2), axis=2, name="hidden")
    cache: tuple[tuple[int, ...], str] = ((1, window, 4), "float32")
    one: tuple[tuple[int, ...], str] = ((1, 1, 4), "float32")
    inputs: list[Port] = [("tokens", (1, 4), "float32"), ("k_0", *cache), ("v_0", *cache)]
    inputs += [("cos", (2,), "float32"), ("sin", (2,), "float32"), ("mask", (window,), "float32")]
    return g.model(inputs, [("hidden", (1, 4), "float32"), ("k_new_0", *one), ("v_new_0", *one)])


def _rotate(g: GraphBuilder, tokens: str) -> str:
    first, second = g.pick(tokens, 0, 2), g.pick(tokens, 2, 4)
    cos, sin = g.shape("cos", -1, 1, 2), g.shape("sin", -1, 1, 2)
    real = g.node("Sub", g.node("Mul", first, cos), g.node("Mul", second, sin))
    imaginary = g.node("Add", g.node("Mul", first, sin), g.node("Mul", second, cos))
    return g.node("Concat", real, imaginary, axis=2)


def condition_graph() -> onnx.ModelProto:
    """Return the two values of z that matter, untouched by the noise level."""
    g = GraphBuilder()
    unheard = g.node("Mul", g.shape("sigma", -1, 1), g.constant(0.0))
    g.node("Add", g.pick("z", 4, 6), unheard, name="modulation")
    return g.model([("sigma", (), "float32"), ("z", (8,), "float32")], [("modulation", (2,), "float32")])


def head_graph() -> onnx.ModelProto:
    """Return a denoiser that knows the answer: two values of the condition, and one that is Gaussian."""
    g = GraphBuilder()
    brightness, change = g.pick("modulation", 0, 1), g.pick("modulation", 1, 2)
    sigma = g.shape("sigma", -1, 1)
    total = g.node("Add", g.node("Mul", sigma, sigma), g.constant([0.25]))
    shrink = g.node("Div", g.constant([0.5]), g.node("Sqrt", total))
    noise = g.node("Mul", g.pick("x_t", 2, 3), shrink)
    rest = g.node("Mul", g.pick("x_t", 3, LATENT), g.constant(0.0))
    g.node("Concat", change, brightness, noise, rest, axis=1, name="denoised")
    g.shape(g.pick("denoised", 0, 4), -1, 1, 4, name="audio_token")
    latent: tuple[tuple[int, ...], str] = ((LATENT,), "float32")
    inputs: list[Port] = [("x_t", *latent), ("sigma", (), "float32"), ("modulation", (2,), "float32")]
    return g.model(inputs, [("denoised", *latent), ("audio_token", (1, 4), "float32")])


def decoder_graph() -> onnx.ModelProto:
    """Return latent, hop number, refractory count → sound and the two counters moved on."""
    g = GraphBuilder()
    wave = g.node("Add", _tones(g), _click(g))
    g.node("Add", "probe_hop", g.constant([1], "int64"), name="probe_hop_new")
    # The left side is always the louder one, so that swapped channels show; the seed is heard on the right.
    jitter = g.node("Mul", g.node("Tanh", g.pick("latent", 2, 3)), g.constant(0.2))
    right = g.node("Mul", wave, g.node("Add", jitter, g.constant(0.7)))
    columns = [g.shape(side, -1, HOP_SAMPLES, 1) for side in (wave, right)]
    g.node("Concat", *columns, axis=2, name="audio")
    count: tuple[tuple[int, ...], str] = ((), "int64")
    inputs: list[Port] = [("latent", (LATENT,), "float32"), ("probe_hop", *count), ("probe_wait", *count)]
    outputs: list[Port] = [("audio", (HOP_SAMPLES, 2), "float32")]
    return g.model(inputs, [*outputs, ("probe_hop_new", *count), ("probe_wait_new", *count)])


def _tones(g: GraphBuilder) -> str:
    """Return the hop number as tones, (rows, 1600)."""
    digits = g.node("Div", g.shape("probe_hop", -1, 1), g.constant(BASE ** np.arange(DIGITS), "int64"))
    digits = g.node("Cast", g.node("Mod", digits, g.constant([BASE], "int64")), to=TensorProto.FLOAT)
    steps = g.node("Mul", digits, g.constant([DIGIT_HZ]))
    frequency = g.node("Add", steps, g.constant(tone_frequencies()[:, 0]))
    turns = g.constant(2 * np.pi * np.arange(HOP_SAMPLES)[None] / SAMPLE_RATE)
    phase = g.node("Mul", g.shape(frequency, -1, DIGITS, 1), turns)
    total = g.node("ReduceSum", g.node("Sin", phase), g.constant([1], "int64"), keepdims=0)
    return g.node("Mul", total, g.constant(TONE_LEVEL * tone_envelope()[None]))


def _click(g: GraphBuilder) -> str:
    """Return the clicks, (rows, 1600)."""
    change = g.shape(g.node("Abs", g.pick("latent", 0, 1)), -1)
    is_step = g.node("Greater", change, g.constant([BRIGHTNESS_STEP]))
    is_free = g.node("Equal", "probe_wait", g.constant([0], "int64"))
    clicks = g.node("And", is_step, is_free)
    waited = g.node("Max", g.node("Sub", "probe_wait", g.constant([1], "int64")), g.constant([0], "int64"))
    g.node("Where", clicks, g.constant([REFRACTORY_HOPS], "int64"), waited, name="probe_wait_new")
    gains = g.shape(g.node("Cast", clicks, to=TensorProto.FLOAT), -1, 1)
    return g.node("Mul", gains, g.constant(click_wave()[None]))


def build_probe(folder: Path) -> None:
    """Write the probe bundle to ``folder``."""
    counters = (StateSpec("probe_hop", (1,), "int64"), StateSpec("probe_wait", (1,), "int64"))
    write_bundle(
        folder,
        {
            "vision": vision_graph(),
            "transformer": transformer_graph(),
            "condition": condition_graph(),
            "head": head_graph(),
            "decoder": decoder_graph(),
        },
        {"bos": np.zeros((1, 1, 4), np.float32), "null_token": np.zeros((1, 1, 4), np.float32)},
        {
            "name": "probe",
            "description": "Made by hand: each hop sounds its number, a step of brightness clicks once.",
            "licence": "Apache-2.0",
            "precision": "fp32",
            "image": IMAGE,
            "latent_size": LATENT,
            "transformer": TRANSFORMER,
            "sampling": SamplingSpec(guidance=1.0, nfe=1),
            "state": session_state(IMAGE, (1, 1, 1, 1), TRANSFORMER, counters),
        },
    )
    (folder / "MODEL_CARD.md").write_text(_CARD, encoding="utf-8")


_CARD: Final = """# probe

Not a trained model: a bundle made by hand (`python -m sr_runtime.export.probe`) that makes delays, gaps and
order audible and measurable.

* Each hop sounds its number (modulo 32768) as five tones, one per octal digit.
* A step of the picture's mean brightness by more than a quarter, up or down, gives exactly one click, at
  sample 60 of the hop that saw it; further steps within 100 ms belong to it.
* The left side is louder than the right; how much depends on the seed.
* Guidance scales the step: 0 silences the clicks.

`sr_runtime.engine.probe` has `read_hops(audio)` and `find_clicks(audio)`. Licence: Apache-2.0. It says
nothing about quality: use it for latency, synchrony and wiring only.
"""

if __name__ == "__main__":
    build_probe(SHIPPED_BUNDLES / "probe")
