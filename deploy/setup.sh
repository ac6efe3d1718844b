#!/bin/sh
# Makes `.venv` in this checkout and installs Lockstep there, every package by version and hash.
#
#   sh deploy/setup.sh         what it takes to run: runtime, embedded server, examples
#   sh deploy/setup.sh test    that, and the test tools
#
# A second call finds its stamp and returns at once; a change in the pins or in pyproject.toml makes the
# stamp stale, and .venv is brought up to date. It is made anew where its Python is gone, where the
# checkout was moved (scripts name their interpreter by its full path), and where an earlier call was
# interrupted: the stamp says `unfinished` from the first file written to the last.
#
# Only wheels are installed: no package gets to run code of its own during set-up.
set -eu
cd "$(dirname "$0")/.."
stamps=.venv/lockstep.stamp

stop() {
    echo "setup: $1" >&2
    exit "${2:-1}"
}

stamp() {
    echo "$1 $(cat "requirements/$1.txt" pyproject.toml | cksum)"
}

stamped() {
    grep -qxF "$1" "$stamps" 2>/dev/null
}

# pip as well: an interrupted `venv` has a Python, and nothing to install with.
alive() {
    .venv/bin/python -m pip --version >/dev/null 2>&1
}

# A name on the path may be a stub that only prints advice, so each candidate is asked to run.
choose_python() {
    bare=
    for python in python3 python3.14 python3.13 python3.12 python3.11; do
        "$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
            2>/dev/null || continue
        "$python" -c 'import ensurepip, venv' 2>/dev/null && return
        bare=${bare:-$python}
    done
    [ -z "$bare" ] ||
        stop "$bare cannot make virtual environments; install them (Debian, Ubuntu: apt-get install $bare-venv) and run this again"
    stop "wanted Python 3.11 to 3.14, found $(python3 --version 2>/dev/null || echo none); install one (Debian, Ubuntu: apt-get install python3 python3-venv) and run this again"
}

mode=${1:-run}
case $mode in
    run | test) ;;
    *) stop "wanted \`run\` or \`test\`, found \`$mode\`" 2 ;;
esac

if stamped "at $PWD" && stamped "$(stamp "$mode")" && .venv/bin/python -c '' 2>/dev/null; then
    exit 0
fi

if ! alive || { [ -e "$stamps" ] && ! stamped "at $PWD"; }; then
    choose_python
    rm -rf .venv
    mkdir .venv
    echo unfinished >"$stamps"
    echo "setup: making .venv with $("$python" --version) and installing $(grep -c '==' "requirements/$mode.txt") packages; takes about a minute"
    "$python" -m venv .venv
else
    echo unfinished >"$stamps"
    echo "setup: bringing .venv up to date; takes up to a minute"
fi

# Errors only: a machine's own package settings may warn once for each package.
install() {
    .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --no-input "$@"
}

install --only-binary :all: --require-hashes -r "requirements/$mode.txt"
install --no-deps --no-build-isolation -e .

# Whoever can test can run.
{
    echo "at $PWD"
    stamp run
    [ "$mode" = run ] || stamp test
} >"$stamps.new"
mv "$stamps.new" "$stamps"
