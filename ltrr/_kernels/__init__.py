"""Numba kernels: plain arrays in and out, uniforms in rather than generators; private."""
