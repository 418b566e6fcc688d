"""scikit-learn's conventions: which fitted attributes hold what a model predicts with, and what they are."""

from __future__ import annotations

from collections.abc import Collection

_RECORDS = (
    "Cs_ alphas_ best_loss_ best_score_ best_validation_score_ categories_ class_count_ class_weight_ coefs_paths_ "
    "dual_gap_ epsilon_ estimator_errors_ explained_variance_ explained_variance_ratio_ inertia_ l1_ratios_ "
    "log_marginal_likelihood_value_ loss_ loss_curve_ lower_bound_ mse_path_ n_samples_seen_ noise_variance_ "
    "oob_decision_function_ oob_improvement_ oob_prediction_ oob_score_ oob_scores_ pvalues_ rank_ refit_time_ scores_ "
    "shape_fit_ singular_ singular_values_ t_ train_score_ validation_score_ validation_scores_"
)

RECORDS = frozenset(_RECORDS.split())
"""Fitted attributes that record the rows or how a fit went, or repeat a hyperparameter."""

KINDS = {
    "coef_": "weight",
    "coefs_": "weight",
    "dual_coef_": "weight",
    "intercept_": "bias",
    "intercepts_": "bias",
    "cluster_centers_": "centroid",
    "center_": "statistic",
    "mean_": "statistic",
    "means_": "statistic",
    "scale_": "statistic",
    "statistics_": "statistic",
    "theta_": "statistic",
    "var_": "statistic",
    "components_": "component",
    "support_vectors_": "support vector",
}
"""What is in a fitted attribute; others hold numbers that have no name here."""


def kind_of_attribute(name: str) -> str:
    """What a fitted attribute holds, by the last part of its name.

    >>> kind_of_attribute("scaler.mean_"), kind_of_attribute("coefs_[0]"), kind_of_attribute("offset_")
    ('statistic', 'weight', 'number')
    """
    return KINDS.get(name.rpartition(".")[2].partition("[")[0], "number")


def is_learned(key: str, others: Collection[str], *, scaled: bool = False, intercept: bool = True) -> bool:
    """Whether an attribute is fitted, and holds what the model predicts with.

    Args:
        key: the attribute's name.
        others: the names of all attributes of its owner.
        scaled: the owner has a ``scale_`` that is not None, of which ``var_`` is the square.
        intercept: the owner fits one; otherwise its ``intercept_`` is a zero that nobody learned.
    """
    if not key.endswith("_") or key.startswith("_") or key in RECORDS:
        return False
    if (key == "intercept_" and not intercept) or (key == "var_" and scaled):
        return False
    return f"{key[:-1]}s" not in others  # chosen from candidates such as alphas, and so a hyperparameter
