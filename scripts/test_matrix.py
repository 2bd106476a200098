"""Run the tests on each supported Django, on the Python that it is paired with.

Where that Python is not found another that this Django supports takes its place, and where there is
none the pair is left out; both are said loudly. Arguments go to pytest.
"""

from __future__ import annotations

import subprocess
import sys

from setup_env import ROOT, install, pythons

# Django, its Python here, the others that it supports.
MATRIX = [
    ("4.2", "3.10", ["3.11", "3.12"]),
    ("5.2", "3.11", ["3.10", "3.12", "3.13", "3.14"]),
    ("6.0", "3.12", ["3.13", "3.14"]),
    ("6.1", "3.13", ["3.12", "3.14"]),
]


def main() -> None:
    found = pythons()
    print(f"Pythons found: {', '.join(found) or 'none'}", flush=True)
    results: list[tuple[str, str]] = []
    for django, wanted, others in MATRIX:
        python = next((version for version in [wanted, *others] if version in found), None)
        if python is None:
            text = (
                f"NOT TESTED: Django {django}: no Python {wanted} (nor {', '.join(others)}) found"
            )
            print(f"\n!!! {text}", flush=True)
            results.append((text, ""))
            continue
        label = f"Django {django} on Python {python}"
        if python != wanted:
            label += f" (PYTHON {wanted} WAS NOT FOUND)"
        print(f"\n=== {label}", flush=True)
        venv = ROOT / f".venv-django{django}"
        extras = ["test"] if django == "4.2" else ["test", "queues"]
        program = install(venv, extras, python=python, django=django)
        words = [program, "-m", "pytest", "-n", "2", "-m", "not slow", *sys.argv[1:]]
        status = subprocess.run(words, cwd=ROOT, check=False).returncode
        results.append((label, "passed" if status == 0 else f"FAILED ({status})"))
    print("\n=== Matrix")
    for label, outcome in results:
        print(f"{label}: {outcome}" if outcome else label)
    if any(outcome.startswith("FAILED") for _, outcome in results):
        sys.exit(1)
    if not any(outcome for _, outcome in results):
        sys.exit("Nothing was tested.")


if __name__ == "__main__":
    main()
