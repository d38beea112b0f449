"""Activation pruning of a CNN: what must hold, for each part."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from torch import nn

from tests.grading import Wrong, expect, expect_close, part, show
from tests.grading.expect import Impure
from tests.grading.show import remember_recipe
from tests.strategies.networks import Cnn, cnns, indices, shares_memory
from tests.strategies.settings import (
    changed_settings,
    shared_layers,
    unusual_cnn,
    unusual_images,
)
from tests.strategies.vectors import sparsities

# --- what is drawn -------------------------------------------------------------------------


def nothing(module, inputs, output):
    """A hook of the caller's, which is none of the submission's business."""


@dataclass(frozen=True)
class Given:
    """A network, perhaps with its first layer in the other mode, or with a hook on its ReLUs."""

    recipe: Cnn
    extra: str = ""

    def build(self):
        model = self.recipe.build()
        if self.extra == "first layer in the other mode":
            model[0].train(not self.recipe.training)
        if self.extra == "a hook on each ReLU":
            for index in indices(model, nn.ReLU):
                model[index].register_forward_hook(nothing)
        if self.extra:
            remember_recipe(model, f"{self.recipe!r}.build()  # {self.extra}")
        return model

    def probes(self):
        """Other inputs, on both sides of zero."""
        return torch.cat((self.recipe.inputs(3, seed=91), -3 * self.recipe.inputs(3, seed=92)))


SIZES = ((1,), (1, 4), (4, 1), (2, 1, 4), (3,), (5, 2), (2, 2))


@st.composite
def measurements(draw, **options):
    """A CNN, the index of a ReLU in it, and batches; those of different sizes also differ."""
    extras = ("", "", "first layer in the other mode", "a hook on each ReLU")
    net = Given(draw(cnns(**options)), draw(st.sampled_from(extras)))
    layer = draw(st.sampled_from(indices(net.build(), nn.ReLU)))
    shift = draw(st.sampled_from((0.0, 1.0, -1.5)))
    sizes = draw(st.sampled_from(SIZES))
    batches = [net.recipe.inputs(n, seed=i) + i * shift for i, n in enumerate(sizes)]
    assume(no_near_zero(net.build(), layer, batches))
    return net, layer, batches


@dataclass(frozen=True)
class Ladder:
    """Channel c of layer `relu` is relu(slope * (x - start)): zero on one side of its start.

    x is a number of the image; no x that is drawn is near a start, so nothing hangs on rounding.
    """

    steps: tuple[tuple[float, float], ...]  # a (start, slope) for each channel
    kind: str = "conv"  # behind which layer the ReLU is: "conv", "norm" or "linear"
    training: bool = False
    dtype: str = "float32"

    def __repr__(self):
        given = "".join(
            f", {name}={getattr(self, name)!r}"
            for name in ("kind", "training", "dtype")
            if getattr(self, name) != getattr(Ladder, name)
        )
        return f"Ladder({self.steps!r}{given})"

    @property
    def relu(self):
        return {"conv": 1, "norm": 2, "linear": 4}[self.kind]

    def build(self):
        state = torch.get_rng_state()
        count = len(self.steps)
        start, slope = torch.tensor(self.steps).unbind(1)
        if self.kind == "linear":
            both = nn.Conv2d(1, 2, 1, bias=False)  # x = relu(x) - relu(-x)
            layers = [both, nn.ReLU(), nn.Flatten(), nn.Linear(4, count), nn.ReLU()]
            layers += [nn.Linear(count, 2)]
            values = {
                (0, "weight"): torch.tensor([1.0, -1.0]),
                (3, "weight"): torch.stack((slope, 0 * slope, -slope, 0 * slope), dim=1),
                (3, "bias"): -slope * start,
            }
        else:
            layers = [nn.Conv2d(1, count, 1), nn.ReLU(), nn.Flatten(), nn.Linear(2 * count, 2)]
            values = {(0, "weight"): slope, (0, "bias"): -slope * start}
            if self.kind == "norm":
                layers.insert(1, nn.BatchNorm2d(count, eps=0.25))
                values = {
                    (0, "weight"): torch.ones(count),
                    (0, "bias"): torch.ones(count),
                    (1, "running_mean"): start + 1,
                    (1, "running_var"): torch.full((count,), 0.75),
                    (1, "weight"): slope,
                    (1, "bias"): torch.zeros(count),
                }
        model = nn.Sequential(*layers)
        torch.set_rng_state(state)
        generator = torch.Generator().manual_seed(5)
        with torch.no_grad():
            for (index, name), value in values.items():
                tensor = getattr(model[index], name)
                tensor.copy_(value.reshape(tensor.shape))
            for parameter in model[-1].parameters():
                parameter.normal_(generator=generator)
        model = model.to(getattr(torch, self.dtype)).train(self.training)
        remember_recipe(model, f"{self!r}.build()")
        return model

    def images(self, numbers):
        """Images of 1×2 from a flat list of numbers."""
        return torch.tensor(numbers, dtype=getattr(torch, self.dtype)).reshape(-1, 1, 1, 2)

    def probes(self):
        return self.images([float(x) for x in range(-14, 14)])


STARTS = (-1.5, 0.5, -0.5, 1.5, 2.5, -2.5)
SLOPES = (1.0, 2.0, 0.5, 4.0, -1.0, -2.0, -0.5)


@st.composite
def ladders(draw, starts=STARTS, kinds=("conv", "norm", "linear"), min_steps=1, training=True):
    """A ladder, and batches of whole numbers for it."""
    starts = draw(st.sampled_from((starts, starts[:2], starts[:1])))
    step = st.tuples(st.sampled_from(starts), st.sampled_from(SLOPES))
    ladder = Ladder(
        steps=tuple(draw(st.lists(step, min_size=min_steps, max_size=6))),
        kind=draw(st.sampled_from(kinds)),
        training=draw(st.booleans()) if training else False,
        dtype=draw(st.sampled_from(("float32", "float64"))),
    )
    batches = []
    for size in draw(st.sampled_from(SIZES)):
        numbers = st.lists(st.integers(-3, 3), min_size=2 * size, max_size=2 * size)
        batches.append(ladder.images([float(x) for x in draw(numbers)]))
    return ladder, batches


# --- the oracle ----------------------------------------------------------------------------


def signals(model, inputs, layer):
    """What goes into layer `layer` of a model of ours and what comes out of it, in eval mode."""
    model.eval()
    before = signal = inputs
    with torch.no_grad():
        for index in range(layer + 1):
            before = signal.clone()
            signal = model[index](signal)
    return before, signal


def relu_values(model, layer, batches):
    """(channels, values): all that the ReLU returns, sample by sample."""
    columns = []
    for batch in batches:
        values = signals(model, batch, layer)[1].double().numpy()
        for sample in values:
            columns.append(sample.reshape(sample.shape[0], -1))
    return np.concatenate(columns, axis=1)


def no_near_zero(model, layer, batches):
    """Whether no sign before the ReLU hangs on the order of a sum."""
    size = np.abs(np.concatenate([signals(model, b, layer)[0].flatten().numpy() for b in batches]))
    return bool(((size == 0) | (size > 1e-5 * size.max())).all())


def zero_counts(values):
    return [int(np.count_nonzero(row == 0.0)) for row in values]


def check_vector(result, want, why, what):
    """One number a channel, in a tensor or whatever holds numbers; 1e-5 of the largest."""
    if what == "mean":
        expect_close(result, want, why, rtol=1e-5)
        return
    got = np.asarray(result.detach() if isinstance(result, torch.Tensor) else result)
    if got.shape != want.shape or got.dtype.kind not in "fiub":
        expect_close(result, want, why)
    expect(bool((np.abs(got - want) <= 1e-6).all()), show(want), why, show(result))


class Verdict:
    """What a returned model does with each channel of the ReLU, on many inputs."""

    def __init__(self, result, model, layer, batches, probes):
        expect(
            isinstance(result, nn.Sequential) and len(result) == len(model),
            f"an nn.Sequential of {len(model)} layers",
            "prune_by_activation returns a copy of the CNN",
        )
        self.result, self.model, self.layer = result, model, layer
        self.data = torch.cat(batches)
        inputs = torch.cat((self.data, probes))
        # No bias of a sensible size, however negative, withstands the last ones.
        far = [size * probes for size in (1e4, -1e4, 1e20, -1e20)]
        wide = torch.cat((inputs, 0 * self.data, *far))
        want, got = signals(model, inputs, layer)[1], self.run(inputs, layer)
        far = self.run(wide, layer)
        self.channels = want.shape[1]
        expect(
            got.shape == want.shape,
            f"{self.channels} channels behind the ReLU (layer {layer})",
            "nothing is cut out: the shapes stay",
            f"an output of shape {tuple(got.shape)} for {len(inputs)} samples",
        )
        axes = [d for d in range(want.ndim) if d != 1]
        scale = max(1e-30, float(want.abs().max()))
        self.largest = far.abs().amax(dim=axes).tolist()
        self.change = (got - want).abs().amax(dim=axes).tolist()
        self.zero = [size == 0.0 for size in self.largest]
        self.same = [size <= 1e-4 * scale for size in self.change]

    def run(self, inputs, layer=None):
        """The result on these inputs, in eval mode; up to `layer` if it is given."""
        self.result.eval()
        signal = inputs
        try:
            with torch.no_grad():
                for index in range(len(self.result) if layer is None else layer + 1):
                    signal = self.result[index](signal)
        except RuntimeError as error:
            raise Wrong(
                "a model that still runs on the same images",
                "it is a copy with the same shapes",
                f"it fails with: {' '.join(str(error).split())}",
            ) from None
        return signal

    def silenced_now(self):
        """The channels that are silent and were not."""
        return [c for c in range(self.channels) if self.zero[c] and not self.same[c]]


def due(values, sparsity, by_mean):
    """Which channels must go, which of them are tied at the cut, and how many of those go."""
    zeros, means = zero_counts(values), [float(row.mean()) for row in values]
    channels = range(len(zeros))
    count = round(float(sparsity) * len(zeros))
    order = sorted(channels, key=lambda c: (-zeros[c], means[c]))
    if count == 0:
        return [], [], 0
    last = order[count - 1]

    def tied(c):
        gap = abs(means[c] - means[last]) > 1e-5 * max(means)
        return zeros[c] == zeros[last] and not (by_mean and gap)

    free = [c for c in channels if tied(c)]
    must = [c for c in order[:count] if c not in free]
    if len(must) + len(free) == count:
        return sorted(must + free), [], 0
    return sorted(must), free, count - len(must)


def check_gone(verdict, must, free, count, why):
    """All of `must` and `count` of `free` are exactly 0, whatever comes in."""
    leaking = [c for c in must if not verdict.zero[c]]
    tied = f" and {count} of {free}" if count else ""
    got = ", ".join(f"channel {c} reaches {verdict.largest[c]:.4g}" for c in leaking)
    quiet = sum(verdict.zero[c] for c in free)
    expect(
        not leaking and quiet >= count,
        f"channels {must}{tied} exactly 0 behind layer {verdict.layer} for any input",
        why,
        got or f"of {free} only {quiet} are 0",
    )


def check_kept(verdict, must, free, count, why):
    """No channel beyond those that are due is changed."""
    stay = [c for c in range(verdict.channels) if c not in must and c not in free]
    changed = [c for c in stay if not verdict.same[c]]
    got = ", ".join(
        f"channel {c} is {'silent' if verdict.zero[c] else f'off by {verdict.change[c]:.4g}'}"
        for c in changed
    )
    odd = [c for c in free if not (verdict.zero[c] or verdict.same[c])]
    quiet = [c for c in free if not verdict.same[c]]
    expect(
        not changed and not odd and len(quiet) <= count,
        f"channels {stay} as they were"
        + (f", and of the equal ones {free} all but {count}" if free else ""),
        why,
        got or f"channels {odd or quiet} are changed",
    )


def check_copy(result, model, layer):
    """Says nothing about a mistake: what is computed may well be right."""
    expect(
        isinstance(result, nn.Sequential) and len(result) == len(model),
        f"an nn.Sequential of {len(model)} layers",
        "prune_by_activation returns a copy of the CNN",
    )
    shared = shared_layers(model, result)
    if result is model or shared or shares_memory(model, result):
        raise Impure(
            "a copy of its own, down to its layers and tensors",
            "training the pruned model, or setting its mode, must not reach the original",
            f"layers {shared} of the original are in it"
            if shared
            else "a tensor of the original is in it",
        )
    for name, (before, now) in changed_settings(result, model).items():
        if not name.startswith(f"[{layer}]."):  # how the ReLU is silenced is free
            raise Impure(
                f"{name} = {before!r} in the returned model",
                "channels are silenced; every setting of every layer stays what it was",
                f"{now!r}",
            )


def describe(values, sparsity):
    """How many channels go, and APoZ and mean of each of them, for a report."""
    count = round(float(sparsity) * len(values))
    rows = [
        f"{c} has APoZ {zeros}/{row.size} and mean {row.mean():.4g}"
        for c, (zeros, row) in enumerate(zip(zero_counts(values), values))
    ]
    rule = f"round({sparsity} * {len(values)}) = {count} go, highest APoZ first, then lowest mean"
    return f"{rule}: {', '.join(rows)}"


# --- apoz and mean_activation --------------------------------------------------------------


@part("apoz")
@given(case=measurements(plain_norms=True))
@settings(max_examples=28)
def test_is_the_share_of_zeros_over_all_samples(submission, case):
    net, layer, batches = case
    values = relu_values(net.build(), layer, batches)
    result = submission.apoz(net.build(), layer, batches)
    want = np.array(zero_counts(values)) / values.shape[1]
    why = f"zeros / {values.shape[1]}: what the ReLU returns for a channel over all samples"
    check_vector(result, want, why, "apoz")


@part("apoz")
@given(case=ladders(min_steps=2))
@settings(max_examples=28)
def test_counts_every_sample_once_whatever_batch_it_is_in(submission, case):
    ladder, batches = case
    values = relu_values(ladder.build(), ladder.relu, batches)
    result = submission.apoz(ladder.build(), ladder.relu, batches)
    want = np.array(zero_counts(values)) / values.shape[1]
    why = f"zeros / {values.shape[1]} for each channel (eval mode)"
    check_vector(result, want, why, "apoz")


@part("apoz")
@settings(max_examples=15)
@given(case=ladders(kinds=("norm",), training=False))
def test_measures_in_eval_mode_whatever_mode_the_model_is_in(submission, case):
    ladder, batches = case
    values = relu_values(ladder.build(), ladder.relu, batches)
    trained = replace(ladder, training=True).build()
    result = submission.apoz(trained, ladder.relu, batches)
    want = np.array(zero_counts(values)) / values.shape[1]
    why = "the batch-norm takes its running statistics, not those of the batch"
    check_vector(result, want, why, "apoz")


@part("apoz")
@pytest.mark.parametrize("kind", ["conv", "norm", "linear"])
def test_does_not_take_a_small_activation_for_a_zero(submission, kind):
    ladder = Ladder(((0.5, 1.0), (0.5, 2.0**-30), (-1.5, -(2.0**-40))), kind)
    # Both numbers of an image are the same: behind a Linear only the first one counts.
    batches = [ladder.images([2.0, 2.0, -1.0, -1.0, 1.0, 1.0, 3.0, 3.0])]
    batches.append(ladder.images([-2.0, -2.0, -3.0, -3.0]))
    result = submission.apoz(ladder.build(), ladder.relu, batches)
    why = "counted are exact zeros: what is tiny is no zero"
    check_vector(result, np.array([0.5, 0.5, 2 / 3]), why, "apoz")


@part("mean_activation")
@given(case=measurements(plain_norms=True))
@settings(max_examples=28)
def test_is_the_mean_over_all_samples_zeros_included(submission, case):
    net, layer, batches = case
    values = relu_values(net.build(), layer, batches)
    result = submission.mean_activation(net.build(), layer, batches)
    why = f"the mean of the {values.shape[1]} values that the ReLU returns for a channel"
    check_vector(result, values.mean(axis=1), why, "mean")


@part("mean_activation")
@given(case=ladders(min_steps=2))
@settings(max_examples=28)
def test_weighs_every_sample_the_same_whatever_batch_it_is_in(submission, case):
    ladder, batches = case
    values = relu_values(ladder.build(), ladder.relu, batches)
    result = submission.mean_activation(ladder.build(), ladder.relu, batches)
    why = f"the mean of the {values.shape[1]} values that the ReLU returns for a channel"
    check_vector(result, values.mean(axis=1), why, "mean")


@part("mean_activation")
@settings(max_examples=15)
@given(case=ladders(kinds=("norm",), training=False))
def test_averages_in_eval_mode_whatever_mode_the_model_is_in(submission, case):
    ladder, batches = case
    values = relu_values(ladder.build(), ladder.relu, batches)
    trained = replace(ladder, training=True).build()
    result = submission.mean_activation(trained, ladder.relu, batches)
    why = "the batch-norm takes its running statistics, not those of the batch"
    check_vector(result, values.mean(axis=1), why, "mean")


# --- prune_by_activation -------------------------------------------------------------------


@part("prune_by_activation")
@given(case=measurements(max_channels=6, plain_norms=True), sparsity=sparsities())
@settings(max_examples=28)
def test_silences_the_channels_of_highest_apoz_for_any_input(submission, case, sparsity):
    net, layer, batches = case
    model = net.build()
    values = relu_values(model, layer, batches)
    result = submission.prune_by_activation(net.build(), layer, batches, sparsity)
    verdict = Verdict(result, model, layer, batches, net.probes())
    check_gone(verdict, *due(values, sparsity, by_mean=False), describe(values, sparsity))


@part("prune_by_activation")
@given(case=measurements(max_channels=6, plain_norms=True), sparsity=sparsities())
@settings(max_examples=28)
def test_leaves_all_other_channels_as_they_were(submission, case, sparsity):
    net, layer, batches = case
    model = net.build()
    values = relu_values(model, layer, batches)
    result = submission.prune_by_activation(net.build(), layer, batches, sparsity)
    verdict = Verdict(result, model, layer, batches, net.probes())
    check_kept(verdict, *due(values, sparsity, by_mean=False), describe(values, sparsity))


@part("prune_by_activation")
@given(count=st.integers(1, 12), sparsity=sparsities())
@example(count=3, sparsity=0.5)
@example(count=7, sparsity=0.5)
def test_silences_exactly_the_rounded_share_of_the_channels(submission, count, sparsity):
    ladder = Ladder(tuple((-1.5, 0.5 + channel) for channel in range(count)))
    batches = [ladder.images([2.0, -2.0])]
    result = submission.prune_by_activation(ladder.build(), ladder.relu, batches, sparsity)
    verdict = Verdict(result, ladder.build(), ladder.relu, batches, ladder.probes())
    gone, due_to_go = sum(verdict.zero), round(float(sparsity) * count)
    expect(
        gone == due_to_go,
        f"exactly {due_to_go} of {count} channels silent",
        f"round({sparsity} * {count}) = {due_to_go}, halves to the even number",
        f"{gone} are silent",
    )


@part("prune_by_activation")
@given(case=ladders(starts=(*STARTS, 9.5), min_steps=2), sparsity=sparsities())
def test_takes_the_channels_in_the_order_of_their_apoz(submission, case, sparsity):
    ladder, batches = case
    model = ladder.build()
    values = relu_values(model, ladder.relu, batches)
    result = submission.prune_by_activation(ladder.build(), ladder.relu, batches, sparsity)
    verdict = Verdict(result, model, ladder.relu, batches, ladder.probes())
    chosen = due(values, sparsity, by_mean=False)
    check_gone(verdict, *chosen, describe(values, sparsity))
    check_kept(verdict, *chosen, describe(values, sparsity))


@part("prune_by_activation")
@given(
    kind=st.sampled_from(("conv", "norm", "linear")),
    repeats=st.integers(1, 3),
    slope=st.sampled_from((0.5, 1.0, 2.0)),
    small_first=st.booleans(),
)
@settings(max_examples=20)
def test_ranks_by_all_samples_not_by_batch(submission, kind, repeats, slope, small_first):
    ladder = Ladder(((0.5, slope), (0.5, -slope), (-2.5, slope)), kind)
    small = ladder.images([2.0, 2.0])
    numbers = [-1.0, -1.0, -2.0, -1.0, -1.0, -1.0, 3.0, 3.0, -1.0, -1.0]
    batches = [small, ladder.images(numbers * repeats)][:: 1 if small_first else -1]
    values = relu_values(ladder.build(), ladder.relu, batches)
    result = submission.prune_by_activation(ladder.build(), ladder.relu, batches, 0.3)
    verdict = Verdict(result, ladder.build(), ladder.relu, batches, ladder.probes())
    check_gone(verdict, [0], [], 0, describe(values, 0.3))
    check_kept(verdict, [0], [], 0, describe(values, 0.3))


@part("prune_by_activation")
@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("kind", ["conv", "norm", "linear"])
def test_one_zero_more_outweighs_any_mean_activation(submission, kind, order):
    ladder = Ladder(((0.5, 4096.0), (-0.5, 0.125))[::order], kind)
    batches = [ladder.images([2.0] * 600), ladder.images([0.0, 0.0])]
    model = ladder.build()
    values = relu_values(model, ladder.relu, batches)
    result = submission.prune_by_activation(ladder.build(), ladder.relu, batches, 0.5)
    verdict = Verdict(result, model, ladder.relu, batches, ladder.probes())
    first = 0 if order == 1 else 1
    check_gone(verdict, [first], [], 0, describe(values, 0.5))


@part("prune_by_activation")
@given(
    start=st.sampled_from(STARTS),
    slopes=st.permutations((0.5, 1.0, 1 + 2.0**-10, 2.0, 8.0)),
    kind=st.sampled_from(("conv", "norm", "linear")),
    count=st.integers(2, 5),
    data=st.lists(st.integers(-3, 3), min_size=10, max_size=10),
    sparsity=sparsities(),
)
def test_among_equal_apoz_the_lower_mean_activation_goes_first(
    submission, start, slopes, kind, count, data, sparsity
):
    ladder = Ladder(tuple((start, slope) for slope in slopes[:count]), kind)
    x = [float(n) for n in data]
    batches = [ladder.images(x[:2]), ladder.images(x[2:])]
    values = relu_values(ladder.build(), ladder.relu, batches)
    result = submission.prune_by_activation(ladder.build(), ladder.relu, batches, sparsity)
    verdict = Verdict(result, ladder.build(), ladder.relu, batches, ladder.probes())
    chosen = due(values, sparsity, by_mean=True)
    check_gone(verdict, *chosen, describe(values, sparsity))
    check_kept(verdict, *chosen, describe(values, sparsity))


@part("prune_by_activation")
@given(
    dead=st.integers(1, 3),
    alive=st.lists(st.sampled_from(SLOPES), min_size=1, max_size=3),
    kind=st.sampled_from(("conv", "norm", "linear")),
    seed=st.integers(0, 9),
)
@settings(max_examples=25)
def test_changes_nothing_on_that_data_when_only_dead_channels_go(
    submission, dead, alive, kind, seed
):
    steps = [(9.5, 1.0), (-7.5, -2.0), (8.5, 0.5)][:dead] + [(-0.5, slope) for slope in alive]
    steps = steps[seed % len(steps) :] + steps[: seed % len(steps)]
    ladder = Ladder(tuple(steps), kind)
    batches = [ladder.images([-1.0, 2.0]), ladder.images([1.0, -3.0, 3.0, 0.0])]
    model = ladder.build()
    quiet = [c for c, row in enumerate(relu_values(model, ladder.relu, batches)) if not row.any()]
    assume(len(quiet) == dead and round(dead / len(steps) * len(steps)) == dead)
    result = submission.prune_by_activation(ladder.build(), ladder.relu, batches, dead / len(steps))
    verdict = Verdict(result, model, ladder.relu, batches, ladder.probes())
    check_gone(verdict, quiet, [], 0, "they are dead on this data, but alive on other data")
    expect_close(
        verdict.run(verdict.data),
        signals(model, verdict.data, len(model) - 1)[1],
        f"channels {quiet} are always 0 on this data, so nothing is lost on it",
        "the output of the pruned model",
    )


@part("prune_by_activation")
@given(case=measurements())
@settings(max_examples=20)
def test_at_sparsity_1_all_channels_go(submission, case):
    net, layer, batches = case
    model = net.build()
    result = submission.prune_by_activation(net.build(), layer, batches, 1.0)
    verdict = Verdict(result, model, layer, batches, net.probes())
    check_gone(verdict, list(range(verdict.channels)), [], 0, "at sparsity 1 all go")


@part("prune_by_activation")
@given(case=measurements(), sparsity=sparsities())
@settings(max_examples=28)
def test_the_layers_behind_compute_what_they_did(submission, case, sparsity):
    net, layer, batches = case
    model = net.build()
    result = submission.prune_by_activation(net.build(), layer, batches, sparsity)
    verdict = Verdict(result, model, layer, batches, net.probes())
    inputs = torch.cat((verdict.data, net.probes()))
    signal = signals(model, inputs, layer)[1]
    signal[:, verdict.silenced_now()] = 0.0
    with torch.no_grad():
        for index in range(layer + 1, len(model)):
            signal = model[index](signal)
    expect_close(
        verdict.run(inputs),
        signal,
        f"it must equal the original with channels {verdict.silenced_now()} of layer {layer} "
        "set to 0 (eval mode)",
        "the output of the pruned model",
        rtol=1e-3 if net.recipe.dtype == "float32" else 1e-8,
    )


@part("prune_by_activation")
@given(case=measurements(), sparsity=sparsities())
@settings(max_examples=25)
def test_keeps_the_layers_and_the_shapes_and_dtypes_of_their_tensors(submission, case, sparsity):
    net, layer, batches = case
    model = net.build()
    result = submission.prune_by_activation(net.build(), layer, batches, sparsity)
    Verdict(result, model, layer, batches, net.probes())
    for index in indices(model, (nn.Conv2d, nn.BatchNorm2d, nn.Linear)):
        before, after = model[index], result[index]
        expect(
            isinstance(after, type(before)),
            f"a {type(before).__name__} at index {index}",
            "the copy has the same layers",
            show(after),
        )
        for name in ("weight", "bias", "running_mean", "running_var"):
            old, new = getattr(before, name, None), getattr(after, name, None)
            if old is not None:
                expect(
                    new is not None and new.shape == old.shape and new.dtype == old.dtype,
                    f"{name} of layer {index} of shape {tuple(old.shape)} and {old.dtype}",
                    "channels are silenced, not cut out",
                    f"{tuple(new.shape)}, {new.dtype}" if new is not None else "None",
                )


@part("prune_by_activation")
@given(case=measurements(), sparsity=sparsities())
@settings(max_examples=20)
def test_returns_a_model_of_its_own(submission, case, sparsity):
    net, layer, batches = case
    model = net.build()
    result = submission.prune_by_activation(model, layer, batches, sparsity)
    check_copy(result, model, layer)


@part("prune_by_activation")
@pytest.mark.parametrize(("layer", "sparsity"), [(2, 0.5), (6, 0.0), (6, 0.7), (11, 0.4)])
def test_keeps_every_setting_of_every_layer(submission, layer, sparsity):
    model, batches = unusual_cnn(), [unusual_images(2), unusual_images(5)]
    values = relu_values(unusual_cnn(), layer, batches)
    result = submission.prune_by_activation(model, layer, batches, sparsity)
    check_copy(result, model, layer)
    verdict = Verdict(result, unusual_cnn(), layer, batches, 3 * unusual_images(4))
    chosen = due(values, sparsity, by_mean=True)
    check_gone(verdict, *chosen, describe(values, sparsity))
    check_kept(verdict, *chosen, describe(values, sparsity))
