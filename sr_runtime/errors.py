"""Every error that the runtime raises on purpose.

    SoundReactorError
    ├── ConfigError          a setting is out of range or contradicts another
    ├── BundleError          a model bundle is missing, damaged or of another format version
    ├── DeviceError          a compute device was asked for and is not there
    ├── AudioDeviceError     no such sound device, or it cannot be opened
    ├── MissingDependency    an optional package or system library is not installed
    ├── DataError            a clip, store or media file cannot be used
    │   └── HeldOutError     a held-out map was named: it must never be recorded
    ├── TrainingError        a run cannot start or go on
    ├── WireError            a peer sent something that the protocol forbids
    └── SessionError         a session cannot be opened, found or stepped

A message says what happened, the value seen, and what to do next (with the command). The command line
prints it without a traceback unless ``--debug`` is given.
"""

from __future__ import annotations


class SoundReactorError(Exception):
    """Base class: catching it catches everything that the runtime raises on purpose."""


class ConfigError(SoundReactorError):
    """A setting is out of range or contradicts another; names the key path, the range and the value."""


class BundleError(SoundReactorError):
    """A model bundle is missing, damaged, or of a format version that this runtime does not read."""


class DeviceError(SoundReactorError):
    """A compute device (cuda, tensorrt) was asked for and cannot be used."""


class AudioDeviceError(SoundReactorError):
    """A sound device does not exist or cannot be opened."""


class MissingDependency(SoundReactorError):  # noqa: N818 - reads as the fact it states
    """An optional package or a system library is not installed; the message has the install command."""


class DataError(SoundReactorError):
    """A clip, a clip store or a media file cannot be used."""


class HeldOutError(DataError):
    """A held-out map was named: it must never be recorded, trained or tuned on."""


class TrainingError(SoundReactorError):
    """A training run cannot start or go on."""


class WireError(SoundReactorError):
    """A peer sent something that the protocol forbids."""


class SessionError(SoundReactorError):
    """A session cannot be opened, found or stepped."""
