"""R16x, G15x: roles, and what permissions refuse."""

from __future__ import annotations

from reconciler.codes.base import Code

ACCESS_CODES = (
    Code(
        "R160",
        "nobody may change the roles",
        "Once roles are applied, a change to roles, identity or policies needs manage-policies, by the roles that were applied before it. If none grants it, nobody can change them any more.",
        "Grant manage-policies to somebody, in a role that names no destinations.",
        "apiVersion: reconciler/v1\nkind: Role\nmetadata: {name: privacy}\nspec: {subjects: [{group: privacy-office}], grants: [manage-policies]}",
    ),
    Code(
        "G150",
        "not permitted",
        "Roles are applied, and who plans or applies lacks a permission that a change needs. Connecting a destination needs view and manage, activating needs view and activate; data sets have permissions of their own; roles, identity, policies and what lifts them need manage-policies. A project that is new to a ledger in which others have roles needs manage-policies there. It is judged by the roles as they were applied last.",
        "Have somebody apply it who the detail names, or have the role changed by who may do that.",
    ),
    Code(
        "G151",
        "it isn't known who this is",
        "Roles are applied, and the project's `identity` says that people prove who they are with a token; there is none here.",
        "Put an ID token of the issuer, for the audience that `identity` names, where `identity.token` says: by default into the environment variable RECONCILER_ID_TOKEN.",
    ),
    Code(
        "G152",
        "the ID token isn't accepted",
        "A token counts only if it is signed by a key of the issuer with an algorithm that `identity` allows, is for the audience it names, and is neither expired nor from the future. The token itself is never shown.",
        "Get a new token from the issuer; look whether issuer, audience, keys and userClaim are as they were applied.",
    ),
    Code(
        "G153",
        "the issuer's keys can't be read",
        "Tokens are verified with the issuer's public keys, a JSON Web Key Set in a file or at a URL. Without them nobody is who they say.",
        "Correct `identity.keys`, or make the file or the URL readable from here.",
    ),
)
"""What is refused of people."""
