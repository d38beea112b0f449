"""Distilling a pruned student: what must hold, for each part."""

import copy
import numbers
from dataclasses import dataclass, replace

import numpy as np
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from tests.grading import expect, expect_close, expect_number, part, show
from tests.grading.show import remember_recipe
from tests.strategies.digits import accuracy, digit_reader, training_batches
from tests.strategies.networks import Cnn, Conv, Mlp, cnns, indices, mlps, shares_memory
from tests.strategies.vectors import sparsities


def import_optimizers():
    """The first optimizer of a process makes torch import for seconds: once, then, for all."""
    torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)


WARM_UP = (import_optimizers, digit_reader)


# --- the oracles ---------------------------------------------------------------------------


def log_softmax(rows):
    rows = rows - rows.max(axis=1, keepdims=True)
    return rows - np.log(np.exp(rows).sum(axis=1, keepdims=True))


def loss_and_gradient(student, teacher, labels, temperature, alpha):
    """The loss and its gradient by the student's logits, from the formulas, in float64."""
    z, t = (logits.detach().double().numpy() for logits in (student, teacher))
    n, classes = z.shape
    q, p = log_softmax(z / temperature), log_softmax(t / temperature)
    hard, truth = log_softmax(z), np.eye(classes)[labels.numpy()]
    kl = (np.exp(p) * (p - q)).sum() / n
    cross_entropy = -(truth * hard).sum() / n
    loss = alpha * temperature**2 * kl + (1 - alpha) * cross_entropy
    by_soft = temperature * (np.exp(q) - np.exp(p)) / n
    by_hard = (np.exp(hard) - truth) / n
    return loss, alpha * by_soft + (1 - alpha) * by_hard


def forward_backward(student, teacher, inputs, labels, temperature, alpha):
    """Set `.grad` of the student to the gradients of the loss in train mode; return the loss."""
    for parameter in student.parameters():
        parameter.grad = None
    was = student.training
    logits = student.train()(inputs)
    with torch.no_grad():
        wanted = teacher.eval()(inputs)
    loss, gradient = loss_and_gradient(logits, wanted, labels, temperature, alpha)
    logits.backward(torch.tensor(gradient).to(logits))
    student.train(was)
    return loss


def prunable(model):
    """The names of the Conv2d and Linear weights."""
    return [f"{i}.weight" for i in indices(model, (nn.Conv2d, nn.Linear))]


def ranking(model):
    """All Conv2d and Linear weights as (magnitude, name, place), the smallest first."""
    state = model.state_dict()
    return sorted(
        (size, name, place)
        for name in prunable(model)
        for place, size in enumerate(state[name].abs().double().flatten().tolist())
    )


def pruned_by_hand(model, sparsity):
    """Prune the model as it is, and return the masks; a near tie at the cut is no example."""
    ranked = ranking(model)
    count = round(float(sparsity) * len(ranked))
    if 0 < count < len(ranked):
        assume(ranked[count][0] > ranked[count - 1][0] * (1 + 1e-6))
    parameters = dict(model.named_parameters())
    masks = {name: torch.ones_like(parameters[name], dtype=torch.bool) for name in prunable(model)}
    for _, name, place in ranked[:count]:
        masks[name].view(-1)[place] = False
    with torch.no_grad():
        for name, mask in masks.items():
            parameters[name][~mask] = 0.0
    return masks


