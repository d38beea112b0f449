"""Wrong answers that people really give for m09."""

from dataclasses import replace

import torch

from tests.grading import mistake


def _route(logits, k):
    largest, experts = logits.topk(k, dim=1)
    return experts, largest.softmax(dim=1)


def _routes(moe, x, k):
    return _route(x @ moe.router.T, k)


# --- route -------------------------------------------------------------------------------------


@mistake(
    "route",
    "softmax over all experts",
    "Its gates are the softmax over all logits: the k that are chosen do not sum to 1.",
    "What do the gates of a token sum to?",
)
def softmax_over_all(logits, k):
    return _route(logits, k)[0], logits.softmax(dim=1).topk(k, dim=1).values


@mistake(
    "route",
    "logits for gates",
    "It returns the largest logits as they are, without a softmax.",
    "Can a gate be negative?",
)
def raw_logits(logits, k):
    largest, experts = logits.topk(k, dim=1)
    return experts, largest


@mistake(
    "route",
    "logits divided by their sum",
    "It divides the logits by their sum; there is no exponential.",
    "What becomes of a negative logit?",
)
def linear_gates(logits, k):
    largest, experts = logits.topk(k, dim=1)
    return experts, largest / largest.sum(dim=1, keepdim=True)


@mistake(
    "route",
    "sigmoid gates",
    "It takes the sigmoid of each logit on its own, divided by their sum.",
    "Which function turns the k logits into shares here?",
)
def sigmoid_gates(logits, k):
    largest, experts = logits.topk(k, dim=1)
    return experts, largest.sigmoid() / largest.sigmoid().sum(dim=1, keepdim=True)


@mistake(
    "route",
    "softmax down the tokens",
    "Its softmax runs over the tokens, not over a token's own logits.",
    "Along which dimension do gates sum to 1?",
)
def softmax_over_tokens(logits, k):
    largest, experts = logits.topk(k, dim=1)
    return experts, largest.softmax(dim=0)


@mistake(
    "route",
    "the k smallest",
    "It chooses the k experts of smallest logits.",
    "In which order does argsort sort?",
)
def smallest(logits, k):
    least, experts = logits.topk(k, dim=1, largest=False)
    return experts, least.softmax(dim=1)


@mistake(
    "route",
    "rising order",
    "It chooses the right experts and puts the largest last.",
    "Which of the k does the text say comes first?",
)
def rising(logits, k):
    experts, gates = _route(logits, k)
    return experts.flip(1), gates.flip(1)


@mistake(
    "route",
    "in the order of experts",
    "It sorts the chosen experts by their number, not by their logits.",
    "Which of the k does the text say comes first?",
)
def by_number(logits, k):
    experts, gates = _route(logits, k)
    order = experts.argsort(dim=1)
    return experts.gather(1, order), gates.gather(1, order)


# --- moe_forward -------------------------------------------------------------------------------


def _forward(moe, x, routes, weigh=lambda gate, made: gate * made):
    experts, gates = routes
    out = torch.zeros_like(x)
    for i, expert in enumerate(moe.experts):
        token, place = (experts == i).nonzero(as_tuple=True)
        out[token] += weigh(gates[token, place, None], expert(x[token]))
    return out


@mistake(
    "moe_forward",
    "gates not renormalised",
    "Its gates are the softmax over all experts; those of a token's k do not sum to 1.",
    "Over which logits does the softmax go?",
)
def not_renormalised(moe, x, k):
    logits = x @ moe.router.T
    return _forward(moe, x, softmax_over_all(logits, k))


@mistake(
    "moe_forward",
    "all experts",
    "It weighs all experts by the softmax over all logits; k plays no part.",
    "How many experts does a token run through?",
)
def all_experts(moe, x, k):
    return _forward(moe, x, _routes(moe, x, len(moe.experts)))


@mistake(
    "moe_forward",
    "mean of the experts",
    "It takes the plain mean of a token's k experts, without gates.",
    "Do all k experts of a token count alike?",
)
def plain_mean(moe, x, k):
    return _forward(moe, x, _routes(moe, x, k), lambda gate, made: made / k)


@mistake(
    "moe_forward",
    "sum without gates",
    "It adds the outputs of a token's k experts without their gates.",
    "What is an output multiplied by, before it is added?",
)
def plain_sum(moe, x, k):
    return _forward(moe, x, _routes(moe, x, k), lambda gate, made: made)


@mistake(
    "moe_forward",
    "with a residual",
    "It adds x to the result.",
    "Is the residual stream part of this layer?",
)
def residual(moe, x, k):
    return x + _forward(moe, x, _routes(moe, x, k))


@mistake(
    "moe_forward",
    "first expert only",
    "Each token goes to its best expert only.",
    "What are the other k − 1 for?",
)
def first_only(moe, x, k):
    experts, gates = _routes(moe, x, k)
    return _forward(moe, x, (experts[:, :1], gates[:, :1]))


