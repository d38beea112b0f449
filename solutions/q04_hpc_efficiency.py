"""Pruning and the efficiency of high-performance computing

剪枝技术如何提高高性能计算效率？

A zero saves nothing by itself. Work falls when whole channels are gone, storage falls when the
zeros are not stored, and time falls when what limits the machine falls. You count all three:
operations, bits, and seconds.

    difficulty ●●○○○    importance ●●●●●    about 30 minutes

Words
    MAC        one multiplication and one addition, counted as one.
    groups     a grouped convolution splits the input channels and the output channels into
               `groups` equal parts; an output channel reads only the inputs of its own part.
    layout     how a (rows, cols) matrix with `nnz` non-zero entries is stored:
               dense     every entry, a value each.
               bitmask   one bit an entry (rows·cols bits in all, not rounded up to bytes), and
                         the values of the non-zeros.
               coo       for each non-zero its value and two indices (row and column).
               csr       for each non-zero its value and one index (column), and rows + 1
                         pointers of an index's size (where each row begins, and the end).
               2:4       of every four entries in a row two are kept: their values, and two bits
                         of metadata for each kept value (which of the four places it has).
    roofline   a kernel is limited either by arithmetic or by memory traffic, whichever is slower.

Everywhere
    Counts of operations and bits are integers (`int`), exact. Arguments are always sensible; no
    checks are needed.

Sources
    Williams, Waterman & Patterson 2009, "Roofline: An Insightful Visual Performance Model for
    Multicore Architectures"; Mishra et al. 2021, "Accelerating Sparse Deep Neural Networks" (the
    2:4 layout: half the values and two bits of metadata for each); Saad 2003, "Iterative Methods
    for Sparse Linear Systems", section 3.4 (coo and csr).

Worked notebook: notebooks/q04_hpc_efficiency.ipynb
"""

from __future__ import annotations

ANSWER = """
Pruning helps a computer in three ways, and none of them comes by itself.

First, less arithmetic. If whole channels or filters are removed, every layer becomes a smaller
dense layer, and ordinary libraries usually run it faster; now and then a channel count suits them
badly. Zeros scattered in a dense kernel are multiplied like all other numbers. Second, less
storage: a sparse layout keeps only the non-zeros, but it pays for indices. With 32-bit values and
32-bit indices CSR is smaller only below about half the entries, COO below a third; with 16-bit
values CSR needs less than a third. A bit mask costs one bit an entry.

Third, less memory traffic, which is often what counts: by the roofline model the time is the
larger of operations over peak rate and bytes over bandwidth. In a linear layer at batch size one
each weight is read for two operations, so bandwidth is the limit, and fewer bytes mean less time.
A convolution uses each weight at every position, so it is usually limited by arithmetic, as
linear layers are in large batches; there irregular sparsity gains only with good kernels.

Hardware can meet it half way: sparse tensor cores run 2:4 with up to twice the dense throughput.
So I find what limits each layer, choose a granularity the hardware can use, and measure time and
energy on the device.
"""

RUBRIC: list[tuple[int, str]] = [
    (
        2,
        "Zeros in a dense kernel save no time; the kernel or the shapes must change.",
    ),
    (
        2,
        "Structured pruning gives smaller dense layers, which ordinary libraries usually run "
        "faster.",
    ),
    (
        2,
        "Sparse layouts cost indices: there is a break-even density, with an example.",
    ),
    (
        2,
        "Time is bounded by arithmetic or by memory traffic (roofline); which one depends on "
        "the layer and the batch size.",
    ),
    (
        1,
        "Hardware support decides, with an example such as 2:4 sparse tensor cores.",
    ),
    (
        1,
        "Measure latency or energy on the device; parameters and MACs are only proxies.",
    ),
]

FOLLOW_UPS: list[tuple[str, str]] = [
    (
        "At which sparsity does CSR become smaller than dense, with float16 values and 32-bit "
        "indices?",
        "A non-zero costs 48 bits and a dense entry 16, so below a third of the entries, a "
        "sparsity of about 67%, and a little more for the row pointers.",
    ),
    (
        "Why can a linear layer gain at batch 1 from pruning what it does not gain at batch 256?",
        "At batch 1 a weight is read for two operations, so memory traffic is the limit and "
        "fewer stored bytes help. At batch 256 it is used 256 times, arithmetic is the limit, "
        "and an irregular kernel runs far from its peak. Where that turns is a matter of the "
        "kernel and the caches: in the notebook's small network CSR gains 1.76 times at batch 1 "
        "and 2.11 times at batch 64.",
    ),
    (
        "A layer has half its MACs left and the model is 10% faster. What happened?",
        "The layer was limited by memory traffic, or it is a small part of the whole time, or "
        "the smaller shape uses the machine worse. A profile tells which.",
    ),
    (
        "What does 2:4 sparsity cost in storage?",
        "Half the values and two bits for each: 18 of 32 bits for two float16 entries, 56%.",
    ),
    (
        "Which phase of a language model gains from which kind of pruning?",
        "Prefill multiplies many tokens at once and is limited by arithmetic: fewer neurons, "
        "heads and layers help, and 2:4 where the hardware has it. Decoding reads all weights "
        "for each token and is limited by bandwidth: fewer bytes help, whether by pruning, by "
        "4-bit weights, or by a smaller key-value cache (m08).",
    ),
]

