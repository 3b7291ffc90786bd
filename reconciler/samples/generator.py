"""Prospects out of word lists and a seed: the same seed gives the same people on every machine and Python version.

Nobody here exists: addresses are below example.com, example.org and example.net, which are reserved for documentation
(RFC 2606).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

_FIRST_NAMES = (
    "Ada Aiko Amara Anaïs Björn Carla Chidi Daniela Dilan Elif Emeka Farah Fatima Gábor Grace Hana Hugo Ines Ivo "
    "Jamal Jana "
    "João Kaito Kavya Lena Liam Luca Mateo Mei Mila Noah Nora Oskar Paul Priya Quentin Rosa Saanvi Siobhán Tariq "
    "Tomás Uma "
    "Viktor Wanja Xenia Yara Zoë"
)
_LAST_NAMES = (
    "Abara Almeida Andersen Baker Bauer Brooks Castro Costa Demir Dubois Eriksen Fischer Ferrari García Haddad "
    "Hughes Ito "
    "Ivanova Jansen Kaya Keller Khan Kowalski Lambert Larsen Lindqvist Mäkinen Mendes Meyer Moreau Murphy Müller "
    "Nakamura Novák "
    "Okafor Olsen O'Neill Park Patel Pereira Popescu Rossi Santos Schmidt Silva Singh Sørensen Tanaka Varga Weber "
    "Yilmaz"
)
_FIRST, _LAST = _FIRST_NAMES.split(), _LAST_NAMES.split()
_DOMAINS = ("example.com", "example.org", "example.net")
_CITIES = {
    "US": ("Springfield", "Riverton", "Fairview"),
    "DE": ("Musterstadt", "Neuburg", "Grünau"),
    "FR": ("Villeneuve", "Beaulieu", "Saint-Rémy"),
    "IE": ("Ballymore", "Kilbride"),
    "NO": ("Nordvik", "Sørfjord"),
    "BR": ("São Bento", "Boa Vista"),
    "JP": ("Kawamura", "Aoyama"),
}
_COUNTRIES = ("US", "US", "US", "US", "DE", "DE", "FR", "IE", "NO", "BR", "JP")
_TAGS = ("newsletter", "webinar", "trial", "partner", "returning", "mobile", "b2b", "students")
_SOURCES = ("web", "event", "referral", "search, paid", 'the "spring" letter')
_CONSENT = ("explicit", "yes", "no", None)
_LETTERS = str.maketrans("ïöáãëéçñäüøí", "ioaaeecnauoi")

COLUMNS: dict[str, str] = {
    "prospect_id": "string",
    "email": "string",
    "first_name": "string",
    "last_name": "string",
    "country": "string",
    "city": "string",
    "postcode": "string",
    "intent_score": "double",
    "page_views": "int",
    "lifetime_cents": "long",
    "budget": "decimal(12,2)",
    "newsletter": "boolean",
    "first_seen": "date",
    "ingested_at": "timestamp",
    "consent": "string",
    "source": "string",
    "tags": "list<string>",
    "visit": "struct<page: string, seconds: int, referrer: struct<host: string, paid: boolean>>",
}
FLAT_COLUMNS: dict[str, str] = {name: kind for name, kind in COLUMNS.items() if name not in ("tags", "visit")}

Row = dict[str, object]


def prospects(count: int, *, seed: int = 7, first: int = 1, day: datetime | None = None) -> Iterator[Row]:
    """`count` rows of `COLUMNS`, ids from `first` on, ingested within the 24 hours before `day` (aware UTC.

    Default 2026-12-01).
    """
    day = day or datetime(2026, 12, 1, tzinfo=UTC)
    chance = random.Random(f"{seed}/{first}")
    for number in range(first, first + count):
        yield _prospect(number, chance, day)


def _prospect(number: int, chance: random.Random, day: datetime) -> Row:
    given, family = chance.choice(_FIRST), chance.choice(_LAST)
    country = chance.choice(_COUNTRIES)
    return {
        "prospect_id": f"p-{number:08d}",
        "email": None if chance.random() < 0.02 else _email(given, family, number, chance),
        "first_name": given,
        "last_name": family,
        "country": None if chance.random() < 0.01 else country,
        "city": chance.choice(_CITIES[country]),
        "postcode": f"{chance.randrange(100_000):05d}",
        "intent_score": round(chance.random(), 4),
        "page_views": min(int(chance.expovariate(0.1)), 10_000),
        "lifetime_cents": None if chance.random() < 0.3 else chance.randrange(10**10),
        "budget": Decimal(chance.randrange(10**7)).scaleb(-2),
        "newsletter": chance.random() < 0.4,
        "first_seen": date(2024, 1, 1) + timedelta(days=chance.randrange(1000)),
        "ingested_at": day - timedelta(microseconds=chance.randrange(1, 86_400_000_000)),
        "consent": chance.choice(_CONSENT),
        "source": chance.choice(_SOURCES),
        "tags": None if chance.random() < 0.05 else chance.sample(_TAGS, chance.randrange(4)),
        "visit": _visit(chance),
    }


def _email(given: str, family: str, number: int, chance: random.Random) -> str:
    plain = f"{given}.{family}".lower().translate(_LETTERS).encode("ascii", "ignore").decode().replace("'", "")
    return f"{plain}.{number}@{chance.choice(_DOMAINS)}"


def _visit(chance: random.Random) -> Row | None:
    if chance.random() < 0.1:
        return None
    referrer = {"host": f"news{chance.randrange(50)}.example.org", "paid": chance.random() < 0.2}
    return {
        "page": f"/offers/{chance.randrange(500)}",
        "seconds": chance.randrange(1, 900),
        "referrer": None if chance.random() < 0.2 else referrer,
    }
