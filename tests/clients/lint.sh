#!/bin/sh
# Asks two linters about the API's description. Prints what they say, and fails if that is anything.
#
#   sh tests/clients/lint.sh
set -eu

LINTERS=$PWD/.venv/npm/tests/clients/node_modules/.bin
PATH=$PWD/.venv/bin:$PATH
# Neither asks the network for anything.
export PATH REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python manage.py spectacular --format openapi-json --validate --fail-on-warn --file "$folder/openapi.json"

"$LINTERS/redocly" lint --config tests/clients/redocly.yaml "$folder/openapi.json" >"$folder/redocly" 2>&1 &
first=$!
status=0
"$LINTERS/spectral" lint --ruleset tests/clients/spectral.yaml --fail-severity=hint "$folder/openapi.json" || status=1
wait "$first" || { status=1 && cat "$folder/redocly"; }
exit "$status"
