"""Wrong answers that people really give for p10."""

import copy

import torch
from torch import nn

from tests.grading import mistake


def _top(bits):
    return 2 ** (bits - 1) - 1


def _largest(weight, axis=None):
    magnitude = weight.detach().abs()
    if axis is None:
        return magnitude.amax()
    others = [d for d in range(weight.ndim) if d != axis]
    return magnitude.amax(dim=others, keepdim=True) if others else magnitude


def _codes(weight, scale):
    step = torch.where(scale > 0, scale, torch.ones_like(scale))
    return (weight.detach() / step).round()


# --- quantize ------------------------------------------------------------------------------


@mistake(
    "quantize",
    "the full int8 range",
    "The scale is the largest magnitude / 2^(bits−1): codes reach one further down than up.",
    "Count the codes above 0 and those below it. Is the grid symmetric?",
)
def full_range(weight, bits=8, axis=None):
    scale = _largest(weight, axis) / 2 ** (bits - 1)
    codes = _codes(weight, scale).clamp(-(2 ** (bits - 1)), _top(bits))
    return codes.to(torch.int8), scale


@mistake(
    "quantize",
    "2^(bits−1) steps on a side",
    "The scale is the largest magnitude / 2^(bits−1), a code that the grid does not have.",
    "What is the largest code, and does your largest weight reach it without being clipped?",
)
def one_step_too_many(weight, bits=8, axis=None):
    scale = _largest(weight, axis) / 2 ** (bits - 1)
    return _codes(weight, scale).clamp(-_top(bits), _top(bits)).to(torch.int8), scale


@mistake(
    "quantize",
    "2^bits − 1 steps on one side",
    "It divides by 2^bits − 1: at 8 bits the codes reach 255, and int8 ends at 127.",
    "How many of the 2^bits codes are left for the positive side?",
)
def unsigned_top(weight, bits=8, axis=None):
    scale = _largest(weight, axis) / (2**bits - 1)
    return _codes(weight, scale).to(torch.int8), scale


@mistake(
    "quantize",
    "truncated",
    "The quotient is cut off towards 0, not rounded.",
    "Which code is nearest to 2.9?",
)
def truncated(weight, bits=8, axis=None):
    scale = _largest(weight, axis) / _top(bits)
    step = torch.where(scale > 0, scale, torch.ones_like(scale))
    return (weight / step * (1 + 1e-6)).trunc().clamp(-_top(bits), _top(bits)).char(), scale


@mistake(
    "quantize",
    "rounded down",
    "The quotient is rounded down (floor), not to the nearest.",
    "Which code is nearest to 2.9, and which to −0.1?",
)
def floored(weight, bits=8, axis=None):
    scale = _largest(weight, axis) / _top(bits)
    step = torch.where(scale > 0, scale, torch.ones_like(scale))
    return (weight / step + 1e-6).floor().clamp(-_top(bits), _top(bits)).char(), scale


@mistake(
    "quantize",
    "largest value for largest magnitude",
    "The scale comes from the maximum of the signed weights; large negative ones are clipped.",
    "What becomes of the −3 in [1, −3]?",
)
def signed_largest(weight, bits=8, axis=None):
    if axis is None:
        scale = weight.amax().clamp(min=0) / _top(bits)
    else:
        others = [d for d in range(weight.ndim) if d != axis]
        largest = weight.amax(dim=others, keepdim=True) if others else weight
        scale = largest.clamp(min=0) / _top(bits)
    return _codes(weight, scale).clamp(-_top(bits), _top(bits)).to(torch.int8), scale


@mistake(
    "quantize",
    "range from minimum to maximum",
    "The step is (max − min) / (2^bits − 1), as for a grid with a zero point.",
    "Where on such a grid is the value 0, and what happens to the pruned weights?",
)
def min_max(weight, bits=8, axis=None):
    if axis is None:
        scale = (weight.amax() - weight.amin()) / (2**bits - 1)
    else:
        others = [d for d in range(weight.ndim) if d != axis]
        spread = weight.amax(others, True) - weight.amin(others, True) if others else 0 * weight
        scale = spread / (2**bits - 1)
    return _codes(weight, scale).clamp(-_top(bits), _top(bits)).to(torch.int8), scale


