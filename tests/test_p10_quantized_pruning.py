"""Pruning and quantisation together: what must hold, for each part."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tests.grading import (
    expect,
    expect_close,
    expect_number,
    expect_same_dtype,
    expect_shape,
    part,
    show,
)
from tests.grading.expect import Impure
from tests.strategies.digits import accuracy, digit_reader
from tests.strategies.networks import Mlp, cnns, indices, mlps, shares_memory
from tests.strategies.vectors import sparsities, values

WARM_UP = (digit_reader,)

widths = st.sampled_from((8, 8, 2, 3, 4, 5, 6, 7))


# --- what is drawn -------------------------------------------------------------------------


def random_tensor(shape, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


SHAPES = ((1,), (5,), (7,), (2, 3), (3, 2), (3, 3), (4, 1), (2, 3, 2), (3, 2, 1, 2), (2, 2, 2, 2))


@st.composite
def weights(draw, shapes=SHAPES):
    """Tensors of 1 to 4 dimensions: on a coarse grid, with ties, normal, halves, or dead slices."""
    shape = draw(st.sampled_from(shapes))
    style = draw(st.sampled_from(("normal", "normal", "grid", "halves", "dead")))
    if style == "grid":
        weight = torch.tensor(draw(values(int(np.prod(shape))))).reshape(shape)
    elif style == "halves":  # the largest is a code, so that many lie exactly between two
        weight = (random_tensor(shape, draw(st.integers(0, 50))) * 2).round().clamp(-6, 6) / 2
        weight.view(-1)[0] = draw(st.sampled_from((127.0, -127.0, 7.0, -3.0)))
    else:
        weight = random_tensor(shape, draw(st.integers(0, 50)))
    if style == "dead":
        axis = draw(st.integers(0, len(shape) - 1))
        weight.select(axis, draw(st.integers(0, shape[axis] - 1))).zero_()
    weight = weight.to(draw(st.sampled_from((torch.float32, torch.float64))))
    if draw(st.booleans()):  # another layout in memory
        weight = weight.transpose(0, -1).contiguous().transpose(0, -1)
    return weight


@st.composite
def weights_and_axes(draw):
    weight = draw(weights())
    return weight, draw(st.integers(0, weight.ndim - 1))


@st.composite
def models(draw, **options):
    return draw(mlps()) if draw(st.integers(0, 3)) == 3 else draw(cnns(**options))


# --- the oracles ---------------------------------------------------------------------------


def top_code(bits):
    return 2 ** (bits - 1) - 1


def rounding(dtype):
    """How far rounding may move a float of that dtype, in steps of the grid or relative to it."""
    return 1e-9 if dtype == torch.float64 else 1e-3


def scales_of(weight, bits, axis=None):
    """The scale of each entry, slice by slice, in float64; an array of the weight's shape."""
    array = np.abs(weight.detach().double().numpy())
    scales = np.empty(array.shape)
    for index in range(1 if axis is None else array.shape[axis]):
        here = (...,) if axis is None else (slice(None),) * axis + (index,)
        scales[here] = array[here].max() / top_code(bits)
    return scales


def codes_and_scale(result, weight):
    expect(
        isinstance(result, (tuple, list)) and len(result) == 2,
        "a pair (codes, scale)",
        "quantize returns both",
    )
    codes, scale = result
    expect(
        isinstance(codes, torch.Tensor) and codes.dtype == torch.int8,
        "codes of dtype torch.int8",
        "a code takes a byte or less",
    )
    expect_shape(codes, weight.shape)
    if not isinstance(scale, torch.Tensor):
        scale = torch.as_tensor(scale, dtype=torch.float64)
    return codes, scale.detach()


