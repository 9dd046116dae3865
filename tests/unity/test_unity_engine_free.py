"""Protocol and audio of the plugin under mono: the package's tests, and tests against a real runtime."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.unity.building import (
    LIVE_TESTS,
    PLAIN_TESTS,
    UNITY_2022,
    Assembly,
    compile_all,
    compile_assembly,
    unity_assemblies,
)

TIMEOUT_S = 560
"""A tenth of it is needed on a quiet machine."""


def run_nunit(assembly: Assembly, folder: Path) -> dict[str, float]:
    """Run every test of an assembly; return name → seconds. Any failure fails here, with NUnit's words."""
    library = compile_assembly(assembly, folder)
    result = folder / f"{assembly.name}.result.xml"
    command = ["nunit-console", "-nologo", "-nodots", "-noshadow", f"-xml:{result}", str(library)]
    environment = {**os.environ, "SR_TEST_PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=TIMEOUT_S, env=environment, cwd=folder
    )
    print(done.stdout)
    assert result.exists(), done.stdout + done.stderr
    cases = list(ElementTree.parse(result).iter("test-case"))
    failed = [case for case in cases if case.get("result") != "Success"]
    words = "\n".join(f"{case.get('name')}: {(case.findtext('.//message') or '').strip()}" for case in failed)
    assert not failed and done.returncode == 0, words or done.stdout
    return {str(case.get("name")): float(case.get("time") or 0) for case in cases}


@pytest.mark.timeout(600)
def test_the_packages_own_tests_pass_under_mono(engine_free: Path) -> None:
    names = run_nunit(PLAIN_TESTS, engine_free)
    assert len(names) > 110
    for part in (
        "GoldenMessages",
        "HostileBytes",
        "ZmtpDecoder",
        "SoundPlayer",
        "SampleRing",
        "CapturePacer",
    ):
        assert any(part in name for name in names), part


@pytest.mark.timeout(600)
def test_the_client_works_and_fails_well_against_the_real_runtime(engine_free: Path) -> None:
    stubs_and_components = [
        assembly
        for assembly in unity_assemblies(UNITY_2022)
        if assembly.name in ("UnityEngine", "SoundReactor.Runtime")
    ]
    compile_all(stubs_and_components, engine_free, UNITY_2022)
    names = run_nunit(LIVE_TESTS, engine_free)
    assert len(names) >= 44
    for part in (
        "BadPeer",
        "RuntimeClient",
        "Allocation",
        "Probe",
        "CapturedFrames",
        "ComponentLife",
        "RuntimeProcess",
        "ConnectionFilePrivacy",
    ):
        assert any(part in name for name in names), part
