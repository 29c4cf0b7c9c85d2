"""The whole diagnosis; the Python twin of `splade doctor`."""

from __future__ import annotations

import platform

from splade_cli import __version__
from splade_cli.cores import available_threads
from splade_cli.doctor.caches import cache_findings
from splade_cli.doctor.computing import engine_findings, kernel_findings, model_findings, torch_findings
from splade_cli.doctor.findings import Finding
from splade_cli.doctor.packages import extra_findings, package_findings


def diagnose() -> list[Finding]:
    """Everything that can be found out in seconds: nothing is downloaded, compiled or written."""
    machine = f"{platform.system()} {platform.machine()}, {available_threads()} cores"
    found = [Finding("splade", "ok", f"{__version__}, Python {platform.python_version()} on {machine}")]
    found += package_findings()
    computing = torch_findings()
    found += computing
    if all(one.state == "ok" for one in computing):
        found += kernel_findings()
    found += engine_findings()
    found += model_findings()
    found += cache_findings()
    found += extra_findings()
    return found
