"""Fit a path of networks from dense to sparse, choose one, and report what is left of it.

Handwritten digits (scikit-learn): 1000 images for training, 400 for choosing the strength, and the
other 397 for testing the choice.

Run it:  python examples/torch_path.py [FOLDER for pictures]
         (PyTorch: pip install softreg_fast[torch]; pictures need matplotlib)
"""

import sys
from pathlib import Path

import torch
from sklearn.datasets import load_digits

from softreg_fast.nn import L1, attach, path, report

EPOCHS = 40
BATCH = 50
STRENGTHS = [0.0, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2]


def make_data():
    """Return (images, digits) for training, validation and test."""
    X, y = load_digits(return_X_y=True)
    X, y = torch.tensor(X / 16.0, dtype=torch.float32), torch.tensor(y)
    order = torch.randperm(len(X), generator=torch.Generator().manual_seed(0))
    return [(X[rows], y[rows]) for rows in order.split([1000, 400, 397])]


def make_model():
    """Return a network from 64 pixels through two hidden layers to 10 digits."""
    return torch.nn.Sequential(
        torch.nn.Linear(64, 100),
        torch.nn.ReLU(),
        torch.nn.Linear(100, 50),
        torch.nn.ReLU(),
        torch.nn.Linear(50, 10),
    )


def accuracy(model, X, y):
    """Return the fraction of digits classified correctly and its standard error."""
    with torch.no_grad():
        share = float((model(X).argmax(1) == y).double().mean())
    return share, (share * (1.0 - share) / len(y)) ** 0.5


def search(training, validation):
    """Compute the path; the function `train` holds the whole training loop."""
    X, y = training
    n_steps = EPOCHS * len(X) // BATCH

    def train(model, strength):
        optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
        rules = {torch.nn.Linear: L1(strength=strength)}
        attach(model, optimizer, rules, start=20, refit=2 * n_steps // 3)
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(X)).split(BATCH):
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(model(X[rows]), y[rows]).backward()
                optimizer.step()
        return accuracy(model, *validation)

    return path(train, make_model(), STRENGTHS, rule="sparsest")


def draw(found, what, folder):
    """Draw the path and the report."""
    for name, picture in (("network_path", found.plot()), ("network_report", what.plot())):
        file = Path(folder) / f"{name}.png"
        picture.figure_.savefig(file, dpi=110)
        print(f"wrote {file}")


def main(folder=None):
    """Print the path and what is left of the network at the chosen strength."""
    torch.manual_seed(0)
    training, validation, test = make_data()
    found = search(training, validation)
    print(found)
    for name, model in (("dense", found.model(0)), ("chosen", found.model())):
        print(f"{name:>7}: {100 * accuracy(model, *test)[0]:.1f} % of new digits read right")
    what = report(found.model(), test[0][:1])
    print(f"\n{what}")
    if folder is not None:
        draw(found, what, folder)


if __name__ == "__main__":
    main(*sys.argv[1:2])
