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

# Your written answer to the question above: 120 to 250 words, as you would say it aloud.
ANSWER = ""


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError
