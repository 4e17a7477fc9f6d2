"""The spaces of the deep layer: sourced defaults first, PyTorch's own results behind every name."""

import numpy as np
import pytest
import torch
from torch import nn

import danlu
from danlu import deep
from danlu.deep.train import augment, regularize
from danlu.deep.train.init import INITS, initialize
from danlu.deep.train.optim import OPTIMIZERS, arguments, optimizer
from danlu.deep.train.schedules import _SPACES, lr_multipliers
from danlu.errors import SettingError

NAMES = [*OPTIMIZERS]


def net(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3))


@pytest.mark.parametrize("name", NAMES)
def test_every_optimizer_has_sourced_ranges_around_its_default_and_learns(name):
    rule = OPTIMIZERS[name]
    assert rule.sources
    for parameter in rule.space.values():
        assert parameter.low < parameter.prior < parameter.high or parameter.prior == parameter.low
        assert parameter.log
    model, x = net(), torch.randn(64, 4, generator=torch.Generator().manual_seed(1))
    y = x[:, :3].argmax(1)
    opt, first = optimizer(name, model, {}), None
    for _ in range(100):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        first = first or loss.item()
        loss.backward()
        opt.step()
    assert loss.item() < 0.98 * first
    state = opt.state_dict()
    other = optimizer(name, net(), {})
    other.load_state_dict(state)
    assert len(other.state_dict()) == len(state)


def plain(name, model, kwargs):
    """The published update written out, for one step after another; (weights) -> weights."""
    lr, decay = kwargs["lr"], kwargs["weight_decay"]
    state = {}

    def step(at, weight, grad):
        if name in {"sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adadelta"}:
            grad = grad + decay * weight
        else:
            weight = weight * (1 - lr * decay)
        held = state.setdefault(at, {"t": 0, "m": torch.zeros_like(weight), "v": torch.zeros_like(weight)})
        held["t"] += 1
        t = held["t"]
        if name == "sgd":
            return weight - lr * grad
        if name in {"momentum", "nesterov"}:
            held["m"] = kwargs["momentum"] * held["m"] + grad if t > 1 else grad.clone()
            return weight - lr * (grad + kwargs["momentum"] * held["m"] if name == "nesterov" else held["m"])
        if name == "adagrad":
            held["v"] = held["v"] + grad**2
            return weight - lr * grad / (held["v"].sqrt() + 1e-10)
        if name == "rmsprop":
            held["v"] = kwargs["alpha"] * held["v"] + (1 - kwargs["alpha"]) * grad**2
            return weight - lr * grad / (held["v"].sqrt() + 1e-8)
        if name == "adadelta":
            held["v"] = kwargs["rho"] * held["v"] + (1 - kwargs["rho"]) * grad**2
            delta = (held["m"] + 1e-6).sqrt() / (held["v"] + 1e-6).sqrt() * grad
            held["m"] = kwargs["rho"] * held["m"] + (1 - kwargs["rho"]) * delta**2
            return weight - lr * delta
        one, two = kwargs["betas"]
        held["m"] = one * held["m"] + (1 - one) * grad
        held["v"] = two * held["v"] + (1 - two) * grad**2
        return weight - lr * held["m"] / (1 - one**t) / ((held["v"] / (1 - two**t)).sqrt() + 1e-8)

    return step


@pytest.mark.parametrize(
    "name", ["sgd", "momentum", "nesterov", "adagrad", "adadelta", "rmsprop", "adam", "adamw"]
)
def test_the_update_is_the_published_one(name):
    model = net(3)
    options = {key: parameter.decode(0.7) for key, parameter in OPTIMIZERS[name].space.items()}
    opt, by_hand = optimizer(name, model, options), plain(name, model, arguments(name, options))
    weights = [parameter.detach().clone() for parameter in model.parameters()]
    x = torch.randn(16, 4, generator=torch.Generator().manual_seed(2))
    for _ in range(5):
        opt.zero_grad()
        model(x).square().sum().backward()
        weights = [
            by_hand(at, weight, parameter.grad)
            for at, (weight, parameter) in enumerate(zip(weights, model.parameters(), strict=True))
        ]
        opt.step()
        for weight, parameter in zip(weights, model.parameters(), strict=True):
            torch.testing.assert_close(parameter.detach(), weight, rtol=2e-5, atol=1e-6)