def student_by_hand(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    """The whole procedure, with Adam written out."""
    student = copy.deepcopy(teacher)
    masks = pruned_by_hand(student, sparsity)
    mean = {name: torch.zeros_like(p) for name, p in student.named_parameters()}
    square = copy.deepcopy(mean)
    step = 0
    for _ in range(epochs):
        for inputs, labels in batches:
            step += 1
            forward_backward(student, teacher, inputs, labels, temperature, alpha)
            with torch.no_grad():
                for name, p in student.named_parameters():
                    mean[name] = 0.9 * mean[name] + 0.1 * p.grad
                    square[name] = 0.999 * square[name] + 0.001 * p.grad**2
                    root = (square[name] / (1 - 0.999**step)).sqrt() + 1e-8
                    p -= lr * mean[name] / (1 - 0.9**step) / root
                    if name in masks:
                        p[~masks[name]] = 0.0
    return student


# --- what is drawn -------------------------------------------------------------------------

temperatures = st.sampled_from((1.0, 2.0, 4.0, 0.5, 20.0, 3))
alphas = st.sampled_from((0.7, 0.5, 1.0, 0.0, 0.25))


def tensor(shape, seed, dtype=torch.float64, scale=2.0):
    generator = torch.Generator().manual_seed(seed)
    return (scale * torch.randn(shape, generator=generator, dtype=torch.float64)).to(dtype)


def classes_drawn(count, classes, seed):
    return torch.randint(classes, (count,), generator=torch.Generator().manual_seed(seed))


@st.composite
def logits(draw, dtypes=(torch.float64, torch.float32)):
    """(student_logits, teacher_logits, labels); batches of 1 to 5 rows, 2 to 6 classes."""
    shape = draw(st.integers(1, 5)), draw(st.integers(2, 6))
    dtype, seed = draw(st.sampled_from(dtypes)), draw(st.integers(0, 50))
    student, teacher = tensor(shape, seed, dtype), tensor(shape, seed + 100, dtype, scale=3.0)
    return student, teacher, classes_drawn(*shape, seed)


def optimizer(kind, **options):
    """A function that makes such an optimizer, which a report shows as the line that makes it."""
    given = ", ".join(f"{key}={value}" for key, value in options.items())
    line = f"torch.optim.{kind}(student.parameters(), {given}), two steps old"
    shown = type(kind, (getattr(torch.optim, kind),), {"__repr__": lambda _: line})
    return lambda parameters: shown(parameters, **options)


OPTIMIZERS = {
    "SGD": optimizer("SGD", lr=0.1),
    "SGD with momentum": optimizer("SGD", lr=0.1, momentum=0.9),
    "SGD with weight decay": optimizer("SGD", lr=0.1, momentum=0.9, weight_decay=0.1),
    "SGD with Nesterov momentum": optimizer("SGD", lr=0.1, momentum=0.9, nesterov=True),
    "Adam": optimizer("Adam", lr=0.05),
    "Adam with weight decay": optimizer("Adam", lr=0.05, weight_decay=0.1),
    "AdamW": optimizer("AdamW", lr=0.05, weight_decay=0.2),
}


@dataclass(frozen=True)
class Step:
    """A student in the middle of its training, and all that its next step needs."""

    student: Cnn | Mlp
    teacher: Cnn | Mlp
    optimizer: str = "SGD with momentum"
    masked: str = "weights"  # of all Conv2d and Linear, the "last" one, "everything", "nothing"
    silent: bool = True  # whether the pruned entries are 0 already
    frozen: bool = False  # whether the teacher's parameters ask for no gradients
    mixed: bool = False  # whether the batch-norms and the last layers are in the other mode
    temperature: float = 2.0
    alpha: float = 0.5

    def build(self):
        """Return the arguments of distill_step; the optimizer has made two dense steps."""
        student, teacher = self.student.build(), self.teacher.build()
        for parameter in teacher.parameters():
            parameter.requires_grad_(not self.frozen)
            parameter.grad = None if self.frozen else torch.ones_like(parameter)
        optimizer = OPTIMIZERS[self.optimizer](student.parameters())
        student.train()
        for seed in (7, 8):
            optimizer.zero_grad()
            inputs, labels = self.batch(seed)
            nn.functional.cross_entropy(student(inputs), labels).backward()
            optimizer.step()
        student.train(self.student.training)
        if self.mixed:
            mix_modes(student)
            mix_modes(teacher)
        masks = self.masks(student)
        if self.silent:
            silence(student, masks)
        remember_recipe(student, f"{self.student!r}.build(), trained for two steps, then masked")
        mark(student, optimizer)
        inputs, labels = self.batch(0)
        return student, teacher, masks, optimizer, inputs, labels, self.temperature, self.alpha

    def batch(self, seed):
        """Inputs and labels; batches differ in size."""
        count = 2 + seed % 3
        return batch(self.student, count, seed)

    def masks(self, student):
        names = {
            "weights": prunable(student),
            "last": prunable(student)[-1:],
            "everything": [name for name, _ in student.named_parameters()],
            "nothing": [],
        }[self.masked]
        generator = torch.Generator().manual_seed(5)
        shapes = {name: student.get_parameter(name).shape for name in names}
        masks = {n: torch.rand(shape, generator=generator) < 0.5 for n, shape in shapes.items()}
        return dict(reversed(masks.items()))


def mix_modes(model):
    """Put every batch-norm and the last layer in the other mode than the rest."""
    for module in (*(m for m in model if isinstance(m, nn.BatchNorm2d)), model[-1]):
        module.training = not model.training


def modes(model):
    return [module.training for module in model.modules()]


def batch(recipe, count, seed):
    classes = (recipe.linears if isinstance(recipe, Cnn) else recipe.widths)[-1]
    return recipe.inputs(count, seed), classes_drawn(count, classes, seed)


def silence(model, masks):
    with torch.no_grad():
        for name, mask in masks.items():
            model.get_parameter(name)[~mask] = 0.0


def mark(student, optimizer):
    """Note the state before a step, from which a known mistake can be made to step as well."""
    gradients = [None if p.grad is None else p.grad.clone() for p in student.parameters()]
    state = student.state_dict(), optimizer.state_dict(), gradients, modes(student)
    student.before = copy.deepcopy(state)


def without_dropout(recipe):
    """Dropout in training draws random numbers: no two right answers need draw the same."""
    if isinstance(recipe, Mlp):
        return recipe
    blocks = (b._replace(after="") if b.after == "dropout" else b for b in recipe.convs)
    return replace(recipe, convs=tuple(blocks))


@st.composite
def models(draw, **options):
    """Recipes of classifiers: CNNs, most of them with batch-norm, and MLPs now and then."""
    if draw(st.integers(0, 4)) == 4:
        options = {key: value for key, value in options.items() if key in ("dtypes", "training")}
        recipe = draw(mlps(min_linears=2, max_linears=3, **options))
        return replace(recipe, widths=(*recipe.widths[:-1], 3))
    recipe = draw(cnns(max_convs=2, max_channels=4, **options))
    if recipe.linears[-1] == 1:
        recipe = replace(recipe, linears=(*recipe.linears[:-1], 2))
    return recipe


@st.composite
def steps(draw, dtypes=("float64",), silent=True, optimizers=tuple(OPTIMIZERS)):
    """A student without dropout, and a wider teacher, in either mode, which may have some."""
    recipe = draw(models(dtypes=dtypes))
    teacher = replace(recipe, seed=recipe.seed + 50, training=draw(st.booleans()))
    if isinstance(teacher, Cnn):
        wider = (b._replace(out=b.out + 1) for b in teacher.convs)
        teacher = replace(teacher, convs=tuple(wider))
    return Step(
        student=without_dropout(recipe),
        teacher=teacher,
        optimizer=draw(st.sampled_from(optimizers)),
        masked=draw(st.sampled_from(("weights", "weights", "everything", "last", "nothing"))),
        silent=silent or draw(st.booleans()),
        frozen=draw(st.booleans()),
        mixed=draw(st.sampled_from((False, False, True))),
        temperature=draw(temperatures),
        alpha=draw(alphas),
    )


def make_step(submission, arguments):
    return submission.distill_step(*arguments, may_change=("student", "optimizer"))


def check_scalar(loss):
    expect(
        isinstance(loss, torch.Tensor) and loss.numel() == 1,
        "a scalar tensor",
        "the loss is one number that gradients can be taken of",
    )


def check_gradient(loss, logits, want, why, rtol):
    expect(
        loss.requires_grad,
        "a loss that the student's logits have a gradient of",
        "the student is trained on it",
        f"{show(loss)}, cut off from the logits",
    )
    (gradient,) = torch.autograd.grad(loss.sum(), logits)
    expect_close(gradient, want, why, "the gradient by the student's logits", rtol=rtol)


def check_parameters(result, want, why):
    """Every parameter and running statistic must be that of the oracle's model."""
    wanted = want.state_dict()
    check_same_names(result, wanted)
    got = result.state_dict()
    for name, value in wanted.items():
        if value.is_floating_point():
            expect_close(got[name], value, why, f"{name} of the student", rtol=1e-7)


def check_same_names(result, wanted):
    expect(
        isinstance(result, nn.Module),
        "a model",
        "the student comes back as a model like the teacher",
    )
    shapes = {name: tuple(value.shape) for name, value in result.state_dict().items()}
    expect(
        shapes == {name: tuple(value.shape) for name, value in wanted.items()},
        f"the tensors {sorted(wanted)} in their shapes",
        "the student is a copy of the teacher: weights become 0, nothing is cut or renamed",
        show(shapes),
    )


# --- distillation_loss ---------------------------------------------------------------------


@part("distillation_loss")
@given(case=logits(), temperature=temperatures, alpha=alphas)
def test_is_the_weighted_sum_of_both_terms(submission, case, temperature, alpha):
    loss = submission.distillation_loss(*case, temperature, alpha)
    check_scalar(loss)
    want, _ = loss_and_gradient(*case, temperature, alpha)
    double = case[0].dtype == torch.float64
    expect_number(
        loss.detach().item(),
        float(want),
        "alpha · T² · KL(teacher ‖ student) + (1 − alpha) · cross-entropy, means over the batch",
        rtol=1e-8 if double else 1e-4,
        atol=1e-10 if double else 1e-5 * temperature**2,
    )


@part("distillation_loss")
@given(case=logits(dtypes=(torch.float64,)), temperature=temperatures, alpha=alphas)
def test_has_the_gradient_of_that_sum(submission, case, temperature, alpha):
    student, teacher, labels = case
    leaf = student.clone().requires_grad_()
    loss = submission.distillation_loss(leaf, teacher, labels, temperature, alpha)
    check_scalar(loss)
    _, want = loss_and_gradient(student, teacher, labels, temperature, alpha)
    check_gradient(
        loss,
        leaf,
        want,
        "with q, p = softmax(student / T), softmax(teacher / T) and n rows it is "
        "(alpha · T · (q − p) + (1 − alpha) · (softmax(student) − truth)) / n",
        rtol=1e-7,
    )


@part("distillation_loss")
@settings(max_examples=20)
@given(case=logits(), temperature=temperatures)
def test_of_equal_logits_leaves_only_the_hard_term(submission, case, temperature):
    student, _, labels = case
    loss = submission.distillation_loss(student, student.clone(), labels, temperature, 0.5)
    check_scalar(loss)
    want, _ = loss_and_gradient(student, student, labels, temperature, 0.0)
    expect_number(
        loss.detach().item(),
        0.5 * float(want),
        "a student that says what the teacher says has a KL of 0",
        rtol=1e-4,
        atol=1e-5 * temperature**2,
    )


@part("distillation_loss")
@given(
    size=st.sampled_from((2000.0, 40.0, 500.0)),
    alpha=st.sampled_from((0.5, 1.0, 0.0)),
    dtype=st.sampled_from((torch.float32, torch.float64)),
)
def test_is_exact_where_a_softmax_is_nearly_zero(submission, size, alpha, dtype):
    student = size * torch.tensor([[1.0, 0.0, -1.0], [0.0, 0.25, 0.0]], dtype=dtype)
    teacher = size * torch.tensor([[-1.0, 0.0, 1.0], [0.0, 1.0, -0.75]], dtype=dtype)
    labels = torch.tensor([2, 0])
    leaf = student.clone().requires_grad_()
    loss = submission.distillation_loss(leaf, teacher, labels, 1.0, alpha)
    check_scalar(loss)
    want, gradient = loss_and_gradient(student, teacher, labels, 1.0, alpha)
    why = "networks can be this sure, and the logarithm of a tiny probability is no small matter"
    expect_number(loss.detach().item(), float(want), why, rtol=1e-4)
    check_gradient(loss, leaf, gradient, why, rtol=1e-4)


# --- distill_step --------------------------------------------------------------------------


@part("distill_step")
@given(step=steps(dtypes=("float64", "float64", "float32")))
def test_returns_the_loss_before_the_step(submission, step):
    loss = make_step(submission, step.build())
    expect(
        isinstance(loss, numbers.Real),
        "a float",
        "a tensor would drag its whole graph along",
    )
    student, teacher, _, _, inputs, labels, temperature, alpha = step.build()
    want = forward_backward(student, teacher, inputs, labels, temperature, alpha)
    double = step.student.dtype == "float64"
    expect_number(
        loss,
        float(want),
        "the distillation loss of the student in train mode and the teacher in eval mode, "
        "before the weights move",
        rtol=1e-7 if double else 1e-3,
        atol=1e-9 if double else 1e-4 * temperature**2,
    )


@part("distill_step")
@given(step=steps(dtypes=("float64", "float32"), silent=False))
def test_leaves_every_pruned_weight_at_zero(submission, step):
    arguments = step.build()
    student, masks = arguments[0], arguments[2]
    make_step(submission, arguments)
    for name, mask in masks.items():
        alive = torch.count_nonzero(student.get_parameter(name)[~mask]).item()
        expect(
            alive == 0,
            f"all {int((~mask).sum())} pruned entries of {name} at exactly 0 after the step",
            f"the optimizer ({step.optimizer}) moves them: momentum, decay and Adam's means do "
            "so without any gradient",
            f"{alive} of them are not 0",
        )


@part("distill_step")
@given(step=steps())
def test_moves_what_is_kept_by_one_step_of_the_optimizer(submission, step):
    arguments = step.build()
    make_step(submission, arguments)
    want, teacher, masks, optimizer, *batch = step.build()
    forward_backward(want, teacher, *batch)
    optimizer.step()
    silence(want, masks)
    check_moved(arguments[0], want, f"one step of {step.optimizer} on the gradients of this loss")


@part("distill_step")
@settings(max_examples=20)
@given(step=steps())
def test_goes_on_in_a_second_step_from_where_the_first_ended(submission, step):
    student, _, _, used, *_ = step.build()
    want, teacher, masks, optimizer, *batch = step.build()
    for i in range(2):
        if i:  # a student for each call, so that what each left behind can be looked at
            student, used = copy.deepcopy((student, used))
            batch[:2] = step.batch(1)
            mark(student, used)
        make_step(submission, (student, teacher, masks, used, *batch))
        forward_backward(want, teacher, *batch)
        optimizer.step()
        silence(want, masks)
    check_moved(student, want, f"two steps of {step.optimizer}, one a batch")


def check_moved(student, want, why):
    wanted = dict(want.named_parameters())
    for name, parameter in student.named_parameters():
        what = f"{name} after the step"
        expect_close(parameter.detach(), wanted[name].detach(), why, what, rtol=1e-7)
    wanted = dict(want.named_buffers())
    for name, value in student.named_buffers():
        if value.is_floating_point():
            why = "each batch goes through the student once, in train mode"
            expect_close(value, wanted[name], why, f"{name} after the step", rtol=1e-7)


@part("distill_step")
@settings(max_examples=20)
@given(step=steps(dtypes=("float64", "float32")))
def test_puts_every_module_of_the_student_back_in_its_mode(submission, step):
    arguments = step.build()
    student = arguments[0]
    before = modes(student)
    make_step(submission, arguments)
    check_modes(
        student, before, "the step is made in train mode, but the mode that each had comes back"
    )


def check_modes(student, before, why):
    for (name, module), was in zip(student.named_modules(), before):
        layer = f"layer {name} of the student" if name else "the student"
        expect(
            module.training == was,
            f"{layer} in {'train' if was else 'eval'} mode",
            why,
            f"it is in {'train' if module.training else 'eval'} mode",
        )


@part("distill_step")
@settings(max_examples=20)
@given(step=steps())
def test_leaves_no_hook_and_no_other_parameter_on_the_student(submission, step):
    arguments = step.build()
    student = arguments[0]
    parameters = [(name, id(p), p.requires_grad) for name, p in student.named_parameters()]
    make_step(submission, arguments)
    expect(
        [(name, id(p), p.requires_grad) for name, p in student.named_parameters()] == parameters,
        "the same parameters on the student, with requires_grad as it was",
        "the optimizer holds these very parameters, and makes the next step on them",
        "other parameters",
    )
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    hooked = [n for n, m in student.named_modules() if any(getattr(m, h, None) for h in hooks)]
    hooked += [n for n, p in student.named_parameters() if p._backward_hooks]
    expect(not hooked, "no hook left on the student", "it is used on", f"hooks on {hooked}")


@part("distill_step")
@settings(max_examples=20)
@given(step=steps(dtypes=("float64", "float32")))
def test_leaves_the_teacher_exactly_as_it_was(submission, step):
    arguments = step.build()
    teacher = arguments[1]
    before = copy.deepcopy(teacher.state_dict())
    make_step(submission, arguments)  # which itself compares flags, hooks and gradients
    changed = [n for n, value in teacher.state_dict().items() if not torch.equal(value, before[n])]
    expect(
        not changed,
        "the teacher bit for bit as it was",
        "it is asked in eval mode, where batch-norm only reads its statistics",
        f"other values in {changed}",
    )


# --- prune_and_distill ---------------------------------------------------------------------


def batches_for(recipe, sizes=(3, 2)):
    return [batch(recipe, count, seed) for seed, count in enumerate(sizes)]


def uneven(recipe):
    """The model, with weights that take every digit of their dtype."""
    model = recipe.build()
    with torch.no_grad():
        for value in (*model.parameters(), *model.buffers()):
            if value.is_floating_point():
                value.mul_(1.1)
    remember_recipe(model, f"{recipe!r}.build(), all weights and statistics times 1.1")
    return model


def check_pruned(result, model, sparsity):
    """The smallest of all weights together are 0, exactly so many; the others are untouched."""
    before, after = model.state_dict(), result.state_dict()
    sizes = torch.cat([before[name].abs().flatten() for name in prunable(model)])
    values = torch.cat([after[name].flatten() for name in prunable(model)])
    due = round(float(sparsity) * len(sizes))
    zeros = int((values == 0).sum())
    already = int((sizes == 0).sum())
    expect(
        zeros == max(due, already),
        f"{max(due, already)} of all {len(sizes)} weights at 0",
        f"round({sparsity} * {len(sizes)}) = {due} go; Conv2d and Linear weights count, all of "
        f"them together, and nothing else ({already} are 0 in the teacher)",
        f"{zeros} are 0",
    )
    kept, removed = sizes[values != 0], sizes[values == 0]
    if len(kept) and len(removed):
        expect(
            kept.min() >= removed.max(),
            "no kept weight smaller in magnitude than one that was removed",
            "all layers share one ranking by absolute value",
            f"{kept.min().item()!r} was kept somewhere, {removed.max().item()!r} removed",
        )


@part("prune_and_distill")
@given(recipe=models(), sparsity=sparsities())
def test_removes_the_smallest_weights_of_the_whole_network(submission, recipe, sparsity):
    model = recipe.build()
    result = submission.prune_and_distill(model, batches_for(recipe), sparsity, 0)
    check_same_names(result, model.state_dict())
    check_pruned(result, model, sparsity)


@part("prune_and_distill")
@given(recipe=models(), sparsity=sparsities(), grid=st.sampled_from((1.0, 2.0, 0.25)))
def test_removes_exactly_so_many_among_equal_magnitudes(submission, recipe, sparsity, grid):
    model = recipe.build()
    with torch.no_grad():
        for name in prunable(model):
            weight = model.get_parameter(name)
            weight.copy_((weight * grid).round() / grid)
    remember_recipe(model, f"{recipe!r}.build(), weights rounded to multiples of {1 / grid:g}")
    result = submission.prune_and_distill(model, batches_for(recipe), sparsity, 0)
    check_same_names(result, model.state_dict())
    check_pruned(result, model, sparsity)


@part("prune_and_distill")
@given(
    widths=st.sampled_from(((3, 3), (1, 2), (5, 3), (3, 3, 2), (7, 3), (5, 5, 2))),
    sparsity=sparsities(),
    seed=st.integers(0, 20),
)
def test_rounds_the_count_as_python_does(submission, widths, sparsity, seed):
    recipe = Mlp(widths=widths, seed=seed)
    model = recipe.build()
    result = submission.prune_and_distill(model, batches_for(recipe), sparsity, 0)
    check_same_names(result, model.state_dict())
    check_pruned(result, model, sparsity)


@part("prune_and_distill")
@settings(max_examples=25)
@given(recipe=models(), sparsity=sparsities())
def test_without_epochs_leaves_all_else_untouched(submission, recipe, sparsity):
    model = uneven(recipe)
    result = submission.prune_and_distill(model, batches_for(recipe), sparsity, 0)
    before = model.state_dict()
    check_same_names(result, before)
    for name, value in result.state_dict().items():
        same = value == before[name]
        if name in prunable(model):
            same |= value == 0
        if not same.all() or value.dtype != before[name].dtype:
            expect(
                False,
                f"{name} as it is in the teacher{' or 0' if name in prunable(model) else ''}",
                "epochs = 0 prunes weights and does nothing else",
                f"{show(value)}, from {show(before[name])}",
            )


@part("prune_and_distill")
@given(
    widths=st.sampled_from(((4, 3), (3, 4, 2))),
    sparsity=sparsities(),
    seed=st.integers(0, 20),
    dtype=st.sampled_from(("float64", "float64", "float32")),
)
def test_tells_magnitudes_apart_to_the_last_digit(submission, widths, sparsity, seed, dtype):
    recipe = Mlp(widths=widths, seed=seed, dtype=dtype)
    model = recipe.build()
    generator = torch.Generator().manual_seed(seed)
    step = 4 * torch.finfo(getattr(torch, dtype)).eps
    with torch.no_grad():
        for name in prunable(model):
            weight = model.get_parameter(name)
            places = torch.randperm(weight.numel(), generator=generator).view_as(weight)
            weight.copy_(weight.sign() * (1 + step * places.to(weight.dtype)))
    remember_recipe(model, f"{recipe!r}.build(), weights ±(1 + {step:.2g} · 0, 1, 2, …), shuffled")
    result = submission.prune_and_distill(model, batches_for(recipe), sparsity, 0)
    check_same_names(result, model.state_dict())
    check_pruned(result, model, sparsity)


@part("prune_and_distill")
@settings(max_examples=20)
@given(recipe=models(), epochs=st.sampled_from((0, 1)), mixed=st.booleans(), sparsity=sparsities())
def test_returns_every_module_in_the_mode_of_the_teachers(
    submission, recipe, epochs, mixed, sparsity
):
    model = without_dropout(recipe).build()
    if mixed:
        mix_modes(model)
        remember_recipe(model, f"{recipe!r}.build(), some modules in the other mode")
    result = submission.prune_and_distill(model, batches_for(recipe), sparsity, epochs)
    check_same_names(result, model.state_dict())
    check_modes(result, modes(model), "the student is a copy of the teacher, ready to be used")


@part("prune_and_distill")
@settings(max_examples=20)
@given(recipe=models(), sparsity=sparsities(), epochs=st.sampled_from((0, 1)))
def test_shares_no_memory_with_the_teacher(submission, recipe, sparsity, epochs):
    recipe = without_dropout(recipe)
    model = recipe.build()
    result = submission.prune_and_distill(model, batches_for(recipe), sparsity, epochs)
    check_same_names(result, model.state_dict())
    expect(
        not shares_memory(model, result),
        "tensors of its own",
        "a student that shares the teacher's weights prunes the teacher with itself",
        "a model with a tensor of the teacher in it",
    )


@part("prune_and_distill")
@settings(max_examples=30)
@given(
    recipe=models(twists=False),
    sparsity=sparsities(),
    epochs=st.sampled_from((1, 2)),
)
def test_keeps_what_it_pruned_at_zero_while_it_trains(submission, recipe, sparsity, epochs):
    recipe = without_dropout(recipe)
    model = recipe.build()
    pruned = recipe.build()
    masks = pruned_by_hand(pruned, sparsity)
    batches = batches_for(recipe)
    result = submission.prune_and_distill(model, batches, sparsity, epochs, lr=0.05)
    check_same_names(result, model.state_dict())
    state = result.state_dict()
    for name, mask in masks.items():
        alive = torch.count_nonzero(state[name][~mask]).item()
        expect(
            alive == 0,
            f"all {int((~mask).sum())} pruned weights of {name} at exactly 0",
            "they have gradients, and Adam follows them, unless they are masked after each step",
            f"{alive} of them are not 0",
        )
    expect(
        all(state[name].dtype == value.dtype for name, value in model.state_dict().items()),
        "the dtype of the teacher",
        "the student is a copy of it",
    )


SETTINGS = st.sampled_from(
    (
        {"lr": 0.05, "temperature": 2.0, "alpha": 0.5},
        {"lr": 0.02, "temperature": 8.0, "alpha": 0.9},
        {"lr": 0.05, "temperature": 1.0, "alpha": 0.2},
        {},
    )
)
MEDIUM = st.sampled_from((0.5, 0.3, 0.7, 0.25, 0.9, 0.0, 1.0))


@part("prune_and_distill")
@settings(max_examples=30)
@given(
    recipe=models(twists=False, dtypes=("float64",)),
    sparsity=MEDIUM,
    epochs=st.sampled_from((1, 2, 3)),
    sizes=st.sampled_from(((3, 2), (2,), (2, 4, 3))),
    options=SETTINGS,
)
def test_trains_as_the_steps_by_hand_do(submission, recipe, sparsity, epochs, sizes, options):
    recipe = without_dropout(recipe)
    model, batches = recipe.build(), batches_for(recipe, sizes)
    want = student_by_hand(model, batches, sparsity, epochs, **options)
    result = submission.prune_and_distill(recipe.build(), batches, sparsity, epochs, **options)
    check_parameters(
        result,
        want,
        f"one Adam over all parameters, {epochs} time(s) through {len(batches)} batch(es) in "
        "their order, the unpruned teacher in eval mode, the student in train mode",
    )


@part("prune_and_distill")
@settings(max_examples=20)
@given(recipe=models(dtypes=("float64",)), epochs=st.sampled_from((1, 2)), options=SETTINGS)
def test_trains_a_kept_weight_that_is_0_like_the_others(submission, recipe, epochs, options):
    recipe = without_dropout(recipe)
    model, batches = recipe.build(), batches_for(recipe)
    with torch.no_grad():
        for name in prunable(model):
            model.get_parameter(name).flatten()[::2] = 0.0
    remember_recipe(model, f"{recipe!r}.build(), every second weight of a layer at 0")
    want = student_by_hand(model, batches, 0.0, epochs, **options)
    result = submission.prune_and_distill(model, batches, 0.0, epochs, **options)
    check_parameters(result, want, "at sparsity 0 nothing is pruned: a 0 is a weight like any")


@part("prune_and_distill")
@settings(max_examples=10)
@given(seed=st.integers(0, 20), training=st.booleans(), epochs=st.sampled_from((1, 2)))
def test_leaves_the_random_state_where_it_was(submission, seed, training, epochs):
    recipe = Cnn(convs=(Conv(2, after="dropout"),), linears=(3,), seed=seed, training=training)
    model = recipe.build()
    result = submission.prune_and_distill(model, batches_for(recipe), 0.5, epochs)
    check_same_names(result, model.state_dict())  # the call itself is watched


@part("prune_and_distill")
def test_reads_real_digits_better_than_the_pruned_network_alone(submission):
    teacher, pruned = digit_reader(), digit_reader()
    pruned_by_hand(pruned, 0.8)
    before = accuracy(pruned)
    student = submission.prune_and_distill(teacher, training_batches(), 0.8, 2, lr=5e-3)
    check_same_names(student, teacher.state_dict())
    after = accuracy(student)
    expect(
        after > before + 0.15,
        f"more than {before + 0.15:.1%} of 1,197 unseen digits to be read correctly",
        f"the teacher reads {accuracy(teacher):.1%}, without 80% of its weights {before:.1%}, "
        "and two passes over 600 digits win most of that back",
        f"{after:.1%}",
    )
