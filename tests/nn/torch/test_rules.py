"""Rules match every weight they name or raise an error; weights without a gradient stay."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from softreg_fast.nn import (  # noqa: E402
    L1,
    MCP,
    SCAD,
    ElasticNet,
    GroupLasso,
    LHalf,
    ProxAdamW,
    SparseGroupLasso,
    attach,
    param_groups,
)

SOME = L1(strength=0.01)


@pytest.fixture(autouse=True)
def seeded(seed):
    """Seed PyTorch's generator."""
    torch.manual_seed(seed)


def names_of(model, rules):
    return [target.name for target in attach(model, sgd(model), rules).targets]


def sgd(model):
    return torch.optim.SGD(model.parameters(), lr=0.1)


# -- weights that never had a gradient -------------------------------------------------------------


class Table(torch.nn.Module):
    """A lookup table that is not recognisable as one."""

    def __init__(self, look):
        super().__init__()
        self.table = torch.nn.Parameter(torch.randn(10, 4))
        self.look = look

    def forward(self, words):
        return self.look(words, self.table)


class Tied(torch.nn.Module):
    """An output layer defined before the embedding with the same weights; only words are used."""

    def __init__(self, kind=torch.nn.Embedding):
        super().__init__()
        self.out = torch.nn.Linear(4, 10, bias=False)
        self.words = kind(10, 4)
        self.words.weight = self.out.weight

    def forward(self, words):
        return self.words(words)


TABLES = {
    "Embedding": lambda: torch.nn.Embedding(10, 4),
    "EmbeddingBag": lambda: torch.nn.EmbeddingBag(10, 4),
    "EmbeddingBag, largest": lambda: torch.nn.EmbeddingBag(10, 4, mode="max"),
    "F.embedding": lambda: Table(F.embedding),
    "F.embedding_bag": lambda: Table(F.embedding_bag),
    "by index": lambda: Table(lambda words, table: table[words]),
    "index_select": lambda: Table(lambda words, table: table.index_select(0, words.flatten())),
    "gather": lambda: Table(lambda words, table: table.gather(0, words.T.repeat(1, 4))),
    "tied, Linear first": Tied,
    "tied bag": lambda: Tied(torch.nn.EmbeddingBag),
}

PENALTIES = {
    "l1": L1(strength=1.0),
    "elastic net": ElasticNet(strength=1.0),
    "mcp": MCP(strength=1.0),
    "scad": SCAD(strength=0.3),
    "l_half": LHalf(strength=1.0),
    "rows": GroupLasso(strength=1.0),
    "sparse rows": SparseGroupLasso(strength=1.0),
}

ADAMS = {
    "adam": lambda p: torch.optim.Adam(p, lr=1e-2),
    "amsgrad": lambda p: torch.optim.Adam(p, lr=1e-2, amsgrad=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=0.0),
    "nadam": lambda p: torch.optim.NAdam(p, lr=1e-2),
}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("optimizer", [*ADAMS, "ours", "ours without rules", "ours, in pieces"])
def test_rows_that_were_never_seen_stay(table, penalty, optimizer):
    model = TABLES[table]()
    rules = {"*": PENALTIES[penalty]}
    if optimizer == "ours, in pieces":
        for parameter in model.parameters():
            parameter.data = parameter.data.T.contiguous().T  # the kernel refuses that
    if optimizer in ADAMS:
        made = ADAMS[optimizer](model.parameters())
        attach(model, made, rules)
    elif optimizer == "ours without rules":
        made = ProxAdamW(model.parameters(), lr=1e-2, penalty=PENALTIES[penalty])
    else:
        made = ProxAdamW(param_groups(model, rules), lr=1e-2)
    (weight,) = model.parameters()
    before = weight.detach().clone()
    for _ in range(3):
        made.zero_grad()
        model(torch.tensor([[1, 2]])).pow(2).sum().backward()
        made.step()
    unseen = [0, *range(3, 10)]
    assert torch.equal(weight[unseen], before[unseen])
    assert not torch.equal(weight[[1, 2]], before[[1, 2]])


def optimizer_with(rules, model, kind):
    if kind == "ours":
        return ProxAdamW(param_groups(model, rules), lr=1e-2)
    optimizer = ADAMS[kind](model.parameters())
    attach(model, optimizer, rules)
    return optimizer


