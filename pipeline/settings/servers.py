"""Settings of the servers beside Kafka and the notices API: schema registry and token endpoint."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, model_validator

from pipeline.settings.conflicts import at_most_one, needs
from pipeline.settings.kinds import FilePath, Seconds, Section, ServerUrl, Token, TopicName

_FORM = frozenset({"grant_type", "scope", "client_id", "client_secret"})
"""Form parameters of a token request that follow from other settings."""


class SchemaSettings(Section):
    """Where Avro schemas are read from: a registry or a folder."""

    registry_url: ServerUrl | None = Field(None, description="URL of a schema registry with the API of Confluent's.")
    registry_user: str | None = Field(None, description="User name for the registry.")
    registry_password: SecretStr | None = Field(None, description="Password for the registry.")
    registry_password_file: FilePath | None = Field(None, description="File with the password for the registry.")
    registry_token: Token | None = Field(None, description="Bearer token for the registry.")
    registry_token_file: FilePath | None = Field(None, description="File with the bearer token for the registry.")
    registry_ca_file: FilePath | None = Field(
        None, description="PEM file of the authority that signed the registry's TLS certificate."
    )
    registry_client_certificate_file: FilePath | None = Field(
        None, description="PEM file with the client certificate for the registry, and its key unless that is given."
    )
    registry_client_key_file: FilePath | None = Field(None, description="PEM file with the key of that certificate.")
    registry_proxy: ServerUrl | None = Field(
        None, description="HTTP proxy to the registry. Proxies of the environment are not used."
    )
    directory: FilePath | None = Field(
        None, description="Folder with *.avsc files, instead of a registry or in addition to it."
    )
    json_types: dict[TopicName, str] = Field(
        default_factory=dict,
        description="Event type of plain JSON records by topic, if neither headers nor envelope name one.",
    )
    max_event_bytes: int = Field(
        1_048_576, ge=1_024, description="Record values larger than this are refused without being decoded."
    )

    @model_validator(mode="after")
    def _one_password(self) -> SchemaSettings:
        given = at_most_one(self, "registry_password", "registry_password_file")
        if given and self.registry_user is None:
            raise ValueError(f"{given} is given without registry_user")
        token = at_most_one(self, "registry_token", "registry_token_file")
        if token and self.registry_user is not None:
            raise ValueError(f"registry_user and {token} are given: give one of them")
        needs(self, "registry_client_key_file", "registry_client_certificate_file")
        return self


class OAuthSettings(Section):
    """A token endpoint with the client credentials grant (RFC 6749, section 4.4)."""

    token_url: ServerUrl = Field(description="URL of the token endpoint.")
    client_id: str = Field(description="Client id.", min_length=1)
    client_secret: SecretStr | None = Field(None, description="Client secret.")
    client_secret_file: FilePath | None = Field(None, description="File with the client secret.")
    client_auth: Literal["basic", "post", "tls"] = Field(
        "basic",
        description="How the client authenticates: by its secret in the header (`basic`) or in the form (`post`), as "
        "in RFC 6749, section 2.3.1, or by its certificate, without a secret (`tls`, RFC 8705).",
    )
    scope: str | None = Field(None, description="Scope to request, if the endpoint requires one.")
    parameters: dict[str, str] = Field(
        default_factory=dict, description="Further form parameters of the request, such as `audience` or `resource`."
    )
    timeout_seconds: Seconds = Field(10, description="Timeout of one request for a token.")
    ca_file: FilePath | None = Field(
        None, description="PEM file of the authority that signed the endpoint's TLS certificate."
    )
    client_certificate_file: FilePath | None = Field(
        None, description="PEM file with the client certificate for the endpoint, and its key unless that is given."
    )
    client_key_file: FilePath | None = Field(None, description="PEM file with the key of that certificate.")
    proxy: ServerUrl | None = Field(
        None, description="HTTP proxy to the endpoint. Proxies of the environment are not used."
    )

    @model_validator(mode="after")
    def _one_proof(self) -> OAuthSettings:
        given = at_most_one(self, "client_secret", "client_secret_file")
        if self.client_auth == "tls":
            if given:
                raise ValueError(f"{given} is given, which `client_auth: tls` does not send")
            if self.client_certificate_file is None:
                raise ValueError("`client_auth: tls` needs client_certificate_file")
        elif given is None:
            raise ValueError("give one of client_secret and client_secret_file")
        needs(self, "client_key_file", "client_certificate_file")
        own = sorted(self.parameters.keys() & _FORM)
        if own:
            raise ValueError(f"parameters: {own[0]} is written by the service itself; leave it out")
        return self
