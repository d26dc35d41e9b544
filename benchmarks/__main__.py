"""Runs the benchmarks: ``python -m benchmarks [rows…] [--json PATH] [--quick]``."""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.curves import archive_rows, bulk_rows, curve_rows, memory_rows, value_rows
from benchmarks.harness import FULL, QUICK, TINY, Row, machine
from benchmarks.inprocess import inprocess_rows
from benchmarks.plugin import fixture_rows, plugin_rows, xdist_rows
from benchmarks.traffic import body_rows, connection_rows, get_rows, steady_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from benchmarks.harness import Sizes

GROUPS: dict[str, Callable[[Sizes], Iterator[Row]]] = {
    "get": get_rows,
    "inprocess": inprocess_rows,
    "curves": curve_rows,
    "bulk": bulk_rows,
    "memory": memory_rows,
    "value": value_rows,
    "plugin": plugin_rows,
    "fixture": fixture_rows,
    "connections": connection_rows,
    "bodies": body_rows,
    "archive": archive_rows,
    "steady": steady_rows,
    "xdist": xdist_rows,
}


def measured(group: str, sizes: Sizes) -> Iterator[Row]:
    """Gives the rows of a group; where one breaks off, the others of an hour's run are still worth seeing."""
    try:
        yield from GROUPS[group](sizes)
    except Exception as error:  # noqa: BLE001 - it is shown, and the run ends with status 1
        traceback.print_exc()
        yield Row(group, group, None, met=False, detail=f"broke off: {error!r}")


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Gives the lines of a table that a person can read."""
    cells = [("what", "measured", "spread", "budget", "", "")]
    for row in rows:
        spread = "" if row.spread is None else f"{_number(row.spread[0])} … {_number(row.spread[1])}"
        met = {True: "met", False: "MISSED", None: ""}[row.met]
        value = "-" if row.value is None else f"{_number(row.value)} {row.unit}"
        cells.append((row.what, value, spread, row.budget, met, row.detail))
    widths = [max(len(row[column]) for row in cells) for column in range(5)]
    for cell in cells:
        yield "  ".join([*(text.ljust(width) for text, width in zip(cell, widths, strict=False)), cell[5]]).rstrip()


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints the table, writes the JSON; gives the exit status: 1 where a budget was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="rows", help=f"which: {', '.join(GROUPS)}; all unless given")
    parser.add_argument("--json", type=Path, metavar="PATH", help="where the results are written")
    parser.add_argument("--quick", action="store_true", help="less of everything: about two minutes")
    parser.add_argument("--tiny", action="store_true", help="a smoke run of the harness: its numbers mean nothing")
    chosen = parser.parse_args(arguments)
    unknown = [name for name in chosen.rows if name not in GROUPS]
    if unknown:
        parser.error(f"there are no rows {', '.join(unknown)}; there are {', '.join(GROUPS)}")
    sizes = TINY if chosen.tiny else QUICK if chosen.quick else FULL
    about = machine()
    print("  ".join(f"{name}: {value}" for name, value in about.items()), flush=True)
    rows: list[Row] = []
    began = time.perf_counter()
    for group in chosen.rows or GROUPS:
        rows += measured(group, sizes)
    print("\n".join(table(rows)))
    missed = [row.what for row in rows if row.met is False]
    kept = sum(row.met is True for row in rows)
    print(
        f"{kept} budgets met, {len(missed)} missed, {time.perf_counter() - began:.0f} s, load now {machine()['load']}"
    )
    if chosen.json is not None:
        data = {"machine": about, "sizes": dataclasses.asdict(sizes), "rows": [dataclasses.asdict(row) for row in rows]}
        chosen.json.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