@pytest.mark.parametrize("kind", [*ADAMS, "ours"])
@pytest.mark.parametrize("penalty", [SOME, GroupLasso(strength=0.01, groups=1)])
def test_weights_without_effect_go(kind, penalty):
    # an input that is always 0 in a layer that uses all of its weights: the minimum is 0
    model = torch.nn.Linear(3, 2, bias=False)
    before = model.weight.detach().clone()
    optimizer = optimizer_with({torch.nn.Linear: penalty}, model, kind)
    x = torch.tensor([[1.0, 0.0, 2.0]])
    for n_steps in range(101):
        assert torch.equal(model.weight[:, 1], before[:, 1]), n_steps  # it may be used later
        optimizer.zero_grad()
        model(x).pow(2).sum().backward()
        optimizer.step()
    assert (model.weight[:, 1] == 0).all()


@pytest.mark.parametrize("kind", [*ADAMS, "ours"])
def test_what_a_layer_of_zeros_hides_at_first_is_not_lost(kind):
    # a residual branch at initialisation, and experts of which the first samples use one
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.branch = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Linear(8, 4))
            torch.nn.init.zeros_(self.branch[1].weight)
            self.experts = torch.nn.ModuleList(torch.nn.Linear(4, 1) for _ in range(2))

        def forward(self, x, share):
            h = x + self.branch(x)
            return share * self.experts[0](h) + (1.0 - share) * self.experts[1](h)

    model = Net()
    optimizer = optimizer_with({torch.nn.Linear: L1(strength=1e-4)}, model, kind)
    hidden = (model.branch[0].weight, model.experts[1].weight)
    before = [p.detach().clone() for p in hidden]
    model(torch.randn(8, 4), share=1.0).pow(2).mean().backward()
    optimizer.step()
    for p, start in zip(hidden, before, strict=True):
        assert torch.equal(p, start)
    for _ in range(20):
        optimizer.zero_grad()
        model(torch.randn(8, 4), share=0.5).pow(2).mean().backward()
        optimizer.step()
    for p, start in zip(hidden, before, strict=True):
        assert (p != start).all()
        np.testing.assert_allclose(p.detach(), start, atol=0.4)


@pytest.mark.parametrize("kind", [*ADAMS, "ours"])
@pytest.mark.parametrize("penalty", [L1(strength=1e3), GroupLasso(strength=1e3)])
def test_rows_that_were_never_seen_are_among_those_kept(kind, penalty):
    model = torch.nn.Embedding(10, 4)
    if kind == "ours":
        optimizer = ProxAdamW(param_groups(model, {"*": penalty}), lr=1e-2, min_keep=4)
    else:
        optimizer = ADAMS[kind](model.parameters())
        attach(model, optimizer, {"*": penalty}, min_keep=4)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.arange(9)).pow(2).sum().backward()
        optimizer.step()
    alive = model.weight != 0
    assert alive[9].all()
    n_units = alive.any(1).sum() if isinstance(penalty, GroupLasso) else alive.sum()
    assert n_units == 4


def test_a_row_is_trained_once_it_has_been_seen():
    # seen at the second step: from then on it shrinks as if its training began there
    late, early = torch.nn.Embedding(4, 3), torch.nn.Embedding(4, 3)
    early.load_state_dict(late.state_dict())
    words = {id(late): [0, 1, 1], id(early): [1, 1]}
    for model in (late, early):
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, betas=(0.0, 0.0))
        attach(model, optimizer, {"*": L1(strength=0.1)})
        for word in words[id(model)]:
            optimizer.zero_grad()
            model(torch.tensor([word])).sum().backward()
            optimizer.step()
    assert torch.equal(late.weight[1], early.weight[1])


@pytest.mark.parametrize("kind", [torch.nn.Embedding, torch.nn.EmbeddingBag])
@pytest.mark.parametrize("metric", ["adaptive", "decoupled"])
def test_the_row_of_padding_stays(kind, metric):
    model = kind(5, 3, padding_idx=2)
    with torch.no_grad():
        model.weight[2] = torch.tensor([1.0, -2.0, 0.5])  # as for a pretrained table
    before = model.weight.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    attach(model, optimizer, {"*": L1(strength=0.5)}, metric=metric)
    model(torch.tensor([[0, 2]])).sum().backward()
    model.weight.grad.zero_()
    optimizer.step()
    shrunk = torch.sign(before) * torch.clamp(before.abs() - 0.05, min=0)
    assert torch.equal(model.weight[2], before[2])
    rest = [0, 1, 3, 4]
    np.testing.assert_allclose(model.weight.detach()[rest], shrunk[rest], atol=1e-7)


