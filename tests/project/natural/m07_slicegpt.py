"""m07 as one would write it on a whiteboard."""

import torch


def fold_scale(weight, scale):
    return weight * scale


def rms_norm(x, eps=0.0):
    return x / torch.sqrt((x**2).mean(-1, keepdim=True) + eps)


def principal_rotation(batches):
    model = batches[0].shape[-1]
    cov = torch.zeros(model, model, dtype=batches[0].dtype)
    for batch in batches:
        rows = batch.reshape(-1, model)
        cov += rows.T @ rows
    values, vectors = torch.linalg.eigh(cov)
    order = torch.argsort(values, descending=True)
    return vectors[:, order]


def rotate_input(weight, rotation):
    return weight @ rotation


def rotate_output(weight, rotation):
    return rotation.T @ weight


def sliced_forward(first, second, rotation, keep, x):
    model = x.shape[-1]
    z = (x @ rotation)[..., :keep]
    first = rotate_input(first, rotation)[:, :keep]
    second = rotate_output(second, rotation)[:keep]
    normed = z / torch.sqrt((z**2).sum(-1, keepdim=True) / model)
    z = z + torch.relu(normed @ first.T) @ second.T
    full = torch.zeros_like(x)
    full[..., :keep] = z
    return full @ rotation.T
