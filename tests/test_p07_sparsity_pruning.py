"""Sparsity-inducing pruning: what must hold, for each part."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from torch import nn

from tests.grading import (
    expect,
    expect_close,
    expect_mask,
    expect_same_dtype,
    expect_shape,
    part,
    show,
)
from tests.grading.expect import Impure
from tests.grading.show import remember_recipe
from tests.strategies.networks import Cnn, Conv, indices, shares_memory
from tests.strategies.vectors import arrays, sparsities

# --- what is drawn -------------------------------------------------------------------------


@st.composite
def tensors(draw, shapes, close=False):
    """A tensor of one of these shapes: a grid of values, distinct ones, ties, or all equal.

    Now and then no value but 0 is exact in float32; with `close` some are too close for it.
    """
    shape = draw(st.sampled_from(shapes))
    tensor = torch.from_numpy(np.array(draw(arrays(shape, dtypes=("float32", "float64")))))
    if close and tensor.dtype == torch.float64 and draw(st.booleans()):
        tensor = tensor.sign() * (1 + tensor.abs() * 2.0**-40)
    return tensor / draw(st.sampled_from((1, 3)))


@st.composite
def shrinkable(draw):
    """Weights, and a penalty: at a magnitude of theirs, between two, above all, or 0."""
    weights = draw(tensors(((3,), (1,), (2, 3), (2, 1, 2, 2), (3, 2, 1, 2))))
    size = float(weights.flatten()[draw(st.integers(0, weights.numel() - 1))].abs())
    factor = draw(st.sampled_from((1.0, 0.5, 1.0, 0.25, 2.0, 0.0)))
    largest = float(weights.abs().max())
    return weights, draw(st.sampled_from((size * factor, size * factor, 2.0 * largest)))


@st.composite
def shrinkable_filters(draw):
    """Weights of a Conv2d, now and then with a filter of zeros, and a penalty near no norm."""
    weight = draw(tensors(((2, 1, 1, 2), (3, 2, 2, 1), (1, 2, 1, 3), (4, 2, 2, 3), (3, 3, 1, 1))))
    if draw(st.booleans()):
        weight[draw(st.integers(0, len(weight) - 1))] = 0.0
    norms = norms_of(weight)
    factor = draw(st.sampled_from((0.5, 1.25, 0.1, 0.8, 3.0, 0.0)))
    penalty = factor * float(norms[draw(st.integers(0, len(norms) - 1))])
    assume((np.abs(norms - penalty) > 0.02 * norms)[norms > 0].all())
    return weight, penalty


@dataclass(frozen=True)
class Normed:
    """A CNN with these scales, a tuple for each batch-norm; None: silenced by an earlier call.

    Every shift is away from 0, but that of a channel silenced before.
    """

    recipe: Cnn
    scales: tuple[tuple[float | None, ...], ...]

    def build(self):
        model = self.recipe.build()
        norms = [layer for layer in model if isinstance(layer, nn.BatchNorm2d)]
        with torch.no_grad():
            for norm, scales in zip(norms, self.scales):
                for channel, scale in enumerate(scales):
                    norm.weight[channel] = 0.0 if scale is None else scale
                    shift = (-1.0) ** channel * (0.5 + channel / 4)
                    norm.bias[channel] = 0.0 if scale is None else shift
        remember_recipe(model, f"{self!r}.build()")
        return model


@st.composite
def normed(draw, before=False, max_norms=3):
    """A CNN whose batch-norms differ in size and scale; now and then a conv without one.

    With `before`, some channels are silenced already, and in each layer one is not.
    """
    scales, convs = [], []
    for _ in range(draw(st.integers(1, max_norms))):
        largest = draw(st.sampled_from((1.0, 1.0, 16.0, 0.125)))
        codes = draw(st.lists(st.integers(0, 40), min_size=1, max_size=5))
        style = draw(st.sampled_from(("distinct", "ties")))
        values = [code % 4 if style == "ties" else code + 1 for code in codes]
        signed = [(-1) ** code * value / 15 * largest for code, value in zip(codes, values)]
        if before:
            signed = [scale or largest for scale in signed]
            for channel in range(draw(st.integers(0, len(signed) - 1))):
                signed[(channel + codes[0]) % len(signed)] = None
        scales.append(tuple(scale if scale is None else scale + 0.0 for scale in signed))
        block = Conv(len(signed), bias=draw(st.booleans()), norm="norm")
        convs.append(block._replace(after=draw(st.sampled_from(("", "", "dropout")))))
        if draw(st.integers(0, 3)) == 3:
            convs.append(Conv(2, (1, 1), padding=0))
    recipe = Cnn(
        image=(1, 3, 4),
        convs=tuple(convs),
        seed=draw(st.integers(0, 5)),
        training=draw(st.booleans()),
        dtype=draw(st.sampled_from(("float32", "float64"))),
    )
    return Normed(recipe, tuple(scales))


ROWS = ((2, 4), (3, 8), (1, 6), (4, 12), (3, 1), (2, 2, 2, 1), (3, 4, 1, 3), (2, 3, 2, 2))
ROWS += ((3, 8, 1, 1), (2, 2, 3, 2))


@st.composite
def runs(draw):
    """A weight of a Linear or a Conv2d, and n:m with m a divisor of its rows' length."""
    weight = draw(tensors(ROWS, close=True))
    length = weight[0].numel()
    m = draw(st.sampled_from([d for d in (4, 2, 3, 1, 6, 12) if length % d == 0]))
    return weight, draw(st.integers(1, m)), m


