"""What MkDocs adds to the pages: the version, the files of the project's root, and links to files outside docs/."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

PROJECT = Path(__file__).resolve().parents[2]
#: Pages that live in the project's root, where forges look for them.
FROM_ROOT = {"contributing.md": "CONTRIBUTING.md", "security.md": "SECURITY.md", "changelog.md": "CHANGELOG.md"}
LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)(?P<path>[^)#\s]+)")


def on_config(config: MkDocsConfig) -> None:
    """Name the package's version in the title of every page."""
    init = (PROJECT / "airflow_provider_linkedin_capi" / "__init__.py").read_text()
    [version] = re.findall(r'^__version__ = "(.+)"$', init, re.MULTILINE)
    config.extra["package_version"] = version
    config.site_name = f"{config.site_name} {version}"


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages of the project's root."""
    for page, source in FROM_ROOT.items():
        content = LINK.sub(lambda match: _from_docs(match["path"]), (PROJECT / source).read_text())
        files.append(File.generated(config, page, content=content))


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, **_: Any) -> str:
    """Lead links that leave docs/ to the page made of the file, or to the file in the repository."""
    folder = (PROJECT / "docs" / page.file.src_uri).parent

    def lead(match: re.Match[str]) -> str:
        target = (folder / match["path"]).resolve()
        if target.is_relative_to(PROJECT / "docs") or not target.is_relative_to(PROJECT):
            return match["path"]
        path = target.relative_to(PROJECT).as_posix()
        for made, source in FROM_ROOT.items():
            if path == source:
                return "../" * page.file.src_uri.count("/") + made
        return f"{config.repo_url}/blob/main/{path}"

    return LINK.sub(lead, markdown)


def _from_docs(path: str) -> str:
    """Return a path relative to the project's root as one relative to docs/."""
    return path.removeprefix("docs/") if path.startswith("docs/") else f"../{path}"