@mistake(
    "moe_forward",
    "overwritten",
    "Each expert writes over what the token's other experts have put out.",
    "What stands in a token's row when its second expert comes?",
)
def overwritten(moe, x, k):
    experts, gates = _routes(moe, x, k)
    out = torch.zeros_like(x)
    for i, expert in enumerate(moe.experts):
        token, place = (experts == i).nonzero(as_tuple=True)
        out[token] = gates[token, place, None] * expert(x[token])
    return out


@mistake(
    "moe_forward",
    "gate on the input",
    "It multiplies what goes into an expert by the gate, not what comes out.",
    "Is expert(2·x) twice expert(x)?",
)
def gated_input(moe, x, k):
    experts, gates = _routes(moe, x, k)
    out = torch.zeros_like(x)
    for i, expert in enumerate(moe.experts):
        token, place = (experts == i).nonzero(as_tuple=True)
        out[token] += expert(gates[token, place, None] * x[token])
    return out


@mistake(
    "moe_forward",
    "gates of others",
    "The gates stand by falling logits, and it reads them as if by the number of the expert.",
    "Whose gate is the first in a row of gates?",
)
def gates_of_others(moe, x, k):
    experts, gates = _routes(moe, x, k)
    return _forward(moe, x, (experts.sort(dim=1).values, gates))


# --- expert_saliency ---------------------------------------------------------------------------


def _saliency(moe, x, k, routes=_routes, term=None, pool=None):
    term = term or (lambda gate, made: gate * made.norm(dim=1))
    pool = pool or (lambda terms: terms.mean() if len(terms) else 0.0)
    experts, gates = routes(moe, x, k)
    saliency = x.new_zeros(len(moe.experts))
    for i, expert in enumerate(moe.experts):
        token, place = (experts == i).nonzero(as_tuple=True)
        saliency[i] = pool(term(gates[token, place], expert(x[token])))
    return saliency


@mistake(
    "expert_saliency",
    "mean over all tokens",
    "It divides by the number of all tokens, so an expert that is seldom used scores low.",
    "Whose mean is it?",
)
def over_all_tokens(moe, x, k):
    return _saliency(moe, x, k, pool=lambda terms: terms.sum() / len(x))


@mistake(
    "expert_saliency",
    "sum for mean",
    "It adds up over the tokens and does not divide by their number.",
    "Should an expert score twice as high for being called twice as often?",
)
def summed(moe, x, k):
    return _saliency(moe, x, k, pool=lambda terms: terms.sum())


@mistake(
    "expert_saliency",
    "NaN for an idle expert",
    "It divides 0 by 0 for an expert that gets no token.",
    "What is the mean of nothing, and what does the text want there?",
)
def idle_nan(moe, x, k):
    return _saliency(moe, x, k, pool=lambda terms: terms.mean())


@mistake(
    "expert_saliency",
    "idle counted as one token",
    "It adds 1 to the number of tokens, so as not to divide by 0.",
    "What is the mean over two tokens then?",
)
def one_too_many(moe, x, k):
    return _saliency(moe, x, k, pool=lambda terms: terms.sum() / (len(terms) + 1))


@mistake(
    "expert_saliency",
    "without gates",
    "It is the mean norm of the output; the gates are left out.",
    "What is the output multiplied by before it reaches the stream?",
)
def norms_only(moe, x, k):
    return _saliency(moe, x, k, term=lambda gate, made: made.norm(dim=1))


@mistake(
    "expert_saliency",
    "gates only",
    "It is the mean gate; the outputs play no part.",
    "How much does an expert add whose output is nearly 0?",
)
def gates_only(moe, x, k):
    return _saliency(moe, x, k, term=lambda gate, made: gate)


@mistake(
    "expert_saliency",
    "gates not renormalised",
    "Its gates are the softmax over all experts, not over a token's k.",
    "What do the gates of a token sum to?",
)
def saliency_not_renormalised(moe, x, k):
    return _saliency(moe, x, k, lambda moe, x, k: softmax_over_all(x @ moe.router.T, k))


@mistake(
    "expert_saliency",
    "squared norm",
    "It takes the square of the norm.",
    "How is the L2 norm defined?",
)
def squared(moe, x, k):
    return _saliency(moe, x, k, term=lambda gate, made: gate * made.square().sum(dim=1))


@mistake(
    "expert_saliency",
    "L1 norm",
    "It adds up the absolute values of an output.",
    "Which norm does the text name?",
)
def absolute(moe, x, k):
    return _saliency(moe, x, k, term=lambda gate, made: gate * made.abs().sum(dim=1))


@mistake(
    "expert_saliency",
    "root mean square for norm",
    "It divides the norm by the square root of the width.",
    "Is a mean taken over the entries of an output?",
)
def root_mean_square(moe, x, k):
    return _saliency(moe, x, k, term=lambda gate, made: gate * made.square().mean(dim=1).sqrt())


@mistake(
    "expert_saliency",
    "mean gate times mean norm",
    "It averages gates and norms apart, and multiplies the means.",
    "Is the mean of a product the product of the means?",
)
def means_apart(moe, x, k):
    gate = _saliency(moe, x, k, term=lambda gate, made: gate)
    return gate * _saliency(moe, x, k, term=lambda gate, made: made.norm(dim=1))


