"""Knowledge distillation: a pruned student learns from its dense teacher

知识蒸馏：请编写一个函数，利用知识蒸馏对给定的神经网络进行剪枝。

A pruned network has lost accuracy and must be trained again. The network it was cut from is at
hand, and it says more than a label does: which wrong classes are nearly right, and when a label
looks wrong. So let the dense network teach the pruned one, and let what was removed stay removed.

    difficulty ●●●●○    importance ●●●●○    about 45 minutes

Words
    logits       what the last layer puts out, before any softmax: shape (batch, classes).
    temperature  T: softmax(logits / T) is flatter the larger T is.
    teacher      the dense network; it is only asked. student: the pruned one; it is trained.
    mask         a boolean tensor of the shape of a parameter; True = kept, False = removed.
    masks        {name: mask}; the names are those of `student.named_parameters()`, such as
                 "0.weight". A parameter without a mask is not pruned.
    sparsity     the fraction removed, in [0, 1]: of n weights, round(sparsity · n) go (Python's
                 `round`).

Graded are the values, and what is left behind. The dtype of the weights is kept. Nothing given
is changed, unless said: not the teacher's weights, batch-norm statistics, `.grad` and the mode of
each of its modules, and not the global random state. Arguments are always sensible; no checks are
needed.

Sources
    Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network", section 2 (the
    temperature, the two terms, and why the soft one is multiplied by T²); Han, Pool, Tran & Dally
    2015, "Learning both Weights and Connections for Efficient Neural Networks", section 3
    (train, prune, train what is left); Kingma & Ba 2015, "Adam".

Worked notebook: notebooks/p09_distillation_pruning.ipynb
"""

from __future__ import annotations

import torch
from torch import nn


def distillation_loss(
    student_logits: torch.Tensor,
    teacher_logits: torch.Tensor,
    labels: torch.Tensor,
    temperature: float,
    alpha: float,
) -> torch.Tensor:
    """Return alpha · T² · KL(teacher ‖ student) + (1 − alpha) · cross-entropy.

    With p = softmax(teacher_logits / T) and q = softmax(student_logits / T), a row's
    KL(teacher ‖ student) is Σ p · (log p − log q) over the classes, natural logarithms. The
    cross-entropy is that of the labels and of the student at T = 1. Both are means over the
    batch: over the rows, not over the classes. The gradients of the soft term shrink as 1 / T²,
    hence the factor. For large logits a softmax comes out as 0, and its logarithm as −∞: take
    log-softmax.

    Args:
        student_logits: shape (batch, classes).
        teacher_logits: shape (batch, classes).
        labels: class indices, int64, shape (batch,).
        temperature: T > 0.
        alpha: the weight of the soft term, in [0, 1].

    Returns:
        A scalar tensor, differentiable in `student_logits`.

    Example:
        >>> student, teacher = torch.tensor([[0.0, 0.0]]), torch.tensor([[4.0, 0.0]])
        >>> loss = distillation_loss(student, teacher, torch.tensor([0]), 2.0, 0.5)
        >>> round(loss.item(), 4)
        1.0022
    """
    raise NotImplementedError


def distill_step(
    student: nn.Module,
    teacher: nn.Module,
    masks: dict[str, torch.Tensor],
    optimizer: torch.optim.Optimizer,
    inputs: torch.Tensor,
    labels: torch.Tensor,
    temperature: float,
    alpha: float,
) -> float:
    """Make one optimizer step on the distillation loss of one batch; pruned weights stay 0.

    The batch goes once through the student, all of it in train mode, and once through the
    teacher, all of it in eval mode and without gradients. Afterwards every module of both is back
    in its own mode: a batch-norm may have been in another one than its network. What an earlier
    step left in `.grad` of the student plays no part. After the step every entry whose mask is
    False is exactly 0, whatever the optimizer's momentum or weight decay did to it; the kept
    entries are where the optimizer put them.

    Args:
        student: changed in place: its weights, its batch-norm statistics, its `.grad`. Dropout
            in it draws from the global random state, which may move here.
        teacher: not changed.
        masks: {parameter name: mask}, of all parameters of the student or of some.
        optimizer: holds the parameters of the student; may have made steps before; changed in
            place.
        inputs: a batch for both models.
        labels: class indices, shape (batch,).
        temperature: as in `distillation_loss`.
        alpha: as in `distillation_loss`.

    Returns:
        The loss before the step, as the student in train mode has it: a Python float.

    Example:
        >>> student, teacher = nn.Linear(1, 2, bias=False), nn.Linear(1, 2, bias=False)
        >>> student.weight.data = torch.tensor([[1.0], [0.0]])
        >>> teacher.weight.data = torch.tensor([[2.0], [1.0]])
        >>> masks = {"weight": torch.tensor([[True], [False]])}
        >>> optimizer = torch.optim.SGD(student.parameters(), lr=1.0)
        >>> x, y = torch.tensor([[1.0]]), torch.tensor([0])
        >>> round(distill_step(student, teacher, masks, optimizer, x, y, 1.0, 0.0), 4)
        0.3133
        >>> [round(w, 4) for w in student.weight.flatten().tolist()]
        [1.2689, 0.0]
    """
    raise NotImplementedError


def prune_and_distill(
    teacher: nn.Module,
    batches: list[tuple[torch.Tensor, torch.Tensor]],
    sparsity: float,
    epochs: int,
    lr: float = 1e-3,
    temperature: float = 4.0,
    alpha: float = 0.7,
) -> nn.Module:
    """Prune a copy of the teacher by magnitude, and train it as the teacher's student.

    Of all n weights of all Conv2d and Linear layers together, the round(sparsity · n) of
    smallest magnitude become 0: one ranking for the whole network, so that layers lose different
    shares. Biases and batch-norms are neither counted nor pruned. Then one Adam over all
    parameters of the student makes one `distill_step` a batch, with the unpruned teacher, in the
    order of `batches`, and again in every epoch. What was pruned stays exactly 0; a kept weight
    that happens to be 0 is trained like the others.

    Dropout draws random numbers in training; the global random state is back where it was at the
    end, which `with torch.random.fork_rng():` around the training does.

    Args:
        teacher: not changed.
        batches: a list of (inputs, labels) pairs; they may differ in size.
        sparsity: the fraction of the weights to remove, in [0, 1]. Among equal magnitudes any
            choice is right.
        epochs: how often to go through the batches; 0 only prunes.
        lr: the learning rate of Adam; its other settings are PyTorch's defaults.
        temperature: as in `distillation_loss`.
        alpha: as in `distillation_loss`.

    Returns:
        The student: a model of its own, which shares no memory with the teacher; each of its
        modules is in the mode in which the teacher's is.

    Example:
        >>> teacher = nn.Sequential(nn.Linear(2, 2))
        >>> teacher[0].weight.data = torch.tensor([[3.0, -1.0], [0.5, -2.0]])
        >>> batches = [(torch.ones(1, 2), torch.tensor([0]))]
        >>> prune_and_distill(teacher, batches, 0.5, epochs=0)[0].weight.tolist()
        [[3.0, 0.0], [0.0, -2.0]]
    """
    raise NotImplementedError
