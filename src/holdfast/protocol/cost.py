"""The prices of a plan, and whether its budget can be held at all."""

from __future__ import annotations

from holdfast.errors import MissingExtraError, PlanError
from holdfast.meter import energy
from holdfast.meter.machine import machine_words
from holdfast.meter.price import Price
from holdfast.protocol.plan import Plan
from holdfast.protocol.read import PlanFile


def price_of(plan: Plan) -> Price:
    """The prices in a plan, with the carbon intensity of its country, or of the world.

    Raises:
        RequestError: if there is no such country.
        MissingExtraError: if a country is named and codecarbon, which knows its intensity, is not installed.
    """
    asked = plan.price
    if asked.kg_co2e_per_kwh is not None:
        intensity, source, uncertainty = asked.kg_co2e_per_kwh, "the plan", 0.0
    elif asked.country is not None:
        intensity, source = energy.carbon_intensity(asked.country)
        uncertainty = energy.COUNTRY_UNCERTAINTY
    else:
        intensity, source = energy.WORLD_KG_PER_KWH, energy.WORLD_SOURCE
        uncertainty = energy.WORLD_UNCERTAINTY
    return Price(
        usd_per_run=asked.usd_per_run,
        usd_per_hour=asked.usd_per_hour,
        watts=asked.watts,
        kg_co2e_per_kwh=intensity,
        carbon_source=source,
        carbon_uncertainty=uncertainty,
        workers=plan.search.workers,
        machine=machine_words(),
    )


def check_budget(file: PlanFile, price: Price) -> None:
    """Refuse a budget that nothing could hold, or that one trial would break by its price alone.

    Raises:
        PlanError: naming the key and what would be right.
    """
    budget = file.plan.budget
    with file.at("budget", "usd"):
        if budget.usd is not None and not price.knows_money:
            raise PlanError(
                f"[budget] has usd = {budget.usd:g}, but nothing says what work costs; add usd_per_hour or usd_per_run "
                "to [price]"
            )
        if budget.usd is not None and price.usd_per_run is not None and price.usd_per_run > budget.usd:
            raise PlanError(
                f"[budget] has usd = {budget.usd:g}, which is too little for one trial: it costs "
                f"{price.usd_per_run:,g} USD by [price] usd_per_run"
            )
    for key in ("kwh", "kg_co2e"):
        with file.at("budget", key):
            if getattr(budget, key) is not None and price.watts is None and not energy.INSTALLED:
                raise MissingExtraError(
                    f"[budget] has {key} = {getattr(budget, key):g}, but nothing meters electricity here; pip install "
                    "'holdfast[energy]', or say the machine's watts in [price]"
                )
