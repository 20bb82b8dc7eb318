"""The settings of what work needs: databases, storage, models, documents and runs. `girih.settings` adds the others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

Megabytes = Annotated[int, Field(ge=1, le=2048)]
Days = Annotated[float, Field(ge=0, le=36_500, allow_inf_nan=False)]


class WorkSettings(BaseSettings):
    """What an operator may set of it."""

    model_config = SettingsConfigDict(env_prefix="GIRIH_", extra="ignore", frozen=True)

    database_url: str = Field(
        default="", description="PostgreSQL with pgvector, as `postgresql://user:password@host:port/name`."
    )
    migration_database_url: str = Field(
        default="",
        description="The database as its owner, for migrations only. Default: the value of GIRIH_DATABASE_URL.",
    )
    backup_database_url: str = Field(
        default="",
        description="The database as a login that row-level security does not hold, for `girih backup` only. Default: "
        "the value of GIRIH_MIGRATION_DATABASE_URL.",
    )
    redis_url: str = Field(default="", description="Redis or Valkey, the broker that rings for jobs.")
    host: str = Field(default="127.0.0.1", description="The address the API listens on.")
    port: int = Field(default=8321, ge=0, le=65535, description="The port the API listens on; 0 takes a free one.")
    data_dir: Path = Field(default=Path(".girih"), description="Where uploaded files and embedded servers live.")

    storage_url: str = Field(
        default="",
        description="A bucket for uploaded files, as `s3://bucket/prefix`. Default: the folder GIRIH_DATA_DIR. "
        "Needs the extra `s3`.",
    )
    storage_endpoint: str = Field(
        default="", description="The address of an S3-compatible server, such as `http://minio:9000`. Default: Amazon."
    )
    storage_region: str = Field(default="", description="The bucket's region. Default: `us-east-1`.")
    storage_access_key: SecretStr = Field(
        default=SecretStr(""), description="The id of the bucket's access key. Default: what the machine itself may do."
    )
    storage_secret_key: SecretStr = Field(default=SecretStr(""), description="The secret of that access key.")

    openai_api_key: SecretStr = Field(
        default=SecretStr(""),
        validation_alias=AliasChoices("GIRIH_OPENAI_API_KEY", "OPENAI_API_KEY"),
        description="Key of an OpenAI-compatible provider. Without one the built-in demo model answers.",
    )
    openai_base_url: str = Field(
        default="",
        validation_alias=AliasChoices("GIRIH_OPENAI_BASE_URL", "OPENAI_BASE_URL"),
        description="Base URL of an OpenAI-compatible provider (vLLM, Ollama, llama.cpp, a gateway).",
    )
    openai_model: str = Field(default="gpt-5-mini", description="The model behind `provider: default` with a key.")
    embedder: Literal["auto", "minilm", "openai", "hashing"] = Field(
        default="auto", description="How texts become vectors. `auto`: MiniLM offline if installed, else hashing."
    )
    embedder_process: bool = Field(
        default=True,
        description="Whether the processes of a data folder share one that holds MiniLM. If not, each loads its own.",
    )
    openai_embedding_model: str = Field(
        default="text-embedding-3-small", description="The model behind `embedder: openai`."
    )

    master_key: SecretStr = Field(
        default=SecretStr(""),
        description="What stored secrets are encrypted under: 32 random bytes in base64 (`openssl rand -base64 32`), "
        "or the address of a key in a key service, as `aws-kms:KEY`, `vault:MOUNT/KEY` or `google-kms:NAME`.",
    )
    master_key_file: Path | None = Field(default=None, description="A file with the same in it.")
    former_master_keys: list[SecretStr] = Field(
        default_factory=list,
        description="Further master keys, as JSON: what they have encrypted can be read, until "
        "`girih secrets rotate --master` has run.",
    )
    vault_url: str = Field(
        default="",
        validation_alias=AliasChoices("GIRIH_VAULT_URL", "VAULT_ADDR"),
        description="The address of HashiCorp Vault, for a master key at `vault:MOUNT/KEY`.",
    )
    vault_token: SecretStr = Field(
        default=SecretStr(""),
        validation_alias=AliasChoices("GIRIH_VAULT_TOKEN", "VAULT_TOKEN"),
        description="The token for it, which may encrypt and decrypt with that key.",
    )
    production: bool = Field(
        default=False,
        description="Whether a server refuses to start with a missing, short or well-known secret, or open to others "
        "than it should be; it names all that is wrong at once.",
    )

    endpoints: dict[str, str] = Field(
        default_factory=dict,
        description='Base URLs of the services that tools and data stores name, as JSON: `{"crm": '
        '"http://10.0.0.7:8080", "shop": "postgresql://10.0.0.8/shop"}`. Only these may lie on a private network.',
    )
    vector_stores: dict[str, str] = Field(
        default_factory=dict,
        description="Servers that the vectors of collections may be kept on, as JSON: "
        '`{"main": "qdrant+http://10.0.0.9:6333", "cloud": "pinecone+https://docs-1a2b3c.svc.example.pinecone.io"}`. '
        "Needs the extra `qdrant` or `pinecone`.",
    )
    vector_store_keys: dict[str, SecretStr] = Field(
        default_factory=dict, description='The keys of those servers, as JSON: `{"main": "…"}`.'
    )
    source_folders: list[Path] = Field(
        default_factory=list,
        description='Folders of the server that data stores may read, as JSON: `["/srv/handbooks"]`. Default: none.',
    )
    max_upload_mb: Megabytes = Field(default=50, description="The largest document that may be uploaded.")
    document_versions: int = Field(
        default=10, ge=1, le=1000, description="How many contents of a document are kept, the newest among them."
    )
    upload_hours: float = Field(
        default=24, gt=0, le=720, description="Hours after its last piece that an unfinished upload is kept."
    )
    run_slots: int = Field(
        default=64,
        ge=0,
        le=1000,
        description="How many runs one process, API or worker, executes at once. With 0 an API only accepts runs.",
    )
    run_lease: float = Field(
        default=30,
        ge=0.5,
        le=3600,
        description="Seconds after which the runs of a process that vanished go on elsewhere.",
    )
    ingest_lease: float = Field(
        default=30,
        ge=0.5,
        le=3600,
        description="Seconds after which documents that a vanished worker had in hand go on with another.",
    )
    background_after: float = Field(
        default=10,
        ge=0,
        le=3600,
        description="Seconds a background run waits for a worker before an API process executes it.",
    )
    queued_runs: int = Field(
        default=10_000, ge=1, le=1_000_000, description="The most runs that may wait; more are answered with 429."
    )
    queued_runs_per_org: int = Field(
        default=1_000, ge=1, le=1_000_000, description="The most runs of one organization that may wait."
    )
    requests_per_minute: int = Field(
        default=0, ge=0, le=1_000_000, description="Requests a minute that a key or a person may send; 0: any number."
    )
    requests_per_minute_per_org: int = Field(
        default=0, ge=0, le=10_000_000, description="The same for all of an organization together."
    )
    request_burst: float = Field(
        default=0.25, gt=0, le=1, description="The share of a minute's requests that may come at once."
    )
    runs_at_once: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Runs that a key or a person may have at once, begun or waiting for a slot; 0: any number.",
    )
    runs_at_once_per_org: int = Field(
        default=0, ge=0, le=1_000_000, description="The same for all of an organization together."
    )
    streams_at_once: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Streams and WebSockets that a key or a person may have open at once; 0: any number.",
    )
    key_lifetime_days: int = Field(
        default=0,
        ge=0,
        le=36_500,
        description="The most days that a new API key may hold, and does where nothing is said; 0: for ever.",
    )
    worker_roles: str = Field(
        default="ingestion,runs,sync",
        description="What a worker does, separated by commas: `ingestion` of documents, `runs` in the background, "
        "`sync` of collections with their sources. Each role is a process.",
    )
    shutdown_grace: float = Field(
        default=20, ge=0, le=3600, description="Seconds that open work may go on after a stop was asked for."
    )
    gate_seconds: float = Field(
        default=60,
        ge=1,
        le=110,
        description="Seconds that the tests of all graphs may take together when a workspace is applied.",
    )
    signing_key: SecretStr = Field(
        default=SecretStr(""),
        description="The Ed25519 key that published versions are signed with: its PEM (PKCS #8), or the path of a file "
        "that holds it. Without one versions are not signed.",
    )
    trusted_keys: str = Field(
        default="",
        description="Public keys whose signatures are trusted when a bundle is imported, beside the own ones: a key "
        "set (JWKS), or the path of a file that holds it.",
    )
    database_pool: int = Field(
        default=10, ge=1, le=100, description="A third of the database connections that one process keeps at most."
    )
    keep_runs_days: Days = Field(
        default=0,
        description="Days that runs are kept after their end, where a project says nothing else; 0: for ever.",
    )
    keep_run_events_days: Days = Field(
        default=90,
        description="Days that the events of ended runs, and so their traces, are kept; 0: for ever. "
        "The last event of each stays with the run.",
    )
    keep_checkpoints_days: Days = Field(
        default=30, description="Days that ended runs can be retried and continued from a checkpoint; 0: for ever."
    )
    keep_domain_events_days: Days = Field(default=90, description="Days that domain events are kept; 0: for ever.")
    keep_schedule_history_days: Days = Field(
        default=90, description="Days that is kept what became of the moments of schedules; 0: for ever."
    )
    keep_versions_days: Days = Field(
        default=0, description="Days that versions of agents are kept which nothing refers to; 0: for ever."
    )
    keep_yanked_days: Days = Field(
        default=90, description="Days after which yanked versions go that nothing refers to; 0: never."
    )
    deletion_days: float = Field(
        default=30,
        ge=0,
        le=365,
        description="Days within which the deletion of an organization can be taken back, before everything of it is "
        "removed; 0: not at all.",
    )
    export_hours: float = Field(
        default=24, gt=0, le=720, description="Hours for which the export of an organization can be fetched."
    )
    sweep_seconds: float = Field(
        default=3600, ge=1, le=86_400, description="Seconds between two looks for what a project keeps no longer."
    )
    remind_after: float = Field(
        default=0.5,
        ge=0,
        lt=1,
        description="The share of the time for an answer after which `interrupt.reminder` is published; 0: never.",
    )