# -- matching of rules -----------------------------------------------------------------------------


def test_shared_parameters_are_found_by_each_of_their_modules_and_names():
    for key in (torch.nn.Embedding, torch.nn.Linear, "words.weight", "out.weight", "words.*"):
        model = Tied()
        assert [t.parameter for t in attach(model, sgd(model), {key: SOME}).targets] == [
            model.out.weight
        ]
    with pytest.raises(ValueError, match=r"'words\.weight' fits, such as out\.weight, has its"):
        names_of(Tied(), {"out.weight": SOME, "words.weight": SOME})


def test_a_module_with_two_names():
    layer = torch.nn.Linear(3, 3)
    model = torch.nn.ModuleDict({"a": layer, "b": layer, "c": torch.nn.Linear(3, 3)})
    assert names_of(model, {"b.weight": SOME}) == ["a.weight"]
    assert names_of(model, {"*": SOME}) == ["a.weight", "c.weight"]


def test_none_leaves_parameters_out():
    model = torch.nn.Sequential(*(torch.nn.Linear(3, 3) for _ in range(3)))
    assert names_of(model, {"1.*": None, torch.nn.Linear: SOME}) == ["0.weight", "2.weight"]
    assert len(param_groups(model, {"1.*": None, torch.nn.Linear: SOME})[0]["params"]) == 2
    with pytest.raises(ValueError, match="No parameter fits '9"):
        names_of(model, {"9.*": None, torch.nn.Linear: SOME})


def test_attention_is_made_of_linear_maps():
    packed = torch.nn.MultiheadAttention(8, 2, add_bias_kv=True)
    apart = torch.nn.MultiheadAttention(8, 2, kdim=4, vdim=6)
    both = {
        "packed": ["in_proj_weight", "out_proj.weight"],
        "apart": ["q_proj_weight", "k_proj_weight", "v_proj_weight", "out_proj.weight"],
    }
    for key in (torch.nn.Linear, torch.nn.MultiheadAttention, "*"):
        assert names_of(packed, {key: SOME}) == both["packed"]
        assert names_of(apart, {key: SOME}) == both["apart"]
    assert names_of(packed, {"bias_k": SOME}) == ["bias_k"]
    layer = torch.nn.TransformerEncoderLayer(8, 2, 16)
    assert "self_attn.in_proj_weight" in names_of(layer, {torch.nn.Linear: SOME})


@pytest.mark.parametrize("key", [torch.nn.Linear, "*", "0.*", "0.weight"])
@pytest.mark.parametrize(
    "computed",
    [
        torch.nn.utils.parametrizations.weight_norm,
        torch.nn.utils.parametrizations.spectral_norm,
        torch.nn.utils.parametrizations.orthogonal,
        torch.nn.utils.spectral_norm,
    ],
)
def test_weights_that_are_computed_from_others_are_refused(computed, key):
    model = torch.nn.Sequential(computed(torch.nn.Linear(6, 4)), torch.nn.Linear(4, 4))
    with pytest.raises(ValueError, match=r"means 0\.weight, which is computed from other"):
        names_of(model, {key: SOME})
    assert names_of(model, {"1.weight": SOME}) == ["1.weight"]
    assert names_of(model, {"0.weight": None, "*": SOME}) == ["1.weight"]
    parts = [name for name, p in model.named_parameters() if name[0] == "0" and p.ndim > 1]
    assert names_of(model, {parts[-1]: SOME, "1.*": SOME}) == [parts[-1], "1.weight"]


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated")
def test_weight_norm_by_hooks():
    model = torch.nn.utils.weight_norm(torch.nn.Linear(6, 4))
    with pytest.raises(ValueError, match="means weight, which is computed"):
        names_of(model, {torch.nn.Linear: SOME})
    assert names_of(model, {"weight_v": SOME}) == ["weight_v"]


def test_lazy_layers_have_to_run_first():
    model = torch.nn.Sequential(torch.nn.LazyLinear(4), torch.nn.ReLU(), torch.nn.Linear(4, 1))
    for key in (torch.nn.Linear, "*", "0.weight"):
        with pytest.raises(ValueError, match=r"0\.weight belongs to a lazy layer.*run the model"):
            names_of(model, {key: SOME})
    model(torch.zeros(2, 3))
    assert names_of(model, {torch.nn.Linear: SOME}) == ["0.weight", "2.weight"]


