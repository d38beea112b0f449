"""What a pruned network looks at and what it has forgotten: what must hold, for each part."""

from collections import Counter

import numpy as np
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from tests.grading import expect, expect_close, expect_number, expect_same_dtype, part, show
from tests.grading.show import remember_recipe
from tests.strategies.networks import Cnn, Conv, cnns, mlps

# --- saliency ------------------------------------------------------------------------------


def differences(recipe, inputs, classes):
    """The oracle: central differences in float64, in eval mode, all inputs in one batch.

    The networks are piecewise linear, so that it is exact unless a kink is near.
    """
    model = recipe.build().double().eval()
    exact = inputs.detach().double()
    step = 1e-4
    size = exact[0].numel()
    moves = step * torch.eye(size, dtype=torch.float64).reshape(size, *exact.shape[1:])
    rows = []
    with torch.no_grad():
        for row, wanted in zip(exact, classes.tolist()):
            above, below = model(row + moves)[:, wanted], model(row - moves)[:, wanted]
            here = model(row[None])[0, wanted]
            slope = (above - below) / (2 * step)
            bend = (above + below - 2 * here) / step
            assume(bend.abs().max() <= 1e-6 * max(1.0, slope.abs().max()))
            rows.append(slope.abs().reshape(row.shape))
    return torch.stack(rows)


def far_from_kinks(recipe, inputs):
    """Whether float32 and float64 surely agree on which ReLUs are open."""
    signal = inputs.detach().double()
    with torch.no_grad():
        for layer in recipe.build().double().eval():
            if isinstance(layer, nn.ReLU):
                near = (signal != 0) & (signal.abs() < 1e-5)
                if near.any():
                    return False
            signal = layer(signal)
    return True


@st.composite
def explained(draw, training=True):
    """A network, a batch for it, and a class for each row."""
    nets = cnns(max_convs=2, max_channels=3, plain_norms=True, training=training)
    recipe = draw(st.one_of(nets, nets, mlps(max_linears=3, training=training)))
    count = draw(st.integers(1, 3))
    inputs = recipe.inputs(count, seed=draw(st.integers(0, 9)))
    outputs = recipe.linears[-1] if isinstance(recipe, Cnn) else recipe.widths[-1]
    classes = draw(st.lists(st.integers(0, outputs - 1), min_size=count, max_size=count))
    return recipe, inputs, torch.tensor(classes)


def check_saliency(submission, recipe, model, inputs, classes):
    want = differences(recipe, inputs, classes)
    assume(far_from_kinks(recipe, inputs))
    value = submission.saliency(model, inputs, classes)
    expect(
        isinstance(value, torch.Tensor) and value.shape == inputs.shape,
        f"a tensor of the shape of the inputs, {tuple(inputs.shape)}",
        "each input value has its own sensitivity",
    )
    expect_same_dtype(value, inputs)
    expect_close(
        value,
        want,
        f"each row's is |∂ logit of its class / ∂ input| in eval mode; the classes are "
        f"{classes.tolist()}",
        "the saliency",
        rtol=1e-3 if recipe.dtype == "float32" else 1e-7,
    )


@part("saliency")
@given(case=explained(training=False))
def test_is_the_absolute_gradient_of_the_logit_of_each_rows_class(submission, case):
    recipe, inputs, classes = case
    check_saliency(submission, recipe, recipe.build(), inputs, classes)


def in_train_mode(submission, convs, seed, classes):
    recipe = Cnn(convs=convs, linears=(3,), seed=seed, training=True)
    inputs = recipe.inputs(len(classes), seed=seed)
    check_saliency(submission, recipe, recipe.build(), inputs, torch.tensor(classes))


NORM, DROPOUT = Conv(2, norm="norm"), Conv(3, after="dropout")


@part("saliency")
@given(
    convs=st.sampled_from(((NORM,), (NORM, NORM), (Conv(2, norm="plain"),))),
    seed=st.integers(0, 9),
    classes=st.lists(st.integers(0, 2), min_size=2, max_size=4),
)
def test_uses_the_running_statistics_of_a_batch_norm(submission, convs, seed, classes):
    in_train_mode(submission, convs, seed, classes)


