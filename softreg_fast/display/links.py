"""Links of losses."""

from __future__ import annotations

import numpy as np

from softreg_fast.losses import Loss


def has_log_link(loss: Loss) -> bool:
    """Return whether the means of a loss are exponentials of its linear predictors."""
    return bool(loss.mean(np.zeros(1))[0] == 1.0)
