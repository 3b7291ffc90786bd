"""Accounts in Azure: where the services are, and what is signed in with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from azure import identity
from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential

from reconciler.accounts.azure import AzureSession
from reconciler.accounts.secrets import SecretSource
from reconciler.errors import AccountError
from reconciler.resources.accounts.azure import AzureAccountSpec

KEY = "a2V5" * 22
UUID = "00000000-0000-4000-8000-000000000001"


def session(secret: str = "", **spec: Any) -> AzureSession:
    source = SecretSource(Path("/"), {"SECRET": secret} if secret else {})
    return AzureSession(AzureAccountSpec.model_validate({"type": "azure", **spec}), source)


def from_string(text: str) -> AzureSession:
    return session(text, auth={"connectionString": {"fromEnv": "SECRET"}})


def test_a_connection_string_says_where_the_account_is() -> None:
    found = from_string(
        f"DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={KEY};EndpointSuffix=core.chinacloudapi.cn"
    )
    client = found.container("box", attempts=1)
    assert client.url == "https://acme.blob.core.chinacloudapi.cn/box"
    assert found.file_system("box", attempts=1).url.rstrip("/") == "https://acme.dfs.core.chinacloudapi.cn/box"
    assert isinstance(found._access.credential, AzureNamedKeyCredential)
    url, authorization = found.readable("box", "a b/c")
    assert url.startswith("https://acme.blob.core.chinacloudapi.cn/box/a%20b/c?")
    assert ("sp=r&" in url, authorization) == (True, None)


def test_a_connection_string_with_a_signature() -> None:
    found = from_string("BlobEndpoint=https://acme.blob.core.windows.net/;SharedAccessSignature=sv=1&sig=abc%3D")
    assert found.readable("box", "x")[0] == "https://acme.blob.core.windows.net/box/x?sv=1&sig=abc%3D"
    assert found.file_system("box", attempts=1).primary_hostname == "acme.dfs.core.windows.net"


def test_a_signature_may_be_pasted_as_a_url() -> None:
    found = session(
        "https://acme.blob.core.windows.net/box?sv=1&sig=abc",
        storageAccount="acme",
        auth={"sas": {"fromEnv": "SECRET"}},
    )
    assert isinstance(found._access.credential, AzureSasCredential)
    assert found._access.credential.signature == "sv=1&sig=abc"


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "AccountName=acme",
        f"AccountKey={KEY}",
        "AccountName=acme;AccountKey=short",
        "AccountName=a;SharedAccessSignature=sv=1",
    ],
)
def test_connection_strings_that_cant_be_used(text: str) -> None:
    with pytest.raises(AccountError) as caught:
        from_string(text).container("box", attempts=1)
    assert caught.value.code == "A161"
    assert KEY not in str(caught.value)
    assert "short" not in str(caught.value)


def test_identities() -> None:
    principal = {"tenantId": "acme.onmicrosoft.com", "clientId": UUID, "clientSecret": {"fromEnv": "SECRET"}}
    for auth, kind in (
        ({"servicePrincipal": principal}, identity.ClientSecretCredential),
        ({"managedIdentity": {"clientId": UUID}}, identity.ManagedIdentityCredential),
        ({"ambient": {}}, identity.DefaultAzureCredential),
        ({}, identity.DefaultAzureCredential),
    ):
        found = session("hush", storageAccount="acme", auth=auth)
        assert isinstance(found._access.credential, kind)
        assert found.container("box", attempts=1).url == "https://acme.blob.core.windows.net/box"
        assert found.container("box", attempts=1) is found.container("box", attempts=1)
        assert "hush" not in repr(found._access)


def test_a_service_principals_secret_is_resolved_when_it_is_used() -> None:
    principal = {"tenantId": UUID, "clientId": UUID, "clientSecret": {"fromEnv": "SECRET"}}
    found = session(storageAccount="acme", auth={"servicePrincipal": principal})
    with pytest.raises(AccountError) as caught:
        found.container("box", attempts=1)
    assert caught.value.code == "A101"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({}, "storageAccount is missing"),
        (
            {"storageAccount": "acme", "auth": {"sas": {"fromEnv": "A"}, "accountKey": {"fromEnv": "B"}}},
            "sas and accountKey",
        ),
        ({"storageAccount": "acme", "auth": {"connectionString": {"fromEnv": "A"}}}, "Remove storageAccount"),
        ({"endpoints": {"blob": "https://a.b"}, "auth": {"connectionString": {"fromEnv": "A"}}}, "Remove endpoints"),
    ],
)
def test_what_excludes_each_other(spec: dict[str, Any], said: str) -> None:
    (found,) = AzureAccountSpec.model_validate({"type": "azure", **spec}).problems()
    assert said in found[1]


def test_other_storage_accounts_are_other_places() -> None:
    def realm(**spec: Any) -> str:
        return AzureAccountSpec.model_validate({"type": "azure", **spec}).realm

    assert realm(storageAccount="acme") != realm(storageAccount="other")
    assert realm(auth={"connectionString": {"fromEnv": "A"}}) != realm(auth={"connectionString": {"fromEnv": "B"}})
    assert realm(auth={"connectionString": {"fromEnv": "A"}}) == realm(auth={"connectionString": {"fromEnv": "A"}})
