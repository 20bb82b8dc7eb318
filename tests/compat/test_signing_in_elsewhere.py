"""A person signs in at a provider in a real browser, between three sites: the app, girih, and the provider."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlencode

import pytest
from tests.api.process import api_process, free_port
from tests.compat.pages import open_browser, open_page
from tests.providers.oidc.mocked import mocked_provider
from tests.services.identity.people import token_pem

pytestmark = pytest.mark.timeout(180)
FILE = "mock: {{issuer: '{url}', client_id: girih, client_secret_env: TEST_OIDC_SECRET, title: Mock}}"
APP = """<!doctype html><meta charset=utf-8><title>An app</title><link rel=icon href=data:,><script type=module>
const params = new URLSearchParams(location.search), girih = params.get("girih")
const coded = bytes => btoa(String.fromCharCode(...bytes)).replace(/\\+/g, "-").replace(/\\//g, "_").replace(/=+$/, "")
if (params.has("code")) {
  const body = JSON.stringify({ code: params.get("code"), verifier: sessionStorage.verifier })
  const sent = { method: "POST", headers: { "content-type": "application/json" }, body }
  const tokens = await (await fetch(`${girih}/v1/auth/oidc/token`, sent)).json()
  const headers = { authorization: `Bearer ${tokens.access_token}` }
  window.account = await (await fetch(`${girih}/v1/account`, { headers })).json()
} else {
  sessionStorage.verifier = coded(crypto.getRandomValues(new Uint8Array(32)))
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(sessionStorage.verifier))
  const asked = { return_to: location.href, challenge: coded(new Uint8Array(hash)) }
  location.href = `${girih}/v1/auth/oidc/mock/start?${new URLSearchParams(asked)}`
}
</script>"""


@contextmanager
def app(folder: Path) -> Iterator[str]:
    """The app's origin."""
    (folder / "index.html").write_text(APP)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://localhost:{server.server_port}"
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def begin(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The browser, and where the app begins."""
    make, port = tmp_path_factory.mktemp, free_port()
    with mocked_provider() as provider, app(make("app")) as origin, open_browser(make("browser")) as protocol:
        file = make("oidc") / "oidc.yaml"
        file.write_text(FILE.format(url=provider))
        given = {
            "GIRIH_OIDC_FILE": str(file),
            "GIRIH_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "GIRIH_CORS_ORIGINS": json.dumps([origin]),
            "GIRIH_TOKEN_KEY": token_pem(),
            "TEST_OIDC_SECRET": "a secret",
        }
        with api_process(database_url, make("girih"), port, **given) as api:
            yield protocol, f"{origin}/?{urlencode({'girih': api.url})}"


def test_somebody_signs_in(begin: tuple[str, str]) -> None:
    protocol, address = begin
    with open_page(protocol, address) as page:
        page.click("button[value=ann]")
        account = page.until("window.account")
        assert (account["email"], account["name"]) == ("ann@example.com", "Ann")
        assert page.run("document.cookie") == ""
