from typing import Any, Final, Self, final

KINDS: Final[dict[str, int]]
ACTIVATIONS: Final[dict[str, int]]
CHUNK: Final[int]
MOST_LANES: Final[int]

@final
class Arena:
    def __new__(cls, n_bytes: int) -> Self: ...

@final
class Network:
    width_in: Final[int]
    width_out: Final[int]
    def __new__(
        cls,
        dtype: str,
        single: list[dict[str, Any]],
        tiled: list[dict[str, Any]],
        n_positions: int,
        width_in: int,
        used: Any,
        offsets: Any,
        high: int = 0,
    ) -> Self: ...
    def run(
        self,
        x: Any,
        out: Any,
        lanes: int,
        least: int,
        portion: int,
        n_threads: int = 1,
    ) -> None: ...