class Wrapper(torch.nn.Module):
    """A wrapper like that of torch.compile, without the compiler."""

    def __init__(self, inner):
        super().__init__()
        self._orig_mod = inner


@pytest.mark.parametrize("wrap", [Wrapper, torch.nn.DataParallel])
def test_wrappers_may_be_left_out_of_names(wrap):
    inner = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1))
    model = wrap(inner)
    for key in ("0.weight", "0.*", next(iter(model.state_dict()))):
        assert [t.parameter for t in attach(model, sgd(model), {key: SOME}).targets] == [
            inner[0].weight
        ]
    part = torch.nn.Sequential(torch.nn.Linear(3, 3), wrap(torch.nn.Linear(3, 3)))
    assert len(names_of(part, {"1.weight": SOME})) == 1


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({}, "rules have no penalty"),
        ({"first.*": None}, "rules have no penalty"),
        ([SOME], "rules must be a dict"),
        ({"frist.weight": SOME}, r"No parameter fits 'frist\.weight'\. Did you mean 'first\.we"),
        ({torch.nn.Conv2d: SOME}, "No parameter fits Conv2d.*Modules with parameters are: Linear"),
        ({"*.bias": SOME}, "No parameter fits .*Biases and normalisation layers must be named"),
        ({"*": SOME, "first.*": SOME}, r"All that the rule 'first\.\*' fits.*rule '\*' before it"),
        ({"*": SOME, torch.nn.Linear: SOME}, "All that the rule Linear fits"),
        ({"*": L1(strength=1.0, weights=np.ones((2, 9)))}, r"does not fit first\.weight: weights"),
        ({"*": GroupLasso(strength=1.0, groups=2)}, r"does not fit first\.weight: groups=2 names"),
        ({"*": GroupLasso(strength=1.0, size=2)}, r"first\.weight: size=2 does not divide the 3"),
        ({"*": GroupLasso(strength=1.0, groups=np.zeros((1, 4), int))}, r"expected integers of"),
        ({"*": GroupLasso(strength=1.0, group_weights=[1.0])}, r"expected 3 finite numbers"),
    ],
)
def test_rules_that_cannot_be_meant(rules, message):
    model = torch.nn.ModuleDict({"first": torch.nn.Linear(4, 3), "last": torch.nn.Linear(3, 3)})
    before = copy.deepcopy(model.state_dict())
    for use in (lambda: attach(model, sgd(model), rules), lambda: param_groups(model, rules)):
        with pytest.raises((ValueError, TypeError), match=message):
            use()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_a_penalty_of_another_shape_in_our_optimizer():
    model = torch.nn.Linear(3, 2, bias=False)
    with pytest.raises(ValueError, match=r"does not fit a parameter of shape \(2, 3\): weights"):
        ProxAdamW(model.parameters(), penalty=L1(strength=1.0, weights=np.ones(4)))


@pytest.mark.parametrize("kind", [L1, MCP, GroupLasso, SparseGroupLasso])
def test_settings_are_given_by_name(kind):
    with pytest.raises(TypeError, match=rf"^{kind.__name__} takes .* {kind.__name__}\(strength=0"):
        kind(0.001)
    assert copy.deepcopy(kind(strength=0.5)).strength == 0.5


@pytest.mark.parametrize("verb", ["value", "prox", "violation"])
def test_weights_of_another_shape_in_a_penalty(verb):
    penalty, w = L1(strength=1.0, weights=np.ones((2, 3))), np.ones((3, 3))
    arguments = {"value": (w,), "prox": (w, 0.1), "violation": (w, w)}[verb]
    with pytest.raises(ValueError, match=r"have shape \(2, 3\); expected .* \(3, 3\)"):
        getattr(penalty, verb)(*arguments)


def test_a_penalty_on_what_is_not_trained_says_how_to_leave_it_out():
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    optimizer = torch.optim.SGD(model[1].parameters(), lr=0.1)
    with pytest.raises(ValueError, match=r"not have the parameter 0\.weight.*'0\.weight': None"):
        attach(model, optimizer, {torch.nn.Linear: SOME})
    attach(model, optimizer, {"0.weight": None, torch.nn.Linear: SOME})
