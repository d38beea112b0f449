"""Wrong answers that people really give for m02."""

import torch

from tests.grading import mistake

# --- layer_hessian -------------------------------------------------------------------------


def _tokens(batches):
    return torch.cat([batch.reshape(-1, batch.shape[-1]) for batch in batches])


def _undamped(tokens):
    return 2 / len(tokens) * tokens.T @ tokens


def _damped(hessian, damping):
    return hessian + damping * hessian.diagonal().mean() * torch.eye(len(hessian)).to(hessian)


@mistake(
    "layer_hessian",
    "the factor 2 left out",
    "It returns the mean of x xᵀ: the second derivative of a square has a factor 2.",
    "What is the second derivative of a²?",
)
def without_2(batches, damping=0.01):
    return _damped(_undamped(_tokens(batches)) / 2, damping)


@mistake(
    "layer_hessian",
    "a sum, not a mean",
    "It does not divide by the number of tokens.",
    "Should the Hessian double when every token comes twice?",
)
def not_divided(batches, damping=0.01):
    tokens = _tokens(batches)
    return _damped(2 * tokens.T @ tokens, damping)


@mistake(
    "layer_hessian",
    "divided by the number of sequences",
    "It divides by the number of sequences, as the released code does.",
    "What is N in the definition: sequences or tokens?",
)
def per_sequence(batches, damping=0.01):
    tokens = _tokens(batches)
    count = sum(batch.shape[0] if batch.ndim > 2 else 1 for batch in batches)
    return _damped(2 / count * tokens.T @ tokens, damping)


@mistake(
    "layer_hessian",
    "mean of the batches' Hessians",
    "It averages the Hessians of the batches, whatever their sizes.",
    "One batch has 1 token, another 7. Does each token count the same?",
)
def mean_of_batches(batches, damping=0.01):
    each = [_undamped(_tokens([batch])) for batch in batches]
    return _damped(sum(each) / len(each), damping)


@mistake(
    "layer_hessian",
    "the last batch alone",
    "It overwrites its sum with each batch.",
    "What is left of the first batch after the second?",
)
def last_batch(batches, damping=0.01):
    return _damped(_undamped(_tokens(batches[-1:])), damping)


@mistake(
    "layer_hessian",
    "tokens by tokens",
    "It multiplies x by xᵀ the other way round: a matrix of tokens, not of features.",
    "What is the shape of H, and what that of yours?",
)
def of_tokens(batches, damping=0.01):
    tokens = _tokens(batches)
    return _damped(2 / len(tokens) * tokens @ tokens.T, damping)


@mistake(
    "layer_hessian",
    "centred features",
    "It takes the mean of each feature off first: a covariance.",
    "Does the layer see the features with or without their mean?",
)
def centred(batches, damping=0.01):
    tokens = _tokens(batches)
    return _damped(_undamped(tokens - tokens.mean(dim=0)), damping)


@mistake(
    "layer_hessian",
    "damping as it is",
    "It adds the damping itself to the diagonal, and not a share of the mean diagonal.",
    "Is 0.01 much or little? Compared with what?",
)
def absolute_damping(batches, damping=0.01):
    hessian = _undamped(_tokens(batches))
    return hessian + damping * torch.eye(len(hessian)).to(hessian)


@mistake(
    "layer_hessian",
    "each diagonal entry damped by itself",
    "It multiplies each diagonal entry by 1 + damping: a feature that is always 0 stays singular.",
    "Is the same number added to every diagonal entry?",
)
def own_damping(batches, damping=0.01):
    hessian = _undamped(_tokens(batches))
    return hessian + damping * torch.diag(hessian.diagonal())


@mistake(
    "layer_hessian",
    "damping everywhere",
    "It adds the damping to all entries of H, not to the diagonal.",
    "What does a number do when it is added to a matrix?",
)
def damping_everywhere(batches, damping=0.01):
    hessian = _undamped(_tokens(batches))
    return hessian + damping * hessian.diagonal().mean()


