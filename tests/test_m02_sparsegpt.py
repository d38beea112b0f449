"""SparseGPT: what must hold, for each part."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.grading import expect, expect_close, expect_mask, expect_number, part, show
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

inputs, several = st.integers(1, 7), st.integers(2, 7)


def slack(dtype):
    """How far an honest order of operations may be off, as a share of the largest value."""
    return 2e-3 if dtype == torch.float32 else 1e-8


# --- what is drawn -------------------------------------------------------------------------


def hessian_of(features, seed, dtype=torch.float64, style="correlated"):
    """A well-conditioned Hessian of correlated features of different sizes, or a diagonal one."""
    sizes = 0.5 + normal((features,), seed + 5).abs()
    if style == "diagonal":
        return torch.diag(sizes**2).to(dtype)
    mixed = normal((3 * features + 2, 1), seed + 6) + 0.7 * normal(
        (3 * features + 2, features), seed
    )
    signs = normal((features,), seed + 8).sign()
    tokens = mixed * sizes * signs
    hessian = 2 / len(tokens) * tokens.T @ tokens
    return (hessian + 0.05 * hessian.diagonal().mean() * torch.eye(features)).to(dtype)


@st.composite
def layers(draw, ins=several):
    """A weight (perhaps in another layout) and a Hessian of its inputs."""
    out, features = draw(st.integers(1, 4)), draw(ins)
    seed, dtype = draw(seeds), draw(dtypes)
    style = draw(st.sampled_from(("correlated", "correlated", "correlated", "diagonal")))
    weight = laid_out(normal((out, features), seed + 1, dtype), draw(layouts))
    return weight, hessian_of(features, seed, dtype, style)


# --- layer_hessian -------------------------------------------------------------------------


def check_hessian(submission, batches, why, *damping):
    value = submission.layer_hessian(batches, *damping)
    rows, dtype = stacked(batches), batches[0].dtype
    size = len(rows[0])
    want = [
        [2 / len(rows) * sum(x[i] * x[j] for x in rows) for j in range(size)] for i in range(size)
    ]
    extra = (damping or (0.01,))[0] * sum(want[i][i] for i in range(size)) / size
    for i in range(size):
        want[i][i] += extra
    want = torch.tensor(want, dtype=torch.float64).to(dtype)
    expect_tensor(value, want.shape, dtype, batches)
    expect_close(value, want, f"{why}; there are {len(rows)} tokens in all")


@st.composite
def some_batches(draw, most=3):
    return draw(token_batches(draw(inputs), draw(dtypes), most))


@part("layer_hessian")
@given(batches=some_batches(), damping=st.sampled_from((0.0, 0.01, 0.1, 1.0)))
def test_is_the_mean_over_all_tokens_and_the_damping(submission, batches, damping):
    check_hessian(
        submission,
        batches,
        "(2/N) · Σ x xᵀ over all tokens, and on the diagonal damping · (the mean of its diagonal)",
        damping,
    )


@part("layer_hessian")
@given(batches=some_batches(most=1), index=st.integers(0, 3))
def test_does_not_depend_on_how_the_tokens_are_split(submission, batches, index):
    tokens = batches[0].reshape(-1, batches[0].shape[-1])
    cut = min(index, len(tokens) - 1)
    pieces = [tokens[:cut], tokens[None, cut:]] if cut else [tokens[None, None]]
    check_hessian(
        submission,
        pieces,
        "the same tokens give the same Hessian in one batch or in two, of whatever dimensions",
        0.1,
    )


@part("layer_hessian")
@given(batches=some_batches(most=2))
def test_the_damping_is_a_hundredth_where_none_is_given(submission, batches):
    check_hessian(submission, batches, "damping is 0.01 of the mean diagonal by default")


@part("layer_hessian")
@given(features=st.integers(2, 5), seed=seeds, dtype=dtypes, damping=st.sampled_from((0.5, 0.01)))
def test_a_feature_that_is_always_0_is_damped_like_the_others(
    submission, features, seed, dtype, damping
):
    batch = normal((4, features), seed, dtype)
    batch[:, seed % features] = 0.0
    check_hessian(
        submission,
        [batch],
        "the damping is the same number on every diagonal entry",
        damping,
    )


# --- output_error --------------------------------------------------------------------------


@part("output_error")
@given(layer=layers(), seed=seeds, moved=st.sampled_from(("all", "some", "one row", "nothing")))
def test_is_half_the_quadratic_form_summed_over_the_rows(submission, layer, seed, moved):
    weight, hessian = layer
    change = normal(weight.shape, seed + 3, weight.dtype)
    if moved == "some":
        change = change * (normal(weight.shape, seed + 4) > 0)
    elif moved == "one row":
        change[1:] = 0.0
    elif moved == "nothing":
        change = change * 0.0
    pruned = weight + change
    delta = (pruned.double() - weight.double()).tolist()
    h = hessian.double().tolist()
    want = size = 0.0
    for row in delta:
        for i in range(len(row)):
            for j in range(len(row)):
                want += 0.5 * row[i] * h[i][j] * row[j]
                size += 0.5 * abs(row[i] * h[i][j] * row[j])
    rtol = 1e-4 if weight.dtype == torch.float32 else 1e-9
    why = "½ Σ over rows of δᵀ H δ, with δ = pruned row − row"
    expect_number(submission.output_error(weight, pruned, hessian), want, why, rtol, rtol * size)


@part("output_error")
@given(layer=layers(ins=st.integers(1, 5)), seed=seeds)
def test_is_the_mean_over_tokens_of_the_squared_change_of_the_output(submission, layer, seed):
    weight, _ = layer
    x = normal((3 * weight.shape[1] + 2, weight.shape[1]), seed)
    pruned = weight * (normal(weight.shape, seed + 4) > 0)
    moved = x @ (pruned.double() - weight.double()).T
    want = float((moved**2).sum()) / len(x)
    hessian = (2 / len(x) * x.T @ x).to(weight.dtype)
    rtol = 1e-3 if weight.dtype == torch.float32 else 1e-9
    expect_number(
        submission.output_error(weight, pruned, hessian),
        want,
        f"hessian is (2/N) · Σ x xᵀ of {len(x)} tokens; the outputs of both weights were compared",
        rtol,
        rtol * float((weight.double() ** 2).sum()),
    )


# --- best_weights --------------------------------------------------------------------------


def least_squares(weight, mask, hessian):
    """The oracle: a least-squares solver on a square root of the Hessian, row by row."""
    root = np.linalg.cholesky(hessian).T  # δᵀ H δ = ‖root δ‖²
    best = np.zeros_like(weight)
    for i, row in enumerate(weight):
        kept = np.flatnonzero(mask[i])
        if len(kept):
            best[i, kept] = np.linalg.lstsq(root[:, kept], root @ row, rcond=None)[0]
    return best


def check_best(submission, weight, mask, hessian):
    value = submission.best_weights(weight, mask, hessian)
    expect_tensor(value, weight.shape, weight.dtype, () if mask.all() else (weight, hessian))
    expect_zero_off(value, mask)
    arrays = weight.double().numpy(), mask.numpy(), hessian.double().numpy()
    expect_near(
        value,
        least_squares(*arrays),
        weight,
        "of all weights that are 0 off the mask these have the least output error, by a "
        "least-squares solver for each row",
    )


def expect_near(value, want, weight, why):
    """Close, as a share of the largest value that there is or was."""
    want = torch.from_numpy(want).to(weight.dtype)
    largest, before = float(want.abs().max()), float(weight.abs().max())
    rtol = slack(weight.dtype) * max(1.0, before / largest if largest else 1.0)
    expect_close(value, want, why, what="the weight", rtol=rtol)


def expect_zero_off(value, mask):
    left = value[~mask]
    expect(
        bool((left == 0).all()),
        "exactly 0 wherever the mask is False",
        "what is removed is gone",
        f"{show(left)} at those places",
    )


@st.composite
def masked(draw, kinds=("some", "some", "some", "a row of each")):
    weight, hessian = draw(layers())
    kind = draw(st.sampled_from(kinds))
    mask = normal(weight.shape, draw(seeds) + 9) > draw(st.sampled_from((0.0, 0.5, -0.5)))
    if kind == "a row of each":
        mask[0] = False
        mask[-1] = True
    return weight, laid_out(mask, draw(layouts)), hessian


@part("best_weights")
@given(case=masked())
def test_has_the_least_error_of_all_with_these_zeros(submission, case):
    check_best(submission, *case)


@part("best_weights")
@given(layer=layers(ins=inputs), value=st.booleans())
def test_changes_nothing_where_all_is_kept_and_leaves_nothing_where_none_is(
    submission, layer, value
):
    weight, hessian = layer
    check_best(submission, weight, torch.full(weight.shape, value), hessian)


@part("best_weights")
@given(layer=layers(ins=st.integers(2, 6)), last=st.booleans())
def test_one_removed_weight_is_made_up_for_by_all_others(submission, layer, last):
    weight, hessian = layer
    mask = torch.ones(weight.shape, dtype=torch.bool)
    mask[:, -1 if last else 0] = False
    check_best(submission, weight, mask, hessian)


@part("best_weights")
@given(features=st.integers(2, 6), seed=seeds, dtype=dtypes)
def test_each_row_has_a_mask_of_its_own(submission, features, seed, dtype):
    weight = normal((3, features), seed + 1, dtype)
    mask = torch.ones(weight.shape, dtype=torch.bool)
    mask[1, 0] = mask[2, 1:] = False
    check_best(submission, weight, mask, hessian_of(features, seed, dtype))


# --- sparsegpt -----------------------------------------------------------------------------


def trailing(hessian):
    """The inverse of H[j:, j:], for every j."""
    return [np.linalg.inv(hessian[j:, j:]) for j in range(len(hessian))]


def check_pass(submission, weight, hessian, sparsity, *block):
    result = submission.sparsegpt(weight, hessian, sparsity, *block)
    expect(
        isinstance(result, (tuple, list)) and len(result) == 2,
        "a pair (weight, mask)",
        "sparsegpt returns both",
    )
    value, mask = result
    expect_tensor(value, weight.shape, weight.dtype, (weight, hessian))
    mask = torch.as_tensor(expect_mask(mask, weight.shape)).detach()
    expect_zero_off(value, mask)
    follow(value, mask, weight, hessian, sparsity, (block or (128,))[0])


def follow(value, mask, weight, hessian, sparsity, block):
    """Go through the columns with the mask that came back: were its choices right, and the rest?

    The choices are judged with the weights as they are then; the oracle inverts what is left of
    the Hessian at every column.
    """
    near = slack(weight.dtype)
    kept, current = mask.numpy(), weight.double().numpy().copy()
    inverses = trailing(hessian.double().numpy())
    columns = current.shape[1]
    for start in range(0, columns, block):
        stop = min(start + block, columns)
        where = f"in columns {start} to {stop - 1}"
        here = kept[:, start:stop]
        count = round(float(sparsity) * here.size)
        expect(
            (~here).sum() == count,
            f"{count} entries to go {where}",
            f"a block loses round(sparsity · entries) = round({sparsity} · {here.size})",
            f"{(~here).sum()} go there",
        )
        d = np.array([inverses[j][0, 0] for j in range(start, stop)])
        roots = np.abs(current[:, start:stop]) / np.sqrt(d)
        if 0 < count < here.size:
            far = roots[~here].max() - roots[here].min() > near * roots.max()
            table = np.array2string(roots**2, precision=3, suppress_small=True)
            expect(
                not far,
                f"the {count} of lowest score to go {where}",
                f"as the block begins, w² / d_j is {table}",
                f"the mask there: {here.tolist()}",
            )
        for j in range(start, stop):
            lost = np.where(kept[:, j], 0.0, current[:, j])
            first = inverses[j][0]
            current[:, j:] -= np.outer(lost, first / first[0])
    expect_near(
        value,
        current * kept,
        weight,
        "with this mask, what goes is made up for by the columns to its right, column by column",
    )


@part("sparsegpt")
@given(layer=layers(), sparsity=sparsities(), block=st.sampled_from((2, 3, 4, 1, 128, 7)))
def test_chooses_block_by_block_and_makes_up_to_the_right(submission, layer, sparsity, block):
    check_pass(submission, *layer, sparsity, block)


@part("sparsegpt")
@settings(max_examples=60)
@given(
    layer=layers(ins=st.integers(4, 8)),
    sparsity=st.sampled_from((0.5, 0.25, 0.6)),
    block=st.integers(2, 4),
)
def test_a_later_block_is_scored_as_the_earlier_ones_left_it(submission, layer, sparsity, block):
    check_pass(submission, *layer, sparsity, block)


@part("sparsegpt")
@given(features=st.integers(2, 6), seed=seeds, dtype=dtypes, block=st.sampled_from((2, 128, 1)))
def test_changes_no_kept_weight_where_features_are_uncorrelated(
    submission, features, seed, dtype, block
):
    hessian = hessian_of(features, seed, dtype, "diagonal")
    check_pass(submission, normal((3, features), seed + 1, dtype), hessian, 0.5, block)


@part("sparsegpt")
@given(
    layer=layers(ins=inputs), sparsity=st.sampled_from((0.0, 1.0)), block=st.sampled_from((2, 128))
)
def test_changes_nothing_at_sparsity_0_and_leaves_nothing_at_1(submission, layer, sparsity, block):
    check_pass(submission, *layer, sparsity, block)


@part("sparsegpt")
@pytest.mark.parametrize("sparsity", [0.5, 0.3])
def test_a_block_is_128_columns_where_none_is_given(submission, sparsity):
    hessian = hessian_of(130, 3)
    check_pass(submission, normal((2, 130), 4), hessian, sparsity)


@part("sparsegpt")
@pytest.mark.parametrize("block", [1, 2, 4])
@pytest.mark.parametrize("sparsity", [0.5, 0.25])
def test_removes_exactly_as_many_where_all_weights_are_0(submission, sparsity, block):
    check_pass(submission, torch.zeros(2, 4), hessian_of(4, 1, torch.float32), sparsity, block)
