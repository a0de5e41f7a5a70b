"""The training recipes of each net, dense and sparse."""

from dataclasses import asdict, dataclass

from softreg_fast.nn import L1, MCP, SCAD, ElasticNet, LHalf, SparseGroupLasso

SEEDS = range(5)
MOMENTUM = 0.99
TEACHERS = 4


@dataclass(frozen=True)
class Recipe:
    """Training recipe of a net; without a strength the net is dense.

    The learning rate falls linearly to 0 over the last `decay` of the steps. With a penalty this
    fall ends before the last `freeze` of the steps, which are a refit: zeros stay zero, and the
    rest is trained without penalty, with a rate that falls once more. `momentum` is Adam's first
    beta. The proximal steps begin after `start` of all steps and ramp up over `ramp`. With `keep`,
    the strength is the initial one and is adapted until that fraction of the weights is left. With
    `teachers`, the net also learns from the mean scores of that number of dense nets.
    """

    penalty: str = "none"
    strength: float = 0.0
    shape: float = 0.0
    weight_decay: float = 0.0
    start: float = 0.05
    ramp: float = 0.3
    freeze: float = 0.3
    decay: float = 0.5
    momentum: float = 0.9
    keep: float = 0.0
    teachers: int = 0

    @property
    def label(self):
        """File name."""
        plain = asdict(Recipe())
        given = {key: value for key, value in asdict(self).items() if value != plain[key]}
        return "_".join(f"{key}={value}" for key, value in given.items()) or "dense"

    @classmethod
    def of(cls, fields):
        """Return the Recipe of fields such as ["strength=0.001", ...]."""
        pairs = (field.split("=") for field in fields)
        return cls(**{key: type(getattr(cls, key))(text) for key, text in pairs})

    def rules(self):
        """Return the rules for `attach`: all weights with two axes or more, no biases."""
        if not self.strength:
            return {}
        return {"*": PENALTIES[self.penalty](self.strength, self.shape)}


# Names in tables.
NAMES = {"l1": "L1", "l_half": "sqrt", "mcp": "MCP", "scad": "SCAD", "sparse_group": "groups"}

PENALTIES = {
    "l1": lambda strength, _: L1(strength=strength),
    "elastic_net": lambda strength, l1_ratio: ElasticNet(strength=strength, l1_ratio=l1_ratio),
    "mcp": lambda strength, gamma: MCP(strength=strength, gamma=gamma),
    "scad": lambda strength, a: SCAD(strength=strength, a=a),
    "l_half": lambda strength, _: LHalf(strength=strength),
    "sparse_group": lambda strength, l1_ratio: SparseGroupLasso(
        strength=strength, l1_ratio=l1_ratio, groups=1
    ),
}


@dataclass(frozen=True)
class Plan:
    """Dense recipes to be tuned, a path of sparse recipes, and a path of taught ones."""

    dense: tuple
    sparse: tuple
    taught: tuple = ()

    @property
    def recipes(self):
        """All recipes."""
        return *self.dense, *self.sparse, *self.taught


def plan(dense, sparse, refit, l1, l_half, taught, momentum=MOMENTUM):
    """Return a Plan: dense recipes with each decay in `dense`, sparse ones with `sparse`, `refit`.

    L1 stays on to the end: it is the regulariser. sqrt|w|, which shrinks large weights less,
    finds smaller supports; it is followed by a refit without penalty, with only the weight decay
    `refit`. L1 uses a momentum of 0.99, which averages the noise of about a hundred gradients: with
    0.9 the last few batches move twice as many irrelevant weights away from zero. Dense nets also
    try the weight decays of sparse ones. `taught` are strengths of sqrt|w| for nets with dense
    teachers; a dense net learns from these teachers, too.
    """
    learning = {"weight_decay": refit, "teachers": TEACHERS}
    return Plan(
        tuple(
            Recipe(weight_decay=decay, momentum=each)
            for each in sorted({0.9, momentum})
            for decay in dense
        ),
        tuple(
            Recipe("l1", strength, weight_decay=decay, momentum=momentum, freeze=0.0)
            for strength in l1
            for decay in sparse
        )
        + tuple(Recipe("l_half", strength, weight_decay=refit) for strength in l_half),
        (Recipe(**learning), *(Recipe("l_half", strength, **learning) for strength in taught)),
    )


PLANS = {
    "LeNet-300-100": plan(
        dense=(0.0, 0.1, 0.5, 1.0),
        sparse=(0.5, 1.0),
        refit=0.1,
        l1=(1e-4, 2e-4, 4e-4),
        l_half=(5e-5, 1e-4, 2e-4, 4e-4),
        taught=(2e-4, 4e-4, 8e-4, 1.6e-3),
    ),
    "LSTM": plan(
        dense=(0.0, 0.05, 0.1),
        sparse=(0.05,),
        refit=0.05,
        l1=(),
        l_half=(3e-5, 5e-5, 7e-5, 1e-4),
        taught=(5e-5, 1e-4, 1.5e-4, 2e-4, 4e-4),
        momentum=0.9,
    ),
    "GRU": plan(
        dense=(0.0, 0.1, 1.0),
        sparse=(0.1,),
        refit=0.1,
        l1=(3e-4, 1e-3, 2e-3, 4e-3),
        l_half=(3e-4, 1e-3, 2e-3),
        taught=(3e-4, 1e-3, 2e-3, 4e-3),
        momentum=0.9,
    ),
    "digits": plan(
        dense=(0.0, 0.1, 1.0),
        sparse=(0.1,),
        refit=0.1,
        l1=(1e-4, 3e-4, 1e-3),
        l_half=(2e-4, 5e-4, 1e-3, 2e-3),
        taught=(1e-3, 2e-3, 4e-3, 8e-3),
    ),
    "LeNet-5": plan(
        dense=(0.0, 0.1, 1.0),
        sparse=(1.0,),
        refit=0.1,
        l1=(3e-4,),
        l_half=(5e-5, 1e-4, 2e-4, 4e-4),
        taught=(1e-4, 2e-4, 4e-4),
    ),
}