def check_codes(codes, weight, bits, axis=None):
    """Each code must be a nearest one; at exact halves both are."""
    scales = scales_of(weight, bits, axis)
    array = weight.detach().double().numpy()
    exact = np.divide(array, scales, out=np.zeros_like(array), where=scales > 0)
    far = np.abs(codes.numpy() - exact) > 0.5 + rounding(weight.dtype)
    if far.any():
        place = tuple(int(i) for i in np.argwhere(far)[0])
        expect(
            False,
            f"the code at {list(place)} to be nearest to {exact[place]:.4f}",
            f"the weight there is {array[place]:.6g}, the scale {scales[place]:.6g} "
            f"(the largest magnitude{'' if axis is None else ' of its slice'} / {top_code(bits)})",
            f"{int(codes[place])}; in full {show(codes)}",
        )


def check_on_grid(value, weight, bits, what):
    """Each value must be a grid point within half a step of the weight (one scale)."""
    step = scales_of(weight, bits).flat[0]
    got = value.detach().double().numpy()
    if step == 0:
        expect(not got.any(), f"{what} to be all zero", "an all-zero tensor stays so")
        return
    off = np.abs(got / step - np.round(got / step)) > rounding(weight.dtype)
    expect(
        not off.any(),
        f"{what} to be whole multiples of the scale {step:.6g}",
        f"that is the largest magnitude / {top_code(bits)}",
    )
    check_codes(torch.tensor(np.round(got / step)), weight, bits)


# --- quantize ------------------------------------------------------------------------------


@part("quantize")
@given(weight=weights(), bits=widths)
def test_gives_the_nearest_code_of_a_symmetric_grid(submission, weight, bits):
    codes, _ = codes_and_scale(submission.quantize(weight, bits), weight)
    check_codes(codes, weight, bits)


@part("quantize")
@given(weight=weights(), bits=widths)
def test_has_the_largest_magnitude_at_the_end_of_the_grid(submission, weight, bits):
    codes, scale = codes_and_scale(submission.quantize(weight, bits), weight)
    want = float(scales_of(weight, bits).flat[0])
    expect(
        scale.numel() == 1,
        "one scale",
        "without an axis the whole tensor shares it",
    )
    expect_shape(codes * scale, weight.shape)
    if want > 0:
        why = f"the scale is the largest magnitude / (2^({bits}−1) − 1)"
        expect_number(scale.double().item(), want, why, rtol=1e-3 * rounding(weight.dtype))


@part("quantize")
@given(case=weights_and_axes(), bits=widths)
def test_has_a_scale_for_each_index_of_the_axis(submission, case, bits):
    weight, axis = case
    codes, scale = codes_and_scale(submission.quantize(weight, bits, axis), weight)
    count = weight.shape[axis]
    expect(
        scale.numel() == count and spreads_to(scale, weight.shape),
        f"{count} scale(s), shaped to broadcast against codes of shape {tuple(weight.shape)} "
        f"along axis {axis}",
        "codes · scale must multiply each slice by its own scale",
        f"shape {tuple(scale.shape)}",
    )
    want = scales_of(weight, bits, axis)
    spread = torch.broadcast_to(scale, weight.shape).double().numpy()
    expect_close(
        np.where(want > 0, spread, 0.0),
        want,
        f"the scale of a slice of axis {axis} is its largest magnitude / {top_code(bits)}",
        "the scale of each entry",
        rtol=1e-3 * rounding(weight.dtype),
    )
    check_codes(codes, weight, bits, axis)


def spreads_to(scale, shape):
    try:
        return torch.broadcast_shapes(scale.shape, shape) == tuple(shape)
    except RuntimeError:
        return False


@part("quantize")
@given(case=weights_and_axes(), bits=widths, by_axis=st.booleans())
def test_errs_by_half_a_step_at_most_and_never_at_a_zero(submission, case, bits, by_axis):
    weight, axis = case
    axis = axis if by_axis else None
    codes, scale = codes_and_scale(submission.quantize(weight, bits, axis), weight)
    expect(
        spreads_to(scale, weight.shape),
        "a scale that broadcasts",
        "codes · scale has the shape of codes",
    )
    back = codes.double() * scale.double()
    array, steps = weight.double(), torch.tensor(scales_of(weight, bits, axis))
    expect(
        bool(((back - array).abs() <= steps * (0.5 + rounding(weight.dtype))).all()),
        "codes · scale within half a step of every weight",
        "a nearest grid point is no further away, and nothing lies beyond the grid's ends",
    )
    expect(
        not back[array == 0].any(),
        "codes · scale to be 0 wherever the weight is",
        "a pruned weight must stay pruned: 0 is on the grid",
    )


