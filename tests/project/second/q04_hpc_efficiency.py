"""Another right answer: binary search, sums of loops, numpy's scalars."""

import numpy as np

ANSWER = ""


def _sizes(value):
    try:
        height, width = value
    except TypeError:
        return [value] * 2
    return [height, width]


def conv2d_macs(in_channels, out_channels, kernel_size, output_size, groups=1):
    macs = 0
    for _ in range(groups):
        macs += (in_channels // groups) * (out_channels // groups)
    for size in _sizes(kernel_size) + _sizes(output_size):
        macs *= size
    return macs


def storage_bits(shape, nnz, layout, value_bits=32, index_bits=32):
    rows, cols = shape
    if layout == "dense":
        return sum(cols * value_bits for _ in range(rows))
    if layout == "bitmask":
        return sum([rows * cols, value_bits * nnz])
    if layout == "coo":
        return sum([index_bits * nnz, index_bits * nnz, value_bits * nnz])
    if layout == "csr":
        return sum([index_bits, index_bits * rows, index_bits * nnz, value_bits * nnz])
    return rows * cols // 2 * value_bits + rows * cols


def break_even_nnz(shape, layout, value_bits=32, index_bits=32):
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
    return np.max([np.true_divide(flops, peak_flops), np.true_divide(bytes_moved, bandwidth)])
