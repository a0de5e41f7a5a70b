"""How near to a stationary point of the declared objective full-batch steps bring a sparse net.

    python -m bench.nn.polish TASK SEED FIELD=VALUE ...      fields of Recipe

The objective is the mean loss over all training samples + strength ||w||_1, in float64, from where
training ended. L-BFGS-B works on the weights that are not zero, none of which may change its sign,
and on those zeros that the optimality conditions want to grow; then zeros are looked at again.
"""

import json
import sys
import time

import numpy as np
import torch
from scipy.optimize import minimize

from bench.nn.tasks import TASKS, Recipe
from bench.nn.train import accuracy, file_of, result_of
from softreg_fast.nn import L1

ROUNDS, STEPS = 200, 100
TARGET = 1e-4  # of the strength


class Objective:
    """Loss and gradient at a vector of all parameters; which of them are penalised."""

    def __init__(self, model, samples):
        self.model = model.double()
        X, self.y = samples
        self.X = X.double() if X.is_floating_point() else X
        self.parameters = list(model.parameters())
        self.penalised = np.concatenate([np.full(p.numel(), p.ndim > 1) for p in self.parameters])

    def start(self):
        """The parameters as they are."""
        return np.concatenate([p.detach().numpy().ravel() for p in self.parameters])

    def put(self, w):
        """Into the model."""
        ends = np.cumsum([p.numel() for p in self.parameters])[:-1]
        with torch.no_grad():
            for p, part in zip(self.parameters, np.split(w, ends), strict=True):
                p.copy_(torch.as_tensor(part).reshape(p.shape))

    def __call__(self, w):
        self.put(w)
        self.model.zero_grad()
        loss = torch.nn.functional.cross_entropy(self.model(self.X), self.y)
        loss.backward()
        gradient = [p.grad.numpy().ravel() for p in self.parameters]
        return loss.item(), np.concatenate(gradient)


def violation(objective, w, gradient, strength):
    """The largest distance from optimality over the strength; biases count, against 0."""
    inside = objective.penalised
    penalty = L1(strength=strength)
    distances = penalty.violation(w[inside], gradient[inside])
    free = np.abs(gradient[~inside])
    return max(distances.max(), free.max(initial=0.0)) / strength


def polish(model, samples, strength, seconds):
    """{violation at the start and at the end, nonzeros, seconds}; the model is left polished."""
    objective = Objective(model, samples)
    w = objective.start()
    began = time.perf_counter()
    first = last = violation(objective, w, objective(w)[1], strength)
    for _ in range(ROUNDS):
        if last <= TARGET or time.perf_counter() - began > seconds:
            break
        w = one_round(objective, w, strength)
        last = violation(objective, w, objective(w)[1], strength)
    return {
        "before": float(first),
        "after": float(last),
        "nonzeros": int(np.count_nonzero(w[objective.penalised])),
        "seconds": time.perf_counter() - began,
    }


def one_round(objective, w, strength):
    """L-BFGS-B in one orthant: signs of the weights, and for zeros those that they would take."""
    _, gradient = objective(w)
    inside = objective.penalised
    signs = np.where(w != 0.0, np.sign(w), -np.sign(gradient) * (np.abs(gradient) > strength))
    signs = np.where(inside, signs, 0.0)
    working = ~inside | (signs != 0.0)
    sign = signs[working]

    def within(part):
        whole = w.copy()
        whole[working] = part
        value, gradient = objective(whole)
        slope = gradient[working] + strength * sign
        return value + strength * np.abs(whole[inside]).sum(), slope

    bounds = [(0, None) if s > 0 else (None, 0) if s < 0 else (None, None) for s in sign]
    options = {"maxiter": STEPS, "maxcor": 30, "ftol": 0.0, "gtol": 0.3 * TARGET * strength}
    found = minimize(
        within, w[working], jac=True, method="L-BFGS-B", bounds=bounds, options=options
    )
    whole = w.copy()
    whole[working] = found.x
    return whole


def polished(task, recipe, seed, seconds=400.0):
    """What `polish` gives for a trained net, from the file if it is there."""
    weights = file_of(task, recipe, seed).with_suffix(".pt")
    file = weights.with_suffix(".polish.json")
    if file.exists():
        return json.loads(file.read_text())
    result_of(task, recipe, seed)
    model = task.net()
    model.load_state_dict(torch.load(weights, weights_only=True))
    data = task.load(seed)
    result = polish(model, data.train, recipe.strength, seconds)
    model.float()
    result |= {"validation": accuracy(model, data.validation), "test": accuracy(model, data.test)}
    file.write_text(json.dumps(result))
    return result


def main():
    name, seed, *fields = sys.argv[1:]
    torch.set_num_threads(1)
    print(json.dumps(polished(TASKS[name], Recipe.of(fields), int(seed)), indent=1))


if __name__ == "__main__":
    main()
