"""What computes hops, whatever it runs on: the interface that sessions drive, and its form in ONNX graphs.

A session keeps the books (settings, hop numbers, guard); this keeps the networks' memory and calls them, for
as many sessions at once as have a hop due. No session's sound depends on who else is computed with it.

    audio tokens ─► transformer ─┐ (prepare: needs no frame)
    frames ─► vision ─► transformer ─► guidance ─► head ─► (steering) ─► decoder

Called by sessions. Thread: inference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sr_runtime.engine.backends.onnx import OnnxBackend
from sr_runtime.engine.bundle import STEERING, Bundle
from sr_runtime.engine.decoder import DecoderStage
from sr_runtime.engine.head import Draw, HeadStage
from sr_runtime.engine.member import Member, who_changes_places
from sr_runtime.engine.settings import SamplingSettings, most_levels
from sr_runtime.engine.steering import SteeringStage
from sr_runtime.engine.timings import Stopwatch
from sr_runtime.engine.transformer import NextToken, TransformerStage
from sr_runtime.engine.vision import VisionStage
from sr_runtime.types import Audio, Frame, State

Latent = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Due:
    """A hop to compute.

    Attributes:
        member: Whose.
        settings: Its guidance, seed, sampler and noise levels.
        frame: uint8 (height, width, 3), a picture of any size; None is the last one again.
        is_cut: Whether the frame is the first after a scene cut.
    """

    member: Member
    settings: SamplingSettings
    frame: Frame | None = None
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Computed:
    """A hop's result, before anybody has looked whether it is sound.

    Attributes:
        latent: What is decoded, normalised, float32 (1, latent size).
        audio: float32 (1600, 2), valid until the next hop.
        vision_ms: What each part took, for all sessions together; parts that a device runs as one are 0, and
            all is ``decoder_ms``.
        transformer_ms: Likewise; the pass of the video token.
        head_ms: Likewise; steering is part of it.
        decoder_ms: Likewise.
    """

    latent: Latent
    audio: Audio
    vision_ms: float
    transformer_ms: float
    head_ms: float
    decoder_ms: float


class Hops(Protocol):
    """Networks, and the memory of the sessions that are computed together."""

    @property
    def is_full(self) -> bool:
        """Tell whether there is no room for another session."""

    def join(self, state: State) -> Member:
        """Take in a session; its state's arrays are the memory from now on, and may be replaced by views."""

    def leave(self, member: Member) -> None:
        """Let a session go; its state stays as it is."""

    def prepare(self, due: Sequence[Due]) -> None:
        """Run the passes of the audio tokens, which need no frame; once before each :meth:`compute`."""

    def compute(self, due: Sequence[Due]) -> list[Computed]:
        """Compute the rest of the hops; every frame has been checked to be a picture."""

    def gather(self, members: Sequence[Member]) -> None:
        """Bring sessions nearer together, before a pass over them."""

    def mark(self, members: Sequence[Member]) -> None:
        """Note where sessions are, before a pass."""

    def go_back(self, members: Sequence[Member]) -> None:
        """Take sessions back to where they were marked, unless their memory was replaced since."""

    def save(self, member: Member) -> None:
        """Bring the session's state arrays up to date."""

    def load(self, member: Member) -> None:
        """Take over the session's state arrays, which were just replaced."""


@contextmanager
def all_or_nothing(groups: Sequence[tuple[Hops, Sequence[Member]]]) -> Iterator[None]:
    """Take all sessions back to where they are now if what follows fails: one pass of each, at most.

    Else a session whose neighbour failed would hear a token twice when it is tried again.
    """
    for hops, members in groups:
        hops.gather(members)
        hops.mark(members)
    try:
        yield
    except BaseException:
        for hops, members in groups:
            hops.go_back(members)
        raise


class OnnxHops:
    """Hops in ONNX graphs, whose memory are the states' arrays themselves.

    Args:
        backend: Of the bundle.
        bundle: Says what the graphs want.
        capacity: Most sessions.
    """

    def __init__(self, backend: OnnxBackend, bundle: Bundle, capacity: int = 1) -> None:
        manifest, graph = bundle.manifest, backend.graph
        self._capacity = capacity
        self._members: list[Member] = []
        self._null_token = bundle.constants["null_token"].astype(np.float32)[0]
        self._vision = VisionStage(graph("vision"), manifest.image, capacity)
        self._transformer = TransformerStage(graph("transformer"), manifest.transformer, capacity)
        self._head = HeadStage(graph("condition"), graph("head"), capacity, most_levels(manifest.sampling))
        self._steering = SteeringStage(graph(STEERING), capacity) if STEERING in manifest.graphs else None
        self._decoder = DecoderStage(graph("decoder"), capacity)

    @property
    def is_full(self) -> bool:
        """See :class:`Hops`."""
        return len(self._members) == self._capacity

    def join(self, state: State) -> Member:
        """See :class:`Hops`."""
        assert not self.is_full
        member = Member(state)
        self._transformer.join(member, len(self._members))
        self._members.append(member)
        return member

    def leave(self, member: Member) -> None:
        """See :class:`Hops`."""
        last = self._members.pop()
        self._transformer.leave(member, last)
        if last is not member:
            self._members[last.index] = last

    def prepare(self, due: Sequence[Due]) -> None:
        """See :class:`Hops`."""
        hidden = self._append(due, [d.member.state["audio_token"][0] for d in due], None)
        for d, vectors in zip(due, hidden, strict=True):
            d.member.state["audio_hidden"][0] = vectors[0]

    def compute(self, due: Sequence[Due]) -> list[Computed]:
        """See :class:`Hops`."""
        watch, members = Stopwatch(), [d.member for d in due]
        tokens = self._vision.see(members, [d.frame for d in due], [d.is_cut for d in due])
        vision_ms = watch.lap()
        hidden = self._append(due, tokens, self._null_token)
        transformer_ms = watch.lap()
        latents = self._head.sample(
            [
                Draw(d.member, d.settings, d.member.state["audio_hidden"], vectors)
                for d, vectors in zip(due, hidden, strict=True)
            ]
        )
        if self._steering is not None:
            latents = self._steering.steer(members, latents)
        head_ms = watch.lap()
        sounds = self._decoder.decode(members, latents)
        decoder_ms = watch.lap()
        return [
            Computed(latent, audio, vision_ms, transformer_ms, head_ms, decoder_ms)
            for latent, audio in zip(latents, sounds, strict=True)
        ]

    def _append(self, due: Sequence[Due], tokens: Sequence[Latent], null: Latent | None) -> list[Latent]:
        """Append tokens; ``null`` stands in for them in the null rows (None: the same)."""
        given = [
            NextToken(d.member, token, (token if null is None else null) if d.settings.is_guided else None)
            for d, token in zip(due, tokens, strict=True)
        ]
        return self._transformer.append(given)

    def gather(self, members: Sequence[Member]) -> None:
        """See :class:`Hops`."""
        pair = who_changes_places(self._members, members)
        if pair is not None:
            self._transformer.swap(*pair)
            for member in pair:
                self._members[member.index] = member

    def mark(self, members: Sequence[Member]) -> None:
        """See :class:`Hops`."""
        for member in members:
            member.mark()

    def go_back(self, members: Sequence[Member]) -> None:
        """See :class:`Hops`."""
        for member in members:
            if member.go_back():
                self._transformer.show(member)

    def save(self, member: Member) -> None:
        """See :class:`Hops`."""
        self._transformer.save(member)

    def load(self, member: Member) -> None:
        """See :class:`Hops`."""
        member.repeat_token = None
        member.unmark()
        self._transformer.load(member)
