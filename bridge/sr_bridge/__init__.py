"""The wire of SoundReactor Runtime."""