@mistake(
    "layer_hessian",
    "damping by the whole mean",
    "It takes the mean of all entries of H, not that of the diagonal.",
    "Which entries does the text average?",
)
def mean_of_all(batches, damping=0.01):
    hessian = _undamped(_tokens(batches))
    return hessian + damping * hessian.mean() * torch.eye(len(hessian)).to(hessian)


@mistake(
    "layer_hessian",
    "damping by the trace",
    "It takes the sum of the diagonal, not its mean.",
    "By what is a sum divided to become a mean?",
)
def trace_damping(batches, damping=0.01):
    return _damped(_undamped(_tokens(batches)), damping * batches[0].shape[-1])


@mistake(
    "layer_hessian",
    "no damping",
    "It adds nothing to the diagonal.",
    "Which of the arguments do you not use?",
)
def no_damping(batches, damping=0.01):
    return _undamped(_tokens(batches))


@mistake(
    "layer_hessian",
    "always a hundredth",
    "It damps by 0.01 whatever is asked for.",
    "Which of the arguments do you not use?",
)
def always_a_hundredth(batches, damping=0.01):
    return _damped(_undamped(_tokens(batches)), 0.01)


# --- output_error --------------------------------------------------------------------------


@mistake(
    "output_error",
    "the half left out",
    "It returns Σ δᵀ H δ without the ½.",
    "H has a factor 2 in it. What takes it back?",
)
def without_half(weight, pruned, hessian):
    change = pruned - weight
    return float(((change @ hessian) * change).sum())


@mistake(
    "output_error",
    "mean over the rows",
    "It averages over the rows; they are added.",
    "Does a layer with more outputs lose less?",
)
def mean_of_rows(weight, pruned, hessian):
    return without_half(weight, pruned, hessian) / 2 / len(weight)


@mistake(
    "output_error",
    "rows mixed",
    "It sums all of δ H δᵀ, also what lies between two different rows.",
    "Which entries of δ H δᵀ belong to one row alone?",
)
def rows_mixed(weight, pruned, hessian):
    change = pruned - weight
    return 0.5 * float((change @ hessian @ change.T).sum())


@mistake(
    "output_error",
    "diagonal of H only",
    "It leaves the off-diagonal of H out.",
    "Two changes on correlated features: do they cost as much as each on its own?",
)
def diagonal_only(weight, pruned, hessian):
    change = pruned - weight
    return 0.5 * float((change**2 * hessian.diagonal()).sum())


@mistake(
    "output_error",
    "H left out",
    "It returns half the squared change of the weights, not that of the output.",
    "Which of the arguments do you not use?",
)
def without_hessian(weight, pruned, hessian):
    return 0.5 * float(((pruned - weight) ** 2).sum())


@mistake(
    "output_error",
    "root of it",
    "It returns the root of the error.",
    "Double the change. By which factor does the error grow?",
)
def rooted(weight, pruned, hessian):
    return (0.5 * abs(without_half(weight, pruned, hessian))) ** 0.5


@mistake(
    "output_error",
    "of the pruned weight itself",
    "It measures the output of pruned, not the change of the output.",
    "What should the error be when nothing was changed?",
)
def of_pruned(weight, pruned, hessian):
    return 0.5 * float(((pruned @ hessian) * pruned).sum())


@mistake(
    "output_error",
    "H applied twice",
    "It returns ½ ‖H δ‖².",
    "How often does H stand between δᵀ and δ?",
)
def hessian_twice(weight, pruned, hessian):
    return 0.5 * float((((pruned - weight) @ hessian) ** 2).sum())


# --- best_weights --------------------------------------------------------------------------


def _rows(weight, mask, one):
    best = torch.zeros_like(weight)
    for i, (row, kept) in enumerate(zip(weight, mask)):
        best[i, kept] = one(row, kept)
    return best


@mistake(
    "best_weights",
    "masking alone",
    "It zeroes what goes and leaves the rest as it was.",
    "Which of the arguments do you not use?",
)
def masked_only(weight, mask, hessian):
    return weight * mask


