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

# Your written answer to the question above: 120 to 250 words, as you would say it aloud.
ANSWER = ""


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError


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
    raise NotImplementedError
