"""A model as a terminal shows it: two columns, parameters and hyperparameters, and what training takes."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import zip_longest

from holdfast.count.amounts import amount
from holdfast.count.costs import Costs
from holdfast.count.explain import explain, value_text
from holdfast.count.grouped import Group, grouped, shape_text
from holdfast.count.records import UNKNOWN, Hyperparameter, Inspection, bytes_of, total

NARROW, WIDEST = 60, 120
"""The text is laid out for no less and no more columns than these."""

MOST_ROWS = 24
"""Arrays and hyperparameters that are shown; ``--json`` has all."""

RULE = " │ "


def page(inspection: Inspection, costs: Costs | None, width: int | None) -> str:
    """All that is known of a model, in lines of at most ``width`` columns; 80 where None."""
    width = min(max(width or 80, NARROW), WIDEST)
    left = (width - len(RULE) + 8) // 2
    right = width - len(RULE) - left
    learned = [*_head(f"parameters {inspection.parameters:,}", "learned from data", left), *_arrays(inspection, left)]
    chosen = [
        *_head(f"hyperparameters {len(inspection.hyperparameters):,}", "chosen, before training", right),
        *_choices(inspection, right),
    ]
    columns = [f"{a:<{left}}{RULE}{b}".rstrip() for a, b in zip_longest(learned, chosen, fillvalue="")]
    columns[2] = columns[2].replace(RULE, "─┼─")
    parts = [
        f"{inspection.target}, {inspection.kind}",
        "",
        *columns,
        "",
        *_labelled(_facts(inspection, costs), width),
        "",
        *textwrap.wrap(explain(inspection), width),
    ]
    return "\n".join(parts)


def _head(title: str, what: str, width: int) -> list[str]:
    return [title[:width], what[:width], "─" * width]


def _arrays(inspection: Inspection, width: int) -> list[str]:
    """A line, or two, for each group of arrays; and what is stored beside them."""
    rows: list[str] = []
    for group in grouped(inspection.layers, MOST_ROWS):
        rows += _array(group, width)
    rows += ["─" * width, _spread("in all", f"{inspection.parameters:,}", width)]
    frozen = inspection.parameters - inspection.trainable
    if frozen and not any(layer.kind == "row" for layer in inspection.layers):
        rows.append(_spread("of these frozen", f"{frozen:,}", width))
    if inspection.trees is not None:
        trees = inspection.trees
        rows.append(_spread(f"in {trees.trees:,} trees, splits", f"{trees.splits:,}", width))
    if inspection.buffers:
        rows.append(_spread("buffers, not learned", f"{total(inspection.buffers):,}", width))
    return rows


def _array(group: Group, width: int) -> list[str]:
    shape, count = shape_text(group), f"{group.parameters:,}{'' if group.trainable else ' frozen'}"
    one = _spread(f"{group.name}  {shape}".rstrip(), count, width)
    if len(group.name) + len(shape) + len(count) + 4 <= width:
        return [one]
    return [_cut(group.name, width), _spread(f"  {shape}".rstrip(), count, width)]


def _spread(left: str, right: str, width: int) -> str:
    """One text at each end of a line; the left one gives way."""
    room = max(width - len(right) - 1, 1)
    return f"{_cut(left, room):<{room}} {right}"


def _cut(text: str, width: int) -> str:
    """A text that fits, without its middle where it is too long."""
    if len(text) <= width:
        return text
    half = (width - 1) // 2
    return f"{text[: width - 1 - half]}…{text[len(text) - half :] if half else ''}"


def _choices(inspection: Inspection, width: int) -> list[str]:
    """A line for what was chosen, and one for its default, its range and where it is recorded."""
    chosen = inspection.hyperparameters
    if not chosen:
        return textwrap.wrap(inspection.unrecorded, width)
    lines: list[str] = []
    for each in chosen if len(chosen) <= MOST_ROWS else chosen[: MOST_ROWS - 1]:
        lines += _choice(each, width)
    if len(chosen) > MOST_ROWS:
        lines.append(f"{len(chosen) - MOST_ROWS + 1:,} more; --json has all")
    return lines


def _choice(each: Hyperparameter, width: int) -> list[str]:
    said = [each.recorded_in]
    if each.default is not UNKNOWN and each.default != each.value:
        said.insert(0, f"default {value_text(each.default)}")
    head = f"{each.name} = {value_text(each.value)}"
    if each.searched is None and len(head) + len(", ".join(said)) + 2 <= width:
        return [_spread(head, ", ".join(said), width)]
    details = [", ".join(said), *([] if each.searched is None else [f"searched {each.searched}"])]
    wrapped = [
        line for text in details for line in textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="  ")
    ]
    return [*textwrap.wrap(head, width, subsequent_indent="  "), *wrapped]


def _labelled(rows: Sequence[tuple[str, str]], width: int) -> list[str]:
    label = max(len(name) for name, _ in rows) + 2
    lines: list[str] = []
    for name, text in rows:
        lines += textwrap.wrap(
            text, width, initial_indent=name.ljust(label), subsequent_indent=" " * label, break_on_hyphens=False
        )
    return lines


def _facts(inspection: Inspection, costs: Costs | None) -> list[tuple[str, str]]:
    sizes = ", ".join(f"{amount(size)}B as {dtype}" for dtype, size in bytes_of(inspection.parameters).items())
    stored = inspection.stored_bytes
    rows = [("size", sizes + ("" if stored is None else f"; {amount(stored)}B as stored"))]
    if costs is not None:
        rows += [("training", memory_text(costs)), ("work", flops_text(inspection, costs))]
    elif inspection.work is not None:
        work = inspection.work
        rows.append(
            ("work", f"{amount(work.flops)}FLOPs for one {work.example}; it is solved for, not trained by steps")
        )
    elif inspection.trees is not None:
        rows.append(("training", "trees are grown split by split: no gradients, no optimiser state, no epochs"))
    return [*rows, *[("note", note) for note in inspection.notes]]


def memory_text(costs: Costs) -> str:
    """The memory of training by its parts."""
    kept = "activations unknown" if costs.activations is None else f"activations {amount(costs.activations)}B"
    return (
        f"{amount(costs.memory)}B in {costs.dtype} with {costs.optimizer} at batch {costs.batch:,}: weights "
        f"{amount(costs.weights)}B + gradients {amount(costs.gradients)}B + optimiser state {amount(costs.state)}B + "
        f"{kept}"
    )


def flops_text(inspection: Inspection, costs: Costs) -> str:
    """The arithmetic of a pass, a step and an epoch."""
    if costs.forward is None or costs.step is None or inspection.work is None:
        return "unknown: it follows from the shape of what goes in, which this target does not tell"
    text = (
        f"{amount(costs.forward)}FLOPs forward for one {inspection.work.example}, {amount(costs.step)}FLOPs a training "
        f"step at batch {costs.batch:,} (3 × forward: the backward pass takes two)"
    )
    if costs.epoch is None or costs.rows is None:
        return text
    return f"{text}, {amount(costs.epoch)}FLOPs an epoch of {costs.rows:,} rows"