@part("quantize")
@given(weight=weights(), bits=widths)
def test_uses_no_code_beyond_the_symmetric_range(submission, weight, bits):
    codes, _ = codes_and_scale(submission.quantize(weight, bits), weight)
    top = top_code(bits)
    expect(
        bool((codes.int().abs() <= top).all()),
        f"codes from {-top} to {top}",
        f"the grid of {bits} bits is symmetric: {-top - 1} is not used",
    )


@part("quantize")
@given(
    shape=st.sampled_from(((1,), (4,), (2, 3), (2, 3, 1, 2))),
    bits=widths,
    by_axis=st.booleans(),
    dtype=st.sampled_from((torch.float32, torch.float64)),
)
def test_brings_an_all_zero_tensor_back_all_zero(submission, shape, bits, by_axis, dtype):
    weight = torch.zeros(shape, dtype=dtype)
    axis = len(shape) - 1 if by_axis else None
    codes, scale = codes_and_scale(submission.quantize(weight, bits, axis), weight)
    back = codes.double() * scale.double()
    expect(
        not codes.any() and bool((back == 0).all()),
        "codes that are all 0, and a scale that keeps them 0",
        "nothing may be divided by the largest magnitude when that is 0",
    )


@part("quantize")
@settings(max_examples=20)
@given(bits=widths, seed=st.integers(0, 20), exponent=st.sampled_from((-24, -24, 30)))
def test_is_the_same_for_very_small_and_very_large_weights(submission, bits, seed, exponent):
    weight = random_tensor((2, 5), seed)
    weight = (weight / weight.abs().max() * 2.0**exponent).float()
    codes, scale = codes_and_scale(submission.quantize(weight, bits), weight)
    want = float(scales_of(weight, bits).flat[0])
    why = "the scale is the largest magnitude / (2^(bits−1) − 1), however small that is"
    expect_number(scale.double().item(), want, why, rtol=1e-6)
    check_codes(codes, weight, bits)


@part("quantize")
@given(weight=weights())
def test_takes_eight_bits_and_one_scale_unless_told_otherwise(submission, weight):
    codes, scale = codes_and_scale(submission.quantize(weight), weight)
    expect(scale.numel() == 1, "one scale", "axis is None by default")
    check_codes(codes, weight, 8)


# --- dequantize ----------------------------------------------------------------------------


@st.composite
def codes_and_scales(draw):
    """int8 codes and a scale: one, one an index of an axis, or as many dimensions as codes."""
    shape = draw(st.sampled_from(((4,), (2, 3), (3, 3), (3, 2), (3, 3, 1, 2), (2, 3, 2))))
    seed = draw(st.integers(0, 50))
    codes = (random_tensor(shape, seed) * 60).round().clamp(-127, 127).to(torch.int8)
    axis = draw(st.integers(-1, len(shape) - 1))
    forms = [()] if axis < 0 else [tuple(n if d == axis else 1 for d, n in enumerate(shape))]
    scale = random_tensor(draw(st.sampled_from(forms)), seed + 1).abs() + 0.01
    scale = scale * draw(st.sampled_from((1.0, 1e-3, 300.0)))
    if scale.ndim and draw(st.integers(0, 4)) == 4:
        scale.view(-1)[0] = 0.0
    return codes, scale.to(draw(st.sampled_from((torch.float32, torch.float64))))


@part("dequantize")
@given(case=codes_and_scales())
def test_is_the_code_times_its_scale(submission, case):
    codes, scale = case
    result = submission.dequantize(codes, scale)
    want = codes.double().numpy() * np.broadcast_to(scale.double().numpy(), codes.shape)
    why = "each value is its code times the scale of its place"
    expect_close(result, want, why, rtol=1e-3 * rounding(getattr(result, "dtype", None)))


