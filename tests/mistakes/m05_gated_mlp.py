"""Wrong answers that people really give for m05."""

import torch
from torch.nn import functional as F

from tests.grading import mistake


def _matrices(mlp, call):
    return mlp.gate, mlp.up, mlp.down


def _hidden(mlp, x):
    return F.silu(x @ mlp.gate.T) * (x @ mlp.up.T)


def _output(mlp, call):
    """Many `down` may be equally near: what counts is the output on x."""
    x = call.args[2] if len(call.args) > 2 else call.kwargs["x"]
    return mlp.gate, mlp.up, (_hidden(mlp, x) @ mlp.down.T).float()


def _only(mlp, keep):
    return type(mlp)(mlp.gate[keep], mlp.up[keep], mlp.down[:, keep])


def _solve(a, y):
    return torch.linalg.lstsq(a, y, driver="gelsd").solution.T


def _problem(mlp, keep, x):
    """The narrow MLP, its hidden values and the original's output, token by token."""
    narrow = _only(mlp, sorted(keep))
    return narrow, _hidden(narrow, x).flatten(0, -2), (_hidden(mlp, x) @ mlp.down.T).flatten(0, -2)


# --- forward -----------------------------------------------------------------------------------


@mistake(
    "forward",
    "gate and up swapped",
    "It lets up go through silu, and not gate.",
    "Which of the two matrices opens and closes the way of the other?",
)
def swapped(mlp, x):
    return ((x @ mlp.gate.T) * F.silu(x @ mlp.up.T)) @ mlp.down.T


@mistake(
    "forward",
    "silu of the product",
    "It multiplies first, and puts the product through silu.",
    "Through how many matrices does silu's argument go?",
)
def of_the_product(mlp, x):
    return F.silu((x @ mlp.gate.T) * (x @ mlp.up.T)) @ mlp.down.T


@mistake(
    "forward",
    "silu on both",
    "It puts both branches through silu.",
    "Could the product ever be a large negative number?",
)
def on_both(mlp, x):
    return (F.silu(x @ mlp.gate.T) * F.silu(x @ mlp.up.T)) @ mlp.down.T


@mistake(
    "forward",
    "sigmoid for silu",
    "It gates with a sigmoid: the original GLU.",
    "silu(z) is z times something. Where is the z?",
)
def with_sigmoid(mlp, x):
    return (torch.sigmoid(x @ mlp.gate.T) * (x @ mlp.up.T)) @ mlp.down.T


@mistake(
    "forward",
    "gelu for silu",
    "It gates with a GELU: another member of the family.",
    "What is silu(1), to three digits?",
)
def with_gelu(mlp, x):
    return (F.gelu(x @ mlp.gate.T) * (x @ mlp.up.T)) @ mlp.down.T


@mistake(
    "forward",
    "relu for silu",
    "It gates with a ReLU.",
    "Is silu(−1) zero?",
)
def with_relu(mlp, x):
    return (F.relu(x @ mlp.gate.T) * (x @ mlp.up.T)) @ mlp.down.T


@mistake(
    "forward",
    "sum of the branches",
    "It adds the two branches, and does not multiply them.",
    "What is left of a neuron whose gate is shut?",
)
def summed(mlp, x):
    return (F.silu(x @ mlp.gate.T) + x @ mlp.up.T) @ mlp.down.T


@mistake(
    "forward",
    "no activation",
    "It multiplies the two branches as they are.",
    "Where is silu?",
)
def no_activation(mlp, x):
    return ((x @ mlp.gate.T) * (x @ mlp.up.T)) @ mlp.down.T


@mistake(
    "forward",
    "with a residual",
    "It adds x to the output; the block around the MLP does that.",
    "What comes out when down is all zeros?",
)
def residual(mlp, x):
    return x + (_hidden(mlp, x) @ mlp.down.T)


@mistake(
    "forward",
    "down left out",
    "It returns the hidden values.",
    "Which of the three matrices do you not use?",
)
def no_down(mlp, x):
    return _hidden(mlp, x)


@mistake(
    "forward",
    "matrices not transposed",
    "It computes x @ matrix.",
    "A matrix is (out, in). Which of its axes meets the last axis of x?",
)
def not_transposed(mlp, x):
    return (F.silu(x @ mlp.gate) * (x @ mlp.up)) @ mlp.down


