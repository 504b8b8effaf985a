"""Try what changes shapes, one run after another, by Optuna."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from backprop_jax.core.whole_number import whole_number
from backprop_jax.tuning.space import Axis, LogUniform, OneOf, require_axes

if TYPE_CHECKING:
    import optuna

__all__ = ["search"]


def search(
    run: Callable[..., float],
    space: Mapping[str, Axis],
    count: int,
    *,
    seed: int = 0,
    study: "optuna.Study | None" = None,
) -> "optuna.Study":
    """Optuna's study of `count` runs, which suggests the next values from what the others reached.

        def run(report, width, learning_rate):
            ...                       # train; after each epoch:
            report(validation_loss)   # ends a run that has no hope, by an exception
            return validation_loss

    `study.best_params`, `study.trials_dataframe()` and Optuna's own plots tell what came of it. Give a study with a
    storage to go on with an earlier search, or to share it among processes; without one it is in memory, with the
    tree-structured Parzen estimator from `seed`, and prunes what is worse than the median of the others at that epoch.
    A run that diverges (FloatingPointError) fails by itself.

    Raises:   ModuleNotFoundError, naming the extra to install, if Optuna is missing; ValueError if there is no axis or
              count is less than 1; TypeError for an axis that is not `OneOf`, `Uniform` or `LogUniform`.
    Source:   Akiba et al., 2019, arXiv:1907.10902.
    """
    try:
        import optuna
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "search needs Optuna, which is not installed: pip install 'backprop-jax[tuning]'"
        ) from error
    if not space or whole_number(count, least=1) is None:
        raise ValueError(f"a search needs an axis and a count of 1 or more, not {dict(space)!r} and {count!r}")
    require_axes(space)
    if study is None:
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))

    def suggested(trial: "optuna.Trial", name: str, axis: Any) -> float:
        if isinstance(axis, OneOf):
            return trial.suggest_categorical(name, axis.values)
        return trial.suggest_float(name, axis.low, axis.high, log=isinstance(axis, LogUniform))

    def objective(trial: "optuna.Trial") -> float:
        reports = 0

        def report(score: float) -> None:
            nonlocal reports
            trial.report(float(score), reports)
            reports += 1
            if trial.should_prune():
                raise optuna.TrialPruned(f"worse than the others after report {reports}")

        return float(run(report, **{name: suggested(trial, name, axis) for name, axis in space.items()}))

    study.optimize(objective, n_trials=count, catch=(FloatingPointError,))
    return study
