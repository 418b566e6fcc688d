"""plan.toml: what a person asks for, with every default filled in. `docs/plan.md` is made from these classes."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from holdfast.address import without_password
from holdfast.errors import RequestError
from holdfast.meter.budget import Limits, disk_bytes
from holdfast.records import Value

NOT_ON_WINDOWS = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))]
)
"""Names that Windows keeps for devices, whatever the case and the ending."""


def _a_size(value: float | str | None, info: ValidationInfo) -> float | str | None:
    if value is not None:
        try:
            disk_bytes(value, str(info.field_name))
        except RequestError as exc:
            raise ValueError(str(exc)) from exc
    return value


Size = Annotated[float | str | None, AfterValidator(_a_size)]
"""Bytes as a person writes them."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class StudyTable(_Table):
    """The study: its name, its seed, and when the test set is opened."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)] = Field(
        description="The study's name and its folder under `runs/`: letters, digits, `.`, `_` and `-`."
    )
    seed: int = Field(0, ge=0, description="Every random draw follows from it: the split, the search, the models.")
    storage: str | None = Field(
        None,
        description="Where the log is kept, such as `sqlite:///all.db` or `postgresql://user@host/base` (its password "
        "comes from PGPASSWORD or ~/.pgpass); by default `runs/NAME/study.db`.",
    )
    unseal: Literal["at-end", "by-hand"] = Field(
        "at-end",
        description="Open the sealed test set once when the choice is made, or only on `holdfast unseal NAME`.",
    )

    checkpoints: str | None = Field(
        None,
        description="Where the checkpoints of trials that pause are kept: a folder, or an address such as "
        "`s3://bucket/path` (with the extra `remote`); by default in the log.",
    )
    checkpoint_quota: Size = Field(
        None,
        description='What they may take there: gigabytes, or a text such as `"500 MB"`. Where it is reached, those of '
        "complete trials go, the worst first; never one that a running or paused trial needs.",
    )

    @field_validator("name")
    @classmethod
    def _a_folder_everywhere(cls, value: str) -> str:
        if value.endswith(".") or value.partition(".")[0].lower() in NOT_ON_WINDOWS:
            raise ValueError("on Windows no folder can have that name, so choose another one")
        return value


class DataTable(_Table):
    """The table: where it comes from, what its columns are, and how its rows are divided."""

    source: str = Field(
        description="`sklearn:NAME`, a path to a .csv, .tsv, .parquet or .arrow file (relative to the plan), or "
        "`module:function` that returns a table."
    )
    target: str | None = Field(
        None, description="The column to predict; needed for files, unless the task is clustering."
    )
    task: Literal["binary", "multiclass", "regression", "clustering"] | None = Field(
        None, description="What is learned; inferred from the target where it is not given."
    )
    split: dict[str, float | int | str | bool] = Field(
        default_factory=lambda: dict[str, float | int | str | bool](train=0.6, validation=0.2, test=0.2),
        description="Shares of the rows, as in `{ train = 0.6, validation = 0.2, test = 0.2 }`, or folds beside a test "
        "share, as in `{ folds = 5, repeats = 3, test = 0.2 }`; `select = 0.1` sets rows apart for the finalists; "
        "`group` and `time` name a column to split by, the latter with a `gap` and, for folds, a `window`; "
        "`stratify = false` switches stratification off; `nested = 5` scores the procedure by a search in every outer "
        "fold; `reshuffle = true` draws validation rows anew for every trial "
        "(see [validation.md](validation.md)).",
    )
    weight: str | None = Field(
        None,
        description="A column of numbers from 0 on that says how much each row counts, in the fits and in every score: "
        "survey weights, exposure, costs of errors (see [validation.md](validation.md#weights)).",
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="Kinds where they should not be inferred: numeric, boolean, categorical, date, text or drop.",
    )
    drop: tuple[str, ...] = Field((), description="Columns to leave out.")
    sensitive: tuple[str, ...] = Field(
        (),
        description="Columns recorded as sensitive: report and card name them and say which of them the model takes; "
        "no score is broken down by them yet.",
    )
    slices: tuple[str, ...] = Field((), description="Columns recorded as slices to report on separately later.")
    strict: bool = Field(
        False,
        description="Refuse a table of which the checks before the first fit warn (see [leakage.md](leakage.md)).",
    )
    accept: tuple[str, ...] = Field(
        (),
        description="Findings of these checks that are known and all right: the name of a check, as in `size`, or with "
        "a column, as in `dates:enrolled`.",
    )

    @field_validator("drop", "sensitive", "slices", "accept", mode="before")
    @classmethod
    def _lists(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value


class ModelTable(_Table):
    """The model: its family, and which fit of the winner ships."""

    family: str = Field(
        description="linear, ridge, lasso, logistic, svm, knn, tree, random-forest, gradient-boosting, kmeans; the "
        "networks mlp, cnn, transformer, softmax, linear-gd (see [models.md](models.md)); or `module:factory`, a "
        "function of the configuration (a dict) that returns any scikit-learn estimator or a `torch.nn.Module`."
    )
    preprocessing: Literal["scaled", "onehot", "ordinal", "pixels", "tokens"] | None = Field(
        None,
        description="Of a factory: how its columns are prepared. `scaled`, unless another is named: numbers at mean 0 "
        "and variance 1, categories as columns of 0 and 1; `onehot`: the same without scaling; `ordinal`: numbers as "
        "they are, categories as codes; `pixels` and `tokens`: as for a cnn and a transformer.",
    )
    image_shape: tuple[int, ...] | None = Field(
        None,
        description="What the columns of every row are together, as in `[3, 32, 32]`: colours, height and width of an "
        "image, the columns in this order. A square image in grey or three colours need not be said.",
    )
    ship: Literal["auto", "scored", "refitted"] = Field(
        "auto",
        description="The model that ships: the very one that was scored (the default with a validation part, whose "
        "estimate is about it), or one refitted on train and validation rows (the only way with folds).",
    )

    max_parameters: float | None = Field(
        None,
        ge=1,
        description="Only models that learn at most so many numbers are tried; for networks, linear models, kmeans and "
        "gradient-boosting, whose size follows from the configuration (see [inspect.md](inspect.md)).",
    )
    max_memory: float | None = Field(
        None,
        ge=1,
        description="Only models whose training takes at most so many bytes are tried: weights, gradients, the "
        "optimiser's state, and the activations of a batch, in float32.",
    )
    max_flops: float | None = Field(
        None, ge=1, description="Only models whose forward pass takes at most so many FLOPs a row are tried."
    )

    @field_validator("image_shape", mode="before")
    @classmethod
    def _list(cls, value: Any) -> Any:
        sides = isinstance(value, list) and len(value) == 3 and all(type(side) is int and side > 0 for side in value)
        if value is not None and not sides and not isinstance(value, tuple):
            raise ValueError("it is [colours, height, width], as in [3, 32, 32]")
        return value if value is None else tuple(value)


class FidelityTable(_Table):
    """How much training a trial may have, for strategies that pause and resume; what is left out is the family's."""

    name: str | None = Field(
        None,
        description="What is counted: `epochs` of a network, `rows` to learn from, `folds`, or a whole-number "
        "hyperparameter that says how large a model grows, such as `max_iter` or `n_estimators` (see "
        "[fidelities.md](fidelities.md)).",
    )
    min: int | None = Field(
        None, ge=1, description="The least training: no rung is lower (see [fidelities.md](fidelities.md))."
    )
    max: int | None = Field(None, ge=1, description="The last rung: a full training.")
    eta: int | None = Field(None, ge=2, description="The factor between rungs; one in eta goes on.")


