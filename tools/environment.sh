#!/bin/sh
# Builds the environment in .venv from requirements.lock, or returns at once where it is up to date.
# make calls it. PYTHON names the interpreter; without it, the first good one of $candidates is taken.
# Whatever goes wrong ends in one line on stderr that names the remedy.
set -u
cd "$(dirname "$0")/.." || exit 1

candidates="python3 python3.13 python3.12 python3.11"
log=.venv-install.log
stamp=.venv/.complete # written last, so an interrupted installation has none
identity='import sys; print(sys.base_prefix, sys.version)'

fail() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Prints what keeps the interpreter $1 from being used; nothing if it is good.
objection() {
  "$1" -c '
import sys
if sys.version_info < (3, 11):
    print("is Python %d.%d" % sys.version_info[:2])
else:
    for module in "ssl", "venv", "ensurepip":
        try:
            __import__(module)
        except ImportError:
            print("lacks the standard module " + module)
            break
' 2>/dev/null || echo "is not a Python that runs"
}

# Sets $python, or fails.
choose_python() {
  if [ -n "${PYTHON:-}" ]; then set -- "$PYTHON"; else set -- $candidates; fi
  crippled=
  for python; do
    reason=$(objection "$python")
    case $reason in
      "") return ;;
      lacks*) crippled=${crippled:-"$python $reason"} ;;
    esac
  done
  if [ -n "$crippled" ]; then
    fail "$crippled: install it (Debian, Ubuntu: apt-get install python3-venv), or name another Python: make PYTHON=/path/to/python3"
  elif [ -n "${PYTHON:-}" ]; then
    fail "PYTHON=$PYTHON $reason: name Python 3.11 or newer, or leave PYTHON out to have one looked for"
  fi
  fail "no Python 3.11 or newer among $candidates: install one, or name it: make PYTHON=/path/to/python3"
}

# Runs one step of the installation, silently, into the log.
step() {
  "$@" >>"$log" 2>&1 </dev/null || explain
}

explain() {
  if disk_is_full; then
    fail "the disk is full: free 1.5 GB in $PWD and in ${TMPDIR:-/tmp} (TMPDIR names another folder for that), then run make again; log: $log"
  elif network_is_down; then
    fail "no network: pip cannot reach the package registry; connect (or set https_proxy), then run make again; log: $log"
  fi
  reason=$(sed -nE 's/^ *((ERROR|[A-Za-z]*Error): .*)/\1/p' "$log" | tail -n 1)
  fail "the environment was not built: ${reason:-$(tail -n 1 "$log")}; log: $log"
}

disk_is_full() {
  grep -qiE 'no space left on device|errno 28[^0-9]|disk quota exceeded' "$log" ||
    [ "$(df -Pk . | awk 'NR == 2 { print $4 }')" -lt 1024 ] 2>/dev/null # so full that the log says nothing
}

network_is_down() {
  grep -qE 'Retrying \(Retry|Max retries exceeded|ProxyError|SSLError|Connection(Reset|Refused)?Error|ReadTimeout|name resolution' "$log"
}

# The environment that is there is usable if it was completed in this folder and its interpreter runs and is the one asked for.
usable() {
  [ -f "$stamp" ] && [ "$(head -n 1 "$stamp")" = "$here" ] || return 1
  found=$(.venv/bin/python -c "$identity" 2>/dev/null) || return 1
  [ -z "${PYTHON:-}" ] || [ "$("$PYTHON" -c "$identity" 2>/dev/null)" = "$found" ]
}

here=$(pwd -P)
inputs=$(cksum requirements.lock pyproject.toml)

if usable; then
  [ "$(tail -n +2 "$stamp")" != "$inputs" ] || exit 0
  doing=Updating
else
  choose_python
  doing=Building
fi

(: >"$log") 2>/dev/null || fail "cannot write in $PWD: check its permissions and the free disk space"
if [ $doing = Updating ]; then
  echo "Updating the environment in .venv ..."
  rm -f "$stamp"
else
  echo "Building the environment in .venv (about a minute) ..."
  rm -rf .venv
  step "$python" -m venv .venv
fi
pip() {
  step .venv/bin/python -m pip --disable-pip-version-check --no-input install --progress-bar off "$@"
}
pip --require-hashes --only-binary :all: --no-compile --requirement requirements.lock # compiled when first imported: twice as fast
pip --no-deps --no-build-isolation --editable .
{ printf '%s\n' "$here" "$inputs" >"$stamp"; } 2>/dev/null || explain
