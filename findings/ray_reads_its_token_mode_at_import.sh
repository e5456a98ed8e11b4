#!/usr/bin/env bash
# Ray's driver reads RAY_AUTH_MODE when it is imported; its servers read it when they start. Set in between, the two differ.
#
# Versions: Ray 2.60.0, Python 3.11, Linux x86-64.
#
# RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH, the path of a file with a token, let only processes with that token talk
# to a cluster. A program that sets both before `import ray` starts a local cluster with `ray.init`. One that sets both
# after `import ray` and before `ray.init` does not: the environment reaches the servers, which ask for the token, and
# not the driver's own compiled part, which has read its mode already and sends none. After some 20 seconds `ray.init`
# ends with "Failed to start GCS", or with an AuthenticationError that says that the mode is 'disabled'.
#
# Why it matters: a program that imports Ray at the top of a module, and sets its environment in a function, cannot use a
# token of its own, and is told that the server did not start.
#
# Output:
#   set before import ray: works
#   set after import ray:  RuntimeError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet ray==2.60.0
cat > "$folder/start.py" <<'PYTHON'
import os
import secrets
import sys
import tempfile

folder = tempfile.mkdtemp(dir=sys.argv[2])
token = os.path.join(folder, "token")
with open(os.open(token, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
    file.write(secrets.token_hex(32))
settings = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": token}
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
if sys.argv[1] == "before":
    os.environ.update(settings)
import ray

if sys.argv[1] == "after":
    os.environ.update(settings)
try:
    ray.init(
        num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR",
        object_store_memory=100 * 2**20, _temp_dir=folder,
    )
    print("works" if ray.get(ray.remote(lambda: 1).remote()) == 1 else "another result")
except Exception as error:
    print(type(error).__name__)
finally:
    ray.shutdown()
PYTHON
before=$("$folder/venv/bin/python" "$folder/start.py" before "$folder" 2> /dev/null | tail -1)
after=$("$folder/venv/bin/python" "$folder/start.py" after "$folder" 2> /dev/null | tail -1)
echo "set before import ray: $before"
echo "set after import ray:  $after"
if [ "$before" != works ]; then
    echo "Different: a token that is set before the import no longer starts a cluster."
    exit 1
fi
if [ "$after" = works ] || [ -z "$after" ]; then
    echo "Different: a token that is set after the import is used now, or the program ends in another way."
    exit 1
fi
echo "As described."
