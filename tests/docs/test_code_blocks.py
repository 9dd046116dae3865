"""The code in README and docs is executed; the commands in them are parsed by the real command line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from sr_runtime.cli.main import build_app
from sr_runtime.live.runtime import RuntimeProcess

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "bridge/PROTOCOL.md",
    *sorted(ROOT.glob("docs/*.md")),
]

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for number, (found, code) in enumerate(_BLOCK.findall(page.read_text()), start=1):
            if found == language:
                yield f"{page.name}-{number}", code


def commands() -> Iterator[tuple[str, str]]:
    """Yield every ``sr-runtime …`` line of a block, and every one in `inline code` that has options."""
    for page in PAGES:
        text = page.read_text()
        lines = [line for _, code in blocks_of(text, "bash") for line in code.splitlines()]
        lines += [code for code in re.findall(r"`(sr-runtime [^`]+)`", text) if "…" not in code]
        for line in lines:
            if line.startswith("sr-runtime "):
                yield page.name, line.split("  #")[0].strip()


def blocks_of(text: str, language: str) -> Iterator[tuple[str, str]]:
    return ((found, code) for found, code in _BLOCK.findall(text) if found == language)


PYTHON_BLOCKS = dict(blocks("python"))
COMMANDS = sorted(set(commands()))


@pytest.fixture(scope="module")
def runtime() -> Iterator[RuntimeProcess]:
    with RuntimeProcess(["--bundle", "probe", "--output", "none"]) as running:
        yield running


@pytest.mark.parametrize("name", PYTHON_BLOCKS)
def test_every_python_block_runs(name, runtime, monkeypatch):
    """Blocks that open a client find a runtime through the connection file, as a reader's would."""
    monkeypatch.setenv("SR_CONNECTION_FILE", str(runtime.connection_file))
    exec(compile(PYTHON_BLOCKS[name], name, "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[line for _, line in COMMANDS])
def test_every_command_in_the_docs_exists_with_its_options(page, line):
    command = typer.main.get_command(build_app())
    words = shlex.split(line)[1:]
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    assert not hasattr(command, "commands"), f"{page}: no such verb in: {line}"
    known = {
        option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    for word in words:
        if word.startswith("-") and word != "-" and not re.fullmatch(r"-[\d.]+", word):
            assert word.split("=")[0] in known | {"--help"}, f"{page}: no option {word} in: {line}"
    if "-" not in line.split(maxsplit=2)[-1]:
        return  # the verb is only named in running text
    for option in (found for found in command.params if found.required and found.opts[0].startswith("-")):
        assert set(option.opts) & set(words), f"{page}: {option.opts[0]} is missing in: {line}"


def test_the_docs_name_some_commands():
    assert len(COMMANDS) > 10


def test_every_make_target_in_the_docs_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        for target in re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.MULTILINE):
            assert target in targets, f"{page.name}: make {target}"


def test_every_link_to_a_file_leads_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_message_in_the_troubleshooting_table_is_one_that_the_code_says():
    table = (ROOT / "README.md").read_text().split("## Troubleshooting")[1].split("\n## ")[0]
    files = [*(ROOT / "sr_runtime").rglob("*.py"), *(ROOT / "bridge/sr_bridge").rglob("*.py")]
    sources = [path.read_text() for path in files]
    messages = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert len(messages) > 5
    for message in messages:
        words = message.replace("…", "").strip()
        assert any(words in source for source in sources), f"nothing says: {words}"
