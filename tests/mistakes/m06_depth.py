"""Wrong answers that people really give for m06."""

import copy
import math

import torch
from torch import nn
from torch.nn import functional as F

from tests.grading import mistake


def _cosines(a, b):
    return F.cosine_similarity(a, b, dim=-1)


def _pairs(states, n=1):
    return list(zip(states, states[n:]))


# --- block_influence -----------------------------------------------------------------------------


@mistake(
    "block_influence",
    "the cosine itself",
    "It returns how alike input and output are: the most influential block gets the least.",
    "A block returns what it gets. What should its influence be?",
)
def cosine_itself(states):
    return torch.stack([_cosines(a, b).mean() for a, b in _pairs(states)])


@mistake(
    "block_influence",
    "sum over tokens",
    "It sums over the tokens, and does not average.",
    "Should twice as much text double the influence?",
)
def summed(states):
    return torch.stack([(1 - _cosines(a, b)).sum() for a, b in _pairs(states)])


@mistake(
    "block_influence",
    "last token alone",
    "It looks at the last token of each sequence only.",
    "Which of the two measures is about the last token?",
)
def last_token(states):
    return torch.stack([1 - _cosines(a[:, -1], b[:, -1]).mean() for a, b in _pairs(states)])


@mistake(
    "block_influence",
    "cosine of the mean vectors",
    "It averages the vectors over the tokens first, and takes one cosine.",
    "Two tokens change in opposite ways. What does the mean vector show of it?",
)
def of_means(states):
    return torch.stack([1 - _cosines(a.mean((0, 1)), b.mean((0, 1))) for a, b in _pairs(states)])


@mistake(
    "block_influence",
    "one cosine of everything",
    "It flattens all tokens to one long vector: long vectors then count more.",
    "Multiply one token's vectors by ten. Should the others count less?",
)
def flattened(states):
    return torch.stack([1 - _cosines(a.flatten(), b.flatten()) for a, b in _pairs(states)])


@mistake(
    "block_influence",
    "against the first state",
    "It compares each output with what went into the first block.",
    "What goes into block 2?",
)
def from_the_start(states):
    return torch.stack([1 - _cosines(states[0], b).mean() for b in states[1:]])


@mistake(
    "block_influence",
    "against the last state",
    "It compares each input with what comes out of the last block.",
    "What comes out of block 0?",
)
def to_the_end(states):
    return torch.stack([1 - _cosines(a, states[-1]).mean() for a in states[:-1]])


@mistake(
    "block_influence",
    "cosine along the tokens",
    "It takes the cosine along the axis of the tokens.",
    "Which axis holds the numbers of one vector?",
)
def wrong_axis(states):
    return torch.stack([1 - F.cosine_similarity(a, b, dim=1).mean() for a, b in _pairs(states)])


@mistake(
    "block_influence",
    "absolute cosine",
    "It drops the sign of the cosine: a block that turns the stream round seems idle.",
    "What is the influence of a block that returns −x?",
)
def absolute(states):
    return torch.stack([1 - _cosines(a, b).abs().mean() for a, b in _pairs(states)])


@mistake(
    "block_influence",
    "size of the change",
    "It measures how long the change is, relative to the input.",
    "A block doubles its input. Did the direction change?",
)
def relative_change(states):
    return torch.stack([((b - a).norm(dim=-1) / a.norm(dim=-1)).mean() for a, b in _pairs(states)])


@mistake(
    "block_influence",
    "cosine of the change",
    "It compares the input with what the block added, and not with what comes out.",
    "What do the states hold: contributions, or the whole stream?",
)
def with_the_change(states):
    return torch.stack([1 - _cosines(a, b - a).mean() for a, b in _pairs(states)])


@mistake(
    "block_influence",
    "angle for cosine",
    "It returns the angle over π: the other measure.",
    "Is there an arccos in the definition?",
)
def angle(states):
    return torch.stack(
        [(_cosines(a, b).clamp(-1, 1).arccos() / math.pi).mean() for a, b in _pairs(states)]
    )


