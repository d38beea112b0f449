"""Wrong answers that people really give for m01."""

import torch

from tests.grading import mistake


def _tokens(batches):
    return torch.cat([batch.reshape(-1, batch.shape[-1]) for batch in batches])


# --- feature_norms -------------------------------------------------------------------------


@mistake(
    "feature_norms",
    "mean of the batches' norms",
    "It takes the norm of each batch and averages them.",
    "Split one batch in two. Should the norm become smaller?",
)
def mean_of_norms(batches):
    return torch.stack([_tokens([batch]).norm(dim=0) for batch in batches]).mean(dim=0)


@mistake(
    "feature_norms",
    "sum of the batches' norms",
    "It adds the norms of the batches; their squares add.",
    "A feature is 3 in one batch and 4 in another. What is its norm?",
)
def sum_of_norms(batches):
    return torch.stack([_tokens([batch]).norm(dim=0) for batch in batches]).sum(dim=0)


@mistake(
    "feature_norms",
    "RMS over the tokens",
    "It divides by the number of tokens: a root mean square.",
    "Which letter for a number of tokens is there in the definition?",
)
def rms(batches):
    return _tokens(batches).square().mean(dim=0).sqrt()


@mistake(
    "feature_norms",
    "divided by the number of sequences",
    "It divides the squares by the number of sequences, as the released code does.",
    "Does a sequence count in the definition, or only its tokens?",
)
def per_sequence(batches):
    count = sum(batch.shape[0] if batch.ndim > 2 else 1 for batch in batches)
    return (_tokens(batches).square().sum(dim=0) / count).sqrt()


@mistake(
    "feature_norms",
    "squares without the root",
    "It returns the sum of squares, and not its root.",
    "Double all tokens. By which factor should a norm grow?",
)
def no_root(batches):
    return _tokens(batches).square().sum(dim=0)


@mistake(
    "feature_norms",
    "sum of magnitudes",
    "It returns the L1 norm.",
    "What is the L2 norm of (3, 4)?",
)
def l1(batches):
    return _tokens(batches).abs().sum(dim=0)


@mistake(
    "feature_norms",
    "largest magnitude",
    "It returns the largest magnitude of each feature: one token decides.",
    "What do the other tokens add?",
)
def largest(batches):
    return _tokens(batches).abs().amax(dim=0)


@mistake(
    "feature_norms",
    "a norm for each token",
    "It takes the norm over the features of a token, not over the tokens of a feature.",
    "How many numbers do you return, and how many features are there?",
)
def norm_of_tokens(batches):
    return _tokens(batches).norm(dim=1)


@mistake(
    "feature_norms",
    "the last batch alone",
    "It overwrites its result with each batch.",
    "What is left of the first batch after the second?",
)
def last_batch(batches):
    return _tokens(batches[-1:]).norm(dim=0)


@mistake(
    "feature_norms",
    "the first batch alone",
    "It looks at the first batch and no other.",
    "What are the other batches for?",
)
def first_batch(batches):
    return _tokens(batches[:1]).norm(dim=0)


@mistake(
    "feature_norms",
    "first dimension only",
    "It takes each norm over the first dimension alone and averages over the others.",
    "Which dimensions of (2, 5, in) hold tokens?",
)
def first_dimension(batches):
    squares = []
    for batch in batches:
        norm = batch.norm(dim=0)
        squares.append(norm.reshape(-1, batch.shape[-1]).mean(dim=0).square())
    return sum(squares).sqrt()


@mistake(
    "feature_norms",
    "centred",
    "It takes the mean of each feature off first: a spread, not a norm.",
    "A feature is 100 on every token. Is it quiet?",
)
def centred(batches):
    tokens = _tokens(batches)
    return (tokens - tokens.mean(dim=0)).norm(dim=0)


@mistake(
    "feature_norms",
    "float32 whatever came",
    "It computes in float32; the dtype of the batches is kept.",
    "What is the dtype of what you return when float64 comes in?",
)
def single(batches):
    return _tokens(batches).float().norm(dim=0)


# --- wanda_scores --------------------------------------------------------------------------


@mistake(
    "wanda_scores",
    "signed weights",
    "It leaves the sign of the weight: the most negative score goes first.",
    "Is a weight of −5 less important than one of 0.1?",
)
def signed(weight, norms):
    return weight * norms


@mistake(
    "wanda_scores",
    "squared norms",
    "It multiplies by the square of the norm.",
    "A feature doubles on all tokens. By which factor does the change of the output grow?",
)
def squared_norms(weight, norms):
    return weight.abs() * norms**2


@mistake(
    "wanda_scores",
    "both squared",
    "It returns the square of the score: the same order, another number.",
    "What is |−3| · 2?",
)
def both_squared(weight, norms):
    return (weight * norms) ** 2


@mistake(
    "wanda_scores",
    "squared weights",
    "It squares the weight and not the norm.",
    "What does the score become when a weight is doubled?",
)
def squared_weights(weight, norms):
    return weight**2 * norms


@mistake(
    "wanda_scores",
    "root of the norms",
    "It takes the root of the norms, as if they were squared ones.",
    "Did anyone square what you were given?",
)
def rooted_norms(weight, norms):
    return weight.abs() * norms.sqrt()


