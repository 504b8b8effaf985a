"""The settings of a training in a file: what --config reads, and what each run leaves beside its results."""

import difflib
import tomllib
from dataclasses import asdict, fields
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from backprop_jax.cli.image_flags import TrainDigits, TrainImages
from backprop_jax.cli.ranges import check_ranges
from backprop_jax.cli.text_flags import TrainGPT, TrainText
from backprop_jax.files.atomic_file import atomic_file

__all__ = [
    "CONFIG",
    "OF_THE_START",
    "TRAININGS",
    "AnyTraining",
    "find_config",
    "kind_of",
    "read_any_config",
    "read_config",
    "require_same_settings",
    "save_config",
]

AnyTraining = TrainDigits | TrainImages | TrainText | TrainGPT

CONFIG = "config.toml"
COMMAND = "train"  # the key that tells what the settings are of
TRAININGS: dict[str, type[AnyTraining]] = {
    "digits": TrainDigits,
    "images": TrainImages,
    "text": TrainText,
    "gpt": TrainGPT,
}
NAMES: dict[type, str] = {kind: name for name, kind in TRAININGS.items()}

OF_THE_START = ("config", "resume")  # flags that say how a run begins, and are no settings of it
# What may change between two parts of one training: places, and what does not touch the numbers. That the data are the
# same `fit` sees by itself.
FREE = (*OF_THE_START, "cross_check", "data", "log", "out", "params")

WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text in quotes", Path: "text in quotes"}


def kind_of(flags: AnyTraining) -> str:
    """The word behind `backprop-jax train`."""
    return NAMES[type(flags)]


def save_config(path: Path, flags: AnyTraining) -> None:
    """Write all settings of a run, as `read_config` takes them. The file appears whole or not at all.

    Raises:   OSError if the file cannot be written.
    """
    import tomli_w

    import backprop_jax

    settings = {name: _plain(value) for name, value in asdict(flags).items() if name not in OF_THE_START}
    known = {COMMAND: kind_of(flags)} | {name: value for name, value in settings.items() if value is not None}
    about = f"# The settings of a run, which --config takes. Written by backprop-jax {backprop_jax.__version__}.\n"
    with atomic_file(path) as temporary:
        # A path of the system's may be no Unicode.
        temporary.write_bytes((about + tomli_w.dumps(known)).encode("utf-8", "surrogateescape"))


def find_config(flags: AnyTraining) -> Path | None:
    """The file that the flags ask for: that of --config, or else that of the run which is resumed, or none."""
    if flags.config is not None:
        return flags.config
    written = flags.out / CONFIG
    return written if flags.resume and written.exists() else None


def read_config(path: Path, kind: type[AnyTraining]) -> AnyTraining:
    """The settings in a file over the defaults of this kind of training.

    Keys may be written with - or _.

    Raises:   OSError if there is no file; ValueError, naming the file and the key, if it is no TOML, if it is of
              another kind of training, or holds what is no setting of it or none in its range.
    """
    settings = _load(path)
    name = settings.pop(COMMAND, NAMES[kind])
    if name != NAMES[kind]:
        raise ValueError(f"{path} is of train {name}, not of train {NAMES[kind]}")
    types = {name: hint for name, hint in get_type_hints(kind).items() if name not in OF_THE_START}
    values: dict[str, Any] = {}
    for key, value in settings.items():
        name = key.replace("-", "_")
        if isinstance(value, dict):
            raise ValueError(f"{path}: {key} is a section, and settings are in none: one a line, as batch_size = 64")
        if name not in types:
            raise ValueError(f"{path}: {_unknown(key, name, kind, types)}")
        if name in values:
            raise ValueError(f"{path}: {name} is there twice, with - and with _")
        try:
            values[name] = _typed(value, types[name])
        except (TypeError, OverflowError):
            raise ValueError(f"{path}: {key} must be {_words(types[name])}, not {_shown(value)}") from None
    flags = kind(**values)
    check_ranges(flags, lambda name: f"{path}: {name}")
    return flags


def read_any_config(path: Path) -> AnyTraining:
    """The settings that a run wrote, of whatever kind.

    Raises:   as `read_config`.
    """
    name = _load(path).get(COMMAND)
    if name not in TRAININGS:
        raise ValueError(f"{path} does not tell what it is of: it needs a line like {COMMAND} = 'digits'")
    return read_config(path, TRAININGS[name])


def require_same_settings(flags: AnyTraining) -> None:
    """ValueError, naming the flag, if a run is to be resumed with other settings than it has."""
    path = flags.out / CONFIG
    if not (flags.resume and path.exists()):
        return
    written = read_config(path, type(flags))
    for field in fields(flags):
        old, new = getattr(written, field.name), getattr(flags, field.name)
        if field.name not in FREE and old != new:
            flag = f"--{field.name.replace('_', '-')}"
            raise ValueError(
                f"{flag} {_shown(_plain(new))} is not that of the run in {flags.out}, {_shown(_plain(old))}"
            )


def _load(path: Path) -> dict[str, Any]:
    text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is no TOML file: {error}") from error


def _plain(value: Any) -> Any:
    """As TOML has it."""
    if isinstance(value, Path):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _typed(value: Any, hint: Any) -> Any:
    """As the flag has it. Raises: TypeError."""
    if get_origin(hint) is UnionType:  # with None, for which there is no word in TOML
        return _typed(value, get_args(hint)[0])
    if get_origin(hint) is tuple and isinstance(value, list):
        return tuple(_typed(entry, get_args(hint)[0]) for entry in value)
    if get_origin(hint) is Literal and isinstance(value, str) and value in get_args(hint):
        return value
    if hint is float and type(value) is int:
        return float(value)
    if hint is Path and isinstance(value, str):
        return Path(value)
    if type(value) is hint:
        return value
    raise TypeError


def _words(hint: Any) -> str:
    if get_origin(hint) is UnionType:
        return _words(get_args(hint)[0])
    if get_origin(hint) is tuple:
        return f"a list of {_words(get_args(hint)[0])}"
    if get_origin(hint) is Literal:
        return " or ".join(map(_shown, get_args(hint)))
    return WORDS[hint]


def _unknown(key: str, name: str, kind: type[AnyTraining], types: dict[str, Any]) -> str:
    if name in OF_THE_START:
        return f"{key} is said on the command line alone, as --{name}"
    near = difflib.get_close_matches(name, types, n=1)
    advice = f"did you mean {near[0]}?" if near else f"there are {', '.join(types)}"
    return f"there is no setting {key} of train {NAMES[kind]}; {advice}"


def _shown(value: Any) -> str:
    """As TOML writes it, near enough."""
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
