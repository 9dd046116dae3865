"""The checks of ``sr-runtime doctor``, from the interpreter up to the loudspeaker.

Each is a function without arguments that returns one finding. Thread: any.
"""

from __future__ import annotations

import importlib.util
import platform
import socket
import sys
from importlib import metadata

from sr_bridge import connection

from sr_runtime.doctor.finding import Check, Finding, Verdict
from sr_runtime.errors import SoundReactorError
from sr_runtime.machine import package_version, usable_cores

_SYSTEM_PORTAUDIO = {
    "linux": "sudo apt-get install libportaudio2",
    "darwin": "pip install --force-reinstall sounddevice",
    "win32": "pip install --force-reinstall sounddevice",
}
_SYSTEM_OPENAL = "sudo apt-get install libopenal1"


def python() -> Finding:
    """Look at the interpreter."""
    return Finding("Python", Verdict.OK, f"{platform.python_version()} at {sys.executable}")


def processor_cores() -> Finding:
    """Look at how much of the machine is ours: the model takes a core, the game wants its own."""
    cores = usable_cores()
    if cores < 2:
        return Finding("cores", Verdict.NOTE, "1 core: a game beside the runtime will cause underruns")
    return Finding("cores", Verdict.OK, f"{cores}")


def base_packages() -> Finding:
    """Look whether everything that the base install names is there."""
    wanted = [name.split(";")[0] for name in metadata.requires("sr-runtime") or () if "extra ==" not in name]
    names = [_distribution_name(requirement) for requirement in wanted]
    missing = [name for name in names if package_version(name) is None]
    if missing:
        fix = "pip install --upgrade sr-runtime"
        return Finding("packages", Verdict.PROBLEM, f"not installed: {', '.join(missing)}", fix)
    return Finding("packages", Verdict.OK, f"all {len(names)} of the base install")


def onnxruntime_wheel() -> Finding:
    """Look for exactly one of the two onnxruntime wheels, which overwrite each other's files."""
    cpu, gpu = package_version("onnxruntime"), package_version("onnxruntime-gpu")
    if cpu and gpu:
        fix = "pip uninstall -y onnxruntime onnxruntime-gpu && pip install 'sr-runtime[cpu]'"
        return Finding("onnxruntime", Verdict.PROBLEM, f"both wheels: cpu {cpu} and gpu {gpu}", fix)
    if not cpu and not gpu:
        return Finding("onnxruntime", Verdict.PROBLEM, "not installed", "pip install 'sr-runtime[cpu]'")
    return Finding("onnxruntime", Verdict.OK, f"onnxruntime {cpu}" if cpu else f"onnxruntime-gpu {gpu}")


def compute_devices() -> Finding:
    """Look at the devices that onnxruntime offers; with the GPU wheel, a GPU is what somebody wants."""
    from sr_runtime.engine.backends.providers import available_devices

    absent = available_devices()
    present = [device for device, why in absent.items() if not why]
    if "cpu" not in present:
        return Finding("compute devices", Verdict.PROBLEM, absent["cpu"], "pip install 'sr-runtime[cpu]'")
    if package_version("onnxruntime-gpu") and "cuda" not in present:
        return Finding("compute devices", Verdict.PROBLEM, f"no cuda: {absent['cuda']}")
    return Finding("compute devices", Verdict.OK, ", ".join(present))


def model_bundles() -> Finding:
    """Look whether the shipped bundles are there and undamaged."""
    from sr_runtime.engine.bundle import load_bundle, shipped_bundles

    fix = "pip install --force-reinstall --no-deps sr-runtime"
    names = shipped_bundles()
    try:
        sizes = [f"{name} ({load_bundle(name).size_bytes / 1e6:.1f} MB)" for name in names]
    except SoundReactorError as error:
        return Finding("model bundles", Verdict.PROBLEM, str(error), fix)
    missing = [name for name in ("default", "probe") if name not in names]
    if missing:
        return Finding("model bundles", Verdict.PROBLEM, f"missing: {', '.join(missing)}", fix)
    return Finding("model bundles", Verdict.OK, f"checksums right: {', '.join(sizes)}")


