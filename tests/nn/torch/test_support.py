"""Frozen supports, refits, minimum sizes: zeros that stay, weights that are kept."""

import copy
import io
import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from numpy.testing import assert_allclose  # noqa: E402
from schedules import OPTIMIZERS, OURS, PENALTIES, descend, least_squares, with_steps  # noqa: E402

from softreg_fast import solve  # noqa: E402
from softreg_fast.nn import (  # noqa: E402
    L1,
    GroupLasso,
    ProxAdamW,
    attach,
    param_groups,
)
from softreg_fast.nn.torch.support import prox_with_floor  # noqa: E402

# -- the refit solves the problem on the support ---------------------------------------------------


@pytest.mark.parametrize("name", [*OPTIMIZERS, *OURS])
@pytest.mark.parametrize("by_schedule", [False, True])
def test_the_refit_is_least_squares_on_the_support(rng, name, by_schedule):
    X, y = least_squares(rng)
    model = torch.nn.Linear(8, 1, bias=False).double()
    schedule = {"refit": 1000} if by_schedule else {}
    optimizer, frozen = with_steps(name, model, {"weight": L1(strength=0.1)}, **schedule)
    descend(model, optimizer, X, y, 1000)
    support = model.weight.detach().numpy()[0] != 0.0
    assert 0 < support.sum() <= 8
    if not by_schedule:
        frozen.refit()
    descend(model, optimizer, X, y, 2500, decay=0.997)
    found = model.weight.detach().numpy()[0]
    wanted = np.zeros(8)
    wanted[support] = np.linalg.lstsq(X[:, support], y, rcond=None)[0]
    assert_allclose(found, wanted, atol=1e-4)
    assert np.array_equal(found == 0.0, ~support)


@pytest.mark.parametrize("name", [*OPTIMIZERS, *OURS])
def test_frozen_with_its_penalty_it_is_the_lasso_of_these_columns(rng, name):
    X, y = least_squares(rng)
    model = torch.nn.Linear(8, 1, bias=False).double()
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[0.0, -0.5, 0.5, 0.1, 0.1, 0.0, 0.1, 0.1]]))
    optimizer, _ = with_steps(name, model, {"weight": L1(strength=0.1)}, freeze=0)
    descend(model, optimizer, X, y, 3000, decay=0.998)
    found = model.weight.detach().numpy()[0]
    rest = found != 0.0
    assert not rest[[0, 5]].any()  # although the first one matters
    assert rest[1]
    wanted = np.zeros(8)
    wanted[rest] = solve(X[:, rest], y, alpha=0.1, fit_intercept=False).coef
    assert_allclose(found, wanted, atol=5e-4)


@pytest.mark.parametrize("name", ["adam", "ours"])
def test_a_refit_keeps_signs(rng, name):
    X, y = least_squares(rng)
    model = torch.nn.Linear(8, 1, bias=False).double()
    rules = {"weight": L1(strength=0.01, positive=True)}
    optimizer, _ = with_steps(name, model, rules, refit=300)
    descend(model, optimizer, X, y, 300)
    before = model.weight.detach().numpy()[0].copy()
    descend(model, optimizer, X, y, 2500, decay=0.997)
    found = model.weight.detach().numpy()[0]
    support = found > 0.0
    assert support[0]
    assert not support[1]
    assert not support[before == 0.0].any()
    wanted = np.zeros(8)
    options = {"alpha": 0.0, "positive": True, "fit_intercept": False, "solver": "cd", "tol": 1e-12}
    wanted[support] = solve(X[:, support], y, **options).coef
    assert_allclose(found, wanted, atol=2e-4)


# -- zeros stay zero -------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("name", [*OPTIMIZERS, *OURS])
@pytest.mark.parametrize("method", ["freeze", "refit"])
def test_zeros_stay_zero_under_noise(penalty, name, method):
    model = torch.nn.Linear(12, 9, dtype=torch.float64)
    optimizer, frozen = with_steps(name, model, {"weight": PENALTIES[penalty]})

    def noisy_step(size=1.0):
        model.weight.grad = size * torch.randn(9, 12, dtype=torch.float64)
        model.bias.grad = torch.randn(9, dtype=torch.float64)
        optimizer.step()

    noisy_step()  # so that there are moments
    with torch.no_grad():
        model.weight[torch.rand(9, 12) < 0.3] = 0.0
        model.weight[:, 4] = -0.0
        model.weight[0, 0] = 1.0
        model.bias.zero_()
    getattr(frozen, method)()
    zero = model.weight.detach() == 0
    before = model.weight.detach().clone()
    for _ in range(20):
        noisy_step()
        assert (model.weight[zero] == 0).all()
        assert not torch.signbit(model.weight[model.weight == 0]).any()
    assert (model.weight[~zero] != before[~zero]).any()
    assert (model.bias != 0).all()  # only penalised weights are frozen
    for value in optimizer.state[model.weight].values():
        if torch.is_tensor(value) and value.shape == model.weight.shape:
            assert (value[zero] == 0).all()
    frozen.thaw()
    noisy_step(1000.0)
    assert (model.weight[zero] != 0).any()


