"""Train a small PyTorch network that selects the inputs and units it needs.

1000 samples of 10 inputs, of which 3 matter. Dense(64, relu), Dense(1), Adam, 100 epochs, batches
of 32, mean squared error; and four lines more, marked with ***, which make unused inputs and units
zero, and cut the units out of the network.

Run it:  python examples/torch_sparse_dense.py     (PyTorch: pip install softreg_fast[torch])
"""

import torch

from softreg_fast.nn import GroupLasso, attach, compact

EPOCHS = 100
BATCH = 32
STRENGTH = 0.006


def make_data():
    """Return ten inputs and a target that is a nonlinear function of the first three."""
    X = torch.randn(1000, 10)
    y = X[:, 0] - 2.0 * X[:, 1] + torch.relu(X[:, 2])
    return X, (y + 0.1 * torch.randn(1000))[:, None]


def train(strength):
    """Return the trained model and its error on new data."""
    torch.manual_seed(0)
    X, y = make_data()
    new_X, new_y = make_data()
    model = torch.nn.Sequential(torch.nn.Linear(10, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    if strength:
        columns = GroupLasso(strength=strength, groups=1)  # *** all weights of an input together
        rules = {"0.weight": columns, "2.weight": columns}  # *** inputs, and hidden units
        attach(model, optimizer, rules, start=100)  # ***
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(X)).split(BATCH):
            optimizer.zero_grad()
            torch.nn.functional.mse_loss(model(X[rows]), y[rows]).backward()
            optimizer.step()
    with torch.no_grad():
        return model, float(torch.nn.functional.mse_loss(model(new_X), new_y))


def main():
    for strength in (0.0, STRENGTH):
        model, error = train(strength)
        inputs = (model[0].weight != 0).any(0)
        units = (model[2].weight != 0).any(0)
        used = model[0].weight[units][:, inputs]
        print(f"strength {strength}")
        print(f"  squared error on new data  {error:.4f}")
        print(f"  inputs used                {torch.nonzero(inputs)[:, 0].tolist()}")
        print(f"  hidden units used          {int(units.sum())} of 64")
        print(f"  weights used               {used.numel() + int(units.sum())} of {10 * 64 + 64}")
        if strength:
            print(compact(model, torch.zeros(1, 10)))  # ***


if __name__ == "__main__":
    main()
