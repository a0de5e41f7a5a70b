"""Threads, signals and files of the machine."""
