"""What the trials teach of the hyperparameters: which matter, alone and together, and what made the winner good."""

from __future__ import annotations

from collections.abc import Sequence

from holdfast.analyse.analysis import Analysis, Importances
from holdfast.analyse.interactions import Interaction
from holdfast.analyse.surface import Dependence, PredictedOptimum
from holdfast.errors import RequestError
from holdfast.facts.blocks import Block, Gallery, Paragraph, Section, Table
from holdfast.facts.log import metric_of, winner_of
from holdfast.facts.numbers import count, listed, number, shown
from holdfast.records import Config
from holdfast.report.ablation_figure import ablation_figure, ablation_table
from holdfast.report.charts import label
from holdfast.report.importance_figure import importance_figure, interactions_figure
from holdfast.report.interaction_figures import interaction_figures
from holdfast.study.corrected import went_by_scores
from holdfast.study.state import StudyState
from holdfast.study.understanding import analysis_of

MOST_DEPENDENCES = 40
"""So many partial dependences are drawn."""

MOST_MOVED = 4
BY_A_MODEL = (
    "All of this is by models of the trials, computed from the log: what they expect, and how sure they are of it. No "
    "number here is a measured score."
)


def understanding_section(state: StudyState) -> Section:
    """Importance, interactions, ablation and the predicted optimum; in a sentence, why there are none."""
    title = "What mattered"
    if not state.trials:
        return Section(title, [])
    try:
        analysis = analysis_of(state, winner=winner_of(state))
        found, pairs = analysis.importance(), analysis.interactions()
    except RequestError as exc:
        return Section(title, [Paragraph(_sentence(exc))])
    blocks: list[Block] = [Paragraph(BY_A_MODEL)]
    if len(state.settings.directions) > 1:
        blocks.append(Paragraph(f"This is about the first objective, {label(state.first_metric)}."))
    return Section(title, [*blocks, *_importance(found, pairs, state), *_winner(analysis, state)])


def dependences(state: StudyState) -> dict[str, Dependence]:
    """The partial dependence of each hyperparameter that varies, by name; none where nothing can be said of them."""
    try:
        analysis = analysis_of(state, winner=winner_of(state))
        space = analysis.trials.space
        names = [name for name in space.names if space[name].cells != 1][:MOST_DEPENDENCES]
        return {name: analysis.partial_dependence(name) for name in names}
    except RequestError:  # the section on what mattered says why
        return {}


def optimum_sentence(found: PredictedOptimum) -> str:
    """What the model expects of the best configuration, against the winner."""
    range_ = f"{number(found.low)} to {number(found.high)}"
    expects = f"The model expects {number(found.metric)} ({range_}) of the best configuration that it knows of"
    if found.sure:
        more = (
            f"{number(found.gain)} ({number(found.gain_low)} to {number(found.gain_high)}) better than it expects of "
            f"the winner, trial {found.trial}: it may be worth a trial"
        )
    else:
        more = f"and is not sure that this is better than what it expects of the winner, trial {found.trial}"
    moved = [label(name) for name in found.moved[:MOST_MOVED]]
    others = len(found.moved) - len(moved)
    if not moved:
        return f"{expects}, {more}. Both are the same to within a twentieth of each range."
    named = f"{', '.join(moved)} and {others} more" if others else listed(moved)
    return f"{expects}, {more}. They differ in {named}."


def _importance(found: Importances, pairs: Sequence[Interaction], state: StudyState) -> list[Block]:
    blocks: list[Block] = [importance_figure(found, adaptive=went_by_scores(state))]
    if any(pair.share.sure for pair in pairs):
        blocks.append(interactions_figure(pairs))
    elif pairs:
        blocks.append(Paragraph(f"Of {count(len(pairs), 'pair')} of hyperparameters none is sure to act together."))
    if maps := interaction_figures(pairs, metric_of(state)):
        blocks.append(Gallery(maps))
    return blocks


def _winner(analysis: Analysis, state: StudyState) -> list[Block]:
    """What the winner owes to its differences from the default, and what may be better still."""
    if analysis.winner is None or analysis.target is None:
        return []
    blocks: list[Block] = []
    try:
        found = analysis.ablation()
        blocks += [ablation_figure(found, metric_of(state)), ablation_table(found)]
    except RequestError as exc:
        blocks.append(Paragraph(_sentence(exc)))
    try:
        optimum = analysis.predicted_optimum()
        blocks += [Paragraph(optimum_sentence(optimum)), _optimum_table(optimum, analysis.target)]
    except RequestError as exc:
        blocks.append(Paragraph(_sentence(exc)))
    return blocks


def _optimum_table(found: PredictedOptimum, winner: Config) -> Table:
    names = list(dict.fromkeys([*found.config, *winner]))
    rows = [
        [label(name), *(shown(config[name]) if name in config else "not active" for config in (found.config, winner))]
        for name in names
    ]
    header = ["hyperparameter", "predicted optimum", "winner"]
    return Table(header, rows, "Where the model expects the best configuration", frozenset({1, 2}))


def _sentence(exc: RequestError) -> str:
    text = str(exc)
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."
