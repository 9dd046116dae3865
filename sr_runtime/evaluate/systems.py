"""Whose sound is judged, and what it is called: the columns of every table."""

from __future__ import annotations

from typing import Final

SYSTEMS: Final[tuple[str, ...]] = (
    "model",
    "vae",
    "silence",
    "noise",
    "other_clip",
    "retrieval",
    "retrieval_coded",
)
"""In the order of every table; the real sound, ``real``, stands apart as the truth."""

LABELS: Final = {
    "model": "model",
    "vae": "VAE",
    "silence": "silence",
    "noise": "noise",
    "other_clip": "other clip",
    "retrieval": "retrieval",
    "retrieval_coded": "retrieval through VAE",
    "real": "real sound",
}
"""System → how it is called in tables and plots."""
