"""Wrong answers that people really give for q02."""

import numpy as np

from tests.grading import mistake

AXES = {"filter": (1, 2, 3), "channel": (0, 2, 3), "kernel": (2, 3)}


def _whole(mask, unit):
    """Whether every zero lies in a unit that is all zero."""
    return bool(np.all(mask == mask.any(axis=AXES[unit], keepdims=True)))


def _some(mask, unit):
    """Whether some unit is all zero."""
    return bool(np.any(~mask.any(axis=AXES[unit])))


def _two_of_four(mask):
    rows = mask.reshape(mask.shape[0], -1)
    return rows.shape[1] % 4 == 0 and bool(np.all(rows.reshape(-1, 4).sum(axis=1) == 2))


def _first(*rules):
    for name, holds in rules:
        if holds:
            return name
    return "unstructured"


def _rules(mask, **instead):
    """The list of the text; a keyword puts another rule in the place of one of them."""
    rules = {
        "none": bool(mask.all()),
        "layer": not mask.any(),
        "filter": _whole(mask, "filter"),
        "channel": _whole(mask, "channel"),
        "kernel": mask.shape[2] * mask.shape[3] > 1 and _whole(mask, "kernel"),
        "2:4": _two_of_four(mask),
    }
    return list((rules | instead).items())


# --- granularity ---------------------------------------------------------------------------


@mistake(
    "granularity",
    "one dead unit is enough",
    "It names a unit as soon as one of them is all zero, whatever the other zeros are.",
    "One filter is gone, and one single weight elsewhere. Does your answer tell the two apart?",
)
def any_dead_unit(mask):
    kernel = mask.shape[2] * mask.shape[3] > 1 and _some(mask, "kernel")
    return _first(
        *_rules(mask, filter=_some(mask, "filter"), channel=_some(mask, "channel"), kernel=kernel)
    )


@mistake(
    "granularity",
    "filters and channels together",
    'It says "filter" where some zeros need whole channels to explain them.',
    "Does the name filter alone explain every zero?",
)
def filters_or_channels(mask):
    both = mask.any(axis=(1, 2, 3), keepdims=True) & mask.any(axis=(0, 2, 3), keepdims=True)
    return _first(*_rules(mask, filter=_some(mask, "filter") and bool(np.all(mask == both))))


@mistake(
    "granularity",
    "axes swapped",
    "It takes mask[o] for a channel and mask[:, i] for a filter.",
    "Which axis of (out, in, kh, kw) counts the filters?",
)
def swapped_axes(mask):
    return _first(
        *_rules(mask, filter=_whole(mask, "channel"), channel=_whole(mask, "filter")),
    )


@mistake(
    "granularity",
    "finest unit first",
    "It tries kernels before filters and channels, and a whole filter is made of whole kernels.",
    "In which order does the text list the names?",
)
def finest_first(mask):
    rules = dict(_rules(mask))
    order = ("none", "layer", "kernel", "channel", "filter", "2:4")
    return _first(*((name, rules[name]) for name in order))


@mistake(
    "granularity",
    "kernels in a 1×1 convolution",
    'It says "kernel" where the window is a single weight.',
    "How many weights has a kernel of a 1×1 convolution?",
)
def kernels_of_one(mask):
    return _first(*_rules(mask, kernel=_whole(mask, "kernel")))


@mistake(
    "granularity",
    "the dead layer forgotten",
    'It says "filter" where everything is zero.',
    "Which name stands before filter in the list?",
)
def no_layer(mask):
    return _first(*_rules(mask, layer=False))


@mistake(
    "granularity",
    "nothing pruned called unstructured",
    "It has no name for a mask without zeros.",
    "Which name stands first in the list?",
)
def no_none(mask):
    return "unstructured" if mask.all() else _first(*_rules(mask))


@mistake(
    "granularity",
    "nothing pruned called filter",
    "Without zeros it reports filter: all none of them lie in dead filters.",
    "Which name stands first in the list?",
)
def vacuous(mask):
    return _first(*_rules(mask, none=False))


@mistake(
    "granularity",
    "inverted mask",
    "It takes True for pruned; in this repository True means kept.",
    "Which name should a mask of only True get?",
)
def inverted(mask):
    return _first(*_rules(~mask))


@mistake(
    "granularity",
    "runs of four across filters",
    "It cuts the whole flattened mask into runs of four, so that one can span two filters.",
    "What must in·kh·kw be divisible by, and why that and not the number of all weights?",
)
def runs_across_filters(mask):
    two = mask.size % 4 == 0 and bool(np.all(mask.reshape(-1, 4).sum(axis=1) == 2))
    return _first(*_rules(mask, **{"2:4": two}))


