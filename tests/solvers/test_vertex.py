"""Vertices of quantile fits: found from an edge that leads there."""

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.testing import assert_allclose

from softreg_fast import Design, Penalty
from softreg_fast.losses import Quantile
from softreg_fast.solvers.choice import make_engine
from softreg_fast.solvers.interior_step import Candidate
from softreg_fast.solvers.problem import Problem
from softreg_fast.solvers.vertex import met_exactly, vertex_near


def solved(rng, layout, fit_intercept, l1_ratio):
    """Return an engine at its optimum, the centred columns, and the samples that are met."""
    X = rng.standard_normal((60, 8)) * (rng.random((60, 8)) < 0.6)
    y = X[:, 0] - 0.5 * X[:, 1] + rng.standard_t(3, 60)
    design = Design(layout(X), fit_intercept=fit_intercept).with_target(y, loss=Quantile(0.4))
    engine = make_engine(Problem(design, Penalty()))
    strength = 0.05 * np.abs(engine.slopes).max()
    engine.solve(l1_ratio * strength, (1.0 - l1_ratio) * strength, 1e-11, 1_000)
    C = (X - X.mean(axis=0) * fit_intercept) * design.scale
    return engine, C, np.flatnonzero(np.abs(engine.r) <= 1e-12)


def gap(engine, fit):
    return engine._gap(fit.u, fit.r, fit.v, engine._slopes(fit.v))


@pytest.mark.parametrize("layout", [np.asfortranarray, sp.csc_array], ids=["dense", "csc"])
@pytest.mark.parametrize("fit_intercept", [True, False], ids=["intercept", ""])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_edges_lead_to_the_vertex(rng, layout, fit_intercept, l1_ratio):
    engine, C, met = solved(rng, layout, fit_intercept, l1_ratio)
    best = Candidate(engine.coef, engine.intercept, engine.r, engine.v)
    free = np.flatnonzero(best.u)
    C = np.column_stack([C[:, free], np.ones(60)])[:, : free.size + fit_intercept]
    unit = engine.problem.target.null_deviance
    for first in range(met.size):
        rest = np.delete(met, first)
        # a direction that leaves the first sample and no other
        edge = np.linalg.lstsq(C[met], np.eye(met.size)[first], rcond=None)[0]
        for length in (1e-4, -1e-4):
            u = best.u.copy()
            u[free] += length * edge[: free.size]
            intercept = best.intercept + (length * edge[-1] if fit_intercept else 0.0)
            r = engine.y - (engine.z_null + engine._product(u) + intercept)
            assert_allclose(r[rest], 0.0, atol=1e-12)
            away = Candidate(u, intercept, r, best.v)
            found = vertex_near(engine, away, rest)
            assert gap(engine, found) <= 1e-13 * unit
            assert_allclose(found.u, best.u, atol=1e-10)


def test_rounding_errors_of_samples_that_are_met(rng):
    engine, _, met = solved(rng, np.asfortranarray, True, 1.0)
    best = Candidate(engine.coef, engine.intercept, engine.r, engine.v)
    u = best.u * (1.0 + 1e-7 * rng.standard_normal(8))
    r = engine.y - (engine.z_null + engine._product(u) + best.intercept)
    near = best._replace(u=u, r=r)
    found = met_exactly(engine, near, met)
    assert np.all(found.r[met] == 0.0)
    assert_allclose(found.u, best.u, atol=1e-13)
    assert met_exactly(engine, near, met[:2]) is None  # fewer than coefficients
