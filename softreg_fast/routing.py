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

    Without metadata routing the splitter gets `groups`, the scorer `sample_weight`.

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
    unknown = sorted(set(params) - {"groups", "sample_weight"})
    if unknown:
        raise ValueError(
            "[sample_weight, groups] are the only metadata that fit takes without metadata "
            f"routing; got {unknown}. See sklearn.set_config(enable_metadata_routing=True)."
        )
    split = {name: value for name, value in params.items() if name == "groups"}
    return split, {name: value for name, value in params.items() if name == "sample_weight"}
