"""The folder of a training that never was."""

import base64
from pathlib import Path

__all__ = ["EVIL", "write_run"]

EVIL = "<script>alert('$x_1')</script>"
DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def write_run(folder: Path, best: float = 0.5) -> Path:
    """Three epochs of two steps; what is text in it holds what a page must not run."""
    folder.mkdir()
    (folder / "config.toml").write_text(f'note = "{EVIL}"\nwidth = 8\n')
    (folder / "history.csv").write_text(
        "epoch,step,train_loss,train_accuracy,validation_loss,validation_accuracy,images_per_second\n"
        f"1,2,2.0,0.2,2.1,0.2,100\n2,4,1.0,0.6,{best},0.7,300\n3,6,0.2,0.9,0.75,0.65,200\n"
    )
    rows = (f"{n},{(n + 1) // 2},{2 / n},{100 + n},0.25,{1 / n},{n}" for n in range(1, 7))
    head = f"step,epoch,loss,items_per_second,waiting,gradient_norm/0,gradient_norm/{EVIL}"
    (folder / "steps.csv").write_text("\n".join([head, *rows, ""]))
    (folder / "health.csv").write_text(
        "epoch,layer,activation,cotangent,dead,saturated,weight,gradient,update\n"
        f"1,0,1,1,,,1,1,0.001\n1,{EVIL},1,1,0.9,,,,\n2,0,1,1,,,1,1,0.001\n2,{EVIL},1,1,1,,,,\n"
    )
    (folder / "suspects.csv").write_text("index,label,answer,loss,suspected\n17,3,5,9.25,1\n")
    (folder / "digits.png").write_bytes(base64.b64decode(DOT))
    return folder
