"""Gated MLPs: a narrower transformer, repaired without training

如何让 Transformer 变窄？剪掉之后，不经训练又该怎样修复剩下的部分？
How do you make a transformer narrower, and how is what is left repaired without training?

Most weights of a language model are in its MLPs, and there the neurons are easy to take out: what
is left is a smaller dense layer that any machine runs faster. Which neurons go is decided by what
they do on a little text; and since the output is linear in the last matrix, the best repair on
that text is one least-squares problem.

    difficulty ●●●○○    importance ●●●●○    about 40 minutes, and as long for the written answer

Words
    gated MLP  three matrices, no biases: `gate` and `up` (hidden, model), `down` (model, hidden).
               A matrix (out, in) computes x @ matrix.T.
    silu(z)    z · sigmoid(z), element by element; torch.nn.functional.silu.
    hidden     the product silu(gate x) · (up x), element by element: what `down` reads.
    neuron     one entry of it: neuron i is row i of gate, row i of up and column i of down.
    x          (batch, tokens, model); no padding, every token counts.
    keep       a list of distinct neurons, at least one, in any order.

Everywhere
    Torch tensors, float32 or float64 (mlp and x of one dtype), perhaps not contiguous; results
    have that dtype. Nothing given is changed, and a result shares no memory with it. Arguments
    need no checks.

The written part
    `ANSWER` is your answer to the question in the first lines, in 120 to 250 words, as you would
    say it in an interview: what can be made narrower, how you choose what goes, what a refit of
    the last matrix can repair and what it cannot, and when you train after all.

Sources
    Shazeer 2020, "GLU Variants Improve Transformer"; Muralidharan et al. 2024, "Compact Language
    Models via Pruning and Knowledge Distillation" (Minitron; section 2.2 for the importance); He,
    Zhang & Sun 2017, "Channel Pruning for Accelerating Very Deep Neural Networks" (least-squares
    reconstruction); Sreenivas et al. 2024, "LLM Pruning and Distillation in Practice".

Worked notebook: notebooks/m05_gated_mlp.ipynb
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F

ANSWER = """
A transformer can be narrowed in three places: the hidden neurons of its MLPs, its attention
heads, and the width of the stream that all layers share. I begin with the MLPs, where most of
the weights are. In a gated MLP a neuron is a row of gate, the same row of up and a column of
down. All three go together, and what is left is a smaller dense layer: faster on any hardware,
without sparse kernels.

To choose, I run a little text through and look at the product that down reads. Minitron takes its
mean magnitude over a sequence, then the L2 norm over sequences. It needs forward passes only,
and it sees what norms of weights cannot: which neurons are active.

Then I repair. The output is linear in down, so the best new down for the neurons that stay is a
least-squares problem: regress the old output on their activations. The kept neurons take over
what correlates with the lost ones. One pass and one solve a layer, no gradients.

