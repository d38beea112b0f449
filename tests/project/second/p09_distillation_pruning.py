"""An independent right answer: formulas by hand, numpy ranking, Adam written out."""

import math

import numpy as np
import torch
from torch import nn


def _tensor(x, name):
    if x is None or isinstance(x, str):
        raise TypeError(f"{name} is {x!r}")
    if x.numel() == 0:
        raise ValueError(f"{name} is empty")
    if x.is_floating_point() and not bool(torch.isfinite(x).all()):
        raise ValueError(f"{name} not finite")


def _num(x, name):
    if x is None or isinstance(x, str):
        raise TypeError(f"{name}={x!r}")
    if math.isnan(x):
        raise ValueError(f"{name}={x!r}")


def distillation_loss(student_logits, teacher_logits, labels, temperature, alpha):
    _tensor(student_logits, "student_logits")
    _tensor(teacher_logits, "teacher_logits")
    _tensor(labels, "labels")
    _num(temperature, "temperature")
    _num(alpha, "alpha")
    if student_logits.shape != teacher_logits.shape:
        raise ValueError("student_logits and teacher_logits differ in shape")
    if labels.shape[0] != student_logits.shape[0]:
        raise ValueError("labels do not match")
    rows = []
    for s, t, y in zip(student_logits.double(), teacher_logits.double(), labels.tolist()):
        ls = s / temperature - torch.logsumexp(s / temperature, 0)
        lt = t / temperature - torch.logsumexp(t / temperature, 0)
        kl = (lt.exp() * lt).sum() - (lt.exp() * ls).sum()
        ce = torch.logsumexp(s, 0) - s[y]
        rows.append(kl * temperature * temperature * alpha + (1 - alpha) * ce)
    return (sum(rows) / len(rows)).to(student_logits.dtype)


def distill_step(student, teacher, masks, optimizer, inputs, labels, temperature, alpha):
    _tensor(inputs, "inputs")
    _tensor(labels, "labels")
    _num(temperature, "temperature")
    _num(alpha, "alpha")
    params = dict(student.named_parameters())
    for k, m in masks.items():
        if tuple(m.shape) != tuple(params[k].shape):
            raise ValueError(f"mask {k} has shape {m.shape}")
    tm, sm = teacher.training, student.training
    teacher.eval()
    with torch.inference_mode():
        out = teacher(inputs)
    teacher.train(tm)
    student.train()
    with torch.no_grad():
        for k, m in masks.items():
            params[k].mul_(m)
    loss = distillation_loss(student(inputs), out.clone(), labels, temperature, alpha)
    names = [k for k, p in params.items() if p.requires_grad]
    grads = torch.autograd.grad(loss, [params[k] for k in names])
    for k, g in zip(names, grads):
        params[k].grad = g * masks[k] if k in masks else g
    optimizer.step()
    for k, m in masks.items():
        params[k].data = torch.where(m, params[k].data, torch.zeros_like(params[k].data))
    optimizer.zero_grad()
    student.train(sm)
    return np.float64(loss.detach())


def prune_and_distill(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    for v, n in (
        (sparsity, "sparsity"),
        (epochs, "epochs"),
        (lr, "lr"),
        (temperature, "temperature"),
        (alpha, "alpha"),
    ):
        _num(v, n)
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparsity {sparsity}")
    if epochs < 0:
        raise ValueError(f"epochs {epochs}")
    if lr <= 0:
        raise ValueError(f"lr {lr}")
    import copy

    student = copy.deepcopy(teacher)
    params = dict(student.named_parameters())
    entries = []
    for name, mod in student.named_modules():
        if isinstance(mod, (nn.Conv2d, nn.Linear)):
            w = mod.weight.detach().numpy()
            entries += [(abs(float(v)), -i, name + ".weight") for i, v in enumerate(w.ravel())]
    k = round(float(sparsity) * len(entries))
    entries.sort()
    dead = {}
    for _, i, name in entries[:k]:
        dead.setdefault(name, []).append(-i)

    def clear():
        for name, where in dead.items():
            params[name].data.view(-1)[where] = 0

    clear()
    state = {n: [np.zeros(tuple(p.shape)), np.zeros(tuple(p.shape))] for n, p in params.items()}
    t = 0
    tmode = teacher.training
    for _ in range(epochs):
        for x, y in batches:
            t += 1
            teacher.eval()
            with torch.no_grad():
                out = teacher(x)
            teacher.train(tmode)
            student.train()
            student.zero_grad()
            distillation_loss(student(x), out, y, temperature, alpha).backward()
            for n, p in params.items():
                g = p.grad.double().numpy()
                m, v = state[n]
                m += (1 - 0.9) * (g - m)
                v += (1 - 0.999) * (g * g - v)
                d = lr * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
                p.data -= torch.from_numpy(d).to(p.dtype)
            clear()
    student.zero_grad()
    return student