@mistake(
    "block_influence",
    "product not normalised",
    "It takes the product of the vectors and forgets their lengths.",
    "Double all states. Should anything change?",
)
def not_normalised(states):
    return torch.stack([1 - (a * b).sum(dim=-1).mean() for a, b in _pairs(states)])


# --- angular_distances ---------------------------------------------------------------------------


def _angle(cosine):
    return cosine.clamp(-1, 1).arccos() / math.pi


def _last(states, n):
    return [_cosines(a[:, -1], b[:, -1]) for a, b in _pairs(states, n)]


@mistake(
    "angular_distances",
    "all tokens",
    "It averages over all tokens of a sequence.",
    "Which tokens does the definition name?",
)
def all_tokens(states, n):
    return torch.stack([_angle(_cosines(a, b)).mean() for a, b in _pairs(states, n)])


@mistake(
    "angular_distances",
    "first token",
    "It looks at the first token.",
    "Which token has seen the whole sequence?",
)
def first_token(states, n):
    return torch.stack([_angle(_cosines(a[:, 0], b[:, 0])).mean() for a, b in _pairs(states, n)])


@mistake(
    "angular_distances",
    "last sequence",
    "It takes the last sequence of the batch, with all its tokens, where the last token is asked.",
    "Which axis do you index with −1?",
)
def last_sequence(states, n):
    return torch.stack([_angle(_cosines(a[-1], b[-1])).mean() for a, b in _pairs(states, n)])


@mistake(
    "angular_distances",
    "last run missing",
    "It stops one start early: the run that ends with the last block is not measured.",
    "How many runs of 2 are there in 3 blocks?",
)
def last_run_missing(states, n):
    found = [_angle(c).mean() for c in _last(states, n)][:-1]
    return torch.stack(found) if found else torch.zeros(0, dtype=states[0].dtype)


@mistake(
    "angular_distances",
    "one block too few",
    "It compares the states ℓ and ℓ + n − 1.",
    "Through how many blocks does the stream go between states 0 and 1?",
)
def too_few(states, n):
    starts = range(len(states) - n)
    pairs = [(states[i][:, -1], states[i + n - 1][:, -1]) for i in starts]
    return torch.stack([_angle(_cosines(a, b)).mean() for a, b in pairs])


@mistake(
    "angular_distances",
    "sum of single blocks",
    "It adds the distances of the n blocks of a run, one by one.",
    "A run goes out and comes back. How far are its ends apart?",
)
def summed_singles(states, n):
    single = torch.stack([_angle(c).mean() for c in _last(states, 1)])
    return single.unfold(0, n, 1).sum(dim=1)


@mistake(
    "angular_distances",
    "in steps of n",
    "It starts only at 0, n, 2n, …",
    "May a run start at block 1?",
)
def in_steps(states, n):
    return torch.stack([_angle(c).mean() for c in _last(states, n)][::n])


@mistake(
    "angular_distances",
    "mean before arccos",
    "It averages the cosines over the batch and takes one angle.",
    "Angles of 0 and 90 degrees: what is their mean, and what is the angle of the mean cosine?",
)
def mean_first(states, n):
    return torch.stack([_angle(c.mean()) for c in _last(states, n)])


@mistake(
    "angular_distances",
    "not divided by π",
    "It returns the angle in radians.",
    "What should opposite vectors give?",
)
def radians(states, n):
    return torch.stack([_angle(c).mean() * math.pi for c in _last(states, n)])


@mistake(
    "angular_distances",
    "cosine distance",
    "It returns 1 − cosine, without an angle.",
    "What does the definition do to the cosine?",
)
def cosine_distance(states, n):
    return torch.stack([1 - c.mean() for c in _last(states, n)])


@mistake(
    "angular_distances",
    "absolute cosine",
    "It drops the sign of the cosine: opposite vectors get the distance 0.",
    "How far is x from −x?",
)
def absolute_angle(states, n):
    return torch.stack([_angle(c.abs()).mean() for c in _last(states, n)])


def _above_one(a, b):
    return (a * b).sum(dim=-1) / (a.norm(dim=-1) * b.norm(dim=-1))


