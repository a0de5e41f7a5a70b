"""Base of the estimators that choose alpha of a penalty that couples coefficients."""

from __future__ import annotations

from typing import Any

from softreg_fast.estimators.elastic_net_cv import ElasticNetCV
from softreg_fast.model_selection.cv_result import CVPath
from softreg_fast.paths.path import path


class _StructuredCV(ElasticNetCV):
    """An `ElasticNetCV` without what belongs to an L1 and an L2 part of single coefficients."""

    l1_ratio: Any = 1.0
    l1_weights = l2_weights = bounds = criterion = noise_variance = n_alphas = random_state = None
    positive = relax = alpha_per_target = False
    selection = "cyclic"

    path: Any = staticmethod(path)

    def _keep_search(self, found: list[CVPath], single: bool) -> None:
        super()._keep_search(found, single)
        del self.l1_ratio_
