"""Filter pruning: what must hold, for each part."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from tests.grading import (
    expect,
    expect_close,
    expect_error,
    expect_number,
    expect_shape,
    part,
    show,
)
from tests.strategies.networks import Cnn, Conv, cnns, indices, shares_memory
from tests.strategies.vectors import sparsities

SMALL = Cnn(convs=(Conv(3, norm="norm"), Conv(2)), linears=(3, 2))
WEIGHT = torch.arange(1.0, 9.0).reshape(2, 2, 1, 2)
few = settings(max_examples=16)
SHAPES = ((1, 1, 1, 1), (1, 2, 2, 1), (2, 1, 1, 2), (3, 2, 1, 1))
SHAPES += ((4, 1, 2, 3), (5, 2, 3, 1), (3, 4, 2, 2), (6, 1, 1, 1))
bad_sparsities = pytest.mark.parametrize("sparsity", [-0.1, 1.5, float("nan"), float("inf")])
wrong_types = pytest.mark.parametrize("value", [None, "0.5"])
not_models = pytest.mark.parametrize("model", [None, "cnn", nn.Linear(2, 2)])
BAD_WEIGHTS = {
    "empty": torch.zeros((0, 2, 1, 1)),
    "with a NaN": torch.tensor([1.0, float("nan")]).reshape(2, 1, 1, 1),
    "with an infinity": torch.tensor([1.0, float("inf")]).reshape(2, 1, 1, 1),
}
bad_weights = pytest.mark.parametrize("case", list(BAD_WEIGHTS))


@st.composite
def weights(draw):
    """Filters of any shape, some of them equal, opposite, or close to each other."""
    shape = draw(st.sampled_from(SHAPES))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 50)))
    dtype = draw(st.sampled_from((torch.float32, torch.float64)))
    weight = torch.randn(shape, generator=generator, dtype=torch.float64)
    style = draw(st.sampled_from(("", "", "shifted", "twins", "opposite", "integers")))
    if style == "shifted":
        weight = weight + 10.0  # close together, far from zero: norm and distance disagree
    elif style == "twins" and shape[0] > 1:
        weight[1] = weight[0]
    elif style == "opposite" and shape[0] > 1:
        weight[1] = -weight[0]
    elif style == "integers":
        weight = weight.mul(2).round()
    weight = weight.to(dtype)
    if draw(st.booleans()):
        weight.requires_grad_(True)
    return weight


def l1_of(weight):
    """The oracle: a loop over every entry."""
    array = weight.detach().double().numpy()
    return np.array([sum(abs(float(w)) for w in filter_.ravel()) for filter_ in array])


def distances_of(weight):
    """The oracle: a loop over every pair."""
    array = weight.detach().double().numpy()
    return np.array(
        [sum(float(np.sqrt(((a - b) ** 2).sum())) for b in array) for a in array], dtype=float
    )


ORACLES = {"l1": l1_of, "geometric_median": distances_of}


def run(model, images):
    """What a model computes in eval mode; its modes are left as they were."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        with torch.no_grad():
            return model.eval()(images)
    finally:
        for module, training in modes:
            module.training = training


def silent_outputs(model, layer, images):
    """What the channels of a conv are after its batch-norm, if it has one, in eval mode."""
    end = layer + 2 if isinstance(model[layer + 1], nn.BatchNorm2d) else layer + 1
    return run(model[:end], images)


def check_same_layers(recipe, model, result):
    expect(
        isinstance(result, nn.Sequential),
        "an nn.Sequential",
        "the result is a CNN like the one that was given",
        show(result),
    )
    want = [(type(x).__name__, [tuple(p.shape) for p in x.parameters()]) for x in model]
    have = [(type(x).__name__, [tuple(p.shape) for p in x.parameters()]) for x in result]
    expect(want == have, f"the layers and shapes {want}", "silencing changes no shape", f"{have}")
    for index, (before, after) in enumerate(zip(model, result)):
        if isinstance(before, (nn.BatchNorm2d, nn.Dropout)):
            expect(
                before.training == after.training,
                f"layer {index} in {'train' if before.training else 'eval'} mode",
                "the copy has the mode of the original",
                f"training is {after.training}",
            )
        for name, tensor in before.state_dict().items():
            expect(
                after.state_dict()[name].dtype == tensor.dtype,
                f"{tensor.dtype} for {name} of layer {index}",
                "the dtype is kept",
                f"{after.state_dict()[name].dtype}",
            )


