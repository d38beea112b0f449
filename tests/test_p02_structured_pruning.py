"""Structured pruning of a CNN: what must hold, for each part."""

import numpy as np
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from tests.grading import Wrong, expect, expect_close, expect_shape, part
from tests.grading.expect import Impure
from tests.grading.show import remember_recipe
from tests.strategies.networks import cnns, indices, shares_memory
from tests.strategies.settings import changed_settings, shared_layers, unusual_cnn, unusual_images
from tests.strategies.vectors import sparsities

few = settings(max_examples=16)  # for what any cut shows


def norms_of(conv):
    """The oracle: sums of squares in float64, filter by filter."""
    weight = conv.weight.detach().double().numpy()
    return np.array([np.sqrt((filter_ * filter_).sum()) for filter_ in weight])


def silenced(model, kept, inputs):
    """The original, layer by layer, with the other channels set to zero after each ReLU."""
    model = model.eval()
    current, signal = None, inputs
    with torch.no_grad():
        for index, layer in enumerate(model):
            signal = layer(signal)
            if isinstance(layer, nn.Conv2d):
                current = index
            elif isinstance(layer, nn.ReLU) and current in kept:
                gone = [c for c in range(signal.shape[1]) if c not in kept[current]]
                signal[:, gone] = 0.0
                current = None
    return signal


def outputs(model, inputs, name):
    """What a returned model computes in eval mode; another property looks at its mode."""
    expect(
        isinstance(model, nn.Sequential),
        "an nn.Sequential",
        f"{name} returns a CNN like the one it was given",
    )
    modes = [(module, module.training) for module in model.modules()]
    try:
        with torch.no_grad():
            return model.eval()(inputs)
    except RuntimeError as error:
        text = " ".join(str(error).split())
        layers = ", ".join(f"{i}: {layer}" for i, layer in enumerate(model))
        expect(
            False,
            "a model that still runs on the same images",
            "every layer that reads or normalises a removed channel is cut with it",
            f"{layers}; it fails with: {text}",
        )
    finally:
        for module, training in modes:
            module.training = training


def check_equal_to_silenced(recipe, result, kept, name):
    want = silenced(recipe.build(), kept, recipe.inputs())
    got = outputs(result, recipe.inputs(), name)
    expect_close(
        got,
        want,
        f"it must equal the original with only the channels {kept} of each conv not silenced "
        "after batch-norm and ReLU (eval mode)",
        "the output of the smaller model",
        rtol=1e-3 if recipe.dtype == "float32" else 1e-9,
    )


def check_stated_sizes(model):
    for index, layer in enumerate(model):
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            stated = (
                (layer.out_channels, layer.in_channels)
                if isinstance(layer, nn.Conv2d)
                else (layer.out_features, layer.in_features)
            )
            held = tuple(layer.weight.shape[:2])
        elif isinstance(layer, nn.BatchNorm2d):
            stated, held = layer.num_features, layer.running_mean.numel()
        else:
            continue
        expect(
            stated == held,
            f"layer {index} to state the sizes {held} of its tensors",
            "out_channels, in_channels, num_features and in_features follow the cut",
            f"it states {stated}: {layer!r}",
        )


def check_biases_and_dtype(model, result):
    for index in indices(model, (nn.Conv2d, nn.Linear)):
        expect(
            (result[index].bias is None) == (model[index].bias is None),
            f"layer {index} {'without' if model[index].bias is None else 'with'} a bias",
            "a cut neither adds nor drops a bias",
            repr(result[index]),
        )
        expect(
            result[index].weight.dtype == model[index].weight.dtype,
            f"weights of {model[index].weight.dtype}",
            "the dtype is kept",
            f"{result[index].weight.dtype}",
        )


def check_own(model, result):
    if shares_memory(model, result):
        raise Impure(
            "tensors of its own, also where nothing is cut",
            "training the smaller model must not train the original",
            "a model with a tensor of the original in it",
        )
    shared = [
        index
        for index in shared_layers(model, result)
        if isinstance(model[index], (nn.Conv2d, nn.BatchNorm2d, nn.Dropout, nn.Linear))
    ]
    if shared:
        raise Impure(
            "layers of its own",
            "a mode that is set in one model must not be set in the other",
            f"layers {shared} are the very layers of the original",
        )