@part("saliency")
@given(
    convs=st.sampled_from(((DROPOUT,), (DROPOUT, NORM))),
    seed=st.integers(0, 9),
    classes=st.lists(st.integers(0, 2), min_size=2, max_size=4),
)
def test_is_not_disturbed_by_dropout(submission, convs, seed, classes):
    in_train_mode(submission, convs, seed, classes)


@part("saliency")
@given(case=explained())
def test_measures_in_eval_mode_whatever_the_mode(submission, case):
    recipe, inputs, classes = case
    check_saliency(submission, recipe, recipe.build(), inputs, classes)


@part("saliency")
@settings(max_examples=25)
@given(case=explained(), modes=st.integers(1, 2**12), split=st.integers(0, 4))
def test_puts_every_module_back_in_its_own_mode(submission, case, modes, split):
    recipe, inputs, classes = case
    layers = list(recipe.build())
    model = nn.Sequential(nn.Sequential(*layers[:split]), *layers[split:])
    for place, module in enumerate(model.modules()):
        module.training = bool(modes >> place % 12 & 1)
    text = f"nn.Sequential(nn.Sequential(*layers[:{split}]), *layers[{split}:])"
    remember_recipe(model, f"{text} of {recipe!r}.build(), its modules in mixed modes")
    check_saliency(submission, recipe, model, inputs, classes)


@part("saliency")
@settings(max_examples=25)
@given(
    case=explained(),
    old_gradients=st.booleans(),
    frozen=st.booleans(),
    wanted=st.booleans(),
)
def test_leaves_no_gradient_in_the_model_or_the_inputs(
    submission, case, old_gradients, frozen, wanted
):
    recipe, inputs, classes = case
    model = recipe.build()
    for parameter in model.parameters():
        if old_gradients:
            parameter.grad = torch.ones_like(parameter)
        if frozen:
            parameter.requires_grad_(False)
    inputs = inputs.clone().requires_grad_(wanted)
    if wanted and old_gradients:
        inputs.grad = torch.ones_like(inputs)
    check_saliency(submission, recipe, model, inputs, classes)


# --- top_k_overlap -------------------------------------------------------------------------


@st.composite
def maps(draw):
    """Two tensors of one shape, without ties, of both signs; and a k for them."""
    shape = draw(st.sampled_from(((4,), (2, 3), (1, 2, 2, 2), (5,), (3, 3), (1,), (2,))))
    count = int(np.prod(shape))
    dtype = draw(st.sampled_from((torch.float32, torch.float64)))
    made = []
    for _ in range(2):
        order = draw(st.permutations(range(count)))
        shift = draw(st.sampled_from((0.5, count / 2, count + 1)))
        values = torch.tensor([place - shift for place in order], dtype=torch.float64)
        made.append((values / 4).to(dtype).reshape(shape))
    return made[0], made[1], draw(st.integers(1, count))


def overlap(a, b, k):
    places = []
    for values in (a.flatten().tolist(), b.flatten().tolist()):
        ranked = sorted(range(len(values)), key=lambda place: -values[place])
        places.append(set(ranked[:k]))
    first, second = places
    return first, second, len(first & second) / len(first | second)


def check_overlap(submission, a, b, k):
    first, second, want = overlap(a, b, k)
    value = submission.top_k_overlap(a, b, k)
    expect(not isinstance(value, bool), f"the number {want!r}", "a share is a number", show(value))
    expect_number(
        value,
        want,
        f"the {k} largest of a are at {sorted(first)}, those of b at {sorted(second)} (flattened): "
        f"{len(first & second)} in both, {len(first | second)} in either",
    )


@part("top_k_overlap")
@given(case=maps())
def test_is_the_intersection_over_the_union_of_the_places(submission, case):
    check_overlap(submission, *case)