@mistake(
    "quantize",
    "scale upside down",
    "It returns codes per unit of weight: the scale is what a code is multiplied by.",
    "Multiply your largest code by your scale. What should come out?",
)
def inverse_scale(weight, bits=8, axis=None):
    largest = _largest(weight, axis)
    largest = torch.where(largest > 0, largest, torch.ones_like(largest))
    scale = _top(bits) / largest
    return (weight * scale).round().to(torch.int8), scale


@mistake(
    "quantize",
    "maximum along the axis",
    "It takes the maximum along the axis, which leaves one for each index of the other axes.",
    "With axis = 0 and a (3, 2) matrix: how many scales should there be?",
)
def along_the_axis(weight, bits=8, axis=None):
    magnitude = weight.abs()
    largest = magnitude.amax() if axis is None else magnitude.amax(dim=axis, keepdim=True)
    scale = largest / _top(bits)
    return _codes(weight, scale).to(torch.int8), scale


@mistake(
    "quantize",
    "axis ignored",
    "There is one scale for the whole tensor, whatever the axis.",
    "What is the argument `axis` for?",
)
def axis_ignored(weight, bits=8, axis=None):
    scale = _largest(weight) / _top(bits)
    return _codes(weight, scale).to(torch.int8), scale


@mistake(
    "quantize",
    "scales in a flat vector",
    "The scales come back with shape (n,): multiplied by the codes they meet the last axis.",
    "Along which axis does a tensor of shape (n,) broadcast?",
)
def flat_scales(weight, bits=8, axis=None):
    scale = _largest(weight, axis) / _top(bits)
    return _codes(weight, scale).to(torch.int8), scale if axis is None else scale.flatten()


@mistake(
    "quantize",
    "smallest scale of 1e-8",
    "The scale is kept away from 0 with a constant, which small weights are smaller than.",
    "What comes back if all weights are multiplied by 10⁻⁹?",
)
def smallest_scale(weight, bits=8, axis=None):
    scale = (_largest(weight, axis) / _top(bits)).clamp(min=1e-8)
    return _codes(weight, scale).to(torch.int8), scale


@mistake(
    "quantize",
    "codes of another dtype",
    "The codes are whole numbers, but not int8.",
    "How many bytes does one of your codes take?",
)
def float_codes(weight, bits=8, axis=None):
    scale = _largest(weight, axis) / _top(bits)
    return _codes(weight, scale), scale


@mistake(
    "quantize",
    "always eight bits",
    "The grid has 8 bits whatever `bits` says.",
    "Which is the largest code at 3 bits?",
)
def always_eight(weight, bits=8, axis=None):
    scale = _largest(weight, axis) / 127
    return _codes(weight, scale).to(torch.int8), scale


# --- dequantize ----------------------------------------------------------------------------


@mistake(
    "dequantize",
    "divided by the scale",
    "It divides the codes by the scale.",
    "The scale is the step of the grid. How far from 0 is code 3?",
)
def divided(codes, scale):
    return codes / scale


@mistake(
    "dequantize",
    "back in int8",
    "The product is stored as int8: it loses its fraction and wraps at 127.",
    "What are the values of the original weights, integers?",
)
def back_in_int8(codes, scale):
    return (codes * scale).to(torch.int8)


@mistake(
    "dequantize",
    "scale rounded to an integer",
    "The scale is turned into the dtype of the codes before the product.",
    "What is left of a scale of 0.01 in int8?",
)
def integer_scale(codes, scale):
    return (codes * scale.to(torch.int8)).to(scale.dtype)


@mistake(
    "dequantize",
    "divided by 127",
    "It takes the scale for the largest magnitude and divides by 127 once more.",
    "What does code 1 stand for?",
)
def by_largest(codes, scale):
    return codes / 127 * scale


