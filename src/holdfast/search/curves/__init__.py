"""Learning curves of all trials in one model: which losses to expect of a configuration after how much training."""

from holdfast.search.curves.model import CurveModel, curve_model

__all__ = ["CurveModel", "curve_model"]