# --- neuron_importance ---------------------------------------------------------------------------


@mistake(
    "neuron_importance",
    "norm over tokens, mean over sequences",
    "It takes the two reductions the other way round.",
    "Which axis holds the tokens of one sequence?",
)
def reductions_swapped(mlp, x):
    return _hidden(mlp, x).norm(dim=1).mean(dim=0)


@mistake(
    "neuron_importance",
    "axes swapped",
    "It averages over the sequences first, then takes the norm over the tokens.",
    "Over which axis is the mean to be taken, over which the norm?",
)
def axes_swapped(mlp, x):
    return _hidden(mlp, x).abs().mean(dim=0).norm(dim=0)


@mistake(
    "neuron_importance",
    "mean over all tokens",
    "It averages over the batch as well.",
    "One sequence has the mean 3, another 4. What comes out?",
)
def mean_over_all(mlp, x):
    return _hidden(mlp, x).abs().mean(dim=(0, 1))


@mistake(
    "neuron_importance",
    "norm over all tokens",
    "It takes one L2 norm over all tokens of all sequences.",
    "A sequence has the values 3 and 4. Is its mean 5?",
)
def norm_over_all(mlp, x):
    return _hidden(mlp, x).flatten(0, 1).norm(dim=0)


@mistake(
    "neuron_importance",
    "sum over tokens",
    "It sums over the tokens.",
    "Should a longer sequence count more?",
)
def sum_over_tokens(mlp, x):
    return _hidden(mlp, x).abs().sum(dim=1).norm(dim=0)


@mistake(
    "neuron_importance",
    "signs cancel",
    "It averages the hidden values with their signs.",
    "A neuron is +5 on one token and −5 on the next. Is it idle?",
)
def signed(mlp, x):
    return _hidden(mlp, x).mean(dim=1).norm(dim=0)


@mistake(
    "neuron_importance",
    "gate alone",
    "It takes the activation of the gate, and not the product.",
    "What does `down` read?",
)
def gate_alone(mlp, x):
    return F.silu(x @ mlp.gate.T).abs().mean(dim=1).norm(dim=0)


@mistake(
    "neuron_importance",
    "up alone",
    "It takes the output of up, before the gate.",
    "What does `down` read?",
)
def up_alone(mlp, x):
    return (x @ mlp.up.T).abs().mean(dim=1).norm(dim=0)


@mistake(
    "neuron_importance",
    "times the column of down",
    "It multiplies by the norm of the neuron's column of down: another method's score.",
    "Which of the matrices does the definition name?",
)
def times_down(mlp, x):
    return _hidden(mlp, x).abs().mean(dim=1).norm(dim=0) * mlp.down.norm(dim=0)


@mistake(
    "neuron_importance",
    "root mean square over sequences",
    "It divides by the number of sequences inside the root.",
    "What is the L2 norm of (3, 4)?",
)
def rms(mlp, x):
    return _hidden(mlp, x).abs().mean(dim=1).square().mean(dim=0).sqrt()


@mistake(
    "neuron_importance",
    "L1 norm over sequences",
    "It sums the means of the sequences.",
    "What is the L2 norm of (3, 4)?",
)
def l1(mlp, x):
    return _hidden(mlp, x).abs().mean(dim=1).sum(dim=0)


@mistake(
    "neuron_importance",
    "squares without the root",
    "It returns the sum of the squared means.",
    "Double the hidden values. By which factor should a norm grow?",
)
def squared(mlp, x):
    return _hidden(mlp, x).abs().mean(dim=1).square().sum(dim=0)


@mistake(
    "neuron_importance",
    "scores of the model's features",
    "It scores the outputs of down, not the neurons that it reads.",
    "How many neurons are there, and how many scores do you return?",
)
def of_the_output(mlp, x):
    return (_hidden(mlp, x) @ mlp.down.T).abs().mean(dim=1).norm(dim=0)


# --- remove_neurons ------------------------------------------------------------------------------


@mistake(
    "remove_neurons",
    "order of keep",
    "It leaves the neurons in the order in which `keep` names them.",
    "In which order does the text want what is left?",
    observe=_matrices,
)
def order_of_keep(mlp, keep):
    return _only(mlp, list(keep))


