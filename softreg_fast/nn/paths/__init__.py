"""Sequences of networks along rising strengths, and their checkpoints."""
