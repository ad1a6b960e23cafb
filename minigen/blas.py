"""Ask OpenBLAS, the library behind NumPy's matrix products, for the kernels that fit the processor.

OpenBLAS chooses by processor family, from a list. AMD's Zen 5 is not on the list of version 0.3.31 (inside NumPy 2.4) and
gets AVX2 kernels, which reach half the speed of the AVX-512 ones there (measured: 245 against 450 GFLOP/s in float32 on
two cores). The choice falls when NumPy is first imported, so this file comes before it and imports nothing of it. Where
NumPy is loaded already, or OPENBLAS_CORETYPE is set, nothing is changed.
"""

import os
import sys


def choose_kernels(path="/proc/cpuinfo"):
    """Set OPENBLAS_CORETYPE where OpenBLAS would not see that the processor has AVX-512."""
    if "numpy" in sys.modules or "OPENBLAS_CORETYPE" in os.environ:
        return
    try:
        with open(path) as file:
            first_core = file.read(4096)
    except OSError:  # not Linux: OpenBLAS decides alone
        return
    if "AuthenticAMD" in first_core and "avx512f" in first_core:
        os.environ["OPENBLAS_CORETYPE"] = "SkylakeX"


choose_kernels()
