"""Reads /metrics as Prometheus does."""

from collections.abc import Callable
from typing import Any

from prometheus_client.parser import text_string_to_metric_families


def numbers_in(text: str) -> dict[str, float]:
    """The numbers by name and the values of their labels, with blanks between."""
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scraped(api: Any) -> dict[str, float]:
    """The numbers of /metrics."""
    return numbers_in(api.get("/metrics").content.decode())


def growth(api: Any, work: Callable[[], object]) -> dict[str, float]:
    """By how much what is counted has grown by some work: counters live as long as the process does."""
    before = _counters(api)
    work()
    after = _counters(api)
    counted = {name: number - before.get(name, 0) for name, number in after.items()}
    return {name: number for name, number in counted.items() if number}


def _counters(api: Any) -> dict[str, float]:
    """The numbers that only grow; to read the others, mostly of histograms, would take longer than the work."""
    lines = api.get("/metrics").content.decode().splitlines(keepends=True)
    return numbers_in("".join(line for line in lines if "_total" in line and not line.startswith("#")))
