"""Weight importance: what must hold, for each part."""

import numbers
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from tests.grading import (
    expect,
    expect_close,
    expect_mask,
    expect_number,
    expect_same_dtype,
    expect_shape,
    part,
    show,
)
from tests.grading.show import remember_recipe
from tests.strategies.networks import Cnn, Conv, cnns
from tests.strategies.vectors import sparsities, values

NORMED = Cnn(
    convs=(Conv(2, norm="norm", after="dropout"), Conv(3, bias=False, norm="norm")), linears=(3, 2)
)
few = settings(max_examples=20)


def squared_error(outputs, targets):
    return ((outputs - targets) ** 2).mean()


def cross_entropy(outputs, targets):
    return nn.functional.cross_entropy(outputs, targets)


def make_batches(recipe, loss_fn, sizes, seed=0):
    """Images and targets. Labels are the least likely ones, so that no gradient vanishes."""
    batches = []
    model = recipe.build().eval() if loss_fn is cross_entropy else None
    for place, size in enumerate(sizes):
        inputs = recipe.inputs(size, seed=10 * seed + place)
        if model is not None:
            with torch.no_grad():
                targets = model(inputs).argmin(dim=1)
        else:
            generator = torch.Generator().manual_seed(3000 + 10 * seed + place)
            targets = torch.randn((size, recipe.linears[-1]), generator=generator)
            targets = targets.to(inputs.dtype)
        batches.append((inputs, targets))
    return batches


def weights_of(model):
    return {
        f"{index}.weight": layer.weight.detach().double().numpy()
        for index, layer in enumerate(model)
        if isinstance(layer, (nn.Conv2d, nn.Linear))
    }


def weights_and_gradients(recipe, loss_fn, batches):
    """The oracle: one backward a sample, in float64 and eval mode; a row of gradients a sample."""
    model = recipe.build().double().eval()
    rows = {}
    for inputs, targets in batches:
        for i in range(len(inputs)):
            model.zero_grad()
            target = targets[i : i + 1]
            target = target.double() if target.is_floating_point() else target
            loss_fn(model(inputs[i : i + 1].double()), target).backward()
            for name, parameter in model.named_parameters():
                rows.setdefault(name, []).append(parameter.grad.numpy().copy())
    return [(name, weight, np.stack(rows[name])) for name, weight in weights_of(model).items()]


def check_entries(scores, names, what):
    expect(
        isinstance(scores, Mapping),
        f"a dictionary {{parameter name: {what}}}",
        f"there is a {what} for the weight of each Conv2d and Linear",
    )
    expect(
        set(scores) == set(names),
        f"the keys {sorted(names)}",
        "the weights of Conv2d and Linear are meant, by their parameter names, and nothing else",
        f"the keys {sorted(map(str, scores))}",
    )


def check_scores(recipe, scores, want, why):
    check_entries(scores, want, "tensor")
    for name, values_ in want.items():
        score = scores[name]
        expect(
            isinstance(score, torch.Tensor),
            f"a tensor under {name!r}",
            "scores are tensors of the shape of the weight",
            show(score),
        )
        expect_shape(score, values_.shape)
        expect_close(
            score,
            values_,
            why,
            f"the scores of {name}",
            rtol=2e-4 if recipe.dtype == "float32" else 1e-9,
        )


def check_taylor(recipe, scores, loss_fn, batches):
    want = {}
    for name, weight, gradients in weights_and_gradients(recipe, loss_fn, batches):
        mean = gradients.mean(axis=0)
        # Where the samples cancel out, rounding is all that is left: nothing to compare.
        assume(np.abs(mean).max() >= 0.02 * np.abs(gradients).mean(axis=0).max())
        want[name] = np.abs(weight * mean)
    check_scores(
        recipe,
        scores,
        want,
        "it is |w · dL/dw|, L the mean loss over all samples of all batches, in eval mode",
    )


def check_fisher(recipe, scores, loss_fn, batches):
    want = {
        name: weight**2 / 2 * (gradients**2).mean(axis=0)
        for name, weight, gradients in weights_and_gradients(recipe, loss_fn, batches)
    }
    check_scores(
        recipe,
        scores,
        want,
        "it is w² / 2 times the mean over all samples of g², g the gradient of one sample's loss, "
        "in eval mode",
    )