@mistake(
    "best_weights",
    "wrong sign",
    "It subtracts the correction.",
    "Two features are equal and one weight goes. Should the other grow by it or shrink?",
)
def wrong_sign(weight, mask, hessian):
    def one(row, k):
        step = torch.linalg.solve(hessian[k][:, k], hessian[k][:, ~k] @ row[~k])
        return row[k] - step

    return _rows(weight, mask, one)


@mistake(
    "best_weights",
    "piece of the full inverse",
    "It uses (H⁻¹)_KK where (H_KK)⁻¹ belongs.",
    "Is a piece of an inverse the inverse of that piece?",
)
def full_inverse(weight, mask, hessian):
    inverse = torch.linalg.inv(hessian)
    return _rows(weight, mask, lambda w, k: w[k] + inverse[k][:, k] @ hessian[k][:, ~k] @ w[~k])


@mistake(
    "best_weights",
    "inverse of the removed",
    "It solves with H_RR, the Hessian of what is removed.",
    "Which weights are free to move?",
)
def inverse_of_removed(weight, mask, hessian):
    return _rows(
        weight,
        mask,
        lambda w, k: w[k] + hessian[k][:, ~k] @ torch.linalg.solve(hessian[~k][:, ~k], w[~k]),
    )


@mistake(
    "best_weights",
    "no inverse",
    "It adds H_KR w_R without solving for it.",
    "In which unit is H w, and in which is w?",
)
def no_inverse(weight, mask, hessian):
    return _rows(weight, mask, lambda w, k: w[k] + hessian[k][:, ~k] @ w[~k])


@mistake(
    "best_weights",
    "diagonal of H_KK",
    "It divides by the diagonal of H_KK: the kept weights do not know of each other.",
    "Two kept features are equal. Do both make up for all of the loss?",
)
def diagonal_solve(weight, mask, hessian):
    return _rows(
        weight,
        mask,
        lambda w, k: w[k] + hessian[k][:, ~k] @ w[~k] / hessian.diagonal()[k],
    )


@mistake(
    "best_weights",
    "the correction alone",
    "It returns the correction without the weights that it corrects.",
    "What should come back where nothing is removed?",
)
def correction_alone(weight, mask, hessian):
    return _rows(
        weight, mask, lambda w, k: torch.linalg.solve(hessian[k][:, k], hessian[k][:, ~k] @ w[~k])
    )


@mistake(
    "best_weights",
    "each removal on its own",
    "It adds up the Optimal Brain Surgeon updates of the removed weights, all from the one H⁻¹.",
    "After one weight has gone, which H⁻¹ holds for the next?",
)
def independent_removals(weight, mask, hessian):
    inverse = torch.linalg.inv(hessian)
    return (weight - (weight * ~mask / inverse.diagonal()) @ inverse) * mask


@mistake(
    "best_weights",
    "only to the right",
    "It goes through the columns and lets only those to the right make up: that is SparseGPT.",
    "May a column to the left move too, if it is kept?",
)
def only_to_the_right(weight, mask, hessian):
    current = weight.clone()
    for j in range(weight.shape[1] - 1):
        step = torch.linalg.solve(hessian[j + 1 :, j + 1 :], hessian[j + 1 :, j])
        current[:, j + 1 :] += torch.outer(current[:, j] * ~mask[:, j], step)
    return current * mask


@mistake(
    "best_weights",
    "first row's mask for all",
    "It solves with the mask of the first row for every row.",
    "Does every row keep the same inputs?",
)
def first_mask(weight, mask, hessian):
    k = mask[0]
    best = torch.zeros_like(weight)
    best[:, k] = torch.linalg.solve(hessian[k][:, k], hessian[k] @ weight.T).T
    return best


@mistake(
    "best_weights",
    "one system for all rows",
    "It solves once, with the inputs that any row keeps, and masks afterwards.",
    "Which inputs may the weights of this one row use?",
)
def one_system(weight, mask, hessian):
    k = mask.any(dim=0)
    best = torch.zeros_like(weight)
    best[:, k] = torch.linalg.solve(hessian[k][:, k], hessian[k] @ weight.T).T
    return best * mask