@mistake(
    "dequantize",
    "first scale for all",
    "Every code is multiplied by the first of the scales.",
    "Which scale belongs to the second channel?",
)
def first_scale(codes, scale):
    return codes * scale.flatten()[0]


@mistake(
    "dequantize",
    "scales along the last axis",
    "The scales are flattened, so that they meet the last axis of the codes.",
    "What does the shape of the scale say, before it is flattened?",
)
def along_the_last(codes, scale):
    return codes * scale.flatten()


@mistake(
    "dequantize",
    "always float32",
    "The values are float32, whatever the dtype of the scale.",
    "Which dtype has your result for a float64 scale, and which should it have?",
)
def always_float32(codes, scale):
    return codes.float() * scale.float()


# --- fake_quantize -------------------------------------------------------------------------


def _value_and_gradient(outcome, call):
    """What a trainable result is: its values, and what becomes of a gradient that arrives."""
    if not outcome.requires_grad:
        return [outcome, None]
    todo, leaves, seen = [outcome.grad_fn], [], set()
    while todo:
        node = todo.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            leaves.append(node.variable)
        todo += [following for following, _ in node.next_functions]
    arriving = torch.arange(1.0, outcome.numel() + 1).reshape(outcome.shape).to(outcome.dtype)
    return [outcome, *torch.autograd.grad(outcome, leaves, arriving, retain_graph=True)]


def _grid(weight, bits):
    scale = _largest(weight) / _top(bits)
    return _codes(weight, scale).clamp(-_top(bits), _top(bits)) * scale


@mistake(
    "fake_quantize",
    "no gradient at all",
    "The result is cut off from the weight: nothing can be trained through it.",
    "What must be true of the result so that `backward` reaches the weight?",
    _value_and_gradient,
)
def cut_off(weight, bits):
    return _grid(weight, bits)


@mistake(
    "fake_quantize",
    "gradient of round",
    "It differentiates the rounding itself: 0 for nearly every weight.",
    "How much does round(w) change when w changes a little?",
    _value_and_gradient,
)
def through_round(weight, bits):
    scale = weight.abs().amax() / _top(bits)
    step = torch.where(scale > 0, scale, torch.ones_like(scale))
    return (weight / step).round() * step


@mistake(
    "fake_quantize",
    "gradient through the scale",
    "The rounding is passed straight through, but the scale has a gradient as well.",
    "Whose gradient is larger than what arrives at it: that of the largest weight?",
    _value_and_gradient,
)
def through_scale(weight, bits):
    scale = weight.abs().amax() / _top(bits)
    step = torch.where(scale > 0, scale, torch.ones_like(scale))
    ratio = weight.detach() / step.detach()
    codes = weight / step.detach() + (ratio.round() - ratio).detach()
    return codes * step


@mistake(
    "fake_quantize",
    "no gradient at the ends",
    "The largest weights get no gradient, as if they were clipped.",
    "Does anything lie beyond the grid, when its end is the largest magnitude?",
    _value_and_gradient,
)
def clipped_ends(weight, bits):
    inside = weight * (weight.detach().abs() < _largest(weight))
    return _grid(weight, bits) + (inside - inside.detach())


@mistake(
    "fake_quantize",
    "no gradient at the zeros",
    "Weights that are 0 get no gradient.",
    "The text says the gradient of the identity. What is that at 0?",
    _value_and_gradient,
)
def dead_zeros(weight, bits):
    alive = weight * (weight.detach() != 0)
    return _grid(weight, bits) + (alive - alive.detach())


@mistake(
    "fake_quantize",
    "gradient of the codes",
    "The gradient arrives divided by the scale, as for the codes.",
    "By what is a code multiplied on its way to the result?",
    _value_and_gradient,
)
def per_code(weight, bits):
    scale = _largest(weight) / _top(bits)
    step = torch.where(scale > 0, scale, torch.ones_like(scale))
    ratio = weight / step
    return _grid(weight, bits) + (ratio - ratio.detach())


