"""A real runtime as a child process, and a source that plays to it like an engine: demo, bench and soak."""
