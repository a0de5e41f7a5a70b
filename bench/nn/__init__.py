"""Timings of sparse training."""