@mistake(
    "best_weights",
    "float32 inside",
    "It computes in float32 whatever came: half of the digits are lost.",
    "How many digits has a float64, and how many are left after `.float()`?",
)
def single_inside(weight, mask, hessian):
    h = hessian.float()
    best = _rows(weight.float(), mask, lambda w, k: torch.linalg.solve(h[k][:, k], h[k] @ w))
    return best.to(weight.dtype)


@mistake(
    "best_weights",
    "removed weights still there",
    "It corrects what is kept and leaves the removed weights in place.",
    "What is the value of a removed weight?",
)
def still_there(weight, mask, hessian):
    fitted = _rows(weight, mask, lambda w, k: torch.linalg.solve(hessian[k][:, k], hessian[k] @ w))
    return torch.where(mask, fitted, weight)


@mistake(
    "best_weights",
    "True taken for removed",
    "It keeps what the mask removes.",
    "What does True mean in a mask here?",
)
def inverted_mask(weight, mask, hessian):
    return _rows(weight, ~mask, lambda w, k: torch.linalg.solve(hessian[k][:, k], hessian[k] @ w))


@mistake(
    "best_weights",
    "rescaled",
    "It scales the kept weights so that the row keeps its norm.",
    "What does the Hessian say about which weights should grow?",
)
def rescaled(weight, mask, hessian):
    kept = weight * mask
    return kept * (weight.norm(dim=1) / kept.norm(dim=1).clamp(min=1e-12))[:, None]


# --- sparsegpt -----------------------------------------------------------------------------


def _factor(hessian):
    return torch.linalg.cholesky(torch.linalg.inv(hessian.double()), upper=True)


def _lowest_go(scores, sparsity, count=None):
    removed = round(float(sparsity) * scores.numel()) if count is None else count
    keep = torch.ones(scores.numel(), dtype=torch.bool)
    keep[scores.flatten().argsort()[:removed]] = False
    return keep.reshape(scores.shape)


def _one_pass(weight, hessian, choose, block, update=None):
    """The right pass, with a choice (or an update) of one's own."""
    current, upper = weight.double().clone(), _factor(hessian)
    mask = torch.ones_like(weight, dtype=torch.bool)
    for start in range(0, weight.shape[1], block):
        part = slice(start, min(start + block, weight.shape[1]))
        mask[:, part] = choose(current[:, part], upper.diagonal()[part] ** 2, part)
        for j in range(part.start, part.stop):
            lost = current[:, j] * ~mask[:, j]
            if update is not None:
                update(current, lost, j, part)
            else:
                current[:, j:] -= torch.outer(lost, upper[j, j:] / upper[j, j])
    return (current * mask).to(weight.dtype), mask


def _usual(sparsity):
    return lambda w, d, part: _lowest_go(w**2 / d, sparsity)


@mistake(
    "sparsegpt",
    "scores of the first weights",
    "It scores all blocks with the original weights, before any update.",
    "When a block begins, which weights does it hold?",
)
def first_weights(weight, hessian, sparsity, block=128):
    return _one_pass(
        weight,
        hessian,
        lambda w, d, part: _lowest_go(weight.double()[:, part] ** 2 / d, sparsity),
        block,
    )


@mistake(
    "sparsegpt",
    "one mask for all",
    "It chooses one mask over the whole matrix before it begins.",
    "What is the argument `block` for?",
)
def one_mask(weight, hessian, sparsity, block=128):
    return _one_pass(weight, hessian, _usual(sparsity), weight.shape[1])


@mistake(
    "sparsegpt",
    "a mask for each column",
    "It chooses anew at every column: each loses its own share.",
    "Over how many columns is the count taken?",
)
def each_column(weight, hessian, sparsity, block=128):
    return _one_pass(weight, hessian, _usual(sparsity), 1)