@mistake(
    "remove_neurons",
    "keep read as drop",
    "It removes the neurons that were to stay.",
    "What does the name of the argument say?",
    observe=_matrices,
)
def dropped(mlp, keep):
    return _only(mlp, [i for i in range(len(mlp.gate)) if i not in keep])


@mistake(
    "remove_neurons",
    "up and down in another order",
    "It sorts `keep` for gate alone: gate and up no longer fit together.",
    "Is row 0 of gate still multiplied by its own row of up?",
    observe=_matrices,
)
def mixed_order(mlp, keep):
    return type(mlp)(mlp.gate[sorted(keep)], mlp.up[list(keep)], mlp.down[:, list(keep)])


@mistake(
    "remove_neurons",
    "down left as it was",
    "It narrows gate and up alone; down no longer fits them.",
    "How many hidden values does `down` read now?",
    observe=_matrices,
)
def down_left(mlp, keep):
    keep = sorted(keep)
    return type(mlp)(mlp.gate[keep], mlp.up[keep], mlp.down.clone())


@mistake(
    "remove_neurons",
    "gate left as it was",
    "It narrows up and down, and forgets gate.",
    "With which row of gate is row 0 of up multiplied?",
    observe=_matrices,
)
def gate_left(mlp, keep):
    keep = sorted(keep)
    return type(mlp)(mlp.gate.clone(), mlp.up[keep], mlp.down[:, keep])


@mistake(
    "remove_neurons",
    "zeros in the old shape",
    "It sets the other neurons to zero: nothing became smaller.",
    "Which shape has `gate` of the result?",
    observe=_matrices,
)
def zeroed(mlp, keep):
    off = [i for i in range(len(mlp.gate)) if i not in keep]
    gate, up, down = mlp.gate.clone(), mlp.up.clone(), mlp.down.clone()
    gate[off], up[off], down[:, off] = 0.0, 0.0, 0.0
    return type(mlp)(gate, up, down)


@mistake(
    "remove_neurons",
    "rows of down",
    "It takes rows of down where columns belong to the neurons.",
    "down is (model, hidden). Which axis are the neurons?",
    observe=_matrices,
)
def rows_of_down(mlp, keep):
    keep = sorted(keep)
    return type(mlp)(mlp.gate[keep], mlp.up[keep], mlp.down[keep])


@mistake(
    "remove_neurons",
    "down rescaled",
    "It scales down up by hidden / kept, as if the neurons were dropped out at random.",
    "What would the original put out with the other hidden values at 0?",
    observe=_matrices,
)
def rescaled(mlp, keep):
    narrow = _only(mlp, sorted(keep))
    return type(mlp)(narrow.gate, narrow.up, narrow.down * (len(mlp.gate) / len(keep)))


@mistake(
    "remove_neurons",
    "the first ones",
    "It keeps as many neurons as asked for, but always the first.",
    "Which neurons does keep = [3, 1] name?",
    observe=_matrices,
)
def the_first(mlp, keep):
    return _only(mlp, list(range(len(keep))))


# --- refit_down ----------------------------------------------------------------------------------


@mistake(
    "refit_down",
    "no refit",
    "It removes the neurons and leaves the columns of down as they were.",
    "Did you use x?",
    observe=_output,
)
def not_refitted(mlp, keep, x):
    return _only(mlp, sorted(keep))


@mistake(
    "refit_down",
    "fitted to its own output",
    "The target is what the kept neurons put out already, so nothing changes or is won.",
    "Whose output is the result to come near to?",
    observe=_output,
)
def own_target(mlp, keep, x):
    narrow, a, _ = _problem(mlp, keep, x)
    keep = sorted(keep)
    scale = _hidden(mlp, x).flatten(0, -2)[:, keep] @ mlp.down[:, keep].T
    return type(mlp)(narrow.gate, narrow.up, _solve(a, 0.999 * scale))


@mistake(
    "refit_down",
    "the lost part alone",
    "It fits what the removed neurons put out, and forgets to add what the kept ones did.",
    "Is the new down a correction, or the whole?",
    observe=_output,
)
def the_lost_part(mlp, keep, x):
    narrow, a, y = _problem(mlp, keep, x)
    return type(mlp)(narrow.gate, narrow.up, _solve(a, y - a @ narrow.down.T))


