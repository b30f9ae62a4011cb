"""A throw-away Airflow home. Import this before anything of Airflow, which reads its settings at import."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

PROJECT = Path(__file__).parents[2]
HOME = Path(tempfile.mkdtemp(prefix="airflow-home-"))
DAGS_FOLDER = HOME / "dags"
DAGS_FOLDER.mkdir()
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

# Settings and connections of the developer's own Airflow must not reach the tests.
for name in [name for name in os.environ if name.startswith("AIRFLOW_")]:
    del os.environ[name]

os.environ.update(
    AIRFLOW_HOME=str(HOME),
    AIRFLOW__CORE__DAGS_FOLDER=str(DAGS_FOLDER),
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{HOME}/airflow.db",
    AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS="False",
    AIRFLOW__USAGE_DATA_COLLECTION__ENABLED="False",
)
