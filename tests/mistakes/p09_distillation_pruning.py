"""Wrong answers that people really give for p09."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

from tests.grading import mistake


def _loss(s, t, labels, temperature, alpha):
    soft = F.kl_div(
        F.log_softmax(s / temperature, dim=1),
        F.softmax(t / temperature, dim=1),
        reduction="batchmean",
    )
    return alpha * temperature**2 * soft + (1 - alpha) * F.cross_entropy(s, labels)


# --- distillation_loss ---------------------------------------------------------------------


@mistake(
    "distillation_loss",
    "KL the other way round",
    "It computes KL(student ‖ teacher).",
    "Whose distribution is the true one here, and with whose probabilities is the mean taken?",
)
def swapped_kl(student_logits, teacher_logits, labels, temperature, alpha):
    p, q = (F.softmax(x / temperature, dim=1) for x in (teacher_logits, student_logits))
    soft = F.kl_div(p.log(), q, reduction="batchmean")
    return alpha * temperature**2 * soft + (1 - alpha) * F.cross_entropy(student_logits, labels)


@mistake(
    "distillation_loss",
    "probabilities for log-probabilities",
    "The first argument of kl_div is a softmax; the 'divergence' can then be negative.",
    "What does the documentation of kl_div say its input is, and can a KL be below 0?",
)
def no_log(student_logits, teacher_logits, labels, temperature, alpha):
    p, q = (F.softmax(x / temperature, dim=1) for x in (teacher_logits, student_logits))
    soft = F.kl_div(q, p, reduction="batchmean")
    return alpha * temperature**2 * soft + (1 - alpha) * F.cross_entropy(student_logits, labels)


@mistake(
    "distillation_loss",
    "logarithm of a softmax",
    "It takes log(softmax), which is −inf or nan where the softmax is too small for a float.",
    "What is softmax([0, 2000])[0] as a float, and what is the logarithm of that?",
)
def log_of_softmax(student_logits, teacher_logits, labels, temperature, alpha):
    p, q = (F.softmax(x / temperature, dim=1) for x in (teacher_logits, student_logits))
    soft = (p * (p.log() - q.log())).sum(dim=1).mean()
    return alpha * temperature**2 * soft + (1 - alpha) * F.cross_entropy(student_logits, labels)


@mistake(
    "distillation_loss",
    "T² missing",
    "The soft term is not multiplied by T².",
    "By how much do the gradients of the soft term shrink when T doubles?",
)
def no_square(student_logits, teacher_logits, labels, temperature, alpha):
    whole = _loss(student_logits, teacher_logits, labels, temperature, 1.0)
    hard = F.cross_entropy(student_logits, labels)
    return alpha * whole / temperature**2 + (1 - alpha) * hard


@mistake(
    "distillation_loss",
    "T for T²",
    "The soft term is multiplied by T, not by T².",
    "A gradient by the logits brings one 1 / T. Where does the second one come from?",
)
def not_squared(student_logits, teacher_logits, labels, temperature, alpha):
    whole = _loss(student_logits, teacher_logits, labels, temperature, 1.0)
    hard = F.cross_entropy(student_logits, labels)
    return alpha * whole / temperature + (1 - alpha) * hard


@mistake(
    "distillation_loss",
    "T² on both terms",
    "The cross-entropy is multiplied by T² as well.",
    "Which of the two terms does the temperature make smaller?",
)
def square_on_both(student_logits, teacher_logits, labels, temperature, alpha):
    hard = F.cross_entropy(student_logits, labels)
    soft = _loss(student_logits, teacher_logits, labels, temperature, alpha)
    return soft + (temperature**2 - 1) * (1 - alpha) * hard


@mistake(
    "distillation_loss",
    "mean over the classes too",
    "The KL is divided by the number of classes: kl_div with reduction='mean' does that.",
    "A batch mean of a divergence divides by how many numbers?",
)
def mean_reduction(student_logits, teacher_logits, labels, temperature, alpha):
    soft = _loss(student_logits, teacher_logits, labels, temperature, 1.0)
    hard = F.cross_entropy(student_logits, labels)
    return alpha * soft / student_logits.shape[1] + (1 - alpha) * hard


@mistake(
    "distillation_loss",
    "KL summed over the batch",
    "The KL is a sum over the rows, the cross-entropy a mean.",
    "Put the same batch in twice. Should the loss change?",
)
def sum_reduction(student_logits, teacher_logits, labels, temperature, alpha):
    soft = _loss(student_logits, teacher_logits, labels, temperature, 1.0)
    hard = F.cross_entropy(student_logits, labels)
    return alpha * soft * len(labels) + (1 - alpha) * hard


@mistake(
    "distillation_loss",
    "T in the hard term",
    "The cross-entropy with the labels is taken at temperature T too.",
    "At which temperature will the student be used?",
)
def hot_labels(student_logits, teacher_logits, labels, temperature, alpha):
    soft = _loss(student_logits, teacher_logits, labels, temperature, 1.0)
    return alpha * soft + (1 - alpha) * F.cross_entropy(student_logits / temperature, labels)


@mistake(
    "distillation_loss",
    "alpha on the other term",
    "It weighs the cross-entropy with alpha and the soft term with 1 − alpha.",
    "What should be left of the loss at alpha = 1?",
)
def swapped_alpha(student_logits, teacher_logits, labels, temperature, alpha):
    return _loss(student_logits, teacher_logits, labels, temperature, 1 - alpha)


@mistake(
    "distillation_loss",
    "alpha on one term only",
    "The cross-entropy is added in full: its weight 1 − alpha is missing.",
    "What should be left of the loss at alpha = 1?",
)
def whole_hard_term(student_logits, teacher_logits, labels, temperature, alpha):
    soft = _loss(student_logits, teacher_logits, labels, temperature, alpha)
    return soft + alpha * F.cross_entropy(student_logits, labels)


@mistake(
    "distillation_loss",
    "softmax over the batch",
    "The soft probabilities are normalised over the rows, not over the classes.",
    "Which axis of the logits should sum to 1?",
)
def batch_softmax(student_logits, teacher_logits, labels, temperature, alpha):
    p, q = (F.softmax(x / temperature, dim=0) for x in (teacher_logits, student_logits))
    soft = F.kl_div(q.log(), p, reduction="batchmean")
    return alpha * temperature**2 * soft + (1 - alpha) * F.cross_entropy(student_logits, labels)


@mistake(
    "distillation_loss",
    "teacher without temperature",
    "Only the student's logits are divided by T.",
    "Let both have the same logits. What should the soft term be, at any T?",
)
def cold_teacher(student_logits, teacher_logits, labels, temperature, alpha):
    return _loss(student_logits, teacher_logits * temperature, labels, temperature, alpha)


@mistake(
    "distillation_loss",
    "student without temperature",
    "Only the teacher's logits are divided by T.",
    "Let both have the same logits. What should the soft term be, at any T?",
)
def cold_student(student_logits, teacher_logits, labels, temperature, alpha):
    hard = F.cross_entropy(student_logits, labels)
    soft = _loss(student_logits * temperature, teacher_logits, labels, temperature, 1.0)
    return alpha * soft + (1 - alpha) * hard


@mistake(
    "distillation_loss",
    "multiplied by T",
    "The logits are multiplied by the temperature: a larger T makes them sharper, not flatter.",
    "What should the distribution look like when T is very large?",
)
def times_temperature(student_logits, teacher_logits, labels, temperature, alpha):
    soft = _loss(student_logits, teacher_logits, labels, 1 / temperature, 1.0)
    hard = F.cross_entropy(student_logits, labels)
    return alpha * soft * temperature**4 + (1 - alpha) * hard


@mistake(
    "distillation_loss",
    "cross-entropy for KL",
    "The soft term is the cross-entropy with the teacher, which is the KL plus its entropy.",
    "Let both have the same logits. What should the soft term be?",
)
def soft_cross_entropy(student_logits, teacher_logits, labels, temperature, alpha):
    p = F.softmax(teacher_logits / temperature, dim=1)
    soft = F.cross_entropy(student_logits / temperature, p)
    return alpha * temperature**2 * soft + (1 - alpha) * F.cross_entropy(student_logits, labels)


@mistake(
    "distillation_loss",
    "squared error of the logits",
    "It compares the logits themselves instead of the distributions.",
    "Add 5 to all of the teacher's logits. Does the teacher say anything else then?",
)
def squared_error(student_logits, teacher_logits, labels, temperature, alpha):
    soft = F.mse_loss(student_logits, teacher_logits)
    return alpha * soft + (1 - alpha) * F.cross_entropy(student_logits, labels)


# --- distill_step --------------------------------------------------------------------------


class Loss(float):
    """A loss that knows the student it left behind: steps are compared by both."""

    after = None


def _left_behind(student):
    state = [value.detach().clone() for value in student.state_dict().values()]
    return [_modes(student), *state]


def _modes(student):
    return [module.training for module in student.modules()]


def _put_back(student, modes):
    for module, training in zip(student.modules(), modes):
        module.training = training


def _loss_and_student(outcome, call):
    left = getattr(outcome, "after", None) or _left_behind(call.args[0])
    return [float(outcome), *left]


def _rewind(student, optimizer):
    """Go back to before the step: what is compared has made it already."""
    state, memory, gradients, modes = student.before
    student.load_state_dict(state)
    optimizer.load_state_dict(copy.deepcopy(memory))
    _put_back(student, modes)
    for parameter, gradient in zip(student.parameters(), gradients):
        parameter.grad = None if gradient is None else gradient.clone()


def _silence(student, masks):
    with torch.no_grad():
        for name, mask in masks.items():
            student.get_parameter(name).masked_fill_(~mask, 0.0)


def _step(
    student,
    teacher,
    masks,
    optimizer,
    inputs,
    labels,
    temperature,
    alpha,
    *,
    training=True,
    put_back="each",
    passes=1,
    zero=True,
    mask="after",
    report="before",
    loss=_loss,
):
    """A right step, but for what is said otherwise."""
    _rewind(student, optimizer)
    was = _modes(student)
    teacher = copy.deepcopy(teacher).eval()
    with torch.no_grad():
        wanted = teacher(inputs)
    if mask == "before":
        _silence(student, masks)
    if training is not None:
        student.train(training)
    if zero:
        optimizer.zero_grad()
    for _ in range(passes):
        logits = student(inputs)
    value = loss(logits, wanted, labels, temperature, alpha)
    value.backward()
    if mask == "gradients":
        for name, kept in masks.items():
            student.get_parameter(name).grad.mul_(kept)
    optimizer.step()
    if mask == "after":
        _silence(student, masks)
    elif mask == "inverted":
        _silence(student, {name: ~kept for name, kept in masks.items()})
    if report == "after":
        value = loss(student(inputs), wanted, labels, temperature, alpha)
    if put_back == "each":
        _put_back(student, was)
    elif put_back == "all":
        student.train(was[0])
    result = Loss(value.item())
    result.after = _left_behind(student)
    return result


@mistake(
    "distill_step",
    "only the gradients masked",
    "The gradients of pruned weights are set to 0, but the optimizer moves them all the same.",
    "What do momentum, weight decay and Adam's means do to a weight whose gradient is 0?",
    _loss_and_student,
)
def masked_gradients(student, teacher, masks, optimizer, inputs, labels, temperature, alpha):
    args = student, teacher, masks, optimizer, inputs, labels, temperature, alpha
    return _step(*args, mask="gradients")


@mistake(
    "distill_step",
    "masked before the step only",
    "The masks are applied before the forward pass; the step then revives the pruned weights.",
    "In which order do the step and the masks come?",
    _loss_and_student,
)
def masked_before(student, teacher, masks, optimizer, inputs, labels, temperature, alpha):
    args = student, teacher, masks, optimizer, inputs, labels, temperature, alpha
    return _step(*args, mask="before")


@mistake(
    "distill_step",
    "masks not applied",
    "The masks are never used: pruned weights have gradients like any other.",
    "What keeps a weight at 0 that has a gradient?",
    _loss_and_student,
)
def unmasked(student, teacher, masks, optimizer, inputs, labels, temperature, alpha):
    args = student, teacher, masks, optimizer, inputs, labels, temperature, alpha
    return _step(*args, mask="")


@mistake(
    "distill_step",
    "masks inverted",
    "It sets to 0 what the mask keeps; in this repository True means kept.",
    "Multiply a weight by its entry in the mask. Which weights survive?",
    _loss_and_student,
)
def inverted(student, teacher, masks, optimizer, inputs, labels, temperature, alpha):
    args = student, teacher, masks, optimizer, inputs, labels, temperature, alpha
    return _step(*args, mask="inverted")


@mistake(
    "distill_step",
    "student in eval mode",
    "The student makes its step in eval mode.",
    "Which statistics should the student's batch-norms use while it learns?",
    _loss_and_student,
)
def student_eval(student, teacher, masks, optimizer, inputs, labels, temperature, alpha):
    args = student, teacher, masks, optimizer, inputs, labels, temperature, alpha
    return _step(*args, training=False)


@mistake(
    "distill_step",
    "student in the mode it came in",
    "A student that comes in eval mode makes its step in eval mode.",
    "Which statistics should the student's batch-norms use while it learns?",
    _loss_and_student,
)
def student_as_it_came(student, teacher, masks, optimizer, inputs, labels, temperature, alpha):
    args = student, teacher, masks, optimizer, inputs, labels, temperature, alpha
    return _step(*args, training=None)


@mistake(
    "distill_step",
    "student left in train mode",
    "A student that came in eval mode goes back in train mode.",
    "What would the caller's next prediction be made with?",
    _loss_and_student,
)
def left_training(student, teacher, masks, optimizer, inputs, labels, temperature, alpha):
    args = student, teacher, masks, optimizer, inputs, labels, temperature, alpha
    return _step(*args, put_back="")


@mistake(
    "distill_step",
    "one mode for the whole student",
    "It notes the mode of the student and sets all of its modules to that one.",
    "What does student.train(True) do to a batch-norm that was kept in eval mode?",
    _loss_and_student,
)
def one_mode(student, teacher, masks, optimizer, inputs, labels, temperature, alpha):
    args = student, teacher, masks, optimizer, inputs, labels, temperature, alpha
    return _step(*args, put_back="all")


@mistake(
    "distill_step",
    "two forward passes",
    "The batch goes through the student twice, so its batch-norm statistics move twice.",
    "How often do you call the student in a step, and what does each call change in train mode?",
    _loss_and_student,
)
def two_passes(student, teacher, masks, optimizer, inputs, labels, temperature, alpha):
    args = student, teacher, masks, optimizer, inputs, labels, temperature, alpha
    return _step(*args, passes=2)


@mistake(
    "distill_step",
    "old gradients added",
    "What an earlier step left in .grad is added to the gradients of this one.",
    "What does backward do to a .grad that is not empty?",
    _loss_and_student,
)
def accumulated(student, teacher, masks, optimizer, inputs, labels, temperature, alpha):
    args = student, teacher, masks, optimizer, inputs, labels, temperature, alpha
    return _step(*args, zero=False)


@mistake(
    "distill_step",
    "loss after the step",
    "It returns the loss that the student has once the step is made.",
    "Which loss was the gradient taken of?",
    _loss_and_student,
)
def loss_after(student, teacher, masks, optimizer, inputs, labels, temperature, alpha):
    args = student, teacher, masks, optimizer, inputs, labels, temperature, alpha
    return _step(*args, report="after")


@mistake(
    "distill_step",
    "labels only",
    "The step follows the cross-entropy alone: the teacher has no say in it.",
    "What would change if the teacher were another one?",
    _loss_and_student,
)
def labels_only(student, teacher, masks, optimizer, inputs, labels, temperature, alpha):
    args = student, teacher, masks, optimizer, inputs, labels, temperature, alpha
    return _step(*args, loss=lambda s, t, y, temperature, alpha: F.cross_entropy(s, y))


# --- prune_and_distill ---------------------------------------------------------------------


def _weights(model):
    return {
        f"{name}.weight": layer.weight
        for name, layer in model.named_modules()
        if isinstance(layer, (nn.Conv2d, nn.Linear))
    }


def _smallest_gone(parameters, count, key=torch.abs):
    """Masks over all parameters together: the `count` lowest go."""
    scores = torch.cat([key(p.detach()).flatten() for p in parameters.values()])
    kept = torch.ones(len(scores), dtype=torch.bool)
    kept[scores.argsort(stable=True)[:count]] = False
    pieces = kept.split([p.numel() for p in parameters.values()])
    return {name: piece.view(p.shape) for (name, p), piece in zip(parameters.items(), pieces)}


def _global(student, sparsity):
    weights = _weights(student)
    return _smallest_gone(weights, round(sparsity * sum(w.numel() for w in weights.values())))


@torch.random.fork_rng()
def _distil(
    teacher,
    batches,
    sparsity,
    epochs,
    lr,
    temperature,
    alpha,
    *,
    masks=_global,
    again=True,
    first=True,
    fresh=False,
    guide=None,
    training=True,
    put_back=True,
    which=lambda student: student.parameters(),
    make=torch.optim.Adam,
    loss=_loss,
):
    """A right answer, but for what is said otherwise."""
    student = copy.deepcopy(teacher)
    kept = masks(student, sparsity)
    if first:
        _silence(student, kept)
    guide = copy.deepcopy(guide(student) if guide else teacher).eval()
    optimizer = make(which(student), lr=lr)
    for _ in range(epochs):
        if fresh:
            optimizer = make(which(student), lr=lr)
        for inputs, labels in batches:
            with torch.no_grad():
                wanted = guide(inputs)
            student.train(training)
            student.zero_grad()
            loss(student(inputs), wanted, labels, temperature, alpha).backward()
            optimizer.step()
            if again:
                _silence(student, kept)
    if not first:
        _silence(student, masks(student, sparsity))
    if put_back or not epochs:
        _put_back(student, _modes(teacher))
    return student


@mistake(
    "prune_and_distill",
    "each layer on its own",
    "It removes the same share of every layer.",
    "Can a layer lose all its weights while another loses none? What does the text say?",
)
def layerwise(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    def masks(student, sparsity):
        gone = {}
        for name, weight in _weights(student).items():
            gone |= _smallest_gone({name: weight}, round(sparsity * weight.numel()))
        return gone

    return _distil(teacher, batches, sparsity, epochs, lr, temperature, alpha, masks=masks)


@mistake(
    "prune_and_distill",
    "signed values",
    "It ranks the weights with their sign, so large negative weights go first.",
    "Which matters more to the output, a weight of −3 or one of 0.1?",
)
def signed(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    def masks(student, sparsity):
        weights = _weights(student)
        count = round(sparsity * sum(w.numel() for w in weights.values()))
        return _smallest_gone(weights, count, key=lambda w: w)

    return _distil(teacher, batches, sparsity, epochs, lr, temperature, alpha, masks=masks)


@mistake(
    "prune_and_distill",
    "largest first",
    "It removes the weights of largest magnitude.",
    "Which end of the sorted magnitudes do you cut off?",
)
def largest(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    def masks(student, sparsity):
        weights = _weights(student)
        count = round(sparsity * sum(w.numel() for w in weights.values()))
        return _smallest_gone(weights, count, key=lambda w: -w.abs())

    return _distil(teacher, batches, sparsity, epochs, lr, temperature, alpha, masks=masks)


@mistake(
    "prune_and_distill",
    "truncated count",
    "It truncates sparsity * n, where the count is rounded.",
    "What is int(0.29 * 100), and what should it be?",
)
def truncated(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    def masks(student, sparsity):
        weights = _weights(student)
        return _smallest_gone(weights, int(sparsity * sum(w.numel() for w in weights.values())))

    return _distil(teacher, batches, sparsity, epochs, lr, temperature, alpha, masks=masks)


@mistake(
    "prune_and_distill",
    "sparsity read as density",
    "It keeps the fraction that should be removed.",
    "At sparsity 0.9, how much of the network is left?",
)
def density(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    def masks(student, sparsity):
        weights = _weights(student)
        count = sum(w.numel() for w in weights.values())
        return _smallest_gone(weights, count - round(sparsity * count))

    return _distil(teacher, batches, sparsity, epochs, lr, temperature, alpha, masks=masks)


@mistake(
    "prune_and_distill",
    "biases and batch-norms pruned too",
    "It ranks and counts all parameters, not only the Conv2d and Linear weights.",
    "Which tensors does the text call weights here?",
)
def all_parameters(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    def masks(student, sparsity):
        everything = dict(student.named_parameters())
        count = sum(p.numel() for p in everything.values())
        return _smallest_gone(everything, round(sparsity * count))

    return _distil(teacher, batches, sparsity, epochs, lr, temperature, alpha, masks=masks)


@mistake(
    "prune_and_distill",
    "biases and batch-norms counted",
    "The count is a share of all parameters, though only weights are removed.",
    "Of how many things is the sparsity a fraction?",
)
def all_counted(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    def masks(student, sparsity):
        count = sum(p.numel() for p in student.parameters())
        return _smallest_gone(_weights(student), round(sparsity * count))

    return _distil(teacher, batches, sparsity, epochs, lr, temperature, alpha, masks=masks)


@mistake(
    "prune_and_distill",
    "revived in training",
    "It prunes once and then trains freely: the pruned weights come back.",
    "How many zeros are left after one epoch?",
)
def revived(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    return _distil(teacher, batches, sparsity, epochs, lr, temperature, alpha, again=False)


@mistake(
    "prune_and_distill",
    "every 0 masked",
    "It takes every weight that is 0 for a pruned one, also one that was kept.",
    "At sparsity 0 nothing is pruned. May a weight that is 0 move?",
)
def zeros_masked(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    def masks(student, sparsity):
        kept = _global(student, sparsity)
        return {name: kept[name] & (w.detach() != 0) for name, w in _weights(student).items()}

    return _distil(teacher, batches, sparsity, epochs, lr, temperature, alpha, masks=masks)


@mistake(
    "prune_and_distill",
    "student in the mode of the teacher",
    "A student copied from a teacher in eval mode is trained in eval mode.",
    "Which statistics should the student's batch-norms use while it learns?",
)
def student_in_eval(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    args = teacher, batches, sparsity, epochs, lr, temperature, alpha
    return _distil(*args, training=teacher.training)


@mistake(
    "prune_and_distill",
    "student left in train mode",
    "The student comes back in train mode, whatever mode the teacher is in.",
    "What would the caller's next prediction be made with?",
)
def left_in_train(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    args = teacher, batches, sparsity, epochs, lr, temperature, alpha
    return _distil(*args, put_back=False)


@mistake(
    "prune_and_distill",
    "pruned after training",
    "It trains the dense copy and prunes at the end, where nothing can recover from it.",
    "What is the training for: to learn the task, or to mend what pruning broke?",
)
def pruned_last(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    args = teacher, batches, sparsity, epochs, lr, temperature, alpha
    return _distil(*args, again=False, first=False)


@mistake(
    "prune_and_distill",
    "a new Adam each epoch",
    "It makes a new optimizer in every epoch, which forgets Adam's means.",
    "How many optimizers does the text speak of?",
)
def fresh_adam(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    return _distil(teacher, batches, sparsity, epochs, lr, temperature, alpha, fresh=True)


@mistake(
    "prune_and_distill",
    "the pruned network teaches",
    "The soft targets come from the pruned network, not from the dense one.",
    "Who still knows what the pruned network has forgotten?",
)
def pruned_teacher(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    args = teacher, batches, sparsity, epochs, lr, temperature, alpha
    return _distil(*args, guide=lambda student: student)


@mistake(
    "prune_and_distill",
    "one epoch whatever is asked",
    "It goes through the batches once, however many epochs are asked for.",
    "Is anything in your code repeated `epochs` times?",
)
def one_epoch(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    return _distil(teacher, batches, sparsity, min(epochs, 1), lr, temperature, alpha)


@mistake(
    "prune_and_distill",
    "batches in another order",
    "It does not take the batches in the order in which they are given.",
    "Does the order of the steps matter to where training ends?",
)
def backwards(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    return _distil(teacher, batches[::-1], sparsity, epochs, lr, temperature, alpha)


@mistake(
    "prune_and_distill",
    "only the weights trained",
    "The optimizer holds the Conv2d and Linear weights; biases and batch-norms stay as they are.",
    "Which parameters should be able to make up for what is gone?",
)
def weights_only(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    args = teacher, batches, sparsity, epochs, lr, temperature, alpha
    return _distil(*args, which=lambda student: _weights(student).values())


@mistake(
    "prune_and_distill",
    "SGD for Adam",
    "It trains with plain gradient descent.",
    "Which optimizer does the text name?",
)
def sgd(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    args = teacher, batches, sparsity, epochs, lr, temperature, alpha
    return _distil(*args, make=torch.optim.SGD)


@mistake(
    "prune_and_distill",
    "labels only",
    "It retrains on the labels alone: the teacher has no say in it.",
    "What would change if the teacher were another one?",
)
def hard_only(teacher, batches, sparsity, epochs, lr=1e-3, temperature=4.0, alpha=0.7):
    args = teacher, batches, sparsity, epochs, lr, temperature, alpha
    return _distil(*args, loss=lambda s, t, y, temperature, alpha: F.cross_entropy(s, y))
