"""Rules of training that PyTorch and Keras share: weights without effect, weight decay."""

import warnings

# Steps after which a weight that never had a gradient counts as one without effect. Earlier its
# gradient may be 0 for other reasons: a layer initialised at zero (residual branches, LoRA), a ReLU
# that is inactive for the first samples, or an expert that has not been chosen yet.
STEPS_TO_BE_SEEN = 100


def warn_of_decay(where: str) -> None:
    """Warn that a decoupled weight decay acts on penalised weights."""
    warnings.warn(
        f"{where} has a decoupled weight decay on penalised weights. Together they minimise "
        "nothing that could be written down: how much the decay counts beside the penalty depends "
        "on the noise of the gradients. Set weight_decay=0 for them, and use ElasticNet, or an L2 "
        "penalty, to shrink weights too.",
        stacklevel=4,
    )
