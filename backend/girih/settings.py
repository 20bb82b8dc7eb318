"""Every setting of a girih process, from the environment (`GIRIH_…`). Read once, by the wiring."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr

from girih.work_settings import WorkSettings


class Settings(WorkSettings):
    """What an operator may set. The same names work on a laptop, in a container and in a cluster."""

    metrics_port: int = Field(
        default=0, ge=0, le=65535, description="The port at which the API process answers `/metrics`; 0: it does not."
    )
    worker_metrics_port: int = Field(
        default=0, ge=0, le=65535, description="The same for a worker that executes runs; each needs one of its own."
    )
    metrics_host: str = Field(default="127.0.0.1", description="The address of `/metrics`, which asks for no key.")
    otel: bool = Field(default=False, description="Whether spans of runs and requests are sent to a collector.")
    otel_endpoint: str = Field(
        default="",
        validation_alias=AliasChoices("GIRIH_OTEL_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        description="The collector's OTLP/HTTP address, such as `http://127.0.0.1:4318`.",
    )
    otel_headers: SecretStr = Field(
        default=SecretStr(""),
        validation_alias=AliasChoices("GIRIH_OTEL_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"),
        description="Headers for the collector, as `name=value,name=value`.",
    )
    otel_service_name: str = Field(
        default="girih",
        validation_alias=AliasChoices("GIRIH_OTEL_SERVICE_NAME", "OTEL_SERVICE_NAME"),
        description="The name of this service in traces.",
    )
    trace_content: Literal["full", "redacted", "none"] = Field(
        default="full",
        description="How much of what people and models wrote traces show: all, without personal data, or nothing. "
        "Secrets are never shown.",
    )
    public_url: str = Field(
        default="",
        description="The address under which people reach this server, as `https://girih.example.com`: the issuer of "
        "their access tokens.",
    )
    token_key: SecretStr = Field(
        default=SecretStr(""),
        description="The P-256 private key that signs people's access tokens: PEM, or a path. Without it nobody can "
        "sign in; API keys work all the same.",
    )
    former_token_keys: list[SecretStr] = Field(
        default_factory=list,
        description="Keys that signed tokens before, as JSON: their tokens hold until they expire (15 minutes).",
    )
    oidc_file: Path | None = Field(
        default=None,
        description="A YAML file of the OpenID Connect providers that people may sign in at. Needs GIRIH_PUBLIC_URL.",
    )
    sign_in_origins: list[str] = Field(
        default_factory=list,
        description="Origins of apps that people are sent back to after signing in elsewhere, as JSON. Default: those "
        "of GIRIH_CORS_ORIGINS.",
    )
    smtp_url: SecretStr = Field(
        default=SecretStr(""),
        description="The server that mails go to, as `smtps://user:password@host:465` or "
        "`smtp://user:password@host:587?starttls=required`; or a folder, as `file:///folder`, on a machine without "
        "one. Without it no mail is sent.",
    )
    mail_from: str = Field(default="", description="Whom mails are from, as `Example <no-reply@example.com>`.")
    link_url: str = Field(
        default="",
        description="The address that links in mails begin with, where your app asks for another password and the "
        "like. Default: GIRIH_PUBLIC_URL.",
    )
    trusted_proxies: list[str] = Field(
        default_factory=list,
        description='Addresses and networks of proxies in front of the API, as JSON: `["10.0.0.2"]`. Only they may say '
        "in `X-Forwarded-For` where a request comes from. Default: none, and the caller is who has connected.",
    )
    guesses_per_minute: int = Field(
        default=10,
        ge=1,
        le=10_000,
        description="Attempts a minute to sign in with one address, or to show one token; no more pass.",
    )
    guesses_per_minute_per_client: int = Field(
        default=120,
        ge=1,
        le=1_000_000,
        description="The same from one address of the network, whoever is tried; sessions are refreshed ten times as "
        "often.",
    )
    cors_origins: list[str] = Field(
        default_factory=list, description="Origins that browsers may call the API from, as JSON. Default: none."
    )
    allowed_hosts: list[str] = Field(
        default_factory=list,
        description='Further names that this server answers to, as JSON, such as `["10.0.0.5", "*.example.com"]`. '
        "Default: the host of GIRIH_PUBLIC_URL and this machine; any where that is not set either.",
    )
    test_build: bool = Field(default=False, description="For tests of girih itself: lets GIRIH_CRASH_AT work.")
    crash_at: str = Field(default="", description="For tests of girih itself: where the process ends at once.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least level logged."
    )
    log_format: Literal["json", "console"] = Field(default="json", description="How log lines look.")
