"""The known vulnerabilities of what zcasync pulls in: ``python -m tests.supply.audit PIP_AUDIT``.

Its exit code is 1 where there are any, and where ``pip-audit`` failed.  Where the service that
knows them cannot be reached nothing was audited; then a line says so, and the code is 0.
``pip-audit`` itself says "no known vulnerabilities" of packages that the service did not know, and
ends with the same code for those that it found and for a network that is down.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

from tests.supply.constraints import CONSTRAINTS

RUN_TIME = CONSTRAINTS / "run.txt"
OPTIONS = ["--disable-pip", "--format", "json", "--progress-spinner", "off"]
#: For one answer of the service.
ANSWER_SECONDS = 5
#: For all of them.
SECONDS = 60
#: The last words of pip-audit about a service that is out of reach.
UNREACHABLE = re.compile(
    r"^requests\.exceptions\.(?:Connection|Proxy)Error: .*"
    r"|^requests\.exceptions\.\w*Timeout: .*"
    r"|^requests\.exceptions\.HTTPError: 5\d\d .*"
    r"|.*Could not connect to PyPI.*",
    re.MULTILINE,
)


def audit(pip_audit: list[str], seconds: float = SECONDS) -> tuple[int, str]:
    """Return the exit code and what to print; of the packages that are needed at run time."""
    command = [*pip_audit, *OPTIONS, "--timeout", str(ANSWER_SECONDS), "--requirement", RUN_TIME]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return 0, _skipped(f"no answer within {seconds:g} seconds")
    if run.stdout:
        return _judged(json.loads(run.stdout)["dependencies"])
    why = UNREACHABLE.search(run.stderr)
    if why is not None:
        return 0, _skipped(why[0])
    return 1, f"pip-audit failed with {run.returncode}:\n{run.stderr}"


def _judged(packages: list[dict[str, Any]]) -> tuple[int, str]:
    """Return the exit code and what to print about pip-audit's report."""
    found = [
        f"{package['name']} {package['version']}: {one['id']}, "
        f"mended in {', '.join(one['fix_versions']) or 'no version'}"
        for package in packages
        for one in package.get("vulns", [])
    ]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if found:
        return 1, "\n".join(["known vulnerabilities of what zcasync pulls in:", *found])
    if len(unknown) == len(packages):
        return 0, _skipped("the service knows none of the packages")
    if unknown:
        return 1, f"the service does not know {', '.join(unknown)}: nobody would report about them"
    return 0, f"no known vulnerabilities in the {len(packages)} packages of {RUN_TIME.name}"


def _skipped(why: str) -> str:
    return f"SKIPPED: known vulnerabilities were not looked for: {why}"


if __name__ == "__main__":
    code, text = audit(sys.argv[1:])
    print(text)
    sys.exit(code)
