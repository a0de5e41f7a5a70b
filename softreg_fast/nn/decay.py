"""Warning about a decoupled weight decay on penalised weights, for PyTorch and Keras."""

import warnings


def warn_of_decay(where: str) -> None:
    """Warn that a decoupled weight decay acts on penalised weights."""
    warnings.warn(
        f"{where} has a decoupled weight decay on penalised weights. Together they minimise "
        "nothing that could be written down: how much the decay counts beside the penalty depends "
        "on the noise of the gradients. Set weight_decay=0 for them, and use ElasticNet, or an L2 "
        "penalty, to shrink weights too.",
        stacklevel=4,
    )