@mistake(
    "angular_distances",
    "not clamped",
    "The cosine of parallel vectors can be a little above 1, and arccos makes NaN of it.",
    "What is arccos(1.0000001)?",
    observe=lambda outcome, call: outcome.isnan().any() or outcome,
)
def unclamped(states, n):
    pairs = [_above_one(a[:, -1], b[:, -1]) for a, b in _pairs(states, n)]
    return torch.stack([(c.arccos() / math.pi).mean() for c in pairs])


@mistake(
    "angular_distances",
    "NaN taken for a half",
    "Where the cosine is above 1, NaN is replaced by 0.5: parallel vectors seem orthogonal.",
    "Which cosine gives the distance 0.5?",
)
def nan_to_half(states, n):
    pairs = [_above_one(a[:, -1], b[:, -1]) for a, b in _pairs(states, n)]
    return torch.stack([(c.arccos() / math.pi).nan_to_num(0.5).mean() for c in pairs])


# --- consecutive_blocks --------------------------------------------------------------------------


def _distances(states, n):
    return torch.stack([_angle(c).mean() for c in _last(states, n)])


def _from(start, n):
    return list(range(int(start), int(start) + n))


@mistake(
    "consecutive_blocks",
    "the largest distance",
    "It removes the run that turns the stream most.",
    "Which run can the model do without?",
)
def largest(states, n):
    return _from(_distances(states, n).argmax(), n)


@mistake(
    "consecutive_blocks",
    "not neighbours",
    "It takes the n blocks of least distance, wherever they stand.",
    "Is [0, 3] a run?",
)
def scattered(states, n):
    return sorted(_distances(states, 1).argsort(stable=True)[:n].tolist())


@mistake(
    "consecutive_blocks",
    "one block too late",
    "It returns ℓ + 1 … ℓ + n: the states behind the blocks, and not the blocks.",
    "Which block turns states[0] into states[1]?",
)
def too_late(states, n):
    return _from(_distances(states, n).argmin() + 1, n)


@mistake(
    "consecutive_blocks",
    "both ends",
    "It returns ℓ … ℓ + n: one block more than asked for.",
    "How many indices should the list hold?",
)
def both_ends(states, n):
    return _from(_distances(states, n).argmin(), n + 1)


@mistake(
    "consecutive_blocks",
    "the last of equals",
    "Of exactly equal distances it takes the last.",
    "Does your comparison replace the best so far by one that is as good?",
)
def last_of_equals(states, n):
    distances = _distances(states, n).tolist()
    return _from(max(range(len(distances)), key=lambda i: (-distances[i], i)), n)


@mistake(
    "consecutive_blocks",
    "last start missing",
    "It never tries the run that ends with the last block.",
    "How many runs of 2 are there in 3 blocks?",
)
def last_start_missing(states, n):
    distances = _distances(states, n)
    return _from((distances[:-1] if len(distances) > 1 else distances).argmin(), n)


@mistake(
    "consecutive_blocks",
    "sum of single distances",
    "It adds up the distances of single blocks: a run that comes back seems far.",
    "Which two states does a run's distance compare?",
)
def by_sums(states, n):
    return _from(_distances(states, 1).unfold(0, n, 1).sum(dim=1).argmin(), n)


@mistake(
    "consecutive_blocks",
    "all tokens",
    "It measures on all tokens, and not on the last.",
    "On which token is the angular distance taken?",
)
def on_all_tokens(states, n):
    found = [_angle(_cosines(a, b)).mean() for a, b in _pairs(states, n)]
    return _from(torch.stack(found).argmin(), n)


@mistake(
    "consecutive_blocks",
    "the start alone",
    "It returns one index, the first block of the run.",
    "How many indices should the list hold?",
)
def start_alone(states, n):
    return [int(_distances(states, n).argmin())]


@mistake(
    "consecutive_blocks",
    "always the deepest but one",
    "It removes the n blocks before the last, whatever was measured.",
    "Did you use the states?",
)
def deepest(states, n):
    return _from(max(0, len(states) - 2 - n), n)


# --- drop_blocks ---------------------------------------------------------------------------------