def noisy(recipe):
    """Images of several sizes of pixel, so that silence is not an accident."""
    return torch.cat([recipe.inputs(2, seed=1), 30.0 * recipe.inputs(2, seed=2)])


@torch.no_grad()
def reference(model, dropped, images):
    """The original in eval mode, layer by layer; dropped channels are set to 0 where silent."""
    model = model.eval()
    signal = images
    for index, layer in enumerate(model):
        signal = layer(signal)
        for conv, channels in dropped.items():
            end = conv + 1 if isinstance(model[conv + 1], nn.BatchNorm2d) else conv
            if index == end:
                signal[:, list(channels)] = 0.0
    return signal


# --- l1_scores -----------------------------------------------------------------------------


@part("l1_scores")
@given(weight=weights())
def test_is_the_sum_of_absolute_weights_of_each_filter(submission, weight):
    scores = submission.l1_scores(weight)
    expect_shape(scores, (weight.shape[0],))
    expect_close(scores, l1_of(weight), "each is the sum of |w| over in, kh and kw")


@part("l1_scores")
@bad_weights
def test_l1_scores_rejects_bad_weights(submission, case):
    expect_error(ValueError, "weight", submission.l1_scores, BAD_WEIGHTS[case])


@part("l1_scores")
@wrong_types
def test_l1_scores_rejects_a_weight_of_another_type(submission, value):
    expect_error(TypeError, "weight", submission.l1_scores, value)


# --- geometric_median_scores ---------------------------------------------------------------


@part("geometric_median_scores")
@given(weight=weights())
def test_is_the_sum_of_the_distances_to_the_other_filters(submission, weight):
    scores = submission.geometric_median_scores(weight)
    expect_shape(scores, (weight.shape[0],))
    # A distance computed from norms and products is honest too, and loses some digits.
    reach = max(1.0, float(weight.detach().double().flatten(1).norm(dim=1).max()))
    want = distances_of(weight)
    got = scores.detach().double().numpy()
    limit = (3e-2 if weight.dtype == torch.float32 else 1e-6) * reach * len(want)
    if want.max() > 0 and reach < 5:
        limit = min(limit, (1e-3 if weight.dtype == torch.float32 else 1e-6) * want.max() + 1e-3)
    expect(
        np.all(np.abs(got - want) <= limit),
        f"{show(want)}",
        "each is the sum of the Euclidean distances from this filter to all others",
        show(scores),
    )


@part("geometric_median_scores")
@given(weight=weights())
def test_agrees_with_torch_cdist(submission, weight):
    assume(weight.dtype == torch.float64)
    flat = weight.detach().flatten(1)
    far = torch.cdist(flat, flat, compute_mode="donot_use_mm_for_euclid_dist").sum(dim=1)
    scores = submission.geometric_median_scores(weight)
    expect_shape(scores, (weight.shape[0],))
    expect_close(scores, far, "the sum of each row of the distance matrix", rtol=1e-6)


@part("geometric_median_scores")
def test_is_smallest_in_the_middle_whatever_the_norms(submission):
    weight = torch.tensor([0.1, 9.0, 10.0, 11.0, 12.0]).reshape(5, 1, 1, 1)
    scores = submission.geometric_median_scores(weight)
    expect_shape(scores, (5,))
    expect_close(
        scores,
        torch.tensor([41.6, 14.9, 13.9, 14.9, 17.9]),
        "the filter 10 lies in the middle of the others; the small 0.1 lies far from all",
    )


@part("geometric_median_scores")
@bad_weights
def test_geometric_median_scores_rejects_bad_weights(submission, case):
    expect_error(ValueError, "weight", submission.geometric_median_scores, BAD_WEIGHTS[case])


@part("geometric_median_scores")
@wrong_types
def test_geometric_median_scores_rejects_a_weight_of_another_type(submission, value):
    expect_error(TypeError, "weight", submission.geometric_median_scores, value)


# --- silence_filters -----------------------------------------------------------------------


@st.composite
def drops(draw):
    """A CNN, one of its convs, and filters to silence: none, some, or all, in any order."""
    recipe = draw(cnns(plain_norms=True))
    which = draw(st.integers(0, len(recipe.convs) - 1))
    layer = sum(2 + bool(block.norm) + bool(block.after) for block in recipe.convs[:which])
    channels = recipe.convs[which].out
    drop = draw(st.lists(st.integers(0, channels - 1), unique=True))
    return recipe, layer, draw(st.sampled_from((drop, drop, list(range(channels)))))


