"""scikit-learn's door: `HoldfastSearchCV`, wherever `GridSearchCV` or `RandomizedSearchCV` stands."""

from holdfast.sklearn.search import HoldfastSearchCV

__all__ = ["HoldfastSearchCV"]
