"""Wanda: what must hold, for each part."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.grading import expect, expect_close, expect_mask, part
from tests.strategies.tokens import (
    dtypes,
    expect_tensor,
    laid_out,
    layouts,
    normal,
    seeds,
    stacked,
    token_batches,
)
from tests.strategies.vectors import sparsities

widths, up_to_8 = st.integers(1, 6), st.integers(1, 8)


def norms_of(batches):
    """The oracle: token by token, in Python's floats."""
    return [math.sqrt(sum(x * x for x in column)) for column in zip(*stacked(batches))]


def check_norms(submission, batches, why):
    value = submission.feature_norms(batches)
    want = torch.tensor(norms_of(batches), dtype=torch.float64)
    expect_tensor(value, want.shape, batches[0].dtype, batches)
    expect_close(value, want.to(batches[0].dtype), why)


# --- feature_norms -------------------------------------------------------------------------


@st.composite
def some_batches(draw, most=3):
    return draw(token_batches(draw(widths), draw(dtypes), most))


@part("feature_norms")
@given(batches=some_batches())
def test_is_the_root_of_the_sum_of_squares_over_all_tokens(submission, batches):
    check_norms(
        submission,
        batches,
        f"there are {len(stacked(batches))} tokens in all; the norm of a feature is the root of "
        "the sum of its squares over them",
    )


@part("feature_norms")
@given(batches=some_batches(most=1), index=st.integers(0, 3))
def test_does_not_depend_on_how_the_tokens_are_split(submission, batches, index):
    tokens = batches[0].reshape(-1, batches[0].shape[-1])
    cut = min(index, len(tokens) - 1)
    pieces = [tokens[:cut], tokens[None, cut:]] if cut else [tokens[None, None]]
    check_norms(
        submission,
        pieces,
        "the same tokens give the same norms in one batch or in two, with more dimensions or fewer",
    )


@part("feature_norms")
@given(features=widths, seed=seeds, dtype=dtypes)
def test_is_the_magnitude_where_there_is_one_token(submission, features, seed, dtype):
    check_norms(
        submission,
        [normal((1, features), seed, dtype)],
        "the root of one square is the magnitude",
    )


@part("feature_norms")
@given(features=st.integers(2, 6), dtype=dtypes, seed=seeds, dead=st.integers(0, 1))
def test_a_feature_that_is_always_0_has_norm_0(submission, features, dtype, seed, dead):
    batches = [normal((2, features), seed, dtype), normal((2, 2, features), seed + 1, dtype)]
    for batch in batches:
        batch[..., dead] = 0.0
    check_norms(submission, batches, f"feature {dead} is 0 on every token")


# --- wanda_scores --------------------------------------------------------------------------


@st.composite
def layers(draw):
    """A weight, and norms for its inputs: normal ones, or whole numbers, some of them 0."""
    out, columns = draw(st.integers(1, 5)), draw(st.integers(2, 6))
    seed, dtype = draw(seeds), draw(dtypes)
    weight = normal((out, columns), seed, torch.float64)
    norms = (2 * normal((columns,), seed + 1)).exp()
    if draw(st.booleans()):
        weight, norms = (2 * weight).round() / 2, norms.floor()
    layout = draw(layouts)
    return laid_out(weight.to(dtype), layout), norms.to(dtype)


@part("wanda_scores")
@given(layer=layers())
def test_is_the_magnitude_times_the_norm_of_the_input(submission, layer):
    weight, norms = layer
    value = submission.wanda_scores(weight, norms)
    expect_tensor(value, weight.shape, weight.dtype, layer)
    want = [
        [abs(w) * norm for w, norm in zip(row, norms.double().tolist())]
        for row in weight.double().tolist()
    ]
    want = torch.tensor(want, dtype=torch.float64).to(weight.dtype)
    expect_close(value, want, "the score of weight ij is |weight_ij| · norms_j")


