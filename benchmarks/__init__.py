"""Measurements side by side: every figure is a ratio against a named peer or floor of the same run."""
