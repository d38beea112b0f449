"""Attention heads: what must hold, for each part."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.grading import expect, expect_close, expect_refusal, part, show
from tests.strategies.blocks import decimals, expect_record, on_record
from tests.strategies.tokens import dtypes, expect_tensor, layouts, seeds

# The first of them are what an example shrinks to: there axes and heads can be told apart.
widths = st.sampled_from((3, 2, 5, 1, 4))
counts = st.sampled_from((2, 1, 3))
many = st.sampled_from((3, 2, 1, 4))


# --- the oracle: head by head and query by query, in float64 ------------------------------------


def exact(tensor):
    return tensor.detach().double().numpy()


def output_of(attention, x, silent=()):
    """What the layer computes, with the outputs of the heads `silent` at 0."""
    q, k, v, o = (exact(getattr(attention, name)) for name in "qkvo")
    heads, d = attention.n_heads, len(q) // attention.n_heads
    size = heads // attention.n_kv_heads
    out = np.zeros((*x.shape[:2], len(q)))
    for b, tokens in enumerate(exact(x)):
        for head in sorted(set(range(heads)) - set(silent)):
            kv = head // size
            queries = tokens @ q[head * d : (head + 1) * d].T
            keys, values = (tokens @ w[kv * d : (kv + 1) * d].T for w in (k, v))
            for t, query in enumerate(queries):
                scores = keys[: t + 1] @ query / math.sqrt(d)
                weights = np.exp(scores - scores.max())
                out[b, t, head * d : (head + 1) * d] = weights @ values[: t + 1] / weights.sum()
    return torch.from_numpy(out @ o.T).to(x.dtype)


# --- what is drawn -----------------------------------------------------------------------------


@st.composite
def recipes(draw, kv=counts, sizes=counts):
    """(kv heads, heads a group, d, model, seed, dtype, layout)."""
    shape = draw(kv), draw(sizes), draw(counts), draw(widths)
    return *shape, draw(seeds), draw(dtypes), draw(layouts)


def build(submission, recipe):
    """The layer, of the graded module's own class."""
    kv, size, d, model, seed, dtype, layout = recipe
    return submission.module.Attention(
        q=decimals((kv * size * d, model), seed, dtype, layout),
        k=decimals((kv * d, model), seed + 1000, dtype, layout),
        v=decimals((kv * d, model), seed + 2000, dtype, layout),
        o=decimals((model, kv * size * d), seed + 3000, dtype, layout),
        n_heads=kv * size,
        n_kv_heads=kv,
    )


def inputs(recipe, batch, tokens):
    _, _, _, model, seed, dtype, layout = recipe
    return decimals((batch, tokens, model), seed + 4000, dtype, layout)


# --- attend ------------------------------------------------------------------------------------


def check_attend(submission, recipe, x, why):
    attention = build(submission, recipe)
    value = on_record(submission.attend, "attention", attention, x)
    tensors = tuple(getattr(attention, name) for name in "qkvo")
    expect_tensor(value, x.shape, x.dtype, (x, *tensors))
    expect_close(value, output_of(attention, x), why)


@part("attend")
@given(recipe=recipes(), batch=counts, tokens=st.sampled_from((3, 2, 1, 4)))
def test_is_causal_attention_of_each_head_and_then_o(submission, recipe, batch, tokens):
    kv, size, d, _, _, _, _ = recipe
    check_attend(
        submission,
        recipe,
        inputs(recipe, batch, tokens),
        f"there are {kv * size} heads of d = {d}, {size} to a key-value head; softmax over this "
        "token and those before it, of the scores divided by √d",
    )


