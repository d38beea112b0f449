"""Wrong answers that people really give for m04."""

import math

import torch

from tests.grading import mistake


def _fields(attention, call):
    a = attention
    return a.q, a.k, a.v, a.o, a.n_heads, a.n_kv_heads


# --- attend ------------------------------------------------------------------------------------


def _project(x, weight, count):
    return (x @ weight.T).unflatten(-1, (count, -1)).transpose(1, 2)


def _share(tensor, group):
    return tensor.repeat_interleave(group, dim=1)


def _causal(scores):
    return torch.ones(scores.shape[-2:], dtype=torch.bool).tril()


def _softmax(scores):
    return scores.masked_fill(~_causal(scores), -math.inf).softmax(dim=-1)


def _attend(
    a,
    x,
    project=_project,
    share=_share,
    scale=lambda a, d: 1 / math.sqrt(d),
    weigh=_softmax,
    join=lambda out: out.transpose(1, 2).flatten(2),
):
    """The right answer, any step of which can be replaced."""
    group = a.n_heads // a.n_kv_heads
    q = project(x, a.q, a.n_heads)
    k, v = (share(project(x, w, a.n_kv_heads), group) for w in (a.k, a.v))
    scores = q @ k.transpose(-1, -2) * scale(a, q.shape[-1])
    return join(weigh(scores) @ v) @ a.o.T


@mistake(
    "attend",
    "not causal",
    "Every token looks at all tokens, later ones among them.",
    "Change the last token. Which outputs may change?",
)
def not_causal(attention, x):
    return _attend(attention, x, weigh=lambda s: s.softmax(dim=-1))


@mistake(
    "attend",
    "looks ahead only",
    "The mask is the wrong way round: a token looks at itself and at later ones.",
    "Which triangle of the scores belongs to earlier tokens?",
)
def anti_causal(attention, x):
    def weigh(scores):
        return scores.masked_fill(_causal(scores).tril(diagonal=-1), -math.inf).softmax(dim=-1)

    return _attend(attention, x, weigh=weigh)


@mistake(
    "attend",
    "not at itself",
    "The mask hides the token itself as well.",
    "What does the first token look at?",
)
def strictly_causal(attention, x):
    return _attend(
        attention,
        x,
        weigh=lambda s: s.masked_fill(~_causal(s).tril(diagonal=-1), -math.inf).softmax(dim=-1),
    )


@mistake(
    "attend",
    "later scores set to 0",
    "It sets the later scores to 0 before the softmax: each of them keeps a weight.",
    "What is e to the power of 0?",
)
def zero_masked(attention, x):
    return _attend(attention, x, weigh=lambda s: s.masked_fill(~_causal(s), 0.0).softmax(dim=-1))


@mistake(
    "attend",
    "masked after the softmax",
    "It cuts the later weights off after the softmax: what is left does not sum to 1.",
    "What do the weights of the first token add up to?",
)
def masked_late(attention, x):
    return _attend(attention, x, weigh=lambda s: s.softmax(dim=-1) * _causal(s))


@mistake(
    "attend",
    "softmax over the queries",
    "It normalises over the wrong axis of the scores.",
    "For one query, what must add up to 1?",
)
def over_queries(attention, x):
    return _attend(
        attention,
        x,
        weigh=lambda s: s.masked_fill(~_causal(s), -math.inf).softmax(dim=-2),
    )


@mistake(
    "attend",
    "heads dealt out in turn",
    "It repeats the key-value heads as a whole (0, 1, 0, 1), and not each by itself (0, 0, 1, 1).",
    "Which key-value head does head 1 of 4 read, if there are 2?",
)
def tiled(attention, x):
    return _attend(attention, x, share=lambda t, group: t.repeat(1, group, 1, 1))


@mistake(
    "attend",
    "the first key-value head for all",
    "All heads read key-value head 0.",
    "How many key-value heads are there?",
)
def first_for_all(attention, x):
    return _attend(
        attention, x, share=lambda t, group: t[:, :1].expand(-1, t.shape[1] * group, -1, -1)
    )


@mistake(
    "attend",
    "not scaled",
    "It does not divide the scores by √d.",
    "How does the size of a score grow with d?",
)
def unscaled(attention, x):
    return _attend(attention, x, scale=lambda a, d: 1.0)


