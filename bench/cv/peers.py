"""Five-fold cross-validation by every package at its default tolerance, timed in turn with ours."""

from dataclasses import dataclass, replace

import numpy as np

from bench.peers import families
from bench.peers.adaptors.cv import ours as our_cv
from bench.peers.contest import Worker, duel, fill
from bench.peers.families import grid
from bench.peers.judge import worst_gap
from bench.peers.problem import Choice, Problem

N_FOLDS = 5

# Rivals, each with its own adaptor, and the packages whose environments they need.
RIVALS = {
    "sklearn": "sklearn",
    "sklearn_jobs": "sklearn",
    "glmnet": "glmnet",
    "glmnet_jobs": "glmnet",
    "adelie": "adelie",
    "rglmnet": "rglmnet",
}

NAMES = (
    "factors 200 x 10,000",
    "AR(0.6) 500 x 20,000",
    "AR(0.8) 3,000 x 3,000",
    "tall 100,000 x 300",
    "tiny 442 x 10",
    "riboflavin",
    "golub",
    "trumptweets_logrt",
    "nycflights_onehot",
)
FAMILIES = [family for family in families.FAMILIES if family.name in NAMES]


@dataclass
class Row:
    """A package's choice on one problem, its accuracy, and its times beside ours, in seconds.

    Our gap is the worst on the paths of all samples and of every fold, a rival's that of the model
    it chose.  `difference` is the largest relative deviation of its mean errors from ours.  A rival
    that was given up is at least `least` times slower.
    """

    problem: str
    package: str
    n_threads: int
    tol: float | None = None
    gap: float | None = None
    alpha: float | None = None
    difference: float | None = None
    seconds: float | None = None
    ours: float | None = None
    ratio: float | None = None
    least: float | None = None
    quartiles: tuple = ()
    pairs: int = 0
    note: str = ""

    @property
    def key(self):
        """Key under which a later row replaces this one."""
        return self.problem, self.package, self.n_threads


def folded(family, X, y):
    """Return the problem with five folds and 100 alphas to alpha_max/100 or to saturation."""
    return replace(grid(Problem(X, y, None), max(0.01, family.least)), n_folds=N_FOLDS)


def measure(name, problem, folder, rivals, options, tell):
    """Return all Rows, ours first, each reported when measured, and the points of their panel."""
    ours = Worker("ours", options.threads, options.seconds, "cv.ours")
    mine = Row(name, "ours", options.threads)
    choice = first_choice(ours, mine, problem, folder)
    rows = [mine]
    if choice:
        mine.gap = worst_of_all(problem, options.threads)
        # a second run, since the first one of a process is slower
        mine.seconds = ours.ask(tol=mine.tol).get("seconds")
    tell(mine)
    for rival in rivals if choice else ():
        rows.append(Row(name, rival, mine.n_threads, ours=mine.seconds))
        beside(ours, choice, rows[-1], problem, folder, options)
        tell(rows[-1])
    ours.close()
    points = {row.package: [(row.seconds, row.gap)] for row in rows if row.seconds}
    return rows, {name: points}


def beside(ours, choice, row, problem, folder, options):
    """Fill a rival's Row: its choice, and its time beside ours."""
    rival = Worker(RIVALS[row.package], row.n_threads, options.seconds, f"cv.{row.package}")
    its = first_choice(rival, row, problem, folder)
    if its:
        row.difference = float(np.max(np.abs(its.errors / choice.errors - 1.0)))
        once = (row.ours, row.seconds) if row.seconds > 1.0 else None
        contenders = (ours, our_cv.LADDER[0]), (rival, row.tol)
        pairs = duel(contenders, options.repeat, options.seconds, once)
        fill(row, pairs)
        row.note = "" if pairs else rival.too_slow
    if row.note == rival.too_slow and row.ours:
        row.least = options.seconds / row.ours
    rival.close()


def first_choice(worker, row, problem, folder):
    """Return a package's Choice; write its tolerance, time and gap, or its error, to the row."""
    saved = folder / f"{row.package}.npz"
    answer = worker.ask(load=str(folder), n_threads=row.n_threads, seconds=300.0)
    if "error" not in answer:
        row.tol = answer["ladder"][0]
        answer = worker.ask(tol=row.tol, save=str(saved))
    if "error" in answer:
        row.note = answer["error"]
        return None
    choice = Choice.load(saved)
    chosen = replace(problem, alphas=np.array([choice.alpha]))
    row.seconds, row.alpha = answer["seconds"], choice.alpha
    row.gap = worst_gap(chosen, choice.coef[:, np.newaxis])
    return choice


def worst_of_all(problem, n_threads):
    """Return the worst gap of our paths on all samples and on every fold's training samples."""
    found = our_cv.fit(our_cv.prepare(problem, n_threads), our_cv.LADDER[0]).cv_path_
    gaps = [worst_gap(problem, found.path.coefs)]
    for k, fits in enumerate(found.fold_paths):
        rows = np.flatnonzero(problem.fold_of != k)
        gaps.append(worst_gap(replace(problem, X=problem.X[rows], y=problem.y[rows]), fits.coefs))
    return max(gaps)


def line(row):
    """Return a Row as one printed line."""
    parts = [f"{row.problem:24} {row.package:12}"]
    if row.gap is not None:
        parts.append(f"tol {row.tol:.0e} gap {max(row.gap, 0.0):.0e} alpha {row.alpha:.4g}")
    if row.ratio is not None:
        parts.append(f"{row.seconds:9.4f} s, ours {row.ours:8.5f} s, {row.ratio:6.2f}x")
    if row.difference is not None:
        parts.append(f"errors differ by {row.difference:.0e}")
    return "  ".join([*parts, row.note])