# --- the oracles ---------------------------------------------------------------------------


def norms_of(weight):
    return np.array([np.sqrt(np.square(f).sum()) for f in weight.double().numpy()])


def pieces(values, m):
    """The runs of m of each flattened filter, one after the other."""
    rows = values.reshape(values.shape[0], -1)
    return [row[i : i + m] for row in rows for i in range(0, len(row), m)]


def check_tensor_like(result, like):
    expect(isinstance(result, torch.Tensor), "a tensor", "tensors in, a tensor out")
    expect_shape(result, tuple(like.shape))
    expect_same_dtype(result, like)


def check_own_memory(result, given):
    check_tensor_like(result, given)
    if result.untyped_storage().data_ptr() == given.untyped_storage().data_ptr():
        raise Impure(
            "a new tensor, also where nothing shrinks",
            "who changes the result must not change what was given",
            "a tensor in the memory of the one that was given",
        )


def norm_layers(model):
    return indices(model, nn.BatchNorm2d)


# --- soft_threshold ------------------------------------------------------------------------


@part("soft_threshold")
@given(case=shrinkable())
def test_moves_every_weight_towards_zero_by_the_penalty(submission, case):
    weights, penalty = case
    result = submission.soft_threshold(weights, penalty)
    want = []
    for w in weights.flatten().tolist():
        want.append(w - penalty if w > penalty else w + penalty if w < -penalty else 0.0)
    why = f"sign(w) · max(0, |w| − {penalty:g}) for each weight"
    expect_close(result, np.reshape(want, tuple(weights.shape)), why)


@part("soft_threshold")
@given(case=shrinkable())
def test_what_is_no_larger_than_the_penalty_becomes_exactly_0(submission, case):
    weights, penalty = case
    result = submission.soft_threshold(weights, penalty)
    check_tensor_like(result, weights)
    small = weights.abs() <= penalty
    expect(
        bool((result[small] == 0).all()),
        f"exactly 0 wherever |w| ≤ {penalty:g}",
        "the penalty makes zeros, not just small numbers",
    )


@part("soft_threshold")
@given(case=shrinkable())
@settings(max_examples=25)
def test_soft_threshold_keeps_shape_and_dtype(submission, case):
    weights, penalty = case
    check_tensor_like(submission.soft_threshold(weights, penalty), weights)


@part("soft_threshold")
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_soft_threshold_returns_a_tensor_of_its_own(submission, penalty):
    weights = torch.tensor([2.0, -1.5, 0.25, 0.0])
    check_own_memory(submission.soft_threshold(weights, penalty), weights)


