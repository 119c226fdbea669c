"""All cases, by id."""

from benchmarks.faults.case import Case
from benchmarks.faults.programs import (
    capacity,
    collections,
    healthy_digits,
    healthy_images,
    healthy_numbers,
    healthy_sequences,
    healthy_steps,
    healthy_tables,
    objective,
    optimization,
    posts,
    rows,
    signal,
    wiring,
)

CONTROLS = (healthy_digits, healthy_tables, healthy_numbers, healthy_images, healthy_sequences, healthy_steps)
FAULTS = (posts, collections, optimization, signal, capacity, objective, rows, wiring)


def by_id() -> dict[str, Case]:
    """Every case, faults first."""
    return {case.id: case for family in (*FAULTS, *CONTROLS) for case in family.CASES}
