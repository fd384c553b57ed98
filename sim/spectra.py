"""Spectra of curvature: d numbers from mu to L in ascending order, both ends exact.

With u_i = (i − 1)/(d − 1), i = 1 ... d:

    even    h_i = mu + (L − mu) u_i                                     evenly spaced
    log     h_i = mu^(1 − u_i) L^(u_i)                                  geometric: every octave has as many
    power   h_(d + 1 − i) = mu + (L − mu) (i^−a − d^−a) / (1 − d^−a)    a = `decay`; L i^−a where mu = L d^−a
    two     mu, d − `outliers` times, then L, `outliers` times          a bulk and outliers

A network's Hessian has a bulk near 0 and as many outliers as classes (Sagun et al. 2017, arXiv:1706.04454), and
eigenvalues of data covariances fall like a power. In one dimension every spectrum is L alone. Units [loss]/[θ]².
"""

import math

import numpy as np

from theory.errors import require

SPECTRA = ("even", "power", "two", "log")


def require_spectrum(name, dim, mu, L, decay, outliers):
    """OnemergeError unless `curvatures` has a spectrum for these arguments."""
    require(name in SPECTRA, f"Unknown spectrum {name!r}; valid: {', '.join(SPECTRA)}.")
    require(0 < mu <= L < np.inf, f"curvatures need 0 < mu <= L, not mu = {mu} and L = {L}.")
    require(0 < decay < np.inf, f"decay must be a positive number, not {decay}.")
    whole = isinstance(outliers, int) and outliers >= 1
    require(whole, f"outliers must be a whole number of at least 1, not {outliers!r}.")
    if name == "two" and dim > 1:
        require(outliers < dim, f"outliers must be fewer than the {dim} dimensions, not {outliers}.")


def curvatures(name, dim, mu, L, decay=1.0, outliers=1):
    """The named spectrum [dim], float64, ascending from mu to L."""
    require_spectrum(name, dim, mu, L, decay, outliers)
    if dim == 1:
        return np.array([L])
    if name == "even":
        return np.linspace(mu, L, dim)
    if name == "two":
        return np.repeat([mu, L], [dim - outliers, outliers])
    if name == "log":
        inner = np.exp(np.linspace(math.log(mu), math.log(L), dim))
    else:
        i = np.arange(dim, 0, -1.0)  # (i^−a − d^−a) / (1 − d^−a) by expm1: a slow decay keeps its digits
        inner = mu + (L - mu) * i**-decay * np.expm1(decay * np.log(i / dim)) / math.expm1(-decay * math.log(dim))
    return np.concatenate([[mu], inner[1:-1], [L]])