class SearchTable(_Table):
    """The search: the strategy and how many trials it has."""

    strategy: str = Field("auto", description="`auto` or another one, see [strategies.md](strategies.md).")
    trials: int = Field(50, ge=1, description="How many configurations are tried, enqueued ones included.")
    workers: int = Field(
        1, ge=1, description="Processes that train at once; with one, the same seed gives the same trials."
    )
    deterministic: bool = Field(
        False,
        description="Whether the same seed gives the same trials with several workers, too: a decision then waits for "
        "the results that it has to know (see [replay.md](replay.md)), and no clock decides how networks are trained "
        "(see [stacks.md](stacks.md)).",
    )
    stack: Literal["auto", "off"] | Annotated[int, Field(ge=1)] = Field(
        "auto",
        description="How many networks a process trains as one program: `off` for one trial at a time, a number for so "
        "many trials, or `auto` (see [stacks.md](stacks.md)); what a trial learns does not depend on it.",
    )
    settings: dict[str, Any] = Field(
        default_factory=dict, description="Settings of the strategy, as in `resolution = 3`."
    )
    duplicates: Literal["avoid", "replicate"] = Field(
        "avoid", description="Whether a configuration is tried once, or as often as the strategy proposes it."
    )
    drop_folds: Literal["never", "curtailed", "forgiving", "aggressive"] = Field(
        "never",
        description="The rule by which a trial is dropped before all of its fits are made, where it has several: "
        "`curtailed` is recommended, and the estimate counts what was dropped (see [validation.md](validation.md)).",
    )
    forbid: tuple[str, ...] = Field(
        (), description="Combinations that are never tried, as expressions (see [spaces.md](spaces.md))."
    )
    portfolio: bool = Field(
        False,
        description="Try the family's default configuration and a few complementary ones from practice first, a fifth "
        "of the trials at most; not with grid, manual or a fidelity.",
    )
    stop: Literal["auto"] | None = Field(
        None,
        description="`auto` ends the search when what is left to gain is less than the noise of the best score; "
        "`trials` then is the most (see [recommended.md](recommended.md)).",
    )
    stop_gain: float | None = Field(
        None,
        ge=0,
        description="End the search when more trials are expected to gain less, in the metric's unit (see "
        "[strategies.md](strategies.md)).",
    )
    fidelity: FidelityTable | None = Field(
        None,
        description="By what trials are paused and resumed; by default as the family can, where the strategy needs it.",
    )
    finalists: int = Field(
        5, ge=1, description="How many of the best are scored again on the select rows, where there are any."
    )
    halt_after: int = Field(5, ge=1, description="So many alike failures in a row end the study with the real error.")

    @field_validator("forbid", mode="before")
    @classmethod
    def _a_list(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value


class MetricTable(_Table):
    """The metric that ranks trials, and what else they have to meet."""

    name: str | None = Field(
        None,
        description="Any scikit-learn scorer, or `module:function` of (y_true, y_pred), where higher is better unless "
        "the function says otherwise (see [validation.md](validation.md#a-metric-of-ones-own)); by default accuracy, "
        "rmse or silhouette.",
    )
    constraints: dict[str, Any] = Field(
        default_factory=dict,
        description='What a trial has to meet to be the winner, as in `{ recall = ">= 0.8", fit_seconds = "<= 2" }`: '
        "other metrics on the same rows, in their natural sense; `fit_seconds`, of one fit; `model_bytes`, on disk "
        "(see [spaces.md](spaces.md)).",
    )


class PriceTable(_Table):
    """What work costs, so that it can be priced before it runs and stopped at the budget."""

    usd_per_run: float | None = Field(None, ge=0, description="US dollars for each trial.")
    usd_per_hour: float | None = Field(None, ge=0, description="US dollars for an hour of the machine.")
    watts: float | None = Field(
        None, gt=0, description="The power of the whole machine while it works; by default codecarbon meters it."
    )
    kg_co2e_per_kwh: float | None = Field(None, ge=0, description="The carbon intensity of the electricity.")
    country: str | None = Field(
        None,
        description="The country whose mean carbon intensity counts, as an ISO code such as `DEU` or `DE`; without it "
        "and without a number, the world's average counts, and is far from certain.",
    )

    @model_validator(mode="after")
    def _one_intensity(self) -> PriceTable:
        if self.country is not None and self.kg_co2e_per_kwh is not None:
            raise ValueError("it has both 'country' and 'kg_co2e_per_kwh'; keep one of them")
        return self


class BudgetTable(_Table):
    """What the study may cost in all. At a limit the search ends, with room for the final fit and a whole result."""

    trials: int | None = Field(None, ge=1, description="At most so many trials, whatever `[search] trials` says.")
    hours: float | None = Field(None, gt=0, description="Hours of work, final fit and estimate included.")
    usd: float | None = Field(None, gt=0, description="US dollars, by the prices in `[price]`.")
    kwh: float | None = Field(None, gt=0, description="Kilowatt-hours.")
    kg_co2e: float | None = Field(None, gt=0, description="Kilograms of CO2 equivalents.")
    disk: Size = Field(None, description='Room for the folder of the run: gigabytes, or a text such as `"500 MB"`.')

    def limits(self) -> Limits:
        """The limits, as records."""
        size = None if self.disk is None else disk_bytes(self.disk)
        return Limits(self.trials, self.hours, self.usd, self.kwh, self.kg_co2e, size)


class TrialTable(_Table):
    """A configuration to try first, as `[[trials]]`."""

    config: dict[str, Value] = Field(description="Values; those left out take their defaults.")
    why: str = Field("", description="The reason, for the record.")


class Plan(_Table):
    """All of plan.toml."""

    study: StudyTable = Field(description="The study.")
    data: DataTable = Field(description="The table.")
    model: ModelTable = Field(description="The model.")
    space: dict[str, Any] = Field(
        default_factory=dict,
        description="Overrides of the family's default space: a table with a type replaces or adds a hyperparameter, "
        "a table without a type changes its bounds, a plain value fixes it. The types are float, int, "
        "categorical and derived (see [spaces.md](spaces.md)).",
    )
    search: SearchTable = Field(default_factory=SearchTable, description="The search.")
    metric: MetricTable = Field(default_factory=MetricTable, description="The metric.")
    price: PriceTable = Field(default_factory=PriceTable, description="The prices.")
    budget: BudgetTable = Field(default_factory=BudgetTable, description="The budget.")
    trials: tuple[TrialTable, ...] = Field((), description="Configurations to try first.")

    @field_validator("trials", mode="before")
    @classmethod
    def _list(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @property
    def most_trials(self) -> int:
        """How many trials the search and the budget allow."""
        return min(self.search.trials, self.budget.trials or self.search.trials)

    def to_json(self) -> dict[str, Any]:
        """Every key with its value, as JSON values; without the password of a storage, which goes on no record."""
        table: dict[str, Any] = self.model_dump(mode="json")
        if self.study.storage is not None:
            table["study"]["storage"] = without_password(self.study.storage)
        return table