@part("wanda_scores")
@pytest.mark.parametrize("weights", [[[-3.0]], [[2.0], [-0.5]], [[0.0]]])
def test_works_with_a_single_input(submission, weights):
    weight, norms = torch.tensor(weights), torch.tensor([1.5])
    value = submission.wanda_scores(weight, norms)
    expect_tensor(value, weight.shape, weight.dtype, (weight, norms))
    expect_close(value, weight.abs() * 1.5, "the score of weight ij is |weight_ij| · norms_j")


@part("wanda_scores")
@given(layer=layers(), seed=seeds, tokens=st.integers(1, 5))
def test_is_how_far_the_output_moves_when_that_weight_alone_goes(submission, layer, seed, tokens):
    weight = layer[0]
    x = normal((tokens, weight.shape[1]), seed)
    moved = torch.empty(weight.shape, dtype=torch.float64)
    for i in range(weight.shape[0]):
        for j in range(weight.shape[1]):
            without = weight.double().clone()
            without[i, j] = 0.0
            moved[i, j] = (x @ without.T - x @ weight.double().T).norm()
    norms = torch.tensor(norms_of([x]), dtype=torch.float64).to(weight.dtype)
    value = submission.wanda_scores(weight, norms)
    expect_tensor(value, weight.shape, weight.dtype, (weight, norms))
    expect_close(
        value,
        moved.to(weight.dtype),
        "the norms are those of some tokens x; for each weight, x @ weight.T was computed with "
        "and without it, and the score is the norm of the difference",
        rtol=1e-4 if weight.dtype == torch.float32 else 1e-8,
    )


# --- what is drawn for the masks -----------------------------------------------------------


@st.composite
def rankable(draw, ins=up_to_8):
    """A weight and norms whose scores are clearly apart within a row, or exactly equal."""
    out, columns = draw(st.integers(1, 4)), draw(ins)
    seed, dtype = draw(seeds), draw(dtypes)
    style = draw(st.sampled_from(("apart", "apart", "apart", "ties", "dead", "zeros")))
    generator = torch.Generator().manual_seed(seed)
    signs = torch.randint(0, 2, (out, columns), generator=generator) * 2.0 - 1.0
    if style == "ties":  # powers of two: equal scores are equal in any order of operations
        pick = torch.randint(0, 4, (out, columns), generator=generator)
        weight = signs * torch.tensor([0.0, 0.5, 1.0, 2.0])[pick]
        norms = torch.tensor([0.5, 1.0, 4.0])[torch.randint(0, 3, (columns,), generator=generator)]
        return weight.to(dtype), norms.to(dtype)
    ranks = torch.rand((out, columns), generator=generator).argsort(dim=1) + 1.0
    norms = (1.5 * torch.randn(columns, generator=generator, dtype=torch.float64)).exp()
    rows = torch.tensor([1.0, 30.0, 0.1])[torch.randint(0, 3, (out, 1), generator=generator)]
    weight = signs * ranks * rows / norms
    if style == "dead":  # one feature that no token has
        norms[draw(st.integers(0, columns - 1))] = 0.0
    if style == "zeros":
        weight[draw(st.integers(0, out - 1))] = 0.0
    return laid_out(weight.to(dtype), draw(layouts)), norms.to(dtype)


def check_group(kept, scores, count, where, counted):
    """A group of scores loses the rest; `count` stay, and none that stays is below one that goes.

    Scores that are the same up to rounding are ties: they are exactly equal or a tenth apart.
    """
    have = sum(kept)
    expect(
        have == count,
        f"{count} of {len(scores)} kept {where}",
        counted,
        f"{have} kept there: {kept}",
    )
    lowest = min((s for s, k in zip(scores, kept) if k), default=math.inf)
    highest = max((s for s, k in zip(scores, kept) if not k), default=-math.inf)
    shown = "[" + ", ".join(f"{s:.4g}" for s in scores) + "]"
    expect(
        highest <= lowest * (1 + 1e-3),
        f"the lowest scores {where} to go",
        f"the scores there, |weight| · norm, are {shown}: {highest:.4g} goes and {lowest:.4g} "
        "stays",
        f"kept there: {kept}",
    )


def exact_scores(weight, norms):
    return (weight.double().abs() * norms.double()).tolist()