@mistake(
    "granularity",
    "half of the weights is enough",
    "It says 2:4 where half of the weights are kept, wherever they are.",
    "May a run of four keep three weights if another keeps one?",
)
def half_is_enough(mask):
    rows = mask.reshape(mask.shape[0], -1)
    two = rows.shape[1] % 4 == 0 and 2 * int(mask.sum()) == mask.size
    return _first(*_rules(mask, **{"2:4": two}))


@mistake(
    "granularity",
    "at most two of four kept",
    "It lets a run of four keep fewer than two.",
    "Does the text say at most, at least, or exactly?",
)
def at_most_two(mask):
    rows = mask.reshape(mask.shape[0], -1)
    two = rows.shape[1] % 4 == 0 and bool(np.all(rows.reshape(-1, 4).sum(axis=1) <= 2))
    return _first(*_rules(mask, **{"2:4": two}))


@mistake(
    "granularity",
    "at most two of four removed",
    "It lets a run of four keep more than two.",
    "Does the text say at most, at least, or exactly?",
)
def at_least_two(mask):
    rows = mask.reshape(mask.shape[0], -1)
    two = rows.shape[1] % 4 == 0 and bool(np.all(rows.reshape(-1, 4).sum(axis=1) >= 2))
    return _first(*_rules(mask, **{"2:4": two}))


@mistake(
    "granularity",
    "2:4 before the units",
    "It asks for 2:4 before it looks for whole channels and kernels.",
    "In which order does the text list the names?",
)
def two_four_first(mask):
    return "2:4" if _two_of_four(mask) else _first(*_rules(mask))


@mistake(
    "granularity",
    "runs of four along the channels",
    "It takes the four weights from four input channels at one place of the window.",
    "In which order do the weights of mask[o].reshape(-1) stand?",
)
def runs_along_channels(mask):
    channels = mask.shape[1]
    rows = np.moveaxis(mask, 1, -1).reshape(-1, channels)
    two = channels % 4 == 0 and bool(np.all(rows.reshape(-1, 4).sum(axis=1) == 2))
    return _first(*_rules(mask, **{"2:4": two}))


@mistake(
    "granularity",
    "2:4 forgotten",
    'It says "unstructured" where every run of four keeps exactly two.',
    "Which name stands between kernel and unstructured in the list?",
)
def no_two_four(mask):
    return _first(*_rules(mask, **{"2:4": False}))


# --- granularity_mask ----------------------------------------------------------------------


def _units(weight, granularity):
    """(units, entries) with the entries of each unit in a row, and how to put them back."""
    out, channels = weight.shape[:2]
    if granularity == "filter":
        return weight.reshape(out, -1), lambda keep: keep[:, None, None, None]
    if granularity == "channel":
        return (
            np.moveaxis(weight, 1, 0).reshape(channels, -1),
            lambda keep: keep[None, :, None, None],
        )
    if granularity == "kernel":
        return (
            weight.reshape(out * channels, -1),
            lambda keep: keep.reshape(out, channels, 1, 1),
        )
    return weight.reshape(-1, 1), lambda keep: keep.reshape(weight.shape)


def _prune(weight, granularity, count, score=None, largest=False):
    units, back = _units(weight.astype(np.float64), granularity)
    scores = np.sum(units**2, axis=1) if score is None else score(units)
    keep = np.ones(len(units), dtype=bool)
    keep[np.argsort(-scores if largest else scores, kind="stable")[: count(len(units))]] = False
    return np.broadcast_to(back(keep), weight.shape).copy()


def _rounded(sparsity):
    return lambda units: round(float(sparsity) * units)


@mistake(
    "granularity_mask",
    "L1 norm",
    "It ranks by the sum of absolute values.",
    "Which of [3, 0] and [2, 2] has the larger L2 norm, and which the larger sum?",
)
def l1_norm(weight, granularity, sparsity):
    return _prune(weight, granularity, _rounded(sparsity), lambda units: np.abs(units).sum(axis=1))


@mistake(
    "granularity_mask",
    "signed sum",
    "It ranks by the sum of the weights, in which signs cancel.",
    "Is a filter of 5 and −5 a small one?",
)
def signed_sum(weight, granularity, sparsity):
    return _prune(weight, granularity, _rounded(sparsity), lambda units: units.sum(axis=1))


