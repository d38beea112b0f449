"""Depth: what must hold, for each part."""

import math

import numpy as np
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from tests.grading import expect, part, show
from tests.grading.show import remember_recipe
from tests.strategies.blocks import Residual, Stack, decimals
from tests.strategies.tokens import dtypes, expect_tensor, laid_out, layouts, seeds

# The first of them are what an example shrinks to: there axes can be told apart.
counts = st.sampled_from((2, 3, 1))
widths = st.sampled_from((3, 2, 4))
lengths = st.sampled_from((3, 4, 2, 5, 1))


# --- the oracle: token by token, in Python's floats ---------------------------------------------


def cosine(a, b):
    dot = math.fsum(x * y for x, y in zip(a, b))
    return dot / math.sqrt(math.fsum(x * x for x in a) * math.fsum(y * y for y in b))


def tokens_of(state):
    return state.double().reshape(-1, state.shape[-1]).tolist()


def influence_of(before, behind):
    pairs = list(zip(tokens_of(before), tokens_of(behind)))
    return 1 - sum(cosine(a, b) for a, b in pairs) / len(pairs)


def distances_of(states, n):
    found = []
    for before, behind in zip(states, states[n:]):
        pairs = list(zip(before[:, -1].double().tolist(), behind[:, -1].double().tolist()))
        angles = [math.acos(min(1.0, max(-1.0, cosine(a, b)))) / math.pi for a, b in pairs]
        found.append(sum(angles) / len(angles))
    return found


def expect_near(value, want, dtype, why, atol):
    """Fail unless all numbers are that near, whatever their size."""
    expect_tensor(value, (len(want),), dtype)
    shown = "[" + ", ".join(f"{number:.4g}" for number in want) + "]"
    for place, (got, number) in enumerate(zip(value.double().tolist(), want)):
        expect(
            abs(got - number) <= atol,
            f"the result at [{place}] to be {number:.4g}; in full {shown}",
            why,
            f"{got:.4g}; in full {show(value)}",
        )


# --- hidden states -----------------------------------------------------------------------------


def without_zeros(state):
    """No vector of a state is zero."""
    state[(state == 0).all(dim=-1)] = 1.0
    return state


def noise(shape, seed):
    return without_zeros(decimals(shape, seed))


@st.composite
def streams(draw, styles=("free", "walk", "walk", "scaled"), width=widths):
    """L + 1 states: unrelated, a residual stream, or one and its multiples."""
    style, length = draw(st.sampled_from(styles)), draw(lengths)
    shape = draw(counts), draw(counts), draw(width)
    seed, dtype, layout = draw(seeds), draw(dtypes), draw(layouts)
    states = [noise(shape, seed)]
    for i in range(length):
        last = states[-1]
        if style == "free":
            states.append(noise(shape, seed + 1 + i))
        elif style == "walk":
            states.append(without_zeros((last + noise(shape, seed + 1 + i) / 2).round(decimals=2)))
        else:
            states.append(last * draw(st.sampled_from((0.7, 1.3, 2.9, 1.0))))
    return [laid_out(state.to(dtype), layout) for state in states]


# --- block_influence ---------------------------------------------------------------------------


def check_influence(submission, states, why):
    value = submission.block_influence(states)
    want = [influence_of(a, b) for a, b in zip(states, states[1:])]
    expect_near(value, want, states[0].dtype, why, atol=2e-5)


@part("block_influence")
@given(states=streams())
def test_is_one_minus_the_mean_cosine_of_input_and_output(submission, states):
    batch, tokens, _ = states[0].shape
    check_influence(
        submission,
        states,
        f"there are {len(states) - 1} blocks and {batch * tokens} tokens; for each block, the "
        "cosine of what goes in and what comes out, averaged over the tokens",
    )


@part("block_influence")
@given(states=streams(), factors=st.lists(st.sampled_from((0.1, 3.0, 7.0)), min_size=6, max_size=6))
@settings(max_examples=20)
def test_does_not_change_with_the_length_of_the_vectors(submission, states, factors):
    scaled = [state * factor for state, factor in zip(states, factors)]
    check_influence(submission, scaled, "a cosine does not depend on the length of its vectors")


@part("block_influence")
@given(states=streams(styles=("walk",)))
@settings(max_examples=15)
def test_is_more_than_1_where_a_block_turns_the_stream_round(submission, states):
    signs = [(-1.0) ** i for i in range(len(states))]
    turned = [state * sign for state, sign in zip(states, signs)]
    check_influence(submission, turned, "the cosine of opposite vectors is −1, so this can reach 2")