@pytest.mark.parametrize("name", [*OPTIMIZERS, *OURS])
def test_the_schedule_begins_after_so_many_steps(name):
    model = torch.nn.Linear(4, 3, dtype=torch.float64)
    optimizer, _ = with_steps(name, model, {"weight": L1(strength=1e-6)}, freeze=2)
    for k in range(4):
        with torch.no_grad():
            model.weight[0, 0] = 0.0
        model.weight.grad = torch.ones(3, 4, dtype=torch.float64)
        optimizer.step()
        assert (float(model.weight.detach()[0, 0]) == 0.0) == (k >= 2)


def test_gradients_that_a_closure_makes():
    model = torch.nn.Linear(5, 2)
    optimizer, frozen = with_steps("adam", model, {"weight": L1(strength=1e-3)})
    with torch.no_grad():
        model.weight[:, 1] = 0.0
    frozen.refit()

    def closure():
        optimizer.zero_grad()
        loss = (model(torch.ones(3, 5)) - 1.0).pow(2).mean()
        loss.backward()
        return loss

    before = model.weight.detach().clone()
    for _ in range(5):
        optimizer.step(closure)
    assert (model.weight[:, 1] == 0).all()
    assert (model.weight[:, [0, 2, 3, 4]] != before[:, [0, 2, 3, 4]]).all()


@pytest.mark.parametrize("name", ["adam", "ours"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_one_pass_and_two_freeze_alike(name, dtype):
    """Cover low-precision weights in a layout that no kernel takes, and float32."""
    model = torch.nn.Linear(20, 5).to(dtype)
    rules = {"weight": L1(strength=0.1)}
    if name == "ours":
        optimizer = ProxAdamW(param_groups(model, rules), lr=1e-2, eps=1e-4, refit=100)
    else:
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, eps=1e-4)
        attach(model, optimizer, rules, refit=100)
    zero = None
    for k in range(200):
        optimizer.zero_grad()
        X = torch.randn(32, 20, dtype=dtype)
        (model(X) - X[:, :5]).pow(2).mean().backward()
        optimizer.step()
        zero = model.weight.detach() == 0 if k == 99 else zero
    assert 0.3 < zero.float().mean() < 1.0
    assert (model.weight[zero] == 0).all()
    assert np.isfinite(model.weight.detach().float().numpy()).all()


@pytest.mark.filterwarnings("ignore:.* has a decoupled weight decay")  # only the same steps count
@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_the_fused_pass_freezes_as_the_hook_does(penalty, amsgrad):
    model = torch.nn.Linear(12, 9, dtype=torch.float64)
    with torch.no_grad():
        model.weight[:, ::3] = 0.0
    models = [model, copy.deepcopy(model), copy.deepcopy(model)]
    models[2].weight.data = models[2].weight.data.T.contiguous().T  # the kernel refuses that
    rules, options = {"weight": PENALTIES[penalty]}, {"lr": 1e-2, "amsgrad": amsgrad}
    schedule = {"freeze": 3, "refit": 8, "min_keep": 2}
    hooked = torch.optim.AdamW(models[0].parameters(), weight_decay=0.1, **options)
    attach(models[0], hooked, rules, **schedule)
    options.update(schedule, weight_decay=0.1)
    ours = [ProxAdamW(param_groups(each, rules), **options) for each in models[1:]]
    for _ in range(15):
        gradient, of_bias = torch.randn(9, 12).double(), torch.randn(9).double()
        for each, optimizer in zip(models, [hooked, *ours], strict=True):
            each.weight.grad, each.bias.grad = gradient.clone(), of_bias.clone()
            optimizer.step()
    for each in models[1:]:
        assert torch.equal(each.weight == 0, models[0].weight == 0)
        for a, b in zip(each.parameters(), models[0].parameters(), strict=True):
            assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-12)


def test_frozen_blocks_beyond_the_first():
    # 5000 weights are several blocks of the compiled pass; no NaN where a moment is 0 and eps, too
    model = torch.nn.Linear(100, 50, bias=False)
    with torch.no_grad():
        model.weight[torch.rand(50, 100) < 0.5] = 0.0
    zero = model.weight.detach() == 0
    optimizer = ProxAdamW(param_groups(model, {"*": L1(strength=0.0)}), eps=0.0, refit=0)
    for _ in range(3):
        model.weight.grad = torch.randn(50, 100)
        optimizer.step()
    assert torch.equal(model.weight.detach() == 0, zero)
    assert torch.isfinite(model.weight).all()


