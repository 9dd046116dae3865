"""The paced benchmark: what a hop costs alone, beside a busy core and through the real socket."""
