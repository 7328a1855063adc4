"""How the C library keeps memory between steps: a step on a CPU takes again what the last one gave back."""

from __future__ import annotations

import ctypes
import functools
import os
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # as malloc.h numbers them
KEPT_BYTES = 512 << 20  # free memory at the heap's end that stays with the process
MAPPED_BYTES = 32 << 20  # a block as large as this is still the system's own: the largest limit that glibc takes
TOLD_BY = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES")


@functools.cache
def keep_freed_memory() -> bool:
    """Tell glibc, once in a process, to keep what is freed; whether it was told.

    Out of the box it hands memory back to the system as soon as the heap's end is free, and takes large blocks from it one by one. A
    training step allocates the same tensors as the one before: each page then comes anew, zeroed, by a fault.
    `tests/benchmarks/page_faults.py` measures what that costs. Where the user told glibc something (mallopt(3) names the
    variables), and where the C library is another, nothing is changed.
    """
    if platform.libc_ver()[0] != "glibc" or any(name in os.environ for name in TOLD_BY):
        return False
    library = ctypes.CDLL(None)
    limits = {M_MMAP_THRESHOLD: MAPPED_BYTES, M_TRIM_THRESHOLD: KEPT_BYTES}
    return all(library.mallopt(which, size) == 1 for which, size in limits.items())
