"""Strategy `tpe`: the tree-structured Parzen estimator."""

from holdfast.search.tpe.strategy import TreeParzenEstimator

__all__ = ["TreeParzenEstimator"]
