#!/usr/bin/env bash
# Servers that tests start and that PyPI doesn't have: Azurite and an authorization server from npm, OpenSSH and GnuPG from Debian.
# What can't be installed here is left out: its tests are skipped and say what they lack, and under CI they fail.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! [ -x /usr/sbin/sshd ] || ! [ -x /usr/bin/gpg ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    { apt-get install -qq -y --no-install-recommends openssh-server gnupg ||
      { apt-get update -qq && apt-get install -qq -y --no-install-recommends openssh-server gnupg; }; } >/dev/null ||
      echo "OpenSSH and GnuPG couldn't be installed: tests of sftp and encryption will say so." >&2
  else
    echo "sshd or gpg is missing, and only root can install them: tests of sftp and encryption will say so." >&2
  fi
fi

if command -v npm >/dev/null; then
  mkdir -p .servers
  cp tests/servers/node/package.json tests/servers/node/package-lock.json tests/servers/node/.npmrc .servers/
  (cd .servers && npm ci --silent --ignore-scripts) ||
    echo "npm couldn't install Azurite and the authorization server: their tests will say so." >&2
else
  echo "No npm: tests that need Azurite or the authorization server will say so." >&2
fi
