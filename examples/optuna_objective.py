"""An objective written for Optuna, unchanged: which classifier tells the irises apart, and with which settings?

Conditional hyperparameters need no declaration: the space is found as it is used.
"""

import sklearn.datasets
import sklearn.ensemble
import sklearn.model_selection
import sklearn.svm

import holdfast


def objective(trial):  # type: ignore[no-untyped-def] # as Optuna's users write it
    """The mean accuracy over three folds."""
    iris = sklearn.datasets.load_iris()
    x, y = iris.data, iris.target

    classifier_name = trial.suggest_categorical("classifier", ["SVC", "RandomForest"])
    if classifier_name == "SVC":
        svc_c = trial.suggest_float("svc_c", 1e-10, 1e10, log=True)
        classifier_obj = sklearn.svm.SVC(C=svc_c, gamma="auto")
    else:
        rf_max_depth = trial.suggest_int("rf_max_depth", 2, 32, log=True)
        classifier_obj = sklearn.ensemble.RandomForestClassifier(max_depth=rf_max_depth, n_estimators=10)

    score = sklearn.model_selection.cross_val_score(classifier_obj, x, y, n_jobs=1, cv=3)
    return score.mean()


if __name__ == "__main__":
    # with Optuna: study = optuna.create_study(direction="maximize")
    study = holdfast.Study(direction="maximize")
    study.optimize(objective, n_trials=20)
    print(f"accuracy {study.best_value:.3f} with {study.best_config}")
