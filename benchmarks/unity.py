"""Measure the Unity plugin's client under mono against a real ``sr-runtime serve``.

    python benchmarks/unity.py --seconds 60 --bundle default --readme unity_plugin/README.md --check

``--check`` ends with code 1 if a goal is missed: 29.5 frames/s for 60 s, all of which arrive; a round trip
whose 95th percentile lies within two hops of the runtime's own hop time; a worst dispose under 100 ms.
The round trip goes from a frame's capture to the arrival of the first hop that heard it: the wait for that
hop (up to 33 ms) is in it. A frame that a newer one replaced before it left does not count as sent.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.unity.building import (  # noqa: E402
    ENGINE_FREE,
    HERE,
    WITHOUT_ENGINE,
    Assembly,
    compile_all,
    compile_assembly,
    files,
)

HOP_MS = 1000 / 30
MIN_SECONDS = 60.0
MIN_FRAMES_PER_SECOND = 29.5
MAX_DISPOSE_MS = 100.0
DISPOSE_CYCLES = 50
START_S = 120.0
MARK = re.compile(r"(?<=<!-- bench:start -->\n).*?(?=<!-- bench:end -->)", re.S)


def build(folder: Path) -> Path:
    """Compile the client and the bench; return the program."""
    compile_all(ENGINE_FREE, folder)
    bench = Assembly(
        "Bench",
        (*files(HERE / "bench"), *WITHOUT_ENGINE),
        ("SoundReactor.Protocol.dll", "SoundReactor.Audio.dll"),
    )
    return compile_assembly(bench, folder, target="exe")


def measure(program: Path, folder: Path, bundle: str, seconds: float) -> dict[str, float]:
    """Serve ``bundle``, play for ``seconds``, and return the figures."""
    connection = folder / "connection.json"
    environment = {**os.environ, "SR_CONNECTION_FILE": str(connection)}
    serve = [sys.executable, "-m", "sr_runtime", "serve", "--bundle", bundle]
    serve += ["--endpoint", "tcp://127.0.0.1:0", "--audio-device", "none"]
    with subprocess.Popen(serve, env=environment, stdout=subprocess.DEVNULL) as runtime:
        try:
            wait_for(connection, runtime)
            command = ["mono", str(program), str(connection), str(seconds), str(DISPOSE_CYCLES)]
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 120)
            if done.returncode != 0:
                raise SystemExit(f"the client failed: {done.stderr}")
        finally:
            runtime.terminate()
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def wait_for(connection: Path, runtime: subprocess.Popen[bytes]) -> None:
    """Wait until the runtime says where it listens."""
    deadline = time.monotonic() + START_S
    while not connection.exists():
        if runtime.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("the runtime did not start; see its words above")
        time.sleep(0.05)


def missed(figures: dict[str, float]) -> list[str]:
    """Return the goals that the figures miss; what was not measured (NaN) is missed."""
    seconds, rate, lost = figures["seconds"], figures["frames_per_second"], figures["frames_lost"]
    trip_ms, dispose_ms = figures["round_trip_ms_p95"], figures["dispose_ms_worst"]
    limit_ms = figures["hop_ms_p50"] + 2 * HOP_MS
    goals = {
        f"measured for {seconds:.0f} s, at least {MIN_SECONDS:.0f} wanted": seconds >= MIN_SECONDS,
        f"{rate:.2f} frames/s, at least {MIN_FRAMES_PER_SECOND} wanted": rate >= MIN_FRAMES_PER_SECOND,
        f"{lost:.0f} frames sent that did not arrive": lost <= 0,
        f"round trip p95 {trip_ms:.1f} ms, at most {limit_ms:.1f} wanted": trip_ms <= limit_ms,
        f"worst dispose {dispose_ms:.1f} ms, under {MAX_DISPOSE_MS:.0f} wanted": dispose_ms < MAX_DISPOSE_MS,
    }
    return [goal for goal, is_met in goals.items() if not is_met]


def table(figures: dict[str, float], bundle: str) -> str:
    """Return the figures as Markdown."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"], cwd=ROOT, capture_output=True, text=True
    )
    rows = [
        (
            "frames/s sent (goal ≥ 29.5), lost on the way",
            f"{figures['frames_per_second']:.2f}, {figures['frames_lost']:.0f}",
        ),
        ("hops/s heard, missing", f"{figures['hops_per_second']:.2f}, {figures['hops_missing']:.0f}"),
        (
            "frame captured → its sound has arrived, p50 / p95 / p99",
            " / ".join(f"{figures[f'round_trip_ms_p{p}']:.1f}" for p in (50, 95, 99)) + " ms",
        ),
        ("of that, the runtime's computing of a hop, p50", f"{figures['hop_ms_p50']:.1f} ms"),
        ("worst dispose of 50 (goal < 100)", f"{figures['dispose_ms_worst']:.1f} ms"),
        ("processor time of the client per frame", f"{figures['cpu_ms_per_frame']:.2f} ms"),
        (
            "allocated per frame by the engine's thread",
            f"{figures['engine_thread_bytes_per_frame']:.0f} bytes",
        ),
        (
            "allocated per hop by the network's thread, mono's sockets included",
            f"{figures['network_thread_bytes_per_hop']:.0f} bytes",
        ),
        ("underruns of the engine's ring", f"{figures['underruns']:.0f}"),
    ]
    head = (
        f"Bundle `{bundle}`, {figures['seconds']:.0f} s, engine at 60 Hz, client under mono, "
        f"{platform.machine()} with {os.cpu_count()} cores, commit `{commit.stdout.strip()}`.\n\n"
    )
    return head + "| | |\n| --- | --- |\n" + "".join(f"| {name} | {value} |\n" for name, value in rows)


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--bundle", default="default")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--readme", type=Path)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = measure(build(folder), folder, options.bundle, options.seconds)
    text = table(figures, options.bundle)
    sys.stdout.write(text)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    if options.readme:
        readme = options.readme.read_text(encoding="utf-8")
        options.readme.write_text(MARK.sub(lambda _: text, readme), encoding="utf-8")
    for goal in missed(figures):
        sys.stderr.write(f"missed: {goal}\n")
    return int(options.check and bool(missed(figures)))


if __name__ == "__main__":
    sys.exit(main())
