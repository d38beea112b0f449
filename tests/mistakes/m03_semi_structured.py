"""Wrong answers that people really give for m03."""

from itertools import combinations

import torch

from tests.grading import mistake

# --- compress ------------------------------------------------------------------------------


def _stored(weight, strict=True):
    runs = weight.reshape(len(weight), -1, 4)
    if strict and ((runs != 0).sum(dim=2) > 2).any():
        raise ValueError("more than two non-zeros in a run")
    places = (runs == 0).int().argsort(dim=2, stable=True)[:, :, :2].sort(dim=2).values
    return runs.gather(2, places).flatten(1), places.flatten(1)


@mistake(
    "compress",
    "the two largest, in silence",
    "It stores the two largest magnitudes of any run: a third non-zero is lost in silence.",
    "What does your function do with a run of three non-zeros?",
)
def largest_in_silence(weight):
    runs = weight.reshape(len(weight), -1, 4)
    places = runs.abs().topk(2, dim=2).indices.sort(dim=2).values
    return runs.gather(2, places).flatten(1), places.flatten(1)


@mistake(
    "compress",
    "the first two, in silence",
    "It stores the first two non-zeros of a run, however many there are.",
    "What does your function do with a run of three non-zeros?",
)
def first_in_silence(weight):
    return _stored(weight, strict=False)


@mistake(
    "compress",
    "exactly two asked for",
    "It refuses runs with fewer than two non-zeros.",
    "Does the text ask for two non-zeros, or for at most two?",
)
def exactly_two(weight):
    if ((weight.reshape(len(weight), -1, 4) != 0).sum(dim=2) != 2).any():
        raise ValueError("not two non-zeros in a run")
    return _stored(weight)


@mistake(
    "compress",
    "only the total counted",
    "It refuses by the whole number of non-zeros, so that one full run hides behind empty ones.",
    "Where must there be at most two non-zeros?",
)
def total_counted(weight):
    if (weight != 0).sum() > weight.numel() // 2:
        raise ValueError("more than half is not zero")
    return _stored(weight, strict=False)


@mistake(
    "compress",
    "two in any four neighbours",
    "It slides the window of four along the row: runs that only touch are refused.",
    "At which columns does a run begin?",
)
def sliding(weight):
    if ((weight.unfold(1, 4, 1) != 0).sum(dim=2) > 2).any():
        raise ValueError("more than two non-zeros in four neighbours")
    return _stored(weight)


@mistake(
    "compress",
    "order of the magnitudes",
    "Its indices come in the order of the magnitudes, not of the places.",
    "Do the two indices of each run ascend?",
)
def not_sorted(weight):
    values, indices = _stored(weight)
    pairs, places = values.reshape(len(values), -1, 2), indices.reshape(len(values), -1, 2)
    order = pairs.abs().argsort(dim=2, descending=True, stable=True)
    return pairs.gather(2, order).flatten(1), places.gather(2, order).flatten(1)


@mistake(
    "compress",
    "indices sorted without their values",
    "It sorts the indices of a run and leaves the values in another order.",
    "After you sort the indices, which value belongs to which?",
)
def sorted_apart(weight):
    values, indices = _stored(weight)
    pairs = values.reshape(len(values), -1, 2)
    order = pairs.abs().argsort(dim=2, descending=True, stable=True)
    return pairs.gather(2, order).flatten(1), indices


@mistake(
    "compress",
    "columns for places",
    "Its indices are columns of the matrix, not places in a run.",
    "How many bits does the index of the last column take?",
)
def whole_columns(weight):
    values, indices = _stored(weight)
    return values, indices + torch.arange(indices.shape[1]) // 2 * 4


@mistake(
    "compress",
    "place 0 for what is missing",
    "Where a run has fewer than two non-zeros it stores the index 0 once more.",
    "A run has one non-zero, at place 0. Which two indices do you store?",
)
def zero_twice(weight):
    values, indices = _stored(weight)
    return values, torch.where(values == 0, torch.zeros_like(indices), indices)


@mistake(
    "compress",
    "indices as bytes",
    "Its indices are not int64.",
    "Which dtype does the text ask for? Packing comes later.",
)
def as_bytes(weight):
    values, indices = _stored(weight)
    return values, indices.to(torch.uint8)


