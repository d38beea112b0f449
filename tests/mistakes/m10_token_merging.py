"""Wrong answers that people really give for m10."""

import math

import torch

from tests.grading import mistake


def _edges(keys, r, similarity, descending=True):
    best, partner = similarity.max(dim=1)
    order = best.argsort(descending=descending)[:r]
    return 2 * order, 2 * partner[order] + 1


def _unit(keys):
    return keys / keys.norm(dim=1, keepdim=True)


@mistake(
    "bipartite_match",
    "dot products for cosines",
    "It compares by the plain dot product, so long keys attract everybody.",
    "Is a key that is twice as long more similar?",
)
def dot_products(keys, r):
    return _edges(keys, r, keys[0::2] @ keys[1::2].T)


@mistake(
    "bipartite_match",
    "nearest by distance",
    "It takes the nearest by Euclidean distance, not the most cosine-similar.",
    "Which measure looks at directions only?",
)
def by_distance(keys, r):
    return _edges(keys, r, -torch.cdist(keys[0::2], keys[1::2]))


@mistake(
    "bipartite_match",
    "the weakest edges",
    "It merges the r least similar tokens of A.",
    "Which pairs can be merged with the least loss?",
)
def weakest(keys, r):
    unit = _unit(keys)
    return _edges(keys, r, unit[0::2] @ unit[1::2].T, descending=False)


@mistake(
    "bipartite_match",
    "positions within the sets",
    "It returns the places in A and B, not the positions among all tokens.",
    "Which token is number 1 of A?",
)
def set_places(keys, r):
    unit = _unit(keys)
    sources, targets = _edges(keys, r, unit[0::2] @ unit[1::2].T)
    return sources // 2, targets // 2


@mistake(
    "bipartite_match",
    "halves for alternation",
    "Its set A is the first half of the tokens, and B the second.",
    "Where do neighbours land, which are most often similar?",
)
def halves(keys, r):
    unit = _unit(keys)
    half = (len(keys) + 1) // 2
    best, partner = (unit[:half] @ unit[half:].T).max(dim=1)
    order = best.argsort(descending=True)[:r]
    return order, partner[order] + half


@mistake(
    "bipartite_match",
    "from B to A",
    "It merges odd positions into even ones.",
    "Who draws the edges, A or B?",
)
def reversed_roles(keys, r):
    unit = _unit(keys)
    best, partner = (unit[1::2] @ unit[0::2].T).max(dim=1)
    order = best.argsort(descending=True)[:r]
    return 2 * order + 1, 2 * partner[order]


@mistake(
    "bipartite_match",
    "in the order of positions",
    "It returns the sources by position, not by falling similarity.",
    "Which edge does the text say comes first?",
)
def by_position(keys, r):
    unit = _unit(keys)
    sources, targets = _edges(keys, r, unit[0::2] @ unit[1::2].T)
    order = sources.argsort()
    return sources[order], targets[order]


@mistake(
    "bipartite_match",
    "each target only once",
    "It gives a target away after its first source; targets may be shared.",
    "Can two tokens be most similar to the same third one?",
)
def exclusive(keys, r):
    unit = _unit(keys)
    similarity = unit[0::2] @ unit[1::2].T
    sources, targets = [], []
    for a in similarity.max(dim=1).values.argsort(descending=True).tolist()[:r]:
        free = [b for b in range(similarity.shape[1]) if b not in targets]
        free = free or list(range(similarity.shape[1]))
        sources.append(a)
        targets.append(max(free, key=lambda b, a=a: similarity[a, b].item()))
    return 2 * torch.tensor(sources, dtype=torch.int64), 2 * torch.tensor(
        targets, dtype=torch.int64
    ) + 1


@mistake(
    "bipartite_match",
    "the first of A",
    "It merges the first r of A, whatever their edges are worth.",
    "What is the similarity for, once every token has its partner?",
)
def first_of_a(keys, r):
    unit = _unit(keys)
    _, partner = (unit[0::2] @ unit[1::2].T).max(dim=1)
    order = torch.arange(len(partner))[:r]
    return 2 * order, 2 * partner[order] + 1


def _left(n, sources):
    left = torch.ones(n, dtype=torch.bool)
    left[sources] = False
    return left


@mistake(
    "merge",
    "mean without sizes",
    "It weighs all tokens alike, however many each stands for.",
    "What is the mean of four tokens, three of which are merged already?",
)
def unweighted(tokens, sizes, sources, targets):
    left = _left(len(tokens), sources)
    ones = torch.ones_like(sizes)
    total = tokens.clone().index_add(0, targets, tokens[sources])
    count = ones.index_add(0, targets, ones[sources])
    size = sizes.index_add(0, targets, sizes[sources])
    return total[left] / count[left, None], size[left]


@mistake(
    "merge",
    "sources overwritten",
    "Where several sources share a target, it adds only one of them.",
    "What does x[index] += y do when index holds a position twice?",
)
def overwritten(tokens, sizes, sources, targets):
    left = _left(len(tokens), sources)
    total, size = tokens * sizes[:, None], sizes.clone()
    total[targets] += (tokens * sizes[:, None])[sources]
    size[targets] += sizes[sources]
    return total[left] / size[left, None], size[left]


