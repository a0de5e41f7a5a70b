"""Compare predictions of rows left out with what came true: classes, counts, survival times.

python examples/outcomes.py [FOLDER]      (drawing needs matplotlib)
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer

import softreg_fast as sf


def classes():
    """Cross-validate a classifier of tumours."""
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    found = sf.cv_path(X, y, loss="logistic", standardize=True, measure="auc", rule="1se")
    return found, sf.Outcomes.from_cv_path(found, y)


def counts(n=2000):
    """Cross-validate rates of simulated counts whose variance exceeds their mean."""
    rng = np.random.default_rng(0)
    X, exposure = rng.normal(size=(n, 20)), rng.uniform(0.2, 2.0, n)
    mean = exposure * np.exp(X[:, :3] @ [0.6, -0.4, 0.3])
    y = rng.poisson(mean * rng.gamma(2.0, 0.5, n))
    loss = sf.losses.NegativeBinomial(theta=2.0)
    found = sf.cv_path(X, y, loss=loss, offset=np.log(exposure))
    return found, sf.Outcomes.from_cv_path(found, y)


def times(n=600):
    """Simulate survival times with a known risk, some of them censored."""
    rng = np.random.default_rng(0)
    risk = rng.normal(size=n)
    time, censored = rng.exponential(500.0 * np.exp(-risk)), rng.exponential(900.0, n)
    return np.minimum(time, censored), time <= censored, risk


def draw(folder):
    """Write a picture of each."""
    for name, make in (("classes", classes), ("counts", counts)):
        found, outcomes = make()
        outcomes.plot().savefig(folder / f"outcomes-{name}.png", dpi=90)
        sf.CVPathDisplay.from_path(found).figure_.savefig(folder / f"cv-{name}.png", dpi=90)
    picture = sf.SurvivalDisplay.from_predictions(*times())
    picture.figure_.savefig(folder / "survival.png", dpi=90)
    print(f"wrote five pictures to {folder}")


def main(folder=None):
    """Print tenths of counts; draw all if a folder is given."""
    _, outcomes = counts()
    print("predicted  observed  standard error")
    tenths = outcomes.tenths()
    for row in zip(tenths.predicted, tenths.observed, tenths.error, strict=True):
        print("{:9.3f} {:9.3f} {:15.3f}".format(*row))
    if folder is not None:
        draw(Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:2])
