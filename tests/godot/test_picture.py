"""What the runtime gets to see: the right picture, the right size, 30 times a second."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from sr_bridge.media import DISCONTINUITY

from tests.godot.collector import Collector
from tests.godot.game import Game

RED, GREEN, BLUE = (200, 40, 30), (40, 180, 60), (50, 70, 220)
RENDERERS = ["compatibility", "forward"]


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A runtime that keeps the pictures."""
    with Collector() as one:
        yield one


def show(play: Callable[..., Game], collector: Collector, scene: str, **options: object) -> Game:
    """Show a scene whose link goes to the collector."""
    game = play(scene=f"res://tests/scenes/{scene}.tscn", **options)
    game.order(f"put(link, 'address', '{collector.endpoint}')")
    game.wait_for_state("RUNNING")
    return game


def assert_is_card(rgb: np.ndarray) -> None:
    """Check the test card's four quarters, top row first."""
    height, width, _ = rgb.shape
    quarter = {
        "top left": (rgb[4 : height // 2 - 4, 4 : width // 2 - 4], RED),
        "top right": (rgb[4 : height // 2 - 4, width // 2 + 4 : -4], GREEN),
        "bottom left": (rgb[height // 2 + 4 : -4, 4 : width // 2 - 4], BLUE),
    }
    for name, (part, color) in quarter.items():
        assert np.abs(part.astype(int) - color).max() <= 3, f"{name}: {part.reshape(-1, 3)[0]}, not {color}"
    stripes = rgb[height // 2 + 4 : -4, width // 2 + 4 : -4].astype(int)
    assert abs(stripes.mean() - 127) < 12, f"fine stripes must average to grey: {stripes.mean()}"
    assert stripes.std() < 30, f"fine stripes must not flicker: {stripes.std()}"


@pytest.mark.parametrize("renderer", RENDERERS)
def test_the_window_arrives_upright_in_true_colours_at_the_size_asked_for(
    play: Callable[..., Game], collector: Collector, renderer: str
) -> None:
    show(play, collector, "card", renderer=renderer)
    pictures = collector.wait_for_pictures(12)
    assert {picture.rgb.shape for picture in pictures} == {(48, 64, 3)}
    assert_is_card(pictures[-1].rgb)
    assert [picture.header.seq for picture in pictures] == list(
        range(pictures[0].header.seq, pictures[0].header.seq + 12)
    )


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_camera_can_be_the_source(play: Callable[..., Game], collector: Collector, renderer: str) -> None:
    show(play, collector, "card_camera", renderer=renderer)
    rgb = collector.wait_for_pictures(10)[-1].rgb.astype(int)
    assert rgb[:, :24, 0].min() > 180 and rgb[:, :24, 2].max() < 60, "left of the camera is red"
    assert rgb[:, 40:, 2].min() > 180 and rgb[:, 40:, 0].max() < 60, "right of the camera is blue"


def test_linear_light_is_sent_as_srgb(play: Callable[..., Game], collector: Collector) -> None:
    game = show(play, collector, "card", renderer="forward")
    game.order("put(tree.root, 'use_hdr_2d', true)")
    collector.wait_for_pictures(10)
    assert_is_card(collector.wait_for_pictures(5)[-1].rgb)


def test_a_fast_game_sends_thirty_pictures_a_second_at_most_in_order(
    play: Callable[..., Game], collector: Collector
) -> None:
    show(play, collector, "card", options=["--audio-driver", "Dummy", "--max-fps", "100"])
    captured = np.array([picture.header.capture_ns for picture in collector.wait_for_pictures(60)])
    assert (np.diff(captured) > 0).all(), "pictures in the order in which they were taken"
    rate = 59 / ((captured[-1] - captured[0]) / 1e9)
    assert 2.0 < rate < 30.8, f"{rate:.1f} pictures a second"


def test_a_scene_cut_marks_exactly_one_picture_and_reset_asks_the_runtime(
    play: Callable[..., Game], collector: Collector
) -> None:
    game = show(play, collector, "card")
    collector.wait_for_pictures(5)
    game.order("link.reset()")
    pictures = collector.wait_for_pictures(20)
    assert sum(bool(picture.header.flags & DISCONTINUITY) for picture in collector.pictures) == 1
    assert pictures and [control.reset for control in collector.controls if control.reset] == [True]


def test_settings_reach_the_runtime_with_hello_and_with_control(
    play: Callable[..., Game], collector: Collector
) -> None:
    game = show(play, collector, "card")
    hello = collector.hellos[-1]
    assert (hello.client, hello.play, hello.mode, hello.audio, hello.seed) == (
        "godot-plugin",
        "engine",
        "live",
        "float32",
        0,
    )
    for name, value in [("guidance", 2.5), ("nfe", 3), ("noise_seed", 77), ("play", 2)]:
        game.order(f"put(link, '{name}', {value})")
    game.wait_for("controls", lambda: any(control.play == "both" for control in collector.controls))
    merged: dict[str, object] = {}
    for control in collector.controls:
        merged |= {
            key: value for key, value in vars(control).items() if value is not None and key != "session"
        }
    assert merged["guidance"] == 2.5 and merged["nfe"] == 3 and merged["seed"] == 77
    game.order("link.close()")
    game.order("link.open()")
    game.wait_for("a second hello", lambda: len(collector.hellos) > 1)
    game.wait_for("its settings", lambda: collector.controls[-1].guidance == 2.5)
    assert collector.hellos[-1].play == "both" and collector.hellos[-1].seed == 77