@mistake(
    "compress",
    "three dimensions",
    "It returns (out, runs, 2): the runs are not put side by side again.",
    "What is the shape of what you return?",
)
def three_dimensions(weight):
    values, indices = _stored(weight)
    return values.reshape(len(values), -1, 2), indices.reshape(len(values), -1, 2)


@mistake(
    "compress",
    "runs down the columns",
    "It takes runs of four outputs of an input.",
    "Of what is a run made: of inputs or of outputs?",
)
def down(weight):
    values, indices = _stored(weight.T.reshape(weight.shape))
    return values, indices


# --- decompress ----------------------------------------------------------------------------


@mistake(
    "decompress",
    "indices taken for columns",
    "It writes to columns 0 to 3 alone: the run's start is left out.",
    "In which column does the second run begin?",
)
def no_offset(values, indices):
    weight = values.new_zeros(len(values), 2 * values.shape[1])
    return weight.scatter(1, indices, values)


@mistake(
    "decompress",
    "offset of two",
    "It lets a run begin at every second column, as in the stored values.",
    "How many columns of weight does a run have?",
)
def offset_of_two(values, indices):
    weight = values.new_zeros(len(values), 2 * values.shape[1] + 2)
    columns = torch.arange(values.shape[1]) // 2 * 2 + indices
    return weight.scatter(1, columns, values)[:, : 2 * values.shape[1]]


@mistake(
    "decompress",
    "the two values swapped",
    "It gives the first value of a run the second index.",
    "Which index belongs to the first value of a run?",
)
def swapped(values, indices):
    pairs = values.reshape(len(values), -1, 2).flip(2)
    runs = pairs.new_zeros(*pairs.shape[:2], 4)
    return runs.scatter(2, indices.reshape(pairs.shape), pairs).flatten(1)


@mistake(
    "decompress",
    "halves for pairs",
    "It pairs value i with value i + half: reshape(2, −1) for reshape(−1, 2).",
    "Which values belong to the first run?",
)
def halves(values, indices):
    pairs = values.reshape(len(values), 2, -1).transpose(1, 2)
    places = indices.reshape(len(values), 2, -1).transpose(1, 2)
    return pairs.new_zeros(*pairs.shape[:2], 4).scatter(2, places, pairs).flatten(1)


@mistake(
    "decompress",
    "packed to the left",
    "It puts the values at places 0 and 1 of each run, whatever the indices.",
    "Which of the arguments do you not use?",
)
def to_the_left(values, indices):
    pairs = values.reshape(len(values), -1, 2)
    return torch.cat([pairs, torch.zeros_like(pairs)], dim=2).flatten(1)


@mistake(
    "decompress",
    "float32 whatever came",
    "It returns float32; the dtype of the values is kept.",
    "What is the dtype of torch.zeros where none is asked for?",
)
def float32_back(values, indices):
    pairs = values.float().reshape(len(values), -1, 2)
    runs = pairs.new_zeros(*pairs.shape[:2], 4)
    return runs.scatter(2, indices.reshape(pairs.shape), pairs).flatten(1)


# --- pack_indices --------------------------------------------------------------------------


def _packed(indices, shifts):
    fours = indices.reshape(len(indices), -1, 4)
    return (fours << torch.tensor(shifts)).sum(dim=2).to(torch.uint8)


@mistake(
    "pack_indices",
    "the first in the highest bits",
    "It puts the first of four indices into the highest bits.",
    "Which index should `byte & 3` give back?",
)
def highest_first(indices):
    return _packed(indices, [6, 4, 2, 0])


@mistake(
    "pack_indices",
    "one bit further",
    "It shifts by one bit an index: they overlap.",
    "How many bits does an index from 0 to 3 take?",
)
def one_bit(indices):
    return _packed(indices, [0, 1, 2, 3])


@mistake(
    "pack_indices",
    "pairs swapped",
    "It packs the second index of each run below the first.",
    "Which of four indices should `byte & 3` give back?",
)
def pairs_swapped(indices):
    return _packed(indices, [2, 0, 6, 4])


@mistake(
    "pack_indices",
    "strided fours",
    "It packs every (width / 4)-th index together, not neighbours.",
    "Which four indices are in the first byte?",
)
def strided(indices):
    fours = indices.reshape(len(indices), 4, -1)
    return (fours << torch.tensor([0, 2, 4, 6])[:, None]).sum(dim=1).to(torch.uint8)


