"""Peers of the engine behind one shape: built from the same CSR matrix, asked one query at a time on one
thread.

Each is its own PyPI package and is asked through the fastest call that it offers; turning a query into what
that call takes is not timed. BMP and PISA keep weights as small integers, so their results are exact for
rounded weights only. A peer whose package is missing is skipped and named:

    pip install splade-index qdrant-edge-py pyseismic-lsr bmp impact-index pyterrier-pisa

PISA loads libtbb.so.2, which its package puts into the environment's lib folder: name that in
LD_LIBRARY_PATH.
"""