def sound_library() -> Finding:
    """Look for PortAudio and count the devices it shows."""
    from sr_runtime.audio.devices import list_devices

    fix = _SYSTEM_PORTAUDIO.get(sys.platform, _SYSTEM_PORTAUDIO["linux"])
    try:
        devices = list_devices()
    except SoundReactorError as error:
        return Finding("sound output", Verdict.PROBLEM, f"{error}", fix)
    if not devices:
        return Finding(
            "sound output", Verdict.NOTE, "no sound device; use --output FILE.wav, or play in the engine"
        )
    return Finding(
        "sound output", Verdict.OK, f"{len(devices)} device(s); list them with: sr-runtime devices"
    )


def default_port() -> Finding:
    """Look whether ``serve`` can have its usual port."""
    host, port = connection.DEFAULT_ENDPOINT.removeprefix("tcp://").rsplit(":", 1)
    with socket.socket() as attempt:
        attempt.settimeout(0.5)
        is_taken = attempt.connect_ex((host, int(port))) == 0
    if is_taken:
        detail = f"{port} is taken: by a runtime that is already serving, or by another program"
        return Finding("port", Verdict.NOTE, detail, "sr-runtime serve --endpoint tcp://127.0.0.1:5699")
    return Finding("port", Verdict.OK, f"{port} is free")


def connection_folder() -> Finding:
    """Look whether the connection file can be written where clients look for it."""
    path = connection.default_path()
    fix = f"export {connection.FILE_VARIABLE}=$HOME/.sr-connection.json"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        attempt = path.with_name(f".{path.name}.doctor")
        attempt.touch(mode=0o600)
        attempt.unlink()
    except OSError as error:
        return Finding(
            "connection file", Verdict.PROBLEM, f"cannot write {path.parent}: {error.strerror}", fix
        )
    return Finding("connection file", Verdict.OK, str(path))


def video_files() -> Finding:
    """Look for PyAV, which ``render`` and ``demo`` need."""
    version = package_version("av")
    if version is None:
        return Finding(
            "video files", Verdict.NOTE, "PyAV is not installed", "pip install 'sr-runtime[video]'"
        )
    return Finding("video files", Verdict.OK, f"PyAV {version}")


def the_game() -> Finding:
    """Look for ViZDoom and the OpenAL that it opens, which ``demo`` and ``record`` need."""
    if package_version("vizdoom") is None:
        return Finding("ViZDoom", Verdict.NOTE, "not installed", "pip install 'sr-runtime[games]'")
    if sys.platform == "linux" and not _has_library("libopenal.so.1"):
        return Finding(
            "ViZDoom", Verdict.PROBLEM, "libopenal.so.1 is missing: the game is silent", _SYSTEM_OPENAL
        )
    return Finding("ViZDoom", Verdict.OK, f"{package_version('vizdoom')}")


def training() -> Finding:
    """Look for torch, which only training and export need."""
    if importlib.util.find_spec("torch") is None:
        return Finding("training", Verdict.NOTE, "torch is not installed", "pip install 'sr-runtime[train]'")
    return Finding("training", Verdict.OK, f"torch {package_version('torch')}")


CHECKS: tuple[Check, ...] = (
    python,
    processor_cores,
    base_packages,
    onnxruntime_wheel,
    compute_devices,
    model_bundles,
    sound_library,
    default_port,
    connection_folder,
    video_files,
    the_game,
    training,
)


def _distribution_name(requirement: str) -> str:
    name = requirement.strip()
    for mark in "<>=!~[ (":
        name = name.split(mark)[0]
    return name


def _has_library(name: str) -> bool:
    import ctypes

    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True
