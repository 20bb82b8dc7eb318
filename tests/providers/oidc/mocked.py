"""A provider that others have written (`oidc-provider-mock`, on Authlib), in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SERVER = """
import sys, oidc_provider_mock as mock
ann = mock.User(sub="ann", claims={"email": "Ann@example.com", "email_verified": True, "name": "Ann"})
with mock.run_server_in_thread(require_nonce=True, user_claims=[ann]) as server:
    print(server.server_port, flush=True)
    sys.stdin.read()
"""


@contextmanager
def mocked_provider() -> Iterator[str]:
    """Its address; whoever signs in there says who he is."""
    command = [sys.executable, "-W", "ignore", "-c", _SERVER]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        yield f"http://localhost:{int(process.stdout.readline())}"
        process.stdin.close()
