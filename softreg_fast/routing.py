"""scikit-learn's metadata routing: what splitters and scorers are given."""

from __future__ import annotations

from typing import Any

from sklearn.utils.metadata_routing import process_routing

try:  # private, but what every meta-estimator outside scikit-learn asks
    from sklearn.utils._metadata_requests import _routing_enabled
except ImportError:  # pragma: no cover

    def _routing_enabled() -> bool:
        return False


def routed(
    estimator: Any, sample_weight: Any, params: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the splitter and the scorer of a fit with these parameters get.

    Without metadata routing a splitter gets `groups`, the scorer `sample_weight`. A number of
    folds, None and given folds have no use for groups.

    Raises
    ------
    ValueError
        For parameters that nothing takes.
    """
    if sample_weight is not None:
        params = {**params, "sample_weight": sample_weight}
    if _routing_enabled():
        found = process_routing(estimator, "fit", **params)
        return dict(found.splitter.split), dict(found.get("scorer", {}).get("score", {}))
    taken = {"sample_weight", "groups"} if hasattr(estimator.cv, "split") else {"sample_weight"}
    unknown = sorted(set(params) - taken)
    if unknown:
        raise ValueError(
            f"Passing {', '.join(unknown)} to {type(estimator).__name__}.fit is only supported if "
            "enable_metadata_routing=True (see sklearn.set_config). Without metadata routing fit "
            "takes sample_weight and, where cv is a splitter such as GroupKFold(), groups."
        )
    split = {name: value for name, value in params.items() if name == "groups"}
    return split, {name: value for name, value in params.items() if name == "sample_weight"}
