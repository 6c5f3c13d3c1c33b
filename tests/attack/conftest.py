"""The release that is watched, as the tests of `duri watch` have it."""

from tests.integration.conftest import home, shop

__all__ = ["home", "shop"]
