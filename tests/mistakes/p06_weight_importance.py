"""Wrong answers that people really give for p06."""

import copy

import torch
from torch import nn

from tests.grading import mistake


def _weights(model, kinds=(nn.Conv2d, nn.Linear)):
    return {
        f"{name}.weight": module.weight
        for name, module in model.named_modules()
        if isinstance(module, kinds) and module.weight is not None
    }


@mistake(
    "magnitude_scores",
    "signed values",
    "It returns the weights with their sign, so large negative weights look unimportant.",
    "Which matters more to the output, a weight of −3 or one of 0.1?",
)
def signed_scores(model):
    return {name: weight.detach().clone() for name, weight in _weights(model).items()}


@mistake(
    "magnitude_scores",
    "squared weights",
    "It squares the weights: the same ranking in a layer, but not the magnitude.",
    "What is the magnitude of −3?",
)
def squared_scores(model):
    return {name: weight.detach().square() for name, weight in _weights(model).items()}


@mistake(
    "magnitude_scores",
    "biases scored",
    "It scores every parameter of Conv2d and Linear, their biases too.",
    "Which parameters does the text say are pruned?",
)
def biases_scored(model):
    return {
        f"{name}.{kind}": parameter.detach().abs()
        for name, module in model.named_modules()
        if isinstance(module, (nn.Conv2d, nn.Linear))
        for kind, parameter in module.named_parameters()
    }


@mistake(
    "magnitude_scores",
    "batch-norm scored",
    "It scores everything that is called weight, the scales of batch-norms too.",
    "Of what kind is the layer whose weight has one entry a channel?",
)
def norms_scored(model):
    kinds = (nn.Conv2d, nn.Linear, nn.BatchNorm2d)
    return {name: weight.detach().abs() for name, weight in _weights(model, kinds).items()}


@mistake(
    "magnitude_scores",
    "all parameters scored",
    "It scores every parameter of the model, biases and batch-norms too.",
    "Which parameters does the text say are pruned?",
)
def everything_scored(model):
    return {name: parameter.detach().abs() for name, parameter in model.named_parameters()}


@mistake(
    "magnitude_scores",
    "Linear left out",
    "It scores the convolutions only.",
    "Where in a small CNN are most of the weights?",
)
def convs_only(model):
    return {name: w.detach().abs() for name, w in _weights(model, nn.Conv2d).items()}


@mistake(
    "magnitude_scores",
    "layer names for parameter names",
    'It names the scores by layer ("0"), not by parameter ("0.weight").',
    "What does model.named_parameters() call the weight of the first layer?",
)
def named_by_layer(model):
    return {
        name.removesuffix(".weight"): weight.detach().abs()
        for name, weight in _weights(model).items()
    }


@mistake(
    "magnitude_scores",
    "relative to the layer's largest",
    "It divides each layer's magnitudes by their largest, so layers look alike.",
    "Is the score of a weight to change when another weight of its layer does?",
)
def relative(model):
    return {
        name: weight.detach().abs() / weight.detach().abs().max().clamp_min(1e-30)
        for name, weight in _weights(model).items()
    }


def _in_eval(model):
    model = copy.deepcopy(model).eval()
    return model, _weights(model)


def _gradients(loss, weights):
    return torch.autograd.grad(loss, list(weights.values()))


def _per_batch(model, loss_fn, batches, weights):
    return [
        (len(inputs), _gradients(loss_fn(model(inputs), targets), weights))
        for inputs, targets in batches
    ]


def _per_sample(model, loss_fn, batches, weights):
    return [
        _gradients(loss_fn(model(inputs[i : i + 1]), targets[i : i + 1]), weights)
        for inputs, targets in batches
        for i in range(len(inputs))
    ]


def _mean(rows):
    return [torch.stack(column).mean(dim=0) for column in zip(*rows)]


def _mean_gradients(model, loss_fn, batches, weights):
    return _mean(_per_sample(model, loss_fn, batches, weights))


def _scored(weights, values, rule):
    return {
        name: rule(weight.detach(), value) for (name, weight), value in zip(weights.items(), values)
    }


def _taylor(weight, gradient):
    return (weight * gradient).abs()


def _fisher(weight, squares):
    return weight.square() / 2 * squares


