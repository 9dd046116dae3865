"""The whole way for ten minutes: frames, socket, model, audio process, a real sound system, not one underrun.

Run by ``make soak``. ``SOAK_SECONDS`` and ``SOAK_BUNDLE`` change its length and model; ``SOAK_PAGE`` is the
page between whose soak markers the result is written if it is a good one.
"""

from __future__ import annotations

import os
from itertools import cycle, islice

import numpy as np
import psutil
import pytest

from sr_runtime.bench.hops import moving_pictures
from sr_runtime.live.runtime import RuntimeProcess
from sr_runtime.live.take import LiveTake, play_live
from tests.realtime.bed import NullSinkBed
from tests.realtime.soak_report import fill_page, sentence

SECONDS = float(os.environ.get("SOAK_SECONDS", "600"))
BUNDLE = os.environ.get("SOAK_BUNDLE", "default")
PAGE = os.environ.get("SOAK_PAGE", "")
LATENCY = "balanced"

# Everything is loaded and every buffer has its size after this.
SETTLED_S = 30.0


def play(runtime: RuntimeProcess, seconds: float) -> LiveTake:
    with runtime.client(play="runtime") as client:
        welcome = client.connect()
        pictures = moving_pictures(welcome.picture_width, welcome.picture_height)
        return play_live(client, islice(cycle(pictures), round(seconds * 30)))


def test_a_few_seconds_of_pictures_are_heard_on_a_real_sound_system(null_sink: NullSinkBed, tmp_path):
    with null_sink.record() as recording, RuntimeProcess(["--bundle", "probe"]) as runtime:
        take = play(runtime, 4.0)
        heard = recording.stop()
    loud_s = np.count_nonzero(np.abs(heard).max(axis=1) > 1e-4) / 48000
    assert loud_s > 2.0
    assert 20.0 < take.statuses[-1].frame_to_sample_ms_p50 < 1000.0
    assert take.statuses[-1].output not in ("", "none")
    page = tmp_path / "README.md"
    page.write_text("<!-- soak:start --><!-- soak:end -->")
    fill_page(str(page), sentence(take, "probe", "balanced", 0.0))
    assert "4 s of model `probe` with `balanced` on a PulseAudio null sink" in page.read_text()


@pytest.mark.soak
def test_ten_minutes_with_the_balanced_preset_have_no_underrun(null_sink: NullSinkBed):
    with RuntimeProcess(["--bundle", BUNDLE, "--latency", LATENCY]) as runtime:
        play(runtime, SETTLED_S)
        process = psutil.Process(runtime.pid)
        before = process.memory_info().rss
        take = play(runtime, SECONDS)
        grown_mb = (process.memory_info().rss - before) / 1e6
    told = sentence(take, BUNDLE, LATENCY, grown_mb)
    print(told)
    assert take.statuses[-1].underruns == 0
    assert grown_mb < 20.0
    fill_page(PAGE, told)
