"""Measure how good generated sound is: sync, loudness, side, kind and distribution, beside baselines."""
