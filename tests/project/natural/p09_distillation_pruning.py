"""p09 with torch.nn.functional."""

import copy

import torch
import torch.nn.functional as F
from torch import nn


def distillation_loss(student_logits, teacher_logits, labels, temperature, alpha):
    soft = F.kl_div(
        F.log_softmax(student_logits / temperature, dim=1),
        F.log_softmax(teacher_logits / temperature, dim=1),
        reduction="batchmean",
        log_target=True,
    )
    hard = F.cross_entropy(student_logits, labels)
    return alpha * temperature**2 * soft + (1 - alpha) * hard


def distill_step(student, teacher, masks, optimizer, inputs, labels, temperature, alpha):
    modes = [(m, m.training) for net in (student, teacher) for m in net.modules()]
    student.train()
    teacher.eval()
    with torch.no_grad():
        teacher_logits = teacher(inputs)
    loss = distillation_loss(student(inputs), teacher_logits, labels, temperature, alpha)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for name, parameter in student.named_parameters():
            if name in masks:
                parameter[~masks[name]] = 0
    for module, training in modes:
        module.training = training
    return loss.item()


def prune_and_distill(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    student = copy.deepcopy(teacher)
    weights = {
        name + ".weight" if name else "weight": m.weight
        for name, m in student.named_modules()
        if isinstance(m, (nn.Conv2d, nn.Linear))
    }
    magnitudes = torch.cat([w.detach().abs().flatten() for w in weights.values()])
    k = round(sparsity * len(magnitudes))
    keep = torch.ones(len(magnitudes), dtype=torch.bool)
    keep[magnitudes.argsort()[:k]] = False
    masks = {}
    start = 0
    with torch.no_grad():
        for name, w in weights.items():
            masks[name] = keep[start : start + w.numel()].reshape(w.shape)
            start += w.numel()
            w[~masks[name]] = 0

    optimizer = torch.optim.Adam(student.parameters(), lr=lr)
    with torch.random.fork_rng():
        for _ in range(epochs):
            for inputs, labels in batches:
                distill_step(student, teacher, masks, optimizer, inputs, labels, temperature, alpha)
    return student