@part("top_k_overlap")
@given(
    orders=st.tuples(st.permutations(range(5)), st.permutations(range(5))),
    k=st.integers(1, 4),
    dtype=st.sampled_from((torch.float64, torch.float64, torch.float32)),
)
def test_tells_values_apart_to_the_last_digit(submission, orders, k, dtype):
    step = 4 * torch.finfo(dtype).eps
    first, second = (step * torch.tensor(order, dtype=dtype) for order in orders)
    check_overlap(submission, 1 + first, 1.5 + second, k)


@part("top_k_overlap")
@given(order=st.permutations(range(6)), k=st.integers(2, 5), half=st.booleans())
def test_flattens_the_maps_and_compares_places(submission, order, k, half):
    a = torch.arange(6.0).reshape(2, 3)
    b = torch.tensor([float(place) for place in order]).reshape(2, 3)
    check_overlap(submission, a - (10.0 if half else 0.0), b, k)


# --- linear_cka ----------------------------------------------------------------------------


def hsic_cka(x, y):
    """The oracle: by Gram matrices and the centring matrix, in float64."""
    x, y = x.double().numpy(), y.double().numpy()
    count = len(x)
    centring = np.eye(count) - np.full((count, count), 1 / count)
    k, m = (centring @ (z @ z.T) @ centring for z in (x, y))
    return float((k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum()))