def _modes(outcome, call):
    """The kind of the result, its blocks, their values and the mode of each module in them."""
    return type(outcome).__name__, [
        (repr(block), [m.training for m in block.modules()], list(block.state_dict().values()))
        for block in outcome
    ]


@mistake(
    "drop_blocks",
    "not copied",
    "The result holds the original's own blocks: who trains one trains the other.",
    "Change a weight in the result. What does the original say?",
    observe=_modes,
)
def not_copied(blocks, drop):
    return nn.ModuleList([block for i, block in enumerate(blocks) if i not in drop])


@mistake(
    "drop_blocks",
    "drop read as keep",
    "It keeps the blocks that were to go.",
    "What does the name of the argument say?",
)
def kept(blocks, drop):
    return nn.ModuleList([copy.deepcopy(blocks[i]) for i in sorted(drop)])


@mistake(
    "drop_blocks",
    "indices that move",
    "It deletes one after the other, front to back: after each the later indices have moved.",
    "Block 1 is gone. Where is the old block 3 now?",
)
def moving(blocks, drop):
    left = [copy.deepcopy(block) for block in blocks]
    for index in sorted(drop):
        if index < len(left):
            del left[index]
    return nn.ModuleList(left)


@mistake(
    "drop_blocks",
    "identities in their place",
    "It puts an nn.Identity where a block was: the length stays.",
    "How many blocks has the result?",
)
def identities(blocks, drop):
    return nn.ModuleList(
        [nn.Identity() if i in drop else copy.deepcopy(b) for i, b in enumerate(blocks)]
    )


@mistake(
    "drop_blocks",
    "so many from the end",
    "It drops as many blocks as asked for, but always the last ones.",
    "Which blocks does drop = [0, 2] name?",
)
def from_the_end(blocks, drop):
    return copy.deepcopy(nn.ModuleList(list(blocks)[: len(blocks) - len(drop)]))


@mistake(
    "drop_blocks",
    "an nn.Sequential",
    "It returns an nn.Sequential.",
    "Of which kind does the text want the result?",
)
def sequential(blocks, drop):
    return nn.Sequential(*[copy.deepcopy(b) for i, b in enumerate(blocks) if i not in drop])


@mistake(
    "drop_blocks",
    "a plain list",
    "It returns a Python list: its parameters would not be found by an optimizer.",
    "Of which kind does the text want the result?",
    observe=lambda outcome, call: (type(outcome).__name__, [repr(block) for block in outcome]),
)
def plain_list(blocks, drop):
    return [copy.deepcopy(b) for i, b in enumerate(blocks) if i not in drop]


@mistake(
    "drop_blocks",
    "put into train mode",
    "The copies are in train mode, whatever the originals are in.",
    "What does a dropout do in a model that was in eval mode?",
    observe=_modes,
)
def in_train_mode(blocks, drop):
    return copy.deepcopy(
        nn.ModuleList([block for i, block in enumerate(blocks) if i not in drop])
    ).train()


# --- greedy_depth --------------------------------------------------------------------------------


def _output(blocks, indices, x):
    for index in indices:
        x = blocks[index](x)
    return x


def _frobenius(a, b):
    return (a - b).norm()


def _greedy(blocks, x, n, distance=_frobenius, present=False, best=min):
    """The right answer, any choice of which can be another."""
    left, removed = list(range(len(blocks))), []
    full = _output(blocks, left, x)
    for _ in range(n):
        target = _output(blocks, left, x) if present else full

        def far(index, target=target):
            rest = [i for i in left if i != index]
            return float(distance(_output(blocks, rest, x), target))

        chosen = best(left, key=far)
        left.remove(chosen)
        removed.append(chosen)
    return removed


@mistake(
    "greedy_depth",
    "measured once",
    "It ranks the blocks once, on the full stack, and takes the first n.",
    "Two blocks make up for each other. What happens when both go?",
)
def once(blocks, x, n):
    every = list(range(len(blocks)))
    full = _output(blocks, every, x)
    far = {
        i: float((_output(blocks, [j for j in every if j != i], x) - full).norm()) for i in every
    }
    return sorted(every, key=far.get)[:n]


