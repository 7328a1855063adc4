"""The machine on which something was measured, and the versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

import unidl
from unidl.backends import registry


def described() -> dict[str, Any]:
    """What somebody has to know to measure the same again."""
    packages = {name: version for name in _packages() if (version := _version(name))}
    return {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory": _memory(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {"unidl": unidl.__version__, **packages},
    }


def load() -> float:
    """How many processes wanted a processor in the last minute."""
    return os.getloadavg()[0]


def _packages() -> list[str]:
    needed = [package for entry in registry.entries().values() for package in (*entry.requires, *entry.owns)]
    return list(dict.fromkeys(["numpy", *needed]))


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _memory() -> int | None:
    """Bytes of the machine's memory, where the system says it."""
    names = os.sysconf_names if hasattr(os, "sysconf_names") else {}
    if "SC_PHYS_PAGES" not in names:
        return None
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
