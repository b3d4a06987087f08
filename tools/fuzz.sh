#!/usr/bin/env bash
# Runs every fuzz target for FUZZTIME each, one after the other. The first
# finding stops it; Go leaves the input under testdata/fuzz, to be committed.
set -euo pipefail
cd "$(dirname "$0")/.."

targets=$(grep -roE --include='*_test.go' --exclude-dir={testdata,tools} '^func Fuzz[A-Za-z0-9_]+' . | sort || true)
while IFS=: read -r file func; do
	[ -n "$file" ] || continue
	name=${func#func }
	echo "$(dirname "$file") $name"
	go test -run '^$' -fuzz "^$name\$" -fuzztime "${FUZZTIME:-30s}" "$(dirname "$file")" </dev/null
done <<<"$targets"