# --- angular_distances -------------------------------------------------------------------------


def check_distances(submission, states, n, why):
    value = submission.angular_distances(states, n)
    expect_near(value, distances_of(states, n), states[0].dtype, why, atol=1e-3)


@st.composite
def runs(draw, **more):
    states = draw(streams(**more))
    return states, draw(st.integers(1, len(states) - 1))


@part("angular_distances")
@given(case=runs())
def test_is_the_mean_angle_of_a_run_at_the_last_token(submission, case):
    states, n = case
    check_distances(
        submission,
        states,
        n,
        f"{len(states) - 1} blocks have {len(states) - n} runs of {n}; for each, arccos(cosine) / "
        "π of the last token before and behind it, averaged over the batch",
    )


@part("angular_distances")
@given(states=streams(styles=("free", "walk")), whole=st.booleans())
@settings(max_examples=15)
def test_has_a_start_for_every_run_that_fits(submission, states, whole):
    n = len(states) - 1 if whole else 1
    check_distances(
        submission,
        states,
        n,
        f"of {len(states) - 1} blocks, runs of {n} can start at 0 … {len(states) - 1 - n}",
    )


@part("angular_distances")
@given(seed=seeds, width=widths, length=st.sampled_from((3, 2, 4)), dtype=dtypes)
def test_is_0_where_the_stream_is_only_scaled(submission, seed, width, length, dtype):
    first = noise((12, 1, width), seed).to(dtype)
    factors = decimals((length, 12, 1, 1), seed + 1).abs().to(dtype) + 0.3
    check_distances(
        submission,
        [first, *(first * factor for factor in factors)],
        1,
        "parallel vectors have the angle 0, though rounding may bring their cosine above 1",
    )


@part("angular_distances")
@given(seed=seeds, width=widths, dtype=dtypes)
@settings(max_examples=15)
def test_is_1_where_the_stream_is_turned_round(submission, seed, width, dtype):
    first = noise((12, 2, width), seed).to(dtype)
    check_distances(
        submission, [first, -0.7 * first, 2.1 * first], 1, "opposite vectors have the angle π"
    )


# --- consecutive_blocks ------------------------------------------------------------------------


def check_run(submission, states, n, why):
    value = submission.consecutive_blocks(states, n)
    distances = distances_of(states, n)
    start = distances.index(min(distances))
    want = list(range(start, start + n))
    shown = "[" + ", ".join(f"{d:.3f}" for d in distances) + "]"
    expect(
        listed(value) == want,
        f"the blocks {want}",
        f"{why}; the distances are {shown}",
        show(value),
    )


def listed(value):
    """The indices as a list of ints; None where they are none."""
    try:
        return [int(index) for index in value]
    except Exception:
        return None


def is_clear(distances, margin=5e-3):
    """Whether the least is clearly the least."""
    ranked = sorted(distances)
    return len(ranked) == 1 or ranked[1] - ranked[0] > margin


@st.composite
def returning(draw):
    """States of which one run of n blocks nearly comes back to where it began."""
    length = draw(st.sampled_from((4, 3, 5, 6, 2)))
    n = draw(st.integers(1, length))
    start = draw(st.integers(0, length - n))
    shape = draw(counts), draw(st.sampled_from((2, 3, 1))), draw(st.sampled_from((4, 3)))
    seed, dtype, layout = draw(seeds), draw(dtypes), draw(layouts)
    states = [noise(shape, seed + i) for i in range(length + 1)]
    small = 0.1 * decimals(shape, seed + 50)
    states[start + n][:, -1] = without_zeros(1.5 * states[start] + small)[:, -1]
    return [laid_out(state.to(dtype), layout) for state in states], n


@part("consecutive_blocks")
@given(case=returning())
def test_are_the_run_that_turns_the_stream_least(submission, case):
    states, n = case
    assume(is_clear(distances_of(states, n)))
    check_run(
        submission, states, n, f"of the runs of {n} blocks the one of least angular distance goes"
    )


@part("consecutive_blocks")
@given(
    places=st.lists(st.lists(st.integers(0, 2), min_size=2, max_size=2), min_size=3, max_size=7),
    n=st.integers(1, 3),
    dtype=dtypes,
)
def test_are_the_first_run_of_exact_equals(submission, places, n, dtype):
    n = min(n, len(places) - 1)
    axes = torch.eye(3, dtype=dtype)  # cosines are 0 or 1, and angles 0.5 or 0, without rounding
    states = [axes[torch.tensor(pair)][:, None] for pair in places]
    check_run(submission, states, n, "among exact equals the first start is taken")