def test_muon_moves_hidden_matrices_and_leaves_the_rest_to_adamw():
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    opt = optimizer("muon", model, {})
    hidden = {id(model[0].weight), id(model[2].weight)}
    assert {id(p) for p in opt.parts[1].param_groups[0]["params"]} == hidden
    assert len(opt.parts[0].param_groups[0]["params"]) == 4


@pytest.mark.parametrize("name", [*_SPACES])
def test_schedules_stay_between_nothing_and_their_peak(name):
    found = lr_multipliers(name, 200, warmup=0.1)
    assert found.shape == (200,)
    assert found.min() >= 0
    assert found.max() == pytest.approx(1, abs=0.01)
    if name not in {"one_cycle", "constant"}:
        assert (np.diff(found[20:]) <= 1e-12).all()
    if name != "one_cycle":
        np.testing.assert_allclose(found[:20], np.arange(1, 21) / 20)


def test_schedules_agree_with_pytorch():
    model = nn.Linear(1, 1)
    opt = torch.optim.SGD(model.parameters(), lr=1.0)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(opt, 50)
    theirs = []
    for _ in range(50):
        theirs.append(opt.param_groups[0]["lr"])
        opt.step()
        cosine.step()
    np.testing.assert_allclose(lr_multipliers("cosine", 50), theirs, atol=1e-9)
    steps = lr_multipliers("step", 90, options={"drop": 0.1, "times": 2})
    np.testing.assert_allclose(steps[[0, 29, 30, 59, 60, 89]], [1, 1, 0.1, 0.1, 0.01, 0.01])
    assert lr_multipliers("exponential", 10_000, options={"final": 0.01})[-1] == pytest.approx(0.01, rel=1e-3)


BAD = {
    "there is no optimizer 'adm'": lambda: deep.optimizers("adm"),
    "adamw has no 'l2'. It has: lr": lambda: optimizer("adamw", net(), {"l2": 0.1}),
    "there is no schedule 'cos'": lambda: deep.schedules("cos"),
    "the schedule cosine has no 'drop'. It has: none": lambda: lr_multipliers(
        "cosine", 3, options={"drop": 0.1}
    ),
    "epochs to be at least 1, got 0": lambda: deep.Plan(epochs=0),
    "label_smoothing to be in": lambda: deep.Plan(label_smoothing=1.0),
    "there is no augmentation 'shft'": lambda: deep.Plan(augment={"shft": 1.0}),
    "there is no recipe 'cat'": lambda: deep.space("cat"),
    "there is no initialization 'he'": lambda: initialize(net(), "he"),
    "one target a sample": lambda: deep.from_arrays(np.zeros((3, 2)), np.zeros(4)),
    "leave some to train": lambda: deep.from_arrays(np.zeros((9, 2)), np.zeros(9), valid=0.5, test=0.5),
    "values that are not finite": lambda: deep.from_arrays(np.full((9, 2), np.nan), np.arange(9.0)),
    "the data cannot be split": lambda: deep.from_arrays(np.zeros((9, 2)), np.arange(9)),
}


@pytest.mark.parametrize("sentence", BAD)
def test_bad_settings_get_a_sentence(sentence):
    with pytest.raises(SettingError, match=sentence):
        BAD[sentence]()


