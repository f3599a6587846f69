"""How the package is built: by setuptools, with two things said that pyproject.toml has no words for.

The sdist holds what MANIFEST.in in this folder lists, the tests and all that they read. And a wheel is built from
nothing: setuptools leaves its copies in build/lib, from where a module that was deleted would come back.
"""

import shutil

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403
from setuptools.command.egg_info import manifest_maker

manifest_maker.template = ".ci/MANIFEST.in"


def build_wheel(*arguments, **settings):
    """As setuptools does it (PEP 517), without what an earlier build has left."""
    shutil.rmtree("build/lib", ignore_errors=True)
    return build_meta.build_wheel(*arguments, **settings)
