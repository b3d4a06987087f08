#!/usr/bin/env bash
# Runs the tests: `make test`, and with OUTTURN_TEST_FULL=1 `make test-full`.
# The last line is the count. With CI=true a skip that testdata/skips.txt does
# not list is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/.tools/bin
log=$PWD/.tools/test
full=${OUTTURN_TEST_FULL:-}
timeout=10m
[ -z "$full" ] || timeout=30m # the command line takes hundreds of hostile texts at every place

# Packages with goroutines of their own; those that do not exist yet are left out.
concurrent=(internal/batch internal/blob internal/compress internal/format internal/pipeline internal/queue internal/runner internal/source)

main() {
	rm -rf "$log"
	mkdir -p "$log"

	go vet ./...
	(cd tools && go vet ./...)
	benchmarks
	[ -z "$full" ] || race

	local failed=
	suite tools tools ./... || failed=1
	suite product . ./... || failed=1
	"$bin/skips" ${full:+-full} "$log/tools.json" "$log/product.json" || failed=1
	[ -z "$failed" ]
}

suite() { # name, folder, what go test is given
	local name=$1 dir=$2
	shift 2
	(cd "$dir" && "$bin/gotestsum" --format standard-quiet --hide-summary skipped \
		--jsonfile "$log/$name.json" -- -timeout "$timeout" "$@")
}

# The race detector takes the short cases: it is ten times slower, and what it
# looks for does not depend on the amount.
race() {
	local dirs=() dir
	for dir in "${concurrent[@]}"; do
		[ ! -d "$dir" ] || dirs+=("./$dir/...")
	done
	[ ${#dirs[@]} -gt 0 ] || return 0
	echo "with the race detector:"
	OUTTURN_TEST_FULL='' suite race . -race "${dirs[@]}"
	"$bin/skips" "$log/race.json"
}

# Every benchmark once, so that none rots. Its figures mean nothing here.
benchmarks() {
	local dirs=()
	mapfile -t dirs < <(grep -rl --include='*_test.go' --exclude-dir={testdata,tools} '^func Benchmark' . | xargs -r -n1 dirname | sort -u)
	[ ${#dirs[@]} -gt 0 ] || return 0
	if ! go test -run '^$' -bench . -benchtime 1x -timeout "$timeout" "${dirs[@]}" >"$log/bench.txt" 2>&1; then
		cat "$log/bench.txt"
		return 1
	fi
	echo "$(grep -c '^Benchmark' "$log/bench.txt") benchmarks ran once"
}

main