@mistake(
    "pack_indices",
    "a nibble for each run",
    "It packs the two indices of a run into a byte, and leaves half of it empty.",
    "How many indices of two bits does a byte hold?",
)
def a_byte_a_run(indices):
    pairs = indices.reshape(len(indices), -1, 2)
    return (pairs << torch.tensor([0, 2])).sum(dim=2).to(torch.uint8)


@mistake(
    "pack_indices",
    "int64 bytes",
    "The numbers are right and take eight bytes each: the dtype is not uint8.",
    "What is the dtype of a sum of int64, and what was all this for?",
)
def wide(indices):
    return _packed(indices, [0, 2, 4, 6]).long()


@mistake(
    "pack_indices",
    "a mask of places",
    "It sets one bit for each place of a run that is taken: a bit mask, not indices.",
    "How many bits does an index take, and how many does your run?",
)
def bit_mask(indices):
    return (1 << indices.reshape(len(indices), -1, 2)).sum(dim=2).to(torch.uint8)


# --- retained ------------------------------------------------------------------------------


def _best_two(weight):
    return weight.abs().double().reshape(-1, 4).topk(2, dim=1).values


@mistake(
    "retained",
    "the inverse permutation",
    "It sends column i to place permutation[i]; column permutation[i] should come to place i.",
    "What does weight[:, permutation] put into its first column?",
)
def inverse(weight, permutation):
    return float(_best_two(weight[:, permutation.argsort()]).sum())


@mistake(
    "retained",
    "permutation left out",
    "It measures the matrix in the order in which it came.",
    "Which of the arguments do you not use?",
)
def not_permuted(weight, permutation):
    return float(_best_two(weight).sum())


@mistake(
    "retained",
    "share of the whole",
    "It divides by the sum of all magnitudes.",
    "Does the text ask for a sum or for a share?",
)
def share(weight, permutation):
    return float(_best_two(weight[:, permutation]).sum() / weight.abs().double().sum())


@mistake(
    "retained",
    "what is lost",
    "It sums the two smallest of each run.",
    "Is it what stays or what goes?",
)
def lost(weight, permutation):
    runs = weight[:, permutation].abs().double().reshape(-1, 4)
    return float(runs.topk(2, dim=1, largest=False).values.sum())


@mistake(
    "retained",
    "squares",
    "It sums squares, not magnitudes.",
    "What does a weight of −3 add?",
)
def squares(weight, permutation):
    return float((_best_two(weight[:, permutation]) ** 2).sum())


@mistake(
    "retained",
    "largest with their sign",
    "It picks the two largest values, and not the two largest magnitudes.",
    "Which of −5 and 1 does the best mask keep?",
)
def signed_choice(weight, permutation):
    runs = weight[:, permutation].double().reshape(-1, 4)
    return float(runs.topk(2, dim=1).values.abs().sum())


@mistake(
    "retained",
    "values summed with their sign",
    "It keeps the right weights and adds them with their sign.",
    "Can what is retained be negative?",
)
def signed_sum(weight, permutation):
    runs = weight[:, permutation].double().reshape(-1, 4)
    return float(runs.gather(1, runs.abs().topk(2, dim=1).indices).sum())


@mistake(
    "retained",
    "one choice for all rows",
    "It keeps the same two columns of a run in every row.",
    "May two rows keep different places of the same run?",
)
def same_columns(weight, permutation):
    columns = weight[:, permutation].abs().double().sum(dim=0)
    return float(columns.reshape(-1, 4).topk(2, dim=1).values.sum())


