"""C1xx: documents that don't have the form of their kind."""

from __future__ import annotations

from reconciler.codes.base import Code

SCHEMA_CODES = (
    Code(
        "C101",
        "unknown key",
        "The key isn't part of this kind. Nothing is accepted and ignored: a field that this version doesn't implement is unknown.",
        "Correct the spelling, move the key to where it belongs, or remove it. `reconcile schema KIND` lists all keys.",
        "schedul: nightly      # did you mean schedule?",
    ),
    Code(
        "C102",
        "missing key",
        "A key that this kind needs isn't there.",
        "Add the key. `reconcile schema KIND` says what it holds.",
    ),
    Code(
        "C103",
        "wrong type",
        "The value has another type than the field: text, integer, number, true or false, list or mapping. YAML 1.2 rules decide: "
        "yes, no, on, off, 010 and dates are text; true, 5 and 1.5 are not.",
        "Write a value of the type that is named. Quotes turn anything into text.",
        'expectedBucketOwner: 123456789012      # write "123456789012"',
    ),
    Code(
        "C104",
        "value isn't one of the choices",
        "The field takes one of a closed list of values.",
        "Use one of the values listed.",
    ),
    Code(
        "C105",
        "value is malformed",
        "The text doesn't have the form that the field asks for.",
        "Write it in the form that is named.",
    ),
    Code(
        "C106",
        "value out of range",
        "The number, or the length of the text or list, is outside of what the field takes.",
        "Use a value within the range.",
    ),
    Code(
        "C107",
        "unknown kind",
        "`kind` isn't one that this version knows.",
        "Correct the spelling; `reconcile schema` lists the kinds.",
    ),
    Code(
        "C108",
        "wrong apiVersion",
        "Every document that is read says `apiVersion: reconciler/v1`. One that doesn't is an error and never skipped: a typing error "
        "here must not look like a removal.",
        "Correct the apiVersion. A file that isn't ours is left out with Project.spec.exclude, or by a folder beginning with a dot.",
    ),
    Code(
        "C109",
        "keys don't fit together",
        "The value matches none of the forms that the field takes, or mixes the keys of several.",
        "Use the keys of one form.",
    ),
    Code(
        "C110",
        "invalid value",
        "The value has the right form but can't be meant: the detail says why.",
        "Correct the value as the detail says.",
    ),
    Code(
        "C112",
        "too many findings",
        "After 1,000 findings nothing more is checked or listed.",
        "Mend what is listed and validate again. If everything is wrong, this may not be the right directory.",
    ),
    Code(
        "C111",
        "value listed twice",
        "A list of distinct values names one of them twice.",
        "Remove one of them.",
    ),
)