@mistake(
    "sparsegpt",
    "a mask for each row",
    "It takes the share of every row in a block, not that of the block.",
    "Must two rows lose equally many in a block?",
)
def each_row(weight, hessian, sparsity, block=128):
    def choose(w, d, part):
        return torch.stack([_lowest_go(row, sparsity) for row in w**2 / d])

    return _one_pass(weight, hessian, choose, block)


@mistake(
    "sparsegpt",
    "magnitude for the score",
    "It chooses by |w| alone.",
    "Are all inputs equally easy to replace?",
)
def by_magnitude(weight, hessian, sparsity, block=128):
    return _one_pass(weight, hessian, lambda w, d, part: _lowest_go(w**2, sparsity), block)


@mistake(
    "sparsegpt",
    "diagonal of the full inverse",
    "It divides by the diagonal of H⁻¹, which counts on columns that are already done.",
    "Which columns can still make up for column j?",
)
def full_inverse_scores(weight, hessian, sparsity, block=128):
    full = torch.linalg.inv(hessian.double()).diagonal()
    return _one_pass(
        weight, hessian, lambda w, d, part: _lowest_go(w**2 / full[part], sparsity), block
    )


@mistake(
    "sparsegpt",
    "square forgotten",
    "It divides w² by the entry of the Cholesky factor, not by its square.",
    "Of which matrix is d_j a diagonal entry, and how is U_jj related to it?",
)
def square_forgotten(weight, hessian, sparsity, block=128):
    return _one_pass(
        weight, hessian, lambda w, d, part: _lowest_go(w**2 / d.sqrt(), sparsity), block
    )


@mistake(
    "sparsegpt",
    "Wanda's score",
    "It scores by w² · H_jj, as if the features were uncorrelated.",
    "What is the first diagonal entry of an inverse when the matrix is not diagonal?",
)
def wanda_score(weight, hessian, sparsity, block=128):
    h = hessian.double().diagonal()
    return _one_pass(
        weight, hessian, lambda w, d, part: _lowest_go(w**2 * h[part], sparsity), block
    )


@mistake(
    "sparsegpt",
    "count cut off",
    "It cuts the count off where it is to be rounded.",
    "How many of 6 go at a sparsity of 0.3?",
)
def truncated(weight, hessian, sparsity, block=128):
    return _one_pass(
        weight,
        hessian,
        lambda w, d, part: _lowest_go(w**2 / d, sparsity, int(float(sparsity) * w.numel())),
        block,
    )


@mistake(
    "sparsegpt",
    "threshold with ≤",
    "It takes the entry at the count as a threshold and removes what is ≤ it: one too many.",
    "Of sorted scores s[0], s[1], …, which is the last of the first k?",
)
def threshold(weight, hessian, sparsity, block=128):
    def choose(w, d, part):
        scores = w**2 / d
        return scores > scores.flatten().sort().values[int(float(sparsity) * scores.numel())]

    return _one_pass(weight, hessian, choose, block)


@mistake(
    "sparsegpt",
    "the highest go",
    "It removes the entries of highest score.",
    "In which direction does your sort go?",
)
def highest_go(weight, hessian, sparsity, block=128):
    return _one_pass(weight, hessian, lambda w, d, part: _lowest_go(-(w**2) / d, sparsity), block)


@mistake(
    "sparsegpt",
    "nothing made up for",
    "It masks and does not update the weights that stay.",
    "What happens to the columns to the right when an entry goes?",
)
def no_update(weight, hessian, sparsity, block=128):
    return _one_pass(weight, hessian, _usual(sparsity), block, lambda *args: None)


@mistake(
    "sparsegpt",
    "the end of the block is a wall",
    "It makes up within the block alone; later blocks never hear of it.",
    "Which columns lie to the right of the last one of a block?",
)
def within_the_block(weight, hessian, sparsity, block=128):
    upper = _factor(hessian)

    def update(current, lost, j, part):
        current[:, j : part.stop] -= torch.outer(lost, upper[j, j : part.stop] / upper[j, j])

    return _one_pass(weight, hessian, _usual(sparsity), block, update)