@part("attend")
@given(recipe=recipes(kv=st.sampled_from((2, 3)), sizes=st.sampled_from((2, 3))), tokens=counts)
@settings(max_examples=20)
def test_neighbouring_heads_share_a_key_value_head(submission, recipe, tokens):
    kv, size, _, _, _, _, _ = recipe
    readers = [head // size for head in range(kv * size)]
    check_attend(
        submission,
        recipe,
        inputs(recipe, 1, tokens),
        f"the heads read the key-value heads {readers}, in this order",
    )


@part("attend")
@given(recipe=recipes(), tokens=st.sampled_from((2, 3, 4)))
@settings(max_examples=20)
def test_does_not_look_ahead(submission, recipe, tokens):
    x = inputs(recipe, 1, tokens).clone()
    x[:, -1] = 3.0
    check_attend(
        submission, recipe, x, "a token may look at itself and at those before it, and no further"
    )


# --- head_importance ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Linear:
    """A loss whose gradient is the sample itself, whatever the gates."""

    def __call__(self, gates, sample):
        return (gates.double() * sample).sum()

    def gradient(self, sample):
        return sample


@dataclass(frozen=True)
class Square:
    """(Σ gate · sample + offset)² / 2: its slope at 1 is not the one at 0, nor the difference."""

    offset: float

    def __call__(self, gates, sample):
        return ((gates.double() * sample).sum() + self.offset) ** 2 / 2

    def gradient(self, sample):
        return (sample.sum() + self.offset) * sample


@dataclass(frozen=True)
class Powers:
    """Σ sample · gate³, and a product of neighbours: each head by itself, and with another."""

    def __call__(self, gates, sample):
        gates = gates.double()
        return (sample * gates**3).sum() + (sample * gates * gates.roll(1)).sum()

    def gradient(self, sample):
        return 4 * sample + sample.roll(-1)


@st.composite
def losses(draw, count=many):
    heads, seed = draw(st.sampled_from((2, 3, 1, 5))), draw(seeds)
    kind = draw(st.sampled_from((Linear(), Powers(), Square(0.7), Square(-1.3))))
    return kind, heads, [decimals((heads,), seed + i) for i in range(draw(count))]


def check_importance(submission, case, why):
    loss_of, heads, samples = case
    want = [
        sum(abs(float(loss_of.gradient(sample)[head])) for sample in samples) / len(samples)
        for head in range(heads)
    ]
    value = submission.head_importance(loss_of, heads, samples)
    want = torch.tensor(want, dtype=torch.float64)
    expect_close(value, want, why, rtol=1e-5 if want.max() > 0 else None)


@part("head_importance")
@given(case=losses())
def test_is_the_mean_of_the_absolute_gradients_at_gates_of_1(submission, case):
    check_importance(
        submission,
        case,
        f"the mean over {len(case[2])} samples of the absolute gradient by each gate, at 1",
    )


@part("head_importance")
@given(case=losses(count=st.sampled_from((1, 2))), more=st.sampled_from((1, 2)))
@settings(max_examples=20)
def test_counts_a_sample_and_its_opposite_alike(submission, case, more):
    _, heads, samples = case
    samples = samples + [-sample for sample in samples] * more
    check_importance(
        submission,
        (Linear(), heads, samples),
        "the absolute value is taken for each sample, before the mean: opposite slopes do not "
        "cancel",
    )


@dataclass(frozen=True)
class LayerLoss:
    """The mean of the squares of a layer's output, each head's output times its gate."""

    layer: tuple
    heads: int

    def __call__(self, gates, sample):
        outputs = torch.stack([sample @ weight.T for weight in self.layer])
        return (outputs.tanh() * gates.double()[:, None, None]).sum(dim=0).square().mean()


@part("head_importance")
@given(heads=st.sampled_from((2, 3)), width=st.sampled_from((2, 3)), seed=seeds, count=counts)
@settings(max_examples=15)
def test_is_the_slope_of_the_loss_by_small_steps(submission, heads, width, seed, count):
    layer = tuple(decimals((width, width), seed + i) for i in range(heads))
    loss_of = LayerLoss(layer, heads)
    samples = [decimals((4, width), seed + 100 * i) for i in range(1, count + 1)]
    step, want = 1e-6, torch.zeros(heads, dtype=torch.float64)
    for sample in samples:
        for head in range(heads):
            move = torch.zeros(heads, dtype=torch.float64)
            move[head] = step
            above, below = loss_of(1 + move, sample), loss_of(1 - move, sample)
            want[head] += abs(float(above - below)) / (2 * step) / count
    value = submission.head_importance(loss_of, heads, samples)
    expect_close(
        value,
        want,
        f"each gate was moved by ±{step}, and the loss of each of the {count} samples measured",
        rtol=1e-4,
    )


# --- remove_heads ------------------------------------------------------------------------------


@st.composite
def removals(draw, kv=counts, sizes=counts):
    """A recipe, and heads to drop: groups go whole, or have equally many left."""
    recipe = draw(recipes(kv=kv, sizes=sizes))
    kv, size = recipe[:2]
    stays = draw(st.lists(st.booleans(), min_size=kv, max_size=kv))
    stays[draw(st.integers(0, kv - 1))] = True
    left = draw(st.integers(1, size))
    drop = []
    for group, stay in enumerate(stays):
        order = draw(st.permutations(range(size)))
        drop += [group * size + i for i in order[: size - left if stay else size]]
    return recipe, (drop if draw(st.booleans()) else drop[::-1])


def what_is_left(attention, drop):
    size = attention.n_heads // attention.n_kv_heads
    heads = [head for head in range(attention.n_heads) if head not in drop]
    return heads, sorted({head // size for head in heads})


def expect_attention(value, attention, heads, kv):
    """An Attention of so many heads and kv heads."""
    d, model = len(attention.q) // attention.n_heads, attention.q.shape[1]
    shapes = {
        "q": (heads * d, model),
        "k": (kv * d, model),
        "v": (kv * d, model),
        "o": (model, heads * d),
    }
    expect_record(value, attention, shapes)
    for name, want in (("n_heads", heads), ("n_kv_heads", kv)):
        got = getattr(value, name, None)
        expect(got == want, f"`{name}` = {want}", "that is how many are left", show(got))


def blocks(weight, d, chosen, axis=0):
    rows = [row for block in chosen for row in range(block * d, (block + 1) * d)]
    return torch.from_numpy(np.take(exact(weight), rows, axis=axis)).to(weight.dtype)


def check_removal(submission, recipe, drop):
    attention = build(submission, recipe)
    value = on_record(submission.remove_heads, "attention", attention, drop)
    heads, kv = what_is_left(attention, drop)
    expect_attention(value, attention, len(heads), len(kv))
    return attention, value, heads, kv


@part("remove_heads")
@given(case=removals(), batch=counts, tokens=st.sampled_from((2, 3, 1)))
def test_computes_what_the_original_does_with_these_heads_silent(submission, case, batch, tokens):
    recipe, drop = case
    attention, value, _, _ = check_removal(submission, recipe, drop)
    x = inputs(recipe, batch, tokens)
    expect_close(
        output_of(value, x),
        output_of(attention, x, silent=drop),
        f"on some x, the original was computed with the outputs of the heads {sorted(drop)} at 0 "
        "before o",
        "the output of the result",
    )


@part("remove_heads")
@given(case=removals())
@settings(max_examples=25)
def test_what_is_left_stands_in_the_order_of_the_original(submission, case):
    recipe, drop = case
    attention, value, heads, kv = check_removal(submission, recipe, drop)
    d = recipe[2]
    for name, chosen, axis in (("q", heads, 0), ("o", heads, 1), ("k", kv, 0), ("v", kv, 0)):
        what = "heads" if name in "qo" else "key-value heads"
        expect_close(
            getattr(value, name),
            blocks(getattr(attention, name), d, chosen, axis),
            f"d is {d}, and the {what} {chosen} stay",
            f"`{name}`",
        )


@part("remove_heads")
@given(case=removals(kv=st.just(1), sizes=st.sampled_from((3, 2, 4))))
@settings(max_examples=15)
def test_keeps_a_key_value_head_while_one_head_reads_it(submission, case):
    recipe, drop = case
    attention, value, _, _ = check_removal(submission, recipe, drop)
    for name in "kv":
        expect_close(
            getattr(value, name),
            getattr(attention, name),
            "all heads read the one key-value head, and it stays as it is",
            f"`{name}`",
        )


@st.composite
def uneven(draw):
    """Heads to drop that leave two groups with unequally many."""
    sizes = st.sampled_from((2, 3, 4))
    recipe = draw(recipes(kv=st.sampled_from((2, 3)), sizes=sizes))
    kv, size = recipe[:2]
    left = draw(st.lists(st.integers(0, size), min_size=kv, max_size=kv))
    first, second = draw(st.permutations(range(kv)))[:2]
    left[first] = draw(st.integers(1, size))
    left[second] = draw(st.sampled_from([n for n in range(1, size + 1) if n != left[first]]))
    drop = []
    for group, n in enumerate(left):
        drop += [group * size + i for i in draw(st.permutations(range(size)))[: size - n]]
    return recipe, drop, left


@part("remove_heads")
@given(case=uneven())
@settings(max_examples=25)
def test_refuses_to_leave_groups_of_different_sizes(submission, case):
    recipe, drop, left = case
    expect_refusal(
        f"the groups would have {left} heads left: those that stay must be equally large, or heads "
        "would read wrong keys and values",
        submission.remove_heads,
        build(submission, recipe),
        drop,
    )


# --- pool_to_groups ----------------------------------------------------------------------------


@st.composite
def pools(draw):
    """A recipe, and to how many kv heads it goes down."""
    wanted, share = draw(counts), draw(st.sampled_from((2, 3, 1)))
    recipe = draw(recipes(kv=st.just(wanted * share), sizes=st.sampled_from((1, 2))))
    return recipe, wanted


@part("pool_to_groups")
@given(case=pools())
def test_neighbouring_keys_and_values_become_their_mean(submission, case):
    recipe, wanted = case
    attention = build(submission, recipe)
    value = on_record(submission.pool_to_groups, "attention", attention, wanted)
    expect_attention(value, attention, attention.n_heads, wanted)
    d, share = recipe[2], recipe[0] // wanted
    for name in "kv":
        heads = exact(getattr(attention, name)).reshape(recipe[0], d, -1)
        want = [sum(heads[g * share + i] for i in range(share)) / share for g in range(wanted)]
        members = [list(range(g * share, (g + 1) * share)) for g in range(wanted)]
        expect_close(
            getattr(value, name),
            torch.from_numpy(np.concatenate(want)).to(recipe[5]),
            f"d is {d}; the new heads are the means of the old {members}",
            f"`{name}`",
        )


@part("pool_to_groups")
@given(case=pools())
@settings(max_examples=20)
def test_leaves_q_and_o_as_they_are(submission, case):
    recipe, wanted = case
    attention = build(submission, recipe)
    value = on_record(submission.pool_to_groups, "attention", attention, wanted)
    expect_attention(value, attention, attention.n_heads, wanted)
    for name in "qo":
        expect_close(
            getattr(value, name),
            getattr(attention, name),
            "only keys and values are pooled",
            f"`{name}`",
        )


@part("pool_to_groups")
@given(case=pools(), tokens=counts)
@settings(max_examples=15)
def test_changes_no_output_where_the_pooled_heads_are_alike(submission, case, tokens):
    recipe, wanted = case
    drawn, share = build(submission, recipe), recipe[0] // wanted
    firsts = [g - g % share for g in range(recipe[0])]
    attention = submission.module.Attention(
        drawn.q,
        blocks(drawn.k, recipe[2], firsts),
        blocks(drawn.v, recipe[2], firsts),
        drawn.o,
        drawn.n_heads,
        drawn.n_kv_heads,
    )
    value = on_record(submission.pool_to_groups, "attention", attention, wanted)
    expect_attention(value, attention, attention.n_heads, wanted)
    x = inputs(recipe, 1, tokens)
    expect_close(
        output_of(value, x),
        output_of(attention, x),
        "the key-value heads that are pooled are equal, so every head reads what it read before",
        "the output of the result",
    )
