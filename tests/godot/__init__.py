"""The Godot plugin in a real Godot: unit tests, sessions with the real runtime, exported builds."""
