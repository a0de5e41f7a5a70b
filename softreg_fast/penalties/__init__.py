"""Penalties: one family for regression and for networks."""
