#!/usr/bin/env bash
# Fetches what the documentation page is made of and puts the few files it needs
# where the program embeds them. What is there already stays. Without npm the page
# says how to build it.
set -euo pipefail
cd "$(dirname "$0")/.."
from=tools/assets/node_modules/swagger-ui-dist
to=internal/api/assets/swagger

[ ! -e "$to/swagger-ui-bundle.js" ] || exit 0
if ! command -v npm >/dev/null; then
	echo "npm is not installed: the documentation page will say how to build it." >&2
	exit 0
fi
npm ci --prefix tools/assets --ignore-scripts --no-audit --no-fund
mkdir -p "$to"
cp "$from/swagger-ui.css" "$from/swagger-ui-bundle.js" "$from/LICENSE" "$to/"
