"""SparseGPT: what is kept makes up for what goes

SparseGPT 如何做到一次性剪枝？它与最优脑外科医生（Optimal Brain Surgeon）有什么关系？
How does SparseGPT prune in one shot, and what has it to do with Optimal Brain Surgeon?

Zeroing a weight changes a layer's output; changing the weights that stay can undo a good part of
it. Optimal Brain Surgeon (1993) says by how much, given the Hessian. For the output of one linear
layer the Hessian is known exactly, and all rows share it. SparseGPT goes through the columns once,
from left to right, so that one factorisation serves every row.

    difficulty ●●●●●    importance ●●●●●    about 75 minutes, and as long for the written answer

Words
    weight    a linear layer's matrix, (out, in); it computes x @ weight.T, without a bias.
    batches   a list of tensors (…, in), of two or more dimensions, which may differ in size and
              in the number of dimensions. All dimensions but the last together are the tokens;
              each token of each batch counts the same.
    hessian   H, (in, in), symmetric and positive definite. δᵀ H δ / 2 is what a change δ of a
              row costs.
    mask      boolean, the shape of weight; True = kept.
    sparsity  the fraction removed, in [0, 1]: of n, round(float(sparsity) · n) go.

Everywhere
    Torch tensors, float32 or float64, perhaps not contiguous. Compute inside in float64 if you
    like; the dtype of what was given comes back. Nothing given is changed. Among equal scores any
    choice is right. What is removed is exactly 0. Arguments need no checks.

The written part
    `ANSWER` is your answer to the question in the first lines, in 120 to 250 words, as you would
    say it in an interview: what is minimised, what Optimal Brain Surgeon contributes, why that
    alone is too slow for a large model, what SparseGPT gives up for speed, and what it is worth.

Sources
    Frantar & Alistarh 2023, "SparseGPT: Massive Language Models Can Be Accurately Pruned in
    One-Shot" (section 3, algorithm 1; the released code counts sequences in N, not so here);
    Hassibi & Stork 1993, "Second order derivatives for network pruning: Optimal Brain Surgeon";
    Frantar, Singh & Alistarh 2022, "Optimal Brain Compression"; Sun et al. 2024, "Wanda".

Worked notebook: notebooks/m02_sparsegpt.ipynb
"""

from __future__ import annotations

import torch

ANSWER = """
SparseGPT treats each linear layer on its own: a sparse matrix whose output on calibration
tokens is close to the original's. That error is quadratic in the weights, and its Hessian is
exactly H = 2XXᵀ/N, from the inputs alone, the same for every row.

Optimal Brain Surgeon is the theory for it: remove the weight with the smallest w² / [H⁻¹]_qq, and
move all others by −w / [H⁻¹]_qq times column q of H⁻¹. For a given mask the best kept weights are
a least-squares solution. But every row has its own mask, so its own inverse: d times d³ for a
layer of width d.

SparseGPT fixes the order instead. All rows go through the columns from left to right, and only
columns further right may compensate. The inverse then depends on the column and not on the row,
and one Cholesky factor of H⁻¹ holds all of them. Cost falls from d⁴ to d³. The masks are chosen
block by block, 128 columns at a time, from weights as already updated.

The price: earlier columns cannot help, so it is not the optimum for its mask. It can even be
worse than plain masking, since a column that absorbed error may be pruned later; on real layers
it is clearly better. Damping keeps H invertible, and too few tokens overfit it. It prunes 175
billion parameters in a few hours on one GPU. Wanda is the same score with a diagonal H, and
no update.
"""

RUBRIC: list[tuple[int, str]] = [
    (2, "The layer-wise problem: the output on calibration data is to stay, H = 2XXᵀ/N exactly."),
    (2, "Optimal Brain Surgeon: score w² / [H⁻¹]_qq, and an update of all other weights."),
    (2, "Why that is too slow: a mask a row means an inverse a row, d⁴ for a layer of width d."),
    (
        2,
        "The trick: one fixed order of columns, only those to the right compensate, one Cholesky "
        "factor for all rows.",
    ),
    (1, "Masks are chosen block by block from updated weights; damping; how much calibration."),
    (1, "A limit or a comparison: not optimal for its mask, or Wanda, or no speed by itself."),
]

