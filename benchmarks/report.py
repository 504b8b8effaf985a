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
    entries = [_entry(workload, result, ours.get(result.case)) for result in results]
    return {
        "workload": workload.name,
        "title": workload.title,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine.describe(),
        "versions": machine.versions(),
        "noisy": bool(noise),
        "noise": list(noise),
        "contestants": entries,
        "matmul_gflops": _matmul_gflops(results),
        "means": [mean for title, cases in workload.means.items() for mean in _means(title, cases, entries)],
        "not_measured": dict(left_out),
    }


def _entry(workload: Workload, result: Result, ours: Sequence[float] | None) -> dict[str, Any]:
    summary = timing.summarize(result.seconds)
    flops, length = workload.flops.get(result.case), workload.lengths.get(result.case)
    # One machine, so one rate: that of the framework which multiplies fastest.
    rates = [max(of_round) for of_round in zip(*result.rates.values(), strict=True)]
    temp_bytes = result.costs.temp_bytes
    return {
        "name": result.name,
        "case": result.case,
        "median_ms": summary.median * 1e3,
        "iqr_ms": summary.iqr * 1e3,
        "spread": summary.spread,
        "ratio": None if ours is None else timing.ratio(ours, result.seconds),
        "matmul_share": timing.share(flops, result.seconds, rates) if flops and rates else None,
        **result.costs._asdict(),
        "bytes_a_token": temp_bytes / length if length and temp_bytes is not None else None,
        "rounds": len(result.seconds),
        "steps_a_round": result.steps,
    }


def _matmul_gflops(results: Sequence[Result]) -> dict[str, float]:
    """The rate of a large product, by framework: the median over all rounds of all cases."""
    rates: dict[str, list[float]] = {}
    for of_case in {result.case: result.rates for result in results}.values():
        for framework, of_rounds in of_case.items():
            rates.setdefault(framework, []).extend(of_rounds)
    return {framework: statistics.median(of_all) / 1e9 for framework, of_all in rates.items()}


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
    if rates := document["matmul_gflops"]:
        each = ", ".join(f"{framework} {rate:.0f} GFLOP/s" for framework, rate in rates.items())
        parts.append(
            f"Of the machine: the products of matrices that a step needs, over its time and over the higher rate of a "
            f"large product ({each}). Nothing counts that is computed twice or hidden by a mask."
        )
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
    columns = {
        "step, ms": lambda entry: _number(entry["median_ms"], ".3g"),
        "spread": lambda entry: _number(entry["spread"], ".0%"),
        "time: ours / it": lambda entry: _number(entry["ratio"], ".2f"),
        "of the machine": lambda entry: _number(entry["matmul_share"], ".0%"),
        "memory, MB": lambda entry: _number(entry["temp_bytes"], ".3g", 1e-6),
        "memory: ours / it": lambda entry: _number(
            _over(ours, entry, "temp_bytes") if entry["name"] in comparable else None, ".2f"
        ),
        "kB a token": lambda entry: _number(entry["bytes_a_token"], ".3g", 1e-3),
        "trace + lower, s": lambda entry: _number(entry["trace_lower_s"], ".3f"),
        "tracing: ours / it": lambda entry: _number(_over(ours, entry, "trace_lower_s"), ".2f"),
        "compile, s": lambda entry: _number(entry["compile_s"], ".2f"),
    }
    columns = {title: cell for title, cell in columns.items() if any(map(cell, entries))}
    lines = [f"| {case} | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    lines += [f"| {entry['name']} | {' | '.join(cell(entry) for cell in columns.values())} |" for entry in entries]
    absent = {name: lacks for name, lacks in left_out.items() if name not in {entry["name"] for entry in entries}}
    lines += [f"| {name} | not measured: {lacks} |{' |' * (len(columns) - 1)}" for name, lacks in absent.items()]
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
