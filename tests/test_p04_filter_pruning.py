"""Filter pruning of a CNN: what must hold, for each part."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from tests.grading import expect, expect_close, expect_shape, part, show
from tests.grading.expect import Impure
from tests.strategies.networks import Cnn, Conv, cnns, indices, shares_memory
from tests.strategies.settings import (
    changed_settings,
    shared_layers,
    unusual_cnn,
    unusual_images,
)
from tests.strategies.vectors import arrays, sparsities

# --- the oracles: one filter after the other, in float64 -------------------------------------


def filters_of(weight):
    return [f.ravel() for f in weight.detach().double().numpy()]


def sums_of_magnitudes(weight):
    return np.array([sum(abs(w) for w in f) for f in filters_of(weight)])


def sums_of_distances(weight):
    filters = filters_of(weight)
    return np.array([sum(np.sqrt(((f - g) ** 2).sum()) for g in filters) for f in filters])


ORACLES = {"l1": sums_of_magnitudes, "geometric_median": sums_of_distances}


def due(filters, sparsity):
    """How many filters go: the rounded share, but never the last."""
    return min(round(float(sparsity) * filters), filters - 1)


def with_norm(model, layer):
    """The conv and the batch-norm behind it, where there is one."""
    follower = model[layer + 1]
    return [model[layer]] + ([follower] if isinstance(follower, nn.BatchNorm2d) else [])


def silenced(model, dropped, inputs):
    """The outputs of the model where the dropped channels are set to 0 behind the batch-norm."""
    model, layer = model.eval(), 0
    with torch.no_grad():
        while layer < len(model):
            here = layer
            for module in with_norm(model, layer) if here in dropped else [model[layer]]:
                inputs = module(inputs)
                layer += 1
            if here in dropped:
                inputs[:, list(dropped[here])] = 0.0
    return inputs


# --- what is drawn -----------------------------------------------------------------------------


@st.composite
def weights(draw):
    """Weights of a conv: up to six filters, some of them equal, some of one number only."""
    shape = draw(
        st.sampled_from(((3, 2, 2, 1), (1, 2, 2, 2), (4, 1, 1, 1), (2, 3, 1, 2), (6, 2, 1, 3)))
    )
    array = draw(arrays(shape))
    # Not tiny: an answer that guards its roots with an epsilon is right as well.
    return torch.tensor(array * (1024 if abs(array).max() < 2.0**-5 else 1))


@st.composite
def drops(draw):
    """A CNN, a conv in it, and the filters to silence: none, some or all, in any order."""
    recipe = draw(cnns(plain_norms=True))
    model = recipe.build()
    layer = draw(st.sampled_from(indices(model, nn.Conv2d)))
    channels = model[layer].out_channels
    return recipe, layer, draw(st.lists(st.integers(0, channels - 1), unique=True))


@st.composite
def prunings(draw):
    """A CNN, a sparsity, and a criterion: named, or "" for the default."""
    recipe = draw(cnns(plain_norms=True))
    return recipe, draw(sparsities()), draw(st.sampled_from(("l1", "geometric_median", "")))


def pruned(submission, model, sparsity, criterion):
    if criterion:
        return submission.prune_filters(model, sparsity, criterion)
    return submission.prune_filters(model, sparsity)


def by_hand(*filters):
    """A CNN of a single conv with these filters, each a list of four weights; biases of 50."""
    recipe = Cnn(image=(1, 5, 4), convs=(Conv(len(filters), (2, 2), padding=0),))
    model = nn.Sequential(*recipe.build())  # a new container: its weights are not the recipe's
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor(filters).reshape(-1, 1, 2, 2))
        model[0].bias.fill_(50.0)
    return model.eval()


# --- what a returned model must be -------------------------------------------------------------


def check_same_shapes(result, model, name):
    expect(
        isinstance(result, nn.Sequential),
        "an nn.Sequential",
        f"{name} returns a CNN like the one it was given",
    )
    kinds = [type(layer).__name__ for layer in model]
    have = [type(layer).__name__ for layer in result]
    expect(have == kinds, f"the layers {kinds}", "filters are silenced, no layer goes", f"{have}")
    for index in range(len(model)):
        for tensor in ("weight", "bias", "running_mean", "running_var"):
            before, now = (getattr(x[index], tensor, None) for x in (model, result))
            if before is None and isinstance(model[index], nn.BatchNorm2d):
                continue  # who gives it a scale and a shift of its own changes no shape
            wanted, found = (None if t is None else tuple(t.shape) for t in (before, now))
            expect(
                found == wanted,
                f"the {tensor} of layer {index} "
                + (f"of shape {wanted}" if wanted else "to be None, as it was"),
                "filters are silenced, not cut out: every shape stays",
                f"{'none' if found is None else f'shape {found}'}",
            )
            expect(
                before is None or now.dtype == before.dtype,
                f"the {tensor} of layer {index} of {getattr(before, 'dtype', None)}",
                "the dtype is kept",
                f"{getattr(now, 'dtype', None)}",
            )


def behind(model, layer, images):
    """What leaves the conv, or the batch-norm behind it, in eval mode."""
    with torch.no_grad():
        for module in with_norm(model, layer):
            images = module.eval()(images)
    return images


def probes(model, layer):
    """Batches for a conv: usual, all zero, large."""
    conv = model[layer]
    generator = torch.Generator().manual_seed(layer)
    usual = torch.randn((2, conv.in_channels, 4, 4), generator=generator).to(conv.weight.dtype)
    return usual, torch.zeros_like(usual), 300.0 * usual


def silent_filters(model, layer):
    """The filters that give exactly 0 on all probes."""
    channels = model[layer].out_channels
    outputs = [behind(model, layer, images) for images in probes(model, layer)]
    return [c for c in range(channels) if all((out[:, c] == 0).all() for out in outputs)]


def where(model, layer):
    norm = len(with_norm(model, layer)) > 1
    return f"behind {'the batch-norm of ' if norm else ''}layer {layer}"


def check_silent(result, model, layer, drop):
    for images in probes(model, layer):
        out = behind(result, layer, images)
        for channel in sorted(drop):
            largest = float(out[:, channel].abs().max())
            expect(
                largest == 0.0,
                f"channel {channel} to be exactly 0 {where(model, layer)}",
                "a silent filter gives 0 whatever the input: nothing may be added to it there, "
                "and nearly 0 is not 0",
                f"values up to {largest:.6g} for inputs up to {float(images.abs().max()):.3g}",
            )


def check_others(result, model, layer, drop):
    kept = [c for c in range(model[layer].out_channels) if c not in drop]
    for images in probes(model, layer):
        expect_close(
            behind(result, layer, images)[:, kept],
            behind(model, layer, images)[:, kept],
            f"only the filters {sorted(drop)} go; the channels {kept} are what they were",
            f"the other channels {where(model, layer)}",
        )


def check_outputs(result, model, dropped, inputs):
    with torch.no_grad():
        got = result.eval()(inputs)
    expect_close(
        got,
        silenced(model, dropped, inputs),
        f"it must equal the original with the filters {dropped} (of each conv) set to 0, and "
        "nothing else changed (eval mode)",
        "the output of the returned model",
        rtol=1e-3 if inputs.dtype == torch.float32 else 1e-8,
    )


def check_copy(result, model):
    """Says nothing about a mistake: what is computed may well be right."""
    shared = shared_layers(model, result)
    if result is model or shared or shares_memory(model, result):
        raise Impure(
            "a copy of its own, down to its layers and tensors",
            "training the returned model, or setting its mode, must not reach the original",
            f"layers {shared} of the original are in it"
            if shared
            else "a tensor of the original is in it",
        )
    for name, (before, now) in changed_settings(result, model).items():
        raise Impure(
            f"{name} = {before!r} in the returned model",
            "filters are silenced; every setting of every layer stays what it was",
            f"{now!r}",
        )


# --- l1_scores ---------------------------------------------------------------------------------


def one_each(scores, weight):
    """The scores as a flat array; fails unless there is one for each filter."""
    if isinstance(scores, (list, tuple)):
        scores = torch.tensor([float(score) for score in scores], dtype=weight.dtype)
    expect_shape(scores, (weight.shape[0],))
    return scores


@part("l1_scores")
@given(weight=weights())
def test_is_the_sum_of_absolute_values_of_each_filter(submission, weight):
    scores = one_each(submission.l1_scores(weight), weight)
    expect_close(scores, sums_of_magnitudes(weight), "each is the sum of |w| over in, kh and kw")


# Every entry is off by the most that rounding to float32 can do, all of them in one direction.
HALFWAY = 1 + 0.9 * 2.0**-24
FILTER = torch.tensor([1.0, -0.5, 2.0, 1.0], dtype=torch.float64).reshape(1, 2, 1, 2) * HALFWAY


@st.composite
def multiples_of_a_filter(draw):
    factors = draw(
        st.lists(st.sampled_from((1.0, -2.0, 4.0, 0.5, -8.0)), min_size=2, max_size=5, unique=True)
    )
    return torch.tensor(factors, dtype=torch.float64).reshape(-1, 1, 1, 1) * FILTER


@part("l1_scores")
@settings(max_examples=10)
@given(weight=multiples_of_a_filter())
def test_l1_scores_keeps_the_digits_of_float64_weights(submission, weight):
    scores = one_each(submission.l1_scores(weight), weight)
    want = sums_of_magnitudes(weight)
    why = "float64 weights have float64 scores: nothing is rounded to float32 on the way"
    expect_close(scores, want, why, rtol=1e-9)


@part("l1_scores")
@settings(max_examples=10)
@given(recipe=cnns(training=False))
def test_l1_scores_takes_the_weight_of_a_layer(submission, recipe):
    for layer in recipe.build():
        if isinstance(layer, nn.Conv2d):
            scores = one_each(submission.l1_scores(layer.weight), layer.weight)
            expect_close(scores, sums_of_magnitudes(layer.weight), "a sum of |w| for each filter")


# --- geometric_median_scores -------------------------------------------------------------------


def check_distances(scores, weight):
    scores = one_each(scores, weight)
    want = sums_of_distances(weight)
    # Who takes distances from differences of squares rounds by the size of the filters; torch's
    # pairwise_distance adds 1e-6 to each difference.
    size = max(want.max(), *(np.sqrt((f * f).sum()) for f in filters_of(weight)))
    near = max(2e-5, size * (1e-3 if weight.dtype == torch.float32 else 1e-6))
    far = ~(abs(torch.as_tensor(scores).detach().double().numpy() - want) <= near)
    expect(
        not far.any(),
        f"{show(want.round(6).tolist())}",
        "each is the sum of the L2 distances to all other filters, a filter's weights together",
    )


@part("geometric_median_scores")
@given(weight=weights())
def test_is_the_sum_of_distances_to_the_other_filters(submission, weight):
    check_distances(submission.geometric_median_scores(weight), weight)


@part("geometric_median_scores")
@settings(max_examples=10)
@given(recipe=cnns(training=False))
def test_geometric_median_scores_takes_the_weight_of_a_layer(submission, recipe):
    for layer in recipe.build():
        if isinstance(layer, nn.Conv2d):
            check_distances(submission.geometric_median_scores(layer.weight), layer.weight)


@part("geometric_median_scores")
@settings(max_examples=10)
@given(weight=multiples_of_a_filter())
def test_geometric_median_scores_keeps_the_digits_of_float64_weights(submission, weight):
    # Large: so that an epsilon inside a distance is lost among their digits.
    weight = weight * 1e6
    scores = one_each(submission.geometric_median_scores(weight), weight)
    want = sums_of_distances(weight)
    why = "float64 weights have float64 scores: nothing is rounded to float32 on the way"
    expect_close(scores, want, why, rtol=1e-8)


@part("geometric_median_scores")
@settings(max_examples=10)
@given(filters=st.integers(20, 60), seed=st.integers(0, 100))
def test_agrees_with_cdist_for_many_filters(submission, filters, seed):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn((filters, 2, 3, 1), generator=generator, dtype=torch.float64)
    rows = weight.reshape(filters, 6)
    want = torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist").sum(dim=0)
    scores = one_each(submission.geometric_median_scores(weight), weight)
    expect_close(scores, want, "the sum of distances to all other filters", rtol=1e-5)


# --- silence_filters ---------------------------------------------------------------------------


def check_silenced(submission, recipe, layer, drop):
    model = recipe.build()
    result = submission.silence_filters(model, layer, drop)
    check_same_shapes(result, model, "silence_filters")
    check_silent(result, model, layer, drop)
    check_others(result, model, layer, drop)


@part("silence_filters")
@given(case=drops())
def test_makes_the_dropped_filters_exactly_0_and_leaves_the_others(submission, case):
    check_silenced(submission, *case)


@part("silence_filters")
@settings(max_examples=20)
@given(case=drops())
def test_computes_what_the_original_computes_without_those_filters(submission, case):
    recipe, layer, drop = case
    model = recipe.build()
    result = submission.silence_filters(model, layer, drop)
    check_same_shapes(result, model, "silence_filters")
    check_outputs(result, recipe.build(), {layer: sorted(drop)}, recipe.inputs())


AWKWARD_BLOCKS = (
    Conv(3, bias=False, norm="norm"),
    Conv(3, norm="norm"),
    Conv(3, bias=False, norm="plain"),
    Conv(3, norm="plain"),
    Conv(3),
    Conv(3, bias=False),
)


@part("silence_filters")
@settings(max_examples=40)
@given(
    block=st.sampled_from(AWKWARD_BLOCKS), drop=st.sampled_from(([1], [2, 0], [0, 1, 2], [], [0]))
)
def test_silences_filters_with_and_without_a_bias_and_a_batch_norm(submission, block, drop):
    # The conv behind it has a batch-norm of its own, which is not to be touched.
    recipe = Cnn(convs=(block, Conv(3, norm="norm")), linears=(3, 2), seed=3)
    model = recipe.build()
    result = submission.silence_filters(recipe.build(), 0, list(drop))
    check_same_shapes(result, model, "silence_filters")
    check_silent(result, model, 0, drop)
    check_others(result, model, 0, drop)
    check_outputs(result, recipe.build(), {0: sorted(drop)}, recipe.inputs())


@part("silence_filters")
@settings(max_examples=20)
@given(case=drops())
def test_silence_filters_returns_a_model_of_its_own(submission, case):
    recipe, layer, drop = case
    model = recipe.build()
    result = submission.silence_filters(model, layer, drop)
    check_same_shapes(result, model, "silence_filters")
    check_copy(result, model)


@part("silence_filters")
@pytest.mark.parametrize(("layer", "drop"), [(0, [2]), (4, [0, 2]), (4, [])])
def test_silence_filters_keeps_every_setting_of_every_layer(submission, layer, drop):
    result = submission.silence_filters(unusual_cnn(), layer, drop)
    check_same_shapes(result, unusual_cnn(), "silence_filters")
    check_copy(result, unusual_cnn())
    check_silent(result, unusual_cnn(), layer, drop)
    check_outputs(result, unusual_cnn(), {layer: drop}, unusual_images())


# --- prune_filters -----------------------------------------------------------------------------


def found_silent(result, model, sparsity):
    """{conv: the filters that were silenced}; fails where the number is wrong.

    A conv with a filter of zeros that is silent in the original already is left out.
    """
    dropped = {}
    for layer in indices(model, nn.Conv2d):
        if silent_filters(model, layer):
            continue
        filters = model[layer].out_channels
        dropped[layer] = silent_filters(result, layer)
        expect(
            len(dropped[layer]) == due(filters, sparsity),
            f"{due(filters, sparsity)} of {filters} filters of layer {layer} silent "
            f"{where(model, layer)}",
            f"round({sparsity} * {filters}) go, in each conv, but at least one filter is left",
            f"{len(dropped[layer])} that give exactly 0: {dropped[layer]}",
        )
    return dropped


MARGINS = {("l1", "float32"): 1e-5, ("l1", "float64"): 1e-12, ("geometric_median", "float64"): 1e-4}


def check_lowest(dropped, model, criterion):
    """No silenced filter may score clearly more than one that is left."""
    for layer, drop in dropped.items():
        scores = ORACLES[criterion](model[layer].weight)
        dtype = str(model[layer].weight.dtype).removeprefix("torch.")
        margin = MARGINS.get((criterion, dtype), 1e-3)
        kept = [c for c in range(scores.size) if c not in drop]
        if drop:
            expect(
                scores[drop].max() <= scores[kept].min() * (1 + margin),
                f"the {len(drop)} filters of lowest {criterion} score of layer {layer} silent; "
                f"the scores are {show(scores.round(4).tolist())}",
                "the filters of lowest score go, each conv ranked on its own, by its weight",
                f"silent: {drop}",
            )


@part("prune_filters")
@given(case=prunings())
def test_silences_the_filters_of_lowest_score_in_every_conv(submission, case):
    recipe, sparsity, criterion = case
    model = recipe.build()
    result = pruned(submission, model, sparsity, criterion)
    check_same_shapes(result, model, "prune_filters")
    dropped = found_silent(result, model, sparsity)
    check_lowest(dropped, model, criterion or "l1")


@part("prune_filters")
@settings(max_examples=20)
@given(case=prunings())
def test_computes_what_the_original_computes_without_the_pruned_filters(submission, case):
    recipe, sparsity, criterion = case
    recipe = replace(recipe, twist="" if recipe.twist == "dead" else recipe.twist)
    model = recipe.build()
    result = pruned(submission, model, sparsity, criterion)
    check_same_shapes(result, model, "prune_filters")
    dropped = found_silent(result, model, sparsity)
    for layer, drop in dropped.items():
        check_others(result, model, layer, drop)
    check_outputs(result, recipe.build(), dropped, recipe.inputs())


L1_ROWS = ([2.0, 2.0, -2.0, 2.0], [0.0, 0.0, -3.0, 0.0], [1.0, 1.0, 1.0, 1.0])
SIGNED = ([2.0, -2.0, 2.0, -2.0], [1.0, 1.0, 1.0, 2.0], [-4.0, -4.0, 0.0, 0.0])
LINE = tuple([x, 0.0, 0.0, 0.0] for x in (30.0, 4.0, 0.0, 1.0, 10.0))
ONES = tuple([x, x, x, x] for x in (1.0, 7.0, 7.0, -7.0, -9.0))


@part("prune_filters")
@pytest.mark.parametrize(
    ("filters", "sparsity", "criterion", "drop"),
    [
        (L1_ROWS, 0.34, "l1", [1]),
        (L1_ROWS, 0.34, "", [1]),
        (SIGNED, 0.34, "l1", [1]),
        (LINE, 0.2, "l1", [2]),
        (LINE, 0.4, "", [2, 3]),
        (LINE, 0.2, "geometric_median", [1]),
        (ONES, 0.2, "geometric_median", [0]),
        (ONES, 1.0, "l1", [0, 1, 2, 3]),
    ],
)
def test_silences_the_filters_chosen_by_hand(submission, filters, sparsity, criterion, drop):
    model = by_hand(*filters)
    result = pruned(submission, model, sparsity, criterion)
    check_same_shapes(result, model, "prune_filters")
    got = silent_filters(result, 0)
    scores = ORACLES[criterion or "l1"](model[0].weight)
    expect(
        got == drop,
        f"the filters {drop} of {show(list(filters))} silent",
        f"their scores are {show(scores.round(3).tolist())}, and the lowest go",
        f"silent: {got}",
    )
    check_others(result, model, 0, drop)


@part("prune_filters")
@pytest.mark.parametrize(("sparsity", "drop"), [(0.3, [1]), (0.7, [0, 1])])
def test_tells_filters_apart_that_differ_in_the_tenth_digit(submission, sparsity, drop):
    model = by_hand([1.0] * 4, [1.0] * 4, [1.0] * 4).double()
    with torch.no_grad():
        model[0].weight[:, 0, 0, 0] += torch.tensor([1e-9, 0.0, 2e-9], dtype=torch.float64)
    result = submission.prune_filters(model, sparsity)
    check_same_shapes(result, model, "prune_filters")
    got = silent_filters(result, 0)
    expect(
        got == drop,
        f"the filters {drop} silent",
        "the scores are 4.000000001, 4 and 4.000000002: float64 weights are ranked as float64",
        f"silent: {got}",
    )


@part("prune_filters")
@settings(max_examples=20)
@given(recipe=cnns(twists=False), sparsity=sparsities(), criterion=st.sampled_from(list(ORACLES)))
def test_silences_exactly_the_rounded_share_of_equal_filters(
    submission, recipe, sparsity, criterion
):
    model = nn.Sequential(*recipe.build())
    with torch.no_grad():
        for layer in indices(model, nn.Conv2d):
            model[layer].weight[:] = model[layer].weight[0].clone()
    result = submission.prune_filters(model, sparsity, criterion)
    check_same_shapes(result, model, "prune_filters")
    found_silent(result, model, sparsity)


@part("prune_filters")
@settings(max_examples=30)
@given(filters=st.integers(3, 110), sparsity=sparsities() | st.just(0.5), seed=st.integers(0, 20))
def test_silences_exactly_the_rounded_share_of_many_filters(submission, filters, sparsity, seed):
    recipe = Cnn(image=(1, 3, 2), convs=(Conv(filters, (1, 1), padding=0),), seed=seed)
    model = recipe.build()
    result = submission.prune_filters(model, sparsity)
    check_same_shapes(result, model, "prune_filters")
    check_lowest(found_silent(result, model, sparsity), model, "l1")


@part("prune_filters")
@settings(max_examples=20)
@given(case=prunings())
def test_prune_filters_returns_a_model_of_its_own(submission, case):
    recipe, sparsity, criterion = case
    model = recipe.build()
    result = pruned(submission, model, sparsity, criterion)
    check_same_shapes(result, model, "prune_filters")
    check_copy(result, model)


@part("prune_filters")
@pytest.mark.parametrize("sparsity", [0.5, 0.0])
def test_prune_filters_keeps_every_setting_of_every_layer(submission, sparsity):
    model = unusual_cnn()
    result = submission.prune_filters(unusual_cnn(), sparsity)
    check_same_shapes(result, model, "prune_filters")
    check_copy(result, model)
    dropped = found_silent(result, model, sparsity)
    check_lowest(dropped, model, "l1")
    check_outputs(result, unusual_cnn(), dropped, unusual_images())


# --- sensitivity -------------------------------------------------------------------------------


def value_of(outputs):
    """A number that hangs on every output."""
    sizes = outputs.double().abs().flatten()
    return float((sizes * torch.linspace(1.0, 2.0, len(sizes), dtype=torch.float64)).sum())


def evaluation(recipe):
    inputs = recipe.inputs()

    def evaluate(model):
        """The outputs of the model in eval mode, as a single number; its mode is put back."""
        flags = [(module, module.training) for module in model.modules()]
        model.eval()
        with torch.no_grad():
            value = value_of(model(inputs))
        for module, flag in flags:
            module.training = flag
        return value

    return evaluate


def lowest(model, layer, sparsity):
    """The filters that go, for one conv and one sparsity."""
    scores = sums_of_magnitudes(model[layer].weight)
    order, count = np.argsort(scores), due(scores.size, sparsity)
    # A near tie is nobody's fault: leave a margin at the cut.
    assume(not count or scores[order[count]] > 1.00001 * scores[order[count - 1]])
    return order[:count].tolist()


def measure(submission, model, tried, evaluate):
    layers = indices(model, nn.Conv2d)
    result = submission.sensitivity(model, evaluate, tried)
    expect(
        isinstance(result, dict) and set(result) == set(layers),
        f"a dict with the keys {layers}",
        "there is an entry for each Conv2d, under its index in the Sequential",
    )
    for layer in layers:
        values = result[layer]
        expect(
            isinstance(values, (list, tuple)) and len(values) == len(tried),
            f"a list of {len(tried)} values for layer {layer}",
            "there is a value for each of the sparsities, in their order",
            show(values),
        )
    return result


@st.composite
def studies(draw):
    recipe = draw(cnns(max_convs=2, plain_norms=True, twists=False))
    return recipe, draw(st.lists(sparsities() | st.just(0.5), min_size=1, max_size=3))


@part("sensitivity")
@settings(max_examples=25)
@given(case=studies())
def test_evaluates_the_model_with_only_that_layer_pruned(submission, case):
    recipe, tried = case
    result = measure(submission, recipe.build(), tried, evaluation(recipe))
    model, inputs = recipe.build(), recipe.inputs()
    rtol = 1e-3 if recipe.dtype == "float32" else 1e-8
    for layer, values in result.items():
        for place, sparsity in enumerate(tried):
            drop = lowest(model, layer, sparsity)
            want = value_of(silenced(model, {layer: drop}, inputs))
            expect(
                abs(float(values[place]) - want) <= rtol * max(want, 1e-6),
                f"{want:.6g} at [{layer}][{place}]",
                f"that is what `evaluate` says of a copy in which layer {layer} alone has lost "
                f"round({sparsity} * filters) filters (not the last), those of lowest l1 score",
            )


def codes(model):
    """{(conv, filter): a power of two}: a sum of them names filters."""
    places = [(i, f) for i in indices(model, nn.Conv2d) for f in range(model[i].out_channels)]
    return {place: 2**power for power, place in enumerate(places)}


def examination(given):
    """An `evaluate` that says which filters are silent, and spoils the model that it was given."""

    def names_the_silent_filters_and_clears_the_model(model):
        if model is given or shares_memory(model, given):
            handed.append(model)
        flags = [(module, module.training) for module in model.modules()]
        silent = {layer: silent_filters(model, layer) for layer in indices(model, nn.Conv2d)}
        for module, flag in flags:
            module.training = flag
        if not handed:
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.zero_()
        code = codes(model)
        return sum(code[i, f] for i, drop in silent.items() for f in drop)

    handed = []
    return names_the_silent_filters_and_clears_the_model, handed


@part("sensitivity")
@settings(max_examples=25)
@given(case=studies())
def test_hands_evaluate_a_copy_of_its_own_with_the_lowest_filters_silent(submission, case):
    recipe, tried = case
    model = recipe.build()
    evaluate, handed = examination(model)
    result = measure(submission, model, tried, evaluate)
    if handed:
        raise Impure(
            "`evaluate` to be given a copy",
            "it may train what it is given, and the model must not change, at sparsity 0 neither",
            "a tensor of the caller's own model was in what `evaluate` was given",
        )
    code = codes(model)
    for layer, values in result.items():
        for place, sparsity in enumerate(tried):
            drop = lowest(model, layer, sparsity)
            seen = [where for where, bit in code.items() if int(values[place]) & bit]
            expect(
                values[place] == sum(code[layer, f] for f in drop),
                f"the filters {drop} of layer {layer} silent, and no others, in what `evaluate` "
                f"was given for [{layer}][{place}]",
                f"of {model[layer].out_channels} filters round({sparsity} * "
                f"{model[layer].out_channels}) go, but at least one is left; each time in a "
                "fresh copy, whatever `evaluate` did to the one before",
                "silent: " + (", ".join(f"filter {f} of layer {i}" for i, f in seen) or "none"),
            )


@part("sensitivity")
@settings(max_examples=10)
@given(recipe=cnns(plain_norms=True, twists=False))
def test_gives_what_evaluate_says_of_the_unpruned_model_at_sparsity_0(submission, recipe):
    result = measure(submission, recipe.build(), [0.0], evaluation(recipe))
    want = value_of(silenced(recipe.build(), {}, recipe.inputs()))
    for layer, values in result.items():
        expect_close(
            [float(values[0])],
            [want],
            "at sparsity 0 nothing is pruned, in no layer",
            f"the value at [{layer}]",
            rtol=1e-3 if recipe.dtype == "float32" else 1e-8,
        )
