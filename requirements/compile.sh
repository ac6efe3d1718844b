#!/bin/sh
# Renews the pins: every package by version and hash, for Linux and macOS, CPython 3.11 to 3.14.
#
#   sh requirements/compile.sh                          after a change in pyproject.toml
#   sh requirements/compile.sh --upgrade                all to the newest that fits
#   sh requirements/compile.sh --upgrade-package rich   one of them
#
#   build.txt    the build backend
#   worker.txt   what a worker needs in production
#   mcp.txt      the same for agents that use tools of MCP servers
#   run.txt      worker, embedded server, examples and build backend: deploy/setup.sh
#   test.txt     run and the test tools: deploy/setup.sh test
#
# Needs uv and Python 3.11 or newer. The larger file constrains the smaller ones, so that what was
# tested is what runs. Where packages come from is the machine's own setting and is written nowhere.
set -eu
cd "$(dirname "$0")/.."

compile() {
    name=$1
    shift
    # `fewest`: one version of a package for all Pythons. pip wants the same file list everywhere.
    uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest \
        --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
        --output-file "requirements/$name.txt" "$@"
}

backend() {
    python3 -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"])'
}

same="--constraint requirements/test.txt"
backend | compile test "$@" --extra embedded --extra examples --extra mcp --extra test pyproject.toml -
backend | compile run "$@" $same --extra embedded --extra examples pyproject.toml -
compile worker "$@" $same pyproject.toml
compile mcp "$@" $same --extra mcp pyproject.toml
backend | compile build "$@" $same -
