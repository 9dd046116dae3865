"""Call a function for many arguments, each in a process and a folder of its own: a crash costs one call.

Called by the recorder, since games are native code. Not the standard library's process pool: where one of
its workers dies, all calls fail; where that one leaves a game running, which holds its pipes, it never ends.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import tempfile
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from sr_runtime.errors import DataError

logger = logging.getLogger(__name__)

LOOK_S = 0.5
"""How often it is checked that the processes live; an answer is seen at once."""
_SPAWN = multiprocessing.get_context("spawn")
_Argument = TypeVar("_Argument")


class WorkerDied(DataError):  # noqa: N818 - reads as the fact it states
    """A process ended without an answer, as native code does when it crashes."""


def call_each(
    function: Callable[[_Argument], object], arguments: Iterable[_Argument], workers: int, attempts: int
) -> Iterator[tuple[_Argument, BaseException | None]]:
    """Call ``function`` for each argument and yield each as its call ends, with its error if it failed.

    Args:
        function: known by its name in a fresh process. A temporary folder is the current one there, so
            that paths have to be absolute. What it returns is dropped.
        arguments: plain data.
        workers: calls at the same time.
        attempts: how often a call is made whose process dies.
    """
    waiting = deque((argument, 1) for argument in arguments)
    running: dict[_Call, tuple[_Argument, int]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                argument, attempt = waiting.popleft()
                running[_Call(function, argument)] = argument, attempt
            for call in _wait(list(running)):
                argument, attempt = running.pop(call)
                error = call.end()
                if isinstance(error, WorkerDied):
                    error = WorkerDied(f"{error}, at attempt {attempt} of {attempts}; see what it printed.")
                    if attempt < attempts:
                        logger.info("%s", error)
                        waiting.appendleft((argument, attempt + 1))
                        continue
                yield argument, error
    finally:
        for call in running:
            call.end()


class _Call:
    """One call in one process, which has begun."""

    def __init__(self, function: Callable[[Any], object], argument: object) -> None:
        # The folder may still be in use by a game that outlived its process.
        self._folder = tempfile.TemporaryDirectory(prefix="sr-worker-", ignore_cleanup_errors=True)
        self.answer, sender = _SPAWN.Pipe(duplex=False)
        self._process = _SPAWN.Process(target=_work, args=(function, argument, self._folder.name, sender))
        self._process.start()
        sender.close()

    @property
    def has_ended(self) -> bool:
        """Return whether :meth:`end` returns at once."""
        return not self._process.is_alive() or self.answer.poll()

    def end(self) -> BaseException | None:
        """Wait for the end of the call and return its error."""
        while not self.has_ended:
            _wait([self])
        try:
            error: BaseException | None = self.answer.recv() if self.answer.poll() else self._death()
        except EOFError:
            error = self._death()
        except Exception as unreadable:  # what was raised there cannot be built again here
            error = DataError(f"its error cannot be read: {unreadable}; see what it printed.")
        self._process.join()
        self.answer.close()
        self._folder.cleanup()
        return error

    def _death(self) -> WorkerDied:
        self._process.join()
        code = self._process.exitcode or 0
        cause = signal.strsignal(-code) if code < 0 else f"exit code {code}"
        return WorkerDied(f"its process died ({cause})")


def _wait(calls: list[_Call]) -> list[_Call]:
    """Return the calls that have ended, none if none does for a while."""
    wait([call.answer for call in calls], LOOK_S)
    return [call for call in calls if call.has_ended]


def _work(function: Callable[[Any], object], argument: object, folder: str, answer: Connection) -> None:
    """Make a call and send its error, or None. Runs in the process."""
    os.chdir(folder)
    tempfile.tempdir = folder
    error = None
    try:
        function(argument)
    except BaseException as raised:
        raised.add_note(traceback.format_exc())
        error = raised
    answer.send(error)
