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

import torch

# Your written answer to the question above: 120 to 250 words, as you would say it aloud.
ANSWER = ""


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError
