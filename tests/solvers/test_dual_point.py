"""Dual points: any of them gives a bound on the gap."""

import numpy as np
from exact import ExactProblem
from numpy.testing import assert_allclose

import softreg_fast.solvers.certificate as certificate
from softreg_fast import Design
from softreg_fast.penalties.vectors import PenaltyVectors


def test_the_dual_point_is_judged_by_its_slopes(rng):
    # any dual point gives a bound, however loose; the oracle defines both values
    X = rng.standard_normal((20, 4))
    y = rng.standard_normal(20)
    design = Design(X, y)
    C = (X - X.mean(axis=0)) / np.sqrt(np.square(X - X.mean(axis=0)).sum(axis=0))
    t = (y - y.mean()) / np.sqrt(np.square(y - y.mean()).sum())
    inf = np.full(4, np.inf)
    penalty = PenaltyVectors(np.full(4, 0.2), np.full(4, 0.1), -inf, inf)
    for _ in range(20):
        u, theta = rng.standard_normal(4), 0.3 * rng.standard_normal(20)
        z, away = C.T @ theta, t - C @ u - theta
        point = (away @ away, away @ theta, theta @ theta)
        gap = certificate.gap_at_dual_point(penalty, u, z, point)
        primal = 0.5 * np.sum((t - C @ u) ** 2) + 0.2 * np.abs(u).sum() + 0.05 * u @ u
        beyond = np.maximum(np.abs(z) - 0.2, 0.0)
        dual = t @ theta - 0.5 * theta @ theta - np.sum(beyond**2 / 0.2)
        assert gap <= primal - dual + 1e-12
        rows = certificate.gap_at_dual_point(penalty, u[None], z[None], point)
        assert rows <= primal - dual + 1e-12
        # and no fit reports a gap below the excess
        judge = ExactProblem(np.sqrt(20.0) * C, np.sqrt(20.0) * t, l1=0.2, l2=0.1)
        excess = primal - float(judge.minimum())
        proof = certificate.Certificate(design).of(u, penalty, 0.0)
        assert min(gap, rows, proof.gap) >= excess - 1e-12
        assert_allclose(proof.residual_sumsq, np.sum((t - C @ u) ** 2))