@mistake(
    "fake_quantize",
    "value of the weight",
    "The value is that of the weight itself: the two halves of the trick are swapped.",
    "Which part of your sum survives in the forward pass?",
    _value_and_gradient,
)
def untouched_value(weight, bits):
    return weight + (_grid(weight, bits) - _grid(weight, bits)).detach()


@mistake(
    "fake_quantize",
    "codes for values",
    "It returns the codes: they are not multiplied by the scale.",
    "In which unit should the layer that uses the result get its weights?",
    _value_and_gradient,
)
def bare_codes(weight, bits):
    scale = _largest(weight) / _top(bits)
    return _codes(weight, scale) + (weight - weight.detach())


# --- prune_and_quantize --------------------------------------------------------------------


def _layers(model):
    return [layer for layer in model.modules() if isinstance(layer, (nn.Conv2d, nn.Linear))]


def _pruned(weight, count, key=torch.abs):
    pruned = weight.detach().clone()
    pruned.view(-1)[key(pruned.flatten()).argsort(stable=True)[:count]] = 0.0
    return pruned


def _with_weights(model, change, kinds=(nn.Conv2d, nn.Linear)):
    model = copy.deepcopy(model)
    for layer in _layers(model):
        if isinstance(layer, kinds):
            layer.weight.data = change(layer.weight.detach())
    return model


@mistake(
    "prune_and_quantize",
    "quantised before it is pruned",
    "It ranks the rounded weights: many are equal then, and the larger of them may go.",
    "Which of two weights on the same grid point was the smaller one?",
)
def rounded_first(model, sparsity, bits=8):
    return _with_weights(model, lambda w: _pruned(_grid(w, bits), round(sparsity * w.numel())))


@mistake(
    "prune_and_quantize",
    "one ranking for all layers",
    "All weights of the network are ranked together.",
    "What does the text say about the ranking: one for all, or one for each?",
)
def global_ranking(model, sparsity, bits=8):
    model = copy.deepcopy(model)
    flat = torch.cat([layer.weight.detach().flatten() for layer in _layers(model)])
    pieces = _pruned(flat, round(sparsity * len(flat))).split(
        [layer.weight.numel() for layer in _layers(model)]
    )
    for layer, piece in zip(_layers(model), pieces):
        layer.weight.data = _grid(piece.view(layer.weight.shape), bits)
    return model


@mistake(
    "prune_and_quantize",
    "not quantised",
    "The weights are pruned, but what is kept is not on a grid.",
    "How many different values does one of your weight tensors hold?",
)
def only_pruned(model, sparsity, bits=8):
    return _with_weights(model, lambda w: _pruned(w, round(sparsity * w.numel())))


@mistake(
    "prune_and_quantize",
    "not pruned",
    "The weights are quantised, but none is pruned.",
    "How many zeros should there be at sparsity 0.9?",
)
def only_quantised(model, sparsity, bits=8):
    return _with_weights(model, lambda w: _grid(w, bits))


@mistake(
    "prune_and_quantize",
    "biases quantised too",
    "The biases are put on a grid as well.",
    "How many weights has a layer, how many biases, and which does the text name?",
)
def biases_too(model, sparsity, bits=8):
    model = _with_weights(model, lambda w: _grid(_pruned(w, round(sparsity * w.numel())), bits))
    for layer in _layers(model):
        if layer.bias is not None:
            layer.bias.data = _grid(layer.bias, bits)
    return model


@mistake(
    "prune_and_quantize",
    "batch-norms quantised too",
    "The scales and shifts of the batch-norms are changed as well.",
    "Which layers does the text name?",
)
def norms_too(model, sparsity, bits=8):
    model = _with_weights(model, lambda w: _grid(_pruned(w, round(sparsity * w.numel())), bits))
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d) and layer.affine:
            pruned = _pruned(layer.weight, round(sparsity * layer.weight.numel()))
            layer.weight.data = _grid(pruned, bits)
    return model


