"""The plans that ran lately, in memory: a version never changes, so what was read once holds."""

from __future__ import annotations

from collections import OrderedDict
from uuid import UUID

from girih.db.tenancy import OrgScope
from girih.language.compiler.plan import Plan


class Plans:
    """Plans by project and digest; the ones unused for longest go when there are more than `size`."""

    def __init__(self, size: int = 512) -> None:
        self._size = size
        self._plans: OrderedDict[tuple[UUID, UUID, tuple[str, ...], str], Plan] = OrderedDict()

    def find(self, scope: OrgScope, digest: str) -> Plan | None:
        """The plan, if the project was seen to have it, by one who is limited to the same agents."""
        key = (scope.org_id, scope.project_id, scope.agents, digest)
        plan = self._plans.get(key)
        if plan is not None:
            self._plans.move_to_end(key)
        return plan

    def keep(self, scope: OrgScope, plan: Plan) -> Plan:
        """Remember a plan of the project."""
        self._plans[scope.org_id, scope.project_id, scope.agents, plan.digest] = plan
        while len(self._plans) > self._size:
            self._plans.popitem(last=False)
        return plan
