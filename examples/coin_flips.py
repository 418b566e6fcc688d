"""Labels that are coin flips: what does a search say of two hundred models that cannot know anything?

200 rows to learn from, 200 rows to validate on, 30 features, and labels that have nothing to do with them. Whatever is
tuned, every model is right half of the time.
"""

import math

import numpy as np
from sklearn.tree import DecisionTreeClassifier

import holdfast

ROWS, FEATURES, TRIALS = 200, 30, 200
SPACE = holdfast.Space(
    {
        "max_depth": holdfast.Int(1, 10),
        "min_samples_leaf": holdfast.Int(1, 30),
        "max_features": holdfast.Float(0.05, 1),
        "criterion": holdfast.Categorical(["gini", "entropy"]),
    }
)


def search(seed: int) -> holdfast.Study:
    """A study of decision trees; each trial is told with its row scores, which rows it got right."""
    rng = np.random.default_rng(seed)
    X, y = rng.standard_normal((2 * ROWS, FEATURES)), rng.integers(2, size=2 * ROWS)
    study = holdfast.Study(SPACE, direction={"accuracy": "maximize"}, strategy="random", seed=seed)
    for _ in range(TRIALS):
        trial = study.ask()
        model = DecisionTreeClassifier(**trial.config, random_state=trial.number).fit(X[:ROWS], y[:ROWS])
        correct = model.predict(X[ROWS:]) == y[ROWS:]
        study.tell(trial, correct.mean(), rows=holdfast.RowScores(correct))
    return study


def textbook(accuracy: float, n: int = ROWS) -> tuple[float, float]:
    """The 95% interval of a model that nobody picked."""
    half = 1.96 * math.sqrt(accuracy * (1 - accuracy) / n)
    return accuracy - half, accuracy + half


if __name__ == "__main__":
    study = search(seed=0)
    low, high = textbook(study.best_value)
    print(f"naive score  {study.best_value:.3f} [{low:.3f}, {high:.3f}]")
    print(f"estimate     {study.estimate()}")