@pytest.mark.parametrize("name", ["image", "text", "recommend", "tabular"])
def test_the_first_trial_of_a_recipe_is_its_default_and_every_point_builds_and_trains(name):
    maker = {"image": "digits", "text": "docstrings", "recommend": "ratings", "tabular": "breast_cancer"}[
        name
    ]
    data = small(getattr(deep.datasets, maker)())
    space, recipe = deep.space(name), deep.recipe(name)
    default = space.decode(space.center())
    assert recipe.sources
    numbers = np.random.default_rng(0)
    for unit in [space.center(), *numbers.random((12, len(space)))]:
        params = space.decode(list(unit))
        model = recipe.build(params, data)
        found = deep.fit(model, data, deep.Plan.of(params, epochs=1), seed=1)
        assert np.isfinite(found.epochs[0]["val_loss"]) or found.diverged
    with danlu.open_study(space, minimize="val_loss", trials=1) as study:
        assert study.ask().params == default


def small(data):
    from dataclasses import replace

    rows = torch.arange(min(80, len(data.train)))
    if data.kind == "ranking":
        return data
    few = torch.arange(40)
    return replace(data, train=data.train.take(rows), valid=data.valid.take(few), test=data.test.take(few))


@pytest.mark.parametrize("name", INITS)
def test_initializations_keep_the_size_of_signals(name):
    torch.manual_seed(0)
    layers = [layer for _ in range(6) for layer in (nn.Linear(256, 256), nn.ReLU())]
    model = initialize(nn.Sequential(*layers, nn.Linear(256, 256)), name)
    size = model[:-1](torch.randn(512, 256)).std().item()
    if name == "kaiming":
        assert 0.3 < size < 1.5  # each layer keeps the variance (He et al. eq. 10)
    else:
        assert size < 0.6


def test_shifted_and_turned_images_are_where_they_should_be():
    image = torch.zeros(1, 1, 9, 9)
    image[0, 0, 4, 4] = 1.0
    draws = torch.tensor([[1.0, 0.5, 0.5, 1.0]])  # all the way along x
    moved = augment.warp(image, {"shift": torch.tensor([1 / 9])}, draws)
    assert moved[0, 0, 4, 3] == pytest.approx(1.0, abs=1e-5)
    image[0, 0, 4, 8] = 1.0
    turned = augment.warp(image, {"rotate": torch.tensor([90.0])}, torch.tensor([[0.5, 0.5, 1.0, 1.0]]))
    assert turned[0, 0, 0, 4] == pytest.approx(1.0, abs=1e-5)
    mirrored = augment.warp(image, {"flip": torch.tensor([1.0])}, torch.tensor([[0.5, 0.5, 0.5, 0.0]]))
    assert mirrored[0, 0, 4, 0] == pytest.approx(1.0, abs=1e-5)


def test_augmentation_of_nothing_changes_nothing_and_noise_has_its_deviation():
    numbers = torch.Generator().manual_seed(0)
    x = torch.randn(2000, 5, generator=numbers)
    draws = torch.rand(2000, 5, generator=numbers)
    assert torch.equal(augment.augment(x, {"noise": torch.tensor([0.0])}, draws), x)
    moved = augment.augment(x, {"noise": torch.tensor([0.3])}, draws) - x
    assert moved.std().item() == pytest.approx(0.3, rel=0.03)  # 4 standard errors of 10,000 draws
    tokens = torch.ones(500, 20, dtype=torch.long)
    hidden = augment.augment(
        tokens, {"token_dropout": torch.tensor([0.2])}, torch.rand(500, 20, generator=numbers)
    )
    assert (hidden == 0).float().mean().item() == pytest.approx(0.2, abs=0.016)  # 4 standard errors


def test_mixup_mixes_targets_as_it_mixes_samples():
    x = torch.eye(3)
    other = x[[1, 2, 0]]
    mixed = regularize.mix(x, other, torch.tensor([0.25, 0.5, 1.0]))
    torch.testing.assert_close(mixed[0], torch.tensor([0.25, 0.75, 0.0]))
    torch.testing.assert_close(mixed[2], x[2])