@mistake(
    "wanda_scores",
    "norms left out",
    "It returns the magnitudes of the weights.",
    "Which of the arguments do you not use?",
)
def magnitude_scores(weight, norms):
    return weight.abs()


@mistake(
    "wanda_scores",
    "divided by the norms",
    "It divides by the norms.",
    "Does a weight on a large feature matter more or less?",
)
def divided(weight, norms):
    return weight.abs() / norms


@mistake(
    "wanda_scores",
    "summed over the inputs",
    "It takes the matrix product: one number for each output.",
    "How many weights are there, and how many scores do you return?",
)
def summed(weight, norms):
    return weight.abs() @ norms


@mistake(
    "wanda_scores",
    "norms on the wrong axis",
    "It lets the norms run along the outputs.",
    "Norm j belongs to input j. Which index of weight is the input?",
)
def wrong_axis(weight, norms):
    return weight.abs() * norms[:, None]


@mistake(
    "wanda_scores",
    "relative to the row",
    "It divides each row by its sum: shares, which is another method.",
    "What do you do to the scale of a row, and where does the text ask for it?",
)
def shares(weight, norms):
    scores = weight.abs() * norms
    return scores / scores.sum(dim=1, keepdim=True)


# --- wanda_mask ----------------------------------------------------------------------------


def _scores(weight, norms):
    return weight.abs() * norms


def _lose(scores, removed, dim=1):
    lowest = scores.argsort(dim=dim).narrow(dim, 0, removed)
    return torch.ones_like(scores, dtype=torch.bool).scatter(dim, lowest, False)


def _count(weight, sparsity):
    return round(float(sparsity) * weight.shape[1])


@mistake(
    "wanda_mask",
    "the whole matrix compared",
    "It ranks all scores of the matrix together.",
    "Count what each row loses. Is it the same everywhere?",
)
def whole_matrix(weight, norms, sparsity):
    scores = _scores(weight, norms)
    removed = round(float(sparsity) * scores.numel())
    return _lose(scores.reshape(1, -1), removed).reshape(weight.shape)


@mistake(
    "wanda_mask",
    "columns compared",
    "It ranks the scores of an input over all outputs: every column loses as many.",
    "Which scores belong to one output: a row or a column?",
)
def by_columns(weight, norms, sparsity):
    return _lose(_scores(weight, norms), round(float(sparsity) * weight.shape[0]), dim=0)


@mistake(
    "wanda_mask",
    "magnitude alone",
    "It ranks the weights and leaves the norms out.",
    "Which of the arguments do you not use?",
)
def magnitude_mask(weight, norms, sparsity):
    return _lose(weight.abs(), _count(weight, sparsity))


@mistake(
    "wanda_mask",
    "squared norms in the mask",
    "It ranks |weight| · norm²: outliers count twice.",
    "Which power of the norm does the score hold?",
)
def mask_squared_norms(weight, norms, sparsity):
    return _lose(weight.abs() * norms**2, _count(weight, sparsity))


@mistake(
    "wanda_mask",
    "ranked with the sign",
    "It ranks weight · norm: the most negative weights go first.",
    "Is a large negative weight unimportant?",
)
def mask_signed(weight, norms, sparsity):
    return _lose(weight * norms, _count(weight, sparsity))


@mistake(
    "wanda_mask",
    "the norms alone",
    "It removes the same quiet inputs in every row.",
    "What do the weights say?",
)
def norms_alone(weight, norms, sparsity):
    return _lose(norms.expand(weight.shape), _count(weight, sparsity))


@mistake(
    "wanda_mask",
    "True for what goes",
    "It returns True where a weight is removed.",
    "What does True mean in a mask here?",
)
def inverted(weight, norms, sparsity):
    return ~_lose(_scores(weight, norms), _count(weight, sparsity))


@mistake(
    "wanda_mask",
    "the highest go",
    "It removes the highest scores.",
    "In which direction does your sort go?",
)
def highest_go(weight, norms, sparsity):
    return _lose(-_scores(weight, norms), _count(weight, sparsity))


@mistake(
    "wanda_mask",
    "count cut off",
    "It cuts the count off, int(sparsity · in), where it is to be rounded.",
    "How many of 5 go at a sparsity of 0.35?",
)
def truncated(weight, norms, sparsity):
    return _lose(_scores(weight, norms), int(float(sparsity) * weight.shape[1]))


@mistake(
    "wanda_mask",
    "count of the kept rounded",
    "It keeps round((1 − sparsity) · in): at a half one more or fewer goes.",
    "Which of the two numbers, kept or removed, does the text round?",
)
def kept_rounded(weight, norms, sparsity):
    columns = weight.shape[1]
    return _lose(_scores(weight, norms), columns - round((1 - float(sparsity)) * columns))


@mistake(
    "wanda_mask",
    "halves rounded up",
    "It rounds every half up; Python's round goes to the even neighbour.",
    "What is round(2.5)?",
)
def halves_up(weight, norms, sparsity):
    return _lose(_scores(weight, norms), int(float(sparsity) * weight.shape[1] + 0.5))