@part("soft_threshold")
@pytest.mark.parametrize("penalty", [0.0, 0.5, 1.0])
def test_no_other_tensor_does_better(submission, penalty):
    weights = torch.tensor([2.0, -1.5, 0.25, -0.5, 0.0], dtype=torch.float64)

    def objective(x):
        return float(((x - weights) ** 2).sum() / 2 + penalty * x.abs().sum())

    result = submission.soft_threshold(weights, penalty)
    check_tensor_like(result, weights)
    generator = torch.Generator().manual_seed(3)
    moves = torch.randn(60, 5, generator=generator, dtype=torch.float64)
    for other in [weights, 0 * weights, *(result + moves / 4), *(result + moves / 100)]:
        expect(
            objective(result) <= objective(other) + 1e-9,
            f"the x of least ½‖x − weights‖² + {penalty} · Σ|x|",
            "that is what a proximal operator is",
            f"{show(result)} has {objective(result):.6g}, {show(other)} {objective(other):.6g}",
        )


# --- group_soft_threshold ------------------------------------------------------------------


@part("group_soft_threshold")
@given(case=shrinkable_filters())
def test_shrinks_every_filter_as_a_whole(submission, case):
    weight, penalty = case
    result = submission.group_soft_threshold(weight, penalty)
    norms = norms_of(weight)
    factors = [max(0.0, 1 - penalty / norm) if norm > 0 else 0.0 for norm in norms]
    want = np.stack([f * w for f, w in zip(factors, weight.double().numpy())])
    sizes = ", ".join(f"{norm:.4g}" for norm in norms)
    why = f"each filter times max(0, 1 − {penalty:.4g} / norm); the norms are {sizes}"
    expect_close(result, want, why)


@part("group_soft_threshold")
@given(case=shrinkable_filters())
def test_a_filter_no_longer_than_the_penalty_becomes_exactly_0(submission, case):
    weight, penalty = case
    result = submission.group_soft_threshold(weight, penalty)
    check_tensor_like(result, weight)
    for o, norm in enumerate(norms_of(weight)):
        if norm < penalty or norm == 0:
            expect(
                bool((result[o] == 0).all()),
                f"filter {o} exactly 0",
                f"its norm {norm:.4g} is not above the penalty {penalty:.4g}",
            )


@part("group_soft_threshold")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("penalty", [0.0, 0.5, 2.5])
def test_a_filter_of_zeros_stays_0_and_is_not_nan(submission, penalty, dtype):
    weight = torch.tensor([[0.0, 0.0], [3.0, -4.0]], dtype=dtype).reshape(2, 1, 2, 1)
    result = submission.group_soft_threshold(weight, penalty)
    want = weight.numpy() * (1 - penalty / 5)
    expect_close(result, want, "0 times anything finite is 0; the other filter has the norm 5")


@part("group_soft_threshold")
@given(case=shrinkable_filters())
@settings(max_examples=25)
def test_group_soft_threshold_keeps_shape_and_dtype(submission, case):
    weight, penalty = case
    check_tensor_like(submission.group_soft_threshold(weight, penalty), weight)


@part("group_soft_threshold")
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_group_soft_threshold_returns_a_tensor_of_its_own(submission, penalty):
    weight = torch.tensor([2.0, -1.5, 0.25, 0.0]).reshape(2, 2, 1, 1)
    check_own_memory(submission.group_soft_threshold(weight, penalty), weight)


@part("group_soft_threshold")
@pytest.mark.parametrize("penalty", [0.0, 0.5, 1.0])
def test_no_other_filters_do_better(submission, penalty):
    weight = torch.tensor([[2.0, -1.5], [0.25, 0.5], [0.0, -1.25]], dtype=torch.float64)
    weight = weight.reshape(3, 2, 1, 1)

    def objective(x):
        norms = (x.flatten(1) ** 2).sum(dim=1).sqrt()
        return float(((x - weight) ** 2).sum() / 2 + penalty * norms.sum())

    result = submission.group_soft_threshold(weight, penalty)
    check_tensor_like(result, weight)
    generator = torch.Generator().manual_seed(3)
    moves = torch.randn(60, 3, 2, 1, 1, generator=generator, dtype=torch.float64)
    for other in [weight, 0 * weight, *(result + moves / 4), *(result + moves / 100)]:
        expect(
            objective(result) <= objective(other) + 1e-9,
            f"the x of least ½‖x − weight‖² + {penalty} · Σ‖x[o]‖",
            "that is what a proximal operator is",
            f"{show(result)} has {objective(result):.6g}, {show(other)} {objective(other):.6g}",
        )


