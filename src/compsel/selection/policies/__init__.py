"""Policies that an app runs, one kind a file.

Adding a policy: a file with a class that derives from `Policy`, and a line in `POLICIES`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from compsel.errors import BundleError
from compsel.extending.lazy_table import LazyTable
from compsel.selection.policies.base import STOP, Policy, PolicyPlan, RowSelector
from compsel.selection.policies.fixed import FixedPolicy

if TYPE_CHECKING:
    from compsel.selection.policies.cascade import CascadePolicy
    from compsel.selection.policies.certified import CertifiedPolicy
    from compsel.selection.policies.selector import SelectingPolicy

__all__ = [
    "POLICIES",
    "STOP",
    "CascadePolicy",
    "CertifiedPolicy",
    "FixedPolicy",
    "Policy",
    "PolicyPlan",
    "RowSelector",
    "SelectingPolicy",
    "policy_from_dict",
]

# by the word in bundles
POLICIES: LazyTable[type[Policy]] = LazyTable(
    {
        "fixed": FixedPolicy,
        "selecting": "compsel.selection.policies.selector:SelectingPolicy",
        "staged": "compsel.selection.policies.cascade:CascadePolicy",
        "certified": "compsel.selection.policies.certified:CertifiedPolicy",
    }
)


def policy_from_dict(content: Mapping[str, Any], selectors: Mapping[str, RowSelector]) -> Policy:
    """Read the JSON form of any policy; `selectors` are the bundle's, by file.

    Raises:
        BundleError: a kind that this compsel does not know.
        ValueError, LookupError, TypeError: content that does not fit together.
    """
    kind = content.get("kind")
    if not isinstance(kind, str) or kind not in POLICIES:
        raise BundleError(f"policy: got kind {kind!r}, allowed are {', '.join(POLICIES)}: build the bundle again")
    return POLICIES[kind].from_dict(content, selectors)


def __getattr__(name: str) -> Any:
    # an app imports the kinds that its bundle has
    for policy in POLICIES.values() if name in __all__ else ():
        if policy.__name__ == name:
            return policy
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
