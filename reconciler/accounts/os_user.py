"""Who somebody is, by the operating system: the process's own user and groups, whatever its environment says."""

from __future__ import annotations

import grp
import os
import pwd

from reconciler.plan.permitted import Principal


def os_principal() -> Principal:
    """The effective user; one without a name is `uid:N`, and so are groups (`gid:N`)."""
    uid, gid = os.geteuid(), os.getegid()
    try:
        name = pwd.getpwuid(uid).pw_name
        gids = os.getgrouplist(name, gid)
    except (KeyError, OSError):
        name, gids = f"uid:{uid}", [gid]
    return Principal(name=name, groups=tuple(sorted({_group(each) for each in gids})))


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return f"gid:{gid}"
