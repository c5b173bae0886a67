"""The tree composed by Hydra: one configuration for each stage."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException, OverrideParseException
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from seatrial.cases.nemo_launcher import Args, overrides
from seatrial.cases.nemo_launcher.configuration import cluster, given
from seatrial.cases.nemo_launcher.tree import CONF, STAGES
from seatrial.errors import Problem, UserError
from seatrial.spec import Layout


def composed(args: Args, layout: Layout, *, run: Path, data: Path) -> dict[str, Any]:
    """The whole tree with every value resolved. Raises UserError where Hydra cannot compose it."""
    # NeMo registers this one too.
    OmegaConf.register_new_resolver("multiply", lambda first, second: first * second, replace=True)
    asked = [f"cluster={cluster(layout)}", f"training={args.training}", *map(str, overrides.parse(args.overrides))]
    try:
        with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
            tree = compose("config", overrides=asked)
        for key, value in given(args, layout, run=run, data=data).items():
            OmegaConf.update(tree, key, value)
        missing = OmegaConf.missing_keys(tree)
        if missing:
            raise UserError(Problem("is not given", key, f"--set overrides={key}=VALUE") for key in sorted(missing))
        plain: dict[str, Any] = OmegaConf.to_container(tree, resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        where = f"overrides, {error.override}" if isinstance(error, OverrideParseException) else "Hydra's composition"
        raise UserError(Problem(_first_lines(error), where, "see --set overrides=")) from error
    return plain


def of_stage(tree: Mapping[str, Any], stage: str) -> dict[str, Any]:
    """The configuration of one stage."""
    assert stage in STAGES
    found: dict[str, Any] = tree[stage]
    return found


def as_yaml(configuration: Mapping[str, Any]) -> str:
    """The text of a configuration, as NeMo reads it."""
    return OmegaConf.to_yaml(OmegaConf.create(dict(configuration)))


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted name -> value."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        key = f"{prefix}.{name}" if prefix else name
        found |= flat(value, key) if isinstance(value, dict) and value else {key: value}
    return found


def _first_lines(error: Exception) -> str:
    """What went wrong, without Hydra's advice on environment variables, on one line."""
    causes = [str(error), *([str(error.__cause__)] if error.__cause__ else [])]
    lines = [line.strip() for text in causes for line in text.splitlines()[:2]]
    return "; ".join(dict.fromkeys(line for line in lines if line and "HYDRA_FULL_ERROR" not in line))
