"""One stream of sound: frames in, 1600 samples out, thirty times a second, for as long as you like.

    audio token ─► transformer ─┐ (prepare: needs no frame)
    frame ─► vision ─► transformer ─► guidance ─► head ─► (steering) ─► decoder ─► guard ─► 1600 samples

An :class:`Engine` loads a bundle once; each :class:`Session` has its own state. Sessions that were opened as
shared are computed together by :func:`step_together`, which costs less than one after the other; what a
session sounds like does not depend on the others. Called by the server, ``render`` and in-process users.
Nothing here locks: an engine and its sessions belong to one thread. Thread: inference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from sr_runtime.engine.backends.onnx import OnnxBackend, OnnxGraph
from sr_runtime.engine.backends.torch_cuda.backend import TorchBackend, open_torch
from sr_runtime.engine.bundle import Bundle, load_bundle
from sr_runtime.engine.hop import Computed, Due, Hops, OnnxHops, all_or_nothing
from sr_runtime.engine.safety import OutputGuard, is_sound
from sr_runtime.engine.settings import Relief, SamplingSettings
from sr_runtime.engine.timings import Counters, HopTimings, Stopwatch
from sr_runtime.engine.vision import check_frame
from sr_runtime.errors import ConfigError, SessionError
from sr_runtime.types import HOP_SAMPLES, Audio, Frame, State

BACKENDS: Final = ("onnx", "torch")

TOGETHER: Final = 16
"""Most shared sessions that are computed in one go; with more, there is a second group."""
TOGETHER_ON_A_GPU: Final = 128


class Engine:
    """A bundle, loaded on a device, that opens sessions.

    Args:
        bundle: A loaded bundle, or what :func:`load_bundle` takes.
        device: ``cpu``, ``cuda``, ``tensorrt``, or ``auto``.
        threads: Intra-op threads on the CPU.
        backend: ``onnx``, or ``torch`` for a bundle that was exported with ``--torch``.
        profile_to: Folder for onnxruntime's profiles (``sr-runtime bench --profile``).

    Raises:
        BundleError: The bundle cannot be used.
        ConfigError: There is no such backend.
        DeviceError: The device was asked for and is not there.

    Example:
        >>> session = Engine("probe").open_session()
        >>> session.step(np.zeros((32, 32, 3), np.uint8)).shape
        (1600, 2)

    Thread: inference.
    """

    def __init__(
        self,
        bundle: Bundle | str | Path = "default",
        device: str = "cpu",
        threads: int = 1,
        backend: str = "onnx",
        profile_to: Path | None = None,
    ) -> None:
        if backend not in BACKENDS:
            raise ConfigError(f"backend: expected one of {', '.join(BACKENDS)}, got {backend!r}")
        self.bundle = bundle if isinstance(bundle, Bundle) else load_bundle(bundle)
        self.backend: OnnxBackend | TorchBackend = (
            open_torch(self.bundle, device, threads)
            if backend == "torch"
            else OnnxBackend(self.bundle, device, threads, profile_to)
        )
        self.is_warm = False
        self._shared: list[Hops] = []
        self._alone: list[Hops] = []

    @property
    def device(self) -> str:
        """Return the device that is really used."""
        return self.backend.device

    @property
    def threads(self) -> int:
        """Return the number of intra-op threads."""
        return self.backend.threads

    def graph(self, name: str) -> OnnxGraph:
        """Return one of the bundle's ONNX graphs.

        Raises:
            ConfigError: The backend runs none.
        """
        if isinstance(self.backend, OnnxBackend):
            return self.backend.graph(name)
        raise ConfigError(f"{name}: only the backend onnx runs graphs; leave --backend torch out here")

    def warm_up(self, hops: int = 5) -> None:
        """Run a few hops of a throw-away session, with new and repeated frames: real ones are quick then."""
        session = self.open_session()
        picture = np.zeros((self.bundle.image.height, self.bundle.image.width, 3), np.uint8)
        for hop in range(hops):
            session.step(None if hop % 2 else picture)
        session.close()
        self.is_warm = True

    def open_session(
        self,
        seed: int = 0,
        guidance: float | None = None,
        nfe: int | None = None,
        sampler: str | None = None,
        shared: bool = False,
    ) -> Session:
        """Return a new session; what is None comes from the bundle.

        Args:
            seed: Of the noise.
            guidance: Guidance scale; 1 leaves the null row out.
            nfe: Evaluations of the head per hop.
            sampler: ``consistency`` or ``heun``.
            shared: Whether it is to be computed together with other shared ones (:func:`step_together`);
                close it when it is done. What was recorded on a GPU for a closed session serves the next.

        Raises:
            ConfigError: A value is outside its range.
        """
        settings = SamplingSettings.from_spec(
            self.bundle.manifest.sampling, seed=seed, guidance=guidance, nfe=nfe, sampler=sampler
        )
        if shared:
            return Session(self.bundle, settings, self._room())
        hops = self._alone.pop() if self._alone else self._hops(1)
        return Session(self.bundle, settings, hops, self._alone.append)

    def _room(self) -> Hops:
        """Return a group of sessions with room for one more."""
        for hops in self._shared:
            if not hops.is_full:
                return hops
        self._shared.append(self._hops(TOGETHER if self.device == "cpu" else TOGETHER_ON_A_GPU))
        return self._shared[-1]

    def _hops(self, capacity: int) -> Hops:
        if isinstance(self.backend, TorchBackend):
            return self.backend.hops(self.bundle, capacity)
        return OnnxHops(self.backend, self.bundle, capacity)


class Session:
    """One stream: its state, its settings and the way through the stages. Made by :class:`Engine`.

    Attributes:
        settings: Guidance, evaluations, seed and sampler, as asked for.
        relief: What it goes without for the time being.
        timings: What the newest hop cost.
        counters: Hops, repeated frames, resets after a broken hop.
        latent: What the newest hop decoded, normalised, float32 (1, latent size).

    Thread: inference.
    """

    def __init__(
        self,
        bundle: Bundle,
        settings: SamplingSettings,
        hops: Hops,
        hand_on: Callable[[Hops], None] = lambda hops: None,
    ) -> None:
        manifest = bundle.manifest
        self.bundle = bundle
        self.settings = settings
        self.relief = Relief()
        self.timings = HopTimings()
        self.counters = Counters()
        self.latent = np.zeros((1, manifest.latent_size), dtype=np.float32)
        self._prepare_ms = 0.0
        self._is_closed = False
        self._state = bundle.initial_state()
        self._hops, self._hand_on = hops, hand_on
        self._member = hops.join(self._state)
        self._guard = OutputGuard(self._state)

    @property
    def hop(self) -> int:
        """Return the index of the next hop."""
        return int(self._state["hop"][0])

    @property
    def is_prepared(self) -> bool:
        """Tell whether the next hop's audio-token pass has run already."""
        return bool(self._state["is_prepared"][0])

    @property
    def has_frame(self) -> bool:
        """Tell whether a picture was ever seen."""
        return bool(self._state["has_frame"][0])

    @property
    def in_use(self) -> SamplingSettings:
        """Return the settings that the next hop is computed with."""
        return self.relief.applied(self.settings)

    @property
    def guidance(self) -> float:
        """Return the guidance scale; settable while running."""
        return self.settings.guidance

    @guidance.setter
    def guidance(self, value: float) -> None:
        self.settings = self.settings.with_changes(guidance=float(value))

    @property
    def nfe(self) -> int:
        """Return the head's evaluations per hop; settable while running."""
        return self.settings.nfe

    @nfe.setter
    def nfe(self, value: int) -> None:
        self.settings = self.settings.with_changes(nfe=int(value))

    @property
    def seed(self) -> int:
        """Return the seed; settable while running, heard from the next hop on."""
        return self.settings.seed

    @seed.setter
    def seed(self, value: int) -> None:
        self.settings = self.settings.with_changes(seed=int(value))

    def prepare(self) -> None:
        """Run the next hop's audio-token pass, which needs no frame. :meth:`step` does it if nobody did."""
        prepare_together([self])

    def step(self, frame: Frame | None, is_cut: bool = False) -> Audio:
        """Compute one hop.

        Args:
            frame: The newest picture, uint8 (height, width, 3), any size; None if there is no new one, which
                is the same picture again. Before the first picture a hop is silence and leaves no trace.
            is_cut: Whether the frame is the first after a scene cut, so that its difference means nothing.

        Returns:
            float32 (1600, 2), 48 kHz: what is heard from this frame on; the caller owns the array.

        Raises:
            SessionError: The frame is not a picture.
        """
        return step_together([Step(self, frame, is_cut)])[0]

    def close(self) -> None:
        """Give the session's place back; the session cannot go on. Closing twice does no harm."""
        if not self._is_closed:
            self._hops.leave(self._member)
            self._is_closed = True
            self._hand_on(self._hops)

    def reset(self) -> None:
        """Start again as a new session would: same settings, empty memory, hop 0.

        Raises:
            SessionError: The session is closed.
        """
        self._check_open()
        self._replace_state(self.bundle.initial_state())

    def state(self) -> State:
        """Return a copy of the whole memory: flat name → array, as the bundle's manifest describes it.

        Raises:
            SessionError: The session is closed.
        """
        self._check_open()
        self._hops.save(self._member)
        return {name: array.copy() for name, array in self._state.items()}

    def load_state(self, state: State) -> None:
        """Go on from a saved state (of the same bundle).

        Raises:
            SessionError: An array is missing, unknown, or of another shape or type; or the session is closed.
        """
        self._check_open()
        _check_state(self._state, state)
        self._replace_state(state)

    def _replace_state(self, state: State) -> None:
        for name, array in state.items():
            np.copyto(self._state[name], array)
        self._hops.load(self._member)

    def _due(self, frame: Frame | None = None, is_cut: bool = False) -> Due:
        return Due(self._member, self.in_use, frame, is_cut)

    def _check_open(self) -> None:
        """Refuse what would touch the memory of whoever has its place now."""
        if self._is_closed:
            raise SessionError("the session is closed; open another one")

    def _note_prepared(self, prepare_ms: float) -> None:
        self._state["is_prepared"][0] = True
        self._prepare_ms = prepare_ms

    def _finish(self, computed: Computed, is_repeat: bool) -> Audio:
        """Check what was computed, and close the hop's books."""
        watch = Stopwatch()
        self.latent = computed.latent
        is_good = is_sound(computed.latent) and is_sound(computed.audio)
        result = self._guard.clean(computed.audio) if is_good else self._recover()
        self._state["hop"][0] += 1
        self._state["is_prepared"][0] = False
        self.counters.hops += 1
        self.counters.repeated_frames += is_repeat
        self._note_timings(computed, watch.lap())
        return result

    def _recover(self) -> Audio:
        """Forget everything but the hop's number, so that the noise does not start over, and be silent."""
        hop, last_sample = self.hop, self._state["last_sample"].copy()
        self.reset()
        self._state["hop"][0] = hop
        self.counters.resets_after_nan += 1
        return self._guard.silence(last_sample)

    def _note_timings(self, computed: Computed, finish_ms: float) -> None:
        decoder_ms = computed.decoder_ms + finish_ms
        after_frame_ms = computed.vision_ms + computed.transformer_ms + computed.head_ms + decoder_ms
        self.timings = HopTimings(
            vision_ms=computed.vision_ms,
            transformer_ms=self._prepare_ms + computed.transformer_ms,
            head_ms=computed.head_ms,
            decoder_ms=decoder_ms,
            hop_ms=self._prepare_ms + after_frame_ms,
            after_frame_ms=after_frame_ms,
        )


