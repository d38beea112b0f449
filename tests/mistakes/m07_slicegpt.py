"""Wrong answers that people really give for m07."""

import math

import torch

from tests.grading import mistake


@mistake(
    "fold_scale",
    "divided by the scale",
    "It divides the columns by the scale.",
    "Which of the two did the norm do with its output, and must the weight now do?",
)
def divided(weight, scale):
    return weight / scale


@mistake(
    "fold_scale",
    "the scale left out",
    "It returns the weight as it was.",
    "Who multiplies by the scale now, if not the norm?",
)
def left_out(weight, scale):
    return weight.clone()


@mistake(
    "fold_scale",
    "the scale squared",
    "It multiplies by the scale twice.",
    "How often did the norm multiply?",
)
def squared(weight, scale):
    return weight * scale.square()


@mistake(
    "rms_norm",
    "mean taken off",
    "It is a LayerNorm: it takes the mean off first.",
    "Does a rotation keep the mean of a token's numbers?",
)
def layer_norm(x, eps=0.0):
    x = x - x.mean(dim=-1, keepdim=True)
    return x / (x.square().mean(dim=-1, keepdim=True) + eps).sqrt()


@mistake(
    "rms_norm",
    "divided by the length",
    "It divides by the root of the sum of squares, not of their mean.",
    "Which length has a token of `model` ones after the norm?",
)
def by_length(x, eps=0.0):
    return x / (x.square().sum(dim=-1, keepdim=True) + eps).sqrt()


@mistake(
    "rms_norm",
    "the root forgotten",
    "It divides by the mean of squares.",
    "What happens to the result when x doubles?",
)
def no_root(x, eps=0.0):
    return x / (x.square().mean(dim=-1, keepdim=True) + eps)


@mistake(
    "rms_norm",
    "eps outside the root",
    "It adds eps to the root; it belongs to the mean of squares.",
    "What stands under the root in the formula?",
)
def eps_outside(x, eps=0.0):
    return x / (x.square().mean(dim=-1, keepdim=True).sqrt() + eps)


@mistake(
    "rms_norm",
    "one norm for all tokens",
    "It takes one mean over the whole tensor.",
    "May a token's result hang on its neighbours?",
)
def all_together(x, eps=0.0):
    return x / (x.square().mean() + eps).sqrt()


def _moments(batches, change=lambda tokens: tokens):
    tokens = change(torch.cat([b.reshape(-1, b.shape[-1]) for b in batches]))
    return tokens.T @ tokens


@mistake(
    "principal_rotation",
    "rising eigenvalues",
    "It leaves the eigenvectors as eigh sorts them: the smallest first.",
    "Which directions does a slice keep, the first or the last?",
)
def rising(batches):
    return torch.linalg.eigh(_moments(batches)).eigenvectors


@mistake(
    "principal_rotation",
    "rows for columns",
    "Its rows are the eigenvectors, not its columns.",
    "x @ rotation multiplies a token by which of the two?",
)
def rows(batches):
    return torch.linalg.eigh(_moments(batches)).eigenvectors.flip(1).T


@mistake(
    "principal_rotation",
    "centred",
    "It takes the mean token off first, as a PCA of variances does.",
    "Is it Σ x xᵀ that is asked for, or the covariance?",
)
def centred(batches):
    moments = _moments(batches, lambda tokens: tokens - tokens.mean(dim=0))
    return torch.linalg.eigh(moments).eigenvectors.flip(1)


@mistake(
    "principal_rotation",
    "tokens normalised",
    "It takes the directions of the normalised tokens; here they are taken as given.",
    "Does a long token count more than a short one?",
)
def normalised(batches):
    moments = _moments(batches, lambda tokens: tokens / tokens.norm(dim=1, keepdim=True))
    return torch.linalg.eigh(moments).eigenvectors.flip(1)


@mistake(
    "principal_rotation",
    "the last batch only",
    "It looks at one batch, the last.",
    "Which tokens does the sum run over?",
)
def last_batch(batches):
    return torch.linalg.eigh(_moments(batches[-1:])).eigenvectors.flip(1)


