from typing import Any, Final

KINDS: Final[dict[str, int]]

_Rule = tuple[str, float, float, bool]

def prox(z: Any, t: Any, rule: _Rule, weights: Any = None, n_threads: int = 1) -> None: ...
def prox_by_moment(
    z: Any,
    v: Any,
    settings: tuple[float, float, float, bool],
    rule: _Rule,
    weights: Any = None,
    n_threads: int = 1,
) -> None: ...
def group_prox(z: Any, t: Any, starts: Any, strengths: Any, n_threads: int = 1) -> None: ...
def adamw(
    w: Any,
    g: Any,
    m: Any,
    v: Any,
    most: Any,
    settings: tuple[float, float, float, float, float, int, bool, bool],
    rule: _Rule,
    weights: Any = None,
    steps: Any = None,
    n_threads: int = 1,
) -> None: ...
def pool_falling(sums: Any, weights: Any, stop: Any) -> int: ...
