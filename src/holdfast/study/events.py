"""Every kind of event that a study's log may hold, with what it says. `docs/events.md` is made from this table."""

from __future__ import annotations

KINDS: dict[str, str] = {
    "study.created": (
        "A study begins: its `name`, `space` (pairs of a name and a domain, or null where it is found as it is used), "
        "`directions` (pairs of a metric and its direction), `strategy` and `strategy_settings`, `seed`, `fidelity`, "
        "`constraints` (pairs of a metric and its bound; none if absent), `duplicates` (avoid if absent), "
        "`drop_folds` (never if absent), whether the strategy is a person's own code (`own_strategy`; if absent, it is "
        "one that is built in, if there is one of its name), and the version of `holdfast` that wrote it. A pair "
        "without a name holds what the space forbids."
    ),
    "space.amended": (
        "Another `space` (pairs of a name and a domain) is searched from here on, and `why`; earlier trials stand at "
        "`values`, or at the defaults, in what they did not have."
    ),
    "study.learned": (
        "What an earlier study found, for strategies that learn from it: its `name`, the `head` of its log (length and "
        "hash), its first `metric` and `direction`, and its `trials` (pairs of a config and a value)."
    ),
    "space.exhausted": "The search ended because nothing was left to try after so many `trials`: a sentence (`text`).",
    "budget.set": "How many `trials` the study may have in all, or null for no limit.",
    "strategy.chosen": "What the strategy does from here on and why, as `text`; written when the words change.",
    "run.began": (
        "A process begins to work on the study; the time from here to the last event before the next such one, what a "
        "person enqueued or amended left aside, counts as spent."
    ),
    "price.set": (
        "What work costs, from the plan and the machine: `usd_per_run`, `usd_per_hour`, `watts`, `kg_co2e_per_kwh` "
        "(each null where nobody knows), where the last one comes from (`carbon_source`), its `carbon_uncertainty`, "
        "the `workers` that share the machine, and the `machine` in words."
    ),
    "limits.set": "The budget: `trials`, `hours`, `usd`, `kwh`, `kg_co2e` and `disk_bytes`, each null for no limit.",
    "forecast.made": (
        "What the study was expected to take, from the trials that were `timed` (seconds each): `trials`, `fits`, and "
        "as figures (value, method, coverage, uncertainty) `hours`, `usd`, `kwh`, `kg_co2e`, `disk_bytes`."
    ),
    "phase.metered": (
        "What a `phase` beside the trials used (nested: searches in outer folds; choose: comparing and correcting; "
        "fit: the final fit; test: opening the test rows), as `usage`: figures by name."
    ),
    "limits.reached": (
        "The search ended because a part of the budget was spent: its name (`limit`), what was `allowed` and `spent`, "
        "and a sentence (`text`)."
    ),
    "config.enqueued": "A person asked for this `config`, and `why`.",
    "trial.asked": (
        "A new `trial` starts: its number, `config` (empty where the space is found as it is used; a `proposal` then "
        "says what to draw), `seed`, `reason`, the log index the strategy had `seen`, `until_step`, and "
        "which `enqueued` request it answers. A clone has a `parent`, from whose `checkpoint` (a blob) at `start_step` "
        "it begins, and the trial that it `replaces`; null for any other."
    ),
    "trial.resumed": (
        "A paused `trial` goes on to `until_step`, from the checkpoint at `start_step`; what it reported after that "
        "step stands until it reports again. The `reason`, and the log index the strategy had `seen`."
    ),
    "trial.restarted": (
        "A `trial` that nobody runs any more runs again from the checkpoint at `start_step`, and `why`; what it "
        "reported after that step stands until it reports again. Where its checkpoint was missing or edited, which is "
        "why, it begins at step 0. One that had reported and saved at its end is not restarted, but paused or told so."
    ),
    "trial.drawn": "The `values` that a `trial` drew from a space found as it is used: name, domain, value.",
    "trial.reported": "The `metrics` of a running `trial` at a `step`.",
    "trial.judged": (
        "The `verdict` on a `trial` after its last report, where it is not to continue; NaN and infinity are answered "
        "with stop."
    ),
    "trial.saved": (
        "The `checkpoint` (a blob, or where they are kept elsewhere its `sha256` and `bytes`) of a running `trial` at "
        "a `step`. Here and in other events, `drops` names the checkpoints that nobody needs any more from then on; "
        "they are deleted."
    ),
    "trial.unsaved": (
        "The checkpoint of a running `trial` at a `step` was not kept: its `bytes`, and why (`text`). The one before "
        "it, if there is one, stands."
    ),
    "checkpoints.set": (
        "Where checkpoints are kept from here on: a folder or an address (`url`), the study's own `folder` there, and "
        "how many bytes they may take (`quota`, null for no limit). Without this event they are blobs of the log."
    ),
    "checkpoints.dropped": (
        "No trial will be trained any more, so all checkpoints were deleted (`drops`, their hashes); or, where "
        "`trials` are named, theirs were, for others to have room within the quota."
    ),
    "trial.paused": (
        "A `trial` paused at its rung, `until_step`, and can be resumed, or the budget ended it on its way from there "
        "to the next one; `metrics`, row scores (`rows`, as blobs), "
        "`seconds` and `cpu_seconds` of this leg, its `usage` (figures by name), and what the job wanted kept "
        "(`extra`)."
    ),
    "trial.interrupted": (
        "A person stopped the study while the `trial` ran, or, by the `cause` preempted, the machine asked its process "
        "to end; it runs again when the study goes on."
    ),
    "trial.told": (
        "A `trial` ended: `state`, `metrics`, row scores (`rows`, as blobs), `error` (a traceback) and its `cause`, "
        "`seconds` and `cpu_seconds` of its last leg, its `usage` (figures by name), and what the job wanted kept "
        "(`extra`); its last step (`until_step`) where it was told to pause and went on. With a plan that is, where "
        "known: the metric on training rows (`train`) and of a model that learned nothing (`reference`), the `epochs` "
        "that were used, remarks (`notes`), and the `curve` of the losses on training and validation rows (`steps`, "
        "`train`, `validation`, null where there is none; `kept` is the step that predicts)."
    ),
    "trial.late": (
        "What came of a `trial` from somebody who had been so slow that it had been given to another one; it does not "
        "count. The old `token` (how often the trial had been restarted when it was given to the slow one), and, as in "
        "`trial.told`, `state`, `metrics`, `rows`, `error`, `cause`, `seconds`, `cpu_seconds`, `usage`, `extra`."
    ),
    "stack.chosen": (
        "How a worker trains networks of a shape: the `path` (written, vmap, compiled, plain), the `size` of a stack, "
        "why (`text`), the microseconds of a network's step by each path that was rehearsed (`probe`), the seconds of "
        "compiling (`compile_seconds`, null where nothing was), and why torch cannot stack them (`failure`, or null)."
    ),
    "start.skipped": "A configuration of the family's portfolio that the space does not have: a sentence (`text`).",
    "stop.set": (
        "What ends the search before its budget: more trials are expected to gain less than `gain`, or, with the "
        "`rule` auto, what is left to gain is less than the noise of the best score; each null or absent for never."
    ),
    "gain.reached": (
        "The search ended after so many `trials` because more were expected to gain less than `stop`: the expected "
        "`gain` as a score, and a sentence (`text`)."
    ),
    "noise.reached": (
        "The search was at its end after so many `trials`, by the rule auto: when so many results had been `told` (two "
        "readings), any configuration would gain no more over `trial` than the `gain`, a score, which is less than the "
        "`noise` of that trial's own, by its `source` (rows, folds, replicates, or scores for what the surrogate "
        "learned); and a sentence (`text`)."
    ),
    "study.halted": "The study ended itself, and `why`.",
    "log.upgraded": (
        "The stored form of the log was brought `from` one format `to` the next, in one transaction with this event, "
        "by that version of `holdfast`, and what changed (`text`)."
    ),
    "event.lost": (
        "An event that could not be saved when the file of the log was damaged; it stands in its place, so that those "
        "behind it keep theirs. It says nothing."
    ),
    "log.salvaged": (
        "Everything before was saved from a damaged file: its name (`source`) and `sha256`, how many `events`, the "
        "`head` (length and hash) up to which this log is the damaged one, hash by hash, and the `last` event of that "
        "one (length and hash). The pieces that are `lost` (first and last index), those among them that can be read "
        "but are not what was written (`altered`), those that were saved but have no hash before them that would "
        "vouch for them (`unchecked`), and the `missing` blobs that saved events name."
    ),
    "plan.resolved": (
        "The `plan` with every default filled in, the `path` it was read from, and the `sha256` of its JSON. The last "
        "such event counts: `holdfast amend` writes another one, in one piece with `space.amended`."
    ),
    "code.recorded": "The `git` commit and dirty diff of the working folder, and the `environment`'s versions.",
    "data.split": (
        "The `source` (description, sha256), the `schema`, and for each of the `roles` its rows, fingerprint, file "
        "and sha256; the number of `folds`, and `notes` in words. By `row_hashes` (blobs, 16 bytes a row) looks are "
        "counted in the store: at the rows that trials are `judged` on, those only `learned` from, and `select`; "
        "`test_hashes` are those of test rows. The former are not in logs from before looks were counted."
    ),
    "leakage.checked": (
        "What the checks before the first fit found in the divided table: the names of the `checks`, and "
        "`findings`, each with its `name` and `severity` (warning or note), a sentence (`text`) and its `remedy`, "
        "the `columns`, the first `rows` (counted from 1 in the table as it was given) and their `count`, and "
        "whether the plan has `accepted` it; `limits` are sentences on what was looked at in part, `strict` and "
        "`accept` are those of the plan."
    ),
    "choice.made": (
        "The winning `trial`, its `config`, the `rule` it was chosen by, the `metric` and its `direction`, and the "
        "`naive` Score; with select rows also the `finalists`, best by validation first, each a `trial` with its "
        "`value` there (not in logs from before there were any). The `looks` by which the choice was made, where they "
        "are counted: the `role`, its `rows` and `fingerprint`, the `configurations` that were compared, a sentence on "
        "each look at some of these rows before (`earlier`), how many configurations those were (`before`), and the "
        "end of the store's `ledger` (length, hash)."
    ),
    "estimate.made": (
        "The estimate corrected for selection as a `score` (or null, and what is `missing`), the `luck` taken off, "
        "the numbers of configurations, and `sentences` that explain it."
    ),
    "procedure.scored": (
        "A search within an outer `fold` (from 0) ended: its winner's `config`, and the `value` of the metric on the "
        "rows of the fold; how many rows were `learned` from and `judged` on, and the end of that search's `log`. Of a "
        "metric of classes or numbers that is no mean over rows also what was `predicted` (a blob), in the rows' order "
        "(not in logs from before outer folds were scored together)."
    ),
    "procedure.estimated": (
        "The `score` of the procedure, from the outer folds (or null, and what is `missing`), and `sentences` that "
        "explain it."
    ),
    "model.fitted": (
        "The model that ships: `kind` (scored or refitted), `text` in words, `rows`, `epochs`, `files` with their "
        "sha256, `seconds`, whether a scored model `reproduced` its row scores, and its `parameters`: a `count` (null "
        "where nobody can say), a sentence (`text`), the `arrays` they lie in (name, shape, count), the `trees` and "
        "the `work` of a row (FLOPs, activations), both null where there is none to count, and "
        "the `formula` of a linear model."
    ),
    "test.withheld": (
        "The test rows stay sealed to this study, since they, or some of them, had been opened before: their "
        "`fingerprint` and number of `rows`, and the `earlier` openings; written when these change, and not in earlier "
        "logs."
    ),
    "test.opened": (
        "The sealed test rows were read: their `fingerprint` and number of `rows`, the how-many-th `opening`, "
        "`earlier` openings of the same or overlapping rows, `why`, the test `score` (null where a metric of one's own "
        "failed; `missing` says how, and is null or absent otherwise), and by name the scores of the metrics that the "
        "plan has constraints on (`constraints`; not in logs from before there were any). The `curve` of the model "
        "that ships, made while the rows were open and used for nothing else: its losses on training (`train`) and "
        "test rows (`test`) after some `steps`, the step that predicts (`kept`), and whether the training that was "
        "watched is the `same` as that of the model; null for models without steps, absent in earlier logs."
    ),
}
