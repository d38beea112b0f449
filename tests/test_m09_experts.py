"""Mixture of experts: what must hold, for each part."""

import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.grading import expect, expect_close, part, show
from tests.strategies.blocks import decimals
from tests.strategies.experts import drawn_moe, moes
from tests.strategies.tokens import dtypes, expect_tensor, laid_out, layouts, seeds

# --- the oracle: token by token, in float64 -----------------------------------------------------


def exact(tensor):
    return tensor.detach().double().numpy()


def routed(scores, k):
    """[(expert, gate), …] of one token, the largest score first."""
    chosen = sorted(range(len(scores)), key=lambda e: -scores[e])[:k]
    powers = [math.exp(scores[e] - scores[chosen[0]]) for e in chosen]
    return [(e, power / sum(powers)) for e, power in zip(chosen, powers)]


def routes(moe, x, k, without=()):
    """For each token its routes; the experts `without` have a logit of −∞."""
    logits = exact(x) @ exact(moe.router).T
    logits[:, list(without)] = -math.inf
    return [routed(list(row), k) for row in logits]


def outputs(moe, x):
    """What each expert makes of each token: (experts, tokens, model)."""
    return np.stack([exact(expert(x.double())) for expert in moe.experts])


def output_of(moe, x, k, without=()):
    made, out = outputs(moe, x), np.zeros(tuple(x.shape))
    for t, row in enumerate(routes(moe, x, k, without)):
        for expert, gate in row:
            out[t] += gate * made[expert, t]
    return torch.from_numpy(out).to(x.dtype)


def told(rows):
    """Who goes where, in words."""
    return "; ".join(
        f"token {t}: " + ", ".join(f"expert {e} at {gate:.3g}" for e, gate in row)
        for t, row in enumerate(rows)
    )


# --- route --------------------------------------------------------------------------------------


@st.composite
def scores(draw):
    """Logits whose order in a row is never in doubt, and k."""
    tokens, n = draw(st.sampled_from((2, 3, 1, 5))), draw(st.sampled_from((3, 4, 2, 1, 6)))
    seed, dtype, layout = draw(seeds), draw(dtypes), draw(layouts)
    generator = torch.Generator().manual_seed(seed)
    order = torch.stack([torch.randperm(n, generator=generator) for _ in range(tokens)])
    step = draw(st.sampled_from((0.7, 0.3)))
    shift = decimals((tokens, 1), seed + 1)
    logits = step * order + 0.1 * torch.rand(order.shape, generator=generator) - 0.5 * step * n
    logits = (logits.double() + shift).round(decimals=2) + 0.0
    return laid_out(logits.to(dtype), layout), draw(st.integers(1, n))


def route_by(submission, logits, k):
    value = submission.route(logits, k)
    expect(isinstance(value, (tuple, list)) and len(value) == 2, "(experts, gates)", "both are due")
    experts, gates = value
    expect_tensor(experts, (len(logits), k), torch.int64, (logits,))
    expect_tensor(gates, (len(logits), k), logits.dtype, (logits,))
    return experts, gates


@part("route")
@given(case=scores())
@settings(max_examples=40)
def test_a_token_goes_to_its_k_largest_logits_the_largest_first(submission, case):
    logits, k = case
    experts, _ = route_by(submission, logits, k)
    want = [[e for e, _ in routed(row, k)] for row in exact(logits).tolist()]
    expect(
        experts.tolist() == want,
        f"the experts {want}",
        f"these are the {k} largest logits of each token, in falling order",
        f"{experts.tolist()}",
    )


@part("route")
@given(case=scores())
@settings(max_examples=40)
def test_gates_are_the_softmax_over_the_chosen_logits(submission, case):
    logits, k = case
    _, gates = route_by(submission, logits, k)
    want = [[gate for _, gate in routed(row, k)] for row in exact(logits).tolist()]
    expect_close(
        gates,
        torch.tensor(want, dtype=torch.float64).to(logits.dtype),
        f"exp(logit), divided by the sum of exp over the {k} that were chosen",
        "the gates",
    )


# --- moe_forward --------------------------------------------------------------------------------


@part("moe_forward")
@given(case=moes())
@settings(max_examples=50)
def test_is_the_sum_of_gate_times_expert_over_a_tokens_experts(submission, case):
    moe, x, k = drawn_moe(submission, case)
    value = submission.moe_forward(moe, x, k)
    expect_tensor(value, x.shape, x.dtype, (x, moe.router))
    expect_close(
        value,
        output_of(moe, x, k),
        f"Σ gate · expert(token), with {told(routes(moe, x, k))}",
    )


@part("moe_forward")
@given(case=moes(), order=st.randoms(use_true_random=False))
@settings(max_examples=15)
def test_each_token_is_computed_on_its_own(submission, case, order):
    moe, x, k = drawn_moe(submission, case)
    places = list(range(len(x)))
    order.shuffle(places)
    several = x[places + places[:1]]
    value = submission.moe_forward(moe, several, k)
    expect_tensor(value, several.shape, x.dtype)
    expect_close(
        value,
        output_of(moe, several, k),
        "a token gets the same output wherever it stands and whoever stands beside it",
    )