@mistake(
    "principal_rotation",
    "a mean for each batch",
    "It adds the batches' means, so that a token of a small batch counts more.",
    "Does every token count the same?",
)
def batch_means(batches):
    moments = sum(_moments([b]) / (b.numel() // b.shape[-1]) for b in batches)
    return torch.linalg.eigh(moments).eigenvectors.flip(1)


@mistake(
    "rotate_input",
    "transposed rotation",
    "It multiplies by the transpose, which turns the other way.",
    "x Q (W Q)ᵀ = x Q Qᵀ Wᵀ: which product cancels?",
)
def input_transposed(weight, rotation):
    return weight @ rotation.T


@mistake(
    "rotate_input",
    "not rotated",
    "It returns the weight as it was.",
    "What does the old weight read from the new stream?",
)
def input_same(weight, rotation):
    return weight.clone()


@mistake(
    "rotate_output",
    "rotation not transposed",
    "It multiplies by the rotation from the left, not by its transpose.",
    "(h Wᵀ) Q is h times which matrix, transposed?",
)
def output_transposed(weight, rotation):
    return rotation @ weight


@mistake(
    "rotate_output",
    "not rotated",
    "It returns the weight as it was.",
    "In which basis does the old weight write?",
)
def output_same(weight, rotation):
    return weight.clone()


def _block(first, second, rotation, keep, x, norm, residual=True, back=True, cut=None):
    basis = rotation[:, :keep] if cut is None else cut
    z = x @ basis
    hidden = (norm(z, x.shape[-1]) @ (first @ basis).T).relu()
    out = hidden @ (basis.T @ second).T
    out = z + out if residual else out
    if back:
        return out @ basis.T
    return torch.nn.functional.pad(out, (0, x.shape[-1] - keep))


def _right(z, model):
    return z / z.norm(dim=-1, keepdim=True) * math.sqrt(model)


@mistake(
    "sliced_forward",
    "norm by the width that is left",
    "It divides by the mean over the kept directions, so every token comes out too short.",
    "Did the sum of squares shrink as much as the count?",
)
def by_keep(first, second, rotation, keep, x):
    return _block(first, second, rotation, keep, x, lambda z, model: _right(z, z.shape[-1]))


@mistake(
    "sliced_forward",
    "norm of the whole token",
    "It divides by the length of the token before the cut.",
    "What does the norm see, x or z?",
)
def norm_before_cut(first, second, rotation, keep, x):
    scale = x.square().mean(dim=-1, keepdim=True).sqrt()
    return _block(first, second, rotation, keep, x, lambda z, model: z / scale)


@mistake(
    "sliced_forward",
    "no norm",
    "It feeds z to the first matrix as it is.",
    "What stands before the first matrix of the block?",
)
def no_norm(first, second, rotation, keep, x):
    return _block(first, second, rotation, keep, x, lambda z, model: z)


@mistake(
    "sliced_forward",
    "no residual",
    "It returns what the two matrices compute, without adding z.",
    "What is the block's output where the second matrix is zero?",
)
def no_residual(first, second, rotation, keep, x):
    return _block(first, second, rotation, keep, x, _right, residual=False)


@mistake(
    "sliced_forward",
    "not rotated back",
    "It leaves the result in the rotated basis.",
    "In which basis does the caller read the result?",
)
def not_back(first, second, rotation, keep, x):
    return _block(first, second, rotation, keep, x, _right, back=False)


@mistake(
    "sliced_forward",
    "the last directions kept",
    "It keeps the last directions and cuts the first.",
    "Which columns of the rotation hold the most?",
)
def last_kept(first, second, rotation, keep, x):
    return _block(
        first, second, rotation, keep, x, _right, cut=rotation[:, rotation.shape[1] - keep :]
    )


@mistake(
    "sliced_forward",
    "added to the whole x",
    "It adds the result to x itself, where only z is left of the stream.",
    "What of the stream is still there after the cut?",
)
def added_to_x(first, second, rotation, keep, x):
    return x + _block(first, second, rotation, keep, x, _right, residual=False)


@mistake(
    "sliced_forward",
    "nothing cut",
    "It computes the whole block, whatever keep says.",
    "How wide is the stream after the cut?",
)
def nothing_cut(first, second, rotation, keep, x):
    return _block(first, second, rotation, rotation.shape[1], x, _right)


@mistake(
    "sliced_forward",
    "relu forgotten",
    "It leaves the relu between the two matrices out.",
    "What makes two matrices more than one?",
)
def linear(first, second, rotation, keep, x):
    basis = rotation[:, :keep]
    z = x @ basis
    hidden = _right(z, x.shape[-1]) @ (first @ basis).T
    return (z + hidden @ (basis.T @ second).T) @ basis.T


@mistake(
    "sliced_forward",
    "coordinates cut before rotating",
    "It cuts the first coordinates of x and of the rotation, and then multiplies.",
    "Which comes first, the rotation or the cut?",
)
def cut_first(first, second, rotation, keep, x):
    small = rotation[:keep, :keep]
    z = x[..., :keep] @ small
    hidden = (_right(z, x.shape[-1]) @ (first[:, :keep] @ small).T).relu()
    out = (z + hidden @ (small.T @ second[:keep]).T) @ small.T
    return torch.nn.functional.pad(out, (0, x.shape[-1] - keep))