@part("dequantize")
@given(case=codes_and_scales())
def test_has_the_dtype_of_the_scale(submission, case):
    expect_same_dtype(submission.dequantize(*case), case[1])


@part("dequantize")
@settings(max_examples=20)
@given(bits=widths, scale=st.sampled_from((0.5, 2.0, 100.0)))
def test_reaches_values_far_beyond_what_a_code_can_hold(submission, bits, scale):
    top = top_code(bits)
    codes = torch.tensor([top, -top, 0, 1], dtype=torch.int8)
    result = submission.dequantize(codes, torch.tensor(scale))
    want = np.array([top, -top, 0, 1]) * scale
    expect_close(result, want, "codes · scale is float arithmetic: int8 ends at 127", rtol=1e-6)


# --- fake_quantize -------------------------------------------------------------------------


def asking(weight):
    return weight.clone().requires_grad_()


@part("fake_quantize")
@given(weight=weights(), bits=widths, grad=st.booleans())
def test_has_the_value_of_quantize_then_dequantize(submission, weight, bits, grad):
    weight = asking(weight) if grad else weight
    value = submission.fake_quantize(weight, bits)
    expect_shape(value, weight.shape)
    check_on_grid(value, weight, bits, "the values")


@part("fake_quantize")
@given(weight=weights(), bits=widths)
def test_keeps_the_dtype_and_every_zero(submission, weight, bits):
    value = submission.fake_quantize(weight, bits)
    expect(
        isinstance(value, torch.Tensor) and value.dtype == weight.dtype,
        f"a tensor of {weight.dtype}",
        "the dtype of the weights is kept",
    )
    expect_shape(value, weight.shape)
    expect(
        not value[weight == 0].any(),
        "0 wherever the weight is 0",
        "training with a fake grid must not revive what was pruned",
    )


def gradient_of(value, leaf, arriving):
    expect(
        isinstance(value, torch.Tensor) and value.requires_grad,
        "a result that gradients flow back through",
        "rounding is passed straight through",
    )
    (gradient,) = torch.autograd.grad(value, leaf, arriving, retain_graph=True, allow_unused=True)
    return torch.zeros_like(leaf) if gradient is None else gradient


def an_arriving_gradient(weight, seed):
    """No entry of it is small, so that each one counts."""
    signs = 1 - 2 * (torch.arange(weight.numel()) % 2).reshape(weight.shape)
    generator = torch.Generator().manual_seed(seed)
    return (signs * (0.5 + torch.rand(weight.shape, generator=generator))).to(weight.dtype)


def check_straight_through(gradient, arriving, weight):
    expect_close(
        gradient,
        arriving,
        "straight through: the gradient at the weight is the one that arrives at the result, "
        "entry by entry, at the largest weight and at 0 too. Here the weight is "
        f"{show(weight.detach())}",
        "the gradient at the weight",
    )


@part("fake_quantize")
@given(weight=weights(), bits=widths, seed=st.integers(0, 20))
def test_passes_the_gradient_straight_through(submission, weight, bits, seed):
    leaf = asking(weight)
    value = submission.fake_quantize(leaf, bits)
    expect_shape(value, weight.shape)
    arriving = an_arriving_gradient(weight, seed)
    check_straight_through(gradient_of(value, leaf, arriving), arriving, weight)


@part("fake_quantize")
@settings(max_examples=20)
@given(shape=st.sampled_from(((3,), (2, 2))), bits=widths)
def test_passes_the_gradient_through_an_all_zero_weight(submission, shape, bits):
    leaf = torch.zeros(shape, requires_grad=True)
    value = submission.fake_quantize(leaf, bits)
    expect_shape(value, shape)
    expect(not value.detach().any(), "all zero", "an all-zero weight stays so")
    arriving = an_arriving_gradient(leaf.detach(), bits)
    check_straight_through(gradient_of(value, leaf, arriving), arriving, leaf)


