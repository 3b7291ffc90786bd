"""Y1xx: text that isn't the YAML this project reads."""

from __future__ import annotations

from reconciler.codes.base import Code

YAML_CODES = (
    Code(
        "Y101",
        "file too large",
        "Configuration files over 1 MiB are refused before they are read: nobody reviews one, and a parser shouldn't have to.",
        "Split the file: any number of documents in any number of files mean the same.",
    ),
    Code(
        "Y102",
        "file isn't plain UTF-8",
        "Files are UTF-8 without a byte order mark. UTF-16, UTF-32 and bytes that aren't UTF-8 are refused, not guessed.",
        "Save the file as UTF-8 without a byte order mark.",
    ),
    Code(
        "Y103",
        "control character in a file",
        "NUL, other control characters, a carriage return alone and the Unicode line separators are refused: editors and review "
        "pages don't show them, or break the line elsewhere than the parser does.",
        'Delete the character. In text that needs it, write an escape in double quotes, such as "\\t".',
    ),
    Code(
        "Y104",
        "invisible character in a file",
        "Zero-width characters and those that change the direction of text make a file look different from what it says. They are "
        "refused everywhere in a file, comments included, and in keys also when written as an escape. The joiners U+200C and "
        "U+200D are accepted between two non-ASCII characters, where scripts and emoji need them.",
        "Delete the character; retyping the word is the surest way.",
    ),
    Code(
        "Y105",
        "YAML syntax error",
        "The file can't be read as YAML 1.2 beyond this place, so nothing after it in this file was checked.",
        "Mend the line shown, or the one above it: indentation, a missing quote and a colon inside plain text are the usual causes.",
        "description: note: this fails      # quote it: description: 'note: this works'",
    ),
    Code(
        "Y106",
        "duplicate key",
        "The same key twice in one mapping. YAML libraries disagree about which one counts, so neither does.",
        "Keep one of the two.",
    ),
    Code(
        "Y107",
        "key isn't text",
        "Keys are text. A number, true, false, null, a list or a mapping can't be one.",
        "Put the key in quotes if it is meant as text.",
        'labels: {1: gold}      # write {"1": gold}',
    ),
    Code(
        "Y108",
        "YAML tag",
        "Tags such as !!str or !include give a value a type of its own. None is read.",
        "Remove the tag.",
    ),
    Code(
        "Y109",
        "nested too deeply",
        "Mappings and lists may be nested 32 levels deep, aliases expanded. No resource needs more than ten.",
        "Remove the needless brackets or indentation.",
    ),
    Code(
        "Y110",
        "alias can't be followed",
        "An alias (*name) needs an anchor (&name) before it in the same document, outside of itself; an anchor is set once.",
        "Set the anchor once, before its first use, on a value that doesn't contain the alias.",
    ),
    Code(
        "Y111",
        "file holds too much",
        "A file may hold 5,000 documents, and a document 100,000 values with every alias replaced by what it stands for.",
        "Split the file, or use fewer aliases of aliases.",
    ),
    Code(
        "Y112",
        "merge key",
        "The key << merged mappings in YAML 1.1. YAML 1.2 has no such key, and readers disagree about its order.",
        "Repeat the keys, use an alias for a whole value, or set defaults where the resource offers them.",
    ),
    Code(
        "Y113",
        "number can't be used",
        "Numbers are finite, integers fit into 64 bits. Not-a-number, infinity and larger ones are refused rather than rounded.",
        "Write a smaller number, or put it in quotes if it is text.",
    ),
    Code(
        "Y114",
        "document isn't a mapping",
        "Each document is one resource: a mapping with apiVersion, kind, metadata and spec.",
        "Write the resource as keys and values, or remove the document.",
    ),
    Code(
        "Y115",
        "YAML directive",
        "Directives (lines that begin with %) are refused, but for %YAML 1.2, which says what is read anyway.",
        "Remove the line.",
    ),
)
