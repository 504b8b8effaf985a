"""What every training on the command line leaves beside its results."""

UNLOGGED = {"checkpoints", "config.toml"}
RECORDED = {*UNLOGGED, "health.csv", "steps.csv"}