@part("fake_quantize")
@settings(max_examples=20)
@given(weight=weights(), bits=widths)
def test_works_in_the_middle_of_a_computation(submission, weight, bits):
    leaf = asking(weight)
    middle = 2 * leaf
    value = submission.fake_quantize(middle, bits)
    expect_shape(value, weight.shape)
    check_on_grid(value, middle, bits, "the values")
    arriving = an_arriving_gradient(weight, bits)
    check_straight_through(gradient_of(value, leaf, arriving), 2 * arriving, weight)


# --- prune_and_quantize --------------------------------------------------------------------


def prunable(model):
    """The names of the Conv2d and Linear weights."""
    return [f"{i}.weight" for i in indices(model, (nn.Conv2d, nn.Linear))]


def state_of(result, model):
    """The tensors of the returned model, by name: the names and shapes of the original."""
    expect(
        isinstance(result, nn.Module),
        "a model",
        "prune_and_quantize returns a copy of the one it was given",
    )
    before, after = model.state_dict(), result.state_dict()
    shapes = {name: tuple(value.shape) for name, value in after.items()}
    expect(
        shapes == {name: tuple(value.shape) for name, value in before.items()},
        f"the tensors {sorted(before)} in their shapes",
        "weights move onto a grid; nothing is cut or renamed",
        show(shapes),
    )
    return after


def check_weight(name, after, before, sparsity, bits):
    """`after` must be `before`, pruned by magnitude, and then on the grid of what was kept."""

    def demand(condition, expected, why):
        if not condition:
            expect(False, expected, why, f"{show(after)}, from {show(before)}")

    near = rounding(before.dtype)
    got, given = after.double().flatten(), before.double().flatten()
    n, sizes = given.numel(), given.abs()
    gone = round(float(sparsity) * n)
    ranked = sizes.sort().values
    # What is below the cut goes, what is above stays; of what is at it, any `free` many go.
    cut = ranked[gone - 1].item() if gone else -1.0
    below, at, above = sizes < cut, sizes == cut, sizes > cut
    free = gone - int(below.sum())
    step = ranked[-1].item() / top_code(bits) if gone < n else 0.0
    what = f"round({sparsity} · {n}) = {gone} of the weights of {name}"
    demand(
        not got[below].any(),
        f"{what}, those of magnitude below {cut:.6g}, to be exactly 0",
        "the smallest magnitudes of each tensor are pruned, before anything is rounded",
    )
    zeros = int((got[at] == 0).sum())
    demand(
        zeros >= free,
        f"{what}, {cut:.6g} among them, to be exactly 0",
        "exactly so many of the smallest magnitudes are pruned, in each tensor on its own",
    )
    if step == 0:
        return
    exact, multiple = given / step, got / step
    demand(
        ((multiple - multiple.round()).abs() <= near).all(),
        f"whole multiples of {step:.6g} in {name}",
        f"one scale a tensor, and that is {ranked[-1].item():.6g}, the largest magnitude kept, "
        f"/ {top_code(bits)}",
    )
    stay = above | (at & (got != 0))
    demand(
        not (stay & ((multiple - exact).abs() > 0.5 + near)).any(),
        f"every kept weight of {name} within half a step of what it was",
        f"only {what} are pruned, and the others go to the nearest multiple of {step:.6g}",
    )
    demand(
        zeros == free or cut / step <= 0.5 + near,
        f"no more than {what} at 0",
        f"a kept weight of {cut:.6g} is nearer to another multiple of {step:.6g} than to 0",
    )


