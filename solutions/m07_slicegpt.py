"""SliceGPT: a residual stream made narrower without retraining

不重新训练，怎样把残差流变窄？
How can a residual stream be made narrower without retraining?

All blocks of a transformer read and write one stream. Turn that stream, and every matrix that
touches it, by the same rotation, and nothing changes. Turn it so that its variance gathers in the
first directions, and the last ones can be cut off: every matrix becomes a smaller dense one.

    difficulty ●●●●○    importance ●●●○○    about 45 minutes, and as long for the written answer

Words
    weight    a linear layer's matrix, (out, in): it computes x @ weight.T; there are no biases.
    model     the width of the stream; a token of the stream is a row of so many numbers.
    rotation  an orthogonal matrix (model, model), reflections included. A stream x is turned by
              it from the right: x @ rotation.

Everywhere
    Torch tensors, float32 or float64, perhaps not contiguous; the dtype is kept. Tensors (…, n)
    may have any number of leading dimensions. No token is zero, also after cutting. Nothing given
    is changed, and results are new tensors. Arguments need no checks.

The written part
    `ANSWER` is your answer to the question in the first lines, in 120 to 250 words, as you would
    say it in an interview: why the rotation is free, what has to be folded first, which rotation
    one takes, what is cut, and what it costs.

Sources
    Ashkboos, Croci, do Nascimento, Hoefler & Hensman 2024, "SliceGPT: Compress Large Language
    Models by Deleting Rows and Columns" (theorem 1; section 3). The paper takes the rotation of
    the norm's output; here it is that of what is given.

Worked notebook: notebooks/m07_slicegpt.ipynb
"""

from __future__ import annotations

import math

import torch

ANSWER = """
All blocks read from and write to one residual stream. If I multiply that stream by an orthogonal
matrix Q, and put Q into every matrix that reads it and Q transposed into every one that writes it,
the network computes the same. RMSNorm allows that, because a rotation keeps lengths. But its scale
is a vector, which a rotation would mix; so first I fold the scale into the matrices behind the
norm. A LayerNorm is turned into an RMSNorm by taking the mean out of the matrices before it.

That freedom is then used. Over some calibration text I take the eigenvectors of the stream's
second moments, largest first. In that basis the last directions carry little, so I delete them:
columns of the readers, rows of the writers, embedding and head too. What is left is dense and
smaller, so ordinary kernels get faster and no sparse format is needed. The best basis differs from
block to block, so the residual connection gets a small matrix between two bases.

The price: those extra matrices cost parameters, so a slice of five or ten percent may save
nothing. Without retraining the loss grows quickly beyond a quarter or so, and a short fine-tuning
repairs part. And the norm divides by the original width, not by what is left: the sum of squares
has lost little, and the count must not shrink with it.
"""

RUBRIC: list[tuple[int, str]] = [
    (
        2,
        "Invariance: rotate the stream, the readers and the writers together, and nothing changes.",
    ),
    (2, "RMSNorm commutes with rotations once its scale is folded; LayerNorm is converted first."),
    (2, "The rotation is PCA of the stream over calibration text; small directions are cut."),
    (1, "The result is dense and smaller: no sparse kernels are needed."),
    (2, "The cost: matrices on the residual connections, or a loss that grows with the slice."),
    (1, "A detail that shows it was understood: the norm's divisor, or embedding and head."),
]

FOLLOW_UPS: list[tuple[str, str]] = [
    (
        "Why may the rotation not simply be absorbed at the norm's scale?",
        "The scale multiplies coordinates one by one. diag(s) and Q do not commute, so the scale "
        "is folded into the next matrices first: W diag(s).",
    ),
    (
        "The rotated model has more parameters than the original. How?",
        "Each block has a basis of its own, so the residual connection needs QᵀQ′ between two of "
        "them: a full matrix a connection, until enough is sliced.",
    ),
    (
        "Why divide by the original width after cutting?",
        "The cut directions held little: the sum of squares is nearly what it was. Dividing by "
        "fewer would make every token too short.",
    ),
    (
        "How does it compare with removing neurons or layers?",
        "It touches every matrix by the same share. The notebook puts it beside width (m05) and "
        "depth (m06) at equal parameters.",
    ),
    (
        "Rotations appear in quantisation too. What for?",
        "To spread outliers: a random rotation of the stream leaves the function alone and makes "
        "activations easier to quantise, as in QuaRot.",
    ),
]

WRONG_CLAIMS: list[tuple[str, str]] = [
    (
        "Slicing is unstructured pruning in another basis and needs sparse kernels.",
        "What is left are smaller dense matrices: Ashkboos et al. 2024 delete rows and columns.",
    ),
    (
        "Any slice makes the model smaller.",
        "microsoft/TransformerCompression, issue 165: with the matrices on the residual "
        "connections a small slice makes it larger; measured in the notebook.",
    ),
    (
        "A rotated network computes something slightly different.",
        "Theorem 1 of the paper: exactly the same. Measured in the notebook: the loss is the same "
        "to rounding.",
    ),
    (
        "Any rotation does, since nothing changes.",
        "Before the cut, yes. Measured in the notebook: cut in a random basis, the loss explodes.",
    ),
    (
        "The mean of squares after cutting is taken over the directions that are left.",
        "SliceGPT's code divides by the original width; measured in the notebook.",
    ),
]