# --- drop_blocks -------------------------------------------------------------------------------


def kinds(width, seed):
    """Blocks that differ in kind, mode and values."""
    blocks = nn.ModuleList(
        [
            Residual(decimals((width, width), seed), 0.5),
            nn.Sequential(Residual(decimals((width, width), seed + 1), 1.5), nn.Tanh()),
            nn.LayerNorm(width),
            Residual(decimals((width, width), seed + 2), 0.5),
            nn.Dropout(0.3),
            Residual(decimals((width, width), seed + 3), 0.5),
        ]
    )
    blocks[2].weight.data = 1 + decimals((width,), seed + 4, torch.float32).abs()
    blocks[2].bias.data = decimals((width,), seed + 5, torch.float32)
    blocks.eval()
    return blocks


@st.composite
def stacks(draw):
    """Some of the blocks, and which of them go."""
    all_blocks = kinds(draw(widths), draw(seeds))
    chosen = draw(st.lists(st.integers(0, 5), min_size=1, max_size=6, unique=True))
    blocks = nn.ModuleList([all_blocks[i] for i in chosen]).eval()
    if draw(st.booleans()):
        blocks[0].train()
    inside = ", ".join(" ".join(repr(block).split()) for block in blocks)
    remember_recipe(blocks, f"ModuleList([{inside}])")
    order = draw(st.permutations(range(len(blocks))))
    return blocks, list(order[: draw(st.integers(0, len(blocks)))])


def check_drop(submission, blocks, drop):
    value = submission.drop_blocks(blocks, drop)
    left = [i for i in range(len(blocks)) if i not in drop]
    why = f"of {len(blocks)} blocks the {len(left)} at {left} are left"
    expect(isinstance(value, nn.ModuleList), "an nn.ModuleList", why, show(value))
    expect(len(value) == len(left), f"{len(left)} blocks", why, f"{len(value)} blocks")
    return value, left


@part("drop_blocks")
@given(case=stacks())
def test_the_blocks_that_are_left_stand_in_order(submission, case):
    blocks, drop = case
    value, left = check_drop(submission, blocks, drop)
    for place, (got, index) in enumerate(zip(value, left)):
        want = blocks[index]
        here = f"block {place} of the result to be a copy of block {index}"
        expect(repr(got) == repr(want), here, f"the blocks {left} are left", repr(got))
        mine, theirs = got.state_dict(), want.state_dict()
        same = mine.keys() == theirs.keys() and all(
            mine[key].dtype == theirs[key].dtype and torch.equal(mine[key], theirs[key])
            for key in mine
        )
        expect(same, here, f"the blocks {left} are left", "its parameters differ")


@part("drop_blocks")
@given(case=stacks())
@settings(max_examples=25)
def test_the_blocks_are_copies_with_parameters_of_their_own(submission, case):
    blocks, drop = case
    value, left = check_drop(submission, blocks, drop)
    theirs = {id(module): name for name, module in blocks.named_modules()}
    memory = {p.data_ptr(): name for name, p in blocks.named_parameters()}
    for name, module in value.named_modules():
        expect(
            id(module) not in theirs,
            "deep copies",
            "whoever trains the result must not change the original",
            f"module {name!r} of the result is module {theirs.get(id(module))!r} of the original",
        )
    for name, parameter in value.named_parameters():
        expect(
            parameter.data_ptr() not in memory,
            "deep copies",
            "whoever trains the result must not change the original",
            f"parameter {name!r} of the result is in the memory of the original's "
            f"{memory.get(parameter.data_ptr())!r}",
        )
    for got, index in zip(value, left):
        expect(
            got.training == blocks[index].training,
            f"block {index} in the mode in which it was",
            "a copy is in train or eval mode as the original is",
            f"training = {got.training}",
        )


# --- greedy_depth ------------------------------------------------------------------------------


def matrices(blocks):
    return [(block.weight.double().numpy(), block.strength) for block in blocks]


def run(stack, indices, x):
    for index in indices:
        weight, strength = stack[index]
        x = x + strength * np.tanh(x @ weight.T)
    return x


def greedy(stack, x, n):
    """What goes, in order, and the smallest margin of a choice, relative to the output."""
    left, removed, margin = list(range(len(stack))), [], math.inf
    full = run(stack, left, x)
    size = math.sqrt((full**2).sum())
    for _ in range(n):
        distance = {}
        for index in left:
            rest = [i for i in left if i != index]
            distance[index] = math.sqrt(((run(stack, rest, x) - full) ** 2).sum())
        ranked = sorted(left, key=distance.get)
        if len(ranked) > 1:
            apart = distance[ranked[1]] - distance[ranked[0]]
            margin = min(margin, apart / max(size, distance[ranked[1]]))
        left.remove(ranked[0])
        removed.append(ranked[0])
    return removed, margin


def check_greedy(submission, recipe, n, why):
    for more in range(20):  # the first seed from here on which no choice is a near tie
        blocks = recipe._replace(seed=recipe.seed + more).build()
        x = recipe._replace(seed=recipe.seed + more).inputs()
        want, margin = greedy(matrices(blocks), x.double().numpy(), n)
        if margin > 2e-3:
            break
    assume(margin > 2e-3)
    value = submission.greedy_depth(blocks, x, n)
    expect(listed(value) == want, f"the blocks {want}, in this order", why, show(value))


strengths = st.sampled_from((0.5, 1.0, 0.3, 1.5))
leadings = st.sampled_from(((2, 3), (1, 2), (3,), (2, 1)))


@st.composite
def recipes(draw, least=1):
    drawn = draw(st.lists(strengths, min_size=least, max_size=5))
    return Stack(tuple(drawn), draw(widths), draw(seeds), draw(dtypes), draw(leadings))


@part("greedy_depth")
@given(recipe=recipes(least=2), n=st.integers(1, 3))
def test_each_time_the_output_without_the_block_is_nearest_to_the_original(submission, recipe, n):
    check_greedy(
        submission,
        recipe,
        min(n, len(recipe.strengths)),
        "each time the block goes without which the output of the rest has the least Frobenius "
        "distance to the full stack's",
    )


# Where it matters what is measured: once or anew, against the full or the present stack, by which
# norm, one block at a time or all subsets: these give different results on most of them.
TELLING = [
    Stack((0.3, 0.7, 1.0, 0.7, 0.7), 3, 958),
    Stack((0.7, 1.0, 0.3, 0.7, 1.0, 1.5), 4, 964),
    Stack((0.3, 0.7, 0.7, 0.3, 1.5, 1.5), 3, 811),
    Stack((0.3, 1.0, 1.0, 0.5, 1.0, 1.5), 4, 285),
    Stack((0.7, 1.5, 1.0, 0.5, 1.5, 1.0), 2, 715),
    Stack((1.5, 0.3, 0.5, 1.0, 0.7, 1.0), 4, 322),
    Stack((0.5, 1.0, 0.3, 0.5, 0.7, 0.7), 4, 144),
    Stack((0.7, 1.0, 0.5, 1.5, 0.5, 1.0), 3, 431),
    Stack((1.0, 1.0, 1.5, 1.5), 3, 604),
    Stack((0.7, 0.7, 1.5, 1.0, 1.5), 2, 110),
]


@part("greedy_depth")
@given(recipe=st.sampled_from(TELLING), dtype=dtypes, n=st.sampled_from((3, 2)))
@settings(max_examples=25)
def test_measures_anew_and_against_the_original_stack(submission, recipe, dtype, n):
    check_greedy(
        submission,
        recipe._replace(dtype=dtype),
        n,
        "after every removal all that are left are measured again, and always against the output "
        "of the full stack",
    )


@part("greedy_depth")
@given(recipe=recipes(), idle=st.integers(0, 4))
@settings(max_examples=15)
def test_a_block_that_does_nothing_goes_first(submission, recipe, idle):
    changed = list(recipe.strengths)
    changed[idle % len(changed)] = 0.0
    check_greedy(
        submission,
        recipe._replace(strengths=tuple(changed)),
        1,
        f"block {idle % len(changed)} returns what it gets, so the output is the same without it",
    )


@part("greedy_depth")
@given(recipe=recipes())
@settings(max_examples=15)
def test_removes_none_where_n_is_0_and_all_where_it_is_their_number(submission, recipe):
    check_greedy(submission, recipe, 0, "n = 0 removes nothing")
    count = len(recipe.strengths)
    check_greedy(submission, recipe, count, f"all {count} blocks go, one after the other")