@mistake(
    "prune_and_quantize",
    "a scale for each channel",
    "Each output channel has a scale of its own.",
    "How many scales a tensor does the text speak of?",
)
def per_channel(model, sparsity, bits=8):
    def change(weight):
        pruned = _pruned(weight, round(sparsity * weight.numel()))
        scale = _largest(pruned, 0) / _top(bits)
        return _codes(pruned, scale) * scale

    return _with_weights(model, change)


@mistake(
    "prune_and_quantize",
    "codes for weights",
    "The layers hold the codes: they are not multiplied by the scale.",
    "Run the model. In which unit are its outputs?",
)
def codes_left(model, sparsity, bits=8):
    def change(weight):
        pruned = _pruned(weight, round(sparsity * weight.numel()))
        return _codes(pruned, _largest(pruned) / _top(bits))

    return _with_weights(model, change)


@mistake(
    "prune_and_quantize",
    "the full int8 range",
    "The scale is the largest magnitude / 2^(bits−1).",
    "Count the codes above 0 and those below it. Is the grid symmetric?",
)
def wide_grid(model, sparsity, bits=8):
    def change(weight):
        pruned = _pruned(weight, round(sparsity * weight.numel()))
        scale = _largest(pruned) / 2 ** (bits - 1)
        return _codes(pruned, scale).clamp(-(2 ** (bits - 1)), _top(bits)) * scale

    return _with_weights(model, change)


@mistake(
    "prune_and_quantize",
    "only the convolutions",
    "The Linear layers are left as they are.",
    "In which layers are most of the weights of a small CNN?",
)
def convs_only(model, sparsity, bits=8):
    return _with_weights(
        model, lambda w: _grid(_pruned(w, round(sparsity * w.numel())), bits), nn.Conv2d
    )


@mistake(
    "prune_and_quantize",
    "signed values",
    "It ranks the weights with their sign, so large negative weights go first.",
    "Which matters more to the output, a weight of −3 or one of 0.1?",
)
def signed_ranking(model, sparsity, bits=8):
    return _with_weights(
        model, lambda w: _grid(_pruned(w, round(sparsity * w.numel()), key=lambda v: v), bits)
    )


@mistake(
    "prune_and_quantize",
    "sparsity read as density",
    "It keeps the fraction that should be removed.",
    "At sparsity 0.9, how much of a layer is left?",
)
def density(model, sparsity, bits=8):
    return _with_weights(
        model, lambda w: _grid(_pruned(w, w.numel() - round(sparsity * w.numel())), bits)
    )


@mistake(
    "prune_and_quantize",
    "truncated count",
    "It truncates sparsity * n, where the count is rounded.",
    "What is int(0.29 * 100), and what should it be?",
)
def truncated_count(model, sparsity, bits=8):
    return _with_weights(model, lambda w: _grid(_pruned(w, int(sparsity * w.numel())), bits))


# --- packed_bits ---------------------------------------------------------------------------


@mistake(
    "packed_bits",
    "mask forgotten",
    "It counts the codes only: nobody could say where they belong.",
    "How does the reader of the codes know which weights they are?",
)
def no_mask(n, nnz, bits):
    return nnz * bits


@mistake(
    "packed_bits",
    "a code for every weight",
    "It counts codes for the pruned weights too.",
    "What is the mask for, if every weight has a code?",
)
def all_codes(n, nnz, bits):
    return n + n * bits


@mistake(
    "packed_bits",
    "a mask bit for the kept only",
    "It counts the mask bits of the kept weights alone.",
    "Which bits of the mask say that a weight is gone?",
)
def kept_mask(n, nnz, bits):
    return nnz + nnz * bits


@mistake(
    "packed_bits",
    "bytes",
    "It returns bytes.",
    "In which unit is the answer asked for?",
)
def in_bytes(n, nnz, bits):
    return (n + nnz * bits + 7) // 8


