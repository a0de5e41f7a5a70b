"""scikit-learn's metadata routing of parameters to splitters and scorers."""

from __future__ import annotations

from typing import Any

from sklearn.model_selection import check_cv
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

try:  # private, but used by all meta-estimators outside scikit-learn
    from sklearn.utils._metadata_requests import _routing_enabled
except ImportError:  # pragma: no cover

    def _routing_enabled() -> bool:
        return False


def routed(
    estimator: Any, sample_weight: Any, params: dict[str, Any], method: str = "fit"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the parameters of a call of fit or score, for the splitter and for the scorer.

    Without metadata routing a splitter gets `groups`, the scorer `sample_weight`. If cv is a number
    of folds, None or given folds, groups are not used.

    Raises
    ------
    ValueError, TypeError
        For parameters that neither accepts.
    """
    if sample_weight is not None:
        params = {**params, "sample_weight": sample_weight}
    if _routing_enabled():
        found = process_routing(estimator, method, **params)
        return _of(found, "splitter", "split"), _of(found, "scorer", "score")
    splits = method == "fit" and hasattr(estimator.cv, "split")
    unknown = sorted(set(params) - ({"sample_weight", "groups"} if splits else {"sample_weight"}))
    if unknown:
        raise ValueError(
            f"Passing {', '.join(unknown)} to {type(estimator).__name__}.{method} is only "
            "supported if enable_metadata_routing=True (see sklearn.set_config). Without metadata "
            "routing fit takes sample_weight and, where cv is a splitter such as GroupKFold(), "
            "groups; score takes sample_weight."
        )
    split = {name: value for name, value in params.items() if name == "groups"}
    return split, {name: value for name, value in params.items() if name == "sample_weight"}


def _of(found: Any, receiver: str, method: str) -> dict[str, Any]:
    return dict(found.get(receiver, {}).get(method, {}))


def router_to_splitter(estimator: Any) -> MetadataRouter:
    """Return the routing of an estimator whose `fit` has parameters for a splitter `cv`."""
    router = MetadataRouter(owner=type(estimator).__name__).add_self_request(estimator)
    cv = estimator.cv
    splitter = cv if hasattr(cv, "split") else check_cv()  # reads no iterator
    mapping = MethodMapping().add(caller="fit", callee="split")
    return router.add(splitter=splitter, method_mapping=mapping)
