"""Another right answer: binary search, sums of loops, strict types (TypeError for NaN counts)."""

import operator

import numpy as np

ANSWER = ""


def _size(argument, value, minimum=1):
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError(f"`{argument}` has to be an integer; {value!r} is none") from None
    if value < minimum:
        raise ValueError(f"`{argument}` has to be at least {minimum}; it is {value}")
    return value


def _sizes(argument, value):
    if isinstance(value, tuple):
        height, width = value
        return [_size(argument, height), _size(argument, width)]
    return [_size(argument, value)] * 2


def conv2d_macs(in_channels, out_channels, kernel_size, output_size, groups=1):
    inputs = _size("in_channels", in_channels)
    outputs = _size("out_channels", out_channels)
    groups = _size("groups", groups)
    if inputs % groups != 0:
        raise ValueError(f"in_channels={inputs} cannot be split in {groups}")
    if outputs % groups != 0:
        raise ValueError(f"out_channels={outputs} cannot be split in {groups}")
    macs = outputs * (inputs // groups)
    for size in _sizes("kernel_size", kernel_size) + _sizes("output_size", output_size):
        macs *= size
    return macs


def storage_bits(shape, nnz, layout, value_bits=32, index_bits=32):
    rows, cols = _sizes("shape", shape)
    value_bits, index_bits = _size("value_bits", value_bits), _size("index_bits", index_bits)
    nnz = _size("nnz", nnz, 0)
    if nnz > rows * cols:
        raise ValueError(f"nnz={nnz} does not fit into {rows}x{cols}")
    if layout == "dense":
        return sum(cols * value_bits for _ in range(rows))
    if layout == "bitmask":
        return sum([rows * cols, value_bits * nnz])
    if layout == "coo":
        return sum([index_bits * nnz, index_bits * nnz, value_bits * nnz])
    if layout == "csr":
        return sum([index_bits, index_bits * rows, index_bits * nnz, value_bits * nnz])
    if layout == "2:4":
        if cols & 3:
            raise ValueError(f"cols={cols} is no multiple of four")
        if nnz + nnz != rows * cols:
            raise ValueError(f"nnz={nnz} is not half of the entries")
        return nnz * value_bits + (nnz << 1)
    raise ValueError(f"layout={layout!r}")


def break_even_nnz(shape, layout, value_bits=32, index_bits=32):
    if layout not in {"bitmask", "coo", "csr"}:
        raise ValueError(f"layout={layout!r}")
    budget = storage_bits(shape, 0, "dense", value_bits, index_bits)
    low, high = -1, shape[0] * shape[1]
    while low < high:
        middle = (low + high + 1) // 2
        if storage_bits(shape, middle, layout, value_bits, index_bits) <= budget:
            low = middle
        else:
            high = middle - 1
    return low


def roofline_seconds(flops, bytes_moved, peak_flops, bandwidth):
    given = dict(flops=flops, bytes_moved=bytes_moved, peak_flops=peak_flops, bandwidth=bandwidth)
    for argument, value in given.items():
        if value is None or isinstance(value, str):
            raise TypeError(f"{argument}={value!r}")
        zero_is_fine = argument in ("flops", "bytes_moved")
        if not (value > 0 or (zero_is_fine and value == 0)):
            raise ValueError(f"{argument}={value!r}")
    return np.max([np.true_divide(flops, peak_flops), np.true_divide(bytes_moved, bandwidth)])