class Step(NamedTuple):
    """One session's part of :func:`step_together`; see :meth:`Session.step`."""

    session: Session
    frame: Frame | None
    is_cut: bool = False


def prepare_together(sessions: Iterable[Session]) -> None:
    """Run the audio-token passes of several sessions' next hops, unless they have run.

    If it fails, none has run.
    """
    groups = _groups([session for session in sessions if not session.is_prepared])
    with _all_or_nothing(groups):
        for hops, members in groups:
            watch = Stopwatch()
            hops.prepare([session._due() for session in members])
            prepare_ms = watch.lap()
            for session in members:
                session._note_prepared(prepare_ms)


def step_together(steps: Sequence[Step]) -> list[Audio]:
    """Compute one hop of several sessions: the same sound as one after the other, in less time if shared.

    Args:
        steps: Each session at most once.

    Returns:
        Each session's sound, as of :meth:`Session.step`.

    Raises:
        SessionError: A frame is not a picture; nothing was computed.

    Whatever it raises, no session has had its hop: each can be tried again, alone or with others. (Counters
    may have counted a hop that is tried again; a session that was reset for broken numbers stays reset.)

    Thread: inference.
    """
    for step in steps:
        if step.frame is not None:
            check_frame(step.frame)
    given = {id(step.session): step for step in steps}
    # Before its first picture a session is silent, and a hop leaves no trace.
    awake = [step.session for step in steps if step.frame is not None or step.session.has_frame]
    prepare_together(awake)
    groups, sounds = _groups(awake), dict[int, Audio]()
    with _all_or_nothing(groups):
        for hops, sessions in groups:
            due = [session._due(*given[id(session)][1:]) for session in sessions]
            for session, computed in zip(sessions, hops.compute(due), strict=True):
                sounds[id(session)] = session._finish(computed, given[id(session)].frame is None)
    return [sounds[id(s)] if id(s) in sounds else _silence() for s, *_ in steps]


def _silence() -> Audio:
    return np.zeros((HOP_SAMPLES, 2), dtype=np.float32)


def _groups(sessions: Iterable[Session]) -> list[tuple[Hops, list[Session]]]:
    """Return the sessions by what computes them.

    Raises:
        SessionError: One is closed.
    """
    groups: dict[int, tuple[Hops, list[Session]]] = {}
    for session in sessions:
        session._check_open()
        groups.setdefault(id(session._hops), (session._hops, []))[1].append(session)
    return list(groups.values())


def _all_or_nothing(groups: list[tuple[Hops, list[Session]]]) -> AbstractContextManager[None]:
    return all_or_nothing([(hops, [session._member for session in sessions]) for hops, sessions in groups])


def _check_state(own: State, given: State) -> None:
    if own.keys() != given.keys():
        names = sorted(own.keys() ^ given.keys())
        raise SessionError(f"state: missing or unknown arrays {names}; it must come from the same bundle")
    for name, array in given.items():
        if array.shape != own[name].shape or array.dtype != own[name].dtype:
            raise SessionError(
                f"state.{name}: expected {own[name].dtype} {own[name].shape}, got {array.dtype} "
                f"{array.shape}; it must come from the same bundle"
            )