@mistake(
    "attend",
    "divided by d",
    "It divides by d, and not by its root.",
    "By what does the spread of a sum of d terms grow?",
)
def by_d(attention, x):
    return _attend(attention, x, scale=lambda a, d: 1 / d)


@mistake(
    "attend",
    "scaled by the model's width",
    "It divides by the root of the model's width.",
    "How many numbers does the product of one query with one key sum?",
)
def by_model(attention, x):
    return _attend(attention, x, scale=lambda a, d: 1 / math.sqrt(a.q.shape[1]))


@mistake(
    "attend",
    "d from the model's width",
    "It takes d = model / n_heads for the scale: true before pruning only.",
    "A head was cut out. Did d change?",
)
def d_of_the_model(attention, x):
    return _attend(attention, x, scale=lambda a, d: 1 / math.sqrt(a.q.shape[1] / a.n_heads))


@mistake(
    "attend",
    "rows dealt out in turn",
    "It splits the rows into d blocks of n_heads: row r goes to head r modulo n_heads.",
    "Which rows of q belong to head 0?",
)
def interleaved_rows(attention, x):
    def project(x, weight, count):
        return (x @ weight.T).unflatten(-1, (-1, count)).permute(0, 3, 1, 2)

    return _attend(attention, x, project=project)


@mistake(
    "attend",
    "heads and tokens not turned back",
    "It joins the heads without moving their axis back beside d.",
    "Which axes stand next to each other when you flatten?",
)
def not_turned_back(attention, x):
    return _attend(attention, x, join=lambda out: out.reshape(out.shape[0], out.shape[2], -1))


@mistake(
    "attend",
    "split before the tokens",
    "It views (tokens, heads·d) as (heads, tokens, d): heads and tokens get mixed.",
    "Which axis must be split in two, and which must then be moved?",
)
def viewed_as_heads(attention, x):
    def project(x, weight, count):
        return (x @ weight.T).reshape(x.shape[0], count, x.shape[1], -1)

    return _attend(attention, x, project=project)


@mistake(
    "attend",
    "keys and values swapped",
    "It compares with the values, and sums the keys.",
    "What is compared with a query?",
)
def swapped(attention, x):
    a = attention
    return _attend(type(a)(a.q, a.v, a.k, a.o, a.n_heads, a.n_kv_heads), x)


# --- head_importance -----------------------------------------------------------------------------


def _gradients(loss_of, n_heads, samples, start=1.0):
    found = []
    for sample in samples:
        gates = torch.full((n_heads,), start, requires_grad=True)
        found.append(torch.autograd.grad(loss_of(gates, sample), gates)[0])
    return torch.stack(found)


@mistake(
    "head_importance",
    "absolute value after the mean",
    "It averages the signed gradients: opposite samples cancel.",
    "A gate has the slope +2 on one sample and −2 on another. Is the head useless?",
)
def absolute_late(loss_of, n_heads, samples):
    return _gradients(loss_of, n_heads, samples).mean(dim=0).abs()


@mistake(
    "head_importance",
    "signed",
    "It leaves the sign: a head that lowers the loss becomes the least important.",
    "Is a large negative slope a sign that a head does nothing?",
)
def signed(loss_of, n_heads, samples):
    return _gradients(loss_of, n_heads, samples).mean(dim=0)


@mistake(
    "head_importance",
    "sum over samples",
    "It does not divide by the number of samples.",
    "Should a head become more important when you measure longer?",
)
def summed(loss_of, n_heads, samples):
    return _gradients(loss_of, n_heads, samples).abs().sum(dim=0)


@mistake(
    "head_importance",
    "squared gradients",
    "It averages the squares: a Fisher score.",
    "What does the definition do to the gradient before the mean?",
)
def squares(loss_of, n_heads, samples):
    return _gradients(loss_of, n_heads, samples).square().mean(dim=0)


@mistake(
    "head_importance",
    "root mean square",
    "It takes the root of the mean square, which large samples rule.",
    "What is the mean of 1 and 7?",
)
def rms(loss_of, n_heads, samples):
    return _gradients(loss_of, n_heads, samples).square().mean(dim=0).sqrt()


@mistake(
    "head_importance",
    "gates of 0",
    "It takes the gradient where all heads are shut off.",
    "In which state does the layer work as it was trained?",
)
def at_zero(loss_of, n_heads, samples):
    return _gradients(loss_of, n_heads, samples, start=0.0).abs().mean(dim=0)


