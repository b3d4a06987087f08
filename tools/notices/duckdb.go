package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// duckdbLibraries begins the modules that are nothing but DuckDB, compiled.
const duckdbLibraries = "github.com/duckdb/duckdb-go-bindings/lib/"

// duckdbParts holds what DuckDB's static libraries carry from others. It is
// written by hand: the modules have the compiled archives and one licence. An
// archive that is not here stops the generator, so that somebody looks.
var duckdbParts = []struct{ archive, part, licence string }{
	{"libduckdb_static", "", ""}, // DuckDB's own
	{"libduckdb_generated_extension_loader", "", ""},
	{"libautocomplete_extension", "", ""},
	{"libcore_functions_extension", "", ""},
	{"libjson_extension", "", ""},
	{"libparquet_extension", "", ""},

	{"libduckdb_fastpforlib", "FastPFor", "Apache-2.0"},
	{"libduckdb_fmt", "{fmt}", "MIT"},
	{"libduckdb_fsst", "FSST", "MIT"},
	{"libduckdb_hyperloglog", "HyperLogLog", "MIT"},
	{"libduckdb_jemalloc", "", ""}, // lies in the folder and is not linked
	{"libduckdb_mbedtls", "Mbed TLS", "Apache-2.0"},
	{"libduckdb_miniz", "miniz", "MIT"},
	{"libduckdb_pg_query", "libpg_query, PostgreSQL's parser", "BSD-3-Clause, PostgreSQL"},
	{"libduckdb_re2", "RE2", "BSD-3-Clause"},
	{"libduckdb_skiplistlib", "SkipList", "MIT"},
	{"libduckdb_utf8proc", "utf8proc", "MIT, Unicode"},
	{"libduckdb_yyjson", "yyjson", "MIT"},
	{"libduckdb_zstd", "Zstandard", "BSD-3-Clause"},
	{"libicu_extension", "ICU", "Unicode"},
	{"libtpcds_extension", "TPC-DS dsdgen", "TPC"},
	{"libtpch_extension", "TPC-H dbgen", "TPC"},

	{"", "Brotli", "MIT"},
	{"", "concurrentqueue", "BSD-2-Clause"},
	{"", "cpp-httplib", "MIT"},
	{"", "fast_float", "MIT"},
	{"", "jaro_winkler", "MIT"},
	{"", "LZ4", "BSD-2-Clause"},
	{"", "PCG", "MIT"},
	{"", "pdqsort", "Zlib"},
	{"", "ska_sort", "BSL-1.0"},
	{"", "Snappy", "BSD-3-Clause"},
	{"", "t-digest", "Apache-2.0"},
	{"", "Thrift", "Apache-2.0"},
	{"", "vergesort", "MIT"},
}

// knowAllArchives refuses a static library of DuckDB's that duckdbParts does
// not explain.
func knowAllArchives(modules []module) error {
	for _, m := range modules {
		if !strings.HasPrefix(m.path, duckdbLibraries) {
			continue
		}
		archives, err := filepath.Glob(filepath.Join(m.dir, "*.a"))
		if err != nil {
			return err
		}
		for _, file := range archives {
			if !knownArchive(strings.TrimSuffix(filepath.Base(file), ".a")) {
				return fmt.Errorf("%s %s: %s is new: say in tools/notices/duckdb.go what it is", m.path, m.version, filepath.Base(file))
			}
		}
	}
	return nil
}

func knownArchive(name string) bool {
	for _, p := range duckdbParts {
		if p.archive == name {
			return true
		}
	}
	return false
}

// duckdbVersion reads DuckDB's version from that of its bindings: v0.10505.0
// carries DuckDB 1.5.5.
func duckdbVersion(bindings string) string {
	m := bindingsVersion.FindStringSubmatch(bindings)
	if m == nil {
		return bindings
	}
	return "v" + strings.TrimLeft(m[1], "0") + "." + trimZero(m[2]) + "." + trimZero(m[3])
}

var bindingsVersion = regexp.MustCompile(`^v0\.(\d+)(\d\d)(\d\d)\.`)

func trimZero(two string) string { return strings.TrimPrefix(two, "0") }