@part("prune_and_quantize")
@given(
    bits=st.sampled_from((2, 3, 4)),
    seed=st.integers(0, 20),
    sparsity=st.sampled_from((0.5, 0.25)),
    apart=st.sampled_from((0.01, 0.01, 2.0**-40)),
)
def test_never_keeps_a_weight_smaller_than_one_it_pruned(submission, bits, seed, sparsity, apart):
    model = Mlp(widths=(4, 4), seed=seed, dtype="float32" if apart > 1e-3 else "float64").build()
    # Magnitudes close together, which the grid makes equal, and two that are larger.
    sizes = torch.tensor([0.86 - k * apart for k in range(14)] + [1.0, 1.0], dtype=torch.float64)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        model[0].weight.copy_((sizes[order] * (-1.0) ** order).reshape(4, 4))
    before = model[0].weight.detach().clone()
    after = state_of(submission.prune_and_quantize(model, sparsity, bits), model)["0.weight"]
    gone = after == 0
    if int(gone.sum()) != round(sparsity * 16):
        return  # another property's matter
    pruned, kept = before[gone].abs().max().item(), before[~gone].abs().min().item()
    expect(
        pruned <= kept,
        f"only the {int(gone.sum())} smallest of 16 magnitudes pruned",
        "they are ranked as they are given, before rounding makes many of them equal",
        f"the weight of magnitude {pruned!r} is 0, and that of {kept!r} is not: {show(after)}, "
        f"from {show(before)}",
    )


@part("prune_and_quantize")
@given(recipe=models(), sparsity=sparsities(), bits=widths)
def test_prunes_each_weight_by_magnitude_and_rounds_what_is_kept(
    submission, recipe, sparsity, bits
):
    model = recipe.build()
    state = state_of(submission.prune_and_quantize(model, sparsity, bits), model)
    for name in prunable(model):
        check_weight(name, state[name], model.state_dict()[name], sparsity, bits)


@part("prune_and_quantize")
@given(
    widths_=st.sampled_from(((3, 3), (5, 3), (3, 3, 2), (7, 3), (5, 5, 2))),
    sparsity=sparsities(),
    bits=st.sampled_from((8, 8, 4)),
    seed=st.integers(0, 20),
    grid=st.sampled_from((0, 0, 2)),
)
def test_counts_exactly_among_ties_and_halves(submission, widths_, sparsity, bits, seed, grid):
    model = Mlp(widths=widths_, seed=seed).build()
    if grid:
        with torch.no_grad():
            for name in prunable(model):
                weight = model.get_parameter(name)
                weight.copy_((weight * grid).round() / grid)
    state = state_of(submission.prune_and_quantize(model, sparsity, bits), model)
    for name in prunable(model):
        check_weight(name, state[name], model.state_dict()[name], sparsity, bits)


@part("prune_and_quantize")
@settings(max_examples=20)
@given(recipe=models(), bits=widths)
def test_is_all_zero_at_sparsity_1(submission, recipe, bits):
    model = recipe.build()
    state = state_of(submission.prune_and_quantize(model, 1.0, bits), model)
    for name in prunable(model):
        expect(
            bool((state[name] == 0).all()),
            f"{name} all zero",
            "nothing is kept at sparsity 1, and an all-zero tensor stays so on any grid",
            f"{torch.count_nonzero(state[name]).item()} other values, or NaN",
        )


@part("prune_and_quantize")
@given(recipe=models(plain_norms=True), sparsity=sparsities(), bits=widths)
def test_leaves_biases_and_batch_norms_untouched(submission, recipe, sparsity, bits):
    model = recipe.build()
    state = state_of(submission.prune_and_quantize(model, sparsity, bits), model)
    for name, value in model.state_dict().items():
        expect(
            state[name].dtype == value.dtype,
            f"{name} of {value.dtype}",
            "the dtype is kept: the values are on a grid, and floats",
            f"{state[name].dtype}",
        )
        if name not in prunable(model) and not torch.equal(state[name], value):
            expect(
                False,
                f"{name} exactly as it was",
                "only Conv2d and Linear weights are pruned and quantised",
                f"{show(state[name])}, from {show(value)}",
            )


@part("prune_and_quantize")
@settings(max_examples=20)
@given(recipe=models(), sparsity=sparsities())
def test_takes_eight_bits_unless_told_otherwise(submission, recipe, sparsity):
    model = recipe.build()
    state = state_of(submission.prune_and_quantize(model, sparsity), model)
    for name in prunable(model):
        check_weight(name, state[name], model.state_dict()[name], sparsity, 8)