@mistake(
    "wanda_mask",
    "threshold with ≤",
    "It sorts, takes the entry at the count as a threshold and removes what is ≤ it: one too many.",
    "Of sorted scores s[0], s[1], …, which is the last of the first k?",
)
def threshold(weight, norms, sparsity):
    scores = _scores(weight, norms)
    limit = scores.sort(dim=1).values[:, _count(weight, sparsity)]
    return scores > limit[:, None]


@mistake(
    "wanda_mask",
    "ties go together",
    "It removes everything that is no higher than the last that must go: all equal scores fall.",
    "All scores of a row are equal and half must go. How many do you remove?",
)
def ties_together(weight, norms, sparsity):
    scores, removed = _scores(weight, norms), _count(weight, sparsity)
    if removed == 0:
        return torch.ones_like(scores, dtype=torch.bool)
    return scores > scores.sort(dim=1).values[:, removed - 1 : removed]


@mistake(
    "wanda_mask",
    "the pruned weight",
    "It returns the weight with zeros, and not the mask.",
    "What is the dtype of what you return?",
)
def pruned_weight(weight, norms, sparsity):
    return weight * _lose(_scores(weight, norms), _count(weight, sparsity))


@mistake(
    "wanda_mask",
    "a mask of floats",
    "It returns ones and zeros of the weight's dtype.",
    "What is the dtype of a mask here?",
)
def float_mask(weight, norms, sparsity):
    return _lose(_scores(weight, norms), _count(weight, sparsity)).to(weight.dtype)


# --- wanda_nm_mask -------------------------------------------------------------------------


def _runs(scores, n, m):
    highest = scores.reshape(-1, m).topk(n, dim=1).indices
    mask = torch.zeros_like(scores.reshape(-1, m), dtype=torch.bool).scatter(1, highest, True)
    return mask.reshape(scores.shape)


@mistake(
    "wanda_nm_mask",
    "n of m go",
    "It removes n of each run and keeps the others, as the released code names them.",
    "At 1:4, how many of four does the text keep?",
)
def n_go(weight, norms, n, m):
    return ~_runs(-_scores(weight, norms), n, m)


@mistake(
    "wanda_nm_mask",
    "the lowest stay",
    "It keeps the n of lowest score.",
    "In which direction does your sort go?",
)
def lowest_stay(weight, norms, n, m):
    return _runs(-_scores(weight, norms), n, m)


@mistake(
    "wanda_nm_mask",
    "True for what goes (n:m)",
    "It returns True where a weight is removed.",
    "What does True mean in a mask here?",
)
def nm_inverted(weight, norms, n, m):
    return ~_runs(_scores(weight, norms), n, m)


@mistake(
    "wanda_nm_mask",
    "magnitude alone (n:m)",
    "It ranks the weights and leaves the norms out.",
    "Which of the arguments do you not use?",
)
def nm_magnitude(weight, norms, n, m):
    return _runs(weight.abs(), n, m)


@mistake(
    "wanda_nm_mask",
    "strided runs",
    "Its runs are every (in / m)-th input, not neighbours: reshape(m, −1) for reshape(−1, m).",
    "Which columns are in the first run?",
)
def strided(weight, norms, n, m):
    scores = _scores(weight, norms)
    order = torch.arange(scores.shape[1]).reshape(m, -1).T.flatten()
    mask = torch.empty_like(scores, dtype=torch.bool)
    mask[:, order] = _runs(scores[:, order], n, m)
    return mask


@mistake(
    "wanda_nm_mask",
    "runs down the columns",
    "Its runs go along the outputs of an input.",
    "Of what is a run made: of inputs or of outputs?",
)
def down(weight, norms, n, m):
    return _runs(_scores(weight, norms).T.contiguous(), n, m).T


@mistake(
    "wanda_nm_mask",
    "a whole row compared",
    "It keeps the share n/m of each row, wherever it lies: no run is sure of its n.",
    "Count what is kept in each run of m.",
)
def whole_row(weight, norms, n, m):
    columns = weight.shape[1]
    return _runs(_scores(weight, norms), columns * n // m, columns)


@mistake(
    "wanda_nm_mask",
    "ties stay together",
    "It keeps everything that is no lower than the n-th highest: more than n where scores are "
    "equal.",
    "All scores of a run are equal. How many do you keep?",
)
def ties_stay(weight, norms, n, m):
    runs = _scores(weight, norms).reshape(-1, m)
    return (runs >= runs.sort(dim=1, descending=True).values[:, n - 1 : n]).reshape(weight.shape)


@mistake(
    "wanda_nm_mask",
    "squared norms in the runs",
    "It ranks |weight| · norm²: outliers count twice.",
    "Which power of the norm does the score hold?",
)
def nm_squared(weight, norms, n, m):
    return _runs(weight.abs() * norms**2, n, m)


@mistake(
    "wanda_nm_mask",
    "the runs left as they are",
    "It returns the mask in the shape of the runs.",
    "What is the shape of weight, and what that of your mask?",
)
def unshaped(weight, norms, n, m):
    return _runs(_scores(weight, norms), n, m).reshape(-1, m)