# --- slimming_penalty ----------------------------------------------------------------------

STRENGTHS = st.sampled_from((1.0, 0.5, 2.0, 0.01))


def check_scalar(result):
    expect(
        isinstance(result, torch.Tensor) and result.numel() == 1,
        "a tensor with one number",
        "it is added to the training loss",
    )


@part("slimming_penalty")
@given(net=normed(), strength=st.sampled_from((1.0, 0.5, 2.0, 0.01, 0.0)))
def test_is_the_strength_times_the_sum_of_all_absolute_scales(submission, net, strength):
    result = submission.slimming_penalty(net.build(), strength)
    check_scalar(result)
    want = strength * sum(abs(scale) for scales in net.scales for scale in scales)
    why = f"{strength} times the sum of |scale| over all batch-norms, and of nothing else"
    expect_close(result.reshape(()), np.array(want), why, rtol=1e-6)


LAYERS = [
    ((1.0, 2.0, -3.0), (4.0,)),
    ((0.5,), (-1.0, 2.0, -3.0, 4.0)),
    ((1.0, -1.0), (2.0, 2.0, 2.0), (-3.0,)),
    ((2.0,), (-2.0, -2.0, -2.0, -2.0, -2.0)),
]


@part("slimming_penalty")
@pytest.mark.parametrize("scales", LAYERS)
def test_every_channel_counts_the_same_in_wide_and_narrow_layers(submission, scales):
    net = Normed(Cnn(convs=tuple(Conv(len(s), norm="norm") for s in scales)), scales)
    result = submission.slimming_penalty(net.build(), 0.5)
    check_scalar(result)
    want = sum(abs(scale) for layer in scales for scale in layer) / 2
    why = "0.5 times the sum of |scale| over all channels of all batch-norms"
    expect_close(result.reshape(()), np.array(want), why, rtol=1e-6)


@part("slimming_penalty")
@given(net=normed(), strength=STRENGTHS)
def test_its_gradient_by_each_scale_is_the_strength_with_the_sign_of_the_scale(
    submission, net, strength
):
    model = net.build()
    result = submission.slimming_penalty(model, strength)
    check_scalar(result)
    expect(
        result.requires_grad,
        "a tensor with a gradient",
        "the penalty must move the scales in training",
        f"{show(result)}, on which backward() fails",
    )
    layers = norm_layers(model)
    scales = [model[index].weight for index in layers]
    gradients = torch.autograd.grad(result.sum(), scales, allow_unused=True)
    for index, scale, gradient in zip(layers, scales, gradients):
        expect(
            gradient is not None,
            f"a gradient by the scales of layer {index}",
            "it must depend on the scales of the model given, not of a copy",
            "none",
        )
        there = scale.detach() != 0  # at 0 any subgradient will do
        expect_close(
            gradient[there],
            strength * np.sign(scale.detach()[there].double().numpy()),
            f"{strength} · sign(scale); the scales are {scale.tolist()}",
            f"the gradient by the scales of layer {index}",
            rtol=1e-5,
        )


@part("slimming_penalty")
@given(net=normed(), strength=STRENGTHS)
@settings(max_examples=25)
def test_nothing_but_the_scales_has_a_gradient(submission, net, strength):
    model = net.build()
    result = submission.slimming_penalty(model, strength)
    check_scalar(result)
    expect(result.requires_grad, "a tensor with a gradient", "it is part of the training loss")
    scales = {f"{index}.weight" for index in norm_layers(model)}
    others = {name: p for name, p in model.named_parameters() if name not in scales}
    gradients = torch.autograd.grad(result.sum(), list(others.values()), allow_unused=True)
    for name, gradient in zip(others, gradients):
        expect(
            gradient is None or not gradient.any(),
            f"no gradient by {name}",
            "shifts, convolutions and linear layers are not penalised",
            show(gradient),
        )


# --- slim ----------------------------------------------------------------------------------