@part("prune_and_quantize")
@settings(max_examples=20)
@given(recipe=models(), sparsity=sparsities())
def test_returns_a_model_that_shares_nothing_with_the_one_given(submission, recipe, sparsity):
    model = recipe.build()
    result = submission.prune_and_quantize(model, sparsity, 8)
    state_of(result, model)
    if shares_memory(model, result):
        raise Impure(
            "tensors of its own",
            "the original stays as it is, whatever is done to the copy",
            "a model with a tensor of the original in it",
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
        nn.Conv2d(1, 2, 3, padding=1, padding_mode="reflect"),
        nn.BatchNorm2d(2, eps=1e-3, momentum=0.3),
        nn.ReLU(inplace=True),
        nn.Conv2d(2, 2, (1, 2), stride=(2, 1), dilation=(1, 2), bias=False),
        nn.BatchNorm2d(2, momentum=None, affine=False),
        nn.ReLU(),
        nn.MaxPool2d(2, stride=1),
        nn.Dropout(0.15),
        nn.Flatten(),
        nn.Linear(2, 2, bias=False),
    )
    torch.set_rng_state(state)
    for i, parameter in enumerate(model.parameters()):
        parameter.data = random_tensor(parameter.shape, i).float()
    model.train(training)
    for i in (1, 7):
        model[i].train(not training)
    for name in frozen:
        model.get_parameter(name).requires_grad_(False)
    return model


@part("prune_and_quantize")
@settings(max_examples=12)
@given(
    training=st.booleans(),
    frozen=st.sampled_from(((), ("0.weight",), ("0.bias", "9.weight"))),
    sparsity=st.sampled_from((0.5, 0.0, 1.0)),
)
def test_keeps_every_layer_with_its_settings(submission, training, frozen, sparsity):
    model = settled_cnn(training, frozen)
    result = submission.prune_and_quantize(model, sparsity, 8)
    state_of(result, model)
    why = "the copy differs in its weights only"
    for what, of in SETTINGS.items():
        want, got = of(model), of(result)
        if want != got:
            raise Impure(f"{what} as in the model: {want}", why, f"{got}")


@part("prune_and_quantize")
def test_reads_real_digits_in_eight_bits_as_well_as_in_floats(submission):
    model, pruned = digit_reader(), digit_reader()
    with torch.no_grad():
        for name in prunable(pruned):
            weight = pruned.get_parameter(name).view(-1)
            weight[weight.abs().argsort()[: round(0.4 * len(weight))]] = 0.0
    before = accuracy(pruned)
    result = submission.prune_and_quantize(model, 0.4, 8)
    state_of(result, model)
    after = accuracy(result)
    expect(
        abs(after - before) <= 0.03,
        f"about {before:.1%} of 1,197 unseen digits to be read correctly",
        "that is what the network reads with 40% of each weight at 0 and the rest as floats; "
        "255 grid points are nearly as good",
        f"{after:.1%}",
    )


# --- packed_bits ---------------------------------------------------------------------------


@part("packed_bits")
@given(
    n=st.one_of(st.integers(1, 10**9), st.just(10**9)),
    share=st.sampled_from((0.1, 0.3, 0.5, 0.9)),
    bits=st.integers(2, 8),
)
def test_counts_a_bit_a_weight_and_a_code_a_kept_one(submission, n, share, bits):
    nnz = int(share * n)
    check_packed(submission.packed_bits(n, nnz, bits), n, nnz, bits)


@part("packed_bits")
@given(n=st.integers(1, 40), none=st.booleans(), bits=st.integers(2, 8))
def test_counts_the_mask_when_nothing_or_everything_is_kept(submission, n, none, bits):
    nnz = 0 if none else n
    check_packed(submission.packed_bits(n, nnz, bits), n, nnz, bits)


def check_packed(result, n, nnz, bits):
    why = f"a mask of {n} bits and {nnz} codes of {bits} bits: n + nnz · bits"
    expect_number(result, n + nnz * bits, why, rtol=0.0)


