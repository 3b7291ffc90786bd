"""R14x, D14x, A14x: types of destinations and accounts, built-in ones and those that plug-ins add."""

from __future__ import annotations

from reconciler.codes.base import Code

TYPE_CODES = (
    Code(
        "R140",
        "unknown destination type",
        "No built-in destination type has this name, and no package that is installed where reconcile runs adds it.",
        "Correct the name, or install the package that adds the type into the same Python environment. `reconcile catalog` lists what there is.",
    ),
    Code(
        "R141",
        "account of another type",
        "What signs in with an account needs one of a certain type: a bucket of S3 needs `aws`. The account that is named has another type.",
        "Name an account of the right type, or declare one.",
    ),
    Code(
        "R142",
        "destination type doesn't write this format",
        "Each destination type says which formats it writes. The destination, or an activation's own format, asks for another.",
        "Choose a format that `reconcile catalog TYPE` lists.",
    ),
    Code(
        "D140",
        "the destination's type isn't installed",
        "The destination was applied with a type that a package added, and where reconcile runs now that package is missing, or its version no longer reads "
        "the connection as it was applied. Nothing was sent; other destinations go on.",
        "Install the package in the version that was used, then run again. Or remove the destination from the configuration and apply.",
    ),
    Code(
        "D141",
        "a destination plug-in can't be used",
        "A package that is installed says that it adds a destination type, and what it declares can't be used: it can't be imported, isn't a type's declaration, "
        "has the name of a built-in type, or two packages add one name.",
        "Upgrade or remove the package. Its author finds the rules in docs/destination-types.md.",
    ),
    Code(
        "A140",
        "the account is of another type",
        "What was applied signs in with an account of a type that doesn't fit. Configuration refuses that, so that the ledger was changed otherwise.",
        "Correct the account in the configuration, plan and apply.",
    ),
)