def check_settings(model, result):
    """All but the flags of layers to which a mode means nothing."""
    modes = [f"[{i}].training" for i in indices(model, (nn.BatchNorm2d, nn.Dropout))]
    changed = {
        name: values
        for name, values in changed_settings(result, model).items()
        if name in modes or not name.endswith("training")
    }
    for name, (before, after) in changed.items():
        kind = Impure if name in modes else Wrong
        raise kind(
            f"model{name} to be {before!r}, as in the model given",
            "a cut changes no setting of a layer but its sizes",
            f"{after!r}; {len(changed)} settings differ: {', '.join(changed)}",
        )


def check_mode(model, result):
    for index in indices(model, (nn.BatchNorm2d, nn.Dropout)):
        mode = "train" if model[index].training else "eval"
        expect(
            result[index].training == model[index].training,
            f"layer {index} in {mode} mode, as it was given",
            "the copy has the mode of the original",
            f"layer {index} in {'eval' if mode == 'train' else 'train'} mode",
        )


def check_trainable(model, result):
    for index, (before, after) in enumerate(zip(model, result)):
        for kind, want, have in (
            ("parameters", dict(before.named_parameters()), dict(after.named_parameters())),
            ("buffers", dict(before.named_buffers()), dict(after.named_buffers())),
        ):
            expect(
                want.keys() == have.keys(),
                f"layer {index} with the {kind} {sorted(want)}",
                "weights stay trainable parameters, running statistics stay buffers",
                f"{sorted(have)}",
            )
        frozen = [n for n, p in after.named_parameters() if not (p.requires_grad and p.is_leaf)]
        expect(
            not frozen,
            f"every weight of layer {index} a parameter of its own that takes a gradient",
            "what is left is retrained after pruning",
            f"none for {frozen}",
        )


@st.composite
def cuts(draw):
    """A CNN, the index of a conv in it, and the channels to keep, in any order."""
    recipe = draw(cnns(plain_norms=True))
    which = draw(st.integers(0, len(recipe.convs) - 1))
    layer = sum(2 + bool(block.norm) + bool(block.after) for block in recipe.convs[:which])
    channels = recipe.convs[which].out
    keep = draw(st.lists(st.integers(0, channels - 1), min_size=1, unique=True))
    return recipe, layer, keep


# --- channel_norms -------------------------------------------------------------------------


def check_norms(norms, conv, why):
    """As precise as the weights: a float32 result of float64 weights is judged as float64."""
    expect_shape(norms, (conv.out_channels,))
    rtol = 1e-9 if conv.weight.dtype == torch.float64 else None
    expect_close(norms, norms_of(conv), why, rtol=rtol)


@part("channel_norms")
@given(recipe=cnns())
def test_is_the_root_of_the_sum_of_squares_of_each_filter(submission, recipe):
    for layer in recipe.build():
        if isinstance(layer, nn.Conv2d):
            norms = submission.channel_norms(layer)
            check_norms(norms, layer, "each is sqrt(sum of w² over in, kh and kw)")


@part("channel_norms")
def test_takes_no_part_of_the_bias(submission):
    conv = nn.Conv2d(2, 3, (2, 1))
    with torch.no_grad():
        conv.weight.fill_(0.5)
        conv.bias.fill_(100.0)
    why = "four weights of 0.5 have the norm 1; the bias is no weight"
    check_norms(submission.channel_norms(conv), conv, why)


# --- remove_channels -----------------------------------------------------------------------


@part("remove_channels")
@given(case=cuts())
def test_computes_what_the_silenced_original_computes(submission, case):
    recipe, layer, keep = case
    result = submission.remove_channels(recipe.build(), layer, keep)
    check_equal_to_silenced(recipe, result, {layer: sorted(keep)}, "remove_channels")


@part("remove_channels")
@few
@given(case=cuts())
def test_keeps_so_many_channels_and_all_other_layers(submission, case):
    recipe, layer, keep = case
    model = recipe.build()
    result = submission.remove_channels(model, layer, keep)
    outputs(result, recipe.inputs(), "remove_channels")
    kinds = [type(x) for x in model]
    expect(
        [type(x) for x in result] == kinds,
        f"the layers {[k.__name__ for k in kinds]}",
        "channels are removed, not layers",
    )
    expect(
        result[layer].weight.shape[0] == len(keep),
        f"{len(keep)} filters left in layer {layer}",
        "the filters not in keep are cut out, not set to zero",
        f"{result[layer].weight.shape[0]} filters",
    )
    for index in indices(model, nn.Conv2d):
        if index != layer:
            expect(
                result[index].weight.shape[0] == model[index].weight.shape[0],
                f"{model[index].weight.shape[0]} filters in layer {index}",
                "only the conv that is named loses output channels",
                f"{result[index].weight.shape[0]} filters",
            )


