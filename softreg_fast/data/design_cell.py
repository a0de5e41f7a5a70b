"""Text and cell of a Design, for terminals and notebooks."""

from __future__ import annotations

from typing import Any

from softreg_fast.options.cells import Cell, shortened
from softreg_fast.options.spelling import listed


class Described:
    """Part of `Design`: its text, and what notebooks show of it."""

    def __repr__(self) -> str:
        facts = dict(facts_of(self))
        return f"Design({facts['samples']} samples, {facts['features']} features, {facts['X']})"

    def _repr_html_(self) -> str:
        return Cell("Design", facts_of(self)).html()


def facts_of(design: Any) -> list[tuple[str, str]]:
    """Return names beside values: what a Design is of, and its settings."""
    X, target = design.X, getattr(design, "_target", None)
    kind = "sparse" if design.is_sparse else "dense"
    facts = [
        ("samples", str(design.n_samples)),
        ("features", str(design.n_features)),
        ("X", f"{kind}, {X.dtype}"),
        ("weights", "all equal" if design.weight is None else "given"),
        ("intercept", "yes" if design.fit_intercept else "no"),
        ("standardize", "yes" if design.standardize else "no"),
        ("target", "none" if target is None else repr(target.loss)),
    ]
    if design.feature_names is not None:
        names = [shortened(name) for name in design.feature_names[:5]]
        more = design.n_features - len(names)
        facts.append(("names", listed(names) + (f" and {more} more" if more else "")))
    return facts