It has limits. It is best only on the calibration text, so I use many more tokens than neurons, or
a little damping, and check on other text. What no kept neuron can express stays lost. I go from
the first layer to the last, on the inputs that the pruned model really produces. When much goes,
I distil from the original afterwards: Minitron retrains with under 3% of the original data.
"""

RUBRIC: list[tuple[int, str]] = [
    (
        2,
        "A neuron is a row of gate, a row of up and a column of down; all three go, and the result "
        "is dense and smaller, fast without special kernels.",
    ),
    (
        2,
        "Importance from activations on calibration text, of the gated product and not of the gate "
        "alone; forward passes only.",
    ),
    (
        2,
        "The refit: the output is linear in down, so least squares of the old output on the kept "
        "activations; no gradients.",
    ),
    (1, "Why it helps: kept neurons take over what correlates with the removed ones."),
    (
        1,
        "Its limits: optimal on the calibration text only (overfits few tokens), one layer at a "
        "time, nothing outside the span of what is kept.",
    ),
    (1, "What else can be narrowed: heads, the width of the stream; or depth instead of width."),
    (1, "When much goes, distillation from the original model follows."),
]

FOLLOW_UPS: list[tuple[str, str]] = [
    (
        "Why the mean over tokens and then an L2 norm over sequences, and not one mean?",
        "The norm gives weight to a sequence on which a neuron is very active: a neuron that "
        "matters for a few kinds of text survives. Within a sequence the mean keeps single "
        "outlier tokens from deciding. It is an empirical choice: Minitron compared several.",
    ),
    (
        "Is the refit the same as SparseGPT's update?",
        "The same idea: both solve least squares on layer inputs, with the Hessian of the "
        "activations. SparseGPT does it row by row for a different mask in each row; here all "
        "rows lose the same inputs, so one solve serves all.",
    ),
    (
        "You have 500 tokens and keep 4,000 neurons. What does the refit give?",
        "An exact fit of those 500 tokens, one of infinitely many, and little elsewhere. The least "
        "change, or a ridge towards the old down, is safer; more tokens are better.",
    ),
    (
        "Width or depth, if both save as many parameters?",
        "In NVIDIA's reports width keeps more accuracy, and depth is faster, since fewer layers "
        "run one after the other. Under a latency limit I would measure both.",
    ),
    (
        "Why keep a hidden size that is a multiple of 64 or 128?",
        "Matrix kernels work in tiles. An odd size is padded or takes a slower kernel, and the "
        "saving in parameters is not one in time.",
    ),
]

WRONG_CLAIMS: list[tuple[str, str]] = [
    (
        "The MLP is narrowed by pruning rows of up; gate can stay.",
        "Their outputs are multiplied element by element: a neuron is a row of each (Shazeer 2020, "
        "the definition of SwiGLU).",
    ),
    (
        "Setting the neurons' weights to zero makes it faster.",
        "A dense product multiplies zeros as well; measured in the notebook: the latency of the "
        "narrower layer beside the parameters saved.",
    ),
    (
        "Without training, nothing that was removed can be won back.",
        "He, Zhang & Sun 2017 reconstruct a layer's output by least squares after removing "
        "channels; measured in the notebook, with and without the refit.",
    ),
    (
        "If the error on the calibration text is 0 after the refit, the layer is as good as new.",
        "With no more tokens than kept neurons any target is met exactly: that is interpolation, "
        "as the normal equations show. It has to be judged on other text.",
    ),
    (
        "At equal parameters, narrower is always the faster choice.",
        "Sreenivas et al. 2024: of the 4B children of Llama 3.1 8B, the one of less depth ran 2.7 "
        "times as fast as its teacher, the narrower one 1.8 times.",
    ),
]


@dataclass(frozen=True)
class GatedMlp:
    """The weights of a gated MLP: gate and up (hidden, model), down (model, hidden)."""

    gate: torch.Tensor
    up: torch.Tensor
    down: torch.Tensor


def _hidden(mlp: GatedMlp, x: torch.Tensor) -> torch.Tensor:
    return F.silu(x @ mlp.gate.T) * (x @ mlp.up.T)


def forward(mlp: GatedMlp, x: torch.Tensor) -> torch.Tensor:
    """Return what the MLP computes: down applied to silu(gate x) · (up x).

    Args:
        mlp: the weights.
        x: (batch, tokens, model).

    Returns:
        A tensor of the shape of x.

    Example:
        >>> mlp = GatedMlp(torch.tensor([[10.0]]), torch.tensor([[3.0]]), torch.tensor([[0.5]]))
        >>> forward(mlp, torch.tensor([[[2.0], [-2.0]]])).round(decimals=3).tolist()
        [[[60.0], [0.0]]]
    """
    return _hidden(mlp, x) @ mlp.down.T


def neuron_importance(mlp: GatedMlp, x: torch.Tensor) -> torch.Tensor:
    """Return Minitron's importance of each neuron.

    For each sequence of the batch, the mean over its tokens of |hidden|; then over the batch the
    L2 norm (the root of the sum of squares) of these means.

    Args:
        mlp: the weights.
        x: (batch, tokens, model).

    Returns:
        A tensor of shape (hidden,); nothing in it is negative.

    Example:
        >>> mlp = GatedMlp(torch.tensor([[10.0]]), torch.tensor([[0.1]]), torch.tensor([[7.0]]))
        >>> x = torch.tensor([[[1.0], [-1.0]], [[2.0], [0.0]]])
        >>> neuron_importance(mlp, x).round(decimals=3)
        tensor([2.0620])
    """
    return _hidden(mlp, x).abs().mean(dim=1).norm(dim=0)


def remove_neurons(mlp: GatedMlp, keep: list[int]) -> GatedMlp:
    """Return the MLP with the neurons of `keep` alone, in the order of the original.

    It computes what the original does when the hidden values of the other neurons are 0.

    Args:
        mlp: the weights.
        keep: the neurons that stay, in any order: [3, 1] keeps the same as [1, 3].

    Returns:
        A GatedMlp of smaller matrices.

    Example:
        >>> rows, columns = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[4.0, 5.0, 6.0]])
        >>> narrow = remove_neurons(GatedMlp(rows, -rows, columns), [2, 0])
        >>> narrow.gate.tolist(), narrow.up.tolist(), narrow.down.tolist()
        ([[1.0], [3.0]], [[-1.0], [-3.0]], [[4.0, 6.0]])
    """
    keep = sorted(keep)
    return GatedMlp(mlp.gate[keep], mlp.up[keep], mlp.down[:, keep])


def refit_down(mlp: GatedMlp, keep: list[int], x: torch.Tensor) -> GatedMlp:
    """Return the MLP without the other neurons, with `down` refitted on x.

    Gate and up are those of `remove_neurons`. `down` is such that the output on x is as near as it
    can be to the original MLP's: the least sum of squared differences, over all tokens of all
    sequences together. x may hold fewer tokens than there are neurons to keep; then many `down`
    are equally near, and any of them is right.

    With torch.linalg.lstsq take driver="gelsd": the default may be wrong where neurons depend on
    each other.

    Args:
        mlp: the weights.
        keep: the neurons that stay, in any order.
        x: (batch, tokens, model).

    Returns:
        A GatedMlp: gate, up and the new down (model, number kept).

    Example:
        >>> twins = torch.tensor([[1.0], [2.0]])
        >>> mlp = GatedMlp(torch.ones(2, 1), twins, torch.tensor([[3.0, 4.0]]))
        >>> x = torch.tensor([[[1.0], [2.0], [-1.0]]])
        >>> refit_down(mlp, [1], x).down.round(decimals=3).tolist()
        [[5.5]]
    """
    narrow = remove_neurons(mlp, keep)
    wanted = forward(mlp, x).flatten(0, -2)
    kept = _hidden(narrow, x).flatten(0, -2)
    fitted = torch.linalg.lstsq(kept, wanted, driver="gelsd").solution
    return replace(narrow, down=fitted.T)
