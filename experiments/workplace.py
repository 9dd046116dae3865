"""What a run of experiments is told, and where it keeps things."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from experiments.stores import link, link_fits, small_store
from experiments.table import ABLATION, Store
from sr_runtime.data.store import ClipStore
from sr_runtime.errors import ConfigError
from sr_runtime.model.presets import ModelConfig
from sr_runtime.train.generator_stage import Caches


@dataclass(frozen=True)
class Workplace:
    """Options of the command line.

    Attributes:
        data: The clip store to take clips from.
        vae: Network folder of the autoencoder.
        out: Folder of runs, results and small stores.
        minutes: Training time of a row, when ``steps`` is None.
        steps: Optimiser steps of a row: the same for each, however busy the machine is.
        hours: Of training play.
        clips: Validation clips of a report.
        seeds: Takes per clip.
        other: Clip store of a second game, for the table that asks for it.
        generator: Network folder to judge instead of trained rows, where the table allows it.
        pca: Network folder whose projection of the features is used; None: the store's own.
        accelerator: Of training: ``cpu`` or ``cuda``.
        stage1: The stage-1 network that belongs to ``generator``, for rows of the diffusion sampler.
        nfe: Evaluations of a network of stage 2, for rows that do not say.
        bf16: Whether networks are heard in bf16, at half the time.
    """

    data: Path
    vae: Path
    out: Path
    minutes: float = 8.0
    steps: int | None = None
    hours: float = 1.0
    clips: int = 16
    seeds: int = 3
    other: Path | None = None
    generator: Path | None = None
    stage1: Path | None = None
    pca: Path | None = None
    accelerator: str = "cpu"
    nfe: int = 4
    bf16: bool = False

    @cached_property
    def main(self) -> ClipStore:
        """An hour of the first game."""
        return small_store(self.data, self._folder("main"), self.hours, self.clips, self.pca)

    def store(self, name: Store, config: ModelConfig = ABLATION) -> ClipStore:
        """Return a small store by name.

        Raises:
            ConfigError: A second game is asked for, but ``--other`` was not given.
        """
        return self.main if name == "main" else self._foreign(name, config)

    def caches(self, name: Store, config: ModelConfig) -> Caches:
        """Return a small store's filled features and latents."""
        return Caches(self.store(name, config), self.vae, config)

    def _foreign(self, name: Store, config: ModelConfig) -> ClipStore:
        if self.other is None:
            raise ConfigError("this row needs a second game: name its clip store with --other")
        other = self._folder("other")
        if not (other / "clips").exists():
            clips = list(small_store(self.other, self._folder("other-own"), self.hours, self.clips))
            link(clips, other, with_caches=False)
            # One PCA for both games, or their features would mean different things.
            Caches(self.main, self.vae, config)
            link_fits(self.main.root, other)
        return ClipStore(other) if name == "other" else self._both(ClipStore(other), config)

    def _both(self, other: ClipStore, config: ModelConfig) -> ClipStore:
        """Half an hour of each game, and the validation clips of the first."""
        both = self._folder("both")
        if not (both / "clips").exists():
            Caches(other, self.vae, config)
            link_fits(self.main.root, both)
            for store in (self.main, other):
                link(store.clips("train")[::2], both)
            link(self.main.clips("validation"), both)
        return ClipStore(both)

    def _folder(self, name: str) -> Path:
        return self.out / "stores" / f"{name}-{self.hours:g}h-{self.clips}"
