"""Makes model bundles: from trained networks, and the hand-made probe."""
