"""Polish a sparse net with full-batch steps to a stationary point of the declared objective.

    python -m bench.nn.polish TASK SEED FIELD=VALUE ...      fields of Recipe

The objective is the mean loss over all training samples + the penalty, L1 or elastic net, in
float64, starting from the trained weights; weight decay used in training is not part of it.
L-BFGS-B optimises the nonzero weights and those zeros whose gradient is near the strength, in a net
without the inputs and units that none of these reads; after some hundred steps the set of zeros is
updated. The weights are scaled so that the diagonal of the Fisher information is one: without that,
curvatures differ by orders of magnitude, and L-BFGS ends far from stationary.

With relu the loss has kinks, and minimisers often lie on them: there the gradient jumps, and no
single gradient shows whether a point is stationary. So relu is smoothed within `WIDTHS` of zero, in
decreasing widths, and the result is the violation of the objective with the last width: units
within it of their kink have slopes between 0 and 1, as in the subdifferential of relu.
"""

import copy
import json
import sys
import time

import numpy as np
import torch
from scipy.optimize import minimize

from bench.families.nets import TRAININGS
from bench.families.recipes import Recipe
from bench.harness.nets import accuracy
from bench.harness.record import kept
from bench.nn.train import file_of, result_of
from softreg_fast.nn import compact

ROUNDS, STEPS = 1000, 300
NEAR = 0.5  # fraction of the strength: zeros whose gradient exceeds it take part
ENOUGH, TARGET = 0.05, 1e-4  # fractions of the strength: all widths but the last, the last
WIDTHS = (1e-2, 1e-3, 1e-4)  # distance of the inputs of a unit from 0
SHARES = (0.5, 0.75, 1.0)  # fractions of the time limit by which each width ends
BATCHES, BATCH = 300, 32  # for the estimate of the Fisher information
LEAST_CURVATURE = 1e-3  # fraction of the mean


class Rounded(torch.nn.Module):
    """Smoothed relu: a parabola within a width of zero."""

    width = WIDTHS[0]

    def forward(self, z):
        h = self.width
        return torch.clamp(z + h, 0.0, 2.0 * h).square() / (4.0 * h) + torch.relu(z - h)


def is_mlp(model):
    """Return whether the model consists of linear layers with relu between them only."""
    known = torch.nn.Linear, torch.nn.ReLU, Rounded
    return isinstance(model, torch.nn.Sequential) and all(isinstance(m, known) for m in model)


def round_off(model):
    """Replace all relu modules by `Rounded`, in place; return the new modules."""
    found = []
    for module in list(model.modules()):
        for name, child in module.named_children():
            if isinstance(child, torch.nn.ReLU):
                found.append(Rounded())
                setattr(module, name, found[-1])
    return found


class Objective:
    """Loss and gradient as functions of the vector of all parameters; mask of the penalised."""

    def __init__(self, model, samples):
        self.model = model.double()
        X, self.y = samples
        self.X = X.double() if X.is_floating_point() else X
        self.parameters = list(model.parameters())
        self.penalised = np.concatenate([np.full(p.numel(), p.ndim > 1) for p in self.parameters])

    def start(self):
        """Return the current parameters as a vector."""
        return np.concatenate([p.detach().numpy().ravel() for p in self.parameters])

    def split(self, w):
        """Split a vector into the parameters' shapes."""
        ends = np.cumsum([p.numel() for p in self.parameters])[:-1]
        parts = zip(np.split(w, ends), self.parameters, strict=True)
        return [part.reshape(p.shape) for part, p in parts]

    def put(self, w):
        """Write a vector into the model's parameters."""
        with torch.no_grad():
            for p, part in zip(self.parameters, self.split(w), strict=True):
                p.copy_(torch.as_tensor(part))

    def without_idle(self, moving):
        """Return an objective in fewer parameters and the mask of these; the others must be zero.

        An mlp loses the inputs and units that no weight in `moving` reads. Other nets keep all
        their parameters.
        """
        read = [part.any(0) for part in self.split(moving) if part.ndim == 2]
        if not is_mlp(self.model) or not all(each.any() for each in read):
            return self, np.arange(len(moving))
        small, kept = copy.deepcopy(self.model), []
        indices = self.split(np.arange(len(moving)))
        places = [k for k, module in enumerate(small) if isinstance(module, torch.nn.Linear)]
        outs = [*read[1:], np.ones(len(indices[-1]), bool)]
        each = zip(places, indices[::2], indices[1::2], read, outs, strict=True)
        for place, weight, bias, left, right in each:
            small[place] = torch.nn.Linear(int(left.sum()), int(right.sum()))
            kept += [weight[right][:, left].ravel(), bias[right]]
        return Objective(small, (self.X[:, torch.as_tensor(read[0])], self.y)), np.concatenate(kept)

    def curvatures(self, w):
        """Estimate the diagonal of the Fisher information: mean squares of batch gradients, with
        classes drawn from the model's predictions."""
        self.put(w)
        generator = torch.Generator().manual_seed(0)
        squares = [torch.zeros_like(p) for p in self.parameters]
        for _ in range(BATCHES):
            rows = torch.randint(len(self.y), (BATCH,), generator=generator)
            scores = self.model(self.X[rows])
            drawn = torch.multinomial(scores.detach().softmax(1), 1, generator=generator)[:, 0]
            loss = torch.nn.functional.cross_entropy(scores, drawn)
            gradient = torch.autograd.grad(loss, self.parameters, materialize_grads=True)
            for total, part in zip(squares, gradient, strict=True):
                total += part * part
        return BATCH / BATCHES * np.concatenate([total.numpy().ravel() for total in squares])

    def __call__(self, w):
        self.put(w)
        loss = torch.nn.functional.cross_entropy(self.model(self.X), self.y)
        gradient = torch.autograd.grad(loss, self.parameters, materialize_grads=True)
        return loss.item(), np.concatenate([part.numpy().ravel() for part in gradient])