@mistake(
    "granularity_mask",
    "size of the sum",
    "It takes the absolute value after summing, not before: signs cancel.",
    "Is a filter of 5 and −5 a small one?",
)
def absolute_sum(weight, granularity, sparsity):
    return _prune(weight, granularity, _rounded(sparsity), lambda units: np.abs(units.sum(axis=1)))


@mistake(
    "granularity_mask",
    "largest weight of a unit",
    "It ranks by the largest magnitude in a unit.",
    "Which norm does the text name?",
)
def max_norm(weight, granularity, sparsity):
    return _prune(weight, granularity, _rounded(sparsity), lambda units: np.abs(units).max(axis=1))


@mistake(
    "granularity_mask",
    "spectral norm",
    "It ranks kernels by their largest singular value: that is what np.linalg.norm(…, 2) returns "
    "for a matrix.",
    "What does np.linalg.norm with ord=2 return for the 2×2 identity, and what is the root of its "
    "sum of squares?",
)
def spectral_norm(weight, granularity, sparsity):
    def score(units):
        if granularity != "kernel":
            return np.sum(units**2, axis=1)
        return np.linalg.norm(units.reshape(-1, *weight.shape[2:]), 2, axis=(1, 2))

    return _prune(weight, granularity, _rounded(sparsity), score)


@mistake(
    "granularity_mask",
    "largest first",
    "It removes the units of largest norm.",
    "Which end of the ranking do you cut off?",
)
def largest_units(weight, granularity, sparsity):
    return _prune(weight, granularity, _rounded(sparsity), largest=True)


@mistake(
    "granularity_mask",
    "inverted mask",
    "It marks what is removed; in this repository True means kept.",
    "How many True should there be at sparsity 0?",
)
def inverted_units(weight, granularity, sparsity):
    return ~_prune(weight, granularity, _rounded(sparsity))


@mistake(
    "granularity_mask",
    "sparsity read as density",
    "It keeps the share that should be removed.",
    "At sparsity 0.9, how much is left?",
)
def density_units(weight, granularity, sparsity):
    return _prune(weight, granularity, lambda units: units - round(float(sparsity) * units))


@mistake(
    "granularity_mask",
    "filters and channels swapped",
    "It removes weight[:, i] as filters and weight[o] as channels.",
    "Which axis of (out, in, kh, kw) counts the filters?",
)
def swapped_units(weight, granularity, sparsity):
    other = {"filter": "channel", "channel": "filter"}.get(granularity, granularity)
    return _prune(weight, other, _rounded(sparsity))


@mistake(
    "granularity_mask",
    "each filter on its own",
    "It ranks the kernels, or the weights, within each filter and takes the share of each.",
    "Does the text rank the units of a filter, or those of the weight?",
)
def each_filter(weight, granularity, sparsity):
    if granularity in ("filter", "channel"):
        return _prune(weight, granularity, _rounded(sparsity))
    return np.concatenate(
        [_prune(weight[o : o + 1], granularity, _rounded(sparsity)) for o in range(len(weight))]
    )


@mistake(
    "granularity_mask",
    "truncated count",
    "It truncates sparsity * units, where the count is rounded.",
    "What is int(0.29 * 100), and what should it be?",
)
def truncated_units(weight, granularity, sparsity):
    return _prune(weight, granularity, lambda units: int(sparsity * units))


@mistake(
    "granularity_mask",
    "count rounded up",
    "It rounds sparsity * units up, so now and then one unit too many goes.",
    "How many of 10 filters go at sparsity 0.12?",
)
def ceiled_units(weight, granularity, sparsity):
    return _prune(weight, granularity, lambda units: int(np.ceil(sparsity * units)))


@mistake(
    "granularity_mask",
    "halves rounded up",
    "It rounds halves up; Python's round takes them to the even number.",
    "What is round(2.5) in Python?",
)
def half_up_units(weight, granularity, sparsity):
    return _prune(weight, granularity, lambda units: int(np.floor(sparsity * units + 0.5)))


@mistake(
    "granularity_mask",
    "kept count rounded",
    "It rounds the number kept and removes the rest; halves then fall the other way.",
    "Count for 3 units at sparsity 0.5: which number does the text say is rounded?",
)
def kept_rounded_units(weight, granularity, sparsity):
    return _prune(weight, granularity, lambda units: units - round((1 - float(sparsity)) * units))


@mistake(
    "granularity_mask",
    "one unit always left",
    "It never removes the last unit.",
    "Is sparsity 1 a good value here?",
)
def one_left(weight, granularity, sparsity):
    return _prune(weight, granularity, lambda units: min(round(float(sparsity) * units), units - 1))


