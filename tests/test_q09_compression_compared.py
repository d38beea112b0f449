"""Compression at the same number of bits: what must hold, for each part."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.grading import (
    Wrong,
    expect,
    expect_number,
    expect_refusal,
    expect_same_dtype,
    expect_shape,
    part,
    show,
)
from tests.grading.expect import Impure
from tests.strategies.vectors import arrays

few = settings(max_examples=20)  # for what any case shows


@st.composite
def matrices(draw, max_side=5):
    """Small float32 matrices: ties and zeros, smooth values, low rank, all zero."""
    shape = draw(st.integers(1, max_side)), draw(st.integers(1, max_side))
    style = draw(st.sampled_from(("grid", "grid", "smooth", "smooth", "low rank", "zero")))
    if style == "grid":
        return draw(arrays(shape, dtypes=("float32",)))
    if style == "zero":
        return np.zeros(shape, np.float32)
    random = np.random.default_rng(draw(st.integers(0, 50)))
    if style == "low rank":
        left, right = random.integers(-3, 4, shape[0]), random.integers(-3, 4, shape[1])
        return (np.outer(left, right) / 4).astype(np.float32)
    return (random.normal(size=shape) * draw(st.sampled_from((1.0, 0.01, 30.0)))).astype(np.float32)


def pair(result, weight, name):
    """The approximation and the bits of a result, with the right shape and dtype."""
    expect(
        isinstance(result, (tuple, list)) and len(result) == 2,
        "a pair (approximation, bits)",
        f"{name} returns both",
    )
    approximation, bits = result
    expect(
        isinstance(approximation, np.ndarray),
        "the approximation to be a numpy array",
        "it has the shape and the dtype of weight",
        show(approximation),
    )
    expect_shape(approximation, weight.shape)
    expect_same_dtype(approximation, weight)
    expect(
        np.isfinite(approximation).all(),
        "finite numbers",
        "every matrix of finite numbers has an approximation",
        show(approximation),
    )
    return approximation, bits


def check_own_memory(function, name, weight, budget):
    approximation, _ = pair(function(weight, budget), weight, name)
    if np.shares_memory(approximation, weight):
        raise Impure(
            "an array of its own, also where nothing is lost",
            "who writes to the approximation must not change the weight",
            "an array in the memory of `weight`",
        )


def check_bits(bits, want, why):
    if isinstance(bits, (bool, np.bool_)):
        raise Wrong(f"{want} bits", why, show(bits))
    expect_number(bits, want, why, rtol=0.0)


# --- prune_to_budget -----------------------------------------------------------------------


@st.composite
def prunable(draw, more=(0, 31, 1, 16)):
    """A matrix and a budget, mostly just at or just below what one more weight costs."""
    weight = draw(matrices())
    count = draw(st.integers(0, weight.size + 2))
    return weight, weight.size + 32 * count + draw(st.sampled_from(more))


def affordable(weight, budget):
    """The oracle: how many weights can be bought one by one."""
    left, count = budget - weight.size, 0
    while left >= 32 and count < weight.size:
        left, count = left - 32, count + 1
    return count


@part("prune_to_budget")
@given(case=prunable())
def test_keeps_the_largest_magnitudes_that_the_budget_pays_for(submission, case):
    weight, budget = case
    kept, _ = pair(submission.prune_to_budget(weight, budget), weight, "prune_to_budget")
    count = affordable(weight, budget)
    changed = (kept != weight) & (kept != 0)
    expect(
        not changed.any(),
        "every entry either as it was or 0",
        "what is kept is stored in full, in 32 bits",
        show(kept),
    )
    largest = sorted(np.abs(weight).ravel().tolist(), reverse=True)
    want = largest[:count] + [0.0] * (weight.size - count)
    got = sorted(np.abs(kept).ravel().tolist(), reverse=True)
    expect(
        got == want,
        f"the magnitudes {[round(v, 6) for v in largest[:count]]} kept, the others 0",
        f"after {weight.size} bits of mask, {budget - weight.size} bits pay for {count} of "
        f"{weight.size} weights at 32 bits, and the largest magnitudes are kept",
        show(kept),
    )


@part("prune_to_budget")
@given(case=prunable())
def test_pays_for_the_mask_and_for_each_weight_kept(submission, case):
    weight, budget = case
    _, bits = pair(submission.prune_to_budget(weight, budget), weight, "prune_to_budget")
    count = affordable(weight, budget)
    check_bits(
        bits,
        weight.size + 32 * count,
        f"{weight.size} bits of mask and {count} weights at 32 bits; one that is 0 is paid for too",
    )


@part("prune_to_budget")
@few
@given(case=prunable())
def test_what_is_pruned_is_a_new_array(submission, case):
    check_own_memory(submission.prune_to_budget, "prune_to_budget", *case)


@part("prune_to_budget")
@given(weight=matrices(), short=st.integers(1, 40))
def test_refuses_a_budget_below_the_mask(submission, weight, short):
    budget = max(weight.size - short, 0)
    why = f"{budget} bits do not pay for a mask of {weight.size}"
    expect_refusal(why, submission.prune_to_budget, weight, budget)


# --- quantize_to_budget --------------------------------------------------------------------


@st.composite
def quantizable(draw, widths=tuple(range(2, 19))):
    """A matrix and a budget that pays for so many bits a weight, exactly or with some to spare."""
    weight = draw(matrices())
    width = draw(st.sampled_from(widths))
    spare = draw(st.sampled_from((0, weight.size - 1, weight.size // 2)))
    return weight, width * weight.size + 32 + spare


def bits_a_value(weight, budget):
    """The oracle: the widest code that can be paid for."""
    return max(b for b in range(2, 17) if b * weight.size + 32 <= budget)


def check_grid(weight, budget, approximation):
    width = bits_a_value(weight, budget)
    steps = 2 ** (width - 1) - 1
    exact = weight.astype(np.float64)
    largest = np.abs(exact).max()
    scale, slack = largest / steps, 1e-6 * largest
    got = approximation.astype(np.float64)
    codes = np.rint(got / scale) if scale else np.zeros_like(got)
    why = f"{width} bits a value: the scale is {largest:g} / {steps}, the codes -{steps} to {steps}"
    expect(
        (np.abs(codes) <= steps).all() and (np.abs(got - codes * scale) <= slack).all(),
        f"multiples of {scale:.6g} up to {largest:g}",
        why,
        show(approximation),
    )
    far = np.abs(got - exact) > scale / 2 + slack
    if far.any():
        place = tuple(int(i) for i in np.argwhere(far)[0])
        raise Wrong(
            f"{exact[place]:.6g} at {list(place)} rounded to the nearest multiple of {scale:.6g}",
            why,
            f"{got[place]:.6g}; in full {show(approximation)}",
        )


@part("quantize_to_budget")
@given(case=quantizable())
def test_rounds_each_weight_to_the_nearest_point_of_the_finest_grid(submission, case):
    weight, budget = case
    result = submission.quantize_to_budget(weight, budget)
    approximation, _ = pair(result, weight, "quantize_to_budget")
    check_grid(weight, budget, approximation)


@part("quantize_to_budget")
@given(case=quantizable(widths=(2, 3, 4, 5)))
def test_rounds_to_the_nearest_on_a_coarse_grid(submission, case):
    weight, budget = case
    result = submission.quantize_to_budget(weight, budget)
    approximation, _ = pair(result, weight, "quantize_to_budget")
    check_grid(weight, budget, approximation)


@part("quantize_to_budget")
@given(case=quantizable())
def test_pays_for_the_codes_and_for_one_scale(submission, case):
    weight, budget = case
    _, bits = pair(submission.quantize_to_budget(weight, budget), weight, "quantize_to_budget")
    width = bits_a_value(weight, budget)
    check_bits(
        bits,
        width * weight.size + 32,
        f"{weight.size} codes of {width} bits and a scale of 32: the most, from 2 to 16 bits a "
        f"value, that {budget} bits pay for",
    )


@part("quantize_to_budget")
@few
@given(rows=st.integers(1, 4), cols=st.integers(1, 4), width=st.integers(2, 16))
def test_gives_back_a_matrix_of_zeros_as_zeros(submission, rows, cols, width):
    weight = np.zeros((rows, cols), np.float32)
    result = submission.quantize_to_budget(weight, width * weight.size + 32)
    approximation, _ = pair(result, weight, "quantize_to_budget")
    expect(not approximation.any(), "zeros", "0 lies on every symmetric grid", show(approximation))


@part("quantize_to_budget")
@few
@given(case=quantizable())
def test_what_is_quantised_is_a_new_array(submission, case):
    check_own_memory(submission.quantize_to_budget, "quantize_to_budget", *case)


@part("quantize_to_budget")
@given(weight=matrices(), short=st.integers(1, 40))
def test_refuses_a_budget_below_2_bits_a_value_and_the_scale(submission, weight, short):
    budget = max(2 * weight.size + 32 - short, 0)
    why = f"{weight.size} codes of 2 bits and the scale are {2 * weight.size + 32} bits"
    expect_refusal(why, submission.quantize_to_budget, weight, budget)


# --- factorize_to_budget -------------------------------------------------------------------


@st.composite
def factorizable(draw):
    """A matrix and a budget, mostly just at or just below what one more rank costs."""
    weight = draw(matrices())
    price = 32 * sum(weight.shape)
    count = draw(st.integers(0, min(weight.shape) + 2))
    return weight, max(0, price * count + draw(st.sampled_from((0, price - 1, -1, 8))))


def payable_rank(weight, budget):
    rows, cols = weight.shape
    return max(r for r in range(min(rows, cols) + 1) if 32 * r * (rows + cols) <= budget)


def least_error(weight, rank):
    """The oracle: Eckart and Young, by the eigenvalues of the Gram matrix."""
    exact = weight.astype(np.float64)
    gram = exact @ exact.T if exact.shape[0] <= exact.shape[1] else exact.T @ exact
    squares = np.sort(np.linalg.eigvalsh(gram))[::-1]
    return math.sqrt(max(0.0, squares[rank:].sum())) if rank < len(squares) else 0.0


@part("factorize_to_budget")
@given(case=factorizable())
def test_is_the_best_approximation_of_that_rank(submission, case):
    weight, budget = case
    result = submission.factorize_to_budget(weight, budget)
    approximation, _ = pair(result, weight, "factorize_to_budget")
    rank = payable_rank(weight, budget)
    exact, got = weight.astype(np.float64), approximation.astype(np.float64)
    norm = np.linalg.norm(exact)
    beyond = np.linalg.svd(got, compute_uv=False)[rank:]
    expect(
        (beyond <= 1e-5 * norm).all(),
        f"a matrix of rank at most {rank}",
        f"{budget} bits pay for rank {rank} of a {weight.shape[0]} by {weight.shape[1]} matrix",
        f"the singular values beyond that are {show(beyond)}",
    )
    error, least = np.linalg.norm(exact - got), least_error(weight, rank)
    expect(
        error <= least + 1e-5 * norm,
        f"an error of {least:.6g}, in the Frobenius norm",
        f"so much the truncated SVD of rank {rank} leaves, the best there is",
        f"an error of {error:.6g}; in full {show(approximation)}",
    )


@part("factorize_to_budget")
@given(case=factorizable())
def test_pays_for_both_factors(submission, case):
    weight, budget = case
    _, bits = pair(submission.factorize_to_budget(weight, budget), weight, "factorize_to_budget")
    rank, (rows, cols) = payable_rank(weight, budget), weight.shape
    check_bits(
        bits,
        32 * rank * (rows + cols),
        f"factors of {rows}×{rank} and {rank}×{cols} numbers, 32 bits each: the highest rank that "
        f"{budget} bits pay for, up to {min(rows, cols)}, whatever the rank of the matrix",
    )


@part("factorize_to_budget")
@few
@given(weight=matrices(), budget=st.sampled_from((0, 1, 63)))
def test_is_zeros_where_the_budget_pays_for_no_rank(submission, weight, budget):
    result = submission.factorize_to_budget(weight, budget)
    approximation, bits = pair(result, weight, "factorize_to_budget")
    expect(not approximation.any(), "zeros", "rank 0 is a matrix of zeros", show(approximation))
    check_bits(bits, 0, "rank 0 stores nothing")


@part("factorize_to_budget")
@few
@given(case=factorizable())
def test_what_is_factorised_is_a_new_array(submission, case):
    check_own_memory(submission.factorize_to_budget, "factorize_to_budget", *case)


@part("factorize_to_budget")
@few
@given(weight=matrices(max_side=3), budget=st.integers(-300, -1))
def test_refuses_a_negative_budget(submission, weight, budget):
    expect_refusal("not even rank 0 is paid for", submission.factorize_to_budget, weight, budget)


# --- compare -------------------------------------------------------------------------------


def errors_of(weight, budget):
    """The oracle: the relative errors, from the values alone."""
    exact = weight.astype(np.float64)
    norm = math.sqrt((exact**2).sum())
    errors = {}
    if budget >= weight.size:
        smallest = np.sort(np.abs(exact).ravel())[: weight.size - affordable(weight, budget)]
        errors["prune"] = math.sqrt((smallest**2).sum())
    if budget >= 2 * weight.size + 32:
        scale = np.abs(exact).max() / (2 ** (bits_a_value(weight, budget) - 1) - 1)
        rest = np.mod(np.abs(exact), scale) if scale else np.zeros_like(exact)
        errors["quantize"] = math.sqrt((np.minimum(rest, scale - rest) ** 2).sum())
    errors["factorize"] = least_error(weight, payable_rank(weight, budget))
    return {name: error / norm if norm else 0.0 for name, error in errors.items()}


def check_compared(submission, weight, budget):
    result = submission.compare(weight, budget)
    want = errors_of(weight, budget)
    expect(isinstance(result, dict), "a dict {method: error}", "compare returns one")
    expect(
        set(result) == set(want),
        f"the keys {', '.join(sorted(want))}",
        f"those are the methods that {budget} bits can pay for with {weight.size} weights",
        f"the keys {', '.join(sorted(map(str, result)))}",
    )
    for name, error in want.items():
        expect_number(
            result[name],
            error,
            f'under "{name}": ‖weight − approximation‖ / ‖weight‖ in the Frobenius norm, '
            "0.0 where the weight is all zero",
            rtol=1e-4,
            atol=1e-5,
        )


@st.composite
def comparable(draw):
    """A matrix and a budget: at the least that a method costs, one bit less, or anywhere."""
    weight = draw(matrices())
    n, price = weight.size, 32 * sum(weight.shape)
    edges = (0, n, n + 32, 2 * n + 32, 3 * n + 32, 8 * n + 32, 16 * n + 32, price, 2 * price)
    budget = draw(st.sampled_from(edges)) - draw(st.sampled_from((0, 0, 1)))
    return weight, max(0, budget + draw(st.sampled_from((0, 0, 0, 40))))


@part("compare")
@given(case=comparable())
def test_gives_the_relative_error_of_each_method_that_can_be_afforded(submission, case):
    check_compared(submission, *case)


@part("compare")
@given(
    seed=st.integers(0, 50),
    scale=st.sampled_from((1.0, 8.0, 0.125)),
    width=st.integers(5, 20),
)
def test_measures_errors_relative_to_the_weight(submission, seed, scale, width):
    random = np.random.default_rng(seed)
    weight = (random.normal(size=(6, 4)) * scale).astype(np.float32)
    check_compared(submission, weight, width * weight.size)


@part("compare")
@few
@given(rows=st.integers(1, 4), cols=st.integers(1, 4), budget=st.integers(0, 300))
def test_is_0_for_a_weight_that_is_all_zero(submission, rows, cols, budget):
    check_compared(submission, np.zeros((rows, cols), np.float32), budget)


@part("compare")
@given(case=comparable(), short=st.sampled_from((0, 1)))
def test_leaves_out_what_is_one_bit_too_dear(submission, case, short):
    weight, _ = case
    check_compared(submission, weight, weight.size - short)
    check_compared(submission, weight, 2 * weight.size + 32 - short)