def threshold(penalty):
    """Return the strength of the L1 part, which the gradient at a zero must exceed for growth."""
    return penalty.strength * penalty.l1_ratio


def violation(objective, w, gradient, penalty):
    """Return the largest distance from optimality over the threshold; biases have threshold 0."""
    inside = objective.penalised
    distances = penalty.violation(w[inside], gradient[inside])
    free = np.abs(gradient[~inside])
    return max(distances.max(), free.max(initial=0.0)) / threshold(penalty)


def polish(model, samples, penalty, seconds):
    """Polish a model in place; return {violations before and after, nonzeros, seconds}."""
    objective = Objective(model, samples)
    w = objective.start()
    began = time.perf_counter()
    first = violation(objective, w, objective(w)[1], penalty)
    rounded = round_off(model)
    widths = WIDTHS if rounded else (0.0,)
    for width, share in zip(widths, SHARES[-len(widths) :], strict=True):
        for module in rounded:
            module.width = width
        until = began + seconds * share
        target = TARGET if width == widths[-1] else ENOUGH
        w, last = smooth_polish(objective, w, penalty, target, until)
    return {
        "before": float(first),
        "after": float(last),
        "width": width,
        "nonzeros": int(np.count_nonzero(w[objective.penalised])),
        "seconds": time.perf_counter() - began,
    }


def smooth_polish(objective, w, penalty, target, until):
    """Run rounds of growing length until a target or a time; return the point and its violation."""
    last = violation(objective, w, objective(w)[1], penalty)
    for k in range(1, ROUNDS):
        if last <= target or time.perf_counter() > until:
            break
        w = one_round(objective, w, penalty, k * STEPS, until)
        last = violation(objective, w, objective(w)[1], penalty)
    return w, last


def one_round(objective, w, penalty, n_steps, until):
    """Optimise the nonzero weights, the zeros near the threshold, and all biases."""
    _, gradient = objective(w)
    moving = (w != 0.0) | (np.abs(gradient) > NEAR * threshold(penalty)) | ~objective.penalised
    part, kept = objective.without_idle(moving)
    found = np.zeros_like(w)
    found[kept] = descend(part, w[kept], gradient[kept], penalty, n_steps, until)
    return found


def descend(objective, w, gradient, penalty, n_steps, until):
    """Run L-BFGS-B over u, v >= 0 with w = u - v, where |w| = u + v is smooth."""
    inside, l1 = objective.penalised, threshold(penalty)
    l2 = (penalty.strength - l1) * inside
    curvature = objective.curvatures(w) + l2
    unit = 1.0 / np.sqrt(curvature + LEAST_CURVATURE * curvature.mean())
    wanted = np.where(np.abs(gradient) > NEAR * l1, -np.sign(gradient), 0.0)
    up = np.flatnonzero(inside & ((w != 0.0) | (wanted > 0.0)))
    down = np.flatnonzero(inside & ((w != 0.0) | (wanted < 0.0)))
    free = np.flatnonzero(~inside)
    ends = np.cumsum([len(up), len(down)])
    units = np.concatenate([unit[up], unit[down], unit[free]])

    def whole(z):
        u, v, b = np.split(z * units, ends)
        found = np.zeros_like(w)
        found[up] = u
        found[down] -= v
        found[free] = b
        return found

    def within(z):
        found = whole(z)
        value, gradient = objective(found)
        value += l1 * (z[: ends[1]] @ units[: ends[1]]) + 0.5 * (l2 * found) @ found
        slope = gradient + l2 * found
        return value, units * np.concatenate([slope[up] + l1, l1 - slope[down], slope[free]])

    def in_time(_):
        if time.perf_counter() > until:
            raise StopIteration

    start = np.concatenate([np.maximum(w[up], 0.0), np.maximum(-w[down], 0.0), w[free]]) / units
    bounds = [(0, None)] * ends[1] + [(None, None)] * len(free)
    options = {"maxiter": n_steps, "maxfun": 3 * n_steps, "maxcor": 50, "ftol": 0.0, "gtol": 0.0}
    found = minimize(
        within,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        callback=in_time,
        options=options,
    )
    return whole(found.x)


def polished(training, recipe, seed, seconds=300.0):
    """Return the result of `polish` for a trained net, from its file if that exists."""
    weights = file_of(training, recipe, seed).with_suffix(".pt")

    def make():
        result_of(training, recipe, seed)
        model = training.net()
        model.load_state_dict(torch.load(weights, weights_only=True))
        data = training.load(seed)
        compact(model, data.train[0][:2])  # weights cut out have no gradient, and stay zero
        (penalty,) = recipe.rules().values()
        result = polish(model, data.train, penalty, seconds)
        model.float()
        hits = {part: accuracy(model, getattr(data, part)) for part in ("validation", "test")}
        return result | hits

    return kept(weights.with_suffix(".polish.json"), make)


def main():
    name, seed, *fields = sys.argv[1:]
    torch.set_num_threads(1)
    print(json.dumps(polished(TRAININGS[name], Recipe.of(fields), int(seed)), indent=1))


if __name__ == "__main__":
    main()
