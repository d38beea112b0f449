"""m05 in a few lines each."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F

ANSWER = """
A transformer can be made narrower in its MLPs (hidden neurons), in its attention (heads) and in
the width of the residual stream itself. MLP neurons are the easiest: neuron i is one row of gate
and up and one column of down, nothing else sees it, and what is left is a dense layer that runs
faster everywhere. To choose, run a few hundred sequences of calibration text and look at the
activations: mean absolute hidden value, aggregated over tokens and sequences, as Minitron does.
Weights alone say less, since gate and up only matter together with the data. After the cut the
output is still linear in the last matrix, so the best down for the kept neurons is an ordinary
least-squares problem between the kept hidden activations and the original output. It has a closed
form, needs no gradient, and lets the kept neurons take over whatever is linearly predictable from
them. It cannot bring back features that no kept neuron carries, and it fits only the calibration
text: with too few tokens it overfits, so use more tokens than neurons or a ridge term. Layers
after it see slightly shifted inputs, so one refits layer after layer with inputs from the already
pruned model. When more than perhaps twenty or thirty percent goes, train after all, best by
distillation from the original model, which takes a small part of the tokens of pretraining.
"""


@dataclass(frozen=True)
class GatedMlp:
    gate: torch.Tensor
    up: torch.Tensor
    down: torch.Tensor


def hidden(mlp, x):
    return F.silu(x @ mlp.gate.T) * (x @ mlp.up.T)


def forward(mlp, x):
    return hidden(mlp, x) @ mlp.down.T


def neuron_importance(mlp, x):
    means = hidden(mlp, x).abs().mean(dim=1)
    return means.norm(dim=0)


def remove_neurons(mlp, keep):
    keep = sorted(keep)
    return GatedMlp(mlp.gate[keep], mlp.up[keep], mlp.down[:, keep])


def refit_down(mlp, keep, x):
    small = remove_neurons(mlp, keep)
    a = hidden(small, x).reshape(-1, len(keep))
    b = forward(mlp, x).reshape(-1, mlp.down.shape[0])
    solution = torch.linalg.lstsq(a, b, driver="gelsd").solution
    return GatedMlp(small.gate, small.up, solution.T)