def slimmed_scales(result, net):
    """The scales and shifts of the result, a pair of lists a batch-norm."""
    model = net.build()
    expect(
        isinstance(result, nn.Sequential) and len(result) == len(model),
        f"an nn.Sequential of {len(model)} layers",
        "slim returns a copy of the CNN",
    )
    found = []
    for index in norm_layers(model):
        layer = result[index]
        expect(
            isinstance(layer, nn.BatchNorm2d)
            and layer.weight is not None
            and layer.weight.shape == model[index].weight.shape,
            f"a batch-norm of {model[index].num_features} channels at index {index}",
            "channels are silenced, not cut out",
            show(layer),
        )
        found.append((layer.weight.detach().tolist(), layer.bias.detach().tolist()))
    return found


def silenced(result, net):
    """(layer, channel) of all with scale and shift 0; layers are numbered batch-norm by batch-norm.

    Each other channel must be as it was.
    """
    model, gone = net.build(), set()
    was = [(model[i].weight.tolist(), model[i].bias.tolist()) for i in norm_layers(model)]
    for layer, ((scales, shifts), (old_scales, old_shifts)) in enumerate(
        zip(slimmed_scales(result, net), was)
    ):
        for channel, (scale, shift) in enumerate(zip(scales, shifts)):
            before = (old_scales[channel], old_shifts[channel])
            if scale == 0 and shift == 0:
                gone.add((layer, channel))
            expect(
                (scale, shift) in (before, (0.0, 0.0)),
                f"channel {channel} of batch-norm {layer} as it was, {before}, or with scale and "
                "shift 0",
                "a channel is silenced as a whole, or left alone",
                f"scale {scale:g} and shift {shift:g}",
            )
    return gone


def due(net, sparsity):
    """How many are silent after the call: those due, but one is left in each layer."""
    total = sum(map(len, net.scales))
    before = sum(scale is None for scales in net.scales for scale in scales)
    return max(before, min(round(float(sparsity) * total), total - len(net.scales)))


def explain(net, sparsity):
    total = sum(map(len, net.scales))
    shown = [[0.0 if scale is None else scale for scale in scales] for scales in net.scales]
    return (
        f"round({sparsity} * {total}) = {round(float(sparsity) * total)} of all channels go, the "
        f"last of a layer excepted; the scales are {shown}"
    )


def check_slimmed(gone, net, sparsity):
    count = due(net, sparsity)
    expect(
        len(gone) == count,
        f"{count} channels silenced",
        explain(net, sparsity),
        f"{len(gone)} of them: (batch-norm, channel) {sorted(gone)}",
    )


def check_ascending(gone, net, sparsity):
    """Who is left though a larger one went must have been the last of its layer by then."""
    size = {
        (layer, channel): abs(scale or 0.0)
        for layer, scales in enumerate(net.scales)
        for channel, scale in enumerate(scales)
    }
    largest = max((size[key] for key in gone), default=-1.0)
    for key in size:
        if key in gone or size[key] >= largest:
            continue
        mates = [other for other in size if other[0] == key[0] and other != key]
        expect(
            all(mate in gone and size[mate] <= size[key] for mate in mates),
            f"channel {key[1]} of batch-norm {key[0]} to go before one of |scale| {largest!r}",
            explain(net, sparsity),
            f"(batch-norm, channel) {sorted(gone)} are silenced",
        )


@part("slim")
@given(net=normed(), sparsity=sparsities())
@settings(max_examples=50)
def test_silences_the_smallest_scales_of_all_layers_together(submission, net, sparsity):
    gone = silenced(submission.slim(net.build(), sparsity), net)
    check_ascending(gone, net, sparsity)


def one_layer(*scales):
    return Normed(Cnn(image=(1, 3, 4), convs=(Conv(len(scales), norm="norm"),)), (scales,))


@part("slim")
@given(net=normed(), sparsity=sparsities())
@example(net=one_layer(1.0, -2.0, 3.0), sparsity=0.5)
@example(net=one_layer(1.0, -2.0, 3.0, 0.5, 0.25, -4.0, 5.0), sparsity=0.5)
@settings(max_examples=50)
def test_silences_exactly_the_rounded_share_of_all_channels(submission, net, sparsity):
    gone = silenced(submission.slim(net.build(), sparsity), net)
    check_slimmed(gone, net, sparsity)


