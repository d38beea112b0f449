"""Types of pruning: what must hold, for each part."""

from numbers import Integral

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.grading import expect, expect_mask, part, show
from tests.strategies.vectors import arrays, masks, sparsities

SHAPES = (
    (2, 2, 2, 2),
    (2, 2, 1, 2),
    (3, 2, 1, 3),
    (2, 4, 1, 1),
    (3, 4, 1, 1),
    (2, 8, 1, 1),
    (3, 2, 3, 3),
    (4, 3, 2, 1),
    (2, 4, 1, 3),
    (3, 3, 2, 2),
    (4, 3, 1, 1),
    (2, 2, 3, 1),
    (3, 1, 2, 2),
    (1, 3, 2, 2),
    (1, 4, 1, 1),
    (4, 1, 1, 1),
    (1, 1, 2, 2),
    (1, 1, 1, 1),
)
shapes = st.sampled_from(SHAPES)

PAIRS = np.array(
    [[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1], [0, 0, 1, 1]]
)


def _some(draw, count):
    """True for some of `count` units: at least one, and not all where there are several."""
    chosen = np.zeros(count, dtype=bool)
    chosen[draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=max(1, count - 1)))] = True
    return chosen


def _pairs(draw, runs):
    picks = draw(st.binary(min_size=runs, max_size=runs))
    return PAIRS[[pick % 6 for pick in picks]].astype(bool)