@mistake(
    "sparsegpt",
    "full inverse for the update",
    "It updates with column j of the full H⁻¹, as if the columns before it could still move.",
    "Which columns can still make up for column j?",
)
def full_inverse_update(weight, hessian, sparsity, block=128):
    inverse = torch.linalg.inv(hessian.double())

    def update(current, lost, j, part):
        current[:, j:] -= torch.outer(lost, inverse[j, j:] / inverse[j, j])

    return _one_pass(weight, hessian, _usual(sparsity), block, update)


@mistake(
    "sparsegpt",
    "all columns updated",
    "It lets columns to the left move as well, with the full inverse: they were final.",
    "May a column change that is already done?",
)
def all_updated(weight, hessian, sparsity, block=128):
    inverse = torch.linalg.inv(hessian.double())

    def update(current, lost, j, part):
        current -= torch.outer(lost, inverse[j] / inverse[j, j])

    return _one_pass(weight, hessian, _usual(sparsity), block, update)


@mistake(
    "sparsegpt",
    "update with the wrong sign",
    "It moves the columns to the right the wrong way.",
    "Two features are equal and one weight goes. Should the other grow by it or shrink?",
)
def update_wrong_sign(weight, hessian, sparsity, block=128):
    upper = _factor(hessian)

    def update(current, lost, j, part):
        current[:, j + 1 :] += torch.outer(lost, upper[j, j + 1 :] / upper[j, j])

    return _one_pass(weight, hessian, _usual(sparsity), block, update)


@mistake(
    "sparsegpt",
    "factor not divided by its diagonal",
    "It subtracts lost · U[j, j+1:], without dividing by U_jj.",
    "By how much must w_j itself move, and by how much does your update move it?",
)
def not_divided_by_diagonal(weight, hessian, sparsity, block=128):
    upper = _factor(hessian)

    def update(current, lost, j, part):
        current[:, j + 1 :] -= torch.outer(lost, upper[j, j + 1 :])

    return _one_pass(weight, hessian, _usual(sparsity), block, update)


@mistake(
    "sparsegpt",
    "what the first weight lost",
    "It makes up for the original entry, not for what it has become.",
    "What was in column j just before it went?",
)
def original_lost(weight, hessian, sparsity, block=128):
    upper = _factor(hessian)

    def update(current, lost, j, part):
        was = weight.double()[:, j] * (lost != 0)
        current[:, j + 1 :] -= torch.outer(was, upper[j, j + 1 :] / upper[j, j])

    return _one_pass(weight, hessian, _usual(sparsity), block, update)


@mistake(
    "sparsegpt",
    "best weights at the end",
    "It solves for the best weights of its mask at the end: kept entries were final.",
    "May a column change that is already done?",
)
def refitted(weight, hessian, sparsity, block=128):
    _, mask = _one_pass(weight, hessian, _usual(sparsity), block)
    h = hessian.double()
    best = _rows(weight.double(), mask, lambda w, k: torch.linalg.solve(h[k][:, k], h[k] @ w))
    return best.to(weight.dtype), mask


@mistake(
    "sparsegpt",
    "True for what goes",
    "Its mask is True where a weight was removed.",
    "What does True mean in a mask here?",
)
def inverted(weight, hessian, sparsity, block=128):
    value, mask = _one_pass(weight, hessian, _usual(sparsity), block)
    return value, ~mask


@mistake(
    "sparsegpt",
    "the weight alone",
    "It returns the new weight without its mask.",
    "How many things does the text ask for?",
)
def weight_alone(weight, hessian, sparsity, block=128):
    return _one_pass(weight, hessian, _usual(sparsity), block)[0]


@mistake(
    "sparsegpt",
    "float64 comes back",
    "It returns the weight in the dtype in which it computed.",
    "What is the dtype of what you were given?",
)
def stays_double(weight, hessian, sparsity, block=128):
    value, mask = _one_pass(weight.double(), hessian, _usual(sparsity), block)
    return value, mask