@mistake(
    "taylor_scores",
    "mean of the batch means",
    "Every batch counts the same, so a sample in a small batch counts more than one in a large.",
    "Split the same samples into batches in another way. May the scores change?",
)
def taylor_of_batch_means(model, loss_fn, batches):
    model, weights = _in_eval(model)
    rows = [row for _, row in _per_batch(model, loss_fn, batches, weights)]
    return _scored(weights, _mean(rows), _taylor)


@mistake(
    "taylor_scores",
    "batch gradients added up",
    "It adds the gradients of the batches' means and divides by nothing.",
    "Give every batch twice. What should happen to the scores?",
)
def taylor_of_summed_batches(model, loss_fn, batches):
    model, weights = _in_eval(model)
    rows = [row for _, row in _per_batch(model, loss_fn, batches, weights)]
    return _scored(weights, [torch.stack(c).sum(dim=0) for c in zip(*rows)], _taylor)


@mistake(
    "taylor_scores",
    "sum over samples",
    "It takes the sum of the loss over all samples, where L is the mean.",
    "Give every sample twice. What should happen to the scores?",
)
def taylor_of_the_sum(model, loss_fn, batches):
    model, weights = _in_eval(model)
    rows = _per_sample(model, loss_fn, batches, weights)
    return _scored(weights, [torch.stack(c).sum(dim=0) for c in zip(*rows)], _taylor)


@mistake(
    "taylor_scores",
    "absolute value of each sample",
    "It averages |w · g| over the samples: gradients that cancel in the loss still count.",
    "Is dL/dw of the mean loss a mean of gradients, or of their sizes?",
)
def taylor_per_sample(model, loss_fn, batches):
    model, weights = _in_eval(model)
    rows = [[g.abs() for g in row] for row in _per_sample(model, loss_fn, batches, weights)]
    return _scored(weights, _mean(rows), _taylor)


@mistake(
    "taylor_scores",
    "absolute value of each batch",
    "It averages |w · g| over the batches: gradients that cancel in the loss still count.",
    "Split the same samples into batches in another way. May the scores change?",
)
def taylor_per_batch(model, loss_fn, batches):
    model, weights = _in_eval(model)
    found = _per_batch(model, loss_fn, batches, weights)
    total = sum(size for size, _ in found)
    rows = [[size * g.abs() / total for g in row] for size, row in found]
    return _scored(weights, [torch.stack(c).sum(dim=0) for c in zip(*rows)], _taylor)


@mistake(
    "taylor_scores",
    "last batch only",
    "Only the last batch counts: the gradients of the others are lost.",
    "Is what you compute in the loop added to what was there, or put in its place?",
)
def taylor_of_the_last_batch(model, loss_fn, batches):
    model, weights = _in_eval(model)
    return _scored(weights, _per_batch(model, loss_fn, batches, weights)[-1][1], _taylor)


@mistake(
    "taylor_scores",
    "sign kept",
    "It returns w · dL/dw with its sign.",
    "Does a weight whose removal changes the loss by −5 matter less than one that changes nothing?",
)
def taylor_signed(model, loss_fn, batches):
    model, weights = _in_eval(model)
    mean = _mean_gradients(model, loss_fn, batches, weights)
    return _scored(weights, mean, lambda w, g: w * g)


@mistake(
    "taylor_scores",
    "gradient alone",
    "It scores by |dL/dw|, the effect of a small change; but the weight goes all the way to zero.",
    "By how much does a weight change when it is removed?",
)
def taylor_gradient(model, loss_fn, batches):
    model, weights = _in_eval(model)
    mean = _mean_gradients(model, loss_fn, batches, weights)
    return _scored(weights, mean, lambda w, g: g.abs())


@mistake(
    "taylor_scores",
    "squared",
    "It returns (w · dL/dw)²; the absolute value is asked for.",
    "Which unit has the score: that of the loss, or that of its square?",
)
def taylor_squared(model, loss_fn, batches):
    model, weights = _in_eval(model)
    mean = _mean_gradients(model, loss_fn, batches, weights)
    return _scored(weights, mean, lambda w, g: (w * g).square())


@mistake(
    "taylor_scores",
    "train mode",
    "It takes the gradients in whatever mode the model is in: batch-norm then looks at the batch.",
    "May the score of a weight hang on which samples share its batch?",
)
def taylor_in_train_mode(model, loss_fn, batches):
    model = copy.deepcopy(model)
    weights = _weights(model)
    found = _per_batch(model, loss_fn, batches, weights)
    total = sum(size for size, _ in found)
    rows = [[size * g / total for g in row] for size, row in found]
    return _scored(weights, [torch.stack(c).sum(dim=0) for c in zip(*rows)], _taylor)