@st.composite
def recipes(draw, training):
    recipe = draw(cnns(max_convs=2, max_channels=3, plain_norms=True, training=False))
    if not training:
        return recipe
    block = Conv(recipe.convs[0].out, norm="norm")  # something that depends on the mode
    return replace(recipe, image=(1, 5, 4), convs=(block,), training=True)


@st.composite
def problems(draw, sizes, training=False):
    """A CNN, a loss, and batches for it."""
    recipe = draw(recipes(training))
    losses = (squared_error, cross_entropy) if recipe.linears[-1] > 1 else (squared_error,)
    loss_fn = draw(st.sampled_from(losses))
    batches = make_batches(recipe, loss_fn, draw(st.sampled_from(sizes)), draw(st.integers(0, 5)))
    return recipe, loss_fn, batches


ONE = ((1,), (2,), (3,), (5,))
UNEQUAL = ((1, 3), (4, 1), (2, 3), (1, 2, 3), (3, 1, 1), (1, 5))
EQUAL = ((1, 1), (2, 2), (1, 1, 1))


def in_mixed_modes():
    """A model whose layers are not all in the same mode, and whose gradients are not empty."""
    model = NORMED.build().train()
    model[1].eval()  # a batch-norm; the dropout and the other batch-norm stay in train mode
    model[6].eval()
    for parameter in list(model.parameters())[::2]:
        parameter.grad = torch.full_like(parameter, 0.25)
    return model


# --- magnitude_scores ----------------------------------------------------------------------


@part("magnitude_scores")
def test_scores_every_conv_and_linear_weight_and_nothing_else(submission):
    names = ["0.weight", "4.weight", "8.weight", "10.weight"]
    check_entries(submission.magnitude_scores(NORMED.build()), names, "tensor")


@part("magnitude_scores")
@few
@given(recipe=cnns())
def test_is_the_absolute_value_of_each_weight(submission, recipe):
    model = recipe.build()
    want = {name: np.abs(weight) for name, weight in weights_of(model).items()}
    scores = submission.magnitude_scores(model)
    check_scores(recipe, scores, want, "the magnitude of a weight is its absolute value")


@part("magnitude_scores")
@few
@given(recipe=cnns(max_convs=1, dtypes=("float64",)))
def test_keeps_the_digits_of_float64_weights(submission, recipe):
    model = recipe.build()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.div_(3.0)
    remember_recipe(model, f"{recipe!r}.build()  # each weight divided by 3")
    want = {name: np.abs(weight) for name, weight in weights_of(model).items()}
    scores = submission.magnitude_scores(model)
    check_scores(recipe, scores, want, "nothing is rounded to float32 on the way")


# --- taylor_scores -------------------------------------------------------------------------


@part("taylor_scores")
@few
@given(case=problems(ONE))
def test_is_the_size_of_weight_times_gradient_of_the_mean_loss(submission, case):
    recipe, loss_fn, batches = case
    scores = submission.taylor_scores(recipe.build(), loss_fn, batches)
    check_taylor(recipe, scores, loss_fn, batches)


@part("taylor_scores")
@given(case=problems(UNEQUAL + EQUAL))
def test_taylor_counts_every_sample_alike_in_batches_of_any_size(submission, case):
    recipe, loss_fn, batches = case
    scores = submission.taylor_scores(recipe.build(), loss_fn, batches)
    check_taylor(recipe, scores, loss_fn, batches)


@part("taylor_scores")
@few
@given(case=problems(ONE + UNEQUAL, training=True))
def test_taylor_takes_gradients_in_eval_mode_of_a_model_in_train_mode(submission, case):
    recipe, loss_fn, batches = case
    scores = submission.taylor_scores(recipe.build(), loss_fn, batches)
    check_taylor(recipe, scores, loss_fn, batches)


@part("taylor_scores")
def test_taylor_leaves_modes_and_gradients_as_they_were(submission):
    batches = make_batches(NORMED, cross_entropy, (2, 1))
    scores = submission.taylor_scores(in_mixed_modes(), cross_entropy, batches)
    check_taylor(NORMED, scores, cross_entropy, batches)


# --- fisher_scores -------------------------------------------------------------------------


@part("fisher_scores")
@few
@given(case=problems(ONE))
def test_is_half_the_squared_weight_times_the_mean_squared_gradient(submission, case):
    recipe, loss_fn, batches = case
    scores = submission.fisher_scores(recipe.build(), loss_fn, batches)
    check_fisher(recipe, scores, loss_fn, batches)


