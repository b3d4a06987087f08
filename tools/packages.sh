#!/usr/bin/env bash
# Installs the system packages that building and testing need, when one is
# missing and this is root on Debian or its kin. Otherwise it says what to
# install. With nothing missing it does nothing.
set -euo pipefail

# command: Debian package
needs=(
	g++:g++
	make:make
	soffice:libreoffice-calc # opens workbooks as a person does; make test-full
	curl:curl # speaks to the server as people do
	openssl:openssl # makes certificates as people do
	python3:python3 # reads exported CSV, JSON and XML with a library that is not ours
)

# make test-full also looks at the documentation page as a person does.
[ -z "${OUTTURN_TEST_FULL:-}" ] || needs+=(chromium:chromium)

# It also reads from a ClickHouse. Debian keeps its server out of the path of some.
[ -z "${OUTTURN_TEST_FULL:-}" ] || [ -x /usr/sbin/clickhouse-server ] || needs+=(clickhouse-server:clickhouse-server)

missing=()
for need in "${needs[@]}"; do
	command -v "${need%%:*}" >/dev/null || missing+=("${need#*:}")
done
# openpyxl reads our workbooks, and makes some that are read here. Debian's is for Debian's Python.
for python in python3 /usr/bin/python3 none; do
	"$python" -c 'import openpyxl' 2>/dev/null && break
done
[ "$python" != none ] || missing+=(python3-openpyxl)
# oauthlib signs requests to our server, as others' programs do.
/usr/bin/python3 -c 'import oauthlib' 2>/dev/null || missing+=(python3-oauthlib)
# Debian keeps PostgreSQL's server out of the path.
command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "Please install: ${missing[*]}" >&2
	exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# Tests start servers of their own; Debian's need not make one.
if [[ " ${missing[*]} " == *" postgresql "* ]] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
	mkdir -p /etc/postgresql-common
	echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
fi
apt-get update -q
apt-get install -q -y --no-install-recommends "${missing[@]}"
