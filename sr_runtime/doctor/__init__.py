"""Examine this machine: what the runtime needs, what it finds, and the command that mends what is wrong."""
