"""A search over hyperparameters with scikit-learn's interface: a study behind it, and an estimate that holds."""

from __future__ import annotations

import math
import numbers
import sys
import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from sklearn.base import _fit_context, clone, is_classifier
from sklearn.metrics._scorer import _PassthroughScorer
from sklearn.model_selection import check_cv
from sklearn.model_selection._search import BaseSearchCV
from sklearn.model_selection._split import _CVIterableWrapper
from sklearn.model_selection._validation import _insert_error_scores, _warn_or_raise_about_fit_failures
from sklearn.utils import check_random_state, indexable
from sklearn.utils.parallel import Parallel
from sklearn.utils.validation import _check_method_params, _num_samples, check_is_fitted

from holdfast.errors import MetricError, RequestError, shown
from holdfast.execute.inline import Inline
from holdfast.records import Score, Trial, TrialState, as_whole
from holdfast.search.base import Strategy
from holdfast.search.grid import GridSearch, grid_points
from holdfast.search.registry import NAMES, traits_named, traits_of
from holdfast.sklearn.callbacks import Tasks, begun
from holdfast.sklearn.estimate import estimate_of
from holdfast.sklearn.folds import SCORE, FoldWork, filled_up, from_json
from holdfast.sklearn.job import FoldsJob, RowKeeper
from holdfast.sklearn.scored import Scored, scored_by, scores_as_usual
from holdfast.sklearn.spaces import SearchSpace, search_space
from holdfast.sklearn.stored import StudySettings, stored_settings
from holdfast.sklearn.together import rows_together
from holdfast.study.folds import NEVER
from holdfast.study.settings import checked_strategy
from holdfast.study.stopping import set_stop
from holdfast.study.study import Study

N_TRIALS = 50
"""How many configurations are tried where nobody says, as in a plan."""

QUICK_CELLS = 1_000_000
"""An estimate from more row scores than this takes more than a moment."""

LARGEST_SEED = 2**31 - 1


