"""Wrong answers that people really give for q04."""

from tests.grading import mistake


def _pair(size):
    return size if isinstance(size, tuple) else (size, size)


def _macs(in_channels, out_channels, kernel_size, output_size):
    (kh, kw), (height, width) = _pair(kernel_size), _pair(output_size)
    return in_channels * out_channels * kh * kw * height * width


@mistake(
    "conv2d_macs",
    "groups ignored",
    "It counts a grouped convolution as if every output channel read every input channel.",
    "How many input channels does one output channel of a depthwise convolution read?",
)
def groups_ignored(in_channels, out_channels, kernel_size, output_size, groups=1):
    return _macs(in_channels, out_channels, kernel_size, output_size)


@mistake(
    "conv2d_macs",
    "one group only",
    "It divides both channel counts by the groups: that is the work of a single group.",
    "How many groups are there to compute?",
)
def one_group(in_channels, out_channels, kernel_size, output_size, groups=1):
    return _macs(in_channels // groups, out_channels // groups, kernel_size, output_size)


@mistake(
    "conv2d_macs",
    "more groups, more work",
    "It multiplies by the groups.",
    "Does splitting the channels add products or take some away?",
)
def times_groups(in_channels, out_channels, kernel_size, output_size, groups=1):
    return _macs(in_channels, out_channels, kernel_size, output_size) * groups


@mistake(
    "conv2d_macs",
    "FLOPs for MACs",
    "It counts the multiplication and the addition separately, so it returns twice the MACs.",
    "What does one MAC consist of?",
)
def flops_for_macs(in_channels, out_channels, kernel_size, output_size, groups=1):
    return 2 * _macs(in_channels // groups, out_channels, kernel_size, output_size)


@mistake(
    "conv2d_macs",
    "parameters for MACs",
    "It counts the weights, as if each were used once.",
    "At how many places of the output is a weight used?",
)
def parameters(in_channels, out_channels, kernel_size, output_size, groups=1):
    return _macs(in_channels // groups, out_channels, kernel_size, 1)


@mistake(
    "conv2d_macs",
    "bias counted",
    "It adds one operation an output value for the bias.",
    "What does the text say of the bias?",
)
def bias_counted(in_channels, out_channels, kernel_size, output_size, groups=1):
    return _macs(in_channels // groups, out_channels, kernel_size, output_size) + _macs(
        1, out_channels, 1, output_size
    )


@mistake(
    "conv2d_macs",
    "integer taken for the area",
    "It takes an integer size once, where it stands for both directions.",
    "How many weights has a kernel of size 3?",
)
def not_squared(in_channels, out_channels, kernel_size, output_size, groups=1):
    area = [a[0] * a[1] if isinstance(a, tuple) else a for a in (kernel_size, output_size)]
    return in_channels // groups * out_channels * area[0] * area[1]


@mistake(
    "conv2d_macs",
    "always square",
    "It squares the first size of a pair.",
    "What is the second number of the pair for?",
)
def always_square(in_channels, out_channels, kernel_size, output_size, groups=1):
    return _macs(in_channels // groups, out_channels, _pair(kernel_size)[0], _pair(output_size)[0])


@mistake(
    "conv2d_macs",
    "a float for a count",
    "The number is right, but it is a float: a count is an int.",
    "What does `/` return for two integers?",
)
def float_macs(in_channels, out_channels, kernel_size, output_size, groups=1):
    return _macs(in_channels, out_channels, kernel_size, output_size) / groups


def _bits(shape, nnz, layout, value_bits, index_bits, **other):
    rows, cols = shape
    bits = {
        "dense": rows * cols * value_bits,
        "bitmask": rows * cols + nnz * value_bits,
        "coo": nnz * (value_bits + 2 * index_bits),
        "csr": nnz * (value_bits + index_bits) + (rows + 1) * index_bits,
        "2:4": nnz * (value_bits + 2),
    }
    return {**bits, **other}[layout]


@mistake(
    "storage_bits",
    "a pointer a row",
    "It counts one pointer for each row of a CSR matrix; the end of the last row is missing.",
    "Where does the last row end?",
)
def pointer_a_row(shape, nnz, layout, value_bits=32, index_bits=32):
    csr = nnz * (value_bits + index_bits) + shape[0] * index_bits
    return _bits(shape, nnz, layout, value_bits, index_bits, csr=csr)


@mistake(
    "storage_bits",
    "pointers of columns",
    "It counts a pointer for each column: that is CSC.",
    "What does the R in CSR stand for?",
)
def column_pointers(shape, nnz, layout, value_bits=32, index_bits=32):
    csr = nnz * (value_bits + index_bits) + (shape[1] + 1) * index_bits
    return _bits(shape, nnz, layout, value_bits, index_bits, csr=csr)


@mistake(
    "storage_bits",
    "pointers forgotten",
    "It leaves out the row pointers of CSR.",
    "How does a reader of the matrix know where a row begins?",
)
def no_pointers(shape, nnz, layout, value_bits=32, index_bits=32):
    csr = nnz * (value_bits + index_bits)
    return _bits(shape, nnz, layout, value_bits, index_bits, csr=csr)


@mistake(
    "storage_bits",
    "one index in COO",
    "It counts one index for each value of a COO matrix.",
    "What does the reader need to place a value in a matrix?",
)
def one_index(shape, nnz, layout, value_bits=32, index_bits=32):
    coo = nnz * (value_bits + index_bits)
    return _bits(shape, nnz, layout, value_bits, index_bits, coo=coo)


@mistake(
    "storage_bits",
    "bit mask in bytes",
    "It rounds the bit mask up to whole bytes.",
    "Read what the text says of rounding the mask.",
)
def mask_in_bytes(shape, nnz, layout, value_bits=32, index_bits=32):
    mask = -(-shape[0] * shape[1] // 8) * 8
    bitmask = mask + nnz * value_bits
    return _bits(shape, nnz, layout, value_bits, index_bits, bitmask=bitmask)


@mistake(
    "storage_bits",
    "bit mask of the non-zeros",
    "It counts a mask bit only for the non-zeros.",
    "How does a zero say that it is one?",
)
def mask_of_nonzeros(shape, nnz, layout, value_bits=32, index_bits=32):
    bitmask = nnz + nnz * value_bits
    return _bits(shape, nnz, layout, value_bits, index_bits, bitmask=bitmask)


@mistake(
    "storage_bits",
    "dense without its zeros",
    "It counts only the non-zeros of a dense matrix.",
    "Does a dense array leave its zeros out?",
)
def dense_of_nonzeros(shape, nnz, layout, value_bits=32, index_bits=32):
    return _bits(shape, nnz, layout, value_bits, index_bits, dense=nnz * value_bits)


@mistake(
    "storage_bits",
    "2:4 metadata for every entry",
    "It counts two bits for each entry, where only a kept value has them.",
    "Of which values does the metadata give the place?",
)
def metadata_everywhere(shape, nnz, layout, value_bits=32, index_bits=32):
    bits = nnz * value_bits + 2 * shape[0] * shape[1]
    return _bits(shape, nnz, layout, value_bits, index_bits, **{"2:4": bits})


@mistake(
    "storage_bits",
    "2:4 without metadata",
    "It counts the kept values alone.",
    "Which two of the four were kept? Where does that stand?",
)
def no_metadata(shape, nnz, layout, value_bits=32, index_bits=32):
    return _bits(shape, nnz, layout, value_bits, index_bits, **{"2:4": nnz * value_bits})


@mistake(
    "storage_bits",
    "2:4 with two bits for four",
    "It counts two bits of metadata for each run of four, where each kept value has two.",
    "How many bits does it take to name one of four places?",
)
def bit_a_value(shape, nnz, layout, value_bits=32, index_bits=32):
    return _bits(shape, nnz, layout, value_bits, index_bits, **{"2:4": nnz * (value_bits + 1)})


@mistake(
    "storage_bits",
    "bytes for bits",
    "It returns bytes.",
    "In which unit is the result?",
)
def bytes_for_bits(shape, nnz, layout, value_bits=32, index_bits=32):
    return _bits(shape, nnz, layout, value_bits, index_bits) // 8


@mistake(
    "storage_bits",
    "indices as wide as values",
    "It counts an index with the bits of a value.",
    "What is `index_bits` for?",
)
def indices_like_values(shape, nnz, layout, value_bits=32, index_bits=32):
    return _bits(shape, nnz, layout, value_bits, value_bits)


@mistake(
    "storage_bits",
    "a float for a count",
    "The number is right, but it is a float: a count is an int.",
    "What does `/` return for two integers?",
)
def float_bits(shape, nnz, layout, value_bits=32, index_bits=32):
    return float(_bits(shape, nnz, layout, value_bits, index_bits))


def _fixed_and_each(shape, layout, value_bits, index_bits):
    rows, cols = shape
    return {
        "bitmask": (rows * cols, value_bits),
        "coo": (0, value_bits + 2 * index_bits),
        "csr": ((rows + 1) * index_bits, value_bits + index_bits),
    }[layout]


@mistake(
    "break_even_nnz",
    "strictly smaller",
    "It asks for a layout smaller than dense; one of the same size is no larger.",
    "What does the text say of equal sizes?",
)
def strictly_smaller(shape, layout, value_bits=32, index_bits=32):
    fixed, each = _fixed_and_each(shape, layout, value_bits, index_bits)
    return max(-1, (shape[0] * shape[1] * value_bits - fixed - 1) // each)


@mistake(
    "break_even_nnz",
    "the first that is larger",
    "It returns one non-zero too many: with so many the layout is larger than dense.",
    "Put your number into `storage_bits` and compare with dense.",
)
def first_larger(shape, layout, value_bits=32, index_bits=32):
    fixed, each = _fixed_and_each(shape, layout, value_bits, index_bits)
    return max(0, (shape[0] * shape[1] * value_bits - fixed) // each + 1)


@mistake(
    "break_even_nnz",
    "rounded",
    "It rounds the quotient to the nearest integer, so half of the time it is one too many.",
    "Is the layout still no larger than dense at the number you return?",
)
def rounded(shape, layout, value_bits=32, index_bits=32):
    fixed, each = _fixed_and_each(shape, layout, value_bits, index_bits)
    return max(-1, round((shape[0] * shape[1] * value_bits - fixed) / each))


@mistake(
    "break_even_nnz",
    "0 where nothing fits",
    "It returns 0 where even an empty matrix is larger than dense.",
    "What does a caller learn from 0, and what from −1?",
)
def zero_for_none(shape, layout, value_bits=32, index_bits=32):
    fixed, each = _fixed_and_each(shape, layout, value_bits, index_bits)
    return max(0, (shape[0] * shape[1] * value_bits - fixed) // each)


@mistake(
    "break_even_nnz",
    "truncated towards zero",
    "`int` of a negative quotient goes up to 0, where the empty matrix is already too large.",
    "What is int(−0.5), and what is −1 // 2?",
)
def truncated(shape, layout, value_bits=32, index_bits=32):
    fixed, each = _fixed_and_each(shape, layout, value_bits, index_bits)
    return max(-1, int((shape[0] * shape[1] * value_bits - fixed) / each))


@mistake(
    "break_even_nnz",
    "below −1",
    "It returns the negative quotient as it is.",
    "Which number does the text give for the case that nothing fits?",
)
def below_minus_one(shape, layout, value_bits=32, index_bits=32):
    fixed, each = _fixed_and_each(shape, layout, value_bits, index_bits)
    return (shape[0] * shape[1] * value_bits - fixed) // each


@mistake(
    "break_even_nnz",
    "nothing but values and indices",
    "It forgets what a layout costs without any non-zero: the row pointers, the bit mask.",
    "How many bits does an empty matrix take in this layout?",
)
def no_fixed_cost(shape, layout, value_bits=32, index_bits=32):
    _, each = _fixed_and_each(shape, layout, value_bits, index_bits)
    return shape[0] * shape[1] * value_bits // each


@mistake(
    "break_even_nnz",
    "one index in COO",
    "It counts one index for each value of a COO matrix.",
    "What does the reader need to place a value in a matrix?",
)
def even_one_index(shape, layout, value_bits=32, index_bits=32):
    fixed, each = _fixed_and_each(shape, layout, value_bits, index_bits)
    each -= index_bits if layout == "coo" else 0
    return max(-1, (shape[0] * shape[1] * value_bits - fixed) // each)


@mistake(
    "break_even_nnz",
    "a pointer a row",
    "It counts one pointer for each row of a CSR matrix; the end of the last row is missing.",
    "Where does the last row end?",
)
def even_pointer_a_row(shape, layout, value_bits=32, index_bits=32):
    fixed, each = _fixed_and_each(shape, layout, value_bits, index_bits)
    fixed -= index_bits if layout == "csr" else 0
    return max(-1, (shape[0] * shape[1] * value_bits - fixed) // each)


@mistake(
    "break_even_nnz",
    "a float for a count",
    "The number is right, but it is a float: a count is an int.",
    "What does `np.floor` return?",
)
def float_count(shape, layout, value_bits=32, index_bits=32):
    fixed, each = _fixed_and_each(shape, layout, value_bits, index_bits)
    return float(max(-1, (shape[0] * shape[1] * value_bits - fixed) // each))


@mistake(
    "break_even_nnz",
    "the density",
    "It returns the share of non-zeros; the number of them is asked for.",
    "What is the unit of the result?",
)
def density(shape, layout, value_bits=32, index_bits=32):
    fixed, each = _fixed_and_each(shape, layout, value_bits, index_bits)
    count = shape[0] * shape[1]
    return max(-1, (count * value_bits - fixed) // each) / count


@mistake(
    "break_even_nnz",
    "the zeros",
    "It returns how many zeros are needed; the number of non-zeros is asked for.",
    "Is your number that of what is stored, or of what is left out?",
)
def zeros_needed(shape, layout, value_bits=32, index_bits=32):
    fixed, each = _fixed_and_each(shape, layout, value_bits, index_bits)
    count = shape[0] * shape[1]
    return count - (count * value_bits - fixed) // each


@mistake(
    "roofline_seconds",
    "the sum",
    "It adds the two times; in this model arithmetic and memory traffic overlap.",
    "If both go on at once, when is the kernel done?",
)
def summed(flops, bytes_moved, peak_flops, bandwidth):
    return flops / peak_flops + bytes_moved / bandwidth


@mistake(
    "roofline_seconds",
    "the faster of the two",
    "It takes the smaller time.",
    "Can the kernel be done before all its data has arrived?",
)
def faster(flops, bytes_moved, peak_flops, bandwidth):
    return min(flops / peak_flops, bytes_moved / bandwidth)


@mistake(
    "roofline_seconds",
    "arithmetic only",
    "It looks at the operations alone.",
    "What if the data comes more slowly than the processor computes?",
)
def arithmetic_only(flops, bytes_moved, peak_flops, bandwidth):
    return flops / peak_flops


@mistake(
    "roofline_seconds",
    "memory only",
    "It looks at the memory traffic alone.",
    "What if the processor computes more slowly than the data comes?",
)
def memory_only(flops, bytes_moved, peak_flops, bandwidth):
    return bytes_moved / bandwidth


@mistake(
    "roofline_seconds",
    "the attainable rate",
    "It returns the operations a second that the roofline allows, not the time.",
    "In which unit is the result?",
)
def attainable_rate(flops, bytes_moved, peak_flops, bandwidth):
    return min(peak_flops, bandwidth * flops / bytes_moved)


@mistake(
    "roofline_seconds",
    "divided by the intensity",
    "It divides by the attainable rate, peak or bandwidth · flops / bytes: where one amount is 0, "
    "that divides by zero.",
    "Which two times do you compare, and is either of them hard to write down for a copy?",
)
def by_intensity(flops, bytes_moved, peak_flops, bandwidth):
    return flops / min(peak_flops, bandwidth * (flops / bytes_moved))


@mistake(
    "roofline_seconds",
    "no time where nothing is moved",
    "It returns 0 where no bytes are moved, although there is arithmetic to do.",
    "All data is in the cache already. Is the kernel done?",
)
def nothing_moved(flops, bytes_moved, peak_flops, bandwidth):
    return max(flops / peak_flops, bytes_moved / bandwidth) if bytes_moved else 0.0


@mistake(
    "roofline_seconds",
    "bits for bytes",
    "It multiplies the bytes by eight.",
    "In which unit is the bandwidth?",
)
def bits_for_bytes(flops, bytes_moved, peak_flops, bandwidth):
    return max(flops / peak_flops, 8 * bytes_moved / bandwidth)


@mistake(
    "roofline_seconds",
    "whole seconds",
    "It divides with `//`, so that almost everything takes 0 seconds.",
    "What is 1 // 2?",
)
def whole_seconds(flops, bytes_moved, peak_flops, bandwidth):
    return max(flops // peak_flops, bytes_moved // bandwidth)