# -- checkpoints -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["momentum", "adam", "nadam", "amsgrad", "ours"])
@pytest.mark.parametrize("by_schedule", [False, True])
@pytest.mark.parametrize("method", ["freeze", "refit"])
def test_a_frozen_phase_goes_on_bit_for_bit(name, by_schedule, method):
    data = [torch.randn(16, 10) for _ in range(60)]
    schedule = {method: 20} if by_schedule else {}

    def make():
        model = torch.nn.Sequential(
            torch.nn.Linear(10, 12), torch.nn.ReLU(), torch.nn.Linear(12, 1)
        )
        return model, *with_steps(name, model, {"*": L1(strength=0.02)}, **schedule)

    def train(model, optimizer, batches):
        for X in batches:
            optimizer.zero_grad()
            (model(X) - X[:, :1]).pow(2).mean().backward()
            optimizer.step()

    model, optimizer, frozen = make()
    train(model, optimizer, data[:20])
    if not by_schedule:
        getattr(frozen, method)()
    train(model, optimizer, data[20:40])
    file = io.BytesIO()
    torch.save([model.state_dict(), optimizer.state_dict()], file)
    file.seek(0)
    states = torch.load(file, weights_only=True)
    train(model, optimizer, data[40:])
    again, its_optimizer, _ = make()
    again.load_state_dict(states[0])
    its_optimizer.load_state_dict(states[1])
    train(again, its_optimizer, data[40:])
    assert (model[0].weight == 0).any()
    for a, b in zip(model.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_checkpoints_from_before_there_was_freezing():
    model = torch.nn.Linear(4, 2)
    optimizer, proximal = with_steps("adam", model, {"*": L1(strength=0.1)})
    state = optimizer.state_dict()
    state["param_groups"][0]["softreg_fast"] = {"n_steps": 7, "scale": 1.0}
    optimizer.load_state_dict(state)
    model.weight.grad = torch.ones(2, 4)
    optimizer.step()
    assert proximal.state["n_steps"] == 8
    optimizer, _ = with_steps("ours", model, {"*": L1(strength=0.1)})
    state = optimizer.state_dict()
    for group in state["param_groups"]:
        for name in ("freeze", "refit", "min_keep"):
            del group[name]
    optimizer.load_state_dict(state)
    optimizer.step()


# -- min_keep --------------------------------------------------------------------------------------


@pytest.mark.parametrize("floor", [1, 2, 4])
@pytest.mark.parametrize("steps", ["one", "many"])
@pytest.mark.parametrize(
    "penalty",
    [L1(strength=9.0), GroupLasso(strength=9.0, groups=1), L1(strength=9.0, positive=True)],
    ids=["l1", "groups", "positive"],
)
def test_the_floor_solves_the_trimmed_problem(rng, penalty, steps, floor):
    # argmin_x sum (x - z)^2 / (2 t) + penalty of all but k units, minimised over their choice, too
    z = torch.tensor(
        rng.standard_normal((3, 4))
        if penalty.unit_sums(torch.ones(3, 4)).numel() == 4
        else rng.standard_normal((1, 6))
    )
    t = 0.5 if steps == "one" else torch.tensor(rng.uniform(0.3, 3.0, tuple(z.shape)))
    x = prox_with_floor(penalty, z, t, 1.0, floor)
    units = penalty.to_units(torch.arange(penalty.unit_sums(z).numel()), z).expand(z.shape)
    free = z.clamp(min=0) if getattr(penalty, "positive", False) else z
    best, wanted = np.inf, None
    for chosen in itertools.combinations(range(int(units.max()) + 1), floor):
        kept = torch.isin(units, torch.tensor(chosen))
        point = torch.where(kept, free, penalty.prox(z, t, 1.0))
        value = float(((point - z) ** 2 / (2 * t)).sum())
        value += penalty.value(torch.where(kept, torch.zeros_like(point), point))
        if value < best - 1e-12:
            best, wanted = value, point
    assert_allclose(x.numpy(), wanted.numpy())


@pytest.mark.parametrize("name", ["sgd", "momentum", "adam", "ours"])
@pytest.mark.parametrize("penalty", ["l1", "groups"])
def test_layers_do_not_collapse(name, penalty):
    model = torch.nn.Sequential(torch.nn.Linear(10, 16), torch.nn.ReLU(), torch.nn.Linear(16, 1))
    strong = {"l1": L1(strength=3.0), "groups": GroupLasso(strength=3.0)}[penalty]
    optimizer, _ = with_steps(
        name, model, {"0.weight": strong, "2.weight": L1(strength=3.0)}, min_keep=2
    )
    for _ in range(300):
        optimizer.zero_grad()
        X = torch.randn(32, 10)
        (model(X) - X[:, :1]).pow(2).mean().backward()
        optimizer.step()
        rows = (model[0].weight != 0).any(1) if penalty == "groups" else model[0].weight != 0
        assert int(rows.sum()) >= 2
        assert int((model[2].weight != 0).sum()) >= 2
    assert int(rows.sum()) == 2
    assert int((model[2].weight != 0).sum()) == 2


def test_a_floor_that_is_not_reached_changes_nothing():
    model = torch.nn.Linear(10, 6)
    twin = copy.deepcopy(model)
    pairs = [
        (each, with_steps("adam", each, {"*": L1(strength=0.05)}, min_keep=keep)[0])
        for each, keep in ((model, 0), (twin, 3))
    ]
    for _ in range(100):
        X = torch.randn(32, 10)
        for each, optimizer in pairs:
            optimizer.zero_grad()
            (each(X) - X[:, :6]).pow(2).mean().backward()
            optimizer.step()
    assert 6 <= int((model.weight != 0).sum()) < 60
    assert_allclose(model.weight.detach().numpy(), twin.weight.detach().numpy(), atol=1e-6)


# -- steps that a gradient scaler skips ------------------------------------------------------------


@pytest.mark.parametrize("name", ["sgd", "adam", "fused", "nadam", "ours"])
@pytest.mark.parametrize("schedule", [{}, {"freeze": 0}, {"min_keep": 1}])
def test_a_scaler_skips_the_proximal_step_too(name, schedule):
    model = torch.nn.Linear(6, 3)
    with torch.no_grad():
        model.weight[:, 2] = 0.0
    optimizer, proximal = with_steps(name, model, {"*": L1(strength=0.1)}, **schedule)
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    before = model.weight.detach().clone()

    def step(factor):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            loss = model(torch.ones(2, 6)).float().pow(2).mean()
        scaler.scale(loss * factor).backward()
        scaler.step(optimizer)
        scaler.update()

    step(float("inf"))
    assert torch.equal(model.weight, before)
    assert scaler.get_scale() == 4.0
    if name not in OURS:
        assert proximal.state["n_steps"] == 0
    step(1.0)
    assert not torch.equal(model.weight, before)
    assert torch.isfinite(model.weight).all()
    if name not in OURS:
        assert proximal.state["n_steps"] == 1
    if "freeze" in schedule:
        assert (model.weight[:, 2] == 0).all()


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"freeze": -1}, "freeze must be an integer >= 0, got -1"),
        ({"refit": 1.5}, "refit must be an integer >= 0, got 1.5"),
        ({"refit": True}, "refit must be an integer >= 0, got True"),
        ({"freeze": 9, "refit": 5}, "freeze=9 comes after refit=5"),
        ({"min_keep": 0.1}, "min_keep must be an integer >= 0, got 0.1"),
        ({"min_keep": None}, "min_keep must be an integer >= 0"),
    ],
)
def test_bad_schedules(options, wanted):
    model = torch.nn.Linear(3, 2)
    for name in ("adam", "ours"):
        with pytest.raises(ValueError, match=wanted):
            with_steps(name, model, {"*": L1(strength=0.1)}, **options)