@part("silence_filters")
@given(case=drops())
def test_the_outputs_of_silenced_filters_are_exactly_0_after_batch_norm(submission, case):
    recipe, layer, drop = case
    result = submission.silence_filters(recipe.build(), layer, drop)
    check_same_layers(recipe, recipe.build(), result)
    out = silent_outputs(result, layer, noisy(recipe))[:, drop]
    loudest = float(out.abs().max()) if drop else 0.0
    expect(
        loudest == 0.0,
        f"exactly 0 from the filters {drop} of layer {layer}",
        "a batch-norm adds its shift and subtracts its running mean, and a conv adds its bias: "
        "all of them must be silent",
        f"an output of {loudest:g}",
    )


@part("silence_filters")
@given(case=drops())
def test_everything_else_computes_what_it_did(submission, case):
    recipe, layer, drop = case
    result = submission.silence_filters(recipe.build(), layer, drop)
    check_same_layers(recipe, recipe.build(), result)
    images = recipe.inputs(3)
    expect_close(
        run(result, images),
        reference(recipe.build(), {layer: drop}, images),
        f"only the filters {drop} of layer {layer} are silenced; all else is the original",
        "the output of the network",
        rtol=1e-3 if recipe.dtype == "float32" else 1e-8,
    )


@part("silence_filters")
@few
@given(case=drops())
def test_the_filters_that_stay_are_untouched(submission, case):
    recipe, layer, drop = case
    model = recipe.build()
    result = submission.silence_filters(model, layer, drop)
    check_same_layers(recipe, model, result)
    stay = [c for c in range(model[layer].out_channels) if c not in drop]
    before = silent_outputs(model, layer, recipe.inputs(2))[:, stay]
    after = silent_outputs(result, layer, recipe.inputs(2))[:, stay]
    expect_close(after, before, f"the filters {stay} stay", "the outputs of filters that stay")


@part("silence_filters")
@few
@given(case=drops())
def test_silence_filters_returns_a_model_of_its_own(submission, case):
    recipe, layer, drop = case
    model = recipe.build()
    result = submission.silence_filters(model, layer, drop)
    check_same_layers(recipe, model, result)
    expect(
        not shares_memory(model, result),
        "tensors of its own",
        "training the copy must not train the original",
        "a model with a tensor of the original in it",
    )


@part("silence_filters")
@pytest.mark.parametrize("drop", [[3], [0, 7]])
def test_rejects_a_filter_that_is_out_of_range(submission, drop):
    expect_error(ValueError, "drop", submission.silence_filters, SMALL.build(), 0, drop)


@part("silence_filters")
@pytest.mark.parametrize("layer", [1, 2, 4, 5, 6, 7, 8, 50])
def test_rejects_a_layer_that_is_no_conv(submission, layer):
    expect_error(ValueError, "layer", submission.silence_filters, SMALL.build(), layer, [0])


@part("silence_filters")
@wrong_types
def test_rejects_a_layer_of_another_type(submission, value):
    expect_error(TypeError, "layer", submission.silence_filters, SMALL.build(), value, [0])


@part("silence_filters")
@not_models
def test_silence_filters_rejects_what_is_no_sequential(submission, model):
    expect_error(TypeError, "model", submission.silence_filters, model, 0, [0])


# --- prune_filters -------------------------------------------------------------------------


def due(channels, sparsity):
    return min(round(float(sparsity) * channels), channels - 1)


def dropped_by(model, layer, sparsity, criterion="l1"):
    """The filters of smallest score; a near tie is nobody's fault, so a margin is left."""
    scores = ORACLES[criterion](model[layer].weight)
    count, order = due(len(scores), sparsity), np.argsort(scores, kind="stable")
    assume(count == 0 or scores[order[count]] > 1.001 * scores[order[count - 1]] + 1e-9)
    return sorted(order[:count].tolist())


def silent_filters(result, layer, images):
    out = silent_outputs(result, layer, images)
    return [c for c in range(out.shape[1]) if not out[:, c].any()]


criteria = st.sampled_from(("l1", "geometric_median"))