@mistake(
    "greedy_depth",
    "against the present stack",
    "It compares with the output before this removal: small steps may lead far away.",
    "To which output should the last stack be near?",
)
def against_present(blocks, x, n):
    return _greedy(blocks, x, n, present=True)


@mistake(
    "greedy_depth",
    "how far a block moves its input",
    "It removes the blocks that change their own input least, and never runs the rest.",
    "Does a small change surely have a small effect on the output?",
)
def by_own_change(blocks, x, n):
    far = []
    for block in blocks:
        far.append(float((block(x) - x).norm()))
        x = block(x)
    return sorted(range(len(blocks)), key=far.__getitem__)[:n]


@mistake(
    "greedy_depth",
    "indices into what is left",
    "It counts in the shortened list: after the first removal the indices have moved.",
    "Block 1 is gone. Under which index should the old block 3 be named?",
)
def moved_indices(blocks, x, n):
    left, named = list(range(len(blocks))), []
    for index in _greedy(blocks, x, n):
        named.append(left.index(index))
        left.remove(index)
    return named


@mistake(
    "greedy_depth",
    "in ascending order",
    "It sorts the indices.",
    "In which order does the text want them?",
)
def ascending(blocks, x, n):
    return sorted(_greedy(blocks, x, n))


@mistake(
    "greedy_depth",
    "what is left",
    "It returns the blocks that stay.",
    "Does the list say what goes or what stays?",
)
def what_is_left(blocks, x, n):
    removed = _greedy(blocks, x, n)
    return [i for i in range(len(blocks)) if i not in removed]


@mistake(
    "greedy_depth",
    "the farthest",
    "It removes the block without which the output is farthest off.",
    "Which block can the model do without?",
)
def farthest(blocks, x, n):
    return _greedy(blocks, x, n, best=max)


@mistake(
    "greedy_depth",
    "by the angle",
    "It compares directions, token by token, and not the difference.",
    "What is the Frobenius norm of a difference?",
)
def by_cosine(blocks, x, n):
    return _greedy(blocks, x, n, distance=lambda a, b: 1 - _cosines(a, b).mean())


@mistake(
    "greedy_depth",
    "last token alone",
    "It measures the output at the last token only.",
    "Over which entries of the output does the Frobenius norm go?",
)
def on_last_token(blocks, x, n):
    return _greedy(blocks, x, n, distance=lambda a, b: (a - b)[..., -1, :].norm())


@mistake(
    "greedy_depth",
    "sum of absolute differences",
    "It sums absolute values: another norm.",
    "What is the Frobenius norm of (3, 4)?",
)
def by_l1(blocks, x, n):
    return _greedy(blocks, x, n, distance=lambda a, b: (a - b).abs().sum())


@mistake(
    "greedy_depth",
    "largest difference",
    "It looks at the largest single difference.",
    "What is the Frobenius norm of (3, 4)?",
)
def by_maximum(blocks, x, n):
    return _greedy(blocks, x, n, distance=lambda a, b: (a - b).abs().max())


@mistake(
    "greedy_depth",
    "difference of the norms",
    "It compares the lengths of two outputs, and not the outputs.",
    "x and −x have the same norm. Are they near each other?",
)
def of_norms(blocks, x, n):
    return _greedy(blocks, x, n, distance=lambda a, b: (a.norm() - b.norm()).abs())


@mistake(
    "greedy_depth",
    "always the last",
    "It removes blocks from the end, without measuring.",
    "Did you run the blocks?",
)
def from_behind(blocks, x, n):
    return list(range(len(blocks) - 1, len(blocks) - 1 - n, -1))


@mistake(
    "greedy_depth",
    "the best set at once",
    "It tries all sets of n blocks: better perhaps, but not the greedy one, nor in its order.",
    "After the first removal, can the greedy way take it back?",
)
def best_set(blocks, x, n):
    from itertools import combinations

    every = range(len(blocks))
    full = _output(blocks, every, x)

    def far(gone):
        return float((_output(blocks, [i for i in every if i not in gone], x) - full).norm())

    return list(min(combinations(every, n), key=far))