@mistake(
    "refit_down",
    "with an intercept",
    "It centres both sides before the fit: the mean would need a bias, which the MLP has not.",
    "What happens to the constant that you fitted?",
    observe=_output,
)
def centred(mlp, keep, x):
    narrow, a, y = _problem(mlp, keep, x)
    return type(mlp)(narrow.gate, narrow.up, _solve(a - a.mean(dim=0), y - y.mean(dim=0)))


@mistake(
    "refit_down",
    "one scale for all",
    "It only scales the old down by the best single factor.",
    "How many numbers of down may change?",
    observe=_output,
)
def one_scale(mlp, keep, x):
    narrow, a, y = _problem(mlp, keep, x)
    old = a @ narrow.down.T
    return type(mlp)(narrow.gate, narrow.up, narrow.down * ((old * y).sum() / (old * old).sum()))


@mistake(
    "refit_down",
    "neurons fitted one by one",
    "It fits each neuron alone to the output: right only where neurons do not correlate.",
    "Two neurons are nearly alike. How much of the output does each of them claim?",
    observe=_output,
)
def one_by_one(mlp, keep, x):
    narrow, a, y = _problem(mlp, keep, x)
    return type(mlp)(narrow.gate, narrow.up, (a.T @ y / (a * a).sum(dim=0)[:, None]).T)


@mistake(
    "refit_down",
    "the first sequence alone",
    "It fits on the first sequence of the batch.",
    "How many tokens does x hold, and how many do you use?",
    observe=_output,
)
def first_sequence(mlp, keep, x):
    narrow, a, y = _problem(mlp, keep, x[:1])
    return type(mlp)(narrow.gate, narrow.up, _solve(a, y))


@mistake(
    "refit_down",
    "means over the tokens",
    "It fits the mean of each sequence: one equation for each, where each token gives one.",
    "How many rows has your system of equations?",
    observe=_output,
)
def of_means(mlp, keep, x):
    narrow = _only(mlp, sorted(keep))
    a, y = _hidden(narrow, x).mean(dim=1), (_hidden(mlp, x) @ mlp.down.T).mean(dim=1)
    return type(mlp)(narrow.gate, narrow.up, _solve(a, y))


@mistake(
    "refit_down",
    "fitted in the order of keep",
    "Gate and up stand in the order of the original, down in that of `keep`.",
    "Which neuron does column 0 of down belong to now?",
    observe=_output,
)
def mismatched(mlp, keep, x):
    narrow, a, y = _problem(mlp, keep, x)
    ordered = sorted(keep)
    fitted = _solve(a, y)
    return type(mlp)(narrow.gate, narrow.up, fitted[:, [ordered.index(i) for i in keep]])


@mistake(
    "refit_down",
    "heavily damped",
    "It adds a tenth of the mean diagonal to the normal equations: safer, but not the nearest.",
    "Is there a term beside the squared differences that you minimise?",
    observe=_output,
)
def damped(mlp, keep, x):
    narrow, a, y = _problem(mlp, keep, x)
    gram = a.T @ a
    ridge = 0.1 * gram.diagonal().mean() * torch.eye(len(gram), dtype=x.dtype)
    return type(mlp)(narrow.gate, narrow.up, torch.linalg.solve(gram + ridge, a.T @ y).T)


@mistake(
    "refit_down",
    "gate's activations alone",
    "It regresses on silu(gate x), without the product with up.",
    "What does `down` read?",
    observe=_output,
)
def on_the_gate(mlp, keep, x):
    narrow, _, y = _problem(mlp, keep, x)
    a = F.silu(x @ narrow.gate.T).flatten(0, -2)
    return type(mlp)(narrow.gate, narrow.up, _solve(a, y))


@mistake(
    "refit_down",
    "not transposed",
    "It returns the solution as it comes: (kept, model), where down is (model, kept).",
    "Which shape has `down` of the result?",
    observe=lambda mlp, call: (mlp.gate, mlp.up, mlp.down),
)
def not_turned(mlp, keep, x):
    narrow, a, y = _problem(mlp, keep, x)
    return type(mlp)(narrow.gate, narrow.up, _solve(a, y).T)
