"""Result row of all benchmarks."""

from dataclasses import dataclass

from bench.harness.timing import Times


@dataclass
class Row:
    """Result of one package on one problem, and its times beside ours, in seconds.

    `target` is the largest gap allowed; `must` and `aim` are the required and the desired ratio of
    the package's time to ours; `against` names the only package they refer to, if not all.
    `clock` is "wall" or "processor".  `difference` is that of the package's answer from ours.  A
    package that was stopped is at least `least` times slower; a `note` says why there is no time.
    """

    setting: str
    problem: str
    package: str
    target: float | None = None
    n_threads: int = 1
    must: float | None = None
    aim: float | None = None
    against: str = ""
    tol: float | None = None
    gap: float | None = None
    our_gap: float | None = None
    alpha: float | None = None
    difference: float | None = None
    seconds: float | None = None
    ours: float | None = None
    ratio: float | None = None
    least: float | None = None
    quartiles: tuple = ()
    pairs: int = 0
    note: str = ""
    layout: str = ""
    counted: bool = True
    clock: str = "wall"

    @property
    def key(self):
        """Key under which a later row replaces this one."""
        return self.setting, self.problem, self.package, self.target, self.n_threads, self.clock

    def fill(self, pairs):
        """Store the medians of pairs of seconds (ours, the package's), and their ratio."""
        if pairs:
            times = Times.of(pairs)
            self.ours, self.seconds, self.ratio = times.first, times.second, times.ratio
            self.quartiles, self.pairs = (times.low, times.high), times.pairs
        return self