# --- wanda_mask ----------------------------------------------------------------------------


def check_rows(submission, weight, norms, sparsity):
    mask = expect_mask(submission.wanda_mask(weight, norms, sparsity), weight.shape).tolist()
    columns = weight.shape[1]
    removed = round(float(sparsity) * columns)
    for i, scores in enumerate(exact_scores(weight, norms)):
        check_group(
            mask[i],
            scores,
            columns - removed,
            f"in row {i}",
            f"every row loses round({sparsity} · {columns}) = {removed}",
        )


@part("wanda_mask")
@given(layer=rankable(), sparsity=sparsities())
def test_each_row_loses_its_own_lowest_scores(submission, layer, sparsity):
    check_rows(submission, *layer, sparsity)


@part("wanda_mask")
@given(layer=rankable(ins=st.sampled_from((3, 7, 5, 2, 4, 8))), outlier=st.integers(0, 7))
def test_a_small_weight_on_a_large_feature_stays(submission, layer, outlier):
    weight, norms = (tensor.clone() for tensor in layer)
    outlier %= len(norms)
    weight[:, outlier] = weight.abs().amin(dim=1).clamp(min=2.0**-6) / 8
    norms[outlier] = 0.0
    norms[outlier] = 64 * (weight.abs() * norms).max().clamp(min=1.0) / weight[:, outlier].min()
    check_rows(submission, weight, norms, 0.5)


@part("wanda_mask")
@pytest.mark.parametrize("sparsity", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("value", [1.0, 0.0])
def test_removes_exactly_as_many_where_all_scores_are_equal(submission, value, sparsity):
    check_rows(submission, torch.full((2, 6), value), torch.ones(6), sparsity)


@part("wanda_mask")
@given(columns=st.integers(1, 8), rows=st.integers(1, 3), seed=seeds)
def test_keeps_all_at_sparsity_0_and_none_at_1(submission, columns, rows, seed):
    weight, norms = normal((rows, columns), seed), normal((columns,), seed + 1).abs()
    for sparsity in (0.0, 1.0):
        check_rows(submission, weight, norms, sparsity)


# --- wanda_nm_mask -------------------------------------------------------------------------


def check_runs(submission, weight, norms, n, m):
    mask = expect_mask(submission.wanda_nm_mask(weight, norms, n, m), weight.shape).tolist()
    for i, scores in enumerate(exact_scores(weight, norms)):
        for start in range(0, len(scores), m):
            check_group(
                mask[i][start : start + m],
                scores[start : start + m],
                n,
                f"in row {i}, inputs {start} to {start + m - 1}",
                f"at {n}:{m} every run of {m} inputs keeps {n}",
            )


@st.composite
def patterns(draw):
    m = draw(st.sampled_from((4, 2, 3, 1, 8)))
    n = draw(st.integers(1, m))
    columns = m * draw(st.integers(1, max(1, 12 // m)))
    return (*draw(rankable(ins=st.just(columns))), n, m)


@part("wanda_nm_mask")
@given(case=patterns())
def test_each_run_keeps_its_own_highest_scores(submission, case):
    check_runs(submission, *case)


@part("wanda_nm_mask")
@given(layer=rankable(ins=st.sampled_from((4, 8, 12))), n=st.sampled_from((1, 3, 2)))
def test_n_counts_what_stays_of_four_neighbours(submission, layer, n):
    check_runs(submission, *layer, n, 4)


@part("wanda_nm_mask")
@pytest.mark.parametrize(("n", "m"), [(1, 2), (2, 4), (1, 4), (3, 4), (4, 8)])
@pytest.mark.parametrize("value", [1.0, 0.0])
def test_keeps_exactly_n_where_all_scores_are_equal(submission, value, n, m):
    check_runs(submission, torch.full((2, 8), value), torch.ones(8), n, m)


@part("wanda_nm_mask")
@given(layer=rankable(ins=st.sampled_from((4, 6, 8))), whole=st.booleans())
def test_keeps_all_where_n_is_m(submission, layer, whole):
    m = layer[0].shape[1] if whole else 2
    check_runs(submission, *layer, m, m)
