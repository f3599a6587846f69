"""How the package is built: by setuptools, with three things said that pyproject.toml has no words for.

The sdist holds what MANIFEST.in in this folder lists, the tests and all that they read. A wheel is built from nothing:
setuptools leaves its copies in build/lib, from where a module that was deleted would come back. And where
pyproject.toml names a Repository among its urls, README's links lead there from a package index.
"""

import shutil

from readme_links import absolute
from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403
from setuptools.command.egg_info import manifest_maker
from setuptools.dist import Distribution

manifest_maker.template = ".ci/MANIFEST.in"


read = Distribution.parse_config_files


def read_and_link(self, *arguments, **settings):
    """As setuptools reads pyproject.toml, and then README's links made absolute."""
    read(self, *arguments, **settings)
    if repository := (self.metadata.project_urls or {}).get("Repository"):
        self.metadata.long_description = absolute(self.metadata.long_description, repository)


Distribution.parse_config_files = read_and_link


def build_wheel(*arguments, **settings):
    """As setuptools does it (PEP 517), without what an earlier build has left."""
    shutil.rmtree("build/lib", ignore_errors=True)
    return build_meta.build_wheel(*arguments, **settings)
