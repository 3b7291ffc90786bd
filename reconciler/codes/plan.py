"""G10x: what a plan refuses; G12x: why a saved plan no longer applies."""

from __future__ import annotations

from reconciler.codes.base import Code

PLAN_CODES = (
    Code(
        "G101",
        "the ledger belongs to another environment",
        "A ledger belongs to the environment that made it, so that staging's configuration can't rewrite production.",
        "Choose the environment with --env, or the ledger in the Project.",
    ),
    Code(
        "G102",
        "the ledger is simulated and the project isn't, or the reverse",
        "Whether a ledger is simulated is fixed when it is made: in a simulated one, time may run ahead of the clock.",
        "Correct spec.ledger.simulated of the Project, or name another ledger.",
    ),
    Code(
        "G103",
        "another project owns this",
        "One ledger may serve several projects. A plan never changes, takes over or removes what another one owns.",
        "Use another name here, or leave it to the project that owns it.",
    ),
    Code(
        "G104",
        "this is protected from removal",
        "The ledger remembers `protect: true`, so that leaving out the document doesn't remove the protection with it.",
        "Put the document back, apply it with `protect: false`, and remove it then.",
    ),
    Code(
        "G105",
        "too many flows would be removed",
        "One apply removes a limited share of the applied flows: a folder that went missing must not end every export.",
        "Look whether files are missing. If all of this is meant, allow it with --allow-removals.",
    ),
    Code(
        "G106",
        "every flow would be removed",
        "Nothing that is applied is declared any more: far more often an empty or a wrong folder than a wish.",
        "Look whether this is the right folder. If all of it is meant, say --allow-removals all.",
    ),
    Code(
        "G107",
        "the selection matches nothing",
        "No declared or applied flow and no destination matches what --select says, so the plan would be empty by mistake.",
        "Correct the pattern; `reconcile list` shows the names.",
    ),
    Code(
        "G109",
        "another project's folder",
        "Two projects of one ledger would export into one folder, where neither knows the other's files.",
        "Give the destination a folder of its own, or let one project declare it.",
    ),
    Code(
        "G108",
        "an older revision than the applied one",
        "A newer commit has been applied. Applying an older one would undo it, as a slow or repeated job does by accident.",
        "Apply the newest commit. To go back on purpose, revert in git, or say --allow-rewind.",
    ),
    Code(
        "G170",
        "another project hasn't offered this",
        "A project takes over what another one of its ledger owns only once that one has said so: `transferTo` on the activation, destination, audience or dataset, applied there. Until then nothing changes hands.",
        "Have the other project apply `transferTo` with this project's name, or take `adoptFrom` out.",
    ),
    Code(
        "G171",
        "there is nothing to adopt",
        "`adoptFrom` says that another project exports this already, and no such flow is applied. Begun as a new one, it would export everything, perhaps beside the flow that was meant.",
        "Name destination, audience or dataset, and feed as they are there, or say with `renamedFrom` what they are called there. If the flow is a new one, take `adoptFrom` out.",
    ),
    Code(
        "G172",
        "this is offered to another project",
        "What is offered goes on here until the other project has adopted it, and that one counts on it: removed before, nobody would export it.",
        "Keep its documents until it is adopted. To end it instead, take `transferTo` out, apply, and remove it then.",
    ),
    Code(
        "G173",
        "protection would be lost on the way",
        "The other project protects this from removal, and handing over keeps that.",
        "Declare it with `protect: true`, adopt it, and take the protection off in a change of its own.",
    ),
    Code(
        "G174",
        "the destination is another one there",
        "Flows were handed over without their destination, which stays with its project. It is used as that one applied it.",
        "Declare the destination with the same folder, or have it handed over too.",
    ),
    Code(
        "G175",
        "the destination is in use",
        "Flows that were handed over to another project without their destination still export there.",
        "Hand the destination over too (`transferTo`), or wait until those flows are gone.",
    ),
    Code(
        "G176",
        "an audience or dataset in use can't be removed",
        "An activation that selects by labels exports it. Left out, its flow would end without any change to the activation.",
        "Take its labels out of the selector's way and apply that first; then remove the document.",
    ),
    Code(
        "G177",
        "a relative folder can't be handed over",
        "A relative path is below each project's own directory. Written alike in two projects, it is two folders: the flow would go on where nothing of it is.",
        "Write the absolute path in the old project and apply that, then in the new one too.",
    ),
    Code(
        "G121",
        "the saved plan has expired",
        "A saved plan is valid for a limited time: what it was reviewed against grows old.",
        "Plan again and have that reviewed.",
    ),
    Code(
        "G122",
        "the saved plan is for another ledger",
        "The ledger isn't the one that was planned against: its lineage differs, or it was made since.",
        "Check the ledger's URL, or plan again.",
    ),
    Code(
        "G123",
        "something was applied since the plan was made",
        "Another apply changed the ledger after this plan had been made, so its changes may no longer be what was reviewed.",
        "Plan again and have that reviewed.",
    ),
    Code(
        "G124",
        "an object changed since the plan was made",
        "A flow or destination that the plan touches isn't as it was when the plan was made.",
        "Plan again and have that reviewed.",
    ),
    Code(
        "G125",
        "the saved plan is for another configuration",
        "The configuration here isn't the one that was planned.",
        "Check out the planned revision, or plan again.",
    ),
    Code(
        "G126",
        "the saved plan was made by another version",
        "A plan is performed by the version that made it: another one may mean something else by the same words.",
        "Use the version that made it, or plan again.",
    ),
    Code(
        "G127",
        "a flow has exported since the plan was made",
        "When the plan was made, the flow had exported nothing, so its change cost nothing. A run has exported since, and the change "
        "would make its next export a full one: not what was reviewed.",
        "Plan again and have that reviewed.",
    ),
    Code(
        "G128",
        "the saved plan isn't what the configuration gives",
        "Before a saved plan is performed, it is derived again from the configuration and the ledger that it is bound to. This one holds "
        "other changes, or lacks some: it was edited by hand.",
        "Plan again with --out, and have that reviewed.",
    ),
    Code(
        "G130",
        "not a saved plan",
        "The file isn't one that `plan --out` wrote: cut off, or something else.",
        "Plan again with --out, and name that file.",
    ),
    Code(
        "G131",
        "the saved plan was changed after it was written",
        "A saved plan holds the digest of its own content, and this one's content has another digest: it was edited or damaged.",
        "Plan again with --out. To plan something else, change the configuration.",
    ),
    Code(
        "G132",
        "the saved plan is of a newer format",
        "A newer version of the tool wrote this file, and this version can't tell what it means.",
        "Use the version that made it, or plan again with this one.",
    ),
    Code(
        "G133",
        "the saved plan can't be read or written",
        "The file or its folder isn't there, isn't an ordinary file, or isn't accessible.",
        "Correct the path or its permissions.",
    ),
    Code(
        "G134",
        "a saved plan is performed as it is",
        "What is planned and what may be removed was settled when the plan was made; a saved one is performed exactly or not at all.",
        "Leave the option out, or plan again with it.",
    ),
    Code(
        "G135",
        "a comparison looks at no destination",
        "`--base` compares two revisions of the configuration, without ledger, secrets and network; `--refresh` looks at what is applied.",
        "Leave one of the two out.",
    ),
    Code(
        "G136",
        "a comparison reads no data",
        "`--base` compares two revisions of the configuration, without ledger, secrets and network; `--data` reads the datasets.",
        "Leave one of the two out.",
    ),
    Code(
        "G137",
        "samples can't be shown so",
        "`--samples N` shows the shapes of up to 20 rows of each due export, beside the numbers of `--data`: on a terminal or as JSON, never in a comment that others keep.",
        "Add --data, ask for 1 to 20, and leave --format markdown out.",
    ),
)
