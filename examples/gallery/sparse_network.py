"""
A network that selects its inputs
=================================

Ten inputs, of which three matter. A group lasso on the columns of the first layer makes the
weights of the other seven exactly zero. Needs PyTorch.
"""

import torch
from matplotlib import pyplot

from softreg_fast.nn import GroupLasso, attach

torch.manual_seed(0)
X = torch.randn(500, 10)
y = (X[:, 0] - 2 * X[:, 1] + torch.relu(X[:, 2]))[:, None]
model = torch.nn.Sequential(torch.nn.Linear(10, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
columns = GroupLasso(strength=0.01, groups=1)
attach(model, optimizer, {"0.weight": columns, "2.weight": columns}, start=50)

sizes = []
for _ in range(600):
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(model(X), y).backward()
    optimizer.step()
    sizes.append(model[0].weight.detach().norm(dim=0).numpy().copy())

figure, ax = pyplot.subplots(layout="constrained")
for j, size in enumerate(zip(*sizes, strict=True)):
    ax.plot(size, color=f"C{j}" if j < 3 else "0.7", label=f"input {j}" if j < 3 else None)
ax.set(xlabel="step", ylabel="norm of an input's weights")
ax.legend()
