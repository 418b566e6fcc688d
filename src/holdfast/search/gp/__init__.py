"""The Gaussian-process strategy: a surrogate of the loss over the space, and expected improvement on it."""

from holdfast.search.gp.strategy import GaussianProcess

__all__ = ["GaussianProcess"]