@part("fisher_scores")
@given(case=problems(UNEQUAL + EQUAL))
def test_fisher_counts_every_sample_alike_in_batches_of_any_size(submission, case):
    recipe, loss_fn, batches = case
    scores = submission.fisher_scores(recipe.build(), loss_fn, batches)
    check_fisher(recipe, scores, loss_fn, batches)


@part("fisher_scores")
@few
@given(case=problems(ONE + UNEQUAL, training=True))
def test_fisher_takes_gradients_in_eval_mode_of_a_model_in_train_mode(submission, case):
    recipe, loss_fn, batches = case
    scores = submission.fisher_scores(recipe.build(), loss_fn, batches)
    check_fisher(recipe, scores, loss_fn, batches)


@part("fisher_scores")
def test_fisher_leaves_modes_and_gradients_as_they_were(submission):
    batches = make_batches(NORMED, cross_entropy, (2, 1))
    scores = submission.fisher_scores(in_mixed_modes(), cross_entropy, batches)
    check_fisher(NORMED, scores, cross_entropy, batches)


# --- importance_masks ----------------------------------------------------------------------

SHAPES = ((4,), (1, 3), (3, 2), (2, 1, 2, 2), (3, 2, 1, 1), (1, 1, 1, 1), (2, 5))


@st.composite
def score_dicts(draw):
    """Scores of one to four layers: ties on purpose, and layers of quite different size."""
    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=1, max_size=4))
    dtype = draw(st.sampled_from(("float32", "float64")))
    scores = {}
    for place, shape in enumerate(shapes):
        sizes = np.abs(draw(values(int(np.prod(shape))))) * draw(st.sampled_from((1.0, 1.0, 16.0)))
        name = f"{(0, 4, 12, 9)[place]}.weight"  # in order neither as text nor as numbers
        scores[name] = torch.from_numpy(sizes.astype(dtype).reshape(shape))
    return scores


def checked_masks(masks, scores):
    """The masks as flat arrays; fail unless there is one for each score, of its shape."""
    check_entries(masks, scores, "mask")
    return {
        name: np.asarray(expect_mask(masks[name], tuple(score.shape))).reshape(-1)
        for name, score in scores.items()
    }


def check_count(kept, sparsity, of):
    gone, due = int(np.count_nonzero(~kept)), round(float(sparsity) * kept.size)
    expect(
        gone == due,
        f"exactly {due} of the {kept.size} weights of {of} removed",
        f"round({sparsity} * {kept.size}) = {due}; ties and halves included",
        f"{gone} removed",
    )


def check_order(scores, kept, of):
    if kept.any() and not kept.all():
        low, high = scores[kept].min(), scores[~kept].max()
        expect(
            low >= high,
            f"a weight of score {low:g} to go before one of score {high:g}",
            f"within {of} the lowest scores go first",
        )


def joined(arrays):
    return np.concatenate(list(arrays))


def flat(scores):
    return {name: score.double().numpy().reshape(-1) for name, score in scores.items()}


@part("importance_masks")
@given(scores=score_dicts(), sparsity=sparsities(), said=st.booleans())
def test_global_never_keeps_a_score_lower_than_one_it_removes(submission, scores, sparsity, said):
    how = {"scope": "global"} if said else {}
    kept = checked_masks(submission.importance_masks(scores, sparsity, **how), scores)
    check_order(joined(flat(scores).values()), joined(kept.values()), "all layers together")


@part("importance_masks")
@given(scores=score_dicts(), sparsity=sparsities(), said=st.booleans())
def test_global_removes_exactly_the_rounded_share_of_all(submission, scores, sparsity, said):
    how = {"scope": "global"} if said else {}
    kept = checked_masks(submission.importance_masks(scores, sparsity, **how), scores)
    check_count(joined(kept.values()), sparsity, "all layers together")


@part("importance_masks")
@given(scores=score_dicts(), sparsity=sparsities())
def test_layer_never_keeps_a_score_lower_than_one_it_removes(submission, scores, sparsity):
    kept = checked_masks(submission.importance_masks(scores, sparsity, scope="layer"), scores)
    for name, values_ in flat(scores).items():
        check_order(values_, kept[name], name)


