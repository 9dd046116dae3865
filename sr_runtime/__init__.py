"""SoundReactor Runtime: frames in, 48 kHz stereo out, live."""