@st.composite
def representations(draw, dtypes=(torch.float32, torch.float64)):
    """Two sets of features of the same samples, related or not, seldom centred."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 500)))
    count = draw(st.integers(3, 8))
    widths = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    x = torch.randn((count, widths[0]), generator=generator, dtype=torch.float64)
    y = torch.randn((count, widths[1]), generator=generator, dtype=torch.float64)
    if draw(st.booleans()):
        y = y + 2 * x @ torch.randn(widths, generator=generator, dtype=torch.float64)
    x = x + draw(st.sampled_from((2.0, 0.0, -1.0)))
    y = y + draw(st.sampled_from((1.0, 0.0)))
    dtype = draw(st.sampled_from(dtypes))
    return x.to(dtype), y.to(dtype)


def check_cka(submission, x, y, want, why, slack=1e-9):
    value = submission.linear_cka(x, y)
    slack = 1e-3 if x.dtype == torch.float32 else slack
    expect_number(value, want, why, rtol=slack, atol=slack)


@part("linear_cka")
@given(case=representations())
def test_is_the_alignment_of_the_centred_gram_matrices(submission, case):
    x, y = case
    check_cka(
        submission,
        x,
        y,
        hsic_cka(x, y),
        "with centred columns it is ‖yᵀx‖² / (‖xᵀx‖ ‖yᵀy‖), in Frobenius norms",
    )


@part("linear_cka")
@given(
    case=representations(dtypes=(torch.float64,)),
    seed=st.integers(0, 50),
    scale=st.sampled_from((2.0, -3.0, 0.001, 1000.0)),
    shift=st.sampled_from((0.0, 5.0)),
    swap=st.booleans(),
)
def test_does_not_change_with_a_rotation_a_scale_or_a_shift(
    submission, case, seed, scale, shift, swap
):
    x, y = case
    generator = torch.Generator().manual_seed(seed)
    square = torch.randn((x.shape[1],) * 2, generator=generator, dtype=torch.float64)
    rotation = torch.linalg.qr(square).Q
    offset = shift * torch.randn(x.shape[1], generator=generator, dtype=torch.float64)
    moved = scale * (x @ rotation) + offset
    check_cka(
        submission,
        *((y, moved) if swap else (moved, y)),
        hsic_cka(x, y),
        "an orthogonal transform, one scale for all features and a shift of all samples change "
        "nothing, and neither does the order of the two",
        slack=1e-7,
    )


@part("linear_cka")
@given(case=representations())
def test_is_1_of_a_representation_with_itself(submission, case):
    x, _ = case
    check_cka(submission, x, x.clone(), 1.0, "nothing is more alike than the same")


# --- pruning_identified_exemplars ----------------------------------------------------------


def modal_labels(predictions):
    """The oracle: count the votes of each sample."""
    modal = []
    for votes in zip(*predictions.tolist()):
        counts = Counter(votes)
        most = max(counts.values())
        modal.append(min(label for label, count in counts.items() if count == most))
    return modal


def listed(value, expected, why):
    """The indices as a list of ints; any container will do, in any order."""
    if isinstance(value, (set, frozenset)):
        value = sorted(value)
    array = value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
    if array.size == 0:
        return []
    expect(array.ndim == 1, f"{expected}, one after the other", why, show(value))
    expect(array.dtype.kind in "iu", f"{expected}: indices, not a mask", why, show(value))
    return array.tolist()


def check_exemplars(submission, dense, pruned):
    before, after = modal_labels(dense), modal_labels(pruned)
    want = [i for i, (old, new) in enumerate(zip(before, after)) if old != new]
    expected = f"the indices {want}"
    why = (
        f"the modal labels are {before} and {after} (the smallest label on ties); they differ "
        f"{'there' if want else 'nowhere'}"
    )
    value = submission.pruning_identified_exemplars(dense, pruned)
    expect(value is not None, expected, why)
    got = listed(value, expected, why)
    expect(sorted(got) == want, expected, why, show(value))


@st.composite
def predictions(draw, samples, largest=3, offset=0):
    models = draw(st.integers(1, 5))
    labels = st.integers(0, largest)
    rows = draw(
        st.lists(
            st.lists(labels, min_size=samples, max_size=samples), min_size=models, max_size=models
        )
    )
    return torch.tensor(rows) + offset


@st.composite
def populations(draw):
    """Predictions of two groups, perhaps of different sizes, for the same samples."""
    samples = draw(st.integers(1, 6))
    largest, offset = draw(st.sampled_from(((3, 0), (2, 0), (1, 0), (2, 9), (2, 998))))
    dense = draw(predictions(samples, largest, offset))
    return dense, draw(predictions(samples, largest, offset))


@part("pruning_identified_exemplars")
@given(case=populations())
def test_are_the_samples_whose_modal_labels_differ(submission, case):
    check_exemplars(submission, *case)


@part("pruning_identified_exemplars")
@given(
    pairs=st.lists(
        st.lists(st.integers(0, 3), min_size=2, max_size=2, unique=True), min_size=2, max_size=5
    ),
    others=st.lists(st.integers(0, 3), min_size=5, max_size=5),
    offset=st.sampled_from((0, 0, 8, 254)),
)
def test_takes_the_smallest_label_of_those_equally_frequent(submission, pairs, others, offset):
    dense = torch.tensor(pairs).T.contiguous()  # two models that never agree
    pruned = torch.tensor([others[: len(pairs)]])
    check_exemplars(submission, dense + offset, pruned + offset)


@part("pruning_identified_exemplars")
@given(
    counts=st.lists(
        st.sampled_from(((2, 1, 1), (1, 2, 1), (1, 1, 2), (3, 1, 0), (0, 1, 3), (1, 3, 0))),
        min_size=2,
        max_size=5,
    ),
    others=st.lists(st.integers(0, 2), min_size=5, max_size=5),
    swap=st.booleans(),
)
def test_needs_no_majority_to_be_modal(submission, counts, others, swap):
    columns = [[label for label in range(3) for _ in range(c[label])] for c in counts]
    many = torch.tensor(columns).T.contiguous()  # four models
    one = torch.tensor([others[: len(counts)]])
    check_exemplars(submission, *((one, many) if swap else (many, one)))


@part("pruning_identified_exemplars")
@given(samples=st.integers(1, 5), models=st.integers(1, 4), more=st.integers(1, 4))
def test_are_none_where_the_groups_agree(submission, samples, models, more):
    labels = torch.arange(samples) % 3
    check_exemplars(submission, labels.repeat(models, 1), labels.repeat(more, 1))
