"""R15x: labels, marketing actions and policies as configuration; G14x: what policies refuse."""

from __future__ import annotations

from reconciler.codes.base import Code

GOVERNANCE_CODES = (
    Code(
        "R150",
        "unknown data-usage label",
        "A column's labels say what its data is, or must not be used for, and policies go by them. A label that nobody knows would protect nothing. `reconcile list Label` prints the core labels and the project's own.",
        "Correct the name, or declare a Label.",
        "apiVersion: reconciler/v1\nkind: Label\nmetadata: {name: loyalty}\nspec: {meaning: Comes from the loyalty programme.}",
    ),
    Code(
        "R151",
        "name of a core label, action or policy",
        "Core labels, marketing actions and policies mean the same in every project. A Policy with a core policy's name only switches it: it says status and reason, and nothing else. Other policies don't begin with core-, so that a mistyped name switches nothing off by mistake and isn't a policy of its own either.",
        "Use another name; or, to switch a core policy, write its status and reason alone.",
        "apiVersion: reconciler/v1\nkind: Policy\nmetadata: {name: core-analytics}\nspec: {status: disabled, reason: Measured under a contract of its own.}",
    ),
    Code(
        "R152",
        "policy that isn't complete",
        "A policy of one's own says what it denies. A document that switches a core policy off, or makes it a draft, says why, for those who review it.",
        "Add deny, or the reason.",
        "apiVersion: reconciler/v1\nkind: Policy\nmetadata: {name: no-precise-location}\nspec:\n  marketingActions: [export-to-third-party]\n  deny: {operator: AND, operands: [S1, {operator: OR, operands: [I1, I2]}]}",
    ),
    Code(
        "G140",
        "a policy forbids this",
        "Policies are judged over everything that one recipient receives: all flows, of all its destinations, of every project of the ledger. What carries a label is a column that leaves, whatever is made of it, and a column that `where` reads. The detail says which labels come together by which flows, and where they are declared. A plan that only removes or suspends is performed all the same, and exports nothing of it.",
        "Leave a column out, choose the audience without it, correct a label that is wrong or a marketing action that the destination isn't used for; or change the policy, in a file that is reviewed.",
    ),
    Code(
        "G141",
        "a draft of a policy would forbid this",
        "A policy with `status: draft` warns of what it would refuse, so that a team sees what it costs before it is enabled.",
        "Mend it as if it were enabled, or correct the draft.",
    ),
    Code(
        "R153",
        "unknown policy in an override",
        "An override of an activation lifts one policy for a while, by its name. A name that no policy has lifts nothing.",
        "Correct the name; `reconcile list Policy` prints the core policies and the project's own.",
        'metadata:\n  name: agency-nightly\n  override: {policy: core-third-party, until: 2026-12-31, reason: "DPA-2026-14, amendment 2"}',
    ),
    Code(
        "R154",
        "the same data under other labels",
        "Two datasets read the same files, or one reads a folder inside of the other's, and a column has a label in one of them only. Labels say what the data is; a second declaration would be a way around every policy.",
        "Give the column the same labels in both, or correct the location.",
    ),
    Code(
        "G142",
        "an override lifts nothing",
        "The policy that it lifts isn't broken by what the activation sends, or is disabled. It would stop the activation's flows on the day after its last, for nothing.",
        "Remove the override.",
    ),
    Code(
        "G143",
        "the override of a policy has ended",
        "An override lifts a policy through its last day, midnight UTC. After it the flows of its activation export nothing, since what they were applied by is over; and nothing is applied until it is settled.",
        "Remove the override and mend what it let pass: leave the column out, or change the policy. To go on as before, have a later day reviewed.",
    ),
    Code(
        "G144",
        "the recipient's agreement is over",
        "`recipient.until` is the last day on which anything leaves for a recipient, by UTC. After it, no flow to it is added, changed, adopted or resumed, and runs of those that are applied hold (H113). Other recipients' flows go on.",
        "Write the new last day to recipient.until once the agreement is prolonged, or suspend or remove the flows.",
    ),
    Code(
        "U130",
        "the what-if can't be judged",
        "`policy test` judges names and expressions of the project: what would leave (columns, a condition, or labels), and who would get it or what for.",
        "Correct what the detail names; `reconcile list` shows what there is.",
    ),
)