def test_a_support_before_there_is_one():
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(
        ValueError, match="refit=50 comes before the first proximal step, start=100"
    ):
        attach(model, optimizer, {"*": L1(strength=0.1)}, start=100, refit=50)


def test_one_attachment_for_each_optimizer():
    model = torch.nn.Linear(3, 2)
    optimizer, proximal = with_steps("sgd", model, {"*": L1(strength=0.1)}, refit=0)
    model.weight.grad = torch.ones(2, 3)
    optimizer.step()
    with pytest.raises(ValueError, match="takes proximal steps already"):
        attach(model, optimizer, {"*": L1(strength=0.1)})
    proximal.remove()
    state = attach(model, optimizer, {"*": L1(strength=0.1)}).state
    fresh = {"n_steps": 0, "scale": 1.0, "freeze": None, "refit": None}
    assert {name: state[name] for name in fresh} == fresh


def test_sparse_gradients_of_our_optimizer():
    model = torch.nn.Embedding(6, 3, sparse=True)
    optimizer = ProxAdamW(param_groups(model, {"weight": L1(strength=1.0)}))
    before = model.weight.detach().clone()
    model(torch.tensor([1])).sum().backward()
    with pytest.raises(ValueError, match="dense gradients"):
        optimizer.step()
    assert torch.equal(model.weight, before)