@part("prune_filters")
@given(recipe=cnns(twists=False, plain_norms=True), sparsity=sparsities(), criterion=criteria)
def test_silences_the_filters_of_smallest_score_of_every_conv(
    submission, recipe, sparsity, criterion
):
    model = recipe.build()
    dropped = {
        layer: dropped_by(model, layer, sparsity, criterion) for layer in indices(model, nn.Conv2d)
    }
    result = submission.prune_filters(model, sparsity, criterion)
    check_same_layers(recipe, model, result)
    images = recipe.inputs(3)
    expect_close(
        run(result, images),
        reference(recipe.build(), dropped, images),
        f"each conv on its own loses the filters of smallest score: {dropped}",
        "the output of the network",
        rtol=1e-3 if recipe.dtype == "float32" else 1e-8,
    )


@part("prune_filters")
@given(recipe=cnns(twists=False, max_convs=1), sparsity=sparsities(), criterion=criteria)
def test_silences_exactly_the_smallest_of_the_first_conv(submission, recipe, sparsity, criterion):
    model = recipe.build()
    want = dropped_by(model, 0, sparsity, criterion)
    result = submission.prune_filters(model, sparsity, criterion)
    check_same_layers(recipe, model, result)
    silent = silent_filters(result, 0, noisy(recipe))
    expect(
        silent == want,
        f"the filters {want} of layer 0 silent",
        f"by {criterion} the scores are {show(ORACLES[criterion](model[0].weight))}",
        f"silent are {silent}",
    )


@part("prune_filters")
@few
@given(recipe=cnns(twists=False, training=False), sparsity=sparsities())
def test_scores_by_the_l1_norm_unless_told(submission, recipe, sparsity):
    model = recipe.build()
    dropped = {layer: dropped_by(model, layer, sparsity) for layer in indices(model, nn.Conv2d)}
    result = submission.prune_filters(model, sparsity)
    check_same_layers(recipe, model, result)
    images = recipe.inputs(3)
    expect_close(
        run(result, images),
        reference(recipe.build(), dropped, images),
        f"the criterion is l1 unless another is named: {dropped} go",
        "the output of the network",
        rtol=1e-3 if recipe.dtype == "float32" else 1e-8,
    )


@part("prune_filters")
@given(size=st.integers(1, 9), sparsity=sparsities(), criterion=criteria)
def test_leaves_the_rounded_rest_and_at_least_one_filter(submission, size, sparsity, criterion):
    recipe = Cnn(convs=(Conv(size), Conv(2, norm="norm")), seed=size)
    result = submission.prune_filters(recipe.build(), sparsity, criterion)
    check_same_layers(recipe, recipe.build(), result)
    silent = silent_filters(result, 0, noisy(recipe))
    count = due(size, sparsity)
    expect(
        len(silent) == count,
        f"{count} of {size} filters of layer 0 silent",
        f"round({sparsity} * {size}) go, but at least one stays",
        f"{len(silent)}: {silent}",
    )


@part("prune_filters")
@few
@given(size=st.integers(2, 6), sparsity=sparsities(), criterion=criteria)
def test_counts_exactly_where_all_scores_are_equal(submission, size, sparsity, criterion):
    model = Cnn(convs=(Conv(size, bias=False),)).build()
    with torch.no_grad():
        model[0].weight.copy_(model[0].weight[:1].expand_as(model[0].weight).clone())
    result = submission.prune_filters(model, sparsity, criterion)
    silent = silent_filters(result, 0, noisy(Cnn()))
    count = due(size, sparsity)
    expect(
        len(silent) == count,
        f"{count} of {size} equal filters silent",
        "ties do not change the count: any choice among them is right",
        f"{len(silent)}",
    )


@part("prune_filters")
@few
@given(recipe=cnns(), sparsity=sparsities(), criterion=criteria)
def test_prune_filters_returns_a_model_of_its_own(submission, recipe, sparsity, criterion):
    model = recipe.build()
    result = submission.prune_filters(model, sparsity, criterion)
    check_same_layers(recipe, model, result)
    expect(
        not shares_memory(model, result),
        "tensors of its own",
        "training the copy must not train the original, at sparsity 0 neither",
        "a model with a tensor of the original in it",
    )


@part("prune_filters")
@pytest.mark.parametrize("criterion", ["l2", "", "L1", "median"])
def test_rejects_another_criterion(submission, criterion):
    expect_error(ValueError, "criterion", submission.prune_filters, SMALL.build(), 0.5, criterion)