@part("remove_channels")
@few
@given(case=cuts())
def test_states_the_new_sizes_in_the_layers(submission, case):
    recipe, layer, keep = case
    result = submission.remove_channels(recipe.build(), layer, keep)
    outputs(result, recipe.inputs(), "remove_channels")
    check_stated_sizes(result)


@part("remove_channels")
@given(case=cuts())
def test_keeps_the_channels_in_their_order(submission, case):
    recipe, layer, keep = case
    model = recipe.build()
    result = submission.remove_channels(model, layer, keep)
    outputs(result, recipe.inputs(), "remove_channels")
    expect_close(
        result[layer].weight.detach(),
        model[layer].weight.detach()[sorted(keep)],
        "the kept channels stand in the order of the original, whatever the order of keep",
        f"the weight of layer {layer}",
        rtol=0.0,
    )


@part("remove_channels")
@few
@given(case=cuts())
def test_keeps_a_missing_bias_missing_and_the_dtype(submission, case):
    recipe, layer, keep = case
    model = recipe.build()
    result = submission.remove_channels(model, layer, keep)
    outputs(result, recipe.inputs(), "remove_channels")
    check_biases_and_dtype(model, result)


@part("remove_channels")
@few
@given(case=cuts())
def test_shares_nothing_with_the_original(submission, case):
    recipe, layer, keep = case
    model = recipe.build()
    result = submission.remove_channels(model, layer, keep)
    outputs(result, recipe.inputs(), "remove_channels")
    check_own(model, result)


@part("remove_channels")
@few
@given(case=cuts())
def test_can_be_trained_further(submission, case):
    recipe, layer, keep = case
    model = recipe.build()
    result = submission.remove_channels(model, layer, keep)
    outputs(result, recipe.inputs(), "remove_channels")
    check_trainable(model, result)


@part("remove_channels")
@few
@given(case=cuts())
def test_keeps_the_mode_of_the_model(submission, case):
    recipe, layer, keep = case
    model = recipe.build()
    result = submission.remove_channels(model, layer, keep)
    outputs(result, recipe.inputs(), "remove_channels")
    check_mode(model, result)


@st.composite
def unusual_cuts(draw):
    """Which channels to keep of a conv of the unusual CNN."""
    layer, channels = draw(st.sampled_from(((0, 4), (4, 3))))
    return layer, draw(st.lists(st.integers(0, channels - 1), min_size=1, unique=True))


@part("remove_channels")
@few
@given(cut=unusual_cuts())
def test_cuts_a_cnn_of_uncommon_settings(submission, cut):
    layer, keep = cut
    images = unusual_images()
    result = submission.remove_channels(unusual_cnn(), layer, keep)
    expect_close(
        outputs(result, images, "remove_channels"),
        silenced(unusual_cnn(), {layer: keep}, images),
        "dilation, padding_mode, eps and all the rest stay, and the Linear may stand behind a "
        "Dropout",
        "the output of the smaller model",
        rtol=1e-9,
    )


@part("remove_channels")
@few
@given(cut=unusual_cuts())
def test_keeps_every_other_setting_of_the_layers(submission, cut):
    layer, keep = cut
    model = unusual_cnn()
    result = submission.remove_channels(model, layer, keep)
    outputs(result, unusual_images(), "remove_channels")
    check_settings(model, result)


# --- prune_channels ------------------------------------------------------------------------


def left(channels, sparsity):
    return channels - min(round(float(sparsity) * channels), channels - 1)


def largest(model, sparsity):
    """What each conv keeps; a near tie is nobody's fault, so a margin is left at the cut."""
    kept = {}
    for index in indices(model, nn.Conv2d):
        norms = norms_of(model[index])
        count = left(norms.size, sparsity)
        order = np.argsort(-norms)
        assume(count == norms.size or norms[order[count - 1]] > 1.001 * norms[order[count]])
        kept[index] = sorted(order[:count].tolist())
    return kept


def check_share(submission, model, images, sparsity):
    result = submission.prune_channels(model, sparsity)
    outputs(result, images, "prune_channels")
    for index in indices(model, nn.Conv2d):
        channels = model[index].out_channels
        count = left(channels, sparsity)
        expect(
            result[index].weight.shape[0] == count,
            f"{count} of {channels} channels left in layer {index}",
            f"round({sparsity} * {channels}) go, but at least one channel stays",
            f"{result[index].weight.shape[0]} left",
        )


@part("prune_channels")
@given(recipe=cnns(twists=False, plain_norms=True), sparsity=sparsities())
def test_keeps_in_every_conv_the_channels_of_largest_original_norm(submission, recipe, sparsity):
    model = recipe.build()
    kept = largest(model, sparsity)
    result = submission.prune_channels(model, sparsity)
    check_equal_to_silenced(recipe, result, kept, "prune_channels")