@mistake(
    "taylor_scores",
    "biases scored",
    "It scores every parameter, biases and batch-norms too.",
    "Which parameters does the text say are scored?",
)
def taylor_of_everything(model, loss_fn, batches):
    model, _ = _in_eval(model)
    weights = dict(model.named_parameters())
    mean = _mean_gradients(model, loss_fn, batches, weights)
    return _scored(weights, mean, _taylor)


@mistake(
    "fisher_scores",
    "square of the mean",
    "It squares the mean gradient: where samples pull in opposite directions, nothing is left.",
    "Two samples have the gradients 3 and −3. What is the mean of their squares?",
)
def square_of_mean(model, loss_fn, batches):
    model, weights = _in_eval(model)
    mean = _mean_gradients(model, loss_fn, batches, weights)
    return _scored(weights, [g.square() for g in mean], _fisher)


@mistake(
    "fisher_scores",
    "batch gradients for sample gradients",
    "It squares the gradient of each batch, in which the samples have already been averaged.",
    "Two samples of a batch have the gradients 3 and −3. What does their batch's gradient say?",
)
def squares_of_batches(model, loss_fn, batches):
    model, weights = _in_eval(model)
    rows = [[g.square() for g in row] for _, row in _per_batch(model, loss_fn, batches, weights)]
    return _scored(weights, _mean(rows), _fisher)


@mistake(
    "fisher_scores",
    "batch gradients, weighted by size",
    "It squares the gradient of each batch and weights it by the batch's size; the samples have "
    "already been averaged.",
    "Split the same samples into batches in another way. May the scores change?",
)
def weighted_squares_of_batches(model, loss_fn, batches):
    model, weights = _in_eval(model)
    found = _per_batch(model, loss_fn, batches, weights)
    total = sum(size for size, _ in found)
    rows = [[size * g.square() / total for g in row] for size, row in found]
    return _scored(weights, [torch.stack(c).sum(dim=0) for c in zip(*rows)], _fisher)


@mistake(
    "fisher_scores",
    "mean of the batch means",
    "It averages the squares within each batch, then over the batches: samples of small batches "
    "count more.",
    "Split the same samples into batches in another way. May the scores change?",
)
def mean_of_batch_means(model, loss_fn, batches):
    model, weights = _in_eval(model)
    rows = [
        _mean([[g.square() for g in row] for row in _per_sample(model, loss_fn, [b], weights)])
        for b in batches
    ]
    return _scored(weights, _mean(rows), _fisher)


def _squares(model, loss_fn, batches, weights):
    rows = _per_sample(model, loss_fn, batches, weights)
    return [[g.square() for g in row] for row in rows]


@mistake(
    "fisher_scores",
    "sum over samples",
    "It adds the squares up and divides by nothing.",
    "Give every sample twice. What should happen to the scores?",
)
def sum_of_squares(model, loss_fn, batches):
    model, weights = _in_eval(model)
    rows = _squares(model, loss_fn, batches, weights)
    return _scored(weights, [torch.stack(c).sum(dim=0) for c in zip(*rows)], _fisher)


@mistake(
    "fisher_scores",
    "half forgotten",
    "It returns w² · mean(g²), without the ½ of the second-order term.",
    "What stands before the second derivative in a Taylor expansion?",
)
def no_half(model, loss_fn, batches):
    model, weights = _in_eval(model)
    mean = _mean(_squares(model, loss_fn, batches, weights))
    return _scored(weights, mean, lambda w, s: w.square() * s)


@mistake(
    "fisher_scores",
    "weight forgotten",
    "It returns the Fisher information itself, without the square of the weight.",
    "By how much does a weight change when it is removed?",
)
def no_weight(model, loss_fn, batches):
    model, weights = _in_eval(model)
    mean = _mean(_squares(model, loss_fn, batches, weights))
    return _scored(weights, mean, lambda w, s: s / 2)


@mistake(
    "fisher_scores",
    "weight not squared",
    "It multiplies by |w| where w² belongs.",
    "The second-order term has the change twice. What is the change when a weight is removed?",
)
def weight_not_squared(model, loss_fn, batches):
    model, weights = _in_eval(model)
    mean = _mean(_squares(model, loss_fn, batches, weights))
    return _scored(weights, mean, lambda w, s: w.abs() / 2 * s)


