"""Checks and advice for the arguments that callers pass."""
