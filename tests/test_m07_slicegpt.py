"""SliceGPT: what must hold, for each part."""

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.grading import expect, expect_close, part
from tests.strategies.tokens import dtypes, expect_tensor, layouts, normal, seeds, token_batches

widths = st.integers(1, 5)
leading = st.sampled_from(((3,), (1,), (2, 3), (1, 2, 2), ()))


def near(dtype):
    return 1e-4 if dtype == torch.float32 else 1e-9


def orthogonal(size, seed, dtype):
    """Any rotation or reflection, from the QR factors of normal numbers."""
    return torch.linalg.qr(normal((size, size), seed))[0].to(dtype)


def tokens_of(shape, seed, dtype, layout="plain"):
    """Tokens that are not small in any direction."""
    values = normal(shape, seed)
    return (values + 0.3 * values.sign()).to(dtype)


# --- fold_scale ----------------------------------------------------------------------------


@part("fold_scale")
@given(out=widths, model=widths, seed=seeds, dtype=dtypes, layout=layouts)
def test_computes_behind_a_norm_without_scale_what_was_computed_with_it(
    submission, out, model, seed, dtype, layout
):
    weight, scale = normal((out, model), seed, dtype, layout), normal((model,), seed + 1, dtype)
    value = submission.fold_scale(weight, scale)
    expect_tensor(value, weight.shape, dtype, (weight,))
    x = normal((4, model), seed + 2).numpy()
    normed = x / np.sqrt((x * x).mean(axis=1, keepdims=True))
    w, s = weight.double().numpy(), scale.double().numpy()
    want = np.array([[sum(n * f * v for n, f, v in zip(row, s, r)) for r in w] for row in normed])
    got = torch.tensor(normed) @ value.double().T
    expect_close(
        got,
        torch.tensor(want),
        "the norm's output times the scale, times the old weight, is its output times the new",
        "what the folded weight computes",
        rtol=near(dtype),
    )


# --- rms_norm ------------------------------------------------------------------------------


@part("rms_norm")
@given(
    lead=leading,
    model=widths,
    seed=seeds,
    dtype=dtypes,
    eps=st.sampled_from((0.0, 0.0, 1e-2, 1.0)),
)
def test_divides_each_token_by_the_root_of_its_mean_square(
    submission, lead, model, seed, dtype, eps
):
    x = tokens_of((*lead, model), seed, dtype)
    value = submission.rms_norm(x, eps) if eps else submission.rms_norm(x)
    expect_tensor(value, x.shape, dtype, (x,))
    rows = [
        [a / math.sqrt(sum(b * b for b in row) / model + eps) for a in row]
        for row in x.double().reshape(-1, model).tolist()
    ]
    want = torch.tensor(rows, dtype=torch.float64).reshape(x.shape).to(dtype)
    why = f"each token is divided by √(mean of its squares + {eps:g}), no mean is taken off"
    expect_close(value, want, why, rtol=near(dtype))


@part("rms_norm")
@given(model=st.integers(2, 5), seed=seeds, dtype=dtypes)
def test_a_rotation_before_it_is_a_rotation_after_it(submission, model, seed, dtype):
    x, rotation = tokens_of((3, model), seed, dtype), orthogonal(model, seed + 1, dtype)
    turned = submission.rms_norm(x @ rotation)
    expect_tensor(turned, x.shape, dtype)
    rows = x.double()
    want = ((rows / rows.square().mean(dim=1, keepdim=True).sqrt()) @ rotation.double()).to(dtype)
    expect_close(turned, want, "a rotation keeps lengths: norm(x Q) = norm(x) Q", rtol=near(dtype))


# --- principal_rotation --------------------------------------------------------------------


@st.composite
def streams(draw):
    return draw(token_batches(draw(st.integers(1, 5)), draw(dtypes)))


def rotation_of(submission, batches):
    model, dtype = batches[0].shape[-1], batches[0].dtype
    value = submission.principal_rotation(batches)
    expect_tensor(value, (model, model), dtype)
    rows = torch.cat([batch.double().reshape(-1, model) for batch in batches])
    return value.double(), rows


@part("principal_rotation")
@given(batches=streams())
def test_is_orthogonal_however_few_tokens_there_are(submission, batches):
    rotation, rows = rotation_of(submission, batches)
    one = torch.eye(len(rotation), dtype=torch.float64)
    rtol = 1e-3 if batches[0].dtype == torch.float32 else 1e-8
    why = f"columns of length 1 at right angles, a whole square of them, for {len(rows)} tokens"
    expect_close(rotation.T @ rotation, one, why, "rotationᵀ rotation", rtol=rtol)


@part("principal_rotation")
@given(batches=streams())
def test_the_columns_are_directions_of_falling_second_moment(submission, batches):
    rotation, rows = rotation_of(submission, batches)
    values = torch.linalg.svdvals(rows).square()
    want = torch.zeros(len(rotation), dtype=torch.float64)
    want[: len(values)] = values
    turned = rows @ rotation
    rtol = 1e-3 if batches[0].dtype == torch.float32 else 1e-7
    expect_close(
        turned.T @ turned,
        torch.diag(want),
        "in its own basis Σ x xᵀ is diagonal, the largest first; nothing is centred or normalised",
        "Σ x xᵀ of the rotated tokens",
        rtol=rtol,
    )