@part("importance_masks")
@given(scores=score_dicts(), sparsity=sparsities())
def test_layer_removes_exactly_the_rounded_share_of_each(submission, scores, sparsity):
    kept = checked_masks(submission.importance_masks(scores, sparsity, scope="layer"), scores)
    for name, mask in kept.items():
        check_count(mask, sparsity, name)


@part("importance_masks")
@few
@given(
    order=st.permutations(range(8)),
    sparsity=st.sampled_from((0.25, 0.5, 0.75)),
    scope=st.sampled_from(("global", "layer")),
)
def test_tells_scores_apart_that_differ_in_the_twelfth_digit(submission, order, sparsity, scope):
    values_ = 1.0 + torch.tensor(order, dtype=torch.float64) * 1e-12
    scores = {"0.weight": values_[:4].reshape(2, 2), "3.weight": values_[4:]}
    kept = checked_masks(submission.importance_masks(scores, sparsity, scope), scores)
    for name, one in flat(scores).items() if scope == "layer" else ():
        low, high = one[kept[name]].min(), one[~kept[name]].max()
        expect(low >= high, f"the lowest scores of {name} removed", "1 + 1e-12 is more than 1")
    if scope == "global":
        every, stay = joined(flat(scores).values()), joined(kept.values())
        expect(
            every[stay].min() >= every[~stay].max(),
            "the lowest scores of all removed",
            "1 + 1e-12 is more than 1",
        )


@part("importance_masks")
@given(
    sizes=st.lists(st.integers(40, 70), min_size=1, max_size=3),
    sparsity=sparsities(),
    scope=st.sampled_from(("global", "layer")),
)
def test_removes_exactly_the_rounded_share_of_larger_layers(submission, sizes, sparsity, scope):
    scores = {
        f"{i}.weight": torch.arange(size, 0, -1, dtype=torch.float64).reshape(1, size)
        for i, size in enumerate(sizes)
    }
    kept = checked_masks(submission.importance_masks(scores, sparsity, scope), scores)
    if scope == "global":
        check_count(joined(kept.values()), sparsity, "all layers together")
    else:
        for name, mask in kept.items():
            check_count(mask, sparsity, name)


@part("importance_masks")
@given(
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    sparsity=sparsities(),
    scope=st.sampled_from(("global", "layer")),
    value=st.sampled_from((0.0, 1.5)),
)
def test_removes_exactly_the_rounded_share_of_equal_scores(
    submission, sizes, sparsity, scope, value
):
    scores = {f"{i}.weight": torch.full((size,), value) for i, size in enumerate(sizes)}
    kept = checked_masks(submission.importance_masks(scores, sparsity, scope), scores)
    if scope == "global":
        check_count(joined(kept.values()), sparsity, "all layers together")
    else:
        for name, mask in kept.items():
            check_count(mask, sparsity, name)


# --- obs_prune_one -------------------------------------------------------------------------


