"""A game with the plugin, as its own process: started, watched by its JSON lines, given orders."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

Line = dict[str, Any]
PATIENCE_S = 60.0

RENDERERS = {
    "compatibility": ["--rendering-driver", "opengl3", "--rendering-method", "gl_compatibility"],
    "forward": ["--rendering-driver", "vulkan", "--rendering-method", "forward_plus"],
    "headless": ["--headless"],
}


class Game:
    """A running game that hosts a scene.

    Args:
        command: Godot with its project, or an exported game.
        folder: For its orders and its log.
        scene: What it shows.
        renderer: A key of :data:`RENDERERS`.
        environment: Added to this process's.
        options: More words for the engine.
        main_scene: What the engine opens; nothing in an exported game.
        words: More words for the scene that hosts.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        scene: str = "res://demo/demo.tscn",
        renderer: str = "compatibility",
        environment: dict[str, str] | None = None,
        options: Sequence[str] = ("--audio-driver", "Dummy"),
        main_scene: Sequence[str] = ("res://tests/scenes/host.tscn",),
        words: Sequence[str] = (),
    ) -> None:
        folder.mkdir(exist_ok=True)
        self._orders = folder / "orders"
        self._orders.write_text("")
        self.lines: list[Line] = []
        self.said: list[str] = []
        line = [*command, *RENDERERS[renderer], "--resolution", "320x180", *options, *main_scene]
        line += ["--", f"--scene={scene}", f"--orders={self._orders}", *words]
        self.process = subprocess.Popen(
            line,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        # Two pipes: in one, a warning can come in the middle of a report.
        self._threads = [
            threading.Thread(target=self._read, args=[pipe], daemon=True)
            for pipe in (self.process.stdout, self.process.stderr)
            if pipe is not None
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Game:
        return self

    def __exit__(self, *exc: object) -> None:
        self.quit()

    def _read(self, pipe: IO[str]) -> None:
        for text in pipe:
            if text.startswith("REPORT "):
                line = json.loads(text.removeprefix("REPORT "))
                self.lines.append({**line, "arrived_ns": time.monotonic_ns()})
            else:
                self.said.append(text.rstrip())

    @property
    def words(self) -> str:
        """Everything it printed besides reports."""
        return "\n".join(self.said)

    @property
    def figures(self) -> Line:
        """The newest figures of the link."""
        return next((line["figures"] for line in reversed(self.lines) if line["event"] == "figures"), {})

    @property
    def states(self) -> list[str]:
        """The states that the link went through."""
        return [line["state"] for line in self.lines if line["event"] == "state"]

    @property
    def warnings(self) -> list[str]:
        """What the plugin warned about."""
        return [line for line in self.said if "SoundReactor:" in line]

    @property
    def clock_offset_ns(self) -> int:
        """This process's monotonic clock minus the game's: lines arrive late, but never early."""
        return min(line["arrived_ns"] - int(line["usec"] * 1000) for line in self.lines)

    def messages(self, state: str) -> list[str]:
        """Return the words that came with ``state``."""
        return [line["message"] for line in self.lines if line["event"] == "state" and line["state"] == state]

    def wait_for(self, what: str, fact: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
        """Wait until ``fact`` is true; the game must live on meanwhile."""
        deadline = time.monotonic() + patience_s
        while not fact():
            assert self.process.poll() is None, f"the game ended before {what}:\n{self.words}"
            assert time.monotonic() < deadline, (
                f"no {what} in {patience_s:.0f} s; {self.states}\n{self.lines[-1:]}\n{self.words}"
            )
            time.sleep(0.02)

    def wait_for_state(self, state: str, since: int = 0) -> int:
        """Wait until the link enters ``state``; return how many lines there are then.

        Args:
            state: Name of the state.
            since: Only lines from here on count.
        """

        def place() -> int:
            for index, line in enumerate(self.lines[since:], since + 1):
                if line["event"] == "state" and line["state"] == state:
                    return index
            return 0

        self.wait_for(f"state {state}", place)
        return place()

    def wait_for_hops(self, count: int) -> None:
        """Wait for ``count`` more hops than there are now."""
        goal = self.figures.get("hops_received", 0) + count
        self.wait_for(f"{count} hops", lambda: self.figures.get("hops_received", 0) >= goal)

    def wait_for_figures(self, what: str, fact: Callable[[Line], object]) -> None:
        """Wait until the newest figures are as ``fact`` wants them."""
        self.wait_for(what, lambda: self.figures and fact(self.figures))

    def order(self, expression: str) -> str:
        """Let the game evaluate an expression; return the result as text."""
        done = sum(line["event"] == "done" for line in self.lines)
        with self._orders.open("a") as file:
            file.write(expression + "\n")
        self.wait_for(
            f"answer to {expression}", lambda: sum(line["event"] == "done" for line in self.lines) > done
        )
        assert "SCRIPT ERROR" not in self.words, self.words
        return str([line for line in self.lines if line["event"] == "done"][-1]["result"])

    def count_frames(self, during_s: float) -> int:
        """Return how many pictures the game draws in this time: is it still running, or does it hang?"""
        first = int(self.order("frames()"))
        time.sleep(during_s)
        return int(self.order("frames()")) - first

    def quit(self) -> int:
        """End the game as its user does; by force if it does not."""
        if self.process.poll() is None:
            with self._orders.open("a") as file:
                file.write("tree.quit()\n")
        try:
            code = self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        for thread in self._threads:
            thread.join(5)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
        return code