@mistake(
    "head_importance",
    "loss of the removal",
    "It shuts each gate and takes how far the loss moves: exact, but another measure.",
    "Does the definition compare two losses, or differentiate one?",
)
def by_removal(loss_of, n_heads, samples):
    total = torch.zeros(n_heads, dtype=torch.float64)
    for sample in samples:
        full = torch.ones(n_heads, dtype=torch.float64)
        for head in range(n_heads):
            without = full.clone()
            without[head] = 0.0
            total[head] += (loss_of(without, sample) - loss_of(full, sample)).abs()
    return (total / len(samples)).float()


@mistake(
    "head_importance",
    "gradients that add up",
    "It goes backward on the same gates again and again: .grad still holds the samples before.",
    "What is in gates.grad when the second sample begins?",
)
def accumulated(loss_of, n_heads, samples):
    gates, total = torch.ones(n_heads, requires_grad=True), torch.zeros(n_heads)
    for sample in samples:
        loss_of(gates, sample).backward()
        total += gates.grad.abs()
    return total / len(samples)


@mistake(
    "head_importance",
    "the last sample alone",
    "It returns what the last sample gave.",
    "How many samples does the result depend on?",
)
def last_sample(loss_of, n_heads, samples):
    return _gradients(loss_of, n_heads, samples)[-1].abs()


@mistake(
    "head_importance",
    "normalised",
    "It divides by the L2 norm of the layer's scores, as the paper's code does between layers.",
    "Where does the definition here compare layers?",
)
def normalised(loss_of, n_heads, samples):
    score = _gradients(loss_of, n_heads, samples).abs().mean(dim=0)
    return score / score.norm()


# --- remove_heads --------------------------------------------------------------------------------


def _rows(weight, count, chosen):
    return weight.unflatten(0, (count, -1))[chosen].flatten(0, 1)


