"""Layer pruning of an MLP: what must hold, for each part."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from tests.grading import expect, expect_close, expect_number, part
from tests.grading.expect import Impure
from tests.grading.show import remember_recipe
from tests.strategies.networks import Mlp, mlps, shares_memory

NOTHING_TO_REMOVE = [Mlp((3, 4, 2)), Mlp((3, 3)), Mlp((3, 3, 3)), Mlp((2, 3, 4, 4)), Mlp((4, 1))]
nothing_to_remove = pytest.mark.parametrize("recipe", NOTHING_TO_REMOVE)
few = settings(max_examples=20)  # for what any removal shows


def built(recipe):
    """The network; in float64 with digits that a float32 cannot hold."""
    model = recipe.build()
    if recipe.dtype == "float64":
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.mul_(1 + 2.0**-30)
    return model


# --- the oracle: matrices in float64, and the definition word by word -------------------------


def linears_of(model):
    """(index, weight, bias) of each Linear."""
    return [
        (
            index,
            layer.weight.detach().double().numpy(),
            0.0 if layer.bias is None else layer.bias.detach().double().numpy(),
        )
        for index, layer in enumerate(model)
        if isinstance(layer, nn.Linear)
    ]


def output(linears, rows):
    """A ReLU stands between any two Linears, and none after the last."""
    for place, (_, weight, bias) in enumerate(linears):
        rows = (np.maximum(rows, 0.0) if place else rows) @ weight.T + bias
    return rows


def can_go(linears):
    inner = linears[1:-1]
    return [index for index, weight, _ in inner if weight.shape[0] == weight.shape[1]]


def left_out(linears, gone):
    return [linear for linear in linears if linear[0] != gone]


def norm(numbers):
    return float(np.sqrt(sum(x * x for x in numbers.ravel())))


def scores_of(linears, rows):
    whole = output(linears, rows)
    # Where f(x) vanishes the score is not defined, and near it not measurable.
    assume(norm(whole) > 1e-2)
    return {
        index: norm(whole - output(left_out(linears, index), rows)) / norm(whole)
        for index in can_go(linears)
    }


def greedy(linears, rows, count):
    """What is left, where the least score is clearly the least each time."""
    for _ in range(count):
        scores = scores_of(linears, rows)
        ranked = sorted(scores, key=scores.get)
        if len(ranked) > 1:
            first, second = scores[ranked[0]], scores[ranked[1]]
            assume(second - first > 1e-3 * max(1.0, second))
        linears = left_out(linears, ranked[0])
    return [index for index, _, _ in linears]


# --- what is drawn -----------------------------------------------------------------------------


@st.composite
def deep_mlps(draw, least=0, most=5):
    """MLPs with runs of equal widths: `least` to `most` layers of them can go."""
    runs, there = [], 0
    for _ in range(draw(st.integers(1, 2))):
        width = draw(st.sampled_from([w for w in (4, 3, 5) if not runs or w != runs[-1]]))
        low = max(0, least - there)
        more = draw(st.integers(low, max(low, min(3, most - there))))
        runs += [width] * (1 + more)
        there += more
    before = draw(st.sampled_from((2, 3, runs[0])))
    after = draw(st.sampled_from((2, 1, 3, runs[-1])))
    return Mlp(
        widths=(before, *runs, after),
        bias=draw(st.booleans()),
        seed=draw(st.integers(0, 30)),
        training=draw(st.booleans()),
        dtype=draw(st.sampled_from(("float32", "float32", "float64"))),
    )


@st.composite
def batches(draw, recipe):
    """A batch whose rows may be of quite different size."""
    count = draw(st.integers(1, 5))
    sizes = draw(st.lists(st.sampled_from((1.0, 0.25, 8.0)), min_size=count, max_size=count))
    rows = recipe.inputs(count, seed=draw(st.integers(0, 5)))
    return rows * torch.tensor(sizes, dtype=rows.dtype)[:, None]


# Where it matters what the scores are measured on: once at the start, against the original and
# anew on what is left give three different results, and so do most other norms.
TELLING = [
    (Mlp((3, 5, 5, 5, 5, 5, 5, 5, 3), bias=False, seed=1, dtype="float64"), 4, 3),
    (Mlp((3, 4, 4, 4, 4, 4, 4, 4, 3), seed=189, training=True), 4, 3),
    (Mlp((3, 6, 6, 6, 6, 6, 6, 6, 2), seed=101, training=True), 3, 3),
    (Mlp((2, 5, 5, 5, 5, 5, 5, 5, 2), bias=False, seed=182, dtype="float64"), 4, 3),
    (Mlp((3, 6, 6, 6, 6, 6, 6, 6, 2), seed=83, training=True, dtype="float64"), 4, 3),
    (Mlp((3, 5, 5, 5, 5, 5, 5, 5, 2), bias=False, seed=6, training=True), 3, 3),
    (Mlp((3, 5, 5, 5, 5, 5, 5, 5, 2), bias=False, seed=47), 3, 3),
    (Mlp((3, 4, 4, 4, 4, 4, 4, 3), bias=False, seed=151, training=True), 3, 3),
    (Mlp((3, 5, 5, 5, 5, 5, 5, 3), bias=False, seed=10, dtype="float64"), 4, 3),
]


@st.composite
def telling(draw):
    recipe, count, n_remove = draw(st.sampled_from(TELLING))
    inputs = recipe.inputs(count)
    sizes = torch.tensor([0.25, 4.0, 1.0, 1.0], dtype=inputs.dtype)
    return recipe, inputs * sizes[:count, None], n_remove


@st.composite
def measured(draw, least=0):
    recipe = draw(deep_mlps(least=least))
    return recipe, draw(batches(recipe))


@st.composite
def removals(draw):
    recipe = draw(deep_mlps(least=1))
    return recipe, draw(st.sampled_from(can_go(linears_of(built(recipe)))))


@st.composite
def prunings(draw, least=1):
    """How many are to go of an MLP; on the way no f(x) vanishes, and no two scores are near."""
    recipe, inputs = draw(measured(least=least))
    linears = linears_of(built(recipe))
    count = draw(st.integers(0, len(can_go(linears))))
    greedy(linears, inputs.double().numpy(), max(1, count))
    return recipe, inputs, count


# --- what a returned model must be -------------------------------------------------------------


def check_sequential(result, name):
    expect(
        isinstance(result, nn.Sequential),
        "an nn.Sequential",
        f"{name} returns an MLP like the one it was given",
    )


def kinds(layers):
    return [type(layer).__name__ for layer in layers]


def places(result, model):
    """Which Linears of the original these are; None for one that is none of them."""
    found = []
    for layer in result:
        if isinstance(layer, nn.Linear):
            same = [
                index
                for index, other in enumerate(model)
                if isinstance(other, nn.Linear)
                and other.weight.shape == layer.weight.shape
                and torch.equal(other.weight.to(layer.weight.dtype), layer.weight)
            ]
            found.append(same[0] if same else None)
    return found


def check_kinds(result, count, name):
    """`count` Linears with a ReLU between any two, and nothing else."""
    check_sequential(result, name)
    wanted = (["Linear", "ReLU"] * count)[:-1]
    expect(
        kinds(result) == wanted,
        f"{len(wanted)} layers: {', '.join(wanted)}",
        "with a Linear its ReLU goes too, and nothing stands in their place",
        f"{len(result)} layers: {', '.join(kinds(result))}",
    )


def check_left(result, model, left, why, name):
    """Exactly the Linears at those indices of the original are left, as they were."""
    check_kinds(result, len(left), name)
    found = places(result, model)
    expect(
        found == left,
        f"the Linears that stood at {left} to be left",
        why,
        f"those that stood at {found}" + (" (None: changed weights)" if None in found else ""),
    )
    for layer, index in zip([x for x in result if isinstance(x, nn.Linear)], left):
        before = model[index]
        expect(
            (layer.bias is None) == (before.bias is None)
            and (layer.bias is None or torch.equal(layer.bias, before.bias.to(layer.bias.dtype))),
            f"the bias of the Linear that stood at {index} as it was: {before.bias}",
            "the layers that stay are not changed",
            f"{layer.bias}",
        )
        expect(
            (layer.in_features, layer.out_features) == (before.in_features, before.out_features),
            f"in_features and out_features of layer {index} as they were",
            "the layers that stay are not changed",
            repr(layer),
        )
        expect(
            layer.weight.dtype == before.weight.dtype,
            f"weights of {before.weight.dtype}",
            "the dtype is kept",
            f"{layer.weight.dtype}",
        )


def check_own(result, model, count, name):
    check_kinds(result, count, name)
    if shares_memory(model, result):
        raise Impure(
            "tensors of its own, also where nothing goes",
            "training the returned model must not train the original",
            "a model with a tensor of the original in it",
        )


def partly_frozen(recipe):
    """Every weight of it is frozen, every other parameter takes a gradient."""
    model = built(recipe)
    for index, *_ in linears_of(model):
        model[index].weight.requires_grad = False
    remember_recipe(model, f"{recipe!r}.build(), with frozen weights")
    return model


def check_gradients(result, model, name):
    check_sequential(result, name)
    for layer, index in zip([x for x in result if isinstance(x, nn.Linear)], places(result, model)):
        before = model[0 if index is None else index]
        for kind in [k for k in ("weight", "bias") if getattr(before, k) is not None]:
            want, got = getattr(before, kind), getattr(layer, kind)
            expect(
                isinstance(got, nn.Parameter) and got.requires_grad == want.requires_grad,
                f"the {kind} of the Linear that stood at {index} to be a parameter that "
                f"{'takes a' if want.requires_grad else 'takes no'} gradient, as it was",
                "what is left is trained further after pruning, and what is frozen stays frozen",
                f"{type(got).__name__}, requires_grad={getattr(got, 'requires_grad', None)}",
            )


def own_modes(recipe):
    """A model whose layers are in different modes."""
    model = built(recipe).train()
    for index, layer in enumerate(model):
        layer.training = index % 3 == 0
    remember_recipe(model, f"{recipe!r}.build(), its layers in train and eval mode by turns")
    return model


# --- removable_layers --------------------------------------------------------------------------


def check_list(found, want, why):
    if not want:  # an empty result may come in any container
        expect(hasattr(found, "__len__") and len(found) == 0, "the empty list, []", why)
        return
    expect(isinstance(found, (list, tuple)), f"the list {want}", "a list of indices")
    expect(
        all(isinstance(x, (int, np.integer)) and not isinstance(x, bool) for x in found),
        f"the list {want}",
        "an index is an integer",
    )
    expect(list(found) == want, f"{want}", why)


SQUARE = "square Linears with a ReLU right after them, without the first Linear; ascending"


@part("removable_layers")
@given(recipe=st.one_of(deep_mlps(), mlps()))
def test_lists_the_square_linears_with_a_relu_except_the_first(submission, recipe):
    model = built(recipe)
    check_list(submission.removable_layers(model), can_go(linears_of(model)), SQUARE)


@part("removable_layers")
@given(width=st.integers(1, 4), count=st.integers(1, 5))
def test_never_lists_the_first_or_the_last_linear(submission, width, count):
    model = Mlp(widths=(width,) * (count + 1)).build()
    want = list(range(2, 2 * count - 2, 2))
    why = "all are square, but the first keeps its place, and the last has no ReLU after it"
    check_list(submission.removable_layers(model), want, why)


@part("removable_layers")
@nothing_to_remove
def test_lists_nothing_where_no_layer_can_go(submission, recipe):
    check_list(submission.removable_layers(built(recipe)), [], SQUARE)


# --- layer_scores ------------------------------------------------------------------------------


def check_scores(scores, want, dtype):
    if not want:
        expect(hasattr(scores, "__len__") and len(scores) == 0, "no score, {}", "no layer can go")
        return
    expect(isinstance(scores, dict), "a dict {layer: score}", "each removable layer has a score")
    expect(
        set(scores) == set(want),
        f"a score for each of the layers {sorted(want)}",
        "the keys are the indices of the removable layers, all of them and no other",
        f"scores for {list(scores)}",
    )
    largest, rounded = max(want.values()), {k: round(v, 6) for k, v in want.items()}
    rtol = 1e-3 if dtype == "float32" else 1e-8
    for index, score in want.items():
        expect_number(
            scores[index],
            score,
            f"the score of layer {index} is ‖f(x) − f without it(x)‖ / ‖f(x)‖, each norm taken "
            f"over the whole batch; in full {rounded}",
            rtol=rtol,
            atol=rtol * max(1.0, largest) / 10,
        )


@part("layer_scores")
@given(case=measured(least=1))
def test_scores_the_relative_change_of_the_output_without_the_layer(submission, case):
    recipe, inputs = case
    model = built(recipe)
    want = scores_of(linears_of(model), inputs.double().numpy())
    check_scores(submission.layer_scores(model, inputs), want, recipe.dtype)


@part("layer_scores")
@few
@given(case=measured(least=1))
def test_layer_scores_changes_the_mode_of_no_layer(submission, case):
    recipe, inputs = case
    want = scores_of(linears_of(built(recipe)), inputs.double().numpy())
    scores = submission.layer_scores(own_modes(recipe), inputs)  # what is given is watched
    check_scores(scores, want, recipe.dtype)


@part("layer_scores")
@given(recipe=st.one_of(deep_mlps(), mlps()))
def test_scores_each_removable_layer_and_no_other(submission, recipe):
    model, inputs = built(recipe), recipe.inputs()
    want = scores_of(linears_of(model), inputs.double().numpy())
    check_scores(submission.layer_scores(model, inputs), want, recipe.dtype)


@part("layer_scores")
def test_takes_one_norm_over_the_whole_batch(submission):
    """f is (4·x₁, x₂) for inputs that are not negative, and (x₁, x₂) without layer 2."""
    model = nn.Sequential(*Mlp(widths=(2, 2, 2, 2), bias=False).build())
    with torch.no_grad():
        for layer, diagonal in zip((0, 2, 4), ([1.0, 1.0], [4.0, 1.0], [1.0, 1.0])):
            model[layer].weight.copy_(torch.diag(torch.tensor(diagonal)))
    inputs = torch.tensor([[1.0, 0.0], [0.0, 12.0], [2.0, 4.0]])
    # f(x): (4, 0), (0, 12), (8, 4); the change: (3, 0), (0, 0), (6, 0).
    check_scores(submission.layer_scores(model, inputs), {2: (45.0 / 240.0) ** 0.5}, "float32")


@part("layer_scores")
@nothing_to_remove
def test_scores_nothing_where_no_layer_can_go(submission, recipe):
    check_scores(submission.layer_scores(built(recipe), recipe.inputs()), {}, "float32")


# --- remove_layer ------------------------------------------------------------------------------


@part("remove_layer")
@given(case=removals())
def test_takes_the_linear_and_its_relu_out(submission, case):
    recipe, layer = case
    model = built(recipe)
    left = [index for index, _, _ in linears_of(model) if index != layer]
    why = f"only layer {layer} goes; the others stay as they were, in their order"
    check_left(submission.remove_layer(model, layer), model, left, why, "remove_layer")


@part("remove_layer")
@given(case=removals())
def test_computes_what_the_network_computes_without_the_layer(submission, case):
    recipe, layer = case
    model, inputs = built(recipe), recipe.inputs()
    linears = linears_of(model)
    result = submission.remove_layer(model, layer)
    check_sequential(result, "remove_layer")
    with torch.no_grad():
        got = result(inputs)
    expect_close(
        got,
        output(left_out(linears, layer), inputs.double().numpy()),
        f"what entered layer {layer} now enters layer {layer + 2} directly",
        "the output of the returned model",
        rtol=1e-3 if recipe.dtype == "float32" else 1e-9,
    )


@part("remove_layer")
@few
@given(case=removals())
def test_remove_layer_returns_a_model_of_its_own(submission, case):
    recipe, layer = case
    model = built(recipe)
    count = len(linears_of(model)) - 1
    check_own(submission.remove_layer(model, layer), model, count, "remove_layer")


@part("remove_layer")
@few
@given(case=removals(), build=st.sampled_from((built, partly_frozen)))
def test_remove_layer_leaves_trainable_what_was_and_frozen_what_was(submission, case, build):
    recipe, layer = case
    model = build(recipe)
    check_gradients(submission.remove_layer(model, layer), model, "remove_layer")


# --- prune_layers ------------------------------------------------------------------------------

GREEDY = "each time the layer of least score goes, measured anew on the model as it then is"


def check_greedy(submission, recipe, inputs, count):
    model = built(recipe)
    left = greedy(linears_of(model), inputs.double().numpy(), count)
    result = submission.prune_layers(model, inputs, count)
    check_left(result, model, left, GREEDY, "prune_layers")


@part("prune_layers")
@given(case=st.one_of(prunings(least=2), telling()))
def test_removes_the_layer_of_least_score_each_time(submission, case):
    check_greedy(submission, *case)


@part("prune_layers")
@settings(max_examples=len(TELLING))
@given(case=telling())
def test_measures_the_scores_anew_after_each_removal(submission, case):
    check_greedy(submission, *case)


@part("prune_layers")
@few
@given(case=prunings())
def test_removes_exactly_so_many_layers(submission, case):
    recipe, inputs, count = case
    model = built(recipe)
    result = submission.prune_layers(model, inputs, count)
    check_kinds(result, len(linears_of(model)) - count, "prune_layers")


@part("prune_layers")
@few
@given(case=prunings())
def test_prune_layers_returns_a_model_of_its_own(submission, case):
    recipe, inputs, count = case
    model = built(recipe)
    result = submission.prune_layers(model, inputs, count)
    check_own(result, model, len(linears_of(model)) - count, "prune_layers")


@part("prune_layers")
@few
@given(case=prunings(), build=st.sampled_from((built, partly_frozen)))
def test_prune_layers_leaves_trainable_what_was_and_frozen_what_was(submission, case, build):
    recipe, inputs, count = case
    model = build(recipe)
    check_gradients(submission.prune_layers(model, inputs, count), model, "prune_layers")


@part("prune_layers")
@few
@given(case=prunings(least=2))
def test_prune_layers_changes_the_mode_of_no_layer(submission, case):
    recipe, inputs, count = case
    model = own_modes(recipe)
    result = submission.prune_layers(model, inputs, count)  # what is given is watched
    check_kinds(result, len(linears_of(model)) - count, "prune_layers")


@part("prune_layers")
@few
@given(recipe=st.one_of(deep_mlps(), mlps()))
def test_removes_nothing_when_nothing_is_to_go(submission, recipe):
    model = built(recipe)
    scores_of(linears_of(model), recipe.inputs().double().numpy())  # drawn anew where f(x) is 0
    result = submission.prune_layers(model, recipe.inputs(), 0)
    left = [index for index, _, _ in linears_of(model)]
    check_left(result, model, left, "n_remove is 0", "prune_layers")