@st.composite
def conv_masks(draw, kinds=None, shapes=shapes):
    """Masks of a convolution: each kind of zeros, mixtures, and near misses."""
    shape = draw(shapes)
    out, channels, height, width = shape
    size = channels * height * width
    mask = np.ones(shape, dtype=bool)
    kind = draw(st.sampled_from(kinds or KINDS))
    if kind == "layer":
        mask[...] = False
    if "filter" in kind:
        mask[_some(draw, out)] = False
    if "channel" in kind:
        mask[:, _some(draw, channels)] = False
    if "kernel" in kind:
        mask.reshape(-1, height, width)[_some(draw, out * channels)] = False
    if kind.startswith("2:4") and size % 4 == 0:
        mask = _pairs(draw, out * size // 4).reshape(shape)
    if kind == "2:4 of all weights in a row" and out * size % 4 == 0:
        mask = _pairs(draw, out * size // 4).reshape(shape)
    if kind == "2:4 along the channels" and channels % 4 == 0:
        pairs = _pairs(draw, out * height * width * channels // 4)
        mask = np.moveaxis(pairs.reshape(out, height, width, channels), -1, 1)
    if kind == "half" and mask.size > 1:
        order = draw(st.permutations(range(mask.size)))
        mask.reshape(-1)[order[: mask.size // 2]] = False
    if kind == "any":
        mask = draw(masks(shape))
    mask = np.array(mask)
    if "off by one" in kind:
        place = draw(st.integers(0, mask.size - 1))
        mask.reshape(-1)[place] ^= True
    return mask


KINDS = (
    "none",
    "layer",
    "filter",
    "channel",
    "kernel",
    "filter and channel",
    "filter and kernel",
    "filter, off by one",
    "channel, off by one",
    "kernel, off by one",
    "filter and channel, off by one",
    "2:4",
    "2:4, off by one",
    "2:4 of all weights in a row",
    "2:4 along the channels",
    "half",
    "any",
)


def oracle(mask):
    """The list of the text, read for each zero on its own."""
    out, channels, height, width = mask.shape
    kept = {tuple(place) for place in np.argwhere(mask).tolist()}
    zeros = [tuple(place) for place in np.argwhere(~mask).tolist()]
    if not zeros:
        return "none", "there is no zero"
    if not kept:
        return "layer", "every entry is zero"
    if not {o for o, *_ in kept} & {o for o, *_ in zeros}:
        return "filter", "every zero lies in a filter mask[o] that is all zero"
    if not {i for _, i, *_ in kept} & {i for _, i, *_ in zeros}:
        return "channel", (
            "every zero lies in a channel mask[:, i] that is all zero, and whole filters do not "
            "explain them all"
        )
    if height * width > 1 and not {p[:2] for p in kept} & {p[:2] for p in zeros}:
        return "kernel", (
            "every zero lies in a kernel mask[o, i] that is all zero, and neither whole filters "
            "alone nor whole channels alone explain them all"
        )
    if channels * height * width % 4 == 0:
        lists = [mask[o].ravel().tolist() for o in range(out)]
        runs = [row[start : start + 4] for row in lists for start in range(0, len(row), 4)]
        if all(sum(run) == 2 for run in runs):
            return "2:4", "each run of four in a flattened filter keeps exactly two"
    return "unstructured", "no name before it in the list explains every zero"


def check_granularity(submission, mask):
    want, why = oracle(mask)
    name = submission.granularity(mask)
    expect(isinstance(name, str), f"{want!r}, a string", why)
    expect(name == want, f"{want!r}", why)


# --- granularity ---------------------------------------------------------------------------


@part("granularity")
@settings(max_examples=120)
@given(mask=conv_masks())
def test_is_the_first_name_that_explains_every_zero(submission, mask):
    check_granularity(submission, mask)


@part("granularity")
@settings(max_examples=30)
@given(mask=conv_masks(kinds=("none", "layer")))
def test_names_what_has_no_zero_and_what_has_nothing_else(submission, mask):
    check_granularity(submission, mask)


@part("granularity")
@given(mask=conv_masks(kinds=("filter", "channel", "kernel")))
def test_names_whole_filters_channels_and_kernels(submission, mask):
    check_granularity(submission, mask)


@part("granularity")
@given(mask=conv_masks(kinds=("filter and channel", "filter and kernel")))
def test_does_not_let_one_name_explain_only_some_of_the_zeros(submission, mask):
    check_granularity(submission, mask)


@part("granularity")
@given(
    mask=conv_masks(
        kinds=("filter, off by one", "channel, off by one", "kernel, off by one"),
        shapes=st.sampled_from([s for s in SHAPES if s[2] * s[3] > 1]),
    )
)
def test_notices_a_single_entry_that_does_not_fit(submission, mask):
    check_granularity(submission, mask)


@part("granularity")
@given(
    mask=conv_masks(
        kinds=("kernel", "filter and channel", "any", "2:4"),
        shapes=st.sampled_from([s for s in SHAPES if s[2] * s[3] == 1]),
    )
)
def test_knows_no_kernels_in_a_1_by_1_convolution(submission, mask):
    check_granularity(submission, mask)


@part("granularity")
@given(
    mask=conv_masks(
        kinds=("2:4", "2:4, off by one", "half", "2:4 along the channels"),
        shapes=st.sampled_from([s for s in SHAPES if s[1] * s[2] * s[3] % 4 == 0]),
    )
)
def test_says_2_4_where_every_run_of_four_keeps_exactly_two(submission, mask):
    check_granularity(submission, mask)


@part("granularity")
@given(
    mask=conv_masks(
        kinds=("2:4 along the channels", "2:4"),
        shapes=st.sampled_from(((2, 4, 1, 3), (2, 4, 2, 2), (1, 2, 2, 4), (2, 4, 2, 3))),
    )
)
def test_takes_four_weights_in_the_order_of_the_flattened_filter(submission, mask):
    check_granularity(submission, mask)


@part("granularity")
@given(
    mask=conv_masks(
        kinds=("2:4 of all weights in a row",),
        shapes=st.sampled_from(((4, 3, 1, 2), (2, 2, 1, 3), (4, 3, 1, 1), (2, 2, 3, 1))),
    )
)
def test_lets_no_run_of_four_cross_from_one_filter_to_the_next(submission, mask):
    check_granularity(submission, mask)


@part("granularity")
@pytest.mark.parametrize(
    "shape, kept",
    [
        ((2, 4, 1, 1), [0, 1]),  # two channels of four
        ((2, 2, 1, 2), [0, 1]),  # a kernel of two, the same in both filters
        ((2, 2, 2, 2), [0, 1, 4, 5]),
        ((3, 8, 1, 1), [1, 2, 4, 7]),
    ],
)
def test_takes_the_name_that_comes_first_where_2_4_fits_as_well(submission, shape, kept):
    mask = np.zeros((shape[0], shape[1] * shape[2] * shape[3]), dtype=bool)
    mask[:, kept] = True
    check_granularity(submission, mask.reshape(shape))


@part("granularity")
def test_says_kernel_where_whole_kernels_are_2_4_as_well(submission):
    mask = np.array([[[[1, 1]], [[0, 0]]], [[[0, 0]], [[1, 1]]]], dtype=bool)
    check_granularity(submission, mask)


# --- granularity_mask ----------------------------------------------------------------------

UNITS = ("filter", "channel", "kernel", "unstructured")
each_unit = pytest.mark.parametrize("granularity", UNITS)


def units_of(array, granularity):
    """The oracle: the units of an array, each a flat list, in a fixed order."""
    out, channels = array.shape[:2]
    if granularity == "filter":
        return [array[o].ravel().tolist() for o in range(out)]
    if granularity == "channel":
        return [array[:, i].ravel().tolist() for i in range(channels)]
    if granularity == "kernel":
        return [array[o, i].ravel().tolist() for o in range(out) for i in range(channels)]
    return [[value] for value in array.ravel().tolist()]


def removed_units(submission, weight, granularity, sparsity):
    """Which units a returned mask removes; each must be kept or removed as a whole."""
    mask = expect_mask(submission.granularity_mask(weight, granularity, sparsity), weight.shape)
    units = units_of(mask, granularity)
    for unit in units:
        expect(
            all(unit) or not any(unit),
            f"every {granularity} kept as a whole or removed as a whole",
            UNIT_WORDS[granularity],
        )
    return [not unit[0] for unit in units]


UNIT_WORDS = {
    "filter": "a filter is weight[o]",
    "channel": "a channel is weight[:, i], the same in every filter",
    "kernel": "a kernel is weight[o, i]",
    "unstructured": "a unit is a single weight",
}


@st.composite
def weights_and_units(draw):
    """A weight with a unit to prune it by; some have two units of equal norm and other values."""
    granularity = draw(st.sampled_from(UNITS))
    shape = draw(st.sampled_from([s for s in SHAPES if granularity != "kernel" or s[2] * s[3] > 1]))
    return draw(arrays(shape)), granularity


@part("granularity_mask")
@settings(max_examples=80)
@given(case=weights_and_units(), sparsity=sparsities())
def test_never_keeps_a_unit_of_smaller_norm_than_one_it_removed(submission, case, sparsity):
    weight, granularity = case
    check_ranking(submission, weight, granularity, sparsity)


def check_ranking(submission, weight, granularity, sparsity):
    removed = removed_units(submission, weight, granularity, sparsity)
    norms = [sum(v * v for v in unit) ** 0.5 for unit in units_of(weight, granularity)]
    slack = 1e-12 if weight.dtype == np.float64 else 2e-7
    gone = [norm for norm, out in zip(norms, removed) if out]
    kept = [norm for norm, out in zip(norms, removed) if not out]
    if gone and kept:
        expect(
            max(gone) <= min(kept) * (1 + slack),
            f"a {granularity} of norm {min(kept):.12g} to go before one of {max(gone):.12g}",
            "the units of smallest L2 norm, the root of the sum of squares, go first; all units "
            f"of the weight are ranked together ({UNIT_WORDS[granularity]})",
        )


@part("granularity_mask")
@given(data=st.data(), granularity=st.sampled_from(UNITS), sparsity=st.sampled_from((0.5, 0.25)))
def test_tells_norms_apart_that_differ_by_a_billionth(submission, data, granularity, sparsity):
    """float64 holds such differences, float32 does not."""
    shape = data.draw(st.sampled_from(((4, 4, 1, 2), (2, 2, 2, 1), (3, 4, 2, 1))))
    axes = {"filter": (0,), "channel": (1,), "kernel": (0, 1), "unstructured": (0, 1, 2, 3)}
    ranks = [n if axis in axes[granularity] else 1 for axis, n in enumerate(shape)]
    order = data.draw(st.permutations(range(int(np.prod(ranks)))))
    scale = data.draw(st.sampled_from((1.0, -1.0, 0.1)))
    weight = np.ones(shape) * (scale * (1 + 1e-9 * np.array(order).reshape(ranks)))
    check_ranking(submission, weight, granularity, sparsity)


@part("granularity_mask")
@settings(max_examples=60)
@given(case=weights_and_units(), sparsity=sparsities())
def test_removes_exactly_the_rounded_share_of_the_units(submission, case, sparsity):
    weight, granularity = case
    removed = removed_units(submission, weight, granularity, sparsity)
    due = round(float(sparsity) * len(removed))
    expect(
        sum(removed) == due,
        f"exactly {due} of {len(removed)} units removed",
        f"round({sparsity} * {len(removed)}) = {due}: the share is one of the units "
        f"({UNIT_WORDS[granularity]}), ties and halves included",
        f"{sum(removed)} removed",
    )


@part("granularity_mask")
@given(
    granularity=st.sampled_from(("filter", "channel")),
    count=st.integers(5, 12),
    sparsity=sparsities(),
)
def test_removes_exactly_the_rounded_share_of_many_units(submission, granularity, count, sparsity):
    weight = np.arange(1.0, 2 * count + 1).reshape(count, 2, 1, 1) / 16
    if granularity == "channel":
        weight = np.ascontiguousarray(weight.transpose(1, 0, 2, 3))
    removed = removed_units(submission, weight, granularity, sparsity)
    due = round(float(sparsity) * count)
    expect(
        sum(removed) == due,
        f"exactly {due} of {count} units removed",
        f"round({sparsity} * {count}) = {due}",
        f"{sum(removed)} removed",
    )


@part("granularity_mask")
@given(data=st.data(), granularity=st.sampled_from(("filter", "channel", "kernel")))
def test_ranks_by_the_l2_norm_and_by_no_other(submission, data, granularity):
    """One unit has the larger L2 norm, the other the larger sum and the larger L1 norm."""
    sign = data.draw(st.sampled_from((1.0, -1.0)))
    spread = np.array([[0.5, 0.5], [0.5, 0.5]])
    peak = np.array([[0.0, 1.25], [0.0, sign * 0.25]])
    units = [spread, peak] if data.draw(st.booleans()) else [peak, spread]
    shape = {"filter": (2, 1, 2, 2), "channel": (1, 2, 2, 2), "kernel": (2, 1, 2, 2)}[granularity]
    weight = np.array(units).reshape(shape) * data.draw(st.sampled_from((1.0, -1.0)))
    weight = weight.astype(data.draw(st.sampled_from(("float64", "float32"))))
    removed = removed_units(submission, weight, granularity, 0.5)
    norms = [sum(v * v for v in unit) ** 0.5 for unit in units_of(weight, granularity)]
    expect(
        removed == [norm == min(norms) for norm in norms],
        f"the {granularity} of L2 norm {min(norms):.4g} to go, not that of {max(norms):.4g}",
        "the L2 norm is the root of the sum of squares",
    )


@part("granularity_mask")
@given(size=st.sampled_from((0.75, -0.75, 0.8)), swap=st.booleans(), filters=st.integers(1, 2))
def test_ranks_kernels_by_the_root_of_the_sum_of_squares(submission, size, swap, filters):
    """A diagonal kernel has the larger root of squares, and the smaller largest singular value."""
    kernels = [np.diag([size, size]), np.array([[0.0, 1.0], [0.0, 0.0]])]
    weight = np.array([kernels[::-1] if swap else kernels] * filters)
    removed = removed_units(submission, weight, "kernel", 0.5)
    expect(
        removed == [swap != (n % 2 == 1) for n in range(2 * filters)],
        "every kernel with a single weight of 1 to go, and no other",
        f"the L2 norm of all entries of a kernel: √({size}² + {size}²) is more than 1",
    )


@part("granularity_mask")
@given(data=st.data())
def test_ranks_all_kernels_and_all_weights_in_one_ranking(submission, data):
    """The first filters hold all that is small: nothing goes from the others."""
    granularity = data.draw(st.sampled_from(("kernel", "unstructured")))
    out = data.draw(st.integers(2, 4))
    scales = np.array(data.draw(st.permutations([10.0**k for k in range(out)])))
    weight = (1 + np.arange(4.0) / 8).reshape(1, 2, 1, 2) * scales[:, None, None, None]
    removed = removed_units(submission, weight, granularity, 1 / out)
    rows = np.array(removed).reshape(out, -1)
    expect(
        rows[scales.argmin()].all() and rows.sum() == rows.shape[1],
        f"all of filter {int(scales.argmin())} to go, and nothing else",
        "all units of the weight are in one ranking, and its weights are the smallest of all",
    )


@part("granularity_mask")
@each_unit
@given(shape=st.sampled_from([s for s in SHAPES if s[2] * s[3] > 1]), end=st.sampled_from((0, 1)))
@settings(max_examples=15)
def test_removes_nothing_at_sparsity_0_and_all_at_1(submission, granularity, shape, end):
    weight = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)
    mask = expect_mask(submission.granularity_mask(weight, granularity, float(end)), shape)
    expect(
        mask.all() if end == 0 else not mask.any(),
        "everything kept" if end == 0 else "everything removed",
        "sparsity 0 removes nothing, sparsity 1 all",
    )


# --- dense_shape_after ---------------------------------------------------------------------


def check_shape(submission, mask):
    out, channels, height, width = mask.shape
    filters = [o for o in range(out) if any(mask[o].ravel().tolist())]
    inputs = [i for i in range(channels) if any(mask[:, i].ravel().tolist())]
    want = (len(filters), len(inputs), height, width)
    shape = submission.dense_shape_after(mask)
    expect(
        isinstance(shape, tuple)
        and len(shape) == 4
        and all(isinstance(n, Integral) and not isinstance(n, bool) for n in shape),
        f"{want}, a tuple of four integers",
        "it is the shape of an array (out, in, kh, kw)",
    )
    expect(
        tuple(shape) == want,
        f"{want}",
        f"the filters {filters} and the input channels {inputs} still hold something; the others "
        "are cut out, and nothing else can be",
        show(shape),
    )


@part("dense_shape_after")
@settings(max_examples=60)
@given(mask=conv_masks())
def test_is_what_is_left_without_dead_filters_and_channels(submission, mask):
    check_shape(submission, mask)


@part("dense_shape_after")
@given(mask=conv_masks(kinds=("filter", "channel", "filter and channel")))
def test_cuts_filters_and_channels_out(submission, mask):
    check_shape(submission, mask)


@part("dense_shape_after")
@given(
    mask=conv_masks(
        kinds=("kernel", "kernel, off by one", "2:4", "half", "any"),
        shapes=st.sampled_from([s for s in SHAPES if min(s[:2]) > 1]),
    )
)
def test_cuts_nothing_that_still_holds_a_weight(submission, mask):
    check_shape(submission, mask)


@part("dense_shape_after")
@example(shape=(3, 2, 3, 1))
@settings(max_examples=20)
@given(shape=shapes)
def test_is_0_0_and_the_window_when_nothing_is_left(submission, shape):
    check_shape(submission, np.zeros(shape, dtype=bool))


@part("dense_shape_after")
@given(data=st.data(), shape=st.sampled_from([s for s in SHAPES if s[2] * s[3] > 1]))
def test_keeps_the_size_of_the_window(submission, data, shape):
    mask = data.draw(masks(shape))
    axis = data.draw(st.sampled_from([a for a in (2, 3) if shape[a] > 1]))
    row = data.draw(st.integers(0, shape[axis] - 1))
    mask = np.moveaxis(mask.copy(), axis, 0)
    mask[row] = False
    mask = np.moveaxis(mask, 0, axis)
    assume(mask.any())
    check_shape(submission, mask)
