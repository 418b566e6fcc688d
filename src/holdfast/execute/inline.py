"""Run the job here, one call after the other."""

from __future__ import annotations

import time
from dataclasses import dataclass

from holdfast.execute.base import Driver, Nothing
from holdfast.execute.call import call_job
from holdfast.records import Job, Report, Verdict

_PAUSE = 0.05
"""Seconds before a driver that has nothing to give is asked again."""


@dataclass(frozen=True, slots=True)
class Inline:
    """An executor that calls the job in this process and thread."""

    @property
    def slots(self) -> int:
        """One call at a time."""
        return 1

    def run(self, job: Job, driver: Driver) -> None:
        """Call the job for what the driver gives, until it is done; whatever the driver raises ends the run."""
        while (given := driver.next()) is not Nothing.DONE:
            if given is Nothing.WAIT:
                time.sleep(_PAUSE)
                continue
            reporter = _Reporter(driver)
            try:
                outcomes = call_job(job, given, reporter)
            except _DriverFailedError:
                outcomes = []
            if reporter.failure is not None:
                raise reporter.failure
            for outcome in outcomes:
                driver.finish(outcome)


class _DriverFailedError(BaseException):
    """Passes through a job, which takes an `Exception` for the objective's own."""


class _Reporter:
    """Hands reports to the driver; what the driver raises must end the run, and is no failure of the trial."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.failure: BaseException | None = None

    def __call__(self, report: Report) -> Verdict:
        try:
            return self.driver.report(report)
        except BaseException as exc:
            self.failure = exc
            raise _DriverFailedError from exc
