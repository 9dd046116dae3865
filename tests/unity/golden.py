"""Write ``GoldenMessages.cs``: the golden messages of ``bridge/vectors`` as C#: the package has its tests
wherever it is installed. Run ``python -m tests.unity.golden`` after a change of the vectors.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "bridge" / "vectors"
TARGET = ROOT / "unity_plugin" / "Tests" / "Editor" / "Protocol" / "GoldenMessages.cs"
PIECE = 96

HEAD = """// Written by tests/unity/golden.py from bridge/vectors; change those instead.
using System;
using System.Collections.Generic;
using SoundReactor.Protocol;

namespace SoundReactor.Tests.Protocol
{
    /// <summary>The golden messages: their bytes, and what they mean.</summary>
    public static class GoldenMessages
    {
        /// <summary>Return the bytes of a message.</summary>
        public static byte[] Bytes(string name)
        {
            return Convert.FromBase64String(Find(name)[1]);
        }

        /// <summary>Return the plain values that a message means.</summary>
        public static Dictionary<string, string> Meaning(string name)
        {
            return FlatJson.Parse(Find(name)[2]);
        }

        private static string[] Find(string name)
        {
            foreach (string[] message in All())
            {
                if (message[0] == name)
                {
                    return message;
                }
            }
            throw new ArgumentException("no golden message is called " + name);
        }

        private static string[][] All()
        {
            return new[]
            {
"""
TAIL = """            };
        }
    }
}
"""


def literal(text: str) -> str:
    """Return a C# string literal, over several lines if it is long."""
    escaped = [
        text[at : at + PIECE].replace("\\", "\\\\").replace('"', '\\"') for at in range(0, len(text), PIECE)
    ]
    return "\n                        + ".join(f'"{piece}"' for piece in escaped)


def source() -> str:
    """Return the whole file."""
    entries = []
    for path in sorted(VECTORS.glob("*.bin")):
        data = base64.b64encode(path.read_bytes()).decode()
        meaning = json.dumps(json.loads(path.with_suffix(".json").read_text()))
        entries.append(
            "                new[]\n                {\n"
            f'                    "{path.stem}",\n'
            f"                    {literal(data)},\n"
            f"                    {literal(meaning)}\n"
            "                },\n"
        )
    return HEAD + "".join(entries) + TAIL


if __name__ == "__main__":
    TARGET.write_text(source(), encoding="utf-8")