@mistake(
    "retained",
    "half of each row",
    "It keeps the largest half of a row, wherever it lies: no runs.",
    "How many may stay in columns 0 to 3?",
)
def half_of_row(weight, permutation):
    magnitudes = weight[:, permutation].abs().double()
    return float(magnitudes.topk(weight.shape[1] // 2, dim=1).values.sum())


@mistake(
    "retained",
    "runs from a transposed matrix",
    "Its runs go down the columns.",
    "Of what is a run made: of inputs or of outputs?",
)
def runs_down(weight, permutation):
    return float(_best_two(weight[:, permutation].T.reshape(weight.shape)).sum())


# --- best_permutation ----------------------------------------------------------------------


def _kept(weight, order):
    return float(_best_two(weight[:, torch.tensor(order)]).sum())


def _groupings():
    for companions in combinations(range(1, 8), 3):
        first = [0, *companions]
        yield first + [j for j in range(8) if j not in first]


def _exchanged(order):
    for a in range(4):
        for b in range(4, 8):
            new = list(order)
            new[a], new[b] = new[b], new[a]
            yield new


def _by_size(weight):
    return weight.abs().double().sum(dim=0).argsort(descending=True)


@mistake(
    "best_permutation",
    "the order that came",
    "It returns the columns as they are.",
    "Is there a better grouping? How would you know?",
)
def unchanged(weight):
    return torch.arange(8)


@mistake(
    "best_permutation",
    "sorted by size",
    "It sorts the columns by their sum of magnitudes: the large ones compete in one run.",
    "Which columns should not be in the same run?",
)
def by_size(weight):
    return _by_size(weight)


@mistake(
    "best_permutation",
    "large and small alternate",
    "It deals the columns, sorted by size, to the two runs in turn: the rows are never asked.",
    "Two large columns whose large rows differ: must they be apart?",
)
def alternate(weight):
    order = _by_size(weight)
    return torch.cat([order[0::2], order[1::2]])


@mistake(
    "best_permutation",
    "one exchange",
    "It tries the exchanges of one column with another, and takes the best: 17 of 35 groupings.",
    "Can two exchanges be better than any single one?",
)
def one_exchange(weight):
    tried = [list(range(8)), *_exchanged(range(8))]
    return torch.tensor(max(tried, key=lambda order: _kept(weight, order)))


@mistake(
    "best_permutation",
    "exchanges until none helps",
    "It climbs by the best single exchange and stops where none helps: perhaps not at the top.",
    "How many groupings are there in all? Can you afford to look at each?",
)
def climbing(weight):
    order = list(range(8))
    while True:
        best = max(_exchanged(order), key=lambda new: _kept(weight, new))
        if _kept(weight, best) <= _kept(weight, order):
            return torch.tensor(order)
        order = best


@mistake(
    "best_permutation",
    "the worst one",
    "It takes the grouping that retains least.",
    "Do you look for the smallest or the largest?",
)
def worst(weight):
    return torch.tensor(min(_groupings(), key=lambda order: _kept(weight, order)))


@mistake(
    "best_permutation",
    "best for signed weights",
    "It ranks the groupings by the values with their sign.",
    "Is a weight of −5 worth keeping?",
)
def best_signed(weight):
    def kept(order):
        runs = weight[:, torch.tensor(order)].double().reshape(-1, 4)
        return float(runs.topk(2, dim=1).values.sum())

    return torch.tensor(max(_groupings(), key=kept))


@mistake(
    "best_permutation",
    "best for squares",
    "It ranks the groupings by squares, not by magnitudes.",
    "What does `retained` add up?",
)
def best_squares(weight):
    def kept(order):
        return float((_best_two(weight[:, torch.tensor(order)]) ** 2).sum())

    return torch.tensor(max(_groupings(), key=kept))


@mistake(
    "best_permutation",
    "best for columns as a whole",
    "It lets all rows keep the same two columns of a run.",
    "May two rows keep different places of the same run?",
)
def best_whole_columns(weight):
    sums = weight.abs().double().sum(dim=0)
    return torch.tensor(
        max(
            _groupings(),
            key=lambda order: float(
                sums[torch.tensor(order)].reshape(-1, 4).topk(2, dim=1).values.sum()
            ),
        )
    )


@mistake(
    "best_permutation",
    "the inverse of the best",
    "It returns where each column goes, not which column comes.",
    "What does weight[:, permutation] put into its first column?",
)
def best_inverse(weight):
    return torch.tensor(max(_groupings(), key=lambda order: _kept(weight, order))).argsort()


@mistake(
    "best_permutation",
    "the four companions alone",
    "It returns the four columns of one run.",
    "How many columns must a permutation of eight name?",
)
def four_alone(weight):
    return torch.tensor(max(_groupings(), key=lambda order: _kept(weight, order)))[:4]