@mistake(
    "fisher_scores",
    "last batch only",
    "Only the samples of the last batch count.",
    "Is what you compute in the loop added to what was there, or put in its place?",
)
def fisher_of_the_last_batch(model, loss_fn, batches):
    model, weights = _in_eval(model)
    return _scored(weights, _mean(_squares(model, loss_fn, batches[-1:], weights)), _fisher)


@mistake(
    "fisher_scores",
    "train mode",
    "It takes the gradients in whatever mode the model is in: batch-norm then looks at the batch.",
    "What does a batch-norm in train mode make of a single sample?",
)
def fisher_in_train_mode(model, loss_fn, batches):
    model = copy.deepcopy(model)
    weights = _weights(model)
    return _scored(weights, _mean(_squares(model, loss_fn, batches, weights)), _fisher)


def _lowest_removed(flat, count):
    kept = torch.ones(flat.numel(), dtype=torch.bool)
    kept[flat.argsort(stable=True)[:count]] = False
    return kept


def _masks(scores, sparsity, scope, count=None, remove=_lowest_removed):
    """A right answer, with the count and the way of removing to be given."""
    count = count or (lambda n: round(sparsity * n))
    if scope == "layer":
        return {
            name: remove(score.flatten(), count(score.numel())).view_as(score)
            for name, score in scores.items()
        }
    flat = torch.cat([score.flatten() for score in scores.values()])
    pieces = remove(flat, count(flat.numel())).split([s.numel() for s in scores.values()])
    return {name: piece.view_as(scores[name]) for name, piece in zip(scores, pieces)}


@mistake(
    "importance_masks",
    "highest removed",
    "It removes the weights of highest score.",
    "Which end of the sorted scores do you cut off?",
)
def highest_removed(scores, sparsity, scope="global"):
    remove = lambda flat, count: _lowest_removed(-flat, count)  # noqa: E731
    return _masks(scores, sparsity, scope, remove=remove)


@mistake(
    "importance_masks",
    "inverted masks",
    "It marks the weights to remove; in this repository True means kept.",
    "How many True should there be at sparsity 0?",
)
def inverted(scores, sparsity, scope="global"):
    remove = lambda flat, count: ~_lowest_removed(flat, count)  # noqa: E731
    return _masks(scores, sparsity, scope, remove=remove)


@mistake(
    "importance_masks",
    "sparsity read as density",
    "It keeps the fraction that should be removed.",
    "At sparsity 0.9, how much of the model is left?",
)
def density(scores, sparsity, scope="global"):
    return _masks(scores, sparsity, scope, count=lambda n: n - round(sparsity * n))


@mistake(
    "importance_masks",
    "threshold, all ties removed",
    "It removes everything up to the score of the last one that goes, its ties included.",
    "What does it return when all scores are equal?",
)
def all_ties_removed(scores, sparsity, scope="global"):
    def remove(flat, count):
        cut = flat.sort().values[count - 1] if count else -torch.inf
        return flat > cut

    return _masks(scores, sparsity, scope, remove=remove)


@mistake(
    "importance_masks",
    "threshold, no ties removed",
    "It keeps everything from the score of the first one that stays, its ties included.",
    "What does it return when all scores are equal?",
)
def no_ties_removed(scores, sparsity, scope="global"):
    def remove(flat, count):
        cut = flat.sort().values[count] if count < flat.numel() else torch.inf
        return flat >= cut

    return _masks(scores, sparsity, scope, remove=remove)


@mistake(
    "importance_masks",
    "always global",
    'It ranks all layers together also where the scope is "layer".',
    "Where in your code does the scope make a difference?",
)
def always_global(scores, sparsity, scope="global"):
    return _masks(scores, sparsity, "global")


@mistake(
    "importance_masks",
    "always layer by layer",
    'It ranks each layer on its own also where the scope is "global".',
    "May one layer lose more than its share when all are ranked together?",
)
def always_layer(scores, sparsity, scope="global"):
    return _masks(scores, sparsity, "layer")


@mistake(
    "importance_masks",
    "layers by default",
    "Without a scope it ranks each layer on its own; the default is global.",
    "Read the signature once more: what is the scope when none is given?",
)
def layer_by_default(scores, sparsity, scope="layer"):
    return _masks(scores, sparsity, scope)


