"""Counts of what is left of a network: weights, units, bytes, multiply-adds."""