# --- rotate_input, rotate_output -----------------------------------------------------------


@st.composite
def readers(draw, writes=False):
    model, other = draw(st.integers(1, 5)), draw(widths)
    seed, dtype, layout = draw(seeds), draw(dtypes), draw(layouts)
    shape = (model, other) if writes else (other, model)
    return normal(shape, seed, dtype, layout), orthogonal(model, seed + 1, dtype)


@part("rotate_input")
@given(case=readers(), seed=seeds)
def test_gives_for_a_rotated_stream_what_weight_gave_for_the_stream(submission, case, seed):
    weight, rotation = case
    value = submission.rotate_input(weight, rotation)
    expect_tensor(value, weight.shape, weight.dtype, case)
    x = normal((5, weight.shape[1]), seed)
    got = (x @ rotation.double()) @ value.double().T
    want = x @ weight.double().T
    why = "whatever the orthogonal matrix: (x Q) new_weightᵀ = x weightᵀ"
    expect_close(got, want, why, "what it reads from x @ rotation", rtol=near(weight.dtype))


@part("rotate_output")
@given(case=readers(writes=True), seed=seeds)
def test_writes_what_weight_wrote_rotated(submission, case, seed):
    weight, rotation = case
    value = submission.rotate_output(weight, rotation)
    expect_tensor(value, weight.shape, weight.dtype, case)
    hidden = normal((5, weight.shape[1]), seed)
    got = hidden @ value.double().T
    want = (hidden @ weight.double().T) @ rotation.double()
    why = "whatever the orthogonal matrix: h new_weightᵀ = (h weightᵀ) Q"
    expect_close(got, want, why, "what it writes", rtol=near(weight.dtype))


# --- sliced_forward ------------------------------------------------------------------------


@st.composite
def blocks(draw):
    model, hidden = draw(st.integers(2, 5)), draw(st.integers(1, 6))
    seed, dtype, layout = draw(seeds), draw(dtypes), draw(layouts)
    x = tokens_of((*draw(leading), model), seed, dtype)
    first = normal((hidden, model), seed + 1, dtype, layout)
    second = normal((model, hidden), seed + 2, dtype)
    return first, second, orthogonal(model, seed + 3, dtype), x


def sliced(first, second, rotation, keep, x):
    """The oracle: a token at a time, number by number, in the rotated basis."""
    w1, w2, q = (t.double().numpy() for t in (first, second, rotation))
    model = q.shape[0]
    out = []
    for token in x.double().reshape(-1, model).numpy():
        z = [sum(token[i] * q[i, j] for i in range(model)) for j in range(keep)]
        length = math.sqrt(sum(value * value for value in z) / model)
        hidden = [max(0.0, sum(row @ q[:, j] * z[j] / length for j in range(keep))) for row in w1]
        added = [
            z[j] + sum(q[:, j] @ w2[:, h] * hidden[h] for h in range(len(hidden)))
            for j in range(keep)
        ]
        out.append([sum(added[j] * q[i, j] for j in range(keep)) for i in range(model)])
    return torch.tensor(np.array(out)).reshape(x.shape).to(x.dtype)


@part("sliced_forward")
@given(case=blocks(), left=st.integers(1, 4))
def test_computes_in_the_directions_that_are_left(submission, case, left):
    first, second, rotation, x = case
    keep = min(left, x.shape[-1] - 1)
    value = submission.sliced_forward(first, second, rotation, keep, x)
    expect_tensor(value, x.shape, x.dtype, (x,))
    why = (
        f"rotated, cut to {keep} of {x.shape[-1]} directions, divided by √(Σ z² / {x.shape[-1]}), "
        "through both cut matrices, added to z and rotated back"
    )
    expect_close(value, sliced(first, second, rotation, keep, x), why, rtol=10 * near(x.dtype))


@part("sliced_forward")
@given(case=blocks())
def test_is_the_block_itself_where_nothing_is_cut(submission, case):
    first, second, rotation, x = case
    value = submission.sliced_forward(first, second, rotation, x.shape[-1], x)
    expect_tensor(value, x.shape, x.dtype, (x,))
    rows, w1, w2 = x.double(), first.double(), second.double()
    normed = rows / rows.square().mean(dim=-1, keepdim=True).sqrt()
    want = (rows + (normed @ w1.T).clamp(min=0) @ w2.T).to(x.dtype)
    why = "with keep = model it is x + relu(rms_norm(x) firstᵀ) secondᵀ, whatever the rotation"
    expect_close(value, want, why, rtol=10 * near(x.dtype))


@part("sliced_forward")
@given(case=blocks(), left=st.integers(1, 4))
def test_the_directions_that_were_cut_are_0(submission, case, left):
    first, second, rotation, x = case
    keep = min(left, x.shape[-1] - 1)
    value = submission.sliced_forward(first, second, rotation, keep, x)
    expect_tensor(value, x.shape, x.dtype)
    cut = (value.double() @ rotation.double())[..., keep:].abs().max().item()
    scale = max(1.0, value.double().abs().max().item())
    expect(
        cut <= 10 * near(x.dtype) * scale,
        f"nothing in the directions from {keep} on",
        "what was cut off the stream is gone: rotated back it is 0 there",
        f"up to {cut:.4g} in the rotated result",
    )