FOLLOW_UPS: list[tuple[str, str]] = [
    (
        "Why is this Hessian exact, when Optimal Brain Surgeon only approximates?",
        "The objective here is the squared error of a linear layer's output, which is quadratic in "
        "the weights. The loss of a whole network is not.",
    ),
    (
        "Where does the diagonal of the Cholesky factor come from?",
        "With H⁻¹ = UᵀU and U upper triangular, the inverse of the trailing block H[j:, j:] is "
        "U[j:, j:]ᵀ U[j:, j:]. Its first diagonal entry is U_jj², its first row U_jj · U[j, j:].",
    ),
    (
        "What happens with fewer tokens than inputs?",
        "XXᵀ is singular; only the damping makes it invertible, and the update fits the noise of "
        "those tokens. More tokens or more damping, and look at held-out text.",
    ),
    (
        "What does the block size change?",
        "With one whole block all masks come from the original weights; with single columns each "
        "column must lose its share. In between the mask sees part of the updates. For a given "
        "mask it changes nothing but memory traffic.",
    ),
    (
        "How is GPTQ related?",
        "The same order of columns and the same Cholesky factor, with rounding to a grid in place "
        "of zero; so pruning and quantisation fit into one pass.",
    ),
]

WRONG_CLAIMS: list[tuple[str, str]] = [
    (
        "At 175 billion parameters magnitude pruning does nearly as well.",
        "Frantar & Alistarh 2023, figure 1: for OPT-175B it holds to about 10% and collapses "
        "beyond 30%, while SparseGPT reaches 60% with little loss.",
    ),
    (
        "SparseGPT finds the best weights for its mask.",
        "Only columns to the right compensate: the least-squares solution on the same mask is "
        "never worse and usually better; measured in the notebook.",
    ),
    (
        "Its error is never larger than that of masking alone.",
        "A column that has taken up the error of others may be removed later; small examples where "
        "masking alone is better are measured in the notebook.",
    ),
    (
        "The scores use the diagonal of the inverse of the whole Hessian.",
        "Frantar & Alistarh 2023, algorithm 1: they use the Cholesky factor of H⁻¹, which is the "
        "inverse of what is left from column j on.",
    ),
    (
        "With any calibration data it beats Wanda, since it does more.",
        "With very few sequences the Hessian is badly estimated and the update hurts; measured in "
        "the notebook.",
    ),
    (
        "It retrains the model.",
        "Frantar & Alistarh 2023, section 3: no gradient of the loss is used; each layer is solved "
        "once, in closed form.",
    ),
]


def layer_hessian(batches: list[torch.Tensor], damping: float = 0.01) -> torch.Tensor:
    """Return the damped Hessian of a linear layer's squared output error.

    With N tokens x in all, H = (2/N) · Σ x xᵀ, plus damping · (the mean of that term's diagonal)
    on every diagonal entry.

    Args:
        batches: tensors (…, in), with at least one token in all.
        damping: a share of the mean diagonal, ≥ 0.

    Returns:
        A tensor of shape (in, in), of the dtype of the batches.

    Example:
        >>> tokens = torch.tensor([[1.0, 2.0], [3.0, 0.0]])
        >>> layer_hessian([tokens], damping=0.0).tolist()
        [[10.0, 2.0], [2.0, 4.0]]
        >>> layer_hessian([tokens[:1], tokens[1:]], damping=1.0).tolist()
        [[17.0, 2.0], [2.0, 11.0]]
    """
    products, count = 0, 0
    for batch in batches:
        tokens = batch.reshape(-1, batch.shape[-1])
        products = products + tokens.T @ tokens
        count += len(tokens)
    hessian = 2 / count * products
    return hessian + damping * hessian.diagonal().mean() * torch.eye(len(hessian)).to(hessian)


def output_error(weight: torch.Tensor, pruned: torch.Tensor, hessian: torch.Tensor) -> float:
    """Return what the change from weight to pruned costs: ½ Σ δᵀ H δ, summed over the rows.

    δ is a row of pruned − weight. For an undamped H it is the squared change of the output,
    summed over the outputs and averaged over the tokens.

    Args:
        weight: (out, in).
        pruned: (out, in).
        hessian: (in, in).

    Returns:
        A number, ≥ 0.

    Example:
        >>> hessian = torch.tensor([[2.0, 1.0], [1.0, 2.0]])
        >>> output_error(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 0.0]]), hessian)
        4.0
    """
    change = (pruned - weight).double()
    return 0.5 * float(((change @ hessian.double()) * change).sum())