@part("prune_channels")
@few
@given(recipe=cnns(twists=False), sparsity=sparsities())
def test_prune_channels_keeps_the_channels_in_their_order(submission, recipe, sparsity):
    model = recipe.build()
    kept = largest(model, sparsity)
    result = submission.prune_channels(model, sparsity)
    outputs(result, recipe.inputs(), "prune_channels")
    read = range(recipe.image[0])
    for index, channels in kept.items():
        expect_close(
            result[index].weight.detach(),
            model[index].weight.detach()[channels][:, list(read)],
            "the kept channels stand in the order of the original, not of their norms",
            f"the weight of layer {index}",
            rtol=0.0,
        )
        read = channels


@part("prune_channels")
@given(recipe=cnns(), sparsity=sparsities())
def test_removes_the_rounded_share_of_every_conv_but_leaves_one(submission, recipe, sparsity):
    check_share(submission, recipe.build(), recipe.inputs(), sparsity)


@part("prune_channels")
@few
@given(recipe=cnns(max_convs=2), sparsity=sparsities())
def test_removes_the_rounded_share_of_channels_of_equal_norm(submission, recipe, sparsity):
    model = recipe.build()
    with torch.no_grad():
        for index in indices(model, nn.Conv2d):
            model[index].weight.fill_(0.5)
    remember_recipe(model, f"{recipe!r}.build(), then 0.5 in every conv's weight")
    check_share(submission, model, recipe.inputs(), sparsity)


@part("prune_channels")
@few
@given(sparsity=sparsities())
def test_prunes_a_cnn_of_uncommon_settings(submission, sparsity):
    model, images = unusual_cnn(), unusual_images()
    kept = largest(model, sparsity)
    result = submission.prune_channels(model, sparsity)
    expect_close(
        outputs(result, images, "prune_channels"),
        silenced(unusual_cnn(), kept, images),
        f"it must equal the original with only the channels {kept} of each conv not silenced",
        "the output of the smaller model",
        rtol=1e-9,
    )


@part("prune_channels")
@few
@given(sparsity=sparsities())
def test_prune_channels_keeps_every_other_setting_of_the_layers(submission, sparsity):
    model = unusual_cnn()
    result = submission.prune_channels(model, sparsity)
    outputs(result, unusual_images(), "prune_channels")
    check_settings(model, result)


@part("prune_channels")
@few
@given(recipe=cnns(), sparsity=sparsities())
def test_prune_channels_states_the_new_sizes_in_the_layers(submission, recipe, sparsity):
    result = submission.prune_channels(recipe.build(), sparsity)
    outputs(result, recipe.inputs(), "prune_channels")
    check_stated_sizes(result)


@part("prune_channels")
@few
@given(recipe=cnns(), sparsity=sparsities())
def test_prune_channels_never_touches_the_number_of_outputs(submission, recipe, sparsity):
    result = submission.prune_channels(recipe.build(), sparsity)
    got = outputs(result, recipe.inputs(), "prune_channels")
    expect_shape(got, (2, recipe.linears[-1]))


@part("prune_channels")
@few
@given(recipe=cnns(), sparsity=sparsities())
def test_prune_channels_returns_a_model_of_its_own(submission, recipe, sparsity):
    model = recipe.build()
    result = submission.prune_channels(model, sparsity)
    outputs(result, recipe.inputs(), "prune_channels")
    check_own(model, result)


@part("prune_channels")
@few
@given(recipe=cnns(), sparsity=sparsities())
def test_prune_channels_keeps_a_missing_bias_missing_and_the_dtype(submission, recipe, sparsity):
    model = recipe.build()
    result = submission.prune_channels(model, sparsity)
    outputs(result, recipe.inputs(), "prune_channels")
    check_biases_and_dtype(model, result)


@part("prune_channels")
@few
@given(recipe=cnns(), sparsity=sparsities())
def test_prune_channels_returns_a_model_to_train_further(submission, recipe, sparsity):
    model = recipe.build()
    result = submission.prune_channels(model, sparsity)
    outputs(result, recipe.inputs(), "prune_channels")
    check_trainable(model, result)


@part("prune_channels")
@few
@given(recipe=cnns(), sparsity=sparsities())
def test_prune_channels_keeps_the_mode_of_the_model(submission, recipe, sparsity):
    model = recipe.build()
    result = submission.prune_channels(model, sparsity)
    outputs(result, recipe.inputs(), "prune_channels")
    check_mode(model, result)
