"""Policies that an app runs, one kind a file.

Adding a policy: a file with a class that derives from `Policy`, and a line in `POLICIES`.
"""

from collections.abc import Mapping
from typing import Any

from compsel.errors import BundleError
from compsel.selection.policies.base import STOP, Policy, PolicyPlan, RowSelector
from compsel.selection.policies.cascade import CascadePolicy
from compsel.selection.policies.certified import CertifiedPolicy
from compsel.selection.policies.fixed import FixedPolicy
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
POLICIES: dict[str, type[Policy]] = {
    FixedPolicy.kind: FixedPolicy,
    SelectingPolicy.kind: SelectingPolicy,
    CascadePolicy.kind: CascadePolicy,
    CertifiedPolicy.kind: CertifiedPolicy,
}


def policy_from_dict(content: Mapping[str, Any], selectors: Mapping[str, RowSelector]) -> Policy:
    """Read the JSON form of any policy; `selectors` are the bundle's, by file.

    Raises:
        BundleError: a kind that this compsel does not know.
        ValueError, LookupError, TypeError: content that does not fit together.
    """
    kind = content.get("kind")
    if kind not in POLICIES:
        raise BundleError(f"policy: got kind {kind!r}, allowed are {', '.join(POLICIES)}: build the bundle again")
    return POLICIES[kind].from_dict(content, selectors)
