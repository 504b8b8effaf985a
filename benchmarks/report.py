"""The outcome as JSON, and as a Markdown table made from the same document."""

import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine, timing
from benchmarks.contestants import CONTESTANTS
from benchmarks.runner import Result
from benchmarks.workload import Workload

__all__ = ["document", "markdown", "write"]


def document(
    workload: Workload, results: Sequence[Result], left_out: Mapping[str, str], noise: Sequence[str]
) -> dict[str, Any]:
    """All that a run found out. Times are in the unit of their key's ending; `ratio` is the time of ours over it."""
    ours = {result.case: result.seconds for result in results if result.name == "ours"}
    entries = [_entry(result, ours.get(result.case)) for result in results]
    return {
        "workload": workload.name,
        "title": workload.title,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine.describe(),
        "versions": machine.versions(),
        "noisy": bool(noise),
        "noise": list(noise),
        "contestants": entries,
        "means": [mean for title, cases in workload.means.items() for mean in _means(title, cases, entries)],
        "not_measured": dict(left_out),
    }


def _entry(result: Result, ours: Sequence[float] | None) -> dict[str, Any]:
    summary = timing.summarize(result.seconds)
    return {
        "name": result.name,
        "case": result.case,
        "median_ms": summary.median * 1e3,
        "iqr_ms": summary.iqr * 1e3,
        "spread": summary.spread,
        "ratio": None if ours is None else timing.ratio(ours, result.seconds),
        **result.costs._asdict(),
        "rounds": len(result.seconds),
        "steps_a_round": result.steps,
    }


def _means(title: str, cases: Sequence[str], entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """For each contestant, the geometric mean of the ratios of these cases and the largest of them."""
    means = []
    for name in dict.fromkeys(entry["name"] for entry in entries if entry["name"] != "ours"):
        ratios = {entry["case"]: entry["ratio"] for entry in entries if entry["name"] == name and entry["ratio"]}
        ratios = {case: ratios[case] for case in cases if case in ratios}
        if ratios:
            worst = max(ratios, key=lambda case: ratios[case])
            mean = statistics.geometric_mean(ratios.values())
            means.append({"title": title, "name": name, "mean": mean, "worst": ratios[worst], "worst_case": worst})
    return means


def markdown(document: Mapping[str, Any]) -> str:
    """A table for each case, ready for a README."""
    host, installed = document["machine"], document["versions"]
    packages = ["jax"]
    for entry in document["contestants"]:
        packages += CONTESTANTS[entry["name"]].packages
    shown = ", ".join(f"{name} {installed[name]}" for name in dict.fromkeys(packages) if name in installed)
    parts = [f"**{document['title']}** · {host['cores']} cores, {host['cpu']} · {shown} · {document['date']}"]
    if document["noisy"]:
        parts.append(f"**Noisy, not for publication:** {'; '.join(document['noise'])}.")
    for case in dict.fromkeys(entry["case"] for entry in document["contestants"]):
        entries = [entry for entry in document["contestants"] if entry["case"] == case]
        parts.append(_table(case, entries, document["not_measured"]))
    if document["means"]:
        parts.append(_mean_table(document["means"]))
    parts.append(
        f"`python -m benchmarks {document['workload']}` · step: median of interleaved rounds · spread: interquartile "
        "range over median · ours / it: below 1, ours is better · memory: XLA's temporary memory, for PyTorch the "
        "growth of resident memory over a step"
    )
    return "\n\n".join(parts) + "\n"


def _table(case: str, entries: Sequence[Mapping[str, Any]], left_out: Mapping[str, str]) -> str:
    ours = next((entry for entry in entries if entry["name"] == "ours"), {})
    # XLA's plan and the system's count of resident pages are no measures of the same thing.
    comparable = {name for name, contestant in CONTESTANTS.items() if contestant.framework == "jax"}
    lines = [
        f"| {case} | step, ms | spread | ours / it | memory, MB | ours / it "
        "| trace + lower, s | ours / it | compile, s |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for entry in entries:
        cells = [
            _number(entry["median_ms"], ".3g"),
            _number(entry["spread"], ".0%"),
            _number(entry["ratio"], ".2f"),
            _number(entry["temp_bytes"], ".3g", 1e-6),
            _number(_over(ours, entry, "temp_bytes") if entry["name"] in comparable else None, ".2f"),
            _number(entry["trace_lower_s"], ".3f"),
            _number(_over(ours, entry, "trace_lower_s"), ".2f"),
            _number(entry["compile_s"], ".2f"),
        ]
        lines.append(f"| {entry['name']} | {' | '.join(cells)} |")
    lines += [f"| {name} | not measured: {lacks} | | | | | | | |" for name, lacks in left_out.items()]
    return "\n".join(lines)


def _mean_table(means: Sequence[Mapping[str, Any]]) -> str:
    lines = ["| time of ours / it | | geometric mean | largest | on |", "|---|---|---:|---:|---|"]
    for mean in means:
        cells = (mean["title"], mean["name"], f"{mean['mean']:.2f}", f"{mean['worst']:.2f}", mean["worst_case"])
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _over(ours: Mapping[str, Any], entry: Mapping[str, Any], key: str) -> float | None:
    return ours[key] / entry[key] if ours.get(key) is not None and entry[key] else None


def _number(value: float | None, form: str, unit: float = 1.0) -> str:
    return "" if value is None else format(value * unit, form)


def write(path: Path, text: str) -> None:
    """A whole file or none: it gets its name when it is complete."""
    from backprop_jax.files.atomic_file import atomic_file  # here, for the timing process stays free of jax until then

    with atomic_file(path) as partial:
        partial.write_text(text, encoding="utf-8")