class HoldfastSearchCV(BaseSearchCV):  # type: ignore[misc]  # scikit-learn has no types
    """Searches an estimator's hyperparameters by cross-validation, and corrects the winner's score for the search.

    It stands wherever `GridSearchCV` or `RandomizedSearchCV` stand, and has their attributes.

    Args:
        estimator: what is tuned; it is cloned.
        space: a `holdfast.Space`, a dict of hyperparameters, or a list of dicts one of which applies at a time. In a
            dict stand domains, lists of choices of any kind, frozen distributions of scipy, or plain values.
        strategy: a name such as ``"auto"``, ``"grid"`` or ``"random"``, or an object with the interface of a strategy.
        n_trials: how many configurations are tried; None for 50, or for all of a grid.
        stop: ``"auto"`` for fewer where what is left to gain is less than the noise of the best score (see
            `holdfast.Study.should_stop`).
        drop_folds: the rule that drops a configuration before all of its folds are scored, as ``"curtailed"`` (see
            `holdfast.stats.folds`); it has NaN for those that were saved, ranks last, and counts in ``estimate_``.
        cv: how rows are split, as in scikit-learn; one split serves all trials.
        scoring: as in scikit-learn: a name, a scorer, or several of them.
        refit: whether the best configuration is fitted on all rows; the name of the metric that selects among several,
            or a function that chooses an index from ``cv_results_``.
        n_jobs: so many fits run at once. Up to one a fold, they change no suggestion; beyond that, and with
            ``drop_folds``, trials run at once.
        random_state: of the search; None draws a seed from numpy's own state.
        storage: where the study is kept: ``"sqlite:///study.db"``, or None for memory. A search that was stopped goes
            on there if it is run again with the same data, folds, estimator and space.
        verbose: from 2 on each fit is printed.
        pre_dispatch: how many fits are handed out at once.
        error_score: the score of a fit that fails, or ``"raise"``.
        return_train_score: whether ``cv_results_`` has scores on the training rows.

    Attributes:
        study_: the `holdfast.Study`, with every trial, its row scores and its log.
        estimate_: the winner's score, a `holdfast.Score` corrected for having been picked, in the sense of
            ``best_score_``; an AttributeError says what is missing where there is none.
        cv_results_: as in scikit-learn, and ``trial``, the number of the trial. With strategy ``"grid"`` rows are in
            the order of scikit-learn's grids, else in the order of the trials.

    Raises:
        RequestError: for a space, a strategy, a number of trials or a storage that cannot be meant.
    """

    _estimate: Score | str | None
    _study: Study | None
    _parameter_constraints = {  # noqa: RUF012 - scikit-learn's way of saying what a parameter may be
        **BaseSearchCV._parameter_constraints,
        "random_state": ["random_state"],
    }

    def __init__(  # noqa: PLR0913 - scikit-learn's parameters of a search, by keyword
        self,
        estimator: Any,
        space: Any,
        *,
        strategy: str | Strategy = "auto",
        n_trials: int | None = None,
        stop: Literal["auto"] | None = None,
        drop_folds: str = NEVER,
        cv: Any = None,
        scoring: Any = None,
        refit: Any = True,
        n_jobs: int | None = None,
        random_state: Any = None,
        storage: str | None = None,
        verbose: int = 0,
        pre_dispatch: int | str = "2*n_jobs",
        error_score: Any = np.nan,
        return_train_score: bool = False,
    ) -> None:
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.space = space
        self.strategy = strategy
        self.n_trials = n_trials
        self.stop = stop
        self.drop_folds = drop_folds
        self.random_state = random_state
        self.storage = storage

    @_fit_context(prefer_skip_nested_validation=False)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any = None, **params: Any) -> HoldfastSearchCV:
        """Search, and fit the best configuration on all rows.

        Args:
            X: shape (N, p), the rows, in a form that the estimator takes.
            y: shape (N,), their targets; None where the estimator needs none.
            **params: what the estimator's ``fit``, the scorer and the splitter get besides, such as ``sample_weight``
                or ``groups``; entries with one item a row are split with the rows.

        Raises:
            RequestError: for a parameter of the search that cannot be meant.
            ValueError: if all fits failed.
        """
        space, n_trials = self._checked()
        scorers, refit_metric = self._get_scorers()
        X, y = indexable(X, y)
        params = _check_method_params(X, params=params)
        tasks = begun(self, X, y, params)
        routed = self._get_routed_params_for_fit(params)
        splits, pairs = _splits_of(self, X, y, routed.splitter.split)
        self.n_splits_ = len(splits)
        several = list(getattr(scorers, "_scorers", [SCORE]))
        metric = refit_metric if isinstance(refit_metric, str) else several[0] if len(several) == 1 else None
        n_rows = _num_samples(X)
        indices = [(_indices(train, n_rows), _indices(test, n_rows)) for train, test in splits]
        scored: Scored | str
        try:
            together = rows_together(routed.splitter.split.get("groups"), pairs, indices, n_rows)
            scored = scored_by(self.estimator, scorers, metric, y, indices, routed.scorer.score, together)
        except RequestError as exc:
            scored = str(exc)
        settings = self._settings(space, several, {"X": X, "y": y, "splits": splits, "params": params})
        itself = isinstance(scorers, _PassthroughScorer)
        usual = scores_as_usual(self.estimator)
        work = FoldWork(
            estimator=clone(self.estimator),
            X=X,
            y=y,
            scorer=scored.scorer if itself and usual and isinstance(scored, Scored) else scorers,
            kept=None if isinstance(scored, str) else scored.name,
            asked=itself and not usual,
            fit_params=routed.estimator.fit,
            score_params=routed.scorer.score,
            error_score=self.error_score,
            return_train_score=self.return_train_score,
            verbose=self.verbose,
            caller=tasks.caller,
        )
        study = settings.open()
        job = FoldsJob(
            work=work,
            splits=splits,
            space=space,
            objectives=settings.objectives,
            keeper=RowKeeper(scored, _kind_told(study)),
            trials=n_trials,
            context=tasks.fold,
            by_fold=self.drop_folds != NEVER,
        )
        begun_before = len(study.trials)
        with tasks.searching(None if begun_before else n_trials * len(splits)):
            self._search(study, job, max(n_trials - begun_before, 0))
        self._opened, self._study, self._scored = settings, study, scored
        self._conclude(study, space, scorers, refit_metric)
        if self.refit:
            self._refit(X, y, routed.estimator.fit, tasks)
        tasks.end()
        return self

    @property
    def study_(self) -> Study:
        """The study behind the search.

        Raises:
            AttributeError: if the storage of a pickled search is not there any more.
        """
        check_is_fitted(self, "cv_results_")
        if self._study is None:
            try:
                self._study = self._opened.reopen()
            except RequestError as exc:
                raise AttributeError(str(exc)) from exc
        return self._study

    @property
    def estimate_(self) -> Score:
        """The winner's score corrected for having been picked, in the sense of ``best_score_``; found when first asked.

        Raises:
            AttributeError: with what is missing, where there is none.
        """
        check_is_fitted(self, "cv_results_")
        if self._estimate is None:
            self._estimate = self._estimated()
        if isinstance(self._estimate, Score):
            return self._estimate
        raise AttributeError(f"there is no estimate_, because {self._estimate}")

    def __dir__(self) -> list[str]:
        """What there is, without an estimate that would take long: a notebook reads all attributes to show them."""
        scored = getattr(self, "_scored", None)
        waits = False
        if isinstance(scored, Scored) and self._estimate is None:
            many = len(scored.y) * len(self.cv_results_["params"]) > QUICK_CELLS
            waits = many or not scored.metrics()[0].fast
        names = (name for name in object.__dir__(self) if not (waits and name == "estimate_"))
        return [name for name in names if hasattr(self, name)]

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = dict(super().__getstate__())
        study = state.get("_study")
        if study is not None:
            state["_opened"], state["_study"] = state["_opened"].detached(study), None
        return state

    def _checked(self) -> tuple[SearchSpace, int]:
        """The space, and how many trials there may be."""
        n: Any = self.n_trials
        if n is not None and (as_whole(n) or 0) < 1:
            raise RequestError(f"n_trials = {shown(n)}; it must be a whole number from 1 up, or None")
        if self.storage is not None and not isinstance(self.storage, str):
            raise RequestError(
                f"storage = {shown(self.storage)}; it must be a text such as 'sqlite:///study.db', or None"
            )
        strategy = checked_strategy(self.strategy)
        if traits_of(strategy).pauses:
            others = ", ".join(name for name in NAMES if name != "manual" and not traits_named(name).pauses)
            raise RequestError(
                f"strategy '{strategy.name}' pauses trials and trains the better ones further, and HoldfastSearchCV "
                f"trains each in full; take one of {others}, or drop_folds to end poor trials early"
            )
        space = search_space(self.space)
        if n is None:
            n = len(grid_points(space.space, strategy.resolution)) if isinstance(strategy, GridSearch) else N_TRIALS
        return space, int(n)

    def _settings(self, space: SearchSpace, several: Sequence[str], identity: dict[str, Any]) -> StudySettings:
        """What the study is made of; of several metrics without a name to select by, all are objectives."""
        chosen = isinstance(self.refit, str) and (self.refit in several or callable(self.scoring))
        objectives = (self.refit,) if chosen else tuple(several)
        given = self.random_state
        seed = int(given) if isinstance(given, numbers.Integral) else None
        drawn = int(check_random_state(given).randint(LARGEST_SEED)) if seed is None else seed
        if isinstance(given, np.random.RandomState):
            seed = drawn
        _refuse_dropping(self.drop_folds, self.n_splits_, objectives)
        settings = StudySettings(
            space.space, objectives, self.strategy, drawn, self.storage, drop_folds=self.drop_folds
        )
        identity |= {"estimator": self.estimator, "scoring": self.scoring, "error_score": self.error_score}
        identity |= {"train": self.return_train_score, "parameters": space.parameters}
        return stored_settings(settings, seed, identity, type(self.estimator).__name__)

    def _search(self, study: Study, job: FoldsJob, left: int) -> None:
        """Run the trials that are left."""
        set_stop(study.book, gain=None, rule=self.stop)
        with Parallel(n_jobs=self.n_jobs, pre_dispatch=self.pre_dispatch) as parallel:
            job.parallel = parallel
            at_once = math.ceil(parallel._effective_n_jobs() / (1 if job.by_fold else len(job.splits)))
            study.run(
                job,
                Inline(),
                n_trials=left,
                batch=at_once,
                halt_after=sys.maxsize,  # scikit-learn goes on, and says at the end what failed
                on_finish=job.stop_on_failure,
            )

    def _conclude(self, study: Study, space: SearchSpace, scorers: Any, refit_metric: Any) -> None:
        """Set what a search has found: ``cv_results_`` and what is the best of it."""
        trials = _in_order(study, space)
        if not trials:
            raise ValueError(f"no fit was performed: strategy {shown(self.strategy)} proposed no configuration")
        error_score = math.nan if self.error_score == "raise" else self.error_score
        by_trial = [_folds_of(trial, self.n_splits_, error_score) for trial in trials]
        made = [fold for folds in by_trial for fold in folds]
        _warn_or_raise_about_fit_failures(made, error_score)
        _insert_error_scores(made, error_score)
        out = [fold for folds in by_trial for fold in filled_up(folds, self.n_splits_)]
        if not self.return_train_score:
            out = [{key: value for key, value in fold.items() if key != "train_scores"} for fold in out]
        self.multimetric_ = isinstance(out[0]["test_scores"], dict)
        if callable(self.scoring) and self.multimetric_:
            self._check_refit_for_multimetric(out[0]["test_scores"])
            refit_metric = self.refit
        parameters = [space.to_parameters(trial.config) for trial in trials]
        more = {"trial": [trial.number for trial in trials]}
        with warnings.catch_warnings():
            if len(made) < len(out):  # else scikit-learn warns of the scores of folds that were saved
                warnings.filterwarnings("ignore", "One or more of the (test|train) scores are non-finite", UserWarning)
            results = self._format_results(parameters, self.n_splits_, out, more)
        self._estimate = None
        if self.refit or not self.multimetric_:
            self.best_index_ = self._select_best_index(self.refit, refit_metric, results)
            _refuse_dropped(trials[self.best_index_], self.best_index_, by_trial[self.best_index_], self.n_splits_)
            if not callable(self.refit):
                self.best_score_ = results[f"mean_test_{refit_metric}"][self.best_index_]
            self.best_params_ = results["params"][self.best_index_]
        self.scorer_ = getattr(scorers, "_scorers", scorers)
        self.cv_results_ = results

    def _refit(self, X: Any, y: Any, fit_params: Mapping[str, Any], tasks: Tasks) -> None:
        """Fit the best configuration on all rows."""
        self.best_estimator_ = clone(self.estimator).set_params(**clone(self.best_params_, safe=False))
        with tasks.refitting(self.best_estimator_):
            began = time.time()
            if y is None:
                self.best_estimator_.fit(X, **fit_params)
            else:
                self.best_estimator_.fit(X, y, **fit_params)
            self.refit_time_ = time.time() - began
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_

    def _estimated(self) -> Score | str:
        """The estimate, or what is missing for one."""
        if isinstance(self._scored, str):
            return self._scored
        if not hasattr(self, "best_index_"):
            return "no configuration was selected"
        winner = int(self.cv_results_["trial"][self.best_index_])
        try:
            return estimate_of(
                self._scored, self.study_, winner, refitted=self.refit is not False, error_score=self.error_score
            )
        except (RequestError, MetricError) as exc:
            return str(exc)


