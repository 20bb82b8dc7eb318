"""The tools of every project: what they are called through, how often, and with whose secrets."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack

from girih.db.tenancy import OrgScope
from girih.db.unit_of_work import UnitOfWork
from girih.providers.credentials import Secrets
from girih.providers.outbound import OutboundClient
from girih.providers.tools.calling import ProcessRates, ProjectTools, Rates
from girih.providers.tools.http import HttpTools
from girih.providers.tools.mcp import McpTools
from girih.providers.tools.mcp_sessions import McpSessions
from girih.providers.tools.plugins import Plugins, PluginTools
from girih.providers.tools.reaching import Reach
from girih.services.registry.service import RegistryService
from girih.services.secrets.service import SecretService
from girih.services.tools.rates import ProjectRates
from girih.services.tools.service import ToolService
from girih.settings import Settings
from girih.wiring.environment import web_endpoints_of

_HERE = "here"
"""What stands for a project where there is none."""


class Toolbox:
    """All ways of calling tools, open once for a process. What it holds open is closed with the stack."""

    def __init__(self, stack: AsyncExitStack, settings: Settings) -> None:
        self._endpoints = settings.endpoints
        self._client = OutboundClient(web_endpoints_of(settings))
        stack.push_async_callback(self._client.aclose)
        self._plugins = Plugins()
        stack.callback(self._plugins.close)
        self._sessions = McpSessions()

    def tools(self, project: str, secrets: Secrets, rates: Rates) -> ProjectTools:
        """The tools of one project, with its own secrets and rates."""
        reach = Reach(self._client, self._endpoints, secrets)
        http = HttpTools(self._client, self._endpoints, secrets)
        mcp = McpTools(reach, self._sessions, project)
        return ProjectTools({"http": http, "mcp": mcp, "python": PluginTools(self._plugins)}, rates)

    def alone(self, secrets: Secrets) -> ProjectTools:
        """The tools where there is no database: in the tests of graphs on this machine."""
        return self.tools(_HERE, secrets, ProcessRates())


def tools_of(
    stack: AsyncExitStack, settings: Settings, uow: UnitOfWork, secrets: SecretService
) -> Callable[[OrgScope], ProjectTools]:
    """The tools of each project."""
    toolbox = Toolbox(stack, settings)

    def of(scope: OrgScope) -> ProjectTools:
        return toolbox.tools(f"{scope.org_id}/{scope.project_id}", secrets.of(scope), ProjectRates(uow, scope))

    return of


def make_tool_service(
    stack: AsyncExitStack, settings: Settings, uow: UnitOfWork, registry: RegistryService, secrets: SecretService
) -> ToolService:
    """The service that lists and tries tools."""
    return ToolService(registry, tools_of(stack, settings, uow, secrets))
