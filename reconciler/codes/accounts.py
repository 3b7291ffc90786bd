"""A1xx: secrets and credentials."""

from __future__ import annotations

from reconciler.codes.base import Code

ACCOUNT_CODES = (
    Code(
        "A101",
        "a secret isn't there",
        "A secret is named by environment variable, file, or the ARN of one in AWS Secrets Manager, and read when it is used. It isn't there, or has no such key.",
        "Set the variable for the process that runs reconcile, mount the file, create the secret, or correct the reference.",
    ),
    Code(
        "A102",
        "a secret can't be used",
        "What was found is empty, holds a NUL, is larger than 64 KiB, or isn't UTF-8 text. A secret of AWS Secrets Manager may also be binary, or not the JSON object in which the reference names a key.",
        "Put the secret there, alone. One line end after it is fine.",
    ),
    Code(
        "A103",
        "the profile isn't there",
        "`profile` names a section of the AWS configuration of whoever runs reconcile, which doesn't have it.",
        "Declare the profile there, or correct the name.",
    ),
    Code(
        "A104",
        "no usable credentials",
        "No AWS credentials were found where AWS clients look, or what was found can't be used.",
        "Sign in (`aws sso login`), give the process a role, or declare `auth` in the Account.",
    ),
    Code(
        "A105",
        "the role can't be assumed",
        "AWS refused sts:AssumeRole: the role's trust policy doesn't name these credentials or wants another external id, or they are not allowed to.",
        "Compare the role's trust policy with the Account: who assumes it, and with which external id.",
    ),
    Code(
        "A106",
        "the service that gives credentials or secrets can't be reached",
        "STS, the sign-in service, Secrets Manager or the instance's metadata service didn't answer, also after trying again.",
        "Check the network, `endpoints.sts` and the variables AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_*, and run again.",
    ),
    Code(
        "A107",
        "a key is too short",
        "Digests under a short key can be tried out by whoever has them.",
        "Use a random key of at least 16 characters, such as `openssl rand -hex 32` prints.",
    ),
    Code(
        "A108",
        "a secret may not be read",
        "AWS Secrets Manager knows the secret, or won't say whether it does, and refuses these credentials: they lack secretsmanager:GetSecretValue on it, or kms:Decrypt on the key that encrypts it.",
        "Allow the action that the detail names, on that ARN alone, to whoever runs reconcile.",
    ),
    Code(
        "A160",
        "no usable Azure credentials",
        "No Azure credentials were found where Azure clients look, the tenant refused the service principal, or the service that gives "
        "tokens didn't answer.",
        "Sign in (`az login`), give the process an identity, or correct `auth` in the Account.",
    ),
    Code(
        "A161",
        "an Azure secret can't be used",
        "What was found isn't a connection string, an account key or a shared access signature, as the Account says it is.",
        "Copy it again from the storage account's page, whole, to where the Account's reference leads.",
    ),
    Code(
        "A162",
        "no usable Google credentials",
        "No Google credentials were found where Google's clients look, or Google refused the service account.",
        "Sign in (`gcloud auth application-default login`), give the process a service account, or correct `auth` in the Account.",
    ),
    Code(
        "A163",
        "a service account's key can't be used",
        "What was found isn't the JSON key of a service account. Other kinds of credential files are taken from the environment only.",
        "Make a key in the console, as JSON, and put the whole file where the Account's reference leads.",
    ),
    Code(
        "A170",
        "no token for an oauth2 account",
        "The authorization server refused the client or what it asked for, or its answer isn't one of OAuth 2.0. The detail has its code.",
        "Correct tokenUrl, clientId, clientSecret, clientAuthentication or scopes in the Account, or the client at the server.",
    ),
    Code(
        "A171",
        "somebody has to log in again",
        "The refresh token isn't accepted any more: it has expired, was revoked, or was used twice by runners that don't share its file.",
        "Log in again with `reconcile account login NAME`. Runners on several machines need a client whose refresh tokens aren't rotated, or client credentials.",
    ),
    Code(
        "A172",
        "a refresh token can't be saved",
        "Refresh tokens that the server rotates are good for one use, and the new one can't be written where `refreshToken` says.",
        "Name a file that can be written to ({fromFile: PATH}), then log in again with `reconcile account login NAME`.",
    ),
    Code(
        "A173",
        "the authorization server can't be reached",
        "The token endpoint didn't answer in time, failed, or answered with a redirection, which isn't followed.",
        "Check `tokenUrl` and the network, and run again.",
    ),
    Code(
        "A174",
        "nobody was logged in",
        "The login wasn't finished, was denied, or gave no refresh token to keep. Nothing was written.",
        "Do what the detail says, and call `reconcile account login NAME` again.",
    ),
)
