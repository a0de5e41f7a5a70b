"""Compiled modules: an extension from every src/_NAME.pyx, with its type stub here."""
