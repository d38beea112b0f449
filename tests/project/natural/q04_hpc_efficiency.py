"""q04: if and elif."""

ANSWER = """
Pruning helps an HPC system in three currencies: operations, memory and time, and they do not
follow from each other. Zeros in a dense array save nothing. Removing whole channels, heads or
layers lowers the operations and the memory at once, keeps dense kernels and therefore gives real
speed on any machine. With unstructured zeros the storage falls only if they are not stored: a bit
mask costs one bit per entry, CSR an index per value, so that with 32 bit indices one needs more
than half of the entries to be zero to save anything. The time depends on what limits the kernel.
In the roofline model a large matrix multiplication is limited by arithmetic, then skipping
operations counts, which 2:4 tensor cores do, by at most two. A matrix-vector product, as in
generating text, is limited by memory traffic; there fewer bytes directly mean less time, even if
all arithmetic is done. Sparse kernels reach a lower share of the peak because of irregular
access, little reuse and uneven load, so unstructured sparsity often pays only above ninety
percent. In a cluster, smaller models need fewer devices, less communication of gradients and
activations, and less energy, because moving data costs more than computing with it. Amdahl's law
bounds the whole: the parts that were not pruned stay. So profile first, prune what limits, and
measure end to end.
"""


def conv2d_macs(in_channels, out_channels, kernel_size, output_size, groups=1):
    if isinstance(kernel_size, int):
        kernel_size = (kernel_size, kernel_size)
    if isinstance(output_size, int):
        output_size = (output_size, output_size)
    kh, kw = kernel_size
    height, width = output_size
    return out_channels * height * width * (in_channels // groups) * kh * kw


def storage_bits(shape, nnz, layout, value_bits=32, index_bits=32):
    rows, cols = shape
    if layout == "dense":
        return rows * cols * value_bits
    elif layout == "bitmask":
        return rows * cols + nnz * value_bits
    elif layout == "coo":
        return nnz * (value_bits + 2 * index_bits)
    elif layout == "csr":
        return nnz * (value_bits + index_bits) + (rows + 1) * index_bits
    elif layout == "2:4":
        return nnz * (value_bits + 2)


def break_even_nnz(shape, layout, value_bits=32, index_bits=32):
    dense = storage_bits(shape, 0, "dense", value_bits, index_bits)
    empty = storage_bits(shape, 0, layout, value_bits, index_bits)
    if empty > dense:
        return -1
    per_value = storage_bits(shape, 1, layout, value_bits, index_bits) - empty
    return min((dense - empty) // per_value, shape[0] * shape[1])


def roofline_seconds(flops, bytes_moved, peak_flops, bandwidth):
    return max(flops / peak_flops, bytes_moved / bandwidth)
