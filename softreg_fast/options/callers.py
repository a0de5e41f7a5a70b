"""Warnings that point to the line of the user."""

from __future__ import annotations

import sys


def level_of_caller() -> int:
    """Return the stacklevel at which a warning points to the user's line."""
    frame, level = sys._getframe(1), 1
    # scikit-learn's callbacks wrap methods of ours
    ours = ("softreg_fast.", "sklearn.callback.")
    while frame.f_back and frame.f_globals.get("__name__", "").startswith(ours):
        frame, level = frame.f_back, level + 1
    return level
