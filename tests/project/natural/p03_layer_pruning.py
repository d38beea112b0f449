"""p03: lists of layers, and deepcopy."""

import copy

import torch
from torch import nn


def removable_layers(model):
    layers = []
    first = True
    for i, module in enumerate(model):
        if isinstance(module, nn.Linear):
            square = module.in_features == module.out_features
            if not first and square and i + 1 < len(model) and isinstance(model[i + 1], nn.ReLU):
                layers.append(i)
            first = False
    return layers


@torch.no_grad()
def layer_scores(model, inputs):
    def run(without=None):
        x = inputs
        for i, module in enumerate(model):
            if without is not None and i in (without, without + 1):
                continue
            x = module(x)
        return x

    full = run()
    return {
        layer: ((full - run(layer)).norm() / full.norm()).item()
        for layer in removable_layers(model)
    }


def remove_layer(model, layer):
    left = [copy.deepcopy(m) for i, m in enumerate(model) if i not in (layer, layer + 1)]
    new = nn.Sequential(*left)
    new.training = model.training
    return new


def prune_layers(model, inputs, n_remove):
    model = copy.deepcopy(model)
    for _ in range(n_remove):
        scores = layer_scores(model, inputs)
        model = remove_layer(model, min(scores, key=scores.get))
    return model
