"""Encoders: text to sparse vectors. Devices, loading, architectures, pooling, encoding."""

import os

# read by OpenMP when torch loads: spinning threads cost tens of times the work on a core that others want
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
