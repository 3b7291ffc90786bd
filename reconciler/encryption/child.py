"""The process that encrypts one file: from its input to its output. `python -m reconciler.encryption.child DESCRIPTOR`.

Sequoia's Python binding works from file to file, streaming, and holds the interpreter's lock meanwhile: so whoever feeds it has to be
another process. Keys come as one JSON document through a pipe of their own, never as arguments or in the environment. The exit code is 0
only once all is written.
"""

from __future__ import annotations

import json
import os
import sys

FAILED = 3


def main(descriptor: int) -> int:
    """Encrypts. `descriptor`: of the pipe with `{"recipients": [hex], "sign": text or null, "passphrase": text or null}`."""
    import pysequoia

    with os.fdopen(descriptor, "rb") as pipe:
        told = json.loads(pipe.read())
    recipients = [pysequoia.Cert.from_bytes(bytes.fromhex(each)) for each in told["recipients"]]
    signer = pysequoia.Tsk.from_bytes(told["sign"].encode()).signer(told["passphrase"]) if told["sign"] else None
    try:
        pysequoia.encrypt_file("/dev/fd/0", "/dev/fd/1", recipients=recipients, signer=signer, armor=False)
    except RuntimeError:
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