@mistake(
    "granularity_mask",
    "ties with the threshold go too",
    "It takes a norm for a threshold and removes everything up to it: with ties too many.",
    "What does it return when all weights are equal?",
)
def threshold_units(weight, granularity, sparsity):
    units, back = _units(weight.astype(np.float64), granularity)
    norms = np.sum(units**2, axis=1)
    count = round(float(sparsity) * len(norms))
    keep = norms > np.sort(norms)[count - 1] if count else np.ones(len(norms), dtype=bool)
    return np.broadcast_to(back(keep), weight.shape).copy()


@mistake(
    "granularity_mask",
    "one entry a unit",
    "It returns an entry for each unit; the mask has the shape of the weight.",
    "By what is the weight multiplied to prune it?",
)
def per_unit(weight, granularity, sparsity):
    units, _ = _units(weight.astype(np.float64), granularity)
    return _prune(units[:, :, None, None], "filter", _rounded(sparsity))[:, 0, 0, 0]


# --- dense_shape_after ---------------------------------------------------------------------


def _alive(mask):
    return int(mask.any(axis=(1, 2, 3)).sum()), int(mask.any(axis=(0, 2, 3)).sum())


@mistake(
    "dense_shape_after",
    "filters only",
    "It leaves dead input channels in.",
    "A channel that no filter reads any more: must the weight still hold it?",
)
def filters_only(mask):
    return (_alive(mask)[0], *mask.shape[1:])


@mistake(
    "dense_shape_after",
    "channels only",
    "It leaves dead filters in.",
    "A filter of zeros: must the weight still hold it?",
)
def channels_only(mask):
    return (mask.shape[0], _alive(mask)[1], *mask.shape[2:])


@mistake(
    "dense_shape_after",
    "nothing cut",
    "It returns the shape as it is; zeros that are left in place make nothing smaller.",
    "Which rows of the weight could a smaller layer do without?",
)
def unchanged(mask):
    return mask.shape


@mistake(
    "dense_shape_after",
    "axes swapped",
    "It counts the living channels first and the living filters second.",
    "In which order do filters and channels stand in (out, in, kh, kw)?",
)
def swapped_shape(mask):
    filters, channels = _alive(mask)
    return (channels, filters, *mask.shape[2:])


@mistake(
    "dense_shape_after",
    "the window cut as well",
    "It also takes out rows and columns of the window that are zero in every kernel.",
    "Does a 3×3 convolution without its last row see the same pixels?",
)
def window_cut(mask):
    height, width = int(mask.any(axis=(0, 1, 3)).sum()), int(mask.any(axis=(0, 1, 2)).sum())
    if not mask.any():
        height, width = mask.shape[2:]
    return (*_alive(mask), height, width)


@mistake(
    "dense_shape_after",
    "a zero kills its filter",
    "It cuts every filter and channel that has a zero in it, living weights with it.",
    "Which is it that makes a filter dead: one zero, or nothing but zeros?",
)
def any_zero(mask):
    filters = int(mask.all(axis=(1, 2, 3)).sum())
    return (filters, int(mask.all(axis=(0, 2, 3)).sum()), *mask.shape[2:])


@mistake(
    "dense_shape_after",
    "only the dead are counted",
    "It returns how many filters and channels go, not how many stay.",
    "Which shape should a mask of only True get?",
)
def dead_counted(mask):
    filters, channels = _alive(mask)
    return (mask.shape[0] - filters, mask.shape[1] - channels, *mask.shape[2:])


@mistake(
    "dense_shape_after",
    "the window lost with the last weight",
    "It returns (0, 0, 0, 0) when nothing is left.",
    "What does the text say of the window?",
)
def all_zero_shape(mask):
    return (*_alive(mask), *mask.shape[2:]) if mask.any() else (0, 0, 0, 0)


@mistake(
    "dense_shape_after",
    "channels kept with the last weight",
    "It cuts the filters but returns the old number of channels when nothing is left.",
    "How many channels still hold something when everything is zero?",
)
def channels_stay(mask):
    return (*_alive(mask), *mask.shape[2:]) if mask.any() else (0, *mask.shape[1:])


@mistake(
    "dense_shape_after",
    "one of each always left",
    "It keeps one filter and one channel when nothing is left.",
    "What does the text say of a mask of only False?",
)
def at_least_one(mask):
    filters, channels = _alive(mask)
    return (max(1, filters), max(1, channels), *mask.shape[2:])
