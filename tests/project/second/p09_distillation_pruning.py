"""An independent right answer: formulas by hand, numpy ranking, Adam written out."""

import copy

import numpy as np
import torch
from torch import nn


def distillation_loss(student_logits, teacher_logits, labels, temperature, alpha):
    rows = []
    for s, t, y in zip(student_logits.double(), teacher_logits.double(), labels.tolist()):
        ls = s / temperature - torch.logsumexp(s / temperature, 0)
        lt = t / temperature - torch.logsumexp(t / temperature, 0)
        kl = (lt.exp() * lt).sum() - (lt.exp() * ls).sum()
        ce = torch.logsumexp(s, 0) - s[y]
        rows.append(kl * temperature * temperature * alpha + (1 - alpha) * ce)
    return (sum(rows) / len(rows)).to(student_logits.dtype)


def distill_step(student, teacher, masks, optimizer, inputs, labels, temperature, alpha):
    params = dict(student.named_parameters())
    quiet = copy.deepcopy(teacher).eval()
    with torch.inference_mode():
        out = quiet(inputs)
    was = {name: module.training for name, module in student.named_modules()}
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
    for name, module in student.named_modules():
        module.training = was[name]
    return np.float64(loss.detach())


def prune_and_distill(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    state = torch.get_rng_state()
    student, quiet = copy.deepcopy(teacher), copy.deepcopy(teacher).eval()
    params = dict(student.named_parameters())
    entries = []
    for name, mod in student.named_modules():
        if isinstance(mod, (nn.Conv2d, nn.Linear)):
            w = mod.weight.detach().numpy()
            entries += [(abs(float(v)), -i, name + ".weight") for i, v in enumerate(w.ravel())]
    entries.sort()
    dead = {}
    for _, i, name in entries[: round(sparsity * len(entries))]:
        dead.setdefault(name, []).append(-i)

    def clear():
        for name, where in dead.items():
            params[name].data.view(-1)[where] = 0

    clear()
    moments = {n: [np.zeros(tuple(p.shape)), np.zeros(tuple(p.shape))] for n, p in params.items()}
    student.train()
    for t, (x, y) in enumerate(batches * epochs, start=1):
        with torch.no_grad():
            out = quiet(x)
        student.zero_grad()
        distillation_loss(student(x), out, y, temperature, alpha).backward()
        for n, p in params.items():
            g = p.grad.double().numpy()
            m, v = moments[n]
            m += (1 - 0.9) * (g - m)
            v += (1 - 0.999) * (g * g - v)
            d = lr * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
            p.data -= torch.from_numpy(d).to(p.dtype)
        clear()
    student.zero_grad()
    for mine, theirs in zip(student.modules(), teacher.modules()):
        mine.training = theirs.training
    torch.set_rng_state(state)
    return student