@mistake(
    "packed_bits",
    "a mask of bytes",
    "The mask takes 8 bits a weight, as a boolean array does in memory.",
    "How many bits does it take to say yes or no?",
)
def byte_mask(n, nnz, bits):
    return 8 * n + nnz * bits


@mistake(
    "packed_bits",
    "scale counted",
    "It adds 32 bits for the scale.",
    "What are the two terms in the text?",
)
def with_scale(n, nnz, bits):
    return n + nnz * bits + 32


# --- integer_matvec ------------------------------------------------------------------------


def _scaled(sums, weight_scale, input_scale):
    return sums.to(weight_scale.dtype) * weight_scale.flatten() * input_scale


@mistake(
    "integer_matvec",
    "int8 overflow",
    "Products and sums are computed in int8, where 127 + 1 is −128.",
    "What is the product of the codes 100 and 2 in int8?",
)
def int8_overflow(weight_codes, weight_scale, input_codes, input_scale):
    return _scaled(weight_codes @ input_codes, weight_scale, input_scale)


@mistake(
    "integer_matvec",
    "products in int8",
    "The sum is wide enough, but each product is computed in int8 first.",
    "When are the codes widened: before the multiplication, or after it?",
)
def int8_products(weight_codes, weight_scale, input_codes, input_scale):
    sums = (weight_codes * input_codes).sum(dim=1)
    return _scaled(sums, weight_scale, input_scale)


@mistake(
    "integer_matvec",
    "int16 sums",
    "A product fits into int16; the sum of three large ones does not.",
    "How large is 127 · 127, and where does int16 end?",
)
def int16_sums(weight_codes, weight_scale, input_codes, input_scale):
    sums = weight_codes.to(torch.int16) @ input_codes.to(torch.int16)
    return _scaled(sums, weight_scale, input_scale)


@mistake(
    "integer_matvec",
    "floats inside",
    "The sum is one of float32 numbers: large terms that cancel leave their rounding errors.",
    "Up to which size does float32 hold every integer?",
)
def float_sums(weight_codes, weight_scale, input_codes, input_scale):
    return _scaled(weight_codes.float() @ input_codes.float(), weight_scale, input_scale)


@mistake(
    "integer_matvec",
    "rows by rows",
    "A scale of shape (rows, 1) times a sum of shape (rows,) is a square matrix.",
    "Which shape has your result for three rows?",
)
def broadcast_square(weight_codes, weight_scale, input_codes, input_scale):
    sums = weight_codes.long() @ input_codes.long()
    return sums * weight_scale * input_scale


@mistake(
    "integer_matvec",
    "scale of the inputs forgotten",
    "The sums are multiplied by the scale of the weights alone.",
    "In which unit are the input codes?",
)
def no_input_scale(weight_codes, weight_scale, input_codes, input_scale):
    sums = weight_codes.long() @ input_codes.long()
    return _scaled(sums, weight_scale, torch.ones_like(input_scale))


@mistake(
    "integer_matvec",
    "scale of the weights forgotten",
    "The sums are multiplied by the scale of the inputs alone.",
    "In which unit are the weight codes?",
)
def no_weight_scale(weight_codes, weight_scale, input_codes, input_scale):
    sums = weight_codes.long() @ input_codes.long()
    return sums.to(input_scale.dtype) * input_scale


@mistake(
    "integer_matvec",
    "first scale for all rows",
    "Every row is multiplied by the scale of the first.",
    "Which scale belongs to the second row?",
)
def first_row_scale(weight_codes, weight_scale, input_codes, input_scale):
    sums = weight_codes.long() @ input_codes.long()
    return sums.to(weight_scale.dtype) * weight_scale.flatten()[0] * input_scale


@mistake(
    "integer_matvec",
    "scales added",
    "The two scales are added, not multiplied.",
    "A weight is code · scale, and so is an input. What is their product?",
)
def added_scales(weight_codes, weight_scale, input_codes, input_scale):
    sums = weight_codes.long() @ input_codes.long()
    return sums.to(weight_scale.dtype) * (weight_scale.flatten() + input_scale)
