"""Makes `valetkey._sync` from `valetkey._async`, so that both clients stay the same.

Usage: sync.py [--check]   with --check nothing is written, and a difference is an error
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "valetkey"

RULES = [
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bAwaitable\[([A-Za-z]+)\]", r"\1"),
    (r"\b__a(iter|enter|exit)__\b", r"__\1__"),
    (r"\ba(close|iter_bytes)\b", r"\1"),
    (r"\bhttpx\.AsyncClient\b", "httpx.Client"),
    (r"\bAsync([A-Z])", r"\1"),
    (r"\btasks\b", "threads"),
    (r"from collections\.abc import (.*)\bAwaitable(?:, )?", r"from collections.abc import \1"),
]


def _imports(text: str) -> str:
    """Drops names that are not needed any more from imports."""
    text = re.sub(r"^from collections\.abc import *\n", "", text, flags=re.M)
    return re.sub(r"^(from collections\.abc import .*?), *$", r"\1", text, flags=re.M)


def converted(text: str) -> str:
    """The text of a module for clients that block."""
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text)
    return _imports(text)


INTRODUCTION = '"""The client that blocks. Generated from `valetkey._async` by `scripts/sync.py`: change that."""\n'


def wanted() -> dict[Path, str]:
    """What every file must hold."""
    files = {}
    for source in sorted((PACKAGE / "_async").glob("*.py")):
        text = INTRODUCTION if source.name == "__init__.py" else converted(source.read_text(encoding="utf-8"))
        files[PACKAGE / "_sync" / source.name] = text
    return files


def main() -> int:
    """Writes or compares."""
    files = wanted()
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    stale += [path for path in (PACKAGE / "_sync").glob("*.py") if path not in files]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path} is not what scripts/sync.py makes", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        if path in files:
            path.write_text(files[path], encoding="utf-8")
        else:
            path.unlink()
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
