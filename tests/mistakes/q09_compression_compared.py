"""Wrong answers that people really give for q09."""

import numpy as np

from tests.grading import mistake


def _keep(weight, order, count):
    approximation = np.zeros_like(weight)
    approximation.flat[order[:count]] = weight.flat[order[:count]]
    return approximation


def _by_magnitude(weight):
    return np.argsort(-np.abs(weight).ravel(), kind="stable")


def _prune(weight, budget):
    count = min(weight.size, (budget - weight.size) // 32)
    return _keep(weight, _by_magnitude(weight), count), weight.size + 32 * count


@mistake(
    "prune_to_budget",
    "signed values",
    "It keeps the largest weights with their sign, so large negative weights go.",
    "Which matters more to the output, a weight of −3 or one of 0.1?",
)
def prune_signed(weight, budget):
    count = min(weight.size, (budget - weight.size) // 32)
    order = np.argsort(-weight.ravel(), kind="stable")
    return _keep(weight, order, count), weight.size + 32 * count


@mistake(
    "prune_to_budget",
    "mask for nothing",
    "It spends the whole budget on weights: nobody knows then where they belong.",
    "What must be stored besides the values, so that the matrix can be built again?",
)
def prune_without_mask(weight, budget):
    count = min(weight.size, budget // 32)
    return _keep(weight, _by_magnitude(weight), count), 32 * count


@mistake(
    "prune_to_budget",
    "mask bought, not counted",
    "It pays for the mask and reports the bits of the values alone.",
    "Is the mask stored or not?",
)
def mask_not_counted(weight, budget):
    approximation, bits = _prune(weight, budget)
    return approximation, bits - weight.size


@mistake(
    "prune_to_budget",
    "smallest kept",
    "It keeps the weights of smallest magnitude.",
    "Which end of the sorted magnitudes do you keep?",
)
def prune_smallest(weight, budget):
    count = min(weight.size, (budget - weight.size) // 32)
    return _keep(weight, _by_magnitude(weight)[::-1], count), weight.size + 32 * count


@mistake(
    "prune_to_budget",
    "only what is not zero is counted",
    "It counts 32 bits for each non-zero of the result; a kept weight that is 0 is paid for too.",
    "Does the text let the number of bits depend on the values?",
)
def count_non_zeros(weight, budget):
    approximation, _ = _prune(weight, budget)
    return approximation, weight.size + 32 * int(np.count_nonzero(approximation))


@mistake(
    "prune_to_budget",
    "threshold with ties",
    "It keeps all that reaches the k-th largest magnitude: with ties more than were paid for.",
    "What does it keep of a matrix whose entries are all equal?",
)
def prune_threshold(weight, budget):
    count = min(weight.size, (budget - weight.size) // 32)
    if not count:
        return np.zeros_like(weight), weight.size
    limit = np.sort(np.abs(weight).ravel())[-count]
    kept = np.abs(weight) >= limit
    return np.where(kept, weight, np.float32(0)), weight.size + 32 * int(kept.sum())


@mistake(
    "prune_to_budget",
    "half a mask bought",
    "Where the budget does not pay for the mask it returns zeros and says nothing.",
    "What does the text ask for where not even the mask is paid for?",
)
def no_refusal(weight, budget):
    count = min(weight.size, max(0, (budget - weight.size) // 32))
    return _keep(weight, _by_magnitude(weight), count), weight.size + 32 * count


@mistake(
    "prune_to_budget",
    "an index for each weight",
    "It pays 64 bits for each weight kept, value and index, and no mask.",
    "How does the text say that the positions are stored?",
)
def prune_with_indices(weight, budget):
    count = min(weight.size, budget // 64)
    return _keep(weight, _by_magnitude(weight), count), 64 * count


@mistake(
    "prune_to_budget",
    "the budget returned",
    "It returns the budget for the bits used; what cannot be spent is not used.",
    "What becomes of 31 bits that are left over?",
)
def prune_returns_budget(weight, budget):
    return _prune(weight, budget)[0], budget


def _width(weight, budget):
    return min(16, (budget - 32) // weight.size)


def _grid(weight, scale, round_=np.rint):
    scale = float(scale)
    codes = round_(weight / np.float64(scale)) if scale else np.zeros(weight.shape)
    return (codes * scale).astype(np.float32)


def _largest(weight):
    return float(np.abs(weight).max())


def _paid(weight, width):
    return width * weight.size + 32


@mistake(
    "quantize_to_budget",
    "scale for nothing",
    "It spends the whole budget on codes: without the scale they mean nothing.",
    "What must be stored besides the codes?",
)
def scale_not_paid(weight, budget):
    width = min(16, budget // weight.size)
    return _grid(weight, _largest(weight) / (2 ** (width - 1) - 1)), width * weight.size


@mistake(
    "quantize_to_budget",
    "more than 16 bits",
    "It lets the codes grow beyond 16 bits.",
    "What is the largest number of bits a value that the text allows?",
)
def too_wide(weight, budget):
    width = (budget - 32) // weight.size
    return _grid(weight, _largest(weight) / (2 ** (width - 1) - 1)), _paid(weight, width)


@mistake(
    "quantize_to_budget",
    "rounded down",
    "It rounds to the next lower grid point.",
    "Which grid point is nearest to 0.9 steps?",
)
def rounded_down(weight, budget):
    width = _width(weight, budget)
    scale = _largest(weight) / (2 ** (width - 1) - 1)
    return _grid(weight, scale, np.floor), _paid(weight, width)


@mistake(
    "quantize_to_budget",
    "truncated",
    "It cuts the fraction of weight / scale off, as a cast to an integer does.",
    "What is int(0.9), and which code is nearest?",
)
def truncated(weight, budget):
    width = _width(weight, budget)
    scale = _largest(weight) / (2 ** (width - 1) - 1)
    return _grid(weight, scale, np.trunc), _paid(weight, width)


@mistake(
    "quantize_to_budget",
    "sign forgotten",
    "It takes 2^b − 1 steps up to the largest magnitude: the codes need a bit more for the sign.",
    "How many codes does your grid have from −max to max, and how many do b bits give?",
)
def sign_forgotten(weight, budget):
    width = _width(weight, budget)
    return _grid(weight, _largest(weight) / (2**width - 1)), _paid(weight, width)


@mistake(
    "quantize_to_budget",
    "one step too many",
    "It divides by 2^(b−1): the largest magnitude then gets a code that b bits cannot hold.",
    "Which code does the largest weight get, and is it in the range?",
)
def one_step_too_many(weight, budget):
    width = _width(weight, budget)
    return _grid(weight, _largest(weight) / 2 ** (width - 1)), _paid(weight, width)


@mistake(
    "quantize_to_budget",
    "codes in int8",
    "It keeps the codes as int8: with more than 8 bits a value they wrap around.",
    "What becomes of the code 200 in the dtype of your codes?",
)
def int8_codes(weight, budget):
    width = _width(weight, budget)
    scale = _largest(weight) / (2 ** (width - 1) - 1)
    return _grid(weight, scale, lambda x: np.rint(x).astype(np.int64).astype(np.int8)), _paid(
        weight, width
    )


@mistake(
    "quantize_to_budget",
    "from smallest to largest",
    "It lays the grid from the smallest to the largest weight, with an offset, and not around 0.",
    "Is 0 on your grid? What does symmetric mean?",
)
def affine(weight, budget):
    width = _width(weight, budget)
    low, high = float(weight.min()), float(weight.max())
    scale = (high - low) / (2**width - 1)
    codes = np.rint((weight - np.float64(low)) / scale) if scale else np.zeros(weight.shape)
    return (codes * scale + low).astype(np.float32), _paid(weight, width)


@mistake(
    "quantize_to_budget",
    "largest signed value",
    "It takes the largest weight and not the largest magnitude for the scale.",
    "What happens to a matrix whose largest magnitude is negative?",
)
def signed_scale(weight, budget):
    width = _width(weight, budget)
    steps = 2 ** (width - 1) - 1
    scale = float(weight.max()) / steps
    codes = np.rint(weight / np.float64(scale)) if scale else np.zeros(weight.shape)
    return (np.clip(codes, -steps, steps) * scale).astype(np.float32), _paid(weight, width)


@mistake(
    "quantize_to_budget",
    "a scale for each row",
    "It takes a scale for each row, and has paid for one.",
    "How many scales does the text count?",
)
def scale_a_row(weight, budget):
    width = _width(weight, budget)
    steps = 2 ** (width - 1) - 1
    rows = [_grid(row, _largest(row) / steps) for row in weight]
    return np.stack(rows), _paid(weight, width)


@mistake(
    "quantize_to_budget",
    "codes returned",
    "It returns the codes; the approximation is code times scale.",
    "Is what you return in the unit of the weights?",
)
def codes_returned(weight, budget):
    width = _width(weight, budget)
    scale = _largest(weight) / (2 ** (width - 1) - 1)
    codes = np.rint(weight / np.float64(scale)) if scale else np.zeros(weight.shape)
    return codes.astype(np.float32), _paid(weight, width)


@mistake(
    "quantize_to_budget",
    "0 divided by 0",
    "A matrix of zeros has the scale 0, and comes back as NaN.",
    "What is the scale of a matrix of zeros?",
)
def zero_by_zero(weight, budget):
    width = _width(weight, budget)
    scale = np.float32(_largest(weight) / (2 ** (width - 1) - 1))
    with np.errstate(invalid="ignore"):
        return np.rint(weight / scale) * scale, _paid(weight, width)


@mistake(
    "quantize_to_budget",
    "1 bit bought",
    "Where the budget pays for less than 2 bits a value it quantises all the same.",
    "Which codes are left with 1 bit a value? What does the text ask for there?",
)
def fewer_than_two(weight, budget):
    width = max(1, _width(weight, budget))
    if width > 1:
        scale = _largest(weight) / (2 ** (width - 1) - 1)
        return _grid(weight, scale), _paid(weight, width)
    return _grid(weight, _largest(weight)), _paid(weight, width)


def _svd(weight, rank):
    u, s, vt = np.linalg.svd(weight, full_matrices=False)
    return ((u[:, :rank] * s[:rank]) @ vt[:rank]).astype(np.float32)


def _rank(weight, budget):
    return min(*weight.shape, budget // (32 * sum(weight.shape)))


@mistake(
    "factorize_to_budget",
    "one factor only",
    "It pays for the factor of rows × r numbers and not for the other.",
    "How many factors are there to store?",
)
def one_factor(weight, budget):
    price = 32 * weight.shape[0]
    rank = min(*weight.shape, budget // price)
    return _svd(weight, rank), price * rank


@mistake(
    "factorize_to_budget",
    "singular values stored beside the factors",
    "It pays for rows + cols + 1 numbers a rank; the singular values go into one of the factors.",
    "How many factors does the text store, and where can the singular values go?",
)
def three_factors(weight, budget):
    price = 32 * (sum(weight.shape) + 1)
    rank = min(*weight.shape, budget // price)
    return _svd(weight, rank), price * rank


@mistake(
    "factorize_to_budget",
    "rank of the matrix",
    "It stops at the rank that the matrix has.",
    "Does the text let the number of bits depend on the values?",
)
def own_rank(weight, budget):
    rank = min(_rank(weight, budget), int(np.linalg.matrix_rank(weight)))
    return _svd(weight, rank), 32 * rank * sum(weight.shape)


@mistake(
    "factorize_to_budget",
    "more ranks than there are",
    "It counts the bits of a rank above min(rows, cols).",
    "How many singular values does a matrix of 2 rows have?",
)
def rank_unbounded(weight, budget):
    rank = budget // (32 * sum(weight.shape))
    return _svd(weight, rank), 32 * rank * sum(weight.shape)


@mistake(
    "factorize_to_budget",
    "smallest singular values",
    "It keeps the smallest singular values.",
    "In which order does np.linalg.svd return them?",
)
def smallest_values(weight, budget):
    rank = _rank(weight, budget)
    return weight - _svd(weight, min(weight.shape) - rank), 32 * rank * sum(weight.shape)


@mistake(
    "factorize_to_budget",
    "singular values left out",
    "It multiplies the singular vectors without the singular values.",
    "What does U · Vᵀ alone look like for a matrix of very small entries?",
)
def without_values(weight, budget):
    rank = _rank(weight, budget)
    u, _, vt = np.linalg.svd(weight, full_matrices=False)
    return u[:, :rank] @ vt[:rank], 32 * rank * sum(weight.shape)


@mistake(
    "factorize_to_budget",
    "at least rank 1",
    "It takes rank 1 where the budget pays for none.",
    "Who pays for that rank?",
)
def at_least_one(weight, budget):
    rank = max(1, _rank(weight, budget))
    return _svd(weight, rank), 32 * rank * sum(weight.shape)


@mistake(
    "factorize_to_budget",
    "the first columns",
    "It keeps the first columns of the matrix and not its leading singular vectors.",
    "Which matrix of that rank is the nearest? Whose theorem is it?",
)
def first_columns(weight, budget):
    rank = _rank(weight, budget)
    approximation = weight.copy()
    approximation[:, rank:] = 0
    return approximation, 32 * rank * sum(weight.shape)


def _approximations(weight, budget):
    made = {}
    if budget >= weight.size:
        made["prune"] = _prune(weight, budget)[0]
    if budget >= 2 * weight.size + 32:
        width = _width(weight, budget)
        made["quantize"] = _grid(weight, _largest(weight) / (2 ** (width - 1) - 1))
    made["factorize"] = _svd(weight, _rank(weight, budget))
    return made


def _compared(weight, budget, error):
    made = _approximations(weight, budget)
    exact = weight.astype(np.float64)
    if not exact.any():
        return dict.fromkeys(made, 0.0)
    return {name: float(error(exact, approximation)) for name, approximation in made.items()}


def _relative(exact, approximation):
    return np.linalg.norm(exact - approximation) / np.linalg.norm(exact)


@mistake(
    "compare",
    "absolute error",
    "It does not divide by the norm of the weight.",
    "Would the errors of a matrix and of ten times that matrix be the same?",
)
def absolute(weight, budget):
    return _compared(weight, budget, lambda exact, made: np.linalg.norm(exact - made))


@mistake(
    "compare",
    "squared error",
    "It returns the ratio of the sums of squares, without the root.",
    "What is the Frobenius norm of [[3, 4]]?",
)
def squared(weight, budget):
    return _compared(weight, budget, lambda exact, made: _relative(exact, made) ** 2)


@mistake(
    "compare",
    "spectral norm",
    "It takes the largest singular value for the norm (ord=2 of a matrix).",
    "Which norm does np.linalg.norm(…, 2) compute of a matrix?",
)
def spectral(weight, budget):
    return _compared(
        weight, budget, lambda e, made: np.linalg.norm(e - made, 2) / np.linalg.norm(e, 2)
    )


@mistake(
    "compare",
    "largest error",
    "It compares the largest entries and not the norms.",
    "Is one bad entry the same as many?",
)
def largest_error(weight, budget):
    return _compared(
        weight, budget, lambda exact, made: np.abs(exact - made).max() / np.abs(exact).max()
    )


@mistake(
    "compare",
    "sum of absolute errors",
    "It takes sums of absolute values; the Frobenius norm takes squares and a root.",
    "What is the Frobenius norm of [[3, 4]]?",
)
def absolute_sums(weight, budget):
    return _compared(
        weight, budget, lambda exact, made: np.abs(exact - made).sum() / np.abs(exact).sum()
    )


@mistake(
    "compare",
    "error 1 for what cannot be afforded",
    "It lists every method, with error 1 where the budget is too small.",
    "Is a method that cannot be bought at all as good as a matrix of zeros?",
)
def one_for_the_rest(weight, budget):
    errors = dict.fromkeys(("prune", "quantize", "factorize"), 1.0)
    return errors | _compared(weight, budget, _relative)


@mistake(
    "compare",
    "rank 0 left out",
    "It leaves factorize out where the budget pays for no rank; rank 0 costs nothing.",
    "What is the approximation of rank 0, and what does it cost?",
)
def rank_0_left_out(weight, budget):
    errors = _compared(weight, budget, _relative)
    if not _rank(weight, budget):
        del errors["factorize"]
    return errors


@mistake(
    "compare",
    "NaN for a matrix of zeros",
    "It divides by the norm of a matrix of zeros.",
    "What does the text say of a weight that is all zero?",
)
def nan_for_zeros(weight, budget):
    made, exact = _approximations(weight, budget), weight.astype(np.float64)
    with np.errstate(invalid="ignore"):
        return {
            name: float(np.linalg.norm(exact - approximation) / np.linalg.norm(exact))
            for name, approximation in made.items()
        }