@mistake(
    "importance_masks",
    "shares of the layers added up",
    "Globally it removes the rounded shares of the layers added up, not the rounded share of all.",
    "How many of 1 + 1 + 1 weights go at sparsity 0.5?",
)
def summed_counts(scores, sparsity, scope="global"):
    if scope == "layer":
        return _masks(scores, sparsity, scope)
    total = sum(round(sparsity * score.numel()) for score in scores.values())
    return _masks(scores, sparsity, scope, count=lambda n: total)


@mistake(
    "importance_masks",
    "layers made comparable first",
    "Globally it divides each layer's scores by their mean before it ranks them.",
    "By which scores are the weights ranked, says the text?",
)
def normalised(scores, sparsity, scope="global"):
    return _masks(
        {name: score / score.mean().clamp_min(1e-30) for name, score in scores.items()},
        sparsity,
        scope,
    )


@mistake(
    "importance_masks",
    "truncated count",
    "It truncates sparsity * n, where the count is rounded.",
    "What is int(0.29 * 100), and what should it be?",
)
def truncated(scores, sparsity, scope="global"):
    return _masks(scores, sparsity, scope, count=lambda n: int(sparsity * n))


@mistake(
    "importance_masks",
    "count rounded up",
    "It rounds sparsity * n up, so now and then one weight too many goes.",
    "How many of 10 weights go at sparsity 0.12?",
)
def rounded_up(scores, sparsity, scope="global"):
    return _masks(scores, sparsity, scope, count=lambda n: -int(-sparsity * n // 1))


@mistake(
    "importance_masks",
    "kept count rounded",
    "It rounds the number kept and removes the rest; halves then fall the other way.",
    "Count for 3 weights at sparsity 0.5: which number does the text say is rounded?",
)
def rounded_kept(scores, sparsity, scope="global"):
    return _masks(scores, sparsity, scope, count=lambda n: n - round((1 - sparsity) * n))


@mistake(
    "importance_masks",
    "halves rounded up",
    "It rounds halves up; Python's round takes them to the even number.",
    "What is round(2.5) in Python?",
)
def half_up(scores, sparsity, scope="global"):
    return _masks(scores, sparsity, scope, count=lambda n: int(sparsity * n + 0.5))


def _digits(outcome, call):
    """Nine digits of each number: who differs in rounding alone makes none of these mistakes."""
    index, moved, cost = outcome
    size = max(1e-300, float(call.args[0].abs().max()))
    exact = moved[int(index)].item() == 0.0  # a remainder of 1e-17 is not the same as zero
    numbers = [f"{round(float(w) / size, 9) + 0.0:.9f}" for w in moved]
    return int(index), exact, numbers, f"{float(cost):.9g}"


def _removed(weights, index, column):
    moved = weights - weights[index] / column[index] * column
    moved[index] = 0.0
    return moved


@mistake(
    "obs_prune_one",
    "smallest magnitude",
    "It removes the smallest weight, whatever the Hessian says of it.",
    "Which is dearer: a small weight in a steep direction, or a larger one in a flat one?",
    observe=_digits,
)
def by_magnitude(weights, hessian):
    inverse = torch.linalg.inv(hessian)
    q = int(weights.abs().argmin())
    cost = weights[q] ** 2 / (2 * inverse[q, q])
    return q, _removed(weights, q, inverse[:, q]), cost.item()


@mistake(
    "obs_prune_one",
    "Optimal Brain Damage",
    "It ranks by ½ h_qq w², as if the Hessian were diagonal: the others could not move.",
    "What does a removal cost if the other weights may make up for it?",
    observe=_digits,
)
def by_brain_damage(weights, hessian):
    inverse = torch.linalg.inv(hessian)
    q = int((hessian.diagonal() * weights**2).argmin())
    cost = weights[q] ** 2 / (2 * inverse[q, q])
    return q, _removed(weights, q, inverse[:, q]), cost.item()


@mistake(
    "obs_prune_one",
    "H for its inverse",
    "It takes the diagonal and the column of H where those of H⁻¹ belong.",
    "Divide by a large curvature: should a steep direction be cheap or dear?",
    observe=_digits,
)
def not_inverted(weights, hessian):
    costs = weights**2 / (2 * hessian.diagonal())
    q = int(costs.argmin())
    return q, _removed(weights, q, hessian[:, q]), costs[q].item()


@mistake(
    "obs_prune_one",
    "inverse of the diagonal",
    "It takes 1 / h_qq for [H⁻¹]_qq; the two agree for a diagonal H only.",
    "Invert [[2, 1], [1, 2]] by hand. What stands on the diagonal?",
    observe=_digits,
)
def diagonal_inverse(weights, hessian):
    inverse = torch.linalg.inv(hessian)
    costs = weights**2 * hessian.diagonal() / 2
    q = int(costs.argmin())
    return q, _removed(weights, q, inverse[:, q]), costs[q].item()


@mistake(
    "obs_prune_one",
    "the others not moved",
    "It sets the weight to zero and leaves the others where they are.",
    "What is the surgery in Optimal Brain Surgeon?",
    observe=_digits,
)
def others_stay(weights, hessian):
    costs = weights**2 / (2 * torch.linalg.inv(hessian).diagonal())
    q = int(costs.argmin())
    moved = weights.clone()
    moved[q] = 0.0
    return q, moved, costs[q].item()


@mistake(
    "obs_prune_one",
    "moved the wrong way",
    "The other weights move by the right amount in the wrong direction.",
    "Check one example: is the loss after your update smaller than without it?",
    observe=_digits,
)
def wrong_sign(weights, hessian):
    inverse = torch.linalg.inv(hessian)
    costs = weights**2 / (2 * inverse.diagonal())
    q = int(costs.argmin())
    moved = weights + weights[q] / inverse[q, q] * inverse[:, q]
    moved[q] = 0.0
    return q, moved, costs[q].item()


@mistake(
    "obs_prune_one",
    "moved without the factor",
    "The update is column q of H⁻¹ times the weight, without the division by [H⁻¹]_qq.",
    "What must entry q of the change be, so that the weight comes out as zero?",
    observe=_digits,
)
def not_divided(weights, hessian):
    inverse = torch.linalg.inv(hessian)
    costs = weights**2 / (2 * inverse.diagonal())
    q = int(costs.argmin())
    moved = weights - weights[q] * inverse[:, q]
    moved[q] = 0.0
    return q, moved, costs[q].item()


@mistake(
    "obs_prune_one",
    "half forgotten",
    "The loss increase is w² / [H⁻¹]_qq, twice what it is.",
    "Put your new weights into ½ δᵀHδ. Is it the number that you return?",
    observe=_digits,
)
def no_half_in_the_cost(weights, hessian):
    inverse = torch.linalg.inv(hessian)
    costs = weights**2 / inverse.diagonal()
    q = int(costs.argmin())
    return q, _removed(weights, q, inverse[:, q]), costs[q].item()


@mistake(
    "obs_prune_one",
    "cost without the move",
    "The loss increase is ½ h_qq w², what the removal costs before the others move.",
    "Put your new weights into ½ δᵀHδ. Is it the number that you return?",
    observe=_digits,
)
def cost_before_the_move(weights, hessian):
    inverse = torch.linalg.inv(hessian)
    q = int((weights**2 / inverse.diagonal()).argmin())
    cost = hessian[q, q] * weights[q] ** 2 / 2
    return q, _removed(weights, q, inverse[:, q]), cost.item()


@mistake(
    "obs_prune_one",
    "dearest removed",
    "It removes the weight of largest cost.",
    "Which of the costs should the caller pay?",
    observe=_digits,
)
def dearest_removed(weights, hessian):
    inverse = torch.linalg.inv(hessian)
    costs = weights**2 / (2 * inverse.diagonal())
    q = int(costs.argmax())
    return q, _removed(weights, q, inverse[:, q]), costs[q].item()


@mistake(
    "obs_prune_one",
    "change for the weights",
    "It returns δ, by how much the weights move, not where they are then.",
    "What should stand at the index that is removed?",
    observe=_digits,
)
def change_returned(weights, hessian):
    inverse = torch.linalg.inv(hessian)
    costs = weights**2 / (2 * inverse.diagonal())
    q = int(costs.argmin())
    return q, _removed(weights, q, inverse[:, q]) - weights, costs[q].item()


@mistake(
    "obs_prune_one",
    "not exactly zero",
    "The removed weight is what the subtraction leaves of it, such as 1e-17.",
    "What is 0.3 − 0.3 / 0.1 · 0.1 in floating point?",
    observe=_digits,
)
def remainder_left(weights, hessian):
    inverse = torch.linalg.inv(hessian)
    costs = weights**2 / (2 * inverse.diagonal())
    q = int(costs.argmin())
    return q, weights - weights[q] / inverse[q, q] * inverse[:, q], costs[q].item()
