"""The demo: a real game played live through a real runtime, kept as a movie and judged."""
