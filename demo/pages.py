"""The web pages on the demo's data, with a worker: `make demo-pages`, after `make demo`.

usage: pages.py [PORT]     the port on 127.0.0.1; 8000 if not given
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("DEMO_DATA") or HERE / "data").absolute()
MANAGE = str(HERE / "manage.py")
USER = PASSWORD = "demo"


def main() -> None:
    if not (DATA / "demo.sqlite3").exists():
        sys.exit("There is no data yet: `make demo` loads it.")
    port = sys.argv[1] if len(sys.argv) > 1 else "8000"
    subprocess.run([sys.executable, MANAGE, "migrate", "--verbosity", "0"], check=True)
    # It may be there from the last time.
    subprocess.run(
        [sys.executable, MANAGE, "createsuperuser", "--noinput", "--email", "demo@example.org"],
        env=os.environ | {"DJANGO_SUPERUSER_USERNAME": USER, "DJANGO_SUPERUSER_PASSWORD": PASSWORD},
        capture_output=True,
        check=False,
    )
    worker = subprocess.Popen([sys.executable, MANAGE, "massmigration", "worker"])
    print(f"\nOpen http://127.0.0.1:{port}/ and log in as {USER!r}, password {PASSWORD!r}.")
    print("There: Forget..., then Run..., and watch it. Ctrl-C ends both processes.\n", flush=True)
    try:
        words = ["runserver", "--noreload", f"127.0.0.1:{port}"]
        subprocess.run([sys.executable, MANAGE, *words], check=False)
    except KeyboardInterrupt:
        pass
    finally:
        worker.terminate()
        worker.wait(20)


if __name__ == "__main__":
    main()
