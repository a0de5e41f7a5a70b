"""Warnings about fits that ended before the duality gap was at most the tolerance."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from softreg_fast.options.callers import level_of_caller as level_of_caller
from softreg_fast.paths.result import Path
from softreg_fast.solvers.protocol import Status, is_alarm


def warn_of_missed(fits: Path, max_iter: int) -> None:
    """Issue one ConvergenceWarning if a path missed the tolerance at some alpha."""
    missed = np.flatnonzero(is_alarm(fits.status))
    if missed.size:
        worst = fits.alphas[missed][np.argmax(fits.gaps[missed])]
        where = f" at {missed.size} of {len(fits)} alphas, worst at alpha={worst:.6g}"
        warn_not_converged(
            fits.gaps[missed],
            fits.tols[missed],
            fits.status[missed],
            max_iter,
            where,
            fits.certificate,
        )


def warn_not_converged(
    gaps: Any,
    tols: Any,
    status: Any,
    max_iter: int,
    where: str = "",
    certificate: str = "duality gap",
) -> None:
    """Issue one ConvergenceWarning: the gap reached, the tolerance, and advice."""
    from sklearn.exceptions import ConvergenceWarning  # here, for it imports all of scikit-learn

    worst = int(np.argmax(gaps))
    if np.any(np.equal(status, Status.NO_ROOM)):
        advice = "More Gram columns are needed than there is room for: raise gram_memory"
    elif np.all(np.equal(status, Status.STALLED)):
        advice = "Float64 allows no further progress: raise tol"
    else:  # the wording of scikit-learn
        advice = "You might want to increase the number of iterations "
        advice += f"(max_iter, now {max_iter}), raise tol"
    warnings.warn(
        f"Objective did not converge{where}. {advice}, or use a larger alpha; features that are "
        f"nearly copies of each other make convergence slow. {certificate.capitalize()}: "
        f"{gaps[worst]:.6e}, tolerance: {tols[worst]:.6e}.",
        ConvergenceWarning,
        stacklevel=level_of_caller(),
    )