@mistake(
    "merge",
    "sizes left alone",
    "It merges the tokens and leaves the sizes of the targets as they were.",
    "How many tokens stand in a row after the merge?",
)
def old_sizes(tokens, sizes, sources, targets):
    left = _left(len(tokens), sources)
    weighted = tokens * sizes[:, None]
    total = weighted.index_add(0, targets, weighted[sources])
    size = sizes.index_add(0, targets, sizes[sources])
    return total[left] / size[left, None], sizes[left]


@mistake(
    "merge",
    "each source counted as one",
    "It adds 1 to a size for each source, whatever the source stands for.",
    "What if a source has been merged before?",
)
def counted_as_one(tokens, sizes, sources, targets):
    left = _left(len(tokens), sources)
    weighted = tokens * sizes[:, None]
    total = weighted.index_add(0, targets, weighted[sources])
    size = sizes.index_add(0, targets, sizes[sources])
    count = sizes.index_add(0, targets, torch.ones_like(sizes)[sources])
    return total[left] / size[left, None], count[left]


@mistake(
    "merge",
    "sum for mean",
    "It adds the weighted tokens and does not divide by their sizes.",
    "How large is a token that is merged with its twin?",
)
def summed(tokens, sizes, sources, targets):
    left = _left(len(tokens), sources)
    weighted = tokens * sizes[:, None]
    total = weighted.index_add(0, targets, weighted[sources])
    return total[left], sizes.index_add(0, targets, sizes[sources])[left]


@mistake(
    "merge",
    "dropped, not merged",
    "It removes the sources and leaves the targets as they were.",
    "What of the source is left in the result?",
)
def dropped(tokens, sizes, sources, targets):
    left = _left(len(tokens), sources)
    return tokens[left], sizes.index_add(0, targets, sizes[sources])[left]


@mistake(
    "merge",
    "even positions first",
    "It puts what is left of A before B; the original order is lost.",
    "Which position does each row of the result stand for?",
)
def a_before_b(tokens, sizes, sources, targets):
    left = _left(len(tokens), sources)
    weighted = tokens * sizes[:, None]
    total = weighted.index_add(0, targets, weighted[sources])
    size = sizes.index_add(0, targets, sizes[sources])
    positions = torch.arange(len(tokens))
    order = torch.cat([positions[0::2][left[0::2]], positions[1::2]])
    return total[order] / size[order, None], size[order]


@mistake(
    "proportional_attention",
    "sizes forgotten",
    "It is plain attention: a merged token counts once.",
    "How often would five equal keys have been counted?",
)
def without_sizes(query, keys, values, sizes):
    return (query @ keys.T / math.sqrt(query.shape[1])).softmax(dim=1) @ values


@mistake(
    "proportional_attention",
    "sizes without the logarithm",
    "It adds the sizes themselves to the logits.",
    "What has to be added to a logit, so that its exponential is three times as large?",
)
def no_logarithm(query, keys, values, sizes):
    return (query @ keys.T / math.sqrt(query.shape[1]) + sizes).softmax(dim=1) @ values


@mistake(
    "proportional_attention",
    "logits times sizes",
    "It multiplies the logits by the sizes.",
    "What does that do to a negative logit?",
)
def multiplied(query, keys, values, sizes):
    return (query @ keys.T / math.sqrt(query.shape[1]) * sizes).softmax(dim=1) @ values


@mistake(
    "proportional_attention",
    "weights times sizes, not normalised",
    "It multiplies by the sizes after the softmax, so the weights do not sum to 1.",
    "What do the weights of a row sum to?",
)
def after_softmax(query, keys, values, sizes):
    return ((query @ keys.T / math.sqrt(query.shape[1])).softmax(dim=1) * sizes) @ values


@mistake(
    "proportional_attention",
    "not scaled",
    "It leaves out the division by √d.",
    "How large do products of long vectors get?",
)
def unscaled(query, keys, values, sizes):
    return (query @ keys.T + sizes.log()).softmax(dim=1) @ values


@mistake(
    "proportional_attention",
    "log sizes scaled too",
    "It divides the log sizes by √d along with the products.",
    "By which factor does exp(log(size) / 2) count a key?",
)
def scaled_sizes(query, keys, values, sizes):
    return ((query @ keys.T + sizes.log()) / math.sqrt(query.shape[1])).softmax(dim=1) @ values


@mistake(
    "unmerge",
    "zeros for sources",
    "It leaves the positions that were merged away empty.",
    "In which row does a source live on?",
)
def zeros(merged, n, sources, targets):
    out = torch.zeros((n, merged.shape[1]), dtype=merged.dtype)
    out[_left(n, sources)] = merged
    return out


@mistake(
    "unmerge",
    "positions for rows",
    "It reads row p of the merged tokens for position p; the rows have moved up.",
    "Which row has position 3, when position 0 is gone?",
)
def unshifted(merged, n, sources, targets):
    holder = torch.arange(n)
    holder[sources] = targets
    return merged[holder.clamp(max=len(merged) - 1)]


@mistake(
    "unmerge",
    "each source in the row before",
    "It repeats the row before a source, not the row of its target.",
    "Which list says where a source went?",
)
def row_before(merged, n, sources, targets):
    return merged[(_left(n, sources).cumsum(dim=0) - 1).clamp(min=0)]