def _splits_of(
    search: Any, X: Any, y: Any, split_params: Mapping[str, Any]
) -> tuple[list[tuple[Any, Any]], Sequence[Any]]:
    """The training and test rows of each fold, the same for all trials, and the pairs that a list as ``cv`` holds."""
    cv = check_cv(search.cv, y, classifier=is_classifier(search.estimator))
    number = cv.get_n_splits(X, y, **split_params)
    splits = list(cv.split(X, y, **split_params))
    if len(splits) != number or not splits:
        raise ValueError(f"cv gives {len(splits)} splits where it says {number}; at least one is needed")
    return splits, cv.cv if isinstance(cv, _CVIterableWrapper) else ()


def _refuse_dropping(rule: Any, n_splits: int, objectives: Sequence[str]) -> None:
    if rule != NEVER and n_splits < 2:
        raise RequestError(
            f"drop_folds = {shown(rule)}, but cv gives one split, so that a candidate is one fit and none can be "
            "saved; ask for more, as by cv=5, or leave it out"
        )
    if rule != NEVER and len(objectives) > 1:
        raise RequestError(
            f"drop_folds = {shown(rule)} needs one objective, and of {', '.join(objectives)} none is named by refit; "
            f"give refit='{objectives[0]}', or leave drop_folds out"
        )