@mistake(
    "expert_saliency",
    "norm of the mean",
    "It averages the gated outputs first, where opposite ones cancel, and takes the norm then.",
    "What do two opposite outputs average to?",
)
def norm_of_mean(moe, x, k):
    return _saliency(
        moe,
        x,
        k,
        term=lambda gate, made: gate[:, None] * made,
        pool=lambda terms: terms.mean(dim=0).norm() if len(terms) else 0.0,
    )


@mistake(
    "expert_saliency",
    "every token to every expert",
    "It runs all tokens through every expert, as if k were the number of experts.",
    "Over which tokens does the mean of an expert go?",
)
def every_expert(moe, x, k):
    return _saliency(moe, x, len(moe.experts))


# --- expert_counts -----------------------------------------------------------------------------


@mistake(
    "expert_counts",
    "first choices only",
    "It counts the best expert of each token only.",
    "To how many experts is a token routed?",
)
def first_choices(moe, x, k):
    experts, _ = _routes(moe, x, k)
    return experts[:, 0].bincount(minlength=len(moe.experts))


@mistake(
    "expert_counts",
    "as long as the last that is used",
    "The result ends with the last expert that gets a token.",
    "How long is bincount's result?",
)
def too_short(moe, x, k):
    return _routes(moe, x, k)[0].flatten().bincount()


@mistake(
    "expert_counts",
    "only those that are used",
    "It has no entries for experts that get no token.",
    "How does `unique` show a value that is not there?",
)
def used_only(moe, x, k):
    return _routes(moe, x, k)[0].unique(return_counts=True)[1]


@mistake(
    "expert_counts",
    "gates added up",
    "It adds up gates, not tokens.",
    "Does a token with a small gate count less here?",
)
def gates_added(moe, x, k):
    experts, gates = _routes(moe, x, k)
    return x.new_zeros(len(moe.experts)).index_add(0, experts.flatten(), gates.flatten())


@mistake(
    "expert_counts",
    "shares for counts",
    "It returns shares, not numbers of tokens.",
    "What do the counts sum to?",
)
def shares(moe, x, k):
    counts = _routes(moe, x, k)[0].flatten().bincount(minlength=len(moe.experts))
    return counts / counts.sum()


@mistake(
    "expert_counts",
    "a repeated index added once",
    "It adds 1 at all routed experts at once, where an index that is there twice counts once.",
    "What does x[index] += 1 do when index holds a number twice?",
)
def added_once(moe, x, k):
    counts = torch.zeros(len(moe.experts), dtype=torch.int64)
    counts[_routes(moe, x, k)[0].flatten()] += 1
    return counts


# --- prune_experts -----------------------------------------------------------------------------


@mistake(
    "prune_experts",
    "in the order of keep",
    "The experts stand in the order of `keep`, not in the original's.",
    "What does keep = [2, 0] mean for the order?",
)
def order_of_keep(moe, keep):
    return replace(moe, router=moe.router[keep], experts=tuple(moe.experts[i] for i in keep))


@mistake(
    "prune_experts",
    "dropped for kept",
    "It removes the experts in `keep`, and keeps the others.",
    "Does the list name what stays, or what goes?",
)
def dropped(moe, keep):
    left = [i for i in range(len(moe.experts)) if i not in keep]
    return replace(moe, router=moe.router[left], experts=tuple(moe.experts[i] for i in left))


@mistake(
    "prune_experts",
    "router left whole",
    "The experts go, and their rows of the router stay.",
    "To which expert does logit 3 belong, when two are left?",
)
def whole_router(moe, keep):
    return replace(
        moe, router=moe.router.clone(), experts=tuple(moe.experts[i] for i in sorted(keep))
    )


@mistake(
    "prune_experts",
    "rows at 0 for rows gone",
    "It zeroes the rows of the router and leaves all experts in place: a logit of 0 can still win.",
    "Which logit is never among the largest: 0?",
)
def zeroed(moe, keep):
    router = torch.zeros_like(moe.router)
    router[keep] = moe.router[keep]
    return replace(moe, router=router)


@mistake(
    "prune_experts",
    "the first rows of the router",
    "It keeps the first rows of the router, whichever experts are kept.",
    "Which row scores expert 2?",
)
def first_rows(moe, keep):
    return replace(
        moe,
        router=moe.router[: len(keep)].clone(),
        experts=tuple(moe.experts[i] for i in sorted(keep)),
    )


@mistake(
    "prune_experts",
    "rows and experts in different orders",
    "Rows of the router come in the order of `keep`, experts in the original's: they do not match.",
    "Which expert does each row of the router score?",
)
def mismatched(moe, keep):
    return replace(
        moe, router=moe.router[keep], experts=tuple(moe.experts[i] for i in sorted(keep))
    )


@mistake(
    "prune_experts",
    "columns of the router",
    "It cuts columns of the router, which belong to the width of the model.",
    "Which dimension of the router counts experts?",
)
def columns(moe, keep):
    keep = sorted(keep)
    columns = [i % moe.router.shape[1] for i in keep]
    return replace(moe, router=moe.router[:, columns], experts=tuple(moe.experts[i] for i in keep))