@part("prune_filters")
@bad_sparsities
def test_prune_filters_rejects_a_sparsity_outside_0_to_1(submission, sparsity):
    expect_error(ValueError, "sparsity", submission.prune_filters, SMALL.build(), sparsity)


@part("prune_filters")
@wrong_types
def test_prune_filters_rejects_a_sparsity_of_another_type(submission, value):
    expect_error(TypeError, "sparsity", submission.prune_filters, SMALL.build(), value)


@part("prune_filters")
@not_models
def test_prune_filters_rejects_what_is_no_sequential(submission, model):
    expect_error(TypeError, "model", submission.prune_filters, model, 0.5)


# --- sensitivity ---------------------------------------------------------------------------


def measuring(recipe):
    """An evaluate function: a number that hangs on every weight, in eval mode."""
    images = recipe.inputs(2)

    def evaluate(model):
        out = run(model, images)
        return float((out.double() * torch.arange(1, out.numel() + 1).view_as(out)).sum())

    return evaluate


def check_sensitivity(submission, recipe, tried):
    model, evaluate = recipe.build(), measuring(recipe)
    layers = indices(model, nn.Conv2d)
    want = {}
    for layer in layers:
        want[layer] = []
        for sparsity in tried:
            out = reference(
                recipe.build(), {layer: dropped_by(model, layer, sparsity)}, recipe.inputs(2)
            )
            weights = torch.arange(1, out.numel() + 1).view_as(out)
            want[layer].append(float((out.double() * weights).sum()))
    result = submission.sensitivity(model, evaluate, tried)
    expect(
        isinstance(result, dict) and sorted(result) == layers,
        f"a dict with the keys {layers}",
        "each Conv2d has a row, under its index in the Sequential",
        show(result),
    )
    scale = max(1.0, max(abs(v) for row in want.values() for v in row))
    for layer in layers:
        row = list(result[layer])
        expect(
            len(row) == len(tried),
            f"{len(tried)} values for layer {layer}",
            "one for each sparsity, in their order",
            show(row),
        )
        for sparsity, got, value in zip(tried, row, want[layer]):
            expect_number(
                got,
                value,
                f"with layer {layer} alone pruned to {sparsity} by the L1 norm, and all others "
                "as they were, evaluate returns this",
                rtol=1e-3,
                atol=(1e-3 if recipe.dtype == "float32" else 1e-8) * scale,
            )


@part("sensitivity")
@settings(max_examples=30)
@given(
    recipe=cnns(twists=False),
    tried=st.lists(sparsities(), min_size=1, max_size=3),
)
def test_evaluates_the_model_with_one_layer_pruned_at_a_time(submission, recipe, tried):
    check_sensitivity(submission, recipe, tried)


@part("sensitivity")
@few
@given(seed=st.integers(0, 20))
def test_prunes_each_layer_from_the_original(submission, seed):
    recipe = Cnn(convs=(Conv(4, norm="norm"), Conv(3), Conv(4, norm="norm")), seed=seed)
    check_sensitivity(submission, recipe, [0.75, 0.25, 1.0])


@part("sensitivity")
@few
@given(recipe=cnns(), sparsity=sparsities())
def test_gives_evaluate_a_model_that_is_not_the_one_given(submission, recipe, sparsity):
    model, seen = recipe.build(), []

    def evaluate(candidate):
        seen.append(candidate is not model and not shares_memory(candidate, model))
        return 1.0

    submission.sensitivity(model, evaluate, [sparsity])
    expect(
        all(seen),
        "evaluate called with copies",
        "what evaluate does to a model must not reach the one that was given",
        "evaluate was called with the model itself, or with a model that shares its tensors",
    )


@part("sensitivity")
@pytest.mark.parametrize("bad", [-0.1, 1.5, float("nan")])
@pytest.mark.parametrize("place", [0, 1])
def test_sensitivity_rejects_a_sparsity_outside_0_to_1(submission, bad, place):
    tried = [0.5, 0.25]
    tried[place] = bad
    expect_error(ValueError, "sparsit", submission.sensitivity, SMALL.build(), len, tried)


@part("sensitivity")
@not_models
def test_sensitivity_rejects_what_is_no_sequential(submission, model):
    expect_error(TypeError, "model", submission.sensitivity, model, len, [0.5])
