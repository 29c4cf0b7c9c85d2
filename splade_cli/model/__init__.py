"""Text to sparse vectors: devices, loading, architectures, pooling, encoding. Knows no index and no files of text."""

import os

# read by OpenMP when torch loads: threads that spin while another program wants the core cost tens of times the work
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
