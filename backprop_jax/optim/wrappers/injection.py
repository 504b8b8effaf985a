"""Make a transform whose hyper-parameters stand in its state, where schedules and users can change them."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from backprop_jax.optim.hyperparameters import dtype_name
from backprop_jax.optim.wrappers.injected_values import Injected, name_of


@dataclass(frozen=True, repr=False)
class inject_hyperparams:
    """Call `inner_factory` anew at every step, with hyper-parameters that stand in the state.

        optimizer = inject_hyperparams(adam)(learning_rate=cosine_decay_schedule(1e-3, 100))
        state.hyperparams["b1"] = 0.95      # from the next step on

    The result is called as `inner_factory` is. Numbers and arrays among the arguments are hyper-parameters. Functions
    are schedules, which set theirs at every step, those with `init` and `update` from a state and the extra arguments
    of update (see `StatefulSchedule`). Bools, other values, those named in `static_args`, and those that the factory
    declares as int, on which shapes depend, are handed on as they are.
    Floats become scalars of `hyperparam_dtype`, or of the parameters' highest precision: 0.999 in bfloat16 is 1, so
    give `hyperparam_dtype="float32"` for parameters of half precision. Arrays with a dtype of their own keep it.

    State:  `InjectStatefulHyperparamsState(count, hyperparams, hyperparams_states, inner_state)`: count int32.
    Raises: TypeError if `inner_factory` is no function whose arguments have names, or, at the call, for arguments that
            it does not have; ValueError if it lacks one of `static_args`, or `hyperparam_dtype` is no float dtype.
    """

    inner_factory: Callable[..., Any]
    static_args: str | Iterable[str] = ()
    hyperparam_dtype: Any = None

    def __post_init__(self) -> None:
        if not callable(self.inner_factory):
            raise TypeError(
                f"inject_hyperparams: inner_factory is {self.inner_factory!r}; pass a function that makes a transform, "
                "such as adam, not what it returns"
            )
        parameters = inspect.signature(self.inner_factory).parameters
        unnamed = [name for name, p in parameters.items() if p.kind in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL)]
        if unnamed:
            raise TypeError(
                f"inject_hyperparams: {name_of(self.inner_factory)} must take all arguments by names, under which they "
                f"stand in the state, but {', '.join(unnamed)} has none; wrap it in a function with names"
            )
        static_args = {self.static_args} if isinstance(self.static_args, str) else set(self.static_args)
        takes_any_name = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        if not takes_any_name and not static_args <= parameters.keys():
            raise ValueError(
                f"inject_hyperparams: static_args names {sorted(static_args - parameters.keys())}, which "
                f"{name_of(self.inner_factory)} does not have; it has {list(parameters)}"
            )
        object.__setattr__(self, "static_args", tuple(sorted(static_args)))
        object.__setattr__(self, "hyperparam_dtype", dtype_name(self, "hyperparam_dtype"))
        # It is called as the factory is, and so `inspect.signature` shows.
        object.__setattr__(self, "__wrapped__", self.inner_factory)

    def __repr__(self) -> str:
        static_args = f", static_args={self.static_args!r}" if self.static_args else ""
        dtype = f", hyperparam_dtype={self.hyperparam_dtype!r}" if self.hyperparam_dtype else ""
        return f"inject_hyperparams({name_of(self.inner_factory)}{static_args}{dtype})"

    def __call__(self, *args: Any, **kwargs: Any) -> Injected:
        return Injected(self, _by_name(self.inner_factory, args, kwargs))


def inject_stateful_hyperparams(
    inner_factory: Callable[..., Any], static_args: str | Iterable[str] = (), hyperparam_dtype: Any = None
) -> inject_hyperparams:
    """The old name of `inject_hyperparams`, which warns."""
    warnings.warn(
        "inject_stateful_hyperparams is deprecated: call inject_hyperparams", DeprecationWarning, stacklevel=2
    )
    return inject_hyperparams(inner_factory, static_args, hyperparam_dtype)


def _by_name(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by their names, those that the function collects in a `**dict` too."""
    signature = inspect.signature(function)
    named = signature.bind(*args, **kwargs).arguments
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            named |= named.pop(name, {})
    return named