@st.composite
def quadratics(draw, min_size=1):
    """Weights and a Hessian, symmetric and clearly positive definite, of two decimals."""
    size = draw(st.integers(min_size, 5))
    generator = np.random.default_rng(draw(st.integers(0, 200)))
    # Of low rank but for the ridge: strongly coupled, so that a diagonal says little.
    factor = generator.normal(size=(size, (size + 1) // 2))
    ridge, scale = draw(st.sampled_from(((0.1, 1.0), (1.0, 1.0), (0.1, 100.0), (0.1, 0.01))))
    half = np.round(factor @ factor.T / 2, 2)
    hessian = (half + half.T + ridge * np.eye(size)) * scale
    weights = np.round(generator.normal(size=size), 2)
    weights[weights == 0.0] = 0.5
    return torch.from_numpy(weights), torch.from_numpy((hessian + hessian.T) / 2)


def best_moves(weights, hessian):
    """The oracle: for each index, the best change of the others, and what the loss then gains."""
    w, h = weights.numpy(), hessian.numpy()
    moves, costs = [], []
    for q in range(w.size):
        others = [i for i in range(w.size) if i != q]
        move = np.zeros(w.size)
        move[q] = -w[q]
        if others:
            move[others] = -np.linalg.solve(h[np.ix_(others, others)], h[others, q] * move[q])
        moves.append(move)
        costs.append(0.5 * move @ h @ move)
    return moves, costs


def obs_result(result, weights):
    expect(
        isinstance(result, (tuple, list)) and len(result) == 3,
        "three things: (index, weights, loss_increase)",
        "the caller needs all of them",
    )
    index, moved, increase = result
    if isinstance(index, (torch.Tensor, np.ndarray)) and index.ndim == 0:
        index = index.item()
    expect(
        isinstance(index, (numbers.Integral, np.integer)) and 0 <= int(index) < len(weights),
        f"an index from 0 to {len(weights) - 1} first",
        "it says which weight goes",
        show(result),
    )
    expect(
        isinstance(moved, torch.Tensor),
        "a tensor of the new weights in the second place",
        "the result is (index, weights, loss_increase)",
        show(result),
    )
    expect_shape(moved, tuple(weights.shape))
    expect_same_dtype(moved, weights)
    return int(index), moved.detach(), increase


@part("obs_prune_one")
@given(case=quadratics(min_size=2))
def test_removes_the_weight_whose_removal_costs_least(submission, case):
    weights, hessian = case
    index, _, _ = obs_result(submission.obs_prune_one(weights, hessian), weights)
    _, costs = best_moves(weights, hessian)
    expect(
        costs[index] <= min(costs) * (1 + 1e-9),
        f"index {int(np.argmin(costs))}, whose removal costs {min(costs):.6g}",
        "the costs ½ δᵀHδ, the others moved as well as can be, are "
        + ", ".join(f"{cost:.6g}" for cost in costs),
        f"index {index}, which costs {costs[index]:.6g}",
    )


@part("obs_prune_one")
@given(case=quadratics())
def test_sets_the_weight_that_goes_to_exactly_zero(submission, case):
    weights, hessian = case
    index, moved, _ = obs_result(submission.obs_prune_one(weights, hessian), weights)
    expect(
        moved[index].item() == 0.0,
        f"exactly 0 at index {index}",
        "a removed weight is exactly 0: a remainder of 1e-17 is a weight still",
        f"{moved[index].item()!r}",
    )


@part("obs_prune_one")
@given(case=quadratics())
def test_moves_the_others_to_where_the_loss_gains_least(submission, case):
    weights, hessian = case
    index, moved, _ = obs_result(submission.obs_prune_one(weights, hessian), weights)
    moves, _ = best_moves(weights, hessian)
    expect_close(
        moved,
        weights.numpy() + moves[index],
        f"with δ_{index} = −w_{index} fixed, these minimise ½ δᵀHδ over the other weights",
        "the new weights",
        rtol=1e-9,
    )


@part("obs_prune_one")
@given(case=quadratics())
def test_predicts_the_loss_increase_of_the_best_move(submission, case):
    weights, hessian = case
    index, _, increase = obs_result(submission.obs_prune_one(weights, hessian), weights)
    _, costs = best_moves(weights, hessian)
    expect_number(
        increase,
        float(costs[index]),
        f"the third result is ½ δᵀHδ, δ_{index} = −w_{index} and the others moved at their best",
        rtol=1e-9,
    )


@part("obs_prune_one")
def test_leaves_the_others_alone_where_the_hessian_is_diagonal(submission):
    weights = torch.tensor([3.0, -2.0, 1.0], dtype=torch.float64)
    hessian = torch.diag(torch.tensor([1.0, 1.0, 16.0], dtype=torch.float64))
    index, moved, increase = obs_result(submission.obs_prune_one(weights, hessian), weights)
    expect(index == 1, "index 1", "the costs ½ h w² are 4.5, 2 and 8", f"index {index}")
    expect_close(moved, np.array([3.0, 0.0, 1.0]), "nothing couples the weights", rtol=1e-12)
    expect_number(increase, 2.0, "½ · 1 · (−2)² = 2")


@part("obs_prune_one")
def test_a_weight_that_is_0_goes_for_nothing(submission):
    weights = torch.tensor([3.0, 0.0, -1.0], dtype=torch.float64)
    hessian = torch.tensor([[2.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.5, -1.0, 2.0]]).double()
    index, moved, increase = obs_result(submission.obs_prune_one(weights, hessian), weights)
    expect(index == 1, "index 1", "it is 0 already: removing it costs nothing", f"index {index}")
    expect_close(moved, weights.numpy(), "nothing is to be made up for", rtol=1e-12)
    expect_number(increase, 0.0, "½ δᵀHδ with δ = 0", atol=1e-12)
    expect(
        moved.data_ptr() != weights.data_ptr(),
        "a new tensor",
        "who writes to the new weights must not write to the old ones",
        "the tensor that was given",
    )