@part("slim")
@given(net=normed(), sparsity=st.sampled_from((1.0, 0.9, 0.75, 0.5)))
def test_leaves_one_channel_in_every_layer(submission, net, sparsity):
    gone = silenced(submission.slim(net.build(), sparsity), net)
    for layer, scales in enumerate(net.scales):
        left = [channel for channel in range(len(scales)) if (layer, channel) not in gone]
        expect(
            left,
            f"a channel left in batch-norm {layer}",
            "a layer without any channel lets nothing through",
            f"(batch-norm, channel) {sorted(gone)} are silenced",
        )


@part("slim")
@pytest.mark.parametrize("sparsity", [0.3, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("swap", [False, True])
def test_what_is_passed_over_is_made_up_for_by_the_next_in_order(submission, swap, sparsity):
    scales = ((0.125, -0.25), (1.0, -2.0, 3.0, 4.0))
    scales = scales[::-1] if swap else scales
    net = Normed(Cnn(convs=tuple(Conv(len(s), norm="norm") for s in scales)), scales)
    gone = silenced(submission.slim(net.build(), sparsity), net)
    check_slimmed(gone, net, sparsity)
    check_ascending(gone, net, sparsity)


@part("slim")
@settings(max_examples=15)
@given(order=st.permutations(range(8)), sparsity=st.sampled_from((0.25, 0.5, 0.75)))
def test_tells_scales_apart_that_differ_in_their_last_digits(submission, order, sparsity):
    scales = [(-1.0) ** k * (1 + k * 2.0**-40) for k in order]  # one and the same in float32
    scales = tuple(scales[:3]), tuple(scales[3:])
    convs = tuple(Conv(len(s), norm="norm") for s in scales)
    net = Normed(Cnn(image=(1, 3, 4), convs=convs, dtype="float64"), scales)
    gone = silenced(submission.slim(net.build(), sparsity), net)
    check_slimmed(gone, net, sparsity)
    check_ascending(gone, net, sparsity)


@part("slim")
@given(net=normed(before=True), sparsity=sparsities())
@settings(max_examples=50)
def test_what_was_silenced_before_counts_like_any_other_channel(submission, net, sparsity):
    gone = silenced(submission.slim(net.build(), sparsity), net)
    check_slimmed(gone, net, sparsity)
    check_ascending(gone, net, sparsity)


@part("slim")
@given(
    scales=st.lists(
        st.lists(st.sampled_from((0.0, 0.0, -0.5, 1.0)), min_size=1, max_size=4).map(tuple),
        min_size=1,
        max_size=3,
    ).map(tuple),
    sparsity=sparsities(),
)
def test_a_scale_of_0_is_not_silenced_until_this_call_does_it(submission, scales, sparsity):
    net = Normed(Cnn(convs=tuple(Conv(len(s), norm="norm") for s in scales)), scales)
    gone = silenced(submission.slim(net.build(), sparsity), net)
    check_slimmed(gone, net, sparsity)
    check_ascending(gone, net, sparsity)


@part("slim")
@given(net=normed(), sparsity=sparsities())
@settings(max_examples=30)
def test_everything_else_computes_what_it_did(submission, net, sparsity):
    result = submission.slim(net.build(), sparsity)
    gone = silenced(result, net)
    want = net.build().eval()
    with torch.no_grad():
        for layer, index in enumerate(norm_layers(want)):
            for channel in range(want[index].num_features):
                if (layer, channel) in gone:
                    want[index].weight[channel] = 0.0
                    want[index].bias[channel] = 0.0
        inputs = net.recipe.inputs(3)
        expect_close(
            result.eval()(inputs),
            want(inputs),
            f"the original with scale and shift of (batch-norm, channel) {sorted(gone)} set to 0, "
            "and nothing else changed",
            "the output of the slimmed model",
            rtol=1e-3 if net.recipe.dtype == "float32" else 1e-8,
        )


@part("slim")
@given(net=normed(), sparsity=sparsities())
@settings(max_examples=25)
def test_returns_a_model_of_its_own_with_the_same_shapes_and_dtypes(submission, net, sparsity):
    model = net.build()
    result = submission.slim(model, sparsity)
    slimmed_scales(result, net)
    if result is model or shares_memory(model, result):
        raise Impure(
            "a copy with tensors of its own, also at sparsity 0",
            "training the slimmed model must not train the original",
            "a model with a tensor of the original in it",
        )
    found = result.state_dict()
    for name, tensor in model.state_dict().items():
        have = found.get(name)
        expect(
            have is not None and have.shape == tensor.shape and have.dtype == tensor.dtype,
            f"{name} of shape {tuple(tensor.shape)} and {tensor.dtype}",
            "channels are silenced, not cut out",
            "none" if have is None else f"{tuple(have.shape)}, {have.dtype}",
        )


SETTINGS = {
    "layers": lambda model: [repr(layer) for layer in model],
    "modes (`training`)": lambda model: [layer.training for layer in model.modules()],
    "requires_grad": lambda model: {n: p.requires_grad for n, p in model.named_parameters()},
}


def settled_cnn(training, frozen):
    """A CNN whose layers are set in ways that a new layer is not; two are in another mode."""
    state = torch.get_rng_state()
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1, padding_mode="reflect"),
        nn.BatchNorm2d(3, eps=1e-3, momentum=0.3),
        nn.ReLU(inplace=True),
        nn.Conv2d(3, 2, (1, 2), stride=(2, 1), dilation=(1, 2), bias=False),
        nn.BatchNorm2d(2, momentum=None),
        nn.ReLU(),
        nn.MaxPool2d(2, stride=1),
        nn.Dropout(0.15),
        nn.Flatten(),
        nn.Linear(2, 2, bias=False),
    )
    torch.set_rng_state(state)
    for i, parameter in enumerate(model.parameters()):
        entries = torch.arange(1.0, 1.0 + parameter.numel()).reshape(parameter.shape)
        parameter.data = torch.sin(entries + i)
    model.train(training)
    for i in (1, 7):
        model[i].train(not training)
    for name in frozen:
        model.get_parameter(name).requires_grad_(False)
    return model