WRONG_CLAIMS: list[tuple[str, str]] = [
    (
        "Pruning always makes a model faster.",
        "Measured in the notebook: a dense product takes the same time with 90% zeros in the "
        "matrix. Gale et al. 2020: at the sparsity of neural networks, kernels made for "
        "scientific computing do not outperform dense ones; kernels written for it gave "
        "1.2–2.1×.",
    ),
    (
        "At 50% sparsity the model needs half the memory.",
        "`storage_bits`: float32 in CSR with 32-bit indices breaks even there, and with 64-bit "
        "indices it is 1.5× as large as dense. Only 2:4 and the bit mask come near half.",
    ),
    (
        "Energy falls with the number of parameters.",
        "Yang, Chen & Sze 2017: neither the number of weights nor the number of operations "
        "reflects energy; memory accesses, those for feature maps among them, dominate it.",
    ),
    (
        "A GPU with sparse tensor cores speeds up any sparse model twofold.",
        "Mishra et al. 2021: they need the 2:4 pattern, and the factor two is that of the "
        "matrix units' peak, not of the whole model.",
    ),
]


def conv2d_macs(
    in_channels: int,
    out_channels: int,
    kernel_size: int | tuple[int, int],
    output_size: int | tuple[int, int],
    groups: int = 1,
) -> int:
    """Count the MACs of a convolution for one image.

    Each output channel has a value at each place of the output; each value takes one MAC for
    each input channel of its group and each entry of the kernel. The bias is not counted.

    Args:
        in_channels: input channels, ≥ 1, divisible by `groups`.
        out_channels: output channels, ≥ 1, divisible by `groups`.
        kernel_size: (kh, kw), or an integer k for (k, k).
        output_size: (height, width) of the output, or an integer k for (k, k).
        groups: ≥ 1.

    Returns:
        The number of MACs, an int.

    Example:
        >>> conv2d_macs(16, 32, 3, (10, 20))
        921600
        >>> conv2d_macs(16, 32, 3, (10, 20), groups=16)
        57600
    """
    kh, kw = _pair(kernel_size)
    height, width = _pair(output_size)
    return out_channels * height * width * (in_channels // groups) * kh * kw


def storage_bits(
    shape: tuple[int, int],
    nnz: int,
    layout: str,
    value_bits: int = 32,
    index_bits: int = 32,
) -> int:
    """Count the bits that a matrix takes in a layout (see the list at the top).

    Args:
        shape: (rows, cols), each ≥ 1.
        nnz: the number of non-zero entries, from 0 to rows·cols; for "2:4", where cols is
            divisible by 4, it is half of rows·cols.
        layout: "dense", "bitmask", "coo", "csr" or "2:4".
        value_bits: the size of a value, ≥ 1.
        index_bits: the size of an index or pointer, ≥ 1.

    Returns:
        The number of bits, an int.

    Example:
        >>> [storage_bits((4, 8), 16, name) for name in ("dense", "bitmask", "coo", "csr", "2:4")]
        [1024, 544, 1536, 1184, 544]
    """
    fixed, each = _fixed_and_each(shape, layout, value_bits, index_bits)
    return fixed + nnz * each


def break_even_nnz(
    shape: tuple[int, int], layout: str, value_bits: int = 32, index_bits: int = 32
) -> int:
    """Find the most non-zeros at which a layout is no larger than dense.

    No larger means that equal is still fine.

    Args:
        shape: (rows, cols), each ≥ 1.
        layout: "bitmask", "coo" or "csr".
        value_bits: the size of a value, ≥ 1.
        index_bits: the size of an index or pointer, ≥ 1.

    Returns:
        The largest nnz (an int, from 0 to rows·cols) whose `storage_bits` in the layout are at
        most those of the dense layout; −1 if even a matrix without non-zeros takes more.

    Example:
        >>> [break_even_nnz((10, 10), name) for name in ("bitmask", "coo", "csr")]
        [96, 33, 44]
        >>> break_even_nnz((10, 1), "csr")
        -1
    """
    dense, _ = _fixed_and_each(shape, "dense", value_bits, index_bits)
    fixed, each = _fixed_and_each(shape, layout, value_bits, index_bits)
    return max(-1, (dense - fixed) // each)


def roofline_seconds(
    flops: float, bytes_moved: float, peak_flops: float, bandwidth: float
) -> float:
    """Return the least time that a kernel can take by the roofline model.

    Arithmetic and memory traffic overlap, so the slower of the two decides:
    max(flops / peak_flops, bytes_moved / bandwidth).

    Args:
        flops: floating-point operations; 0 for a copy.
        bytes_moved: bytes between memory and processor; 0 where all of it is in the cache.
        peak_flops: operations a second, > 0.
        bandwidth: bytes a second, > 0.

    Returns:
        Seconds.

    Example:
        >>> roofline_seconds(2e9, 1e6, 1e12, 1e11)  # limited by arithmetic
        0.002
        >>> roofline_seconds(2e6, 4e6, 1e12, 1e11)  # limited by memory
        4e-05
    """
    return max(flops / peak_flops, bytes_moved / bandwidth)


def _fixed_and_each(
    shape: tuple[int, int], layout: str, value_bits: int, index_bits: int
) -> tuple[int, int]:
    """The bits that a layout takes without any non-zero, and those of each non-zero."""
    rows, cols = shape
    return {
        "dense": (rows * cols * value_bits, 0),
        "bitmask": (rows * cols, value_bits),
        "coo": (0, value_bits + 2 * index_bits),
        "csr": ((rows + 1) * index_bits, value_bits + index_bits),
        "2:4": (0, value_bits + 2),
    }[layout]


def _pair(size: int | tuple[int, int]) -> tuple[int, int]:
    return size if isinstance(size, tuple) else (size, size)
