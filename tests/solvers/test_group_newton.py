"""Newton directions on blocks: by a Gram matrix, and in sample space."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from softreg_fast.kernels._columns import Columns
from softreg_fast.solvers.group_newton import Bend, Tall, Wide


@pytest.mark.parametrize("free", [[], [0], [1, 4]], ids=["", "first", "others"])
def test_directions_solve_newtons_equation(rng, free):
    sizes = np.array([4, 1, 6, 3, 5, 7, 2])
    owner = np.repeat(np.arange(sizes.size), sizes)
    C = np.asfortranarray(rng.standard_normal((15, owner.size)))
    pull = rng.uniform(0.5, 2.0, sizes.size)[owner]
    pull[np.isin(owner, free)] = 0.0
    u = rng.standard_normal(owner.size)
    lengths = np.sqrt(np.bincount(owner, u**2))[owner]
    normal = np.where(pull > 0.0, u / lengths, 0.0)
    curve = np.where(pull > 0.0, rng.choice([0.0, -0.02], sizes.size)[owner], 0.0)
    l2 = rng.choice([0.0, 0.3], sizes.size)[owner]
    bend, downhill = Bend(owner, pull, normal, l2, curve), rng.standard_normal(owner.size)
    hessian = C.T @ C + np.diag(pull + l2)
    for g in range(sizes.size):
        r = np.where(owner == g, np.sqrt(pull - curve) * normal, 0.0)
        hessian -= np.outer(r, r)
    expected = np.linalg.solve(hessian, downhill)
    wide = Wide(SimpleNamespace(columns=Columns(C), n_samples=15), np.arange(owner.size))
    for loss in (Tall(C.T @ C), wide):
        assert_allclose(loss.direction(bend, downhill), expected, rtol=1e-6, atol=1e-8)
        assert loss.square(u) == pytest.approx(np.sum((C @ u) ** 2))