def _left(a, drop):
    group = a.n_heads // a.n_kv_heads
    keep = [head for head in range(a.n_heads) if head not in drop]
    return keep, sorted({head // group for head in keep})


def _even(a, keep, kv):
    group = a.n_heads // a.n_kv_heads
    if len({sum(head // group == g for head in keep) for g in kv}) > 1:
        raise ValueError("groups of different sizes")


def _smaller(a, keep, kv):
    return type(a)(
        _rows(a.q, a.n_heads, keep),
        _rows(a.k, a.n_kv_heads, kv),
        _rows(a.v, a.n_kv_heads, kv),
        _rows(a.o.T, a.n_heads, keep).T,
        len(keep),
        len(kv),
    )


@mistake(
    "remove_heads",
    "uneven groups let through",
    "It drops whatever is asked for: with groups of different sizes heads read wrong keys.",
    "Which key-value head does `h // group` give when the groups differ in size?",
    observe=_fields,
)
def uneven(attention, drop):
    return _smaller(attention, *_left(attention, drop))


@mistake(
    "remove_heads",
    "key-value heads all kept",
    "It never removes a key-value head: the heads that are left are dealt out over all of them.",
    "A whole group went. Who reads its keys now?",
    observe=_fields,
)
def kv_kept(attention, drop):
    keep, kv = _left(attention, drop)
    _even(attention, keep, kv)
    return _smaller(attention, keep, list(range(attention.n_kv_heads)))


@mistake(
    "remove_heads",
    "only whole groups",
    "It refuses to take a part of a group, even where all groups lose as many.",
    "Two heads a group, one of each goes. What would be wrong?",
    observe=_fields,
)
def whole_groups_only(attention, drop):
    keep, kv = _left(attention, drop)
    if len(keep) * attention.n_kv_heads != len(kv) * attention.n_heads:
        raise ValueError("a part of a group")
    return _smaller(attention, keep, kv)


@mistake(
    "remove_heads",
    "a key-value head goes with any of its heads",
    "It removes a key-value head as soon as one of its heads goes, and the whole group with it.",
    "Does anyone still read it?",
    observe=_fields,
)
def kv_goes_early(attention, drop):
    a, (keep, kv) = attention, _left(attention, drop)
    _even(a, keep, kv)
    group = a.n_heads // a.n_kv_heads
    kv = [g for g in range(a.n_kv_heads) if not any(h // group == g for h in drop)]
    return _smaller(a, [h for h in keep if h // group in kv], kv)


@mistake(
    "remove_heads",
    "drop read as key-value heads",
    "It takes the numbers in `drop` for groups.",
    "Do the indices in `drop` count queries or key-value heads?",
    observe=_fields,
)
def drop_as_groups(attention, drop):
    a = attention
    group = a.n_heads // a.n_kv_heads
    kv = [g for g in range(a.n_kv_heads) if g not in drop]
    return _smaller(a, [h for h in range(a.n_heads) if h // group in kv], kv)


@mistake(
    "remove_heads",
    "drop read as keep",
    "It keeps the heads that were to go.",
    "What does the name of the argument say?",
    observe=_fields,
)
def kept(attention, drop):
    keep, kv = _left(attention, [h for h in range(attention.n_heads) if h not in drop])
    _even(attention, keep, kv)
    return _smaller(attention, keep, kv)


@mistake(
    "remove_heads",
    "zeros in the old shape",
    "It sets the heads' columns of o to zero: nothing became smaller.",
    "Which shape has `q` of the result?",
    observe=_fields,
)
def zeroed(attention, drop):
    a = attention
    _even(a, *_left(a, drop))
    o = a.o.clone()
    o.unflatten(1, (a.n_heads, -1))[:, drop] = 0.0
    return type(a)(a.q.clone(), a.k.clone(), a.v.clone(), o, a.n_heads, a.n_kv_heads)


@mistake(
    "remove_heads",
    "o left as it was",
    "It forgets the columns of o.",
    "How many numbers does o read now?",
    observe=_fields,
)
def o_left(attention, drop):
    keep, kv = _left(attention, drop)
    _even(attention, keep, kv)
    a = _smaller(attention, keep, kv)
    return type(a)(a.q, a.k, a.v, attention.o.clone(), a.n_heads, a.n_kv_heads)


@mistake(
    "remove_heads",
    "counts left as they were",
    "The matrices are right, but n_heads and n_kv_heads are those of the original.",
    "What would len(q) // n_heads be now?",
    observe=_fields,
)
def counts_left(attention, drop):
    keep, kv = _left(attention, drop)
    _even(attention, keep, kv)
    a = _smaller(attention, keep, kv)
    return type(a)(a.q, a.k, a.v, a.o, attention.n_heads, attention.n_kv_heads)


@mistake(
    "remove_heads",
    "single rows for heads",
    "It removes row h, and not the d rows of head h.",
    "How many rows has a head?",
    observe=_fields,
)
def single_rows(attention, drop):
    a, (keep, kv) = attention, _left(attention, drop)
    _even(a, keep, kv)
    rows = [r for r in range(len(a.q)) if r not in drop]
    return type(a)(
        a.q[rows],
        _rows(a.k, a.n_kv_heads, kv),
        _rows(a.v, a.n_kv_heads, kv),
        a.o[:, rows],
        len(keep),
        len(kv),
    )


@mistake(
    "remove_heads",
    "o rescaled",
    "It scales o up by how many heads there were to how many are left.",
    "What would the original put out with those heads at 0?",
    observe=_fields,
)
def rescaled(attention, drop):
    keep, kv = _left(attention, drop)
    _even(attention, keep, kv)
    a = _smaller(attention, keep, kv)
    return type(a)(a.q, a.k, a.v, a.o * (attention.n_heads / len(keep)), a.n_heads, a.n_kv_heads)


@mistake(
    "remove_heads",
    "one key-value head for each head",
    "It gives every head that is left its own copy of keys and values: right, but not grouped.",
    "How many key-value heads are read by those that stay?",
    observe=_fields,
)
def ungrouped(attention, drop):
    a, (keep, kv) = attention, _left(attention, drop)
    _even(a, keep, kv)
    group = a.n_heads // a.n_kv_heads
    small = _smaller(a, keep, kv)
    k, v = (_rows(w, a.n_kv_heads, [h // group for h in keep]) for w in (a.k, a.v))
    return type(a)(small.q, k, v, small.o, len(keep), len(keep))


# --- pool_to_groups ------------------------------------------------------------------------------


def _pooled(a, n, pool):
    k, v = (pool(w.unflatten(0, (a.n_kv_heads, -1))) for w in (a.k, a.v))
    return type(a)(a.q.clone(), k.flatten(0, 1), v.flatten(0, 1), a.o.clone(), a.n_heads, n)


def _runs(heads, n):
    return heads.unflatten(0, (n, len(heads) // n))


@mistake(
    "pool_to_groups",
    "the first of each",
    "It keeps the first key-value head of each new group, and drops the others.",
    "What becomes of the second head?",
    observe=_fields,
)
def first_of_each(attention, n_kv_heads):
    return _pooled(attention, n_kv_heads, lambda h: _runs(h, n_kv_heads)[:, 0].clone())


@mistake(
    "pool_to_groups",
    "sum for mean",
    "It adds the heads, and does not divide.",
    "Pool two equal heads. Should the keys double?",
    observe=_fields,
)
def added(attention, n_kv_heads):
    return _pooled(attention, n_kv_heads, lambda h: _runs(h, n_kv_heads).sum(dim=1))


@mistake(
    "pool_to_groups",
    "every second head",
    "It pools heads that are n_kv_heads apart, and not neighbours.",
    "Which old key-value heads did the queries of the first new group read?",
    observe=_fields,
)
def strided(attention, n_kv_heads):
    return _pooled(attention, n_kv_heads, lambda h: h.unflatten(0, (-1, n_kv_heads)).mean(dim=0))


@mistake(
    "pool_to_groups",
    "n_kv_heads read as how many are merged",
    "It merges n_kv_heads at a time, where so many are to be left.",
    "What is n_kv_heads of the result?",
    observe=_fields,
)
def read_as_share(attention, n_kv_heads):
    n = attention.n_kv_heads // n_kv_heads
    return _pooled(attention, n, lambda h: _runs(h, n).mean(dim=1))


@mistake(
    "pool_to_groups",
    "copies of the mean",
    "It writes the mean into every old head: the function is right, but nothing became smaller.",
    "How many rows has `k` of the result?",
    observe=_fields,
)
def copied_mean(attention, n_kv_heads):
    share = attention.n_kv_heads // n_kv_heads

    def pool(heads):
        return _runs(heads, n_kv_heads).mean(dim=1).repeat_interleave(share, dim=0)

    return _pooled(attention, attention.n_kv_heads, pool)


@mistake(
    "pool_to_groups",
    "queries pooled as well",
    "It averages the queries too, and with them n_heads goes down.",
    "Which of the four matrices are shared in a group?",
    observe=_fields,
)
def queries_too(attention, n_kv_heads):
    a = attention
    group = a.n_heads // a.n_kv_heads
    small = _pooled(a, n_kv_heads, lambda h: _runs(h, n_kv_heads).mean(dim=1))
    heads = n_kv_heads * group
    q = a.q.unflatten(0, (heads, a.n_heads // heads, -1)).mean(dim=1).flatten(0, 1)
    o = a.o.T.unflatten(0, (heads, a.n_heads // heads, -1)).mean(dim=1).flatten(0, 1).T
    return type(a)(q, small.k, small.v, o, heads, n_kv_heads)


@mistake(
    "pool_to_groups",
    "values left as they were",
    "It pools the keys alone.",
    "Which value would the new key belong to?",
    observe=_fields,
)
def keys_alone(attention, n_kv_heads):
    a = attention
    small = _pooled(a, n_kv_heads, lambda h: _runs(h, n_kv_heads).mean(dim=1))
    return type(a)(small.q, small.k, a.v.clone(), small.o, a.n_heads, n_kv_heads)


@mistake(
    "pool_to_groups",
    "count left as it was",
    "The matrices are right, but n_kv_heads is that of the original.",
    "What would n_heads // n_kv_heads be now?",
    observe=_fields,
)
def count_left(attention, n_kv_heads):
    a = attention
    small = _pooled(a, n_kv_heads, lambda h: _runs(h, n_kv_heads).mean(dim=1))
    return type(a)(small.q, small.k, small.v, small.o, a.n_heads, a.n_kv_heads)


@mistake(
    "pool_to_groups",
    "neighbouring rows pooled",
    "It averages neighbouring rows: numbers of one head, and not the same number of two heads.",
    "The rows of head 0 are 0 … d − 1. Which row is the partner of row 0?",
    observe=_fields,
)
def rows_pooled(attention, n_kv_heads):
    a = attention
    share = a.n_kv_heads // n_kv_heads
    k, v = (w.unflatten(0, (-1, share)).mean(dim=1) for w in (a.k, a.v))
    return type(a)(a.q.clone(), k, v, a.o.clone(), a.n_heads, n_kv_heads)
