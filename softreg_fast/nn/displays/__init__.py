"""Plots of paths and reports of networks."""