def _refuse_dropped(trial: Trial, index: Any, folds: Sequence[Any], n_splits: int) -> None:
    """A function given as ``refit`` may choose any candidate; one that was dropped never ranks as a whole one."""
    if trial.state is TrialState.STOPPED:
        raise RequestError(
            f"refit chose candidate {index}, which was dropped after {len(folds)} of {n_splits} folds; let it choose "
            "among those whose mean_test_score is a number"
        )


def _indices(rows: Any, n_rows: int) -> np.ndarray:
    """Rows as indices from 0 to N - 1, from a mask or from indices, those below 0 being counted from the end."""
    given = np.asarray(rows)
    if given.dtype == bool:
        return np.flatnonzero(given)
    places = given.astype(np.int64)
    return np.where(places < 0, places + n_rows, places)


def _kind_told(study: Study) -> str | None:
    """The kind of row scores that trials of an earlier run were told with."""
    return next((str(trial.rows["kind"]) for trial in study.trials if trial.rows is not None), None)


def _folds_of(trial: Trial, n_splits: int, error_score: Any) -> list[dict[str, Any]]:
    """The folds of a trial; of one that came to no result, as many failures."""
    if "folds" in trial.extra:
        return from_json(trial.extra["folds"])
    scores = {"test_scores": error_score, "train_scores": error_score}
    times = {"fit_time": 0.0, "score_time": 0.0, "n_test_samples": 0}
    return [{"fit_error": trial.error, **scores, **times} for _ in range(n_splits)]


def _in_order(study: Study, space: SearchSpace) -> list[Trial]:
    """The trials that have ended: by number, of a grid in the order of scikit-learn's grids."""
    trials = [trial for trial in study.trials if trial.state.finished]
    settings = study.book.state.settings
    if settings.own_strategy or settings.strategy != GridSearch.name:
        return trials
    points = grid_points(space.space, int(settings.strategy_settings["resolution"]))
    places = {points.key(at): points.row(at) for at in range(min(len(points), len(study.trials)))}
    return sorted(trials, key=lambda trial: (places.get(space.space.key(trial.config), len(points)), trial.number))