@part("slim")
@settings(max_examples=12)
@given(
    training=st.booleans(),
    frozen=st.sampled_from(((), ("1.weight",), ("0.weight", "4.bias"))),
    sparsity=st.sampled_from((0.4, 0.0, 1.0)),
)
def test_keeps_every_layer_with_its_settings(submission, training, frozen, sparsity):
    model = settled_cnn(training, frozen)
    result = submission.slim(model, sparsity)
    expect(isinstance(result, nn.Sequential), "an nn.Sequential", "slim returns a copy of the CNN")
    why = "the copy differs in the scales and shifts of silenced channels only"
    for what, of in SETTINGS.items():
        want, got = of(model), of(result)
        if want != got:
            raise Impure(f"{what} as in the model: {want}", why, f"{got}")


# --- nm_mask -------------------------------------------------------------------------------


@part("nm_mask")
@given(case=runs())
def test_keeps_exactly_n_of_every_run_of_m(submission, case):
    weight, n, m = case
    mask = expect_mask(submission.nm_mask(weight, n, m), tuple(weight.shape))
    for run in pieces(np.array(mask), m):
        expect(
            run.sum() == n,
            f"{n} of each {m} neighbours in weight.reshape({len(weight)}, -1) kept",
            "n is how many are kept, ties included",
            f"a run with {run.sum()}: {run.tolist()}",
        )


@part("nm_mask")
@given(case=runs())
def test_never_keeps_a_weight_smaller_than_one_it_removed_from_its_run(submission, case):
    weight, n, m = case
    mask = expect_mask(submission.nm_mask(weight, n, m), tuple(weight.shape))
    for run, kept in zip(pieces(weight.numpy(), m), pieces(np.array(mask), m)):
        size = np.abs(run)
        if kept.any() and not kept.all():
            expect(
                size[kept].min() >= size[~kept].max(),
                f"the {n} largest magnitudes of {run.tolist()} kept",
                f"it is one run of {m} in weight.reshape({len(weight)}, -1)",
                f"kept {run[kept].tolist()}, removed {run[~kept].tolist()}",
            )
