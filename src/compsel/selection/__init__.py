"""Choose: objectives, costs, policies that apps run, and selectors that are trained.

Names are loaded when they are first used: an app that runs a bundle never imports a learner.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from compsel.selection.cascade.decision_graph import Cascade
    from compsel.selection.costs.model import CostModel
    from compsel.selection.objective import Objective
    from compsel.selection.selectors.cost_sensitive import CostSensitiveSelector

_HOME = {
    "CostModel": "compsel.selection.costs.model",
    "CostSensitiveSelector": "compsel.selection.selectors.cost_sensitive",
    "Objective": "compsel.selection.objective",
    "Cascade": "compsel.selection.cascade.decision_graph",
}

__all__ = ["Cascade", "CostModel", "CostSensitiveSelector", "Objective"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'compsel.selection' has no attribute {name!r}")