def fold_scale(weight: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Return the weight that needs no scale in the norm before it.

    Behind an RMSNorm without scale it computes what `weight` computed behind one with `scale`.

    Args:
        weight: (out, in).
        scale: (in,), with which the norm multiplied its output.

    Returns:
        A tensor (out, in).

    Example:
        >>> fold_scale(torch.tensor([[1.0, 2.0]]), torch.tensor([3.0, 0.5])).tolist()
        [[3.0, 1.0]]
    """
    return weight * scale


def rms_norm(x: torch.Tensor, eps: float = 0.0) -> torch.Tensor:
    """Return x / √(mean of squares + eps), for each token on its own; without scale.

    Args:
        x: (…, model).
        eps: added to the mean of squares.

    Returns:
        A tensor of the shape of x.

    Example:
        >>> rms_norm(torch.tensor([[1.0, -1.0], [3.0, 3.0]])).tolist()
        [[1.0, -1.0], [1.0, 1.0]]
    """
    return x / (x.square().mean(dim=-1, keepdim=True) + eps).sqrt()


def principal_rotation(batches: list[torch.Tensor]) -> torch.Tensor:
    """Return the rotation to the principal directions of the tokens.

    Its columns are the eigenvectors of Σ x xᵀ over all tokens of all batches, by falling
    eigenvalue. The tokens are neither centred nor normalised. Signs, and the order among equal
    eigenvalues, are free; it is square and orthogonal also where there are few tokens.

    Args:
        batches: tensors (…, model), which may differ in size and in the number of dimensions.

    Returns:
        A tensor (model, model).

    Example:
        >>> tokens = torch.tensor([[0.0, 2.0], [1.0, 0.0], [0.0, -2.0]])
        >>> principal_rotation([tokens]).abs().round().tolist()
        [[0.0, 1.0], [1.0, 0.0]]
    """
    tokens = torch.cat([batch.reshape(-1, batch.shape[-1]) for batch in batches])
    # eigh sorts upwards; the largest belongs first.
    return torch.linalg.eigh(tokens.T @ tokens).eigenvectors.flip(1)


def rotate_input(weight: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
    """Return the weight that reads a rotated stream: it gives for x @ rotation what weight gave
    for x.

    Args:
        weight: (out, model).
        rotation: (model, model).

    Returns:
        A tensor (out, model).

    Example:
        >>> turn = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
        >>> rotate_input(torch.tensor([[1.0, 2.0]]), turn).tolist()
        [[-2.0, 1.0]]
    """
    return weight @ rotation


def rotate_output(weight: torch.Tensor, rotation: torch.Tensor) -> torch.Tensor:
    """Return the weight that writes a rotated stream: what weight wrote, times rotation.

    Args:
        weight: (model, in).
        rotation: (model, model).

    Returns:
        A tensor (model, in).

    Example:
        >>> turn = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
        >>> rotate_output(torch.tensor([[1.0], [2.0]]), turn).tolist()
        [[-2.0], [1.0]]
    """
    return rotation.T @ weight


def sliced_forward(
    first: torch.Tensor,
    second: torch.Tensor,
    rotation: torch.Tensor,
    keep: int,
    x: torch.Tensor,
) -> torch.Tensor:
    """Return what one block computes on a stream of which `keep` directions are left.

    The block is x + relu(rms_norm(x) @ first.T) @ second.T. In the sliced one x is rotated and cut
    to its first `keep` directions: z. The norm is z / √(Σ z² / model): with the original width,
    not keep. `first` and `second` are rotated and cut alike. The result is added to z, and the sum
    is rotated back, the directions that were cut being 0.

    Args:
        first: (hidden, model), reads the stream.
        second: (model, hidden), writes it.
        rotation: (model, model).
        keep: how many directions are left, 1 ≤ keep ≤ model.
        x: (…, model).

    Returns:
        A tensor of the shape of x. With keep = model it is the output of the block.

    Example:
        >>> one = torch.eye(2)
        >>> sliced_forward(one, one, one, 2, torch.tensor([[1.0, -1.0]])).tolist()
        [[2.0, -1.0]]
        >>> sliced_forward(0 * one, one, one, 1, torch.tensor([[5.0, 7.0]])).tolist()
        [[5.0, 0.0]]
    """
    model, basis = x.shape[-1], rotation[:, :keep]
    z = x @ basis
    normed = z / z.norm(dim=-1, keepdim=True) * math.sqrt(model)
    hidden = (normed @ rotate_input(first, basis).T).relu()
    return (z + hidden @ rotate_output(second, basis).T) @ basis.T
