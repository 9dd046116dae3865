"""Runs a model bundle: frames in, hops of sound out."""

from sr_runtime.engine.bundle import Bundle, load_bundle
from sr_runtime.engine.session import Engine, Session

__all__ = ["Bundle", "Engine", "Session", "load_bundle"]