# --- expert_saliency ----------------------------------------------------------------------------


def saliency_of(moe, x, k):
    made, found = outputs(moe, x), [[] for _ in moe.experts]
    for t, row in enumerate(routes(moe, x, k)):
        for expert, gate in row:
            found[expert].append(gate * math.sqrt(sum(v * v for v in made[expert, t])))
    return found


def check_saliency(submission, case, why):
    moe, x, k = drawn_moe(submission, case)
    value = submission.expert_saliency(moe, x, k)
    expect_tensor(value, (len(moe.experts),), x.dtype, (x, moe.router))
    found = saliency_of(moe, x, k)
    want = [sum(terms) / len(terms) if terms else 0.0 for terms in found]
    said = "; ".join(f"expert {e}: {[float(f'{t:.4g}') for t in v]}" for e, v in enumerate(found))
    expect_close(value, torch.tensor(want, dtype=torch.float64).to(x.dtype), f"{why}: {said}")


@part("expert_saliency")
@given(case=moes())
@settings(max_examples=50)
def test_is_the_mean_of_gate_times_norm_over_the_tokens_routed_there(submission, case):
    check_saliency(
        submission, case, "the mean of gate · norm of the output over the tokens routed there"
    )


@part("expert_saliency")
@given(case=moes(idle=True))
@settings(max_examples=20)
def test_an_expert_without_tokens_has_the_saliency_0(submission, case):
    check_saliency(submission, case, "0 where no token comes, else the mean of gate · norm")


# --- expert_counts ------------------------------------------------------------------------------


def check_counts(submission, case, why):
    moe, x, k = drawn_moe(submission, case)
    value = submission.expert_counts(moe, x, k)
    expect_tensor(value, (len(moe.experts),), torch.int64)
    rows = routes(moe, x, k)
    want = [sum(e == f for row in rows for f, _ in row) for e in range(len(moe.experts))]
    chosen = [[e for e, _ in row] for row in rows]
    expect(
        value.tolist() == want, f"{want}", f"{why}: token by token {chosen}", f"{value.tolist()}"
    )


@part("expert_counts")
@given(case=moes())
@settings(max_examples=40)
def test_counts_the_tokens_routed_to_each_expert(submission, case):
    check_counts(submission, case, "the experts that the tokens are routed to")


@part("expert_counts")
@given(case=moes(idle=True))
@settings(max_examples=20)
def test_an_expert_without_tokens_is_counted_as_0(submission, case):
    check_counts(submission, case, "some get none, and each expert has its entry")


# --- prune_experts ------------------------------------------------------------------------------


@st.composite
def prunings(draw):
    case = draw(moes())
    keep = draw(st.permutations(range(case.experts)))
    return case, list(keep[: draw(st.integers(1, case.experts))])


def pruned_by(submission, case, keep):
    moe, x, k = drawn_moe(submission, case)
    value = submission.prune_experts(moe, keep)
    for name in ("router", "experts"):
        expect(hasattr(value, name), "a Moe", "a smaller layer of the same kind", show(value))
    rows = (len(keep), x.shape[1])
    expect(
        isinstance(value.router, torch.Tensor) and tuple(value.router.shape) == rows,
        f"`router` of shape {rows}",
        "a row for each expert that is kept, as wide as the model",
        f"`router` = {show(value.router)}",
    )
    expect_tensor(
        value.router, rows, moe.router.dtype, (moe.router,) if len(keep) < len(moe.experts) else ()
    )
    try:
        number = len(value.experts)
    except TypeError:
        number = None
    expect(
        number == len(keep),
        f"{len(keep)} experts",
        "only those in `keep` stay",
        f"`experts` = {show(value.experts)}",
    )
    return moe, x, k, value


@part("prune_experts")
@given(case=prunings())
@settings(max_examples=40)
def test_computes_what_the_original_does_with_the_other_logits_at_minus_infinity(submission, case):
    case, keep = case
    moe, x, k, value = pruned_by(submission, case, keep)
    without = [e for e in range(len(moe.experts)) if e not in keep]
    k = min(k, len(keep))
    expect_close(
        output_of(value, x, k),
        output_of(moe, x, k, without),
        f"on some x, for k = {k}, the original was computed with the logits of {without} at −∞",
        "the output of the result",
    )


@part("prune_experts")
@given(case=prunings())
@settings(max_examples=30)
def test_what_is_kept_stands_in_the_order_of_the_original(submission, case):
    case, keep = case
    moe, x, _, value = pruned_by(submission, case, keep)
    kept = sorted(keep)
    expect_close(
        value.router,
        torch.from_numpy(exact(moe.router)[kept]).to(x.dtype),
        f"these are the rows {kept}, in this order",
        "`router`",
    )
    expect_close(
        torch.from_numpy(outputs(value, x)),
        torch.from_numpy(outputs(moe, x)[kept]),
        f"some x went through the experts of the result: they are those of {kept}, in this order",
        "what the experts make of it",
    )