def best_weights(weight: torch.Tensor, mask: torch.Tensor, hessian: torch.Tensor) -> torch.Tensor:
    """Return the weights of least output_error among those that are 0 off the mask.

    Row by row, with K the kept and R the removed inputs of that row:
    w_K + (H_KK)⁻¹ H_KR w_R, and 0 in R.

    Args:
        weight: (out, in).
        mask: (out, in), True = kept; a row may keep all or nothing.
        hessian: (in, in), positive definite.

    Returns:
        A tensor of the shape and dtype of weight.

    Example:
        >>> hessian = torch.tensor([[2.0, 1.0], [1.0, 2.0]])
        >>> mask = torch.tensor([[True, False]])
        >>> best_weights(torch.tensor([[1.0, 2.0]]), mask, hessian).tolist()
        [[2.0, 0.0]]
    """
    weight64, hessian = weight.double(), hessian.double()
    best = torch.zeros_like(weight64)
    for row, kept, result in zip(weight64, mask, best):
        # w_K + (H_KK)⁻¹ H_KR w_R is (H_KK)⁻¹ (H w)_K.
        result[kept] = torch.linalg.solve(hessian[kept][:, kept], hessian[kept] @ row)
    return best.to(weight.dtype)


def sparsegpt(
    weight: torch.Tensor, hessian: torch.Tensor, sparsity: float, block: int = 128
) -> tuple[torch.Tensor, torch.Tensor]:
    """Prune a layer in one pass over its columns, with one mask for each block of columns.

    The blocks are columns 0 … block − 1, and so on; the last may be narrower. For each:

    1. When it begins, each of its entries is scored, with the weights as updated so far, by
       w² / d_j, where d_j is the first diagonal entry of the inverse of H[j:, j:].
    2. Of its n = rows · columns entries, over all rows together, the round(float(sparsity) · n)
       of lowest score are to go.
    3. Column by column, from the left: what goes becomes 0, and all columns to the right, also
       those beyond the block, make up for it. For each row
       w[j+1:] += (H[j+1:, j+1:])⁻¹ H[j+1:, j] · (what the entry of column j was before it went).

    Kept entries of column j are final once column j is done. d_j is the square of entry (j, j) of
    the upper Cholesky factor U of H⁻¹ = UᵀU, and step 3 is w[j+1:] −= U[j, j+1:] / U[j, j] · lost.

    Args:
        weight: (out, in).
        hessian: (in, in), positive definite.
        sparsity: the fraction of each block to remove.
        block: columns in a block, ≥ 1; it may be more than there are.

    Returns:
        (weight, mask): the new weights in the dtype of weight, 0 off the mask; True = kept.

    Example:
        >>> hessian = torch.tensor([[2.0, 1.0], [1.0, 2.0]])
        >>> pruned, mask = sparsegpt(torch.tensor([[1.0, 3.0]]), hessian, 0.5)
        >>> pruned.tolist(), mask.tolist()
        ([[0.0, 3.5]], [[False, True]])
    """
    current = weight.double().clone()
    mask = torch.ones_like(weight, dtype=torch.bool)
    upper = torch.linalg.cholesky(torch.linalg.inv(hessian.double()), upper=True)
    columns = weight.shape[1]
    for start in range(0, columns, block):
        stop = min(start + block, columns)
        scores = current[:, start:stop] ** 2 / upper.diagonal()[start:stop] ** 2
        keep = torch.ones(scores.numel(), dtype=torch.bool)
        keep[scores.flatten().argsort()[: round(float(sparsity) * len(keep))]] = False
        mask[:, start:stop] = keep.reshape(scores.shape)

        errors = torch.zeros_like(scores)
        for j in range(start, stop):
            errors[:, j - start] = current[:, j] * ~mask[:, j] / upper[j, j]
            current[:, j + 1 : stop] -= torch.outer(errors[:, j - start], upper[j, j + 1 : stop])
        # Beyond the block one product does what the columns would have done one by one.
        current[:, stop:] -= errors @ upper[start:stop, stop:]
    return (current * mask).to(weight.dtype), mask
