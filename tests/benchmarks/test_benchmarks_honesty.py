"""The benchmark of honesty: its truths, its closed forms, its file, and its tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.honesty_parts import beta, dropped, fixed, groups, metrics, refit, truth
from benchmarks.honesty_parts.experiments import CHUNK
from benchmarks.honesty_parts.ledger import Sums, missing, read
from benchmarks.honesty_parts.methods import Found, Own, Repetition
from benchmarks.honesty_parts.tables import under

from benchmarks import honesty
from holdfast.evaluate.metrics import metric_named


@pytest.mark.parametrize("how", fixed.DRAWN)
def test_drawn_scores_have_their_true_accuracies(how: str) -> None:
    scores, truth = fixed.drawn(how, 20_000, 5, np.random.default_rng(0))
    np.testing.assert_allclose(scores.mean(axis=0), truth, atol=0.015)


@pytest.mark.parametrize("how", ["climb", "ucb"])
def test_proposed_scores_have_their_true_accuracies(how: str) -> None:
    rng = np.random.default_rng(0)
    surface = fixed.Surface("smooth", 20_000, rng)
    fixed.PROPOSE[how](surface, 5, rng, 0)
    scores, truth = surface.seen()
    np.testing.assert_allclose(scores.mean(axis=0), truth, atol=0.015)


def test_residuals_of_blocks_are_those_of_fits_without_them() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((20, 10)), rng.standard_normal(20)
    smoother = refit.Smoother(0.1, np.array([0.3, 3.0]))
    outside, coefficients = smoother.fits(X, y, 5)
    kernel = smoother.kernel(X, X)
    kept = np.arange(20) >= 4
    inner = np.linalg.solve(kernel[np.ix_(kept, kept)] + 3 * np.eye(16), y[kept])
    np.testing.assert_allclose(outside[1, :4], kernel[:4, kept] @ inner, atol=1e-9)
    np.testing.assert_allclose(coefficients[1], np.linalg.solve(kernel + 3 * np.eye(20), y), atol=1e-9)


def test_scores_of_discriminants_agree_with_their_truth() -> None:
    cell = refit.Cell("lda", 4000, 10)
    scores, truth, _ = refit._discriminant(cell, np.random.default_rng(0))
    assert scores.mean(axis=0).max() == pytest.approx(truth, abs=0.02)
    assert scores.shape == (4000, 35)


@pytest.mark.parametrize(
    ("kind", "how", "share"),
    [
        ("auc", "spread", 0.5),
        ("auc", "rounded", 0.1),
        ("auc", "alike", 0.1),
        ("auc", "skewed", 0.3),
        ("balanced_accuracy", "high", 0.1),
        ("f1", "high", 0.3),
        ("r2", "spread", 0.0),
    ],
)
def test_predictions_have_their_true_metrics(kind: str, how: str, share: float) -> None:
    cell = metrics.Cell(kind, how, share, 20_000, 4)
    drawn = metrics.DRAW[kind](cell, np.random.default_rng(0))
    found = [metrics._metric(cell).value(drawn.y, column) for column in drawn.predictions.T]
    np.testing.assert_array_less(np.abs(found - drawn.truth), 5 * drawn.deviation)
    assert (drawn.deviation < 0.01).all()


def test_the_deviation_of_an_auc_is_that_of_fresh_rows() -> None:
    cell, rng = metrics.Cell("auc", "tied", 0.3, 100, 1), np.random.default_rng(0)
    draws = [metrics.ranked(cell, rng) for _ in range(400)]
    found = [metrics._metric(cell).value(drawn.y, drawn.predictions[:, 0]) for drawn in draws]
    assert np.std(found) == pytest.approx(float(draws[0].deviation[0]), rel=0.1)


@pytest.mark.parametrize("how", ["20", "tied"])
def test_units_have_their_true_means_and_deviations(how: str) -> None:
    cell = metrics.Cell("groups" if how == "20" else "time", how, 0.0, 200, 2)
    draw, rng = metrics.grouped if how == "20" else metrics.serial, np.random.default_rng(0)
    errors = []
    for _ in range(400):
        scores, groups, truth, deviation = draw(cell, rng)
        assert len(groups) == len(scores)
        errors.append((scores.mean(axis=0) - truth)[0] / deviation[0])
    assert np.mean(errors) == pytest.approx(0, abs=0.2)
    assert np.std(errors) == pytest.approx(1, abs=0.12)


@pytest.mark.parametrize(("kind", "how"), [("losses", "mild"), ("losses", "rare"), ("errors", "skewed")])
def test_few_groups_have_their_true_means_and_deviations(kind: str, how: str) -> None:
    rng, errors = np.random.default_rng(0), []
    for _ in range(400):
        drawn = groups.drawn(groups.Cell(kind, how, "uneven", 10, 2), rng)
        assert len(drawn.groups) == len(drawn.scores)
        errors.append(((drawn.scores.mean(axis=0) - drawn.truth) / drawn.deviation)[0])
    assert np.mean(errors) == pytest.approx(0, abs=0.15)
    assert np.std(errors) == pytest.approx(1, abs=0.12)


def test_placements_are_those_by_hand_and_the_infinitesimal_jackknife() -> None:
    y, scores = np.array([True, True, False, False]), np.array([[3.0], [1.0], [2.0], [0.0]])
    found = metrics.placements(y, scores)
    np.testing.assert_allclose(found[:, 0], np.array([1, -1, -1, 1]) / np.sqrt(2))
    rng = np.random.default_rng(1)
    y, scores = rng.random(60) < 0.3, np.rint(2 * rng.standard_normal((60, 1)))  # with ties
    step = 1e-6
    weights = np.concatenate([np.ones((1, 60)), np.ones((60, 60)) + step * np.eye(60)])
    values = metric_named("auc", "binary", 2).values_under(y, scores[:, 0], weights)
    size = np.where(y, y.sum(), 60 - y.sum())
    slopes = 60 * (values[1:] - values[0]) / step
    np.testing.assert_allclose(metrics.placements(y, scores)[:, 0] * np.sqrt(1 - 1 / size), slopes, atol=1e-4)


def test_points_by_folds() -> None:
    performance = np.array([[0.9, 0.5], [0.5, 0.7], [0.6, 0.5]])
    assert beta.corrected_by_folds(performance) == pytest.approx(2 / 3 - 0.2 / 3)
    assert beta.nested(performance) == pytest.approx((0.5 + 0.5 + 0.6) / 3)


def test_sums_count_the_side_that_a_truth_is_on() -> None:
    sums = Sums()
    for true in (0.4, 0.5, 0.7):
        sums.add(Found(0.5, 0.45, 0.55), Repetition(true, 0.2, {}))
    assert (sums.below, sums.above, sums.covered) == (1, 1, 1)
    assert sums.bias == pytest.approx(-0.1 / 3)
    assert sums.relative_width == pytest.approx(0.5)


def test_a_method_with_a_winner_of_its_own_is_judged_by_that() -> None:
    sums = Sums()
    sums.add(Found(0.5, 0.45, 0.55), Repetition(0.9, 0.9, {}), Own(0.5, 0.2, fits=0.4, gap=-0.1))
    assert (sums.covered, sums.bias, sums.truth, sums.fits, sums.gap) == (1, 0.0, 0.5, 0.4, -0.1)


def test_a_search_that_drops_saves_fits_and_ends_with_one_that_has_all() -> None:
    fold_scores = np.random.default_rng(0).random((5, 196)) + np.linspace(0, 1, 196)
    for how in dropped.HOW:
        whole = dropped._search(fold_scores, 30, how, "never", np.random.default_rng(1))
        done = dropped._search(fold_scores, 30, how, "curtailed", np.random.default_rng(1))
        assert np.isfinite(whole.seen).all()
        assert np.isfinite(done.seen).mean() < 0.8
        assert len(set(done.tried)) == 30
        assert np.isfinite(done.seen[done.winner]).all()
        np.testing.assert_array_equal(whole.seen.T, fold_scores[:, whole.tried])


def test_the_truth_of_a_refit_is_what_fresh_rows_score() -> None:
    cell = dropped.CELLS["nonlinear N=100 K=5 C=60"]
    problem = dropped._problem(cell._replace(n_rows=400), np.random.default_rng(0))
    place = int(problem.scores.mean(axis=0).argmax())
    truth, deviation = problem.truth(place)
    assert truth == pytest.approx(problem.scores[:, place].mean(), abs=0.06)
    assert deviation == pytest.approx((truth * (1 - truth)) ** 0.5)


def test_holm_counts_cells_that_are_under() -> None:
    good, bad = Sums(intervals=1000, above=40), Sums(intervals=1000, above=80)
    edge = Sums(intervals=1000, above=65)  # p = 0.02 alone
    assert under([good, bad, good]) == 1
    assert under([edge]) == 1
    assert under([edge, good, good, good]) == 0


def test_what_is_missing_is_cut_into_chunks() -> None:
    assert missing(set(), CHUNK + 2) == [(0, CHUNK), (CHUNK, 2)]
    assert missing({1, 2}, 5) == [(0, 1), (3, 2)]


def test_a_run_goes_on_where_its_file_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fixed", "--out", str(tmp_path), "--cells", "tied N=50 C=20", "--repetitions"]
    honesty.main([*words, "2"])
    file = tmp_path / "fixed.jsonl"
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole + '{"cell": "tied', encoding="utf-8")
    honesty.main([*words, "3"])
    assert file.read_text(encoding="utf-8").startswith(whole)
    assert [kept.numbers for kept in read(file).values()] == [{0, 1, 2}]
    capsys.readouterr()
    honesty.main(["table", "--out", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "| tied N=50 C=20 | 3 |" in printed
    assert "significantly under 95% (Holm): 0 of 1." in printed


@pytest.mark.parametrize(
    ("experiment", "cell", "says"),
    [
        ("refit", "nonlinear N=100 K=10", "| nonlinear N=100 K=10 squared | 1 |"),
        ("proposed", "auto linear N=100 K=10", "rmx, search repeated"),
        ("beta", "N=20 C=50", "Bias of nested:"),
        ("points", "climb flat N=100 C=20", "Root mean squared error to BBC's:"),
        ("coin", "random 20 trials", "| random 20 trials | 1 |"),
        ("metrics", "auc high 10% N=100 C=20", "RMX of placements"),
        ("metrics", "r2 tied N=100 C=20", "raced_metric, unbounded"),
        ("metrics", "time spread N=200 C=20", "RMX of rows as if independent"),
        ("metrics", "refit linear 50% N=100 C=31", "omega2 = 0.5"),
        ("groups", "losses skewed uneven G=10 C=20 refit", "| losses skewed uneven G=10 C=20 refit | 1 |"),
        ("separable", "logistic 10% N=60 apart=2 C=4 refit", "without rows not seen"),
        ("separable", "discriminants 5% of 4 N=150 apart=3.5 C=20 scored", "without rows not seen"),
    ],
)
def test_each_experiment_prints_its_table(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], experiment: str, cell: str, says: str
) -> None:
    honesty.main([experiment, "--out", str(tmp_path), "--cells", cell, "--repetitions", "1"])
    honesty.main(["table", "--out", str(tmp_path)])
    assert says in capsys.readouterr().out


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """Two tables of the right names, with a gap, a rare category and little to learn."""
    rng = np.random.default_rng(0)
    for name, table in truth.TABLES.items():
        n = 600
        size, kind = rng.standard_normal(n), rng.choice(["red", "green", "odd"], n, p=[0.6, 0.39, 0.01])
        target = size + rng.standard_normal(n)
        said = [table.positive if value > 0 else "no" for value in target] if table.positive else target
        rows = zip(size, kind, said, strict=True)
        lines = [f"size,kind,{table.target}", ",green,no" if table.positive else ",green,0.1"]
        (tmp_path / name).mkdir()
        text = "\n".join([*lines, *(",".join(map(str, row)) for row in rows)])
        (tmp_path / name / "data.csv").write_text(text + "\n", encoding="utf-8")
    return tmp_path


@pytest.mark.long
@pytest.mark.parametrize("cell", ["adult linear N=300", "california_housing linear N=300"])
def test_real_tables_have_a_truth(
    tables: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, cell: str
) -> None:
    monkeypatch.setattr(truth, "TRIALS", 3)
    out = tables / "out"
    honesty.main(
        ["truth", "--out", str(out), "--data", str(tables), "--cells", cell, "--repetitions", "2", "--processes", "1"]
    )
    kept = read(out / "truth.jsonl")[cell]
    assert kept.numbers == {0, 1}
    gap = kept.methods["holdfast best_score_"]
    assert abs(gap.bias) < 0.3
    assert kept.methods[truth.ESTIMATE].width > 0
    honesty.main(["table", "--out", str(out)])
    printed = capsys.readouterr().out
    assert f"| {cell} | 2 |" in printed
    assert "holdfast - RandomizedSearchCV" in printed
    assert "Optuna" not in printed


def test_columns_of_a_table_are_numbers_and_frequent_categories(tables: Path) -> None:
    truth.begin(tables, None)
    truth._read.cache_clear()
    X, y = truth._read("adult")
    truth._read.cache_clear()
    assert X.shape == (601, 3)
    assert set(y) == {0.0, 1.0}
    np.testing.assert_allclose(X.std(axis=0), 1)


def test_a_truth_is_that_of_a_perfect_model() -> None:
    rows = np.zeros((4, 1))
    task = truth._Task(truth.TABLES["adult"], None, truth.RIDGE, rows, np.zeros(4), [], rows, np.array([0, 0, 0, 1.0]))
    model = type("Zero", (), {"predict": staticmethod(lambda X: np.zeros(len(X)))})()
    assert task.truth(model)[0] == 0.75
    regression = task._replace(table=truth.TABLES["california_housing"], y_truth=np.array([1, -1, 3, -3.0]))
    assert regression.truth(model) == pytest.approx((-(5**0.5), 2 * 1.96 * 4 / (2 * 5**0.5) / 2))


def test_an_unknown_cell_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no cell has nothing"):
        honesty.main(["beta", "--out", str(tmp_path), "--cells", "nothing"])