# --- integer_matvec ------------------------------------------------------------------------


def random_codes(shape, seed, top=127):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-top, top + 1, shape, generator=generator).to(torch.int8)


@st.composite
def products(draw):
    """Codes of a matrix and a vector, with one scale or one a row, and one for the vector."""
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    seed, dtype = draw(st.integers(0, 50)), draw(st.sampled_from((torch.float32, torch.float64)))
    top = top_code(draw(widths))
    shape = draw(st.sampled_from(((), (rows, 1), (rows, 1))))
    weight_scale = (random_tensor(shape, seed).abs() + 0.05).to(dtype)
    input_scale = (random_tensor((), seed + 1).abs() + 0.05).to(dtype)
    codes = random_codes((rows, columns), seed, top)
    return codes, weight_scale, random_codes((columns,), seed + 1, top), input_scale


def check_product(result, weight_codes, weight_scale, input_codes, input_scale, why):
    rows = weight_codes.shape[0]
    expect_shape(result, (rows,))
    exact = (weight_codes.numpy().astype(np.int64) * input_codes.numpy().astype(np.int64)).sum(1)
    scales = np.broadcast_to(weight_scale.double().numpy().reshape(-1), (rows,))
    want = exact.astype(np.float64) * scales * input_scale.double().item()
    # Row by row, however small: the sum is exact, and what follows is a multiplication.
    got = torch.as_tensor(result).detach().double().numpy()
    expect(
        bool((np.abs(got - want) <= 1e-6 * np.abs(want)).all()),
        f"{show(want)}",
        f"{why}; the sums of the codes are {exact.tolist()}",
        show(result),
    )


@part("integer_matvec")
@given(case=products())
def test_is_the_product_of_the_dequantised_matrix_and_vector(submission, case):
    why = "a row's sum of code products, times its scale and that of the vector"
    check_product(submission.integer_matvec(*case), *case, why)


@part("integer_matvec")
@settings(max_examples=20)
@given(
    columns=st.integers(2, 40), sign=st.sampled_from((1, -1)), rows=st.integers(1, 3), top=widths
)
def test_does_not_overflow_where_all_codes_are_the_largest(submission, columns, sign, rows, top):
    weight_codes = torch.full((rows, columns), top_code(top), dtype=torch.int8)
    input_codes = torch.full((columns,), sign * top_code(top), dtype=torch.int8)
    case = weight_codes, torch.full((rows, 1), 0.5), input_codes, torch.tensor(0.25)
    why = "127 · 127 does not fit into int8, and three of those do not fit into int16"
    check_product(submission.integer_matvec(*case), *case, why)


@part("integer_matvec")
@settings(max_examples=4)
@given(sign=st.sampled_from((1, -1)), rows=st.sampled_from((1, 2)))
def test_does_not_overflow_with_a_hundred_thousand_terms(submission, sign, rows):
    weight_codes = torch.full((rows, 100_000), 127, dtype=torch.int8)
    input_codes = torch.full((100_000,), sign * 127, dtype=torch.int8)
    case = weight_codes, torch.full((rows, 1), 1e-3), input_codes, torch.tensor(0.5)
    why = "10⁵ products of 127 · 127 add up to 1.6 · 10⁹"
    check_product(submission.integer_matvec(*case), *case, why)


@part("integer_matvec")
@settings(max_examples=4)
@given(seed=st.integers(0, 5))
def test_is_exact_where_large_sums_cancel(submission, seed):
    half = random_codes((1, 50_000), seed).abs() | 64
    weight_codes = torch.cat([half, -half.flip(1), torch.tensor([[1]], dtype=torch.int8)], dim=1)
    other = random_codes((50_000,), seed + 100).abs() | 64
    input_codes = torch.cat([other, other.flip(0), torch.tensor([3], dtype=torch.int8)])
    case = weight_codes, torch.tensor(0.013), input_codes, torch.tensor(0.7)
    why = "sums of integers are exact; sums of as many floats lose the small difference"
    check_product(submission.integer_matvec(*case), *case, why)
